#pragma once  // dsl/reporter.h

#include <cstddef>
#include <string>
#include <vector>

#include "dsl/diagnostic.h"

namespace weft::dsl {

/// In reading order.
[[nodiscard]] inline bool before(Position a, Position b) {
  return a.line < b.line || (a.line == b.line && a.column < b.column);
}

/// Gathers the findings about one file. A hostile file could earn a finding per byte, so what
/// goes beyond kFindingsMax is only counted. Not for several threads.
class Reporter final {
 public:
  static constexpr std::size_t kFindingsMax = 200;

  Reporter(std::string file, std::vector<Diagnostic>& out) : file_(std::move(file)), out_(out) {}

  /// `message`: what is wrong; `instead`: what to write, may be empty.
  void error(Position at, std::string rule, std::string message, std::string instead = {});
  void warning(Position at, std::string rule, std::string message, std::string instead = {});
  void note(Position at, std::string rule, std::string message, std::string instead = {});

  [[nodiscard]] const std::string& file() const { return file_; }
  [[nodiscard]] std::size_t errors() const { return errors_; }
  /// Errors of the text's form (rules `yaml.*` and `form.*`): with one of them the meaning of the
  /// file is not looked at, because what follows from a misspelt key would only distract.
  [[nodiscard]] std::size_t form_errors() const { return form_errors_; }
  /// Further findings are only counted: no need to work out what to say.
  [[nodiscard]] bool full() const { return findings_ >= kFindingsMax; }

 private:
  void add(Diagnostic::Severity severity, Position at, std::string rule, std::string message,
           std::string instead);

  std::string file_;
  std::vector<Diagnostic>& out_;
  std::size_t findings_ = 0;
  std::size_t errors_ = 0;
  std::size_t form_errors_ = 0;
};

}  // namespace weft::dsl
