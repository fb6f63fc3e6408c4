#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "orchestrator/core/decider.h"

// RFC 3339 by calendar arithmetic alone: no clock, no zone database.
namespace weft::core {
namespace {

constexpr std::int64_t kDayMs = 86'400'000;
// 0001-01-01 to 9999-12-31: four digits of year, and arithmetic that cannot overflow.
constexpr std::int64_t kFirstMs = -62'135'596'800'000;
constexpr std::int64_t kLastMs = 253'402'300'799'999;

/// A day of the proleptic Gregorian calendar.
struct Date {
  std::int64_t year = 1970;
  int month = 1, day = 1;
};

// Both conversions count in years that begin on 1 March, so that the leap day is the last one, and
// in eras of 400 years, after which the calendar repeats (146,097 days).
std::int64_t days_since_1970(const Date& date) {
  const std::int64_t year = date.month <= 2 ? date.year - 1 : date.year;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const std::int64_t year_of_era = year - era * 400;
  const std::int64_t month_from_march = (date.month + 9) % 12;
  const std::int64_t day_of_year = (153 * month_from_march + 2) / 5 + date.day - 1;
  const std::int64_t day_of_era =
      year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146'097 + day_of_era - 719'468;  // Days from 0000-03-01 to 1970-01-01.
}

Date date_of(std::int64_t days) {
  days += 719'468;
  const std::int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
  const std::int64_t day_of_era = days - era * 146'097;
  const std::int64_t year_of_era =
      (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const std::int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t month_from_march = (5 * day_of_year + 2) / 153;
  Date date;
  date.day = static_cast<int>(day_of_year - (153 * month_from_march + 2) / 5 + 1);
  date.month =
      static_cast<int>(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
  date.year = year_of_era + era * 400 + (date.month <= 2 ? 1 : 0);
  return date;
}

bool exists(const Date& date) {
  constexpr std::array<int, 12> kDays = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (date.year < 1 || date.month < 1 || date.month > 12 || date.day < 1) return false;
  const bool leap = date.year % 4 == 0 && (date.year % 100 != 0 || date.year % 400 == 0);
  if (date.month == 2 && date.day == 29) return leap;
  return date.day <= kDays[static_cast<std::size_t>(date.month - 1)];
}

/// Writes `number` with `count` digits at `at`.
void put_number(std::string& text, std::size_t at, std::size_t count, std::int64_t number) {
  for (std::size_t i = count; i > 0; --i, number /= 10) {
    text[at + i - 1] = static_cast<char>('0' + number % 10);
  }
}

/// Takes `count` digits off the front of `text`; nothing if they are not there.
std::optional<int> take_number(std::string_view& text, std::size_t count) {
  if (text.size() < count) return std::nullopt;
  int number = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    number = number * 10 + (text[i] - '0');
  }
  text.remove_prefix(count);
  return number;
}

bool take_one_of(std::string_view& text, std::string_view wanted) {
  if (text.empty() || wanted.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

/// The fraction after the seconds in milliseconds; further digits are cut, never rounded up.
std::optional<int> take_fraction(std::string_view& text) {
  if (text.empty() || text.front() != '.') return 0;
  text.remove_prefix(1);
  int ms = 0;
  std::size_t digits = 0;
  for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; ++digits) {
    if (digits < 3) ms = ms * 10 + (text.front() - '0');
    text.remove_prefix(1);
  }
  if (digits == 0) return std::nullopt;
  for (std::size_t i = digits; i < 3; ++i) ms *= 10;
  return ms;
}

/// `Z` or `+hh:mm`, in minutes east of UTC.
std::optional<int> take_offset(std::string_view& text) {
  if (take_one_of(text, "Zz")) return 0;
  if (text.empty()) return std::nullopt;
  const int sign = text.front() == '-' ? -1 : 1;
  if (!take_one_of(text, "+-")) return std::nullopt;
  const auto hours = take_number(text, 2);
  if (!hours || *hours > 23 || !take_one_of(text, ":")) return std::nullopt;
  const auto minutes = take_number(text, 2);
  if (!minutes || *minutes > 59) return std::nullopt;
  return sign * (*hours * 60 + *minutes);
}

}  // namespace

std::string format_time(Timestamp at) {
  const std::int64_t ms = at.ms < kFirstMs ? kFirstMs : (at.ms > kLastMs ? kLastMs : at.ms);
  const std::int64_t day = ms >= 0 ? ms / kDayMs : -((-ms + kDayMs - 1) / kDayMs);
  const std::int64_t rest = ms - day * kDayMs;
  const Date date = date_of(day);
  // Several times in every event that is told: printf took a twentieth of the engine's time.
  std::string text = "0000-00-00T00:00:00.000Z";
  put_number(text, 0, 4, date.year);
  put_number(text, 5, 2, date.month);
  put_number(text, 8, 2, date.day);
  put_number(text, 11, 2, rest / 3'600'000);
  put_number(text, 14, 2, rest / 60'000 % 60);
  put_number(text, 17, 2, rest / 1'000 % 60);
  put_number(text, 20, 3, rest % 1'000);
  return text;
}

std::optional<Timestamp> parse_time(std::string_view text) {
  const auto year = take_number(text, 4);
  if (!year || !take_one_of(text, "-")) return std::nullopt;
  const auto month = take_number(text, 2);
  if (!month || !take_one_of(text, "-")) return std::nullopt;
  const auto day = take_number(text, 2);
  if (!day || !take_one_of(text, "Tt ")) return std::nullopt;
  const Date date{.year = *year, .month = *month, .day = *day};
  if (!exists(date)) return std::nullopt;
  const auto hour = take_number(text, 2);
  if (!hour || *hour > 23 || !take_one_of(text, ":")) return std::nullopt;
  const auto minute = take_number(text, 2);
  if (!minute || *minute > 59 || !take_one_of(text, ":")) return std::nullopt;
  const auto second = take_number(text, 2);
  if (!second || *second > 60) return std::nullopt;  // 60: a leap second counts as the next one.
  const auto fraction = take_fraction(text);
  if (!fraction) return std::nullopt;
  const auto offset = take_offset(text);
  if (!offset || !text.empty()) return std::nullopt;
  const std::int64_t days = days_since_1970(date);
  const std::int64_t minutes = (days * 24 + *hour) * 60 + *minute - *offset;
  return Timestamp{(minutes * 60 + *second) * 1'000 + *fraction};
}

}  // namespace weft::core
