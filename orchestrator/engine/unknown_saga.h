#pragma once  // orchestrator/engine/unknown_saga.h

#include <string>
#include <string_view>

#include "orchestrator/engine/context.h"

namespace weft::engine {

/// 404 `unknown_saga` for a name that names none: says what is wrong with it, and in `near` which
/// of the newest sagas may be meant. `name`: what somebody wrote for an id or `workflow:key`.
[[nodiscard]] Response unknown_saga(const Context& context, std::string_view name);

}  // namespace weft::engine
