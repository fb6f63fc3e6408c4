#pragma once  // orchestrator/sim/scenario_suggest.h

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "orchestrator/sim/placement.h"
#include "orchestrator/sim/scenario.h"

namespace weft::sim {

/// Scenarios that reach what the given ones do not.
struct Suggestions {
  std::string yaml;  ///< A file that passes; empty: nothing is missing.
  std::size_t scenarios = 0;
  std::vector<Placement> reached;    ///< What they add.
  std::vector<Placement> unreached;  ///< What no scenario was found for.
};

/// Searches: each missing placement is provoked on each of `bases` in turn, then as many of the
/// others as go into the same run. Greedy, so the set is small rather than proved smallest.
/// `bases`: scenarios of this workflow; at least one, best one that ends well. `common`: scripts of
/// the folder. `read_file`: for the bases' inputs. `tell`: progress, may be empty.
[[nodiscard]] Suggestions suggest_scenarios(const dsl::SagaGraph& graph,
                                            const Definitions& definitions,
                                            const std::vector<Scenario>& bases,
                                            const std::set<Placement>& reached,
                                            const dsl::FileReader& read_file,
                                            const std::function<void(const std::string&)>& tell);

}  // namespace weft::sim
