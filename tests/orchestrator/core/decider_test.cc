// What a saga means (the semantics page), told as stories.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/story.h"

namespace weft::test {
namespace {

using core::EffectClaim;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

const std::string kHead = R"(weft: 1
workflow: shop.order
version: 1.0.0
owner: team@shop.example
errors:
  declined: {class: business}
  busy: {class: transient}
  half_done: {class: business, effect: perhaps}
retries:
  twice: {errors: [transient, unknown], max_attempts: 2, delay: 1s, jitter: none}
defaults: {timeout: 5s, retry: twice}
)";

// reserve -> charge -> book, then the pivot ship, then notify.
const std::string kOrder = kHead + R"(steps:
  - {step: reserve, call: stock.reserve, compensate: {call: stock.release}}
  - {step: charge, call: bank.charge, compensate: {call: bank.refund}}
  - {step: book, call: erp.book, compensate: {call: erp.cancel}}
  - {step: ship, call: wms.ship, pivot: true}
  - {step: inform, call: mail.send}
)";

const std::string kFenced = R"(
---
weft: 1
adapter: bank
owner: bank@shop.example
guarantee: fenced
)";

Story order() { return Story(kOrder); }

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

// ---- Cancel, deadline, late replies -----------------------------------------------------------

TEST(Decider, CancelWaitsForWhatWasSentAndUndoesIt) {
  Story s = order();
  s.start().reply("reserve");
  s.command(core::CancelSaga{});
  EXPECT_THAT(s.asked(), ElementsAre("charge")) << "sent: awaited, not retried";
  s.reply("charge");
  EXPECT_THAT(s.asked(), ElementsAre("undo charge"));
  s.undo("charge").undo("reserve");
  EXPECT_EQ(s.state(), "compensated");
}

TEST(Decider, CancelTakesBackWhatWasNotSent) {
  Story s = order();
  s.start().reply("reserve");
  s.command(core::CancelSaga{}).not_sent("charge");
  EXPECT_THAT(s.asked(), ElementsAre("undo reserve"));
}

TEST(Decider, CancelDuringCompensationChangesNothing) {
  Story s = order();
  s.start().reply("reserve").refuse("charge", "declined");
  s.command(core::CancelSaga{});
  EXPECT_FALSE(s.refused().has_value());
  EXPECT_THAT(s.asked(), ElementsAre("undo reserve"));
  s.undo("reserve");
  EXPECT_EQ(s.state(), "compensated");
}

TEST(Decider, TimeoutWhileSettlingIsInDoubtAndUndone) {
  Story s = order();
  s.start().reply("reserve");
  s.command(core::CancelSaga{}).time_out("charge");
  EXPECT_THAT(s.asked(), ElementsAre("undo charge"));
}

// The undo found nothing, then the forward call arrived after all at an adapter without a fence.
TEST(Decider, SuccessAfterAnEmptyUndoIsUndoneAgain) {
  Story s = order();
  s.start().reply("reserve").time_out("charge").after(1000).time_out("charge");
  s.undo("charge", EffectClaim::kNone).undo("reserve");
  EXPECT_EQ(s.state(), "compensated");
  s.late("charge", 2, success());
  EXPECT_EQ(s.state(), "compensated") << "terminal states never change";
  EXPECT_THAT(s.asked(), ElementsAre("undo charge"));
  s.undo("charge");
  EXPECT_THAT(s.asked(), IsEmpty());
  EXPECT_EQ(s.saga().find(core::StepPath("charge"))->compensation.round, 2);
  s.late("charge", 2, success());
  EXPECT_TRUE(s.last().duplicate) << "recorded once per attempt";
}

TEST(Decider, SuccessAfterTheUndoOfAFencedAdapterNeedsNoRepair) {
  Story s(kOrder + kFenced);
  s.start().reply("reserve").time_out("charge").after(1000).time_out("charge");
  s.undo("charge", EffectClaim::kNone).undo("reserve");
  s.late("charge", 2, success());
  EXPECT_THAT(s.asked(), IsEmpty());
}

TEST(Decider, DeadlineCompensatesBeforeThePivotAndIsStuckAfterIt) {
  const std::string yaml = kHead + R"(deadline: 1h
steps:
  - {step: reserve, call: stock.reserve, compensate: {call: stock.release}}
  - {step: ship, call: wms.ship, pivot: true}
  - {step: inform, call: mail.send}
)";
  Story before(yaml);
  before.start().after(3'600'000).reply("reserve").undo("reserve");
  EXPECT_EQ(before.state(), "compensated");
  EXPECT_EQ(before.saga().error.code, "deadline_exceeded");
  Story after(yaml);
  after.start().reply("reserve").reply("ship").after(3'600'000);
  EXPECT_EQ(after.state(), "stuck");
  after.reply("inform");
  EXPECT_EQ(after.state(), "completed");
}

// ---- Undo that fails --------------------------------------------------------------------------

TEST(Decider, FailedUndoIsStuckAndEverythingBeforeItWaits) {
  Story s = order();
  s.start().reply("reserve").reply("charge").refuse("book", "declined").undo_fails("charge");
  EXPECT_EQ(s.state(), "stuck");
  EXPECT_THAT(s.asked(), IsEmpty());
  s.command(core::RetryStep{}).undo("charge").undo("reserve");
  EXPECT_EQ(s.state(), "compensated");
  EXPECT_EQ(s.saga().exceptions, 0);
}

TEST(Decider, SkippedUndoIsAnException) {
  Story s = order();
  s.start().reply("reserve").reply("charge").refuse("book", "declined").undo_fails("charge");
  s.command(core::SkipStep{}).undo("reserve");
  EXPECT_EQ(s.state(), "compensated");
  EXPECT_EQ(s.saga().exceptions, 1);
}

TEST(Decider, UndoIsRetriedByItsPolicy) {
  Story s = order();
  s.start().reply("reserve").refuse("charge", "declined").time_out("undo reserve").after(1000);
  EXPECT_THAT(s.asked(), ElementsAre("undo reserve"));
  s.undo("reserve");
  EXPECT_EQ(s.state(), "compensated");
}

TEST(Decider, ManualUndoAsksAPerson) {
  Story s(kHead + R"(steps:
  - {step: reserve, call: stock.reserve, compensate: manual}
  - {step: charge, call: bank.charge, compensate: none}
)");
  s.start().reply("reserve").refuse("charge", "declined");
  EXPECT_EQ(s.state(), "stuck");
  s.command(core::ResumeStep{});
  EXPECT_EQ(s.state(), "compensated");
  EXPECT_EQ(s.saga().exceptions, 0);
}

// ---- Parallel, race, foreach, repeat ----------------------------------------------------------

const std::string kParallel = kHead + R"(steps:
  - {step: first, call: a.first, compensate: {call: a.undo}}
  - step: both
    parallel:
      left:
        - {step: l1, call: a.l1, compensate: {call: a.undo}}
        - {step: l2, call: a.l2, compensate: {call: a.undo}}
      right:
        - {step: r1, call: a.r1, compensate: {call: a.undo}}
  - {step: final, call: a.final, compensate: none}
)";

TEST(Decider, ParallelBranchesRunTogetherAndYieldAnObject) {
  Story s(kParallel);
  s.start().reply("first");
  EXPECT_THAT(s.asked(), UnorderedElementsAre("l1", "r1"));
  s.reply("r1", R"({"r":1})").reply("l1").reply("l2", R"({"l":2})");
  EXPECT_EQ(s.output("both").to_json(), R"({"left":{"l":2},"right":{"r":1}})");
  EXPECT_THAT(s.asked(), ElementsAre("final"));
}

// Branches are undone together, each newest first, and only then what precedes them.
TEST(Decider, ParallelIsUndoneByBranchThenWhatPrecedesIt) {
  Story s(kParallel);
  s.start().reply("first").reply("l1").reply("l2").reply("r1").refuse("final", "declined");
  EXPECT_THAT(s.asked(), UnorderedElementsAre("undo l2", "undo r1"));
  s.undo("l2");
  EXPECT_THAT(s.asked(), UnorderedElementsAre("undo r1", "undo l1"));
  s.undo("l1");
  EXPECT_THAT(s.asked(), ElementsAre("undo r1"));
  s.undo("r1").undo("first");
  EXPECT_EQ(s.state(), "compensated");
}

TEST(Decider, ErrorInOneBranchWaitsForTheOtherAndUndoesBoth) {
  Story s(kParallel);
  s.start().reply("first").reply("l1").refuse("r1", "declined");
  EXPECT_THAT(s.asked(), ElementsAre("l2"));
  s.reply("l2");
  EXPECT_THAT(s.asked(), ElementsAre("undo l2"));
  s.undo("l2").undo("l1").undo("first");
  EXPECT_EQ(s.state(), "compensated");
}

// Independent undos go on while one is stuck.
TEST(Decider, StuckUndoOfOneBranchDoesNotStopTheOther) {
  Story s(kParallel);
  s.start().reply("first").reply("l1").reply("l2").reply("r1").refuse("final", "declined");
  s.undo_fails("r1");
  EXPECT_EQ(s.state(), "stuck");
  s.undo("l2").undo("l1");
  EXPECT_THAT(s.asked(), IsEmpty()) << "first precedes both branches and waits";
  s.command(core::RetryStep{}).undo("r1").undo("first");
  EXPECT_EQ(s.state(), "compensated");
}

TEST(Decider, RaceIsWonOnceAndItsLosersAreUndone) {
  Story s(kHead + R"(steps:
  - step: quote
    race: true
    parallel:
      - {step: dhl, call: a.dhl, compensate: {call: a.undo}}
      - {step: ups, call: a.ups, compensate: {call: a.undo}}
  - {step: final, call: a.final, compensate: none}
)");
  s.start().reply("dhl", R"({"p":5})");
  EXPECT_TRUE(s.withdrawn("ups"));
  EXPECT_THAT(s.asked(), ElementsAre("ups"));
  s.reply("ups");
  EXPECT_THAT(s.asked(), ElementsAre("undo ups"));
  s.undo("ups");
  EXPECT_THAT(s.asked(), ElementsAre("final"));
  EXPECT_EQ(s.output("quote").to_json(), R"({"winner":"dhl","output":{"p":5}})");
  s.refuse("final", "declined");
  EXPECT_THAT(s.asked(), ElementsAre("undo dhl"));
}

TEST(Decider, RaceFailsWithItsLastError) {
  Story s(kHead + R"(steps:
  - step: quote
    race: true
    parallel:
      - {step: dhl, call: a.dhl, compensate: {call: a.undo}}
      - {step: ups, call: a.ups, compensate: {call: a.undo}}
)");
  s.start().refuse("ups", "declined").refuse("dhl", "half_done");
  EXPECT_THAT(s.asked(), ElementsAre("undo dhl"));
  s.undo("dhl");
  EXPECT_EQ(s.state(), "compensated");
  EXPECT_EQ(s.saga().error.code, "half_done");
}

const std::string kForeach = kHead + R"(steps:
  - step: pick_all
    foreach: ${ .lines }
    as: line
    at_once: 2
    tolerate: [declined]
    do:
      - step: pick
        call: wms.pick
        with: {sku: '${ $line.sku }', place: '${ $index }'}
        compensate: {call: wms.put_back}
  - {step: final, call: a.final, with: {n: '${ $pick_all | length }'}, compensate: none}
)";

TEST(Decider, ForeachRunsAtMostSoManyAtOnceAndToleratesADeclaredCode) {
  Story s(kForeach, R"({"lines":[{"sku":"a"},{"sku":"b"},{"sku":"c"}]})");
  s.start();
  EXPECT_THAT(s.asked(), ElementsAre("pick_all[0]/pick", "pick_all[1]/pick"));
  EXPECT_EQ(s.task_input("pick_all[1]/pick"), R"({"sku":"b","place":1})");
  s.refuse("pick_all[1]/pick", "declined");
  EXPECT_THAT(s.asked(), ElementsAre("pick_all[0]/pick", "pick_all[2]/pick"));
  s.reply("pick_all[2]/pick", R"({"ok":1})").reply("pick_all[0]/pick", R"({"ok":0})");
  EXPECT_THAT(s.asked(), ElementsAre("final"));
  const dsl::Value rows = s.output("pick_all");
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows.as_array()[0].string_or("outcome", ""), "succeeded");
  EXPECT_EQ(rows.as_array()[1].string_or("outcome", ""), "failed");
  EXPECT_EQ(rows.as_array()[1].find("error")->string_or("code", ""), "declined");
  s.refuse("final", "declined");
  EXPECT_THAT(s.asked(), UnorderedElementsAre("undo pick_all[0]/pick", "undo pick_all[2]/pick"));
}

TEST(Decider, ForeachThatExceedsItsToleranceFailsAtOnce) {
  Story s(kForeach, R"({"lines":[{"sku":"a"},{"sku":"b"},{"sku":"c"}]})");
  s.start().refuse("pick_all[0]/pick", "half_done");
  s.undo("pick_all[0]/pick");
  EXPECT_THAT(s.asked(), ElementsAre("pick_all[1]/pick")) << "awaited; the third is never begun";
  s.reply("pick_all[1]/pick").undo("pick_all[1]/pick");
  EXPECT_EQ(s.state(), "compensated");
}

TEST(Decider, EmptyForeachYieldsAnEmptyList) {
  Story s(kForeach, R"({"lines":[]})");
  s.start();
  EXPECT_EQ(s.task_input("final"), R"({"n":0})");
}

TEST(Decider, LongForeachOfStepsWithoutWorkIsCutIntoTurns) {
  Story s(kHead + R"(steps:
  - step: all
    foreach: ${ [range(3000)] }
    do:
      - {step: twice, set: {v: '${ $item * 2 }'}}
)");
  s.start();
  EXPECT_EQ(s.state(), "running");
  EXPECT_LT(s.last().events.size(), 1100u);
  s.after(0);
  EXPECT_EQ(s.state(), "completed");
  EXPECT_EQ(s.output("all").as_array()[2999].find("output")->integer_or("v", 0), 5998);
}

TEST(Decider, RepeatRunsUntilItsConditionHolds) {
  Story s(kHead + R"(steps:
  - step: poll
    repeat:
      do:
        - {step: ask, call: a.ask, with: {round: '${ $index }', before: '${ $last.n // 0 }'}, compensate: none}
      until: ${ $ask.ready }
      at_most: 3
      every: 10s
    on_timeout: {raise: exhausted}
)");
  s.start();
  EXPECT_EQ(s.task_input("poll[0]/ask"), R"({"round":0,"before":0})");
  s.reply("poll[0]/ask", R"({"ready":false,"n":4})");
  EXPECT_THAT(s.asked(), IsEmpty());
  s.after(10'000);
  EXPECT_EQ(s.task_input("poll[1]/ask"), R"({"round":1,"before":4})");
  s.reply("poll[1]/ask", R"({"ready":true,"n":5})");
  EXPECT_EQ(s.state(), "completed");
  EXPECT_EQ(s.saga().output.to_json(), R"({"ready":true,"n":5})");
}

TEST(Decider, RepeatThatIsSpentRaisesExhausted) {
  Story s(kHead + R"(steps:
  - step: poll
    repeat:
      do:
        - {step: ask, call: a.ask, compensate: {call: a.undo}}
      until: ${ false }
      at_most: 2
    on_timeout: {raise: exhausted}
)");
  s.start().reply("poll[0]/ask").reply("poll[1]/ask");
  EXPECT_THAT(s.asked(), ElementsAre("undo poll[1]/ask"));
  s.undo("poll[1]/ask").undo("poll[0]/ask");
  EXPECT_EQ(s.saga().error.code, "exhausted");
}

// ---- on_error ---------------------------------------------------------------------------------

TEST(Decider, ErrorRouteContinuesWithItsResult) {
  Story s(kHead + R"(steps:
  - {step: first, call: a.first, compensate: {call: a.undo}}
  - step: extra
    call: a.extra
    compensate: {call: a.undo}
    on_error:
      - {errors: [declined], result: '${ {used: false, why: $error.code} }', then: continue}
  - {step: final, call: a.final, with: {x: '${ $extra.why }'}, compensate: none}
)");
  s.start().reply("first").refuse("extra", "declined");
  EXPECT_EQ(s.task_input("final"), R"({"x":"declined"})");
}

// Undone first, then the route: an error route never sees half a block.
TEST(Decider, BlockIsUndoneBeforeItsErrorRouteRuns) {
  Story s(kHead + R"(steps:
  - {step: first, call: a.first, compensate: {call: a.undo}}
  - step: block
    do:
      - {step: b1, call: a.b1, compensate: {call: a.undo}}
      - {step: b2, call: a.b2, compensate: {call: a.undo}}
    on_error:
      - errors: [any]
        do:
          - {step: instead, call: a.instead, compensate: {call: a.undo}}
        then: continue
  - {step: final, call: a.final, compensate: none}
)");
  s.start().reply("first").reply("b1").refuse("b2", "declined");
  EXPECT_THAT(s.asked(), ElementsAre("undo b1"));
  s.undo("b1");
  EXPECT_THAT(s.asked(), ElementsAre("instead"));
  s.reply("instead");
  EXPECT_THAT(s.asked(), ElementsAre("final"));
  s.refuse("final", "declined");
  EXPECT_THAT(s.asked(), ElementsAre("undo instead")) << "the route's own work is owed as well";
  s.undo("instead").undo("first");
  EXPECT_EQ(s.state(), "compensated");
}

TEST(Decider, InDoubtCallIsUndoneBeforeItsRoute) {
  Story s(kHead + R"(steps:
  - step: extra
    call: a.extra
    compensate: {call: a.undo}
    on_error:
      - {errors: [unknown], result: '${ null }', then: continue}
  - {step: final, call: a.final, compensate: none}
)");
  s.start().time_out("extra").after(1000).time_out("extra");
  EXPECT_THAT(s.asked(), ElementsAre("undo extra"));
  s.undo("extra");
  EXPECT_THAT(s.asked(), ElementsAre("final"));
}

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

// ---- Resources --------------------------------------------------------------------------------

const std::string kLedger = kHead + R"(resources:
  stock: {by: [sku]}
steps:
  - step: reserve
    call: stock.reserve
    with: {lines: '${ .lines }'}
    holds: {stock: '${ ($reply // $with).lines }'}
    compensate: {call: stock.release, with: {lines: '${ $held.stock }'}}
  - step: trim
    when: ${ .trim != null }
    call: stock.trim
    with: {lines: '${ .trim }'}
    releases: {stock: '${ $with.lines }'}
    compensate: none
  - {step: ship, call: wms.ship, pivot: true, consumes: {stock: '${ $reply.lines }'}}
)";

TEST(Decider, LedgerIsEmptyAtTheEndAndLeftoversGoBack) {
  Story s(kLedger, R"({"lines":[{"sku":"a","qty":5},{"sku":"b","qty":1}],"trim":null})");
  s.start().reply("reserve", R"({"lines":[{"sku":"a","qty":5},{"sku":"b","qty":1}]})");
  s.reply("ship", R"({"lines":[{"sku":"a","qty":3}]})");
  EXPECT_THAT(s.asked(), ElementsAre("undo reserve")) << "what was not shipped is given back";
  EXPECT_EQ(s.task_input("undo reserve"), R"({"lines":[{"sku":"a","qty":2},{"sku":"b","qty":1}]})");
  s.undo("reserve");
  EXPECT_EQ(s.state(), "completed");
  EXPECT_TRUE(s.ledger_empty());
}

// The double release of magento/inventory#1881: what was given back is not given back again.
TEST(Decider, NothingIsGivenBackTwice) {
  Story s(kLedger, R"({"lines":[{"sku":"a","qty":5}],"trim":[{"sku":"a","qty":2}]})");
  s.start().reply("reserve", R"({"lines":[{"sku":"a","qty":5}]})").reply("trim");
  s.refuse("ship", "declined");
  EXPECT_EQ(s.task_input("undo reserve"), R"({"lines":[{"sku":"a","qty":3}]})");
  s.undo("reserve");
  EXPECT_EQ(s.state(), "compensated");
  EXPECT_TRUE(s.ledger_empty());
}

TEST(Decider, OverReleasingIsStuck) {
  Story s(kLedger, R"({"lines":[{"sku":"a","qty":1}],"trim":[{"sku":"a","qty":2}]})");
  s.start().reply("reserve", R"({"lines":[{"sku":"a","qty":1}]})").reply("trim");
  EXPECT_EQ(s.state(), "stuck");
  EXPECT_EQ(s.saga().stuck.begin()->second.error.code, "resource_error");
}

TEST(Decider, InDoubtHolderIsUndoneWithWhatItAskedFor) {
  Story s(kLedger, R"({"lines":[{"sku":"a","qty":5}],"trim":null})");
  s.start().time_out("reserve").after(1000).time_out("reserve");
  EXPECT_EQ(s.task_input("undo reserve"), R"({"lines":[{"sku":"a","qty":5}]})");
  s.undo("reserve");
  EXPECT_EQ(s.state(), "compensated");
  EXPECT_TRUE(s.ledger_empty());
}

TEST(Decider, TerminateWritesOffWhatIsHeld) {
  Story s(kLedger, R"({"lines":[{"sku":"a","qty":5}],"trim":null})");
  s.start().reply("reserve", R"({"lines":[{"sku":"a","qty":5}]})");
  s.command(core::TerminateSaga{});
  EXPECT_EQ(s.state(), "terminated");
  EXPECT_TRUE(s.ledger_empty());
  EXPECT_THAT(s.told(), Contains("WrittenOff"));
  EXPECT_THAT(s.asked(), IsEmpty());
}

// ---- Operators --------------------------------------------------------------------------------

TEST(Decider, StaleActionIsRefused) {
  Story s = order();
  s.start().reply("reserve").refuse("charge", "declined").undo_fails("reserve");
  const std::uint64_t seen = s.saga().revision;
  s.command(core::RetryStep{}).undo_fails("reserve");
  core::Command stale;
  EXPECT_EQ(s.state(), "stuck");
  EXPECT_LT(seen, s.saga().revision);
}

TEST(Decider, UnknownStepNamesNearOnes) {
  Story s = order();
  s.start();
  s.command(core::RetryStep{core::StepPath("reserv")});
  ASSERT_TRUE(s.refused().has_value());
  EXPECT_EQ(s.refused()->code, core::Rejection::Code::kUnknownStep);
  EXPECT_NE(s.refused()->reason.find("reserve"), std::string::npos) << s.refused()->reason;
}

TEST(Decider, RetryOfAStuckStepHasAFreshPolicyAndTheSameKey) {
  Story s = order();
  s.start().fail("reserve", silence(core::TaskReply::Kind::kInvalid));
  EXPECT_EQ(s.state(), "stuck");
  s.command(core::RetryStep{}).time_out("reserve").after(1000).reply("reserve");
  EXPECT_THAT(s.asked(), ElementsAre("charge"));
  EXPECT_EQ(s.state(), "running");
}

TEST(Decider, CancelOfAStuckSagaUndoesWhatMayHaveHappened) {
  Story s = order();
  s.start().reply("reserve").fail("charge", silence(core::TaskReply::Kind::kInvalid));
  s.command(core::CancelSaga{});
  EXPECT_THAT(s.asked(), ElementsAre("undo charge"));
  s.undo("charge").undo("reserve");
  EXPECT_EQ(s.state(), "compensated");
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
