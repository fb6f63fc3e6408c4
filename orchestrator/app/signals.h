#pragma once  // orchestrator/app/signals.h

#include <chrono>

namespace weft::app {

/// SIGTERM and SIGINT as something to wait for. Make it before any thread is started: they inherit
/// that these signals are blocked. SIGPIPE is ignored: a reader that went away is an error code.
class Signals final {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  enum class Woken { kSignal, kOther, kTime };
  /// Waits for a signal, for `other_fd` to become readable (-1: none), or for the time to pass
  /// (negative: never). A signal is taken by this call.
  [[nodiscard]] Woken wait(int other_fd, std::chrono::milliseconds at_most);

  /// What a child process must call before exec: it would inherit the blocked signals.
  static void unblock();

 private:
  int fd_ = -1;
};

}  // namespace weft::app
