#pragma once  // tests/simulation/workflow_generator.h

#include <cstdint>
#include <string>
#include <vector>

#include "dsl/diagnostic.h"
#include "orchestrator/sim/chance.h"

namespace weft::simulation {

/// One generated workflow.
struct Generated {
  std::string name;     ///< gen.w1
  std::string version;  ///< 1.0.0
  std::string yaml;
  bool ordered = false;     ///< Has an ordering key.
  bool listens = false;     ///< Somewhere in it something waits for `gen.ping`.
  std::string child;        ///< The workflow it starts as a child, if any.
};

/// The four modelled adapters: `fen` (fenced), `ide` (idempotent), `que` (queryable), `uns` (unsafe).
[[nodiscard]] std::vector<dsl::SourceFile> generated_adapters();

/// A valid workflow of about `size` steps. Its input is {id, who, n, items}. `child`: a workflow it
/// may start; empty: none. Equal chances, equal text.
[[nodiscard]] Generated generate_workflow(sim::Chance chance, const std::string& name,
                                          const std::string& version, int size,
                                          const std::string& child);

}  // namespace weft::simulation
