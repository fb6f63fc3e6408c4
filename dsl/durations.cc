#include "dsl/durations.h"

#include <array>
#include <cstddef>
#include <optional>
#include <utility>

#include "dsl/names.h"

namespace weft::dsl {
namespace {

constexpr std::int64_t kSecond = 1000;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kDay = 24 * kHour;
constexpr std::int64_t kWeek = 7 * kDay;
// 100 years: beyond any business deadline, and sums of a thousand of them stay far from 2^63.
constexpr std::int64_t kDurationMax = 36'525 * kDay;

bool digit(char c) { return c >= '0' && c <= '9'; }

tl::unexpected<QuantityError> refused(std::string message, std::string instead) {
  return tl::make_unexpected(QuantityError{std::move(message), std::move(instead)});
}

/// Takes leading digits off `text`; nothing without digits. Saturates beyond twelve digits.
std::optional<std::int64_t> take_number(std::string_view& text) {
  std::size_t count = 0;
  std::int64_t value = 0;
  while (count < text.size() && digit(text[count])) {
    if (value < 1'000'000'000'000) value = value * 10 + (text[count] - '0');
    ++count;
  }
  if (count == 0) return std::nullopt;
  text.remove_prefix(count);
  return value;
}

std::optional<std::int64_t> scaled(std::int64_t count, std::int64_t unit) {
  if (count > kDurationMax / unit) return std::nullopt;
  return count * unit;
}

tl::unexpected<QuantityError> too_long(std::string_view text) {
  return refused(quoted(text) + " is longer than 100 years", "write a shorter duration");
}

tl::expected<std::int64_t, QuantityError> parse_iso8601(std::string_view whole) {
  const auto malformed = [whole] {
    return refused(quoted(whole) + " is no ISO 8601 duration", "write it like `PT1H30M`, or `90m`");
  };
  std::string_view text = whole.substr(1);
  bool in_time = false;
  std::size_t last_unit = 0;
  std::int64_t total = 0;
  if (text.empty()) return malformed();
  while (!text.empty()) {
    if (text.front() == 'T') {
      if (in_time || text.size() == 1) return malformed();
      in_time = true;
      text.remove_prefix(1);
      continue;
    }
    const auto count = take_number(text);
    if (!count || text.empty()) return malformed();
    std::int64_t fraction_ms = -1;
    if (text.front() == '.' || text.front() == ',') {  // Only seconds have a fraction: to 1 ms.
      text.remove_prefix(1);
      std::int64_t scale = 100;
      fraction_ms = 0;
      std::size_t digits = 0;
      for (; !text.empty() && digit(text.front()); text.remove_prefix(1), ++digits) {
        fraction_ms += (text.front() - '0') * scale;
        scale /= 10;
      }
      if (digits == 0 || digits > 3 || text.empty() || text.front() != 'S') return malformed();
    }
    const char unit = text.front();
    text.remove_prefix(1);
    if (!in_time && (unit == 'Y' || unit == 'M')) {
      return refused(quoted(whole) + " counts in " + (unit == 'Y' ? "years" : "months") +
                        ", which have no fixed length",
                    "write days, for example `30d`");
    }
    struct Unit {
      char letter;
      bool in_time;
      std::int64_t ms;
    };
    static constexpr std::array<Unit, 5> kUnits{{{'W', false, kWeek},
                                                 {'D', false, kDay},
                                                 {'H', true, kHour},
                                                 {'M', true, kMinute},
                                                 {'S', true, kSecond}}};
    std::size_t index = 0;
    while (index < kUnits.size() &&
           (kUnits[index].letter != unit || kUnits[index].in_time != in_time)) {
      ++index;
    }
    if (index == kUnits.size() || index + 1 <= last_unit) return malformed();
    last_unit = index + 1;
    const auto ms = scaled(*count, kUnits[index].ms);
    if (!ms) return too_long(whole);
    total += *ms + (fraction_ms > 0 ? fraction_ms : 0);
    if (total > kDurationMax) return too_long(whole);
  }
  if (last_unit == 0) return malformed();
  return total;
}

std::optional<std::int64_t> unit_ms(std::string_view unit) {
  if (unit == "ms") return 1;
  if (unit == "s") return kSecond;
  if (unit == "m") return kMinute;
  if (unit == "h") return kHour;
  if (unit == "d") return kDay;
  return std::nullopt;
}

/// About so many days for what somebody may write for months and years; 0 for anything else.
std::int64_t days_of_calendar_unit(std::string_view unit) {
  for (const std::string_view month : {"mo", "mos", "mon", "month", "months"}) {
    if (unit == month) return 30;
  }
  for (const std::string_view year : {"y", "yr", "yrs", "year", "years"}) {
    if (unit == year) return 365;
  }
  return 0;
}

/// The unit somebody meant by another spelling.
std::string_view meant_unit(std::string_view unit) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 18> kMeant{
      {{"sec", "s"},
       {"secs", "s"},
       {"second", "s"},
       {"seconds", "s"},
       {"S", "s"},
       {"min", "m"},
       {"mins", "m"},
       {"minute", "m"},
       {"minutes", "m"},
       {"hr", "h"},
       {"hrs", "h"},
       {"hour", "h"},
       {"hours", "h"},
       {"H", "h"},
       {"day", "d"},
       {"days", "d"},
       {"D", "d"},
       {"msec", "ms"}}};
  for (const auto& [written, meant] : kMeant) {
    if (written == unit) return meant;
  }
  return {};
}

}  // namespace

tl::expected<std::int64_t, QuantityError> parse_duration(std::string_view text) {
  static constexpr std::string_view kExample = "write it like `200ms`, `30s`, `10m`, `6h` or `3d`";
  if (text.starts_with('P')) return parse_iso8601(text);
  if (text.starts_with('-')) {
    return refused("a duration cannot be negative: " + quoted(text), std::string(kExample));
  }
  std::string_view rest = text;
  const auto count = take_number(rest);
  if (!count) return refused(quoted(text) + " is no duration", std::string(kExample));
  if (rest.empty()) {
    return refused("a duration needs a unit: " + quoted(text),
                  "write " + quoted(std::string(text) + "s") + " for seconds or " +
                      quoted(std::string(text) + "ms") + " for milliseconds");
  }
  if (const auto unit = unit_ms(rest)) {
    const auto ms = scaled(*count, *unit);
    if (!ms) return too_long(text);
    return *ms;
  }
  std::string_view unit = rest;
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  const std::string_view meant = unit_ms(unit) ? unit : meant_unit(unit);
  if (!meant.empty()) {
    return refused(quoted(text) + " is no duration",
                  "write " + quoted(std::to_string(*count) + std::string(meant)));
  }
  if (unit == "w" || unit == "week" || unit == "weeks") {
    return refused("weeks are no unit: " + quoted(text),
                  "write " + quoted(std::to_string(*count * 7) + "d"));
  }
  if (const std::int64_t days = days_of_calendar_unit(unit); days > 0) {
    const auto length = scaled(*count, days * kDay);
    return refused((days == 30 ? "months are no unit: " : "years are no unit: ") + quoted(text) +
                       ", for they have no fixed length",
                   length
                       ? "write days, for example " + quoted(std::to_string(*length / kDay) + "d")
                       : std::string("write days"));
  }
  if (rest.front() == '.') {
    return refused("a duration is a whole number: " + quoted(text),
                  "use the smaller unit, for example `1500ms` for 1.5 s");
  }
  if (digit(rest.back()) || digit(rest[rest.size() / 2])) {
    return refused("a duration has one number and one unit: " + quoted(text),
                  "use the smaller unit, for example `90m` for 1 h 30 m");
  }
  return refused(quoted(rest) + " is no unit of time", std::string(kExample));
}

std::string format_duration(std::int64_t ms) {
  static constexpr std::array<std::pair<std::int64_t, const char*>, 5> kUnits{
      {{kDay, "d"}, {kHour, "h"}, {kMinute, "m"}, {kSecond, "s"}, {1, "ms"}}};
  if (ms <= 0) return "0s";
  std::string out;
  for (const auto& [unit, name] : kUnits) {
    if (ms < unit) continue;
    if (!out.empty()) out += " ";
    out += std::to_string(ms / unit) + name;
    ms %= unit;
  }
  return out;
}

tl::expected<Rate, QuantityError> parse_rate(std::string_view text) {
  static constexpr std::string_view kExample = "write it like `600/1m`: so many per time";
  std::string_view rest = text;
  const auto count = take_number(rest);
  if (!count || !rest.starts_with('/')) {
    return refused(quoted(text) + " is no rate", std::string(kExample));
  }
  rest.remove_prefix(1);
  if (unit_ms(rest)) {
    return refused(quoted(text) + " is no rate",
                  "write " + quoted(std::to_string(*count) + "/1" + std::string(rest)));
  }
  const auto window = parse_duration(rest);
  if (!window)
    return refused(quoted(text) + " is no rate: " + window.error().message, std::string(kExample));
  if (*count == 0 || *window == 0 || *count > 1'000'000'000) {
    return refused(quoted(text) + " is out of range", "count and time must be above zero");
  }
  return Rate{*count, *window};
}

tl::expected<int, QuantityError> parse_percent(std::string_view text) {
  std::string_view rest = text;
  const auto count = take_number(rest);
  if (!count || (rest != "%" && !rest.empty())) {
    return refused(quoted(text) + " is no share", "write a whole number and %, like `50%`");
  }
  if (rest.empty()) {
    return refused("a share needs its %: " + quoted(text),
                  "write " + quoted(std::string(text) + "%"));
  }
  if (*count > 100) {
    return refused(quoted(text) + " is more than all of it", "write at most `100%`");
  }
  return static_cast<int>(*count);
}

}  // namespace weft::dsl
