#pragma once  // orchestrator/sim/scenario_mutations.h

#include <string>
#include <utility>
#include <vector>

#include "dsl/value.h"
#include "orchestrator/sim/placement.h"
#include "orchestrator/sim/scenario.h"

namespace weft::sim {

/// What must be written into a scenario to hit one placement.
struct Mutation {
  std::vector<std::pair<std::string, dsl::Value>>
      answers;  ///< Operation, entry; before the base's.
  std::vector<dsl::Value> timeline;
  std::string without_event;  ///< The base's events of this name go.
};

/// Ways to hit `placement` in a scenario like `base`, likely ones first; whether one does is seen
/// by running it. `bases`: whose events may be borrowed.
[[nodiscard]] std::vector<Mutation> mutations_for(const Placement& placement, const Scenario& base,
                                                  const dsl::SagaGraph& graph,
                                                  const Definitions& definitions,
                                                  const std::vector<Scenario>& bases);

}  // namespace weft::sim
