#pragma once  // examples/retail/process.h

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

namespace weft::retail {

/// One program that the story runs: started, watched, and stopped by its own process id. Its output
/// goes to a file, so that it can be left running. One thread uses a Child.
class Child final {
 public:
  struct Program {
    std::string name;
    std::vector<std::string> command;  ///< Absolute path first.
    std::filesystem::path log;         ///< Standard output and error, appended.
    /// The system ends it together with the thread that started it, so that not even a kill of the
    /// story leaves a program behind. False: it may be left running.
    bool ends_with_us = true;
  };
  [[nodiscard]] static tl::expected<std::unique_ptr<Child>, std::string> start(Program program);
  /// Stops it if it still runs and was not let go.
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// The first line that it writes with `mark` in it. An error says that it ended or stayed silent
  /// for `patience`, with its last words.
  [[nodiscard]] tl::expected<std::string, std::string> wait_for_line(
      const std::string& mark, std::chrono::milliseconds patience);
  /// SIGKILL, and waits until it is gone.
  void kill_now();
  /// SIGTERM; after `patience`, SIGKILL. Its exit status, negative for a signal.
  int stop(std::chrono::milliseconds patience);
  /// The destructor will leave it running.
  void let_go() { let_go_ = true; }

  [[nodiscard]] bool running();
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] const std::string& name() const { return program_.name; }
  [[nodiscard]] std::string last_words() const;

 private:
  explicit Child(Program program) : program_(std::move(program)) {}
  bool wait_for_end(std::chrono::milliseconds patience);

  Program program_;
  pid_t pid_ = -1;
  std::uintmax_t log_start_ = 0;  // Where this run's output begins.
  bool let_go_ = false;
  std::optional<int> status_;  // Once it ended.
};

/// Ends every Child of this process that still runs, at once. From any thread; for a process that
/// is about to end itself.
void kill_all_children();

/// What a command that ran to its end wrote, and its exit status.
struct Finished {
  int status = 0;
  std::string output;
};
[[nodiscard]] tl::expected<Finished, std::string> run(const std::vector<std::string>& command);

}  // namespace weft::retail
