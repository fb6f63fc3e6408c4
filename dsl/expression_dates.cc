#include <array>
#include <chrono>
#include <cstdio>

#include "dsl/expression_operators.h"

// Dates are calendar arithmetic on texts and numbers; nothing here knows what time it is.
//
//   date   = year "-" month "-" day ("T" | "t") hour ":" minute ":" second [ "." digit{digit} ]
//            ( "Z" | "z" | ("+" | "-") hour ":" minute )                           RFC 3339, 5.6

namespace weft::dsl {
namespace {

constexpr std::int64_t kDaySeconds = 86'400;
constexpr std::size_t kFractionDigitsMax = 15;  // With 12 digits of seconds below 28 in all.

class DateReader {
 public:
  explicit DateReader(std::string_view text) : text_(text) {}

  // Seconds since 1970, nothing if the text is no date.
  std::optional<Decimal> read() {
    const auto year = number(4);
    if (!year || !take('-')) return std::nullopt;
    const auto month = number(2);
    if (!month || !take('-')) return std::nullopt;
    const auto day = number(2);
    if (!day || !(take('T') || take('t'))) return std::nullopt;
    const auto time = clock_time();
    if (!time) return std::nullopt;
    const auto fraction = fraction_digits();
    const auto offset = zone_offset();
    if (!fraction || !offset || at_ != text_.size()) return std::nullopt;

    const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                           std::chrono::month(static_cast<unsigned>(*month)),
                                           std::chrono::day(static_cast<unsigned>(*day))};
    if (!date.ok()) return std::nullopt;
    const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
    const auto whole = Decimal::from_integer(days * kDaySeconds + *time - *offset);
    if (fraction->empty()) return whole;
    const auto part = Decimal::parse("0." + *fraction);
    return part ? Decimal::add(whole, *part) : std::nullopt;
  }

 private:
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  [[nodiscard]] bool at_digit() const {
    return at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9';
  }

  std::optional<std::int64_t> number(int digits) {
    std::int64_t value = 0;
    for (int i = 0; i < digits; ++i) {
      if (!at_digit()) return std::nullopt;
      value = value * 10 + (text_[at_++] - '0');
    }
    return value;
  }

  std::optional<std::int64_t> hour_and_minute() {
    const auto hour = number(2);
    if (!hour || *hour > 23 || !take(':')) return std::nullopt;
    const auto minute = number(2);
    if (!minute || *minute > 59) return std::nullopt;
    return *hour * 3600 + *minute * 60;
  }

  std::optional<std::int64_t> clock_time() {
    const auto minutes = hour_and_minute();
    if (!minutes || !take(':')) return std::nullopt;
    const auto second = number(2);
    if (!second || *second > 60) return std::nullopt;  // 60: a leap second, as RFC 3339 allows.
    return *minutes + *second;
  }

  std::optional<std::string> fraction_digits() {
    std::string digits;
    if (!take('.')) return digits;
    while (at_digit()) digits.push_back(text_[at_++]);
    if (digits.empty() || digits.size() > kFractionDigitsMax) return std::nullopt;
    return digits;
  }

  std::optional<std::int64_t> zone_offset() {
    if (take('Z') || take('z')) return 0;
    const bool west = at_ < text_.size() && text_[at_] == '-';
    if (!take('+') && !take('-')) return std::nullopt;
    const auto offset = hour_and_minute();
    if (!offset) return std::nullopt;
    return west ? -*offset : *offset;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

Result from_date(const Value& text) {
  if (!text.is_string()) return trouble("`fromdate` takes a string, not " + a_kind(text));
  const auto seconds = DateReader(text.as_string()).read();
  if (!seconds) {
    return trouble("`fromdate`: this text is no date and time",
                   "write it as 2026-03-01T12:00:00Z or 2026-03-01T13:00:00.250+01:00");
  }
  return Value(*seconds);
}

// Parts of a second are cut off, as jq does.
Result to_date(const Value& seconds) {
  if (!seconds.is_number()) {
    return trouble("`todate` takes seconds since 1970, not " + a_kind(seconds));
  }
  const auto whole = seconds.as_decimal().truncated().to_integer();
  constexpr std::int64_t kFirst = -62'167'219'200;  // 0000-01-01T00:00:00Z
  constexpr std::int64_t kEnd = 253'402'300'800;    // 10000-01-01T00:00:00Z
  if (!whole || *whole < kFirst || *whole >= kEnd) {
    return trouble("`todate`: the date is not within the years 0 to 9999",
                   "give seconds, not milliseconds: `. / 1000`");
  }
  std::int64_t days = *whole / kDaySeconds;
  std::int64_t rest = *whole % kDaySeconds;
  if (rest < 0) {
    rest += kDaySeconds;
    --days;
  }
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(days))};
  std::array<char, 48> text{};
  const int size = std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02dZ",
                                 static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                                 static_cast<unsigned>(date.day()), static_cast<int>(rest / 3600),
                                 static_cast<int>(rest / 60 % 60), static_cast<int>(rest % 60));
  return Value(std::string(text.data(), static_cast<std::size_t>(size)));
}

}  // namespace weft::dsl
