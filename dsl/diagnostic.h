#pragma once  // dsl/diagnostic.h

#include <string>
#include <string_view>
#include <vector>

namespace weft::dsl {

/// A place in a file; line and column count from 1, in characters. 0 = no place known.
struct Position {
  int line = 0;
  int column = 0;
  friend bool operator==(const Position&, const Position&) = default;
};

/// One finding about a definition: an error, a warning or a note. `weft check` prints
/// `file:line:column: error: what; instead [rule]` and a caret under the place.
struct Diagnostic {
  enum class Severity { kError, kWarning, kNote };
  Severity severity = Severity::kError;
  std::string file;
  Position position;
  std::string rule;     ///< Stable id, e.g. "yaml.duplicate-key", "pivot.compensate".
  std::string message;  ///< What is wrong.
  std::string instead;  ///< What to write instead; may be empty.
};

[[nodiscard]] const char* severity_name(Diagnostic::Severity severity);  ///< "error" ...
/// The one-line form. `source`: the file's text, for the caret lines; empty leaves them out.
[[nodiscard]] std::string format_diagnostic(const Diagnostic& diagnostic, std::string_view source);
[[nodiscard]] bool has_errors(const std::vector<Diagnostic>& diagnostics);

}  // namespace weft::dsl
