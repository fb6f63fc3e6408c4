#include "orchestrator/app/nats_child.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <thread>

#include "dsl/value.h"
#include "orchestrator/app/signals.h"

namespace weft::app {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kStartWithin{15};
constexpr int kExitNotFound = 127;  // As the shell says it.

/// The client address in the ports file that the server writes once it listens; empty: not yet.
std::string announced(const fs::path& ports_file) {
  std::ifstream file(ports_file);
  std::ostringstream text;
  text << file.rdbuf();
  const auto ports = dsl::Value::parse(std::move(text).str());
  if (!ports) return {};
  const dsl::Value* nats = ports->find("nats");
  if (nats == nullptr || !nats->is_array() || nats->size() == 0) return {};
  const dsl::Value& first = nats->as_array().front();
  return first.is_string() ? first.as_string() : std::string();
}

}  // namespace

tl::expected<std::unique_ptr<NatsChild>, std::string> NatsChild::start(const std::string& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return tl::unexpected(folder + ": " + error.message());
  const std::string log = folder + "/nats.log";
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) return tl::unexpected<std::string>("no process can be started");
  if (pid == 0) {
    // Ends with the parent, also if that is killed; looked at once more, in case it is gone by now.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    Signals::unblock();
    // Its own group: Ctrl-C is for us, and we end it when our work is stored.
    setpgid(0, 0);
    const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (out >= 0) {
      dup2(out, STDOUT_FILENO);
      dup2(out, STDERR_FILENO);
    }
    execlp("nats-server", "nats-server", "-a", "127.0.0.1", "-p", "-1", "-js", "-sd",
           folder.c_str(), "--ports_file_dir", folder.c_str(), static_cast<char*>(nullptr));
    _exit(kExitNotFound);
  }
  const fs::path ports = folder + "/nats-server_" + std::to_string(pid) + ".ports";
  auto child = std::unique_ptr<NatsChild>(new NatsChild(pid, {}));
  const auto end = std::chrono::steady_clock::now() + kStartWithin;
  while (std::chrono::steady_clock::now() < end) {
    int status = 0;
    if (waitpid(pid, &status, WNOHANG) == pid) {
      child->pid_ = 0;
      return tl::unexpected(WIFEXITED(status) && WEXITSTATUS(status) == kExitNotFound
                                ? std::string("nats-server was not found; install it: apt-get "
                                              "install nats-server")
                                : "nats-server ended at once; see " + log);
    }
    child->url_ = announced(ports);
    if (!child->url_.empty()) {
      fs::remove(ports, error);
      return child;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return tl::unexpected("nats-server did not listen in time; see " + log);
}

NatsChild::~NatsChild() {
  if (pid_ <= 0) return;
  kill(pid_, SIGTERM);
  int status = 0;
  waitpid(pid_, &status, 0);
}

}  // namespace weft::app
