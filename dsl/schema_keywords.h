#pragma once  // dsl/schema_keywords.h

#include <string_view>

#include "dsl/value.h"

namespace weft::dsl {

/// The part of `root` that a local `$ref` ("#", "#/definitions/line") names; nullptr if none.
[[nodiscard]] const Value* resolve_reference(const Value& root, std::string_view reference);

}  // namespace weft::dsl
