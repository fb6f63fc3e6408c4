// What the reference model and the decider once disagreed on, each as a short story.

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/story.h"

namespace weft::test {
namespace {

using core::EffectClaim;
using core::StepPath;
using core::StepState;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

const std::string kHead = R"(weft: 1
workflow: shop.order
version: 1.0.0
owner: team@shop.example
errors:
  declined: {class: business}
  sold_out: {class: business}
retries:
  twice: {errors: [transient, unknown], max_attempts: 2, delay: 1s, jitter: none}
  once: {errors: [], max_attempts: 1, delay: 1s, jitter: none}
defaults: {timeout: 5s, retry: twice}
)";

// `Weft-Effect: none` speaks of the key, so it also says what became of the attempt before; a
// cancel during the pause that follows must not find the step in doubt.
TEST(AgreementFindings, AConclusiveAnswerResolvesEarlierAttempts) {
  Story s(kHead + R"(steps:
  - {step: charge, call: bank.charge, retry: {max_attempts: 3, delay: 1s, jitter: none}, compensate: {call: bank.refund}}
)");
  s.start().time_out("charge").after(1000);
  s.fail("charge", failure("declined", 500, EffectClaim::kNone));
  EXPECT_NE(s.saga().find(StepPath("charge"))->state, StepState::kInDoubt);
  Story t(kHead + R"(steps:
  - {step: charge, call: bank.charge, retry: {max_attempts: 3, delay: 1s, jitter: none}, compensate: {call: bank.refund}}
)");
  t.start().time_out("charge").after(1000);
  t.fail("charge", failure("", 500, EffectClaim::kNone));
  t.command(core::CancelSaga{});
  EXPECT_EQ(t.saga().find(StepPath("charge"))->state, StepState::kFailed);
  EXPECT_EQ(t.state(), "failed");
}

// `failed` means that nothing was owed. Here something was, and a person undid it.
TEST(AgreementFindings, WhatAPersonUndidEndsCompensated) {
  Story s(kHead + R"(steps:
  - {step: charge, call: bank.charge, compensate: manual}
  - {step: book, call: erp.book, compensate: none}
)");
  s.start().reply("charge").refuse("book", "declined");
  EXPECT_EQ(s.state(), "stuck");
  s.command(core::MarkUndone{StepPath("charge")});
  EXPECT_EQ(s.state(), "compensated");
  EXPECT_EQ(s.saga().exceptions, 0);
}

// A race that nobody wins fails with its last error: last in time, not in the order of branches.
TEST(AgreementFindings, ARaceFailsWithTheErrorThatCameLast) {
  Story s(kHead + R"(steps:
  - step: either
    race: true
    parallel:
      - {step: north, call: wms.pick, compensate: none}
      - {step: south, call: wms.pick, compensate: none}
    on_error:
      - {errors: [sold_out], do: [{step: apologise, call: mail.send, compensate: none}], then: continue}
)");
  s.start().refuse("south", "declined").refuse("north", "sold_out");
  EXPECT_THAT(s.asked(), ElementsAre("apologise"));
}

const std::string kItems = kHead + R"(steps:
  - step: each
    foreach: ${ [1, 2] }
    do:
      - {step: pick, call: wms.pick, compensate: {call: wms.unpick, retry: once}}
      - {step: pack, call: wms.pack, compensate: {call: wms.unpack, retry: once}}
  - {step: last, call: mail.send, compensate: none}
)";

// Items do not depend on each other: one that is stuck takes no place among `at_once`.
TEST(AgreementFindings, AStuckItemDoesNotHoldUpTheOthers) {
  Story s(kItems);
  s.start().reply("each[0]/pick").reply("each[0]/pack").reply("each[1]/pick").reply("each[1]/pack");
  s.refuse("last", "declined");
  EXPECT_THAT(s.asked(), ElementsAre("undo each[1]/pack"));
  s.undo_fails("each[1]/pack");
  EXPECT_THAT(s.asked(), ElementsAre("undo each[0]/pack"));
  EXPECT_EQ(s.state(), "stuck");
}

// Skipping the stuck place lets its item go on, but not beside the one that is at work by now.
TEST(AgreementFindings, ItemsAtWorkCountWhereverTheyStand) {
  Story s(kItems);
  s.start().reply("each[0]/pick").reply("each[0]/pack").reply("each[1]/pick").reply("each[1]/pack");
  s.refuse("last", "declined").undo_fails("each[1]/pack");
  s.command(core::SkipStep{.step = StepPath("each[1]/pack"), .output = {}});
  EXPECT_THAT(s.asked(), ElementsAre("undo each[0]/pack"));
  s.undo("each[0]/pack").undo("each[0]/pick").undo("each[1]/pick");
  EXPECT_EQ(s.state(), "compensated");
  EXPECT_EQ(s.saga().exceptions, 1);
}

}  // namespace
}  // namespace weft::test
