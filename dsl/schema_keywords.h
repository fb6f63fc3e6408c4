#pragma once  // dsl/schema_keywords.h

#include <string>
#include <string_view>
#include <vector>

#include "dsl/value.h"

namespace weft::dsl {

/// The part of `root` that a local `$ref` ("#", "#/definitions/line") names; nullptr if none.
[[nodiscard]] const Value* resolve_reference(const Value& root, std::string_view reference);

/// The values of `format` that are checked; the lint refuses every other.
[[nodiscard]] const std::vector<std::string>& checked_formats();

}  // namespace weft::dsl
