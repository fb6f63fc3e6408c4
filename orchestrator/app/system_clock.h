#pragma once  // orchestrator/app/system_clock.h

#include <chrono>

#include "orchestrator/engine/clock.h"

namespace weft::app {

/// The computer's clocks.
class SystemClock final : public engine::Clock {
 public:
  [[nodiscard]] core::Timestamp now() const override {
    return {std::chrono::duration_cast<std::chrono::milliseconds>(
                std::chrono::system_clock::now().time_since_epoch())
                .count()};
  }
  [[nodiscard]] Instant steady() const override { return std::chrono::steady_clock::now(); }
};

}  // namespace weft::app
