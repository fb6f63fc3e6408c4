#pragma once  // orchestrator/engine/breaker.h

#include <cstddef>
#include <deque>
#include <optional>

#include "dsl/saga_graph.h"
#include "orchestrator/engine/clock.h"

namespace weft::engine {

/// Stops asking an adapter that fails: open when the share of failures among the last answers
/// reaches the limit; after the cool-down one task tries, and its answer closes or re-opens it.
class Breaker final {
 public:
  enum class State { kClosed, kOpen, kTrying };

  /// May a task be sent now? In the open state the first true answer is the try.
  [[nodiscard]] bool allows(const dsl::AdapterLimits& limits, Clock::Instant now) const;
  void sent();
  void answered(bool well, const dsl::AdapterLimits& limits, Clock::Instant now);
  /// The try ended without a verdict (nobody listened): another one may go.
  void undecided();

  [[nodiscard]] State state() const { return state_; }
  /// When the next try is allowed, while open.
  [[nodiscard]] std::optional<Clock::Instant> next_try() const;

 private:
  State state_ = State::kClosed;
  bool try_sent_ = false;
  Clock::Instant open_until_{};
  std::deque<bool> recent_;  ///< True: failed.
  std::size_t failures_ = 0;
};

/// At most `count` sendings in any window: the times of the last ones, so a vendor's quota holds
/// exactly and not on average.
class RateLimit final {
 public:
  [[nodiscard]] bool allows(const dsl::AdapterLimits& limits, Clock::Instant now);
  void sent(const dsl::AdapterLimits& limits, Clock::Instant now);
  /// When the next sending is allowed, if it is not now.
  [[nodiscard]] std::optional<Clock::Instant> next(const dsl::AdapterLimits& limits,
                                                   Clock::Instant now);

 private:
  void forget(const dsl::AdapterLimits& limits, Clock::Instant now);
  std::deque<Clock::Instant> sent_;
};

}  // namespace weft::engine
