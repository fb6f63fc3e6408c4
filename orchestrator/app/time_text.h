#pragma once  // orchestrator/app/time_text.h

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weft::app {

/// "200ms", "30s", "10m", "6h", "3d" as milliseconds; nothing for anything else, a negative number
/// or more than a hundred years.
[[nodiscard]] std::optional<std::int64_t> parse_duration_ms(std::string_view text);

/// For people: the two largest units, "3d 4h", "12m 5s", "850ms".
[[nodiscard]] std::string format_duration(std::int64_t ms);

/// RFC 3339 with zone as milliseconds since 1970, UTC; nothing if it is none.
[[nodiscard]] std::optional<std::int64_t> parse_timestamp_ms(std::string_view text);

/// RFC 3339, UTC, milliseconds: "2026-03-29T01:00:00.000Z".
[[nodiscard]] std::string format_timestamp(std::int64_t ms);

/// "2s ago" for an RFC 3339 text; "-" for an empty one, the text itself if it is no time.
[[nodiscard]] std::string format_age(std::string_view timestamp, std::int64_t now_ms);

/// UTC, milliseconds since 1970.
[[nodiscard]] std::int64_t wall_clock_ms();

}  // namespace weft::app
