#include "tests/system/process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

extern char** environ;

namespace weft::test {
namespace {

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string new_file() {
  std::string path = (std::filesystem::temp_directory_path() / "weft-test-XXXXXX").string();
  const int fd = mkstemp(path.data());
  if (fd >= 0) close(fd);
  return path;
}

}  // namespace

void pause_between_looks() { std::this_thread::sleep_for(std::chrono::milliseconds(10)); }

Process::Process(const std::vector<std::string>& command,
                 const std::map<std::string, std::string>& environment, const std::string& folder)
    : out_path_(new_file()), err_path_(new_file()) {
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  std::vector<std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (environment.count(text.substr(0, text.find('='))) == 0) variables.push_back(text);
  }
  for (const auto& [name, value] : environment) variables.push_back(name + "=" + value);
  std::vector<char*> envp;
  for (std::string& variable : variables) envp.push_back(variable.data());
  envp.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, out_path_.c_str(), O_WRONLY | O_APPEND, 0600);
  posix_spawn_file_actions_addopen(&actions, 2, err_path_.c_str(), O_WRONLY | O_APPEND, 0600);
  if (!folder.empty()) posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
  const int failed = posix_spawnp(&pid_, argv[0], &actions, nullptr, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) throw std::runtime_error("cannot start " + command.front());
}

Process::~Process() {
  if (!ended()) {
    kill(pid_, SIGKILL);
    waitpid(pid_, &status_, 0);
  }
  std::error_code ignored;
  std::filesystem::remove(out_path_, ignored);
  std::filesystem::remove(err_path_, ignored);
}

void Process::signal(int number) const { kill(pid_, number); }

bool Process::ended() {
  if (!reaped_ && waitpid(pid_, &status_, WNOHANG) == pid_) reaped_ = true;
  return reaped_;
}

Finished Process::wait(std::chrono::seconds at_most) {
  Finished finished;
  if (eventually([this] { return ended(); }, at_most)) {
    finished.exit_code = WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
  }
  finished.out = out();
  finished.err = err();
  return finished;
}

std::string Process::wait_for_line(std::string_view beginning, std::chrono::seconds at_most) {
  std::string found;
  const auto look = [&] {
    std::istringstream lines(out());
    for (std::string line; std::getline(lines, line);) {
      if (line.rfind(beginning, 0) == 0) found = line;
    }
    return !found.empty();
  };
  const bool seen = eventually([&] { return look() || ended(); }, at_most);
  if (seen && found.empty()) look();  // Its last words.
  return found;
}

std::string Process::out() const { return content(out_path_); }
std::string Process::err() const { return content(err_path_); }

Finished run_program(const std::vector<std::string>& command,
                     const std::map<std::string, std::string>& environment,
                     const std::string& folder) {
  return Process(command, environment, folder).wait();
}

std::string program(std::string_view name) {
  return std::string(WEFT_BINARY_DIR) + "/bin/" + std::string(name);
}

Folder::Folder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "weft-test-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no folder for the test");
  path_ = pattern;
}

Folder::~Folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string Folder::path(std::string_view name) const {
  return name.empty() ? path_ : path_ + "/" + std::string(name);
}

void Folder::write(std::string_view name, std::string_view text) const {
  const std::filesystem::path file = path(name);
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << text;
}

}  // namespace weft::test
