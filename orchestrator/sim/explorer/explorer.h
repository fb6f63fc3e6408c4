#pragma once  // orchestrator/sim/explorer/explorer.h

#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "dsl/saga_graph.h"
#include "orchestrator/sim/explorer/bounds.h"
#include "orchestrator/sim/explorer/invention.h"
#include "orchestrator/sim/explorer/move.h"
#include "orchestrator/sim/explorer/properties.h"

namespace weft::explorer {

/// A broken property, and the way there with the fewest faults, then the fewest moves.
struct Refutation {
  Violation violation;
  std::vector<Move> path;
  int faults = 0;
};

/// What an exploration of one workflow found.
struct Report {
  std::size_t states = 0;  ///< Different ones.
  std::size_t moves = 0;   ///< Tried.
  std::size_t inputs = 0;
  std::map<std::string, std::size_t> ends;  ///< "completed" -> states.
  std::vector<Refutation> refuted;          ///< At most one for each property, in their order.
  std::vector<std::string> not_proved;      ///< What, and why not.
  std::vector<std::string> assumed;         ///< Of the adapters and the data.
  std::set<std::string> placements;         ///< Of failures: all that the definition has,
  std::set<std::string> covered;            ///< and those that were explored.
  std::vector<std::string> unreached;       ///< Steps that no path entered.
  bool complete = true;                     ///< Everything within the bounds was explored.
  std::string trouble;                      ///< Why nothing could be explored; else empty.

  [[nodiscard]] bool refuted_property(Property property) const;
  /// Nothing is refuted, and all that was asked for was proved within the bounds.
  [[nodiscard]] bool proved() const {
    return refuted.empty() && not_proved.empty() && complete && trouble.empty();
  }
};

/// Called now and then with the number of states seen so far.
using Progress = std::function<void(std::size_t states)>;

/// Explores every placement of failures within the bounds, at the level of the pure core: what
/// `weft serve` would decide, in a world whose hidden truth is part of the state.
[[nodiscard]] Report explore(const dsl::SagaGraph& graph, const Bounds& bounds,
                             const Examples& examples = {}, const Progress& progress = {});

}  // namespace weft::explorer
