#pragma once  // orchestrator/sim/explorer/bounds.h

#include <cstddef>
#include <cstdint>

#include "dsl/saga_graph.h"

namespace weft::explorer {

/// How far an exploration goes. What holds within these bounds is proved for them and no further;
/// every report names them.
struct Bounds {
  int faults = 2;     ///< On one path: refusals, silences, crashes, cancels, operator actions ...
  int attempts = 2;   ///< Of one call, probe or compensation before its policy is spent.
  int rounds = 2;     ///< Of one `repeat`.
  int items = 2;      ///< Of one list in an invented document.
  int documents = 6;  ///< Inputs, replies of one call, contents of one event that are tried.
  std::size_t states_max = 1'000'000;  ///< About 100 bytes each.
  int moves_max = 400;                 ///< On one path.
};

/// The same workflow with small policies: what `attempts_max: 40` does to a saga, two attempts do
/// as well. Delays lose their jitter, and what only the clock decides (`max_elapsed`,
/// `idempotency_window`) is decided by the exploration instead.
[[nodiscard]] dsl::SagaGraph bounded(const dsl::SagaGraph& graph, const Bounds& bounds);

}  // namespace weft::explorer
