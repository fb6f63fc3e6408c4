#pragma once  // orchestrator/engine/clock.h

#include <algorithm>
#include <chrono>

#include "orchestrator/core/ids.h"
#include "orchestrator/core/planted.h"

namespace weft::engine {

/// The only place where time comes from. Called on the engine's thread.
class Clock {
 public:
  using Instant = std::chrono::steady_clock::time_point;

  virtual ~Clock() = default;
  /// The wall clock: UTC. It may jump in either direction.
  [[nodiscard]] virtual core::Timestamp now() const = 0;
  /// A clock that never goes back and knows nothing of days: for timeouts, rates and back-off.
  [[nodiscard]] virtual Instant steady() const = 0;
};

/// What one turn of the engine calls now.
struct Moment {
  core::Timestamp time;    ///< Engine time (SEMANTICS.md, Time).
  Clock::Instant steady{};
};

/// Engine time: starts at max(last durable time, wall clock), then advances with the steady clock
/// and follows the wall clock only forward.
class EngineTime {
 public:
  void start(core::Timestamp last_durable, const Clock& clock) {
    steady_ = clock.steady();
    time_ = std::max(last_durable, clock.now());
    rest_ = {};
  }
  [[nodiscard]] Moment read(const Clock& clock) {
    const auto steady = clock.steady();
    if (steady > steady_) {
      rest_ += steady - steady_;
      steady_ = steady;
      const auto whole = std::chrono::duration_cast<std::chrono::milliseconds>(rest_);
      rest_ -= whole;
      time_.ms += whole.count();
    }
    time_ = PLANTED(17) ? clock.now() : std::max(time_, clock.now());
    return {time_, steady_};
  }

 private:
  core::Timestamp time_;
  Clock::Instant steady_{};
  Clock::Instant::duration rest_{};  ///< Less than one millisecond, not yet added.
};

}  // namespace weft::engine
