#pragma once  // orchestrator/sim/scenario_run.h

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "dsl/diagnostic.h"
#include "orchestrator/core/saga_state.h"
#include "orchestrator/sim/placement.h"
#include "orchestrator/sim/scenario.h"
#include "orchestrator/sim/scripted_adapters.h"

namespace weft::sim {

/// One expectation that was not met.
struct ScenarioFailure {
  dsl::Position at;  ///< Of the key under `expect`.
  std::string what;  ///< "outcome", "called payments.void".
  std::string expected, actual;
};

/// What happened, for people.
struct StoryLine {
  std::int64_t at_ms = 0;  ///< Since the saga's start.
  std::string text;
};

/// How one scenario went.
struct ScenarioResult {
  std::vector<ScenarioFailure> failures;
  std::string broken;  ///< It could not be run, or the engine misbehaved: one sentence.
  std::vector<StoryLine> story;
  std::map<std::string, std::set<Placement>> reached;  ///< By workflow.
  std::vector<AdapterCall> calls;

  // Of the saga under test, as it was at the end.
  core::SagaId saga;
  core::SagaState state;
  std::string outcome;  ///< Its state, or `refused`.
  std::string refused_code;
  std::vector<std::string> status_path, undone, emitted, history;
  std::map<std::string, dsl::Decimal> balance;
  std::int64_t virtual_ms = 0;  ///< Virtual time that passed in all.

  [[nodiscard]] bool passed() const { return failures.empty() && broken.empty(); }
};

/// Names in the scenario that the definitions do not have, and input that the schema refuses.
[[nodiscard]] std::vector<dsl::Diagnostic> check_scenario(const Scenario& scenario,
                                                          const Definitions& definitions);

/// Runs one scenario in a world of its own. Equal arguments, equal result. `at_end` may look around
/// in the world before it ends; it gets the saga under test, empty if its start was refused.
[[nodiscard]] ScenarioResult run_scenario(
    const Scenario& scenario, const Definitions& definitions,
    const std::function<void(World&, const core::SagaId&)>& at_end = {});

/// Compares with `expect` (scenario_judge.cc); run_scenario has done so.
void judge_scenario(const Scenario& scenario, const std::map<core::SagaId, core::SagaState>& sagas,
                    ScenarioResult& result);

/// One event in words; empty: it says nothing to a person.
[[nodiscard]] std::string event_words(const core::Event& event);

}  // namespace weft::sim
