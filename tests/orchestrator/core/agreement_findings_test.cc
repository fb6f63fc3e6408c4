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

const std::string kFindingsHead = R"(weft: 1
workflow: shop.order
version: 1.0.0
owner: team@shop.example
errors:
  declined: {class: business}
  sold_out: {class: business}
retries:
  twice: {errors: [transient, unknown], max_attempts: 2, delay: 1s, jitter: none}
  once: {errors: [transient, unknown], max_attempts: 1, delay: 1s, jitter: none}
defaults: {timeout: 5s, retry: twice}
)";

// `Weft-Effect: none` speaks of the key, so it also says what became of the attempt before; a
// cancel during the pause that follows must not find the step in doubt.
TEST(AgreementFindings, AConclusiveAnswerResolvesEarlierAttempts) {
  Story s(kFindingsHead + R"(steps:
  - {step: charge, call: bank.charge, retry: {max_attempts: 3, delay: 1s, jitter: none}, compensate: {call: bank.refund}}
)");
  s.start().time_out("charge").after(1000);
  s.fail("charge", failure("declined", 500, EffectClaim::kNone));
  EXPECT_NE(s.saga().find(StepPath("charge"))->state, StepState::kInDoubt);
  Story t(kFindingsHead + R"(steps:
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
  Story s(kFindingsHead + R"(steps:
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
  Story s(kFindingsHead + R"(steps:
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

const std::string kItems = kFindingsHead + R"(steps:
  - step: each
    foreach: ${ [1, 2] }
    do:
      - {step: pick, call: wms.pick, compensate: {call: wms.unpick, retry: once}}
      - {step: pack, call: wms.pack, compensate: {call: wms.unpack, retry: once}}
  - {step: closing, call: mail.send, compensate: none}
)";

// Items do not depend on each other: one that is stuck takes no place among `at_once`.
TEST(AgreementFindings, AStuckItemDoesNotHoldUpTheOthers) {
  Story s(kItems);
  s.start().reply("each[0]/pick").reply("each[0]/pack").reply("each[1]/pick").reply("each[1]/pack");
  s.refuse("closing", "declined");
  EXPECT_THAT(s.asked(), ElementsAre("undo each[1]/pack"));
  s.undo_fails("each[1]/pack");
  EXPECT_THAT(s.asked(), ElementsAre("undo each[0]/pack"));
  EXPECT_EQ(s.state(), "stuck");
}

// Skipping the stuck place lets its item go on, but not beside the one that is at work by now.
TEST(AgreementFindings, ItemsAtWorkCountWhereverTheyStand) {
  Story s(kItems);
  s.start().reply("each[0]/pick").reply("each[0]/pack").reply("each[1]/pick").reply("each[1]/pack");
  s.refuse("closing", "declined").undo_fails("each[1]/pack");
  s.command(core::SkipStep{.step = StepPath("each[1]/pack"), .output = {}});
  EXPECT_THAT(s.asked(), ElementsAre("undo each[0]/pack"));
  s.undo("each[0]/pack");
  EXPECT_THAT(s.asked(), ElementsAre("undo each[1]/pick"));
  s.undo("each[1]/pick").undo("each[0]/pick");
  EXPECT_EQ(s.state(), "compensated");
  EXPECT_EQ(s.saga().exceptions, 1);
}

const std::string kDoubtful = kFindingsHead + R"(steps:
  - step: charge
    call: bank.charge
    retry: once
    compensate: {call: bank.refund, retry: twice}
    on_error:
      - {errors: [any], do: [{step: invoice, call: erp.invoice, compensate: none}], then: continue}
)";

core::TaskReply lost() { return silence(); }

// An attempt that was given up and undone may reach the adapter after the undo: its late success is
// undone again, in a round with a retry policy of its own.
TEST(AgreementFindings, EachRoundOfUndoHasItsOwnPolicy) {
  Story s(kDoubtful);
  s.start().time_out("charge");
  s.undo("charge", EffectClaim::kAbsent);
  EXPECT_THAT(s.asked(), ElementsAre("invoice"));
  s.late("charge", 1, success());
  EXPECT_THAT(s.asked(), UnorderedElementsAre("invoice", "undo charge"));
  s.fail("undo charge", lost());
  EXPECT_NE(s.state(), "stuck");
  s.after(1000);
  EXPECT_THAT(s.asked(), UnorderedElementsAre("invoice", "undo charge"));
}

// The saga does not complete over an undo that is under way.
TEST(AgreementFindings, ASagaCompletesOnceItsRepairsAreDone) {
  Story s(kDoubtful);
  s.start().time_out("charge").undo("charge", EffectClaim::kAbsent).late("charge", 1, success());
  s.reply("invoice");
  EXPECT_EQ(s.state(), "running");
  s.undo("charge", EffectClaim::kAbsent);
  EXPECT_EQ(s.state(), "completed");
}

// The step succeeded at its second attempt and was undone; the first may have come after that.
TEST(AgreementFindings, ALateSuccessBesideAKnownOneIsUndoneToo) {
  Story s(kFindingsHead + R"(steps:
  - {step: charge, call: bank.charge, compensate: {call: bank.refund}}
  - {step: book, call: erp.book, compensate: none}
)");
  s.start().time_out("charge").after(1000).reply("charge").refuse("book", "declined");
  EXPECT_THAT(s.asked(), ElementsAre("undo charge"));
  s.late("charge", 1, success()).undo("charge", EffectClaim::kAbsent);
  EXPECT_THAT(s.asked(), ElementsAre("undo charge"));
  s.undo("charge", EffectClaim::kAbsent);
  EXPECT_EQ(s.state(), "compensated");
}

// Who skips an undo knows what came late meanwhile.
TEST(AgreementFindings, ASkipEndsAllRounds) {
  Story s(kDoubtful);
  s.start().time_out("charge").late("charge", 1, success()).undo_fails("charge");
  EXPECT_EQ(s.state(), "stuck");
  s.command(core::SkipStep{.step = StepPath("charge"), .output = {}});
  EXPECT_THAT(s.asked(), ElementsAre("invoice"));
}

// There is nothing to undo, but what happened is known at last.
TEST(AgreementFindings, ALateSuccessIsKnownAlsoWhereNothingIsToBeUndone) {
  Story s(kFindingsHead + R"(steps:
  - step: inform
    call: mail.send
    retry: once
    compensate: none
    on_error: [{errors: [any], do: [{step: later, wait: 1h}], then: continue}]
)");
  s.start().time_out("inform").late("inform", 1, success());
  EXPECT_EQ(s.saga().find(StepPath("inform"))->effect, core::Effect::kHappened);
}

// A leftover's undo is under way past the pivot when one more success comes.
TEST(AgreementFindings, ALeftoverIsUndoneAgainPastThePivot) {
  Story s(kFindingsHead + R"(resources:
  stock: {by: [sku]}
steps:
  - step: reserve
    call: stock.reserve
    holds: {stock: '${ [{sku: "A", qty: 1}] }'}
    compensate: {call: stock.release}
  - {step: ship, call: wms.ship, pivot: true}
)");
  s.start().time_out("reserve").after(1000).reply("reserve").reply("ship");
  EXPECT_THAT(s.asked(), ElementsAre("undo reserve"));
  s.late("reserve", 1, success()).undo("reserve", EffectClaim::kAbsent);
  EXPECT_THAT(s.asked(), ElementsAre("undo reserve"));
  s.undo("reserve", EffectClaim::kAbsent);
  EXPECT_EQ(s.state(), "completed");
  EXPECT_TRUE(s.ledger_empty());
}

}  // namespace
}  // namespace weft::test
