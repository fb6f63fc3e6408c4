#include "dsl/reporter.h"

#include <utility>

namespace weft::dsl {

void Reporter::error(Position at, std::string rule, std::string message, std::string instead) {
  ++errors_;
  if (rule.starts_with("form.") || rule.starts_with("yaml.")) ++form_errors_;
  add(Diagnostic::Severity::kError, at, std::move(rule), std::move(message), std::move(instead));
}

void Reporter::warning(Position at, std::string rule, std::string message, std::string instead) {
  add(Diagnostic::Severity::kWarning, at, std::move(rule), std::move(message), std::move(instead));
}

void Reporter::note(Position at, std::string rule, std::string message, std::string instead) {
  add(Diagnostic::Severity::kNote, at, std::move(rule), std::move(message), std::move(instead));
}

void Reporter::add(Diagnostic::Severity severity, Position at, std::string rule,
                   std::string message, std::string instead) {
  if (++findings_ > kFindingsMax) return;
  if (findings_ == kFindingsMax) {
    out_.push_back({Diagnostic::Severity::kNote, file_, at, "file.findings",
                    "this file has " + std::to_string(kFindingsMax) + " findings or more",
                    "mend the first ones and check again"});
    return;
  }
  out_.push_back({severity, file_, at, std::move(rule), std::move(message), std::move(instead)});
}

}  // namespace weft::dsl
