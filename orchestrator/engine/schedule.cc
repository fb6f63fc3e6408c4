#include "orchestrator/engine/schedule.h"

#include <array>
#include <chrono>
#include <cstdio>
#include <exception>

#include <date/date.h>
#include <date/tz.h>

namespace weft::engine {
namespace {

constexpr int kDaysAhead = 3660;

}  // namespace

bool Schedule::is_zone(const std::string& zone) {
  try {
    return date::locate_zone(zone) != nullptr;
  } catch (const std::exception&) {
    return false;
  }
}

tl::expected<Schedule, std::string> Schedule::parse(std::string_view cron,
                                                    const std::string& zone) {
  auto fields = dsl::parse_cron(cron);
  if (!fields) {
    return tl::unexpected("cron: " + fields.error().message + "; " + fields.error().instead);
  }
  if (!is_zone(zone)) {
    return tl::unexpected("\"" + zone +
                          "\" is no time zone of the IANA database, e.g. Europe/Lisbon");
  }
  Schedule out;
  out.cron_ = *fields;
  out.zone_ = zone;
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
    if (!cron_.on(static_cast<unsigned>(ymd.month()), static_cast<unsigned>(ymd.day()),
                  date::weekday(day).c_encoding())) {
      continue;
    }
    for (std::size_t hour = 0; hour < 24; ++hour) {
      if (!cron_.hours.test(hour)) continue;
      for (std::size_t minute = 0; minute < 60; ++minute) {
        if (!cron_.minutes.test(minute)) continue;
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
