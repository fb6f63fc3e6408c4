#pragma once  // orchestrator/sim/sim_clock.h

#include <chrono>
#include <cstdint>

#include "orchestrator/engine/clock.h"

namespace weft::sim {

/// Time as the virtual world says. The wall clock may lie; the steady one never goes back.
class SimClock final : public engine::Clock {
 public:
  explicit SimClock(std::int64_t wall_ms) : wall_ms_(wall_ms) {}

  [[nodiscard]] core::Timestamp now() const override { return {wall_ms_}; }
  [[nodiscard]] Instant steady() const override {
    return Instant(std::chrono::milliseconds(steady_ms_));
  }

  /// Both clocks advance.
  void advance(std::int64_t ms) {
    wall_ms_ += ms;
    steady_ms_ += ms;
  }
  /// Somebody sets the wall clock; `ms` may be negative.
  void jump_wall(std::int64_t ms) { wall_ms_ += ms; }
  [[nodiscard]] std::int64_t steady_ms() const { return steady_ms_; }

 private:
  std::int64_t wall_ms_;
  std::int64_t steady_ms_ = 0;
};

}  // namespace weft::sim
