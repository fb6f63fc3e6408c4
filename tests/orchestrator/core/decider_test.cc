// What a saga means (the semantics page), told as stories: calls and their outcomes, the pivot, the start.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/orchestrator/core/order_story.h"

namespace weft::test {
namespace {

using core::EffectClaim;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Decider, LinearSagaRunsStepByStepAndCompletes) {
  Story s = order();
  s.start().reply("reserve").reply("charge").reply("book").reply("ship").reply("inform", R"({"n":1})");
  EXPECT_EQ(s.state(), "completed");
  EXPECT_EQ(s.saga().output.to_json(), R"({"n":1})");
  EXPECT_THAT(s.told(), Contains("PivotReached ship"));
  EXPECT_THAT(s.asked(), IsEmpty());
  EXPECT_EQ(s.timers(), 0u);
}

// A refusal undoes the finished steps, newest first, each of them once.
TEST(Decider, RefusalUndoesInReverseOrder) {
  Story s = order();
  s.start().reply("reserve").reply("charge").refuse("book", "declined");
  EXPECT_EQ(s.state(), "compensating");
  EXPECT_THAT(s.asked(), ElementsAre("undo charge"));
  s.undo("charge");
  EXPECT_THAT(s.asked(), ElementsAre("undo reserve"));
  s.undo("reserve");
  EXPECT_EQ(s.state(), "compensated");
  EXPECT_THAT(s.compensated(), ElementsAre("charge", "reserve"));
  EXPECT_EQ(s.saga().error.code, "declined");
}

TEST(Decider, RefusalOfTheFirstStepOwesNothingAndFails) {
  Story s = order();
  s.start().refuse("reserve", "declined");
  EXPECT_EQ(s.state(), "failed");
  EXPECT_THAT(s.asked(), IsEmpty());
}

// Declared transient, but the adapter is not fenced: only the answered attempt is known.
TEST(Decider, TransientIsRetriedWithTheSameKeyAndThenFails) {
  Story s = order();
  s.start().reply("reserve");
  s.fail("charge", failure("busy", 500, EffectClaim::kNone));
  EXPECT_THAT(s.asked(), IsEmpty());
  s.after(1000);
  EXPECT_THAT(s.asked(), ElementsAre("charge"));
  s.fail("charge", failure("busy", 500, EffectClaim::kNone));
  EXPECT_THAT(s.asked(), ElementsAre("undo reserve"));
  EXPECT_EQ(s.saga().find(core::StepPath("charge"))->state, core::StepState::kFailed);
}

// Attempts spent on silence: in doubt, and compensated as if it had happened.
TEST(Decider, UnknownOutcomeIsCompensatedLikeASuccess) {
  Story s = order();
  s.start().reply("reserve").time_out("charge").after(1000).time_out("charge");
  EXPECT_EQ(s.saga().find(core::StepPath("charge"))->state, core::StepState::kInDoubt);
  EXPECT_THAT(s.asked(), ElementsAre("undo charge"));
  s.undo("charge", EffectClaim::kNone).undo("reserve");
  EXPECT_EQ(s.state(), "compensated");
}

// A refusal of the second attempt says nothing about the first, which is still unknown.
TEST(Decider, RefusalAfterATimeoutLeavesTheStepInDoubt) {
  Story s = order();
  s.start().reply("reserve").time_out("charge").after(1000).refuse("charge", "declined");
  EXPECT_EQ(s.saga().find(core::StepPath("charge"))->state, core::StepState::kInDoubt);
  EXPECT_THAT(s.asked(), ElementsAre("undo charge"));
}

TEST(Decider, RefusalAfterATimeoutIsConclusiveFromAFencedAdapter) {
  Story s(kOrder + kFenced);
  s.start().reply("reserve").time_out("charge").after(1000).refuse("charge", "declined");
  EXPECT_EQ(s.saga().find(core::StepPath("charge"))->state, core::StepState::kFailed);
  EXPECT_THAT(s.asked(), ElementsAre("undo reserve"));
}

// One attempt only, and no blind undo: money that was never taken must not be given back.
TEST(Decider, SilenceOfAnUnsafeAdapterGoesToAPerson) {
  std::string yaml = kOrder + kFenced;
  yaml.replace(yaml.find("guarantee: fenced"), 17, "guarantee: unsafe");
  yaml.replace(yaml.find("{step: charge, call: bank.charge,"), 33,
               "{step: charge, call: bank.charge, retry: none,");
  Story s(yaml);
  s.start().reply("reserve").time_out("charge");
  EXPECT_EQ(s.state(), "stuck");
  EXPECT_THAT(s.asked(), IsEmpty());
  s.command(core::CancelSaga{});
  EXPECT_THAT(s.asked(), ElementsAre("undo charge")) << "a person has decided";
}

TEST(Decider, RefusalThatMayLeaveSomethingIsInDoubt) {
  Story s = order();
  s.start().reply("reserve").refuse("charge", "half_done");
  EXPECT_THAT(s.asked(), ElementsAre("undo charge"));
}

// The answer to attempt 1 arrives while attempt 2 is under way: any success settles the step.
TEST(Decider, AnswerToAnEarlierAttemptSettlesTheStep) {
  Story s = order();
  s.start().reply("reserve").time_out("charge").after(1000);
  s.late("charge", 1, success(R"({"id":7})"));
  EXPECT_THAT(s.asked(), ElementsAre("book"));
  EXPECT_EQ(s.output("charge").to_json(), R"({"id":7})");
}

TEST(Decider, RepeatedAnswersChangeNothing) {
  Story s = order();
  s.start().reply("reserve");
  const auto before = s.told().size();
  s.late("reserve", 1, success());
  EXPECT_TRUE(s.last().duplicate);
  EXPECT_EQ(s.told().size(), before);
}

TEST(Decider, ContradictingAnswerIsAnAnomalyAndSuccessWins) {
  Story s = order();
  s.start().reply("reserve");
  s.late("reserve", 1, failure("declined", 409));
  EXPECT_THAT(s.told(), Contains("AnomalyRecorded reserve"));
  EXPECT_EQ(s.saga().find(core::StepPath("reserve"))->effect, core::Effect::kHappened);
}

// ---- Probe ------------------------------------------------------------------------------------

const std::string kProbed = kHead + R"(steps:
  - {step: reserve, call: stock.reserve, compensate: {call: stock.release}}
  - step: charge
    call: bank.charge
    probe: {call: bank.find}
    compensate: {call: bank.refund}
)";

TEST(Decider, ProbeThatFindsTheEffectSettlesTheStep) {
  Story s(kProbed);
  s.start().reply("reserve").time_out("charge");
  EXPECT_THAT(s.asked(), ElementsAre("probe charge"));
  s.probe("charge", "done", R"({"id":7})");
  EXPECT_EQ(s.state(), "completed");
  EXPECT_EQ(s.output("charge").to_json(), R"({"id":7})");
}

TEST(Decider, ProbeThatFindsNothingReturnsToTheRetries) {
  Story s(kProbed);
  s.start().reply("reserve").time_out("charge").probe("charge", "not_done");
  EXPECT_THAT(s.asked(), IsEmpty());
  s.after(1000);
  EXPECT_THAT(s.asked(), ElementsAre("charge"));
  s.time_out("charge").probe("charge", "not_done");
  EXPECT_THAT(s.asked(), ElementsAre("undo reserve")) << "each attempt was proven not done";
}

TEST(Decider, ProbeThatDoesNotKnowIsAskedAgainAndThenInDoubt) {
  Story s(kProbed);
  s.start().reply("reserve").time_out("charge").probe("charge", "in_progress").after(1000);
  s.probe("charge", "unknown");
  EXPECT_THAT(s.asked(), ElementsAre("undo charge"));
}

// The attempt's own answer came while it was asked about, and says what no probe could.
TEST(Decider, ALateRefusalEndsTheDoubtOfAProbeThatDoesNotKnow) {
  Story s(kProbed);
  s.start().reply("reserve").time_out("charge").late("charge", 1, failure("declined", 409));
  s.probe("charge", "in_progress").after(1000).probe("charge", "unknown");
  EXPECT_THAT(s.asked(), ElementsAre("undo reserve")) << "the only attempt was refused";
}

// A handler that throws after its commit answers 500: that is no answer to what it did.
TEST(Decider, ALateErrorOfUnknownEffectAnswersNothing) {
  Story s = order();
  s.start().reply("reserve").time_out("charge").after(1000);
  s.late("charge", 1, failure("", 500)).refuse("charge", "declined");
  EXPECT_THAT(s.asked(), ElementsAre("undo charge")) << "the first attempt may have charged";
}

// ---- The pivot --------------------------------------------------------------------------------

TEST(Decider, PivotRefusedForGoodCompensates) {
  Story s = order();
  s.start().reply("reserve").reply("charge").reply("book").refuse("ship", "declined");
  EXPECT_THAT(s.asked(), ElementsAre("undo book"));
}

TEST(Decider, PivotInDoubtIsStuckAndClearedByALateReply) {
  Story s = order();
  s.start().reply("reserve").reply("charge").reply("book").time_out("ship").after(1000).time_out("ship");
  EXPECT_EQ(s.state(), "stuck");
  EXPECT_THAT(s.asked(), IsEmpty());
  s.late("ship", 1, success());
  EXPECT_THAT(s.asked(), ElementsAre("inform"));
  EXPECT_EQ(s.state(), "running");
}

// A refusal leaves nothing, but it is not remembered: what was refused first may be done by the
// attempt after it, and the refusal may arrive last.
TEST(Decider, ALateRefusalOfAnEarlierAttemptProvesNothingOfThePivot) {
  Story s(R"(weft: 1
workflow: test.late_refusal
version: 1.0.0
owner: test@shop.example
steps:
  - {step: reserve, call: shop.reserve, compensate: {call: shop.release}}
  - {step: ship, call: shop.ship, pivot: true, retry: {max_attempts: 2, delay: 1s, jitter: none}}
---
weft: 1
adapter: shop
owner: shop@shop.example
guarantee: fenced
)");
  s.start().reply("reserve").time_out("ship").after(1000).time_out("ship");
  EXPECT_EQ(s.state(), "stuck");
  s.late("ship", 1, failure("out_of_stock", 409));
  EXPECT_EQ(s.state(), "stuck") << "the second attempt may have shipped";
  EXPECT_THAT(s.asked(), IsEmpty());
  s.late("ship", 2, failure("out_of_stock", 409));
  EXPECT_THAT(s.asked(), ElementsAre("undo reserve")) << "the last word of a fenced adapter counts";
}

TEST(Decider, AfterThePivotARefusalIsStuckNeverCompensated) {
  Story s = order();
  s.start().reply("reserve").reply("charge").reply("book").reply("ship").refuse("inform", "declined");
  EXPECT_EQ(s.state(), "stuck");
  s.command(core::SkipStep{core::StepPath("inform"), dsl::Value(1)});
  EXPECT_EQ(s.state(), "completed");
}

TEST(Decider, CancelAfterThePivotIsRefused) {
  Story s = order();
  s.start().reply("reserve").reply("charge").reply("book").reply("ship");
  s.command(core::CancelSaga{});
  ASSERT_TRUE(s.refused().has_value());
  EXPECT_EQ(s.refused()->code, core::Rejection::Code::kPastPivot);
}

// While the pivot may have been executed, cancel waits for it; its success wins.
TEST(Decider, CancelDuringThePivotWaitsForItsAnswer) {
  Story s = order();
  s.start().reply("reserve").reply("charge").reply("book");
  s.command(core::CancelSaga{});
  EXPECT_FALSE(s.refused().has_value());
  EXPECT_TRUE(s.withdrawn("ship"));
  EXPECT_THAT(s.asked(), ElementsAre("ship"));
  s.reply("ship");
  EXPECT_THAT(s.asked(), ElementsAre("inform"));
}

TEST(Decider, CancelDuringThePivotUndoesWhenItWasNeverSent) {
  Story s = order();
  s.start().reply("reserve").reply("charge").reply("book");
  s.command(core::CancelSaga{}).not_sent("ship");
  EXPECT_THAT(s.asked(), ElementsAre("undo book"));
  s.undo("book").undo("charge").undo("reserve");
  EXPECT_EQ(s.state(), "compensated");
}

TEST(Decider, CancelDuringThePivotUndoesWhenItIsRefused) {
  Story s = order();
  s.start().reply("reserve").reply("charge").reply("book");
  s.command(core::CancelSaga{}).refuse("ship", "declined");
  EXPECT_THAT(s.asked(), ElementsAre("undo book"));
}

// ---- Start ------------------------------------------------------------------------------------

TEST(Decider, QueuedSagaWaitsItsTurnAndCanBeCancelled) {
  Story s(kHead + R"(ordering_key: ${ .customer }
steps:
  - {step: first, call: a.first, compensate: none}
)", R"({"customer":"c1"})");
  s.start();
  EXPECT_EQ(s.state(), "queued");
  s.command(core::RunSaga{}, "");
  EXPECT_THAT(s.asked(), ElementsAre("first"));
  Story cancelled(kHead + R"(ordering_key: ${ .customer }
steps:
  - {step: first, call: a.first, compensate: none}
)", R"({"customer":"c1"})");
  cancelled.start();
  cancelled.command(core::CancelSaga{});
  EXPECT_EQ(cancelled.state(), "failed");
}

TEST(Decider, StatusFollowsTheWorkflowAndAWaitLiesOverIt) {
  Story s(kHead + R"(statuses: [accepted, pending-allocation, reserved, rejected]
steps:
  - step: reserve
    call: stock.reserve
    on_wait: {after: 2s, status: pending-allocation}
    on_success: {status: reserved}
    compensate: {call: stock.release}
  - {step: charge, call: bank.charge, compensate: none}
on_compensated: {status: rejected}
)");
  s.start();
  EXPECT_EQ(s.status(), "accepted");
  s.command(core::ReportWaiting{core::StepPath("reserve"), 1}, "");
  EXPECT_EQ(s.status(), "pending-allocation");
  s.command(core::ReportWaitEnded{core::StepPath("reserve"), 1}, "");
  EXPECT_EQ(s.status(), "accepted");
  s.reply("reserve");
  EXPECT_EQ(s.status(), "reserved");
  s.refuse("charge", "declined").undo("reserve");
  EXPECT_EQ(s.status(), "rejected");
}

}  // namespace
}  // namespace weft::test
