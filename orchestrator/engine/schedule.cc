#include "orchestrator/engine/schedule.h"

#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <exception>
#include <vector>

#include <date/date.h>
#include <date/tz.h>

namespace weft::engine {
namespace {

constexpr int kDaysAhead = 3660;

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  for (std::size_t from = 0;;) {
    const std::size_t to = text.find(at, from);
    parts.push_back(text.substr(from, to == std::string_view::npos ? to : to - from));
    if (to == std::string_view::npos) return parts;
    from = to + 1;
  }
}

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> out;
  for (const std::string_view word : split(text, ' ')) {
    if (!word.empty()) out.push_back(word);
  }
  return out;
}

struct Field {
  std::string_view name;
  int first, last;
  std::vector<std::string_view> names;  ///< For `first`, `first` + 1, ...
};

std::optional<int> number(std::string_view text, const Field& field) {
  for (std::size_t i = 0; i < field.names.size(); ++i) {
    if (field.names[i] == text) return field.first + static_cast<int>(i);
  }
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (value < field.first || value > field.last) return std::nullopt;
  return value;
}

// Sets the numbers that one field names; the error says what is wrong with it.
template <class Set>
tl::expected<void, std::string> read_field(std::string_view text, const Field& field,
                                           const Set& set) {
  const auto wrong = [&](std::string_view part) {
    return tl::unexpected("the " + std::string(field.name) + " \"" + std::string(part) +
                          "\" must be *, or a list of numbers or ranges from " +
                          std::to_string(field.first) + " to " + std::to_string(field.last) +
                          ", each with an optional /step");
  };
  for (const std::string_view part : split(text, ',')) {
    const auto stepped = split(part, '/');
    int step = 1;
    if (stepped.size() > 2) return wrong(part);
    if (stepped.size() == 2) {
      const auto [end, error] = std::from_chars(
          stepped[1].data(), stepped[1].data() + stepped[1].size(), step);
      if (error != std::errc() || end != stepped[1].data() + stepped[1].size() || step < 1) {
        return wrong(part);
      }
    }
    int from = field.first, to = field.last;
    if (stepped[0] != "*") {
      const auto range = split(stepped[0], '-');
      const auto low = number(range[0], field);
      const auto high = range.size() == 2 ? number(range[1], field) : low;
      if (range.size() > 2 || !low || !high || *low > *high) return wrong(part);
      from = *low;
      // N/STEP means from N on, as cron has it.
      to = stepped.size() == 2 && range.size() == 1 ? field.last : *high;
    }
    for (int value = from; value <= to; value += step) set(value);
  }
  return {};
}

}  // namespace

tl::expected<Schedule, std::string> Schedule::parse(std::string_view cron, const std::string& zone) {
  const auto fields = words(cron);
  if (fields.size() != 5) {
    return tl::unexpected("a cron schedule has five fields (minute hour day month weekday); \"" +
                          std::string(cron) + "\" has " + std::to_string(fields.size()));
  }
  Schedule out;
  out.zone_ = zone;
  try {
    (void)date::locate_zone(zone);
  } catch (const std::exception&) {
    return tl::unexpected("\"" + zone + "\" is no time zone of the IANA database, e.g. Europe/Lisbon");
  }
  const auto minute = read_field(fields[0], {"minute", 0, 59, {}}, [&](int v) {
    out.minutes_.set(static_cast<std::size_t>(v));
  });
  if (!minute) return tl::unexpected(minute.error());
  const auto hour = read_field(fields[1], {"hour", 0, 23, {}}, [&](int v) {
    out.hours_.set(static_cast<std::size_t>(v));
  });
  if (!hour) return tl::unexpected(hour.error());
  const auto day = read_field(fields[2], {"day", 1, 31, {}}, [&](int v) {
    out.days_.set(static_cast<std::size_t>(v));
  });
  if (!day) return tl::unexpected(day.error());
  const auto month = read_field(fields[3],
                                {"month", 1, 12, {"jan", "feb", "mar", "apr", "may", "jun", "jul",
                                                  "aug", "sep", "oct", "nov", "dec"}},
                                [&](int v) { out.months_.set(static_cast<std::size_t>(v)); });
  if (!month) return tl::unexpected(month.error());
  const auto weekday =
      read_field(fields[4], {"weekday", 0, 7, {"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
                 [&](int v) { out.weekdays_.set(static_cast<std::size_t>(v % 7)); });
  if (!weekday) return tl::unexpected(weekday.error());
  out.any_day_ = fields[2].starts_with('*');
  out.any_weekday_ = fields[4].starts_with('*');
  return out;
}

std::optional<core::Timestamp> Schedule::next(core::Timestamp after) const {
  using std::chrono::milliseconds;
  const date::time_zone* zone = date::locate_zone(zone_);
  const date::sys_time<milliseconds> from{milliseconds(after.ms)};
  auto day = date::floor<date::days>(zone->to_local(from));
  day -= date::days(1);  // a change of clocks may have moved a run over midnight
  for (int ahead = 0; ahead < kDaysAhead; ++ahead, day += date::days(1)) {
    const date::year_month_day ymd(day);
    if (!months_.test(static_cast<unsigned>(ymd.month()))) continue;
    const bool in_days = days_.test(static_cast<unsigned>(ymd.day()));
    const bool in_week = weekdays_.test(date::weekday(day).c_encoding());
    const bool holds = any_day_ || any_weekday_ ? in_days && in_week : in_days || in_week;
    if (!holds) continue;
    for (std::size_t hour = 0; hour < 24; ++hour) {
      if (!hours_.test(hour)) continue;
      for (std::size_t minute = 0; minute < 60; ++minute) {
        if (!minutes_.test(minute)) continue;
        const auto local = date::local_time<milliseconds>(
            day.time_since_epoch() + std::chrono::hours(hour) + std::chrono::minutes(minute));
        const date::local_info info = zone->get_info(local);
        date::sys_time<milliseconds> at;
        if (info.result == date::local_info::nonexistent) {
          at = info.first.end;  // the moment at which clocks go forward
        } else {
          at = date::sys_time<milliseconds>(local.time_since_epoch() - info.first.offset);
        }
        if (at > from) return core::Timestamp{at.time_since_epoch().count()};
      }
    }
  }
  return std::nullopt;
}

std::string Schedule::local_date(core::Timestamp at) const {
  const date::time_zone* zone = date::locate_zone(zone_);
  const date::sys_time<std::chrono::milliseconds> time{std::chrono::milliseconds(at.ms)};
  const date::year_month_day ymd(date::floor<date::days>(zone->to_local(time)));
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02u", static_cast<int>(ymd.year()),
                static_cast<unsigned>(ymd.month()), static_cast<unsigned>(ymd.day()));
  return text.data();
}

}  // namespace weft::engine
