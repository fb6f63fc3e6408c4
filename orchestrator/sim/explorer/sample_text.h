#pragma once  // orchestrator/sim/explorer/sample_text.h

#include <string>
#include <string_view>

namespace weft::explorer {

/// A text that a regular expression may accept: `^[A-Z]{3}$` gives "ABC". `variant`: equal patterns
/// give other texts where they leave room. A guess: the caller checks it against the schema.
[[nodiscard]] std::string sample_of_pattern(std::string_view pattern, int variant);

}  // namespace weft::explorer
