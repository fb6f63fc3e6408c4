#pragma once  // orchestrator/sim/explorer/timeline.h

#include <cstdint>
#include <string>
#include <vector>

#include "dsl/saga_graph.h"
#include "orchestrator/sim/explorer/explorer.h"

namespace weft::explorer {

/// One line of a counter-example.
struct TimelineRow {
  std::int64_t at_ms = 0;  ///< Since the start of the saga.
  std::string who;         ///< "Weft", an adapter's name, "operator", "time", ...
  std::string what;        ///< A sentence.
  std::string knew;   ///< What Weft knows of the step's effect after it; empty = not about one.
  std::string truth;  ///< What is true of it.
};

/// The way to a broken property as rows that a person can read from top to bottom.
[[nodiscard]] std::vector<TimelineRow> timeline_of(const dsl::SagaGraph& graph,
                                                   const Bounds& bounds, const Examples& examples,
                                                   const Refutation& refutation);
/// The rows as text, in columns.
[[nodiscard]] std::string timeline_text(const std::vector<TimelineRow>& rows);

}  // namespace weft::explorer
