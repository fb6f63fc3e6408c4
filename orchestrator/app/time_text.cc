#include "orchestrator/app/time_text.h"

#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>

namespace weft::app {
namespace {

constexpr std::int64_t kSecond = 1000;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kDay = 24 * kHour;
constexpr std::int64_t kDurationMax = 36'500 * kDay;

struct Unit {
  std::string_view name;
  std::int64_t ms;
};
constexpr std::array<Unit, 5> kUnits{
    {{"d", kDay}, {"h", kHour}, {"m", kMinute}, {"s", kSecond}, {"ms", 1}}};

std::optional<int> digits(std::string_view text, std::size_t from, std::size_t count) {
  if (text.size() < from + count) return std::nullopt;
  int value = 0;
  for (std::size_t i = from; i < from + count; ++i) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

}  // namespace

std::optional<std::int64_t> parse_duration_ms(std::string_view text) {
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || count < 0) return std::nullopt;
  const std::string_view name = text.substr(static_cast<std::size_t>(end - text.data()));
  for (const Unit& unit : kUnits) {
    if (name == unit.name) {
      if (count > kDurationMax / unit.ms) return std::nullopt;
      return count * unit.ms;
    }
  }
  return std::nullopt;
}

std::string format_duration(std::int64_t ms) {
  if (ms < 0) return "-" + format_duration(ms == INT64_MIN ? INT64_MAX : -ms);
  if (ms < kSecond) return std::to_string(ms) + "ms";
  for (std::size_t i = 0; i + 1 < kUnits.size(); ++i) {
    const Unit& unit = kUnits[i];
    if (ms < unit.ms) continue;
    std::string text = std::to_string(ms / unit.ms) + std::string(unit.name);
    const Unit& next = kUnits[i + 1];
    if (unit.ms > kSecond && ms % unit.ms >= next.ms) {
      text += " " + std::to_string(ms % unit.ms / next.ms) + std::string(next.name);
    }
    return text;
  }
  return {};
}

std::optional<std::int64_t> parse_timestamp_ms(std::string_view text) {
  const auto year = digits(text, 0, 4), month = digits(text, 5, 2), day = digits(text, 8, 2),
             hour = digits(text, 11, 2), minute = digits(text, 14, 2), second = digits(text, 17, 2);
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  if (text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != 't' && text[10] != ' ') ||
      text[13] != ':' || text[16] != ':' || *hour > 23 || *minute > 59 || *second > 60) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year{*year},
                                         std::chrono::month{static_cast<unsigned>(*month)},
                                         std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok()) return std::nullopt;
  std::int64_t ms = std::chrono::sys_days{date}.time_since_epoch().count() * kDay + *hour * kHour +
                    *minute * kMinute + *second * kSecond;
  std::size_t at = 19;
  if (at < text.size() && text[at] == '.') {
    std::int64_t scale = 100;
    std::size_t count = 0;
    for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, ++count) {
      ms += (text[at] - '0') * scale;
      scale /= 10;
    }
    if (count == 0) return std::nullopt;
  }
  if (at >= text.size()) return std::nullopt;
  if ((text[at] == 'Z' || text[at] == 'z') && at + 1 == text.size()) return ms;
  const auto zone_hour = digits(text, at + 1, 2), zone_minute = digits(text, at + 4, 2);
  if ((text[at] != '+' && text[at] != '-') || at + 6 != text.size() || text[at + 3] != ':' ||
      !zone_hour || !zone_minute || *zone_hour > 23 || *zone_minute > 59) {
    return std::nullopt;
  }
  const std::int64_t offset = *zone_hour * kHour + *zone_minute * kMinute;
  return text[at] == '+' ? ms - offset : ms + offset;
}

std::string format_timestamp(std::int64_t ms) {
  const std::int64_t day = ms >= 0 ? ms / kDay : (ms - kDay + 1) / kDay;
  const std::int64_t rest = ms - day * kDay;
  const std::chrono::year_month_day date{
      std::chrono::sys_days{std::chrono::days{static_cast<int>(day)}}};
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(rest / kHour),
                static_cast<int>(rest % kHour / kMinute),
                static_cast<int>(rest % kMinute / kSecond), static_cast<int>(rest % kSecond));
  return text.data();
}

std::string format_age(std::string_view timestamp, std::int64_t now_ms) {
  if (timestamp.empty()) return "-";
  const auto at = parse_timestamp_ms(timestamp);
  if (!at) return std::string(timestamp);
  return *at <= now_ms ? format_duration(now_ms - *at) + " ago"
                       : "in " + format_duration(*at - now_ms);
}

std::int64_t wall_clock_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace weft::app
