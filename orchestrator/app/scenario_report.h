#pragma once  // orchestrator/app/scenario_report.h

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "orchestrator/app/output.h"
#include "orchestrator/sim/placement.h"
#include "orchestrator/sim/scenario_run.h"

namespace weft::app {

/// One scenario and how it went.
struct ScenarioOutcome {
  const sim::Scenario* scenario = nullptr;
  sim::ScenarioResult result;
  double seconds = 0;  ///< Of real time.
};

/// Which placements of a workflow its scenarios reach.
struct CoverageRow {
  std::string workflow;
  std::size_t placements = 0, reached = 0;
  std::vector<sim::Placement> missing;
  std::set<sim::Placement> all_reached;
  [[nodiscard]] double percent() const {
    return placements == 0 ? 100.0
                           : 100.0 * static_cast<double>(reached) / static_cast<double>(placements);
  }
};
/// One row for each workflow that has a scenario, in order of name.
[[nodiscard]] std::vector<CoverageRow> coverage_of(const std::vector<ScenarioOutcome>& outcomes,
                                                   const sim::Definitions& definitions);

/// What was expected, what came, and the saga's story.
[[nodiscard]] std::string failure_text(const ScenarioOutcome& outcome, const Output& output);
[[nodiscard]] dsl::Value outcome_value(const ScenarioOutcome& outcome);
[[nodiscard]] std::string coverage_text(const CoverageRow& row);
[[nodiscard]] dsl::Value coverage_value(const CoverageRow& row);
/// JUnit's XML, as continuous integration reads it.
[[nodiscard]] std::string junit_text(const std::vector<ScenarioOutcome>& outcomes);

}  // namespace weft::app
