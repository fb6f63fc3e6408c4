#pragma once  // tests/system/process.h

#include <sys/types.h>

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace weft::test {

/// What a finished program left.
struct Finished {
  int exit_code = -1;  ///< 128 + signal if it was killed.
  std::string out, err;
};

/// A program that runs beside the test. Its output goes to files, so it never waits for a reader.
class Process final {
 public:
  /// `environment`: set in addition to the test's own.
  Process(const std::vector<std::string>& command,
          const std::map<std::string, std::string>& environment = {},
          const std::string& folder = {});
  /// Kills it if it still runs.
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  void signal(int number) const;
  /// Waits for its end.
  [[nodiscard]] Finished wait(std::chrono::seconds at_most = std::chrono::seconds(60));
  /// Waits for a line on stdout that begins like this, and returns it; empty if the program ended
  /// or the time passed before.
  [[nodiscard]] std::string wait_for_line(std::string_view beginning,
                                          std::chrono::seconds at_most = std::chrono::seconds(60));
  [[nodiscard]] std::string out() const;
  [[nodiscard]] std::string err() const;

 private:
  [[nodiscard]] bool ended();
  pid_t pid_ = -1;
  int status_ = 0;
  bool reaped_ = false;
  std::string out_path_, err_path_;
};

/// Runs a program to its end.
[[nodiscard]] Finished run_program(const std::vector<std::string>& command,
                                   const std::map<std::string, std::string>& environment = {},
                                   const std::string& folder = {});

/// Whether a program's output has this part.
[[nodiscard]] inline bool contains(std::string_view output, std::string_view part) {
  return output.find(part) != std::string_view::npos;
}

/// The built program, e.g. "weft".
[[nodiscard]] std::string program(std::string_view name);

/// A folder of its own that is removed with this object.
class Folder final {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string path(std::string_view name = {}) const;
  void write(std::string_view name, std::string_view text) const;

 private:
  std::string path_;
};

/// Asks `condition` again and again until it holds; false if it does not in time.
template <class Condition>
[[nodiscard]] bool eventually(Condition condition,
                              std::chrono::seconds at_most = std::chrono::seconds(60));

void pause_between_looks();

template <class Condition>
bool eventually(Condition condition, std::chrono::seconds at_most) {
  const auto end = std::chrono::steady_clock::now() + at_most;
  for (;;) {
    if (condition()) return true;
    if (std::chrono::steady_clock::now() > end) return false;
    pause_between_looks();
  }
}

}  // namespace weft::test
