#pragma once  // orchestrator/app/bench/child.h

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <tl/expected.hpp>

namespace weft::app::bench {

/// What a process has used so far, as /proc tells it.
struct ProcessUse {
  double cpu_seconds = 0;          ///< All of its threads, user and system.
  std::int64_t bytes_written = 0;  ///< To storage; 0 where the kernel does not say.
  std::int64_t rss_bytes = 0;
};
[[nodiscard]] ProcessUse use_of(pid_t pid);

/// How often the device under `folder` was told to write its cache out, by anybody; -1 where the
/// kernel does not say. A sync that the device never hears of is no sync.
[[nodiscard]] std::int64_t device_flushes(const std::string& folder);

/// A program that is measured. It ends with this object, and with this process however that ends.
class Child final {
 public:
  /// Starts `command` and waits until it prints a line that begins with `ready`. `log`: a file for
  /// what it says on stderr. The error says what to do.
  [[nodiscard]] static tl::expected<std::unique_ptr<Child>, std::string> start(
      const std::vector<std::string>& command, const std::string& log, const std::string& ready,
      std::chrono::seconds within);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// The line it said it was ready with.
  [[nodiscard]] const std::string& ready_line() const { return ready_line_; }
  /// True while it runs.
  [[nodiscard]] bool runs();
  /// SIGTERM, and SIGKILL if it has not ended in time.
  void stop();
  /// As a power cut would: nothing is tidied up.
  void kill_at_once();

 private:
  explicit Child(pid_t pid, int out) : pid_(pid), out_(out) {}
  [[nodiscard]] bool read_ready_line(const std::string& ready, std::chrono::seconds within);
  pid_t pid_;
  int out_;
  std::string ready_line_;
};

}  // namespace weft::app::bench
