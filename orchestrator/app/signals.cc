#include "orchestrator/app/signals.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

namespace weft::app {
namespace {

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

Signals::Signals() {
  const sigset_t set = stop_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  fd_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

Signals::~Signals() {
  if (fd_ >= 0) ::close(fd_);
}

Signals::Woken Signals::wait(int other_fd, std::chrono::milliseconds at_most) {
  const auto end = std::chrono::steady_clock::now() + at_most;
  for (;;) {
    std::array<pollfd, 2> fds{{{fd_, POLLIN, 0}, {other_fd, POLLIN, 0}}};
    int timeout = -1;
    if (at_most.count() >= 0) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          end - std::chrono::steady_clock::now());
      timeout = static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1'000'000'000));
    }
    const int ready = poll(fds.data(), other_fd >= 0 ? 2 : 1, timeout);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return Woken::kTime;
    signalfd_siginfo info{};
    if ((fds[0].revents & POLLIN) != 0 && ::read(fd_, &info, sizeof(info)) == sizeof(info)) {
      return Woken::kSignal;
    }
    if ((fds[1].revents & (POLLIN | POLLHUP | POLLERR)) != 0) return Woken::kOther;
  }
}

void Signals::unblock() {
  const sigset_t set = stop_signals();
  sigprocmask(SIG_UNBLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_DFL);
}

}  // namespace weft::app
