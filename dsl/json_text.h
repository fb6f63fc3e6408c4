#pragma once  // dsl/json_text.h

#include <string>
#include <string_view>

namespace weft::dsl {

/// Adds `text` to `out` as JSON: quoted, escaped where it must be. It is to be valid UTF-8.
void append_json_string(std::string& out, std::string_view text);

}  // namespace weft::dsl
