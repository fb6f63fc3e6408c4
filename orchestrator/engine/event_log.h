#pragma once  // orchestrator/engine/event_log.h

#include <cstdint>

#include "orchestrator/engine/context.h"

namespace weft::engine {

/// Tells the log what a decision brought, once it is durable: trouble as warnings, what people did
/// and how sagas ended badly as information, the rest for debugging. `first`: the revision of
/// `decided`'s first event. What the workflow calls sensitive is masked.
void log_events(Context& context, const core::SagaState& state, const core::Decided& decided,
                std::uint64_t first);

}  // namespace weft::engine
