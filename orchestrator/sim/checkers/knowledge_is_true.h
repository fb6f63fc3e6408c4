#pragma once  // orchestrator/sim/checkers/knowledge_is_true.h

#include <memory>
#include <vector>

#include "orchestrator/sim/checkers/checker.h"
#include "orchestrator/sim/sim_adapter.h"

namespace weft::sim {

/// D2: what the engine believes of each step is what the outside world knows of its key. The
/// adapters must outlive it.
[[nodiscard]] std::unique_ptr<Checker> knowledge_is_true(std::vector<const SimAdapter*> adapters);

}  // namespace weft::sim
