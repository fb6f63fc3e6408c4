#pragma once  // tests/support/child_process.h

#include <sys/types.h>

#include <string>
#include <vector>

namespace weft::test {

/// A program that the test started; killed by its pid at the end if it still runs.
class ChildProcess final {
 public:
  /// Starts `words[0]` with its standard output and error going to the file `output`.
  ChildProcess(const std::vector<std::string>& words, std::string output);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  void signal(int number);
  /// Waits for the end: the exit code, or 128 + the signal that ended it.
  int wait();
  [[nodiscard]] bool running();
  /// What it has written so far.
  [[nodiscard]] std::string output() const;

 private:
  std::string output_;
  pid_t pid_ = -1;
  int exit_ = 0;
};

}  // namespace weft::test
