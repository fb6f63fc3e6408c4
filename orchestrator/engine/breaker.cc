#include "orchestrator/engine/breaker.h"

#include <algorithm>
#include <chrono>

namespace weft::engine {

bool Breaker::allows(const dsl::AdapterLimits& limits, Clock::Instant now) const {
  if (limits.breaker_open_percent <= 0) return true;
  switch (state_) {
    case State::kClosed: return true;
    case State::kOpen: return now >= open_until_;
    case State::kTrying: return !try_sent_;
  }
  return true;
}

void Breaker::sent() {
  if (state_ == State::kClosed) return;
  state_ = State::kTrying;
  try_sent_ = true;
}

void Breaker::undecided() { try_sent_ = false; }

void Breaker::answered(bool well, const dsl::AdapterLimits& limits, Clock::Instant now) {
  if (limits.breaker_open_percent <= 0) {
    *this = Breaker();
    return;
  }
  if (state_ == State::kTrying) {
    if (well) {
      *this = Breaker();
    } else {
      state_ = State::kOpen;
      try_sent_ = false;
      open_until_ = now + std::chrono::milliseconds(limits.breaker_cool_down_ms);
    }
    return;
  }
  const auto window = static_cast<std::size_t>(std::max(1, limits.breaker_window));
  recent_.push_back(!well);
  if (!well) ++failures_;
  while (recent_.size() > window) {
    if (recent_.front()) --failures_;
    recent_.pop_front();
  }
  // A verdict needs a full window: the first failure of a day is no share of anything.
  if (state_ == State::kClosed && recent_.size() == window &&
      failures_ * 100 >= static_cast<std::size_t>(limits.breaker_open_percent) * window) {
    state_ = State::kOpen;
    try_sent_ = false;
    open_until_ = now + std::chrono::milliseconds(limits.breaker_cool_down_ms);
    recent_.clear();
    failures_ = 0;
  }
}

std::optional<Clock::Instant> Breaker::next_try() const {
  if (state_ != State::kOpen) return std::nullopt;
  return open_until_;
}

void RateLimit::forget(const dsl::AdapterLimits& limits, Clock::Instant now) {
  const auto window = std::chrono::milliseconds(limits.rate_window_ms);
  while (!sent_.empty() && sent_.front() + window <= now) sent_.pop_front();
}

bool RateLimit::allows(const dsl::AdapterLimits& limits, Clock::Instant now) {
  if (limits.rate_count <= 0) {
    sent_.clear();
    return true;
  }
  forget(limits, now);
  return sent_.size() < static_cast<std::size_t>(limits.rate_count);
}

void RateLimit::sent(const dsl::AdapterLimits& limits, Clock::Instant now) {
  if (limits.rate_count > 0) sent_.push_back(now);
}

std::optional<Clock::Instant> RateLimit::next(const dsl::AdapterLimits& limits,
                                              Clock::Instant now) {
  if (allows(limits, now)) return std::nullopt;
  const std::size_t over = sent_.size() - static_cast<std::size_t>(limits.rate_count);
  return sent_[over] + std::chrono::milliseconds(limits.rate_window_ms);
}

}  // namespace weft::engine
