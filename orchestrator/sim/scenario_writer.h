#pragma once  // orchestrator/sim/scenario_writer.h

#include <string>
#include <vector>

#include "dsl/value.h"
#include "orchestrator/sim/scenario_run.h"

namespace weft::sim {

/// One scenario to be written, in the words of the language.
struct ScenarioDraft {
  std::string name, workflow, key;
  dsl::Value input, given;  ///< As under `input` and `given`.
  std::vector<std::pair<std::string, std::vector<dsl::Value>>> adapters;
  std::vector<dsl::Value> timeline;
  dsl::Value expect;  ///< Object; null: `{outcome: completed}`.
};

/// A file that parse_scenarios takes. `comments` stand above each scenario; `common`: the file's
/// own scripts.
[[nodiscard]] std::string scenarios_text(const std::vector<ScenarioDraft>& drafts,
                                         const std::vector<std::string>& comments,
                                         const Scripts& common);
/// A value in YAML's flow style, plain where that is unambiguous.
[[nodiscard]] std::string flow_text(const dsl::Value& value);

/// How it went, as what is expected.
[[nodiscard]] dsl::Value expectation_of(const ScenarioResult& result);

}  // namespace weft::sim
