#pragma once  // orchestrator/engine/schedule.h

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "dsl/cron.h"
#include "orchestrator/core/ids.h"

namespace weft::engine {

/// A cron schedule (dsl/cron.h) in a time zone.
///
/// When clocks go forward, runs of the skipped time happen at the moment of the change, once; when
/// they go back, runs of the repeated time happen in its first pass only. So a run that is due
/// daily happens exactly once on every day.
class Schedule final {
 public:
  /// Whether the IANA database knows the zone.
  [[nodiscard]] static bool is_zone(const std::string& zone);
  [[nodiscard]] static tl::expected<Schedule, std::string> parse(std::string_view cron,
                                                                 const std::string& zone);
  /// The first run after `after`; nothing if there is none within the next ten years.
  [[nodiscard]] std::optional<core::Timestamp> next(core::Timestamp after) const;
  /// The local date of a run, "2026-03-29".
  [[nodiscard]] std::string local_date(core::Timestamp at) const;

 private:
  Schedule() = default;
  dsl::CronFields cron_;
  std::string zone_;
};

}  // namespace weft::engine
