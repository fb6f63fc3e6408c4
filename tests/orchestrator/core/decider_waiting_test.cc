// Steps that wait for the world, as stories: listen, signals, time, pending work.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/orchestrator/core/order_story.h"

namespace weft::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// ---- Waiting ----------------------------------------------------------------------------------

const std::string kListen = kHead + R"(steps:
  - {step: ask, call: a.ask, compensate: {call: a.undo}}
  - step: answer
    listen: paid
    correlate: {event: '${ $event.id }', equals: '${ $ask.id }'}
    filter: ${ $event.ok }
    timeout: 1h
    on_timeout: {raise: declined}
)";

TEST(Decider, ListenTakesTheMatchingEventOnce) {
  Story s(kListen);
  s.start().reply("ask", R"({"id":"x"})");
  EXPECT_EQ(s.state(), "waiting");
  s.event("paid", "y", R"({"id":"y","ok":true})", "e0");
  EXPECT_FALSE(s.last().matched);
  s.event("paid", "x", R"({"id":"x","ok":false})", "e1");
  EXPECT_FALSE(s.last().matched) << "the filter does not hold";
  s.event("paid", "x", R"({"id":"x","ok":true})", "e2");
  EXPECT_TRUE(s.last().matched);
  EXPECT_EQ(s.state(), "completed");
  EXPECT_EQ(s.timers(), 0u);
}

TEST(Decider, ListenThatHearsNothingTakesItsTimeout) {
  Story s(kListen);
  s.start().reply("ask", R"({"id":"x"})").after(3'600'000);
  EXPECT_THAT(s.asked(), ElementsAre("undo ask"));
  EXPECT_EQ(s.saga().error.code, "declined");
}

TEST(Decider, EarlySignalStaysUntilSomebodyListens) {
  Story s(kHead + R"(steps:
  - {step: ask, call: a.ask, compensate: none}
  - {step: go, listen: approved, timeout: 1h, on_timeout: continue}
)");
  s.start().signal("approved", R"({"by":"eve"})", "s1");
  s.signal("approved", R"({"by":"eve"})", "s1");
  EXPECT_TRUE(s.last().duplicate);
  s.reply("ask");
  EXPECT_EQ(s.state(), "completed");
  EXPECT_EQ(s.saga().output.to_json(), R"({"by":"eve"})");
}

TEST(Decider, WaitEndsByItsTimerNeverEarly) {
  Story s(kHead + R"(steps:
  - {step: pause, wait: 10m}
)");
  s.start().after(599'999);
  EXPECT_EQ(s.state(), "waiting");
  s.command(core::FireTimer{"due:pause"}, "");
  EXPECT_EQ(s.state(), "waiting") << "a timer that fires early is set again";
  s.after(1);
  EXPECT_EQ(s.state(), "completed");
}

const std::string kPending = kHead + R"(steps:
  - {step: first, call: a.first, compensate: {call: a.undo}}
  - step: ship
    call: a.ship
    compensate: {call: a.undo}
    completes: {within: 1h, heartbeat: 5m}
)";

TEST(Decider, PendingWorkIsCompletedByToken) {
  Story s(kPending);
  s.start().reply("first").pending("ship");
  EXPECT_THAT(s.asked(), IsEmpty());
  EXPECT_EQ(s.state(), "waiting");
  s.late("ship", 1, success(R"({"parcel":9})"));
  EXPECT_EQ(s.state(), "completed");
}

TEST(Decider, PendingWorkThatFallsSilentIsUnknown) {
  Story s(kPending);
  s.start().reply("first").pending("ship").after(3'600'000).after(1000);
  EXPECT_THAT(s.asked(), ElementsAre("ship")) << "a second attempt, same key";
}

TEST(Decider, CancelGivesPendingWorkUpInDoubt) {
  Story s(kPending);
  s.start().reply("first").pending("ship");
  s.command(core::CancelSaga{});
  EXPECT_THAT(s.asked(), ElementsAre("undo ship"));
}

TEST(Decider, UndeclaredPendingAnswerIsInvalid) {
  Story s = order();
  s.start().pending("reserve");
  EXPECT_EQ(s.state(), "stuck");
  EXPECT_EQ(s.saga().stuck.begin()->second.error.error_class, "invalid");
}

}  // namespace
}  // namespace weft::test
