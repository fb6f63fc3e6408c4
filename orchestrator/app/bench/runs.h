#pragma once  // orchestrator/app/bench/runs.h

#include <cstdint>
#include <string>

#include <tl/expected.hpp>

#include "dsl/value.h"
#include "orchestrator/app/bench/stage.h"
#include "orchestrator/app/bench/workload.h"
#include "orchestrator/app/signals.h"

namespace weft::app::bench {

struct Plan {
  std::uint64_t in_flight = 64;   ///< Closed loop; not used where `rate` is set.
  double rate = 0;                ///< Open loop: starts a second.
  double seconds = 10;            ///< Measured.
  double warm_up_seconds = 2;     ///< Before it, not measured.
  std::uint64_t count = 100'000;  ///< Sagas that wait, where the workload has such.
};

/// Keeps a workload going and measures. The error says what went wrong, or "interrupted".
[[nodiscard]] tl::expected<dsl::Value::Object, std::string> run_steadily(Stage& stage,
                                                                         const Workload& workload,
                                                                         const Plan& plan,
                                                                         Signals& signals);

/// How much `count` sagas that wait for an event slow down others, what they weigh, and how long
/// the orchestrator needs after kill -9 to work again.
[[nodiscard]] tl::expected<dsl::Value::Object, std::string> run_parked(Stage& stage,
                                                                       const Workload& workload,
                                                                       const Plan& plan,
                                                                       Signals& signals);

/// How `count` timers that come due within a minute are fired, and what that costs others.
[[nodiscard]] tl::expected<dsl::Value::Object, std::string> run_timers(Stage& stage,
                                                                       const Workload& workload,
                                                                       const Plan& plan,
                                                                       Signals& signals);

}  // namespace weft::app::bench
