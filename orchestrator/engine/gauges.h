#pragma once  // orchestrator/engine/gauges.h

#include "orchestrator/engine/context.h"
#include "orchestrator/engine/controls.h"
#include "orchestrator/engine/dead_letter.h"

namespace weft::engine {

/// Sets the metrics that say how things stand, as opposed to what has happened (INTERFACES.md,
/// Metrics). Called when somebody asks for them.
void refresh_gauges(Context& context, const Controls& controls, const DeadLetter& dead_letter);

}  // namespace weft::engine
