#pragma once  // tests/reference/plan.h

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "dsl/saga_graph.h"

namespace weft::test {

/// A workflow as the reference model knows it: what SEMANTICS.md speaks of and nothing else.
struct Plan {
  enum class Kind { kCall, kDo, kParallel, kRace, kChoice, kForeach };
  enum class Undo { kCall, kNone, kManual };
  enum class Then { kCompensate, kContinue };
  struct Route {
    std::string error = "any";  ///< Or a code: `refused`, `timeout`.
    Then then = Then::kCompensate;
    std::vector<Plan> body;
  };

  Kind kind = Kind::kCall;
  std::string name;
  /// Do, foreach and choice: one list (the branch that is taken). Parallel, race: one a branch.
  std::vector<std::vector<Plan>> lists;
  std::vector<Route> routes;                ///< At most one.

  // Calls.
  Undo undo = Undo::kCall;
  bool pivot = false, holds = false;
  bool undo_goes_on = false;                ///< on_failure: continue
  int attempts_max = 1;                     ///< 0 = without limit.
  int undo_attempts_max = 1;
  int probes_max = 0;                       ///< 0 = it cannot be asked what became of it.

  int items = 0, at_once = 1, tolerate = 0; ///< Foreach.
};

/// A random workflow of at most about `size` steps.
[[nodiscard]] std::vector<Plan> generate_plan(std::mt19937_64& random, int size);
/// Every workflow that is one simplification smaller.
[[nodiscard]] std::vector<std::vector<Plan>> smaller_plans(const std::vector<Plan>& top);
/// An outline for people.
[[nodiscard]] std::string describe(const std::vector<Plan>& top);
/// The same workflow for the decider.
[[nodiscard]] dsl::SagaGraph graph_of(const std::vector<Plan>& top);

}  // namespace weft::test
