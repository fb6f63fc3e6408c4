#pragma once  // adapters/messaging/json_text.h

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// JSON handled as text, where re-printing it would change it: exact decimals do not survive a
// parser that reads doubles.
namespace weft::messaging {

/// The members of a JSON object with the exact text of each value, in order. None if `text` is not
/// one valid JSON object.
[[nodiscard]] std::optional<std::vector<std::pair<std::string, std::string_view>>> object_members(
    std::string_view text);

[[nodiscard]] bool is_json(std::string_view text);

/// The value of a JSON string literal; none for any other text.
[[nodiscard]] std::optional<std::string> string_value(std::string_view text);
/// The value of a JSON integer literal within 64 bits; none for any other text.
[[nodiscard]] std::optional<long long> integer_value(std::string_view text);

/// Quoted and escaped. Invalid UTF-8 is replaced.
[[nodiscard]] std::string quoted(std::string_view text);

/// One more member to the object begun in `json` ("" begins it); `value` is JSON already. The
/// closing brace is the caller's.
void append_member(std::string& json, std::string_view name, std::string_view value);
/// As above, of a text that is quoted here.
void append_text_member(std::string& json, std::string_view name, std::string_view text);

}  // namespace weft::messaging
