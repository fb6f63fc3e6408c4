#include "orchestrator/engine/breaker.h"

#include <gtest/gtest.h>

#include <chrono>

namespace weft::engine {
namespace {

using std::chrono::milliseconds;

Clock::Instant at(std::int64_t ms) { return Clock::Instant(milliseconds(ms)); }

dsl::AdapterLimits breaker_limits() {
  dsl::AdapterLimits limits;
  limits.breaker_open_percent = 50;
  limits.breaker_window = 4;
  limits.breaker_cool_down_ms = 1000;
  return limits;
}

TEST(BreakerTest, OpensAtItsShareOfAFullWindow) {
  const auto limits = breaker_limits();
  Breaker breaker;
  breaker.answered(false, limits, at(0));
  breaker.answered(false, limits, at(1));
  breaker.answered(true, limits, at(2));
  EXPECT_TRUE(breaker.allows(limits, at(3))) << "three answers are no window of four";
  breaker.answered(true, limits, at(3));
  EXPECT_EQ(breaker.state(), Breaker::State::kOpen);
  EXPECT_FALSE(breaker.allows(limits, at(1002)));
  EXPECT_TRUE(breaker.allows(limits, at(1003)));
}

TEST(BreakerTest, OneTryDecides) {
  const auto limits = breaker_limits();
  Breaker breaker;
  for (int i = 0; i < 4; ++i) breaker.answered(false, limits, at(0));
  ASSERT_TRUE(breaker.allows(limits, at(1000)));
  breaker.sent();
  EXPECT_FALSE(breaker.allows(limits, at(1000))) << "one, not two";
  breaker.answered(false, limits, at(1100));
  EXPECT_FALSE(breaker.allows(limits, at(2000)));
  ASSERT_TRUE(breaker.allows(limits, at(2100)));
  breaker.sent();
  breaker.answered(true, limits, at(2200));
  EXPECT_EQ(breaker.state(), Breaker::State::kClosed);
}

TEST(BreakerTest, ATryThatNobodyHeardIsNoVerdict) {
  const auto limits = breaker_limits();
  Breaker breaker;
  for (int i = 0; i < 4; ++i) breaker.answered(false, limits, at(0));
  breaker.sent();
  breaker.undecided();
  EXPECT_TRUE(breaker.allows(limits, at(1001)));
}

TEST(BreakerTest, WithoutADefinitionItNeverOpens) {
  Breaker breaker;
  for (int i = 0; i < 100; ++i) breaker.answered(false, {}, at(0));
  EXPECT_TRUE(breaker.allows({}, at(0)));
}

// A vendor's quota holds in every window, not on average.
TEST(RateLimitTest, NeverMoreThanItsCountInAnyWindow) {
  dsl::AdapterLimits limits;
  limits.rate_count = 3;
  limits.rate_window_ms = 1000;
  RateLimit rate;
  std::vector<std::int64_t> sent;
  for (std::int64_t ms = 0; ms < 5000; ms += 10) {
    if (!rate.allows(limits, at(ms))) continue;
    rate.sent(limits, at(ms));
    sent.push_back(ms);
  }
  EXPECT_EQ(sent.size(), 15u);
  for (std::size_t i = 3; i < sent.size(); ++i) EXPECT_GE(sent[i] - sent[i - 3], 1000);
}

TEST(RateLimitTest, SaysWhenTheNextMayGo) {
  dsl::AdapterLimits limits;
  limits.rate_count = 1;
  limits.rate_window_ms = 1000;
  RateLimit rate;
  EXPECT_FALSE(rate.next(limits, at(0)));
  rate.sent(limits, at(100));
  EXPECT_EQ(rate.next(limits, at(200)), at(1100));
}

}  // namespace
}  // namespace weft::engine
