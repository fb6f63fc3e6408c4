#pragma once  // dsl/cron.h

#include <bitset>
#include <string_view>

#include <tl/expected.hpp>

#include "dsl/durations.h"

namespace weft::dsl {

/// When a schedule runs, by the wall clock of its zone.
///
///   minute(0-59) hour(0-23) day(1-31) month(1-12 or jan-dec) weekday(0-7 or sun-sat)
///   each: * | list of N, N-M, with /STEP. Where day and weekday are both given, either may hold.
struct CronFields {
  std::bitset<60> minutes;
  std::bitset<24> hours;
  std::bitset<32> days;  ///< 0 is unused, as in `months`.
  std::bitset<13> months;
  std::bitset<7> weekdays;  ///< 0 is Sunday; 7 is read as 0.
  bool any_day = true, any_weekday = true;

  /// Whether a run is due on that day at all.
  [[nodiscard]] bool on(unsigned month, unsigned day, unsigned weekday) const {
    if (!months.test(month)) return false;
    const bool in_days = days.test(day), in_week = weekdays.test(weekday);
    return any_day || any_weekday ? in_days && in_week : in_days || in_week;
  }
};

/// Whether it has five fields, whatever they say.
[[nodiscard]] bool has_cron_form(std::string_view text);
/// Refuses what would never run, too, like the 30th of February.
[[nodiscard]] tl::expected<CronFields, QuantityError> parse_cron(std::string_view text);

}  // namespace weft::dsl
