#pragma once  // orchestrator/sim/invented_value.h

#include <optional>

#include "dsl/value.h"

namespace weft::sim {

/// A small document that the JSON Schema allows. Members that `like` has under the same name are
/// taken from it where they fit, so that an invented reply speaks of what was asked. Nothing: the
/// schema asks for what cannot be guessed (a pattern, a combination).
[[nodiscard]] std::optional<dsl::Value> invent_value(const dsl::Value& schema,
                                                     const dsl::Value& like);

}  // namespace weft::sim
