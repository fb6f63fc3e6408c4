#pragma once  // orchestrator/core/environment.h

#include <deque>
#include <map>
#include <string>
#include <string_view>

#include "dsl/expression.h"
#include "orchestrator/core/event.h"
#include "orchestrator/core/saga_state.h"

namespace weft::core {

/// The names that the expressions of one step instance see (DSL.md, Expressions, Names). Step
/// results are found from the innermost foreach or repeat outwards. Built per evaluation, cheap:
/// values are only made when a name is asked for.
class Environment final : public dsl::Bindings {
 public:
  /// `parent`, `slot`: the list that the step stands in; kNoNode for expressions of the workflow.
  Environment(const SagaState& state, NodeId parent, Slot slot)
      : state_(state), parent_(parent), slot_(slot) {}

  /// `$with`, `$reply`, `$held`, `$error`, `$event`, `$task`; null Value* semantics: unset = absent.
  void set(std::string_view name, dsl::Value value);
  void set_error(const Error& error);
  void set_task(const IdempotencyKey& key, std::int64_t attempt);
  /// Only `$saga` (route.choose).
  void only_saga() { only_saga_ = true; }

  [[nodiscard]] const dsl::Value* find(std::string_view name) const override;

 private:
  [[nodiscard]] const dsl::Value* loop_name(std::string_view name) const;
  [[nodiscard]] const dsl::Value* step_result(std::string_view name) const;
  [[nodiscard]] bool lost_a_race(const Node& step) const;
  [[nodiscard]] const dsl::Value* keep(dsl::Value value) const;

  const SagaState& state_;
  NodeId parent_;
  Slot slot_;
  bool only_saga_ = false;
  std::map<std::string, dsl::Value, std::less<>> extras_;
  mutable std::deque<dsl::Value> kept_;  ///< Values made on demand; deque keeps addresses.
};

/// `$saga` of DSL.md.
[[nodiscard]] dsl::Value saga_value(const SagaState& state);
[[nodiscard]] dsl::Value error_value(const Error& error);
/// What precedes a step's name in its path when it stands in `slot` of `parent`: "allocate[2]/".
[[nodiscard]] std::string path_prefix(const SagaState& state, NodeId parent, Slot slot);

}  // namespace weft::core
