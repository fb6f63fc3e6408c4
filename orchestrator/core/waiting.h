#pragma once  // orchestrator/core/waiting.h

#include <optional>
#include <string>

#include "orchestrator/core/saga_state.h"

namespace weft::core {

/// What a saga waits for, as INTERFACES.md shows it.
struct Wait {
  std::string what;  ///< timer, event, adapter, ordering or completion.
  std::string name;  ///< Of the step, event, adapter or ordering key.
  Timestamp since;
  std::optional<Timestamp> until;
};

/// The longest wait of a saga in which nothing else is open; nothing where work is being done,
/// where the saga is going back, and where it has ended.
[[nodiscard]] std::optional<Wait> waiting_for(const SagaState& state);

}  // namespace weft::core
