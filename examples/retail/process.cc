#include "examples/retail/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <mutex>
#include <set>
#include <utility>

namespace weft::retail {
namespace {

using Clock = std::chrono::steady_clock;

std::string system_error(const std::string& what) {
  return what + ": " + std::strerror(errno);  // NOLINT(concurrency-mt-unsafe): one thread starts.
}

int milliseconds_until(Clock::time_point end) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
  return left < 0 ? 0 : static_cast<int>(left);
}

int status_of(int raw) { return WIFEXITED(raw) ? WEXITSTATUS(raw) : -WTERMSIG(raw); }

// Between fork and exec only calls that are safe there; so the words are made before.
std::vector<char*> argument_pointers(const std::vector<std::string>& command) {
  std::vector<char*> pointers;
  for (const auto& word : command) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// The story blocks signals that it waits for; a child must not inherit that.
void clear_signal_mask() {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

// Who runs, for kill_all_children(). A pid leaves the list before it may be given to another.
class Register final {
 public:
  void add(pid_t pid) {
    const std::lock_guard lock(mutex_);
    pids_.insert(pid);
  }
  // Asks for the end of `pid` under the lock, so that nobody signals a pid that is free again.
  pid_t reap(pid_t pid, int* raw) {
    const std::lock_guard lock(mutex_);
    const pid_t ended = waitpid(pid, raw, WNOHANG);
    if (ended == pid) pids_.erase(pid);
    return ended;
  }
  void kill_all() {
    const std::lock_guard lock(mutex_);
    for (const pid_t pid : pids_) kill(pid, SIGKILL);
  }

 private:
  std::mutex mutex_;
  std::set<pid_t> pids_;
};

Register& children() {
  static Register list;
  return list;
}

class Descriptor final {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

tl::expected<std::unique_ptr<Child>, std::string> Child::start(Program program) {
  auto child = std::unique_ptr<Child>(new Child(std::move(program)));
  const auto& command = child->program_.command;
  if (access(command.front().c_str(), X_OK) != 0) {
    return tl::unexpected(system_error(command.front()));
  }
  std::error_code ignored;
  std::filesystem::create_directories(child->program_.log.parent_path(), ignored);
  const Descriptor log(
      open(child->program_.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (log.get() < 0) return tl::unexpected(system_error(child->program_.log.string()));
  child->log_start_ = std::filesystem::file_size(child->program_.log, ignored);

  const auto arguments = argument_pointers(command);
  const bool ends_with_us = child->program_.ends_with_us;
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) return tl::unexpected(system_error("fork"));
  if (pid == 0) {
    // Its own group: a Ctrl-C at the terminal reaches the story alone, which stops all in order.
    setpgid(0, 0);
    if (ends_with_us) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (getppid() != parent) _exit(127);  // The story died before the line above.
    }
    clear_signal_mask();
    dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
    dup2(log.get(), STDOUT_FILENO);
    dup2(log.get(), STDERR_FILENO);
    execv(arguments.front(), arguments.data());
    _exit(127);
  }
  child->pid_ = pid;
  children().add(pid);
  return child;
}

Child::~Child() {
  if (!let_go_ && running()) stop(std::chrono::seconds(10));
}

bool Child::running() {
  if (status_) return false;
  int raw = 0;
  if (children().reap(pid_, &raw) == pid_) status_ = status_of(raw);
  return !status_;
}

bool Child::wait_for_end(std::chrono::milliseconds patience) {
  const auto end = Clock::now() + patience;
  const Descriptor handle(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
  while (running()) {
    const int left = milliseconds_until(end);
    if (left == 0) return false;
    pollfd watched{handle.get(), POLLIN, 0};
    // A kernel without process handles is asked again and again instead.
    if (handle.get() >= 0) {
      poll(&watched, 1, left);
    } else {
      poll(nullptr, 0, std::min(left, 20));
    }
  }
  return true;
}

void Child::kill_now() {
  if (!running()) return;
  kill(pid_, SIGKILL);
  wait_for_end(std::chrono::minutes(1));
}

int Child::stop(std::chrono::milliseconds patience) {
  if (running()) {
    kill(pid_, SIGTERM);
    if (!wait_for_end(patience)) kill_now();
  }
  return status_.value_or(-SIGKILL);
}

std::string Child::last_words() const {
  std::ifstream in(program_.log, std::ios::binary);
  in.seekg(static_cast<std::streamoff>(log_start_));
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  constexpr std::size_t kTail = 1500;
  return text.size() <= kTail ? text : text.substr(text.size() - kTail);
}

tl::expected<std::string, std::string> Child::wait_for_line(const std::string& mark,
                                                            std::chrono::milliseconds patience) {
  const auto end = Clock::now() + patience;
  const Descriptor watch(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  inotify_add_watch(watch.get(), program_.log.c_str(), IN_MODIFY);
  while (true) {
    const bool alive = running();  // Asked first: its last line may come just before its end.
    std::ifstream in(program_.log, std::ios::binary);
    in.seekg(static_cast<std::streamoff>(log_start_));
    std::string line;
    while (std::getline(in, line)) {
      if (!in.eof() && line.find(mark) != std::string::npos) return line;
    }
    if (!alive) {
      return tl::unexpected(name() + " ended with status " + std::to_string(*status_) + ":\n" +
                            last_words());
    }
    const int left = milliseconds_until(end);
    if (left == 0) return tl::unexpected(name() + " did not become ready:\n" + last_words());
    pollfd watched{watch.get(), POLLIN, 0};
    // Its end makes no file event, so look at least twice a second.
    poll(&watched, 1, std::min(left, 500));
    char events[4096];
    while (read(watch.get(), events, sizeof events) > 0) {
    }
  }
}

void kill_all_children() { children().kill_all(); }

tl::expected<Finished, std::string> run(const std::vector<std::string>& command) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return tl::unexpected(system_error("pipe"));
  const Descriptor out(ends[0]);
  pid_t pid = 0;
  {
    const Descriptor in(ends[1]);
    const auto arguments = argument_pointers(command);
    pid = fork();
    if (pid < 0) return tl::unexpected(system_error("fork"));
    if (pid == 0) {
      clear_signal_mask();
      dup2(in.get(), STDOUT_FILENO);
      dup2(in.get(), STDERR_FILENO);
      execv(arguments.front(), arguments.data());
      _exit(127);
    }
  }
  Finished finished;
  char buffer[8192];
  ssize_t count = 0;
  while ((count = read(out.get(), buffer, sizeof buffer)) > 0 || (count < 0 && errno == EINTR)) {
    if (count > 0) finished.output.append(buffer, static_cast<std::size_t>(count));
  }
  int raw = 0;
  while (waitpid(pid, &raw, 0) < 0 && errno == EINTR) {
  }
  finished.status = status_of(raw);
  return finished;
}

}  // namespace weft::retail
