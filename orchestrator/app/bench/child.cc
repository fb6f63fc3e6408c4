#include "orchestrator/app/bench/child.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <sstream>
#include <thread>

#include "orchestrator/app/signals.h"

namespace weft::app::bench {
namespace {

using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

constexpr std::chrono::seconds kStopWithin{40};  // Longer than the drain of `weft serve`.
constexpr int kExitNotFound = 127;               // As the shell says it.

std::string whole_file(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

}  // namespace

ProcessUse use_of(pid_t pid) {
  ProcessUse use;
  const std::string folder = "/proc/" + std::to_string(pid);
  const std::string stat = whole_file(folder + "/stat");
  // The name in parentheses may hold blanks; the fields after it do not. utime and stime are the
  // 14th and 15th of all, rss the 24th.
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return use;
  std::istringstream fields(stat.substr(name_end + 1));
  std::string field;
  double ticks = 0;
  for (int number = 3; fields >> field; ++number) {
    if (number == 14 || number == 15) ticks += std::stod(field);
    if (number == 24) use.rss_bytes = std::stoll(field) * sysconf(_SC_PAGESIZE);
  }
  use.cpu_seconds = ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
  std::istringstream io(whole_file(folder + "/io"));
  for (std::string name; io >> name >> field;) {
    if (name == "write_bytes:") use.bytes_written = std::stoll(field);
  }
  return use;
}

std::int64_t device_flushes(const std::string& folder) {
  struct stat facts {};
  if (stat(folder.c_str(), &facts) != 0) return -1;
  std::ifstream disks("/proc/diskstats");
  for (std::string line; std::getline(disks, line);) {
    std::istringstream fields(line);
    unsigned major_number = 0, minor_number = 0;
    std::string name;
    fields >> major_number >> minor_number >> name;
    if (makedev(major_number, minor_number) != facts.st_dev) continue;
    std::int64_t value = -1;
    // The 16th number after the name counts flushes (Linux 5.5 and later).
    for (int number = 1; number <= 16; ++number) {
      if (!(fields >> value)) return -1;
    }
    return value;
  }
  return -1;
}

tl::expected<std::unique_ptr<Child>, std::string> Child::start(
    const std::vector<std::string>& command, const std::string& log, const std::string& ready,
    std::chrono::seconds within) {
  int pipes[2];
  if (pipe2(pipes, O_CLOEXEC) != 0) return tl::unexpected<std::string>("no pipe can be made");
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) {
    ::close(pipes[0]);
    ::close(pipes[1]);
    return tl::unexpected<std::string>("no process can be started");
  }
  if (pid == 0) {
    // Ends with the parent, also if that is killed; looked at once more, in case it is gone by now.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    Signals::unblock();
    setpgid(0, 0);  // Ctrl-C is for us: the children end when we tell them.
    dup2(pipes[1], STDOUT_FILENO);
    const int err = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (err >= 0) dup2(err, STDERR_FILENO);
    std::vector<char*> arguments;
    for (const std::string& argument : command) {
      arguments.push_back(const_cast<char*>(argument.c_str()));
    }
    arguments.push_back(nullptr);
    execvp(arguments[0], arguments.data());
    _exit(kExitNotFound);
  }
  ::close(pipes[1]);
  auto child = std::unique_ptr<Child>(new Child(pid, pipes[0]));
  if (!child->read_ready_line(ready, within)) {
    const std::string said = whole_file(log);
    return tl::unexpected(command.front() + (command.size() > 1 ? " " + command[1] : "") +
                          " did not become ready" + (said.empty() ? "" : "; it said: ") +
                          said.substr(said.size() > 800 ? said.size() - 800 : 0));
  }
  return child;
}

bool Child::read_ready_line(const std::string& ready, std::chrono::seconds within) {
  const auto end = Steady::now() + within;
  std::string text;
  for (;;) {
    const auto left = std::chrono::duration_cast<milliseconds>(end - Steady::now());
    pollfd waiting{out_, POLLIN, 0};
    if (left.count() <= 0 || poll(&waiting, 1, static_cast<int>(left.count())) < 0) return false;
    char bytes[512];
    const ssize_t got = ::read(out_, bytes, sizeof bytes);
    if (got <= 0) return false;
    text.append(bytes, static_cast<std::size_t>(got));
    for (std::size_t newline; (newline = text.find('\n')) != std::string::npos;) {
      const std::string line = text.substr(0, newline);
      text.erase(0, newline + 1);
      if (line.rfind(ready, 0) == 0) {
        ready_line_ = line;
        return true;
      }
    }
  }
}

bool Child::runs() {
  if (pid_ > 0 && waitpid(pid_, nullptr, WNOHANG) != 0) pid_ = 0;  // Its number may be reused.
  return pid_ > 0;
}

void Child::stop() {
  if (pid_ <= 0) return;
  kill(pid_, SIGTERM);
  const auto end = Steady::now() + kStopWithin;
  while (Steady::now() < end) {
    if (waitpid(pid_, nullptr, WNOHANG) != 0) {
      pid_ = 0;
      return;
    }
    std::this_thread::sleep_for(milliseconds(5));
  }
  kill_at_once();
}

void Child::kill_at_once() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

Child::~Child() {
  stop();
  ::close(out_);
}

}  // namespace weft::app::bench
