#pragma once  // orchestrator/app/near_match.h

#include <string>
#include <string_view>
#include <vector>

namespace weft::app {

/// The candidate that was probably meant by `name`; empty if none is close: at most a third of its
/// characters added, dropped, replaced or swapped with a neighbour.
[[nodiscard]] std::string near_match(std::string_view name,
                                     const std::vector<std::string>& candidates);

/// "; did you mean `x`?" or nothing, to be put behind a message.
[[nodiscard]] std::string near_match_hint(std::string_view name,
                                          const std::vector<std::string>& candidates);

}  // namespace weft::app
