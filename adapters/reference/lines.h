#pragma once  // adapters/reference/lines.h

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include <tl/expected.hpp>

#include "adapters/sdk/adapter.h"

namespace weft::reference {

/// One order line. `raw` keeps the members that this adapter does not know (a price, a note), so
/// that they travel on in replies.
struct Line {
  std::string sku;
  std::string location;  ///< Empty: not said.
  std::int64_t qty = 0;  ///< At least 1.
  nlohmann::json raw;
};

/// The lines of `input[member]`, or the refusal (400 `bad_input`) that says what is wrong.
[[nodiscard]] tl::expected<std::vector<Line>, sdk::Outcome> read_lines(
    const nlohmann::json& input, const char* member = "lines");
/// A line as it is answered: what came, with this place and quantity.
[[nodiscard]] nlohmann::json line_json(const Line& line, const std::string& location,
                                       std::int64_t qty);
/// An integer member of at least `minimum`, or the refusal.
[[nodiscard]] tl::expected<std::int64_t, sdk::Outcome> read_integer(const nlohmann::json& input,
                                                                    const char* member,
                                                                    std::int64_t minimum);
/// A text member that is not empty, or the refusal.
[[nodiscard]] tl::expected<std::string, sdk::Outcome> read_text(const nlohmann::json& input,
                                                                const char* member);
/// A text member, or "" where it is missing or no text.
[[nodiscard]] std::string text_or_empty(const nlohmann::json& input, const char* member);

}  // namespace weft::reference
