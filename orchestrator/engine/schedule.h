#pragma once  // orchestrator/engine/schedule.h

#include <array>
#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "orchestrator/core/ids.h"

namespace weft::engine {

/// A cron schedule in a time zone.
///
///   minute(0-59) hour(0-23) day(1-31) month(1-12 or jan-dec) weekday(0-7 or sun-sat)
///   each: * | list of N, N-M, with /STEP. Where day and weekday are both given, either may hold.
///
/// When clocks go forward, runs of the skipped time happen at the moment of the change, once; when
/// they go back, runs of the repeated time happen in its first pass only. So a run that is due daily
/// happens exactly once on every day.
class Schedule final {
 public:
  [[nodiscard]] static tl::expected<Schedule, std::string> parse(std::string_view cron,
                                                                 const std::string& zone);
  /// The first run after `after`; nothing if there is none within the next ten years.
  [[nodiscard]] std::optional<core::Timestamp> next(core::Timestamp after) const;
  /// The local date of a run, "2026-03-29".
  [[nodiscard]] std::string local_date(core::Timestamp at) const;

 private:
  Schedule() = default;
  std::bitset<60> minutes_;
  std::bitset<24> hours_;
  std::bitset<32> days_;
  std::bitset<13> months_;
  std::bitset<7> weekdays_;
  bool any_day_ = true, any_weekday_ = true;
  std::string zone_;
};

}  // namespace weft::engine
