#pragma once  // orchestrator/app/bench/figures.h

#include <optional>
#include <string>

#include "dsl/value.h"
#include "orchestrator/app/bench/load.h"
#include "orchestrator/app/bench/stage.h"
#include "orchestrator/app/bench/workload.h"

namespace weft::app::bench {

inline constexpr double kMegabyte = 1024.0 * 1024.0;

/// A number with so many digits behind the point, as JSON and people read it.
[[nodiscard]] dsl::Value rounded(double value, int digits);

/// What a stretch of one workload cost, between two readings.
[[nodiscard]] dsl::Value::Object figures_of(const Workload& workload, Measured measured,
                                            const Reading& before, const Reading& after);

/// Every number of `now` over the same of `before`: "1.25" is a quarter more.
[[nodiscard]] dsl::Value ratios(const dsl::Value& now, const dsl::Value& before);

/// Runs a probe of what this computer can do at best and reads the last line of its output that
/// has `outstanding=IN_FLIGHT sagas=N/s p50=Nms` (and `mode=flush`, where it names a mode). Nothing
/// if there is none.
[[nodiscard]] std::optional<dsl::Value> floor_from(const std::string& command,
                                                   std::uint64_t in_flight, double sagas_per_s,
                                                   double p50_ms);

}  // namespace weft::app::bench
