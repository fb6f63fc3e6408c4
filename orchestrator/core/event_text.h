#pragma once  // orchestrator/core/event_text.h

#include <cstdint>
#include <string>

#include "orchestrator/core/event.h"
#include "orchestrator/core/saga_state.h"

namespace weft::core {

/// The text of event_json(): the same bytes, written at once where nothing has to be masked. Only
/// for an event that was just decided; of an old one the input may have been erased.
[[nodiscard]] std::string event_json_text(const SagaState& birth_of, const Event& event,
                                          std::uint64_t revision);
/// As above, behind what is in `out`.
void append_event_json_text(std::string& out, const SagaState& birth_of, const Event& event,
                            std::uint64_t revision);

}  // namespace weft::core
