// The way back as stories: cancel, deadline, late answers, an undo that fails, what is held.

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
  // Seed 44: each repeat by the broker was one more event.
  s.late("charge", 2, success());
  EXPECT_TRUE(s.last().duplicate) << "told once";
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

}  // namespace
}  // namespace weft::test
