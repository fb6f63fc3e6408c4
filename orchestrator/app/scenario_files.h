#pragma once  // orchestrator/app/scenario_files.h

#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "orchestrator/app/definitions.h"
#include "orchestrator/sim/placement.h"
#include "orchestrator/sim/scenario.h"

namespace weft::app {

/// Scenario tests read from disk, with the definitions that they test.
struct ScenarioFiles {
  std::vector<dsl::SourceFile> sources;      ///< Of the scenario files, for carets.
  std::vector<sim::Scenario> scenarios;      ///< In order of file and place.
  std::vector<dsl::Diagnostic> diagnostics;  ///< Of scenario files and definitions.
  DefinitionFiles definition_files;
  sim::Definitions definitions;
  std::size_t files = 0;
  [[nodiscard]] const dsl::SourceFile* find(const std::string& path) const;
};

/// `paths`: files, and folders with `*.test.yaml` in them and below. Definitions are those in and
/// below the folders, the files' own folders, and `definition_paths`. The error names the first
/// path that cannot be read.
[[nodiscard]] tl::expected<ScenarioFiles, std::string> read_scenarios(
    const std::vector<std::string>& paths, const std::vector<std::string>& definition_paths);

/// Reads what a scenario names, relative to it.
[[nodiscard]] dsl::FileReader scenario_file_reader();

}  // namespace weft::app
