#pragma once  // dsl/validator_scope.h

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "dsl/validator_context.h"

/// Between validator_scope.cc, which walks the steps, and validator_references.cc, which judges
/// the names that one expression reads.
namespace weft::dsl {

/// What is known about the result of a step that may be read.
struct StepResult {
  std::string absent;  ///< Why it may be absent; empty if it cannot be.
  std::string null;    ///< Why it may be null; empty if it cannot be.
  const Value* schema = nullptr;
  std::vector<std::string> keys;  ///< If `exact`, all that it has.
  bool exact = false;
  bool is_list = false;
};

/// The results that may be read. Copies share the table until one of them adds to it: every block
/// looks at its surroundings, few change them.
class StepResults {
 public:
  [[nodiscard]] const std::map<std::string, StepResult>& all() const { return *table_; }
  std::map<std::string, StepResult>& edit() {
    if (table_.use_count() > 1)
      table_ = std::make_shared<std::map<std::string, StepResult>>(*table_);
    return *table_;
  }

 private:
  std::shared_ptr<std::map<std::string, StepResult>> table_ =
      std::make_shared<std::map<std::string, StepResult>>();
};

/// What stands around an expression.
struct Scope {
  StepResults results;
  std::set<std::string> items;  ///< Names of enclosing foreach.
  bool input = true;            ///< `.`
  bool saga = true;
  bool index = false;
  bool last = false;
  bool error = false;
  bool event = false;
  bool task = false;
  std::vector<std::string> event_keys;  ///< All that `$event` has; empty where that is not known.
  const StepSyntax* call = nullptr;     ///< `$with` is its input.
  bool reply = false;                   ///< `$reply` is its answer,
  bool reply_uncertain = false;         ///< which may never have come.
  bool held = false;
  std::string own;    ///< The step itself, readable like `$reply`.
  std::string where;  ///< "a compensation", for messages.
};

/// Where a step stands, for messages about names that cannot be read.
struct StepPlace {
  const StepSyntax* step = nullptr;
  const StepSyntax* loop = nullptr;  ///< The foreach or repeat it is visible in only.
};

/// Judges names against a scope and reports to the context's reporter.
class ReferenceCheck final {
 public:
  explicit ReferenceCheck(ValidatorContext& context);

  void uses(const std::vector<NameUse>& uses, const Scope& scope);
  /// Whether the paths to be masked are paths of the input.
  void sensitive();
  /// What is known of a step's result where nothing went wrong.
  [[nodiscard]] StepResult result_of(const StepSyntax& step) const;

 private:
  [[nodiscard]] const Value* schema(const Word& file) const;
  void use(const NameUse& use, const Scope& scope);
  bool special(const NameUse& use, const Scope& scope);
  bool reply(const NameUse& use, const Scope& scope);
  void missing(const NameUse& use, const Scope& scope);
  void result_path(const NameUse& use, const StepResult& result);
  void schema_path(const NameUse& use, const Value& schema);
  void keys_path(const NameUse& use, const std::vector<std::string>& keys);
  void nowhere(const NameUse& use, std::string message, std::string instead) {
    reporter_.error(use.at, "scope.unknown", std::move(message), std::move(instead));
  }

  ValidatorContext& context_;
  const WorkflowSyntax& workflow_;
  Reporter& reporter_;
  std::map<std::string, StepPlace> places_;
  const Value* input_schema_ = nullptr;
};

}  // namespace weft::dsl
