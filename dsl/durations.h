#pragma once  // dsl/durations.h

#include <cstdint>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace weft::dsl {

/// Why a text is no duration, rate or share, and what to write.
struct QuantityError {
  std::string message;
  std::string instead;
};

/// "200ms", "30s", "10m", "6h", "3d", or ISO 8601 ("PT1H30M", "P3D"), in milliseconds, 0 included;
/// at most 100 years. Months and years have no fixed length and are refused.
[[nodiscard]] tl::expected<std::int64_t, QuantityError> parse_duration(std::string_view text);
/// The largest units that say it exactly: 5400000 is "1h 30m".
[[nodiscard]] std::string format_duration(std::int64_t ms);

struct Rate {
  std::int64_t count = 0;
  std::int64_t window_ms = 0;
};
/// "600/1m": so many per window, both above zero.
[[nodiscard]] tl::expected<Rate, QuantityError> parse_rate(std::string_view text);

/// "50%": a whole number of hundredths, 0 to 100.
[[nodiscard]] tl::expected<int, QuantityError> parse_percent(std::string_view text);

}  // namespace weft::dsl
