#pragma once  // dsl/hints.h

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weft::dsl {

/// What other systems call by `text`, if it is among `candidates`: `catch` is `on_error` here; else
/// the nearest of them.
[[nodiscard]] std::optional<std::string> our_word(std::string_view text,
                                                  const std::vector<std::string>& candidates);
/// As suggestion (dsl/names.h); `otherwise` where that knows nothing to say.
[[nodiscard]] std::string suggestion_or(std::string_view text,
                                        const std::vector<std::string>& candidates,
                                        std::string otherwise);

}  // namespace weft::dsl
