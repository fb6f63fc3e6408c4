// Answers that come late, twice, or against what was said before.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/orchestrator/core/order_story.h"

namespace weft::test {
namespace {

using core::EffectClaim;
using core::StepPath;
using core::StepState;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

core::ReportReply by_token(const std::string& path, std::int64_t attempt, core::TaskReply reply) {
  core::ReportReply report;
  report.path = StepPath(path);
  report.attempt = attempt;
  report.reply = std::move(reply);
  report.by_token = true;
  return report;
}

const StepState* state_of(const Story& s, const char* path) {
  return &s.saga().find(StepPath(path))->state;
}

// A handler that throws after its commit answers 500: coming late, that proves as little as the
// silence before it, so the refusal of the second attempt does not settle what the first has done.
TEST(LateAnswers, ALateServerErrorProvesNothing) {
  Story s = order();
  s.start().reply("reserve").time_out("charge").after(1000);
  s.late("charge", 1, failure("", 500)).refuse("charge", "declined");
  EXPECT_EQ(*state_of(s, "charge"), StepState::kInDoubt);
  EXPECT_THAT(s.asked(), ElementsAre("undo charge"));
}

// The other side: a late refusal of the first attempt does say what it did.
TEST(LateAnswers, ALateRefusalSettlesItsAttempt) {
  Story s = order();
  s.start().reply("reserve").time_out("charge").after(1000);
  s.late("charge", 1, failure("declined", 409)).refuse("charge", "declined");
  EXPECT_EQ(*state_of(s, "charge"), StepState::kFailed);
  EXPECT_THAT(s.asked(), ElementsAre("undo reserve"));
}

TEST(LateAnswers, ARefusalDeclaredToLeaveSomethingSettlesNothingEither) {
  Story s = order();
  s.start().reply("reserve").time_out("charge").after(1000);
  s.late("charge", 1, failure("half_done", 409)).refuse("charge", "declined");
  EXPECT_EQ(*state_of(s, "charge"), StepState::kInDoubt);
}

// The pivot is in doubt for its first attempt alone: the second one has refused. When the first
// refuses, too, though late, nothing is in doubt any more.
TEST(LateAnswers, ARefusalThatLeavesAPivotStuckCountsForItsAttempt) {
  Story s(kHead + R"(steps:
  - {step: reserve, call: stock.reserve, compensate: {call: stock.release}}
  - {step: charge, pivot: true, call: bank.charge}
)");
  s.start().reply("reserve").time_out("charge").after(1000).refuse("charge", "declined");
  ASSERT_EQ(s.state(), "stuck");
  EXPECT_THAT(s.told(), Contains("LateReplyRecorded charge"));
  s.late("charge", 1, failure("declined", 409));
  EXPECT_EQ(*state_of(s, "charge"), StepState::kFailed);
  EXPECT_EQ(s.state(), "compensating");
  EXPECT_THAT(s.asked(), ElementsAre("undo reserve"));
}

// "Recorded once per attempt" must not hide the success that follows a late failure.
TEST(LateAnswers, ASuccessAfterALateFailureOfTheSameAttemptIsUndone) {
  Story s = order();
  s.start().reply("reserve").time_out("charge").after(1000).time_out("charge");
  s.undo("charge", EffectClaim::kNone).undo("reserve");
  ASSERT_EQ(s.state(), "compensated");
  s.late("charge", 1, failure("", 500)).late("charge", 1, success());
  EXPECT_THAT(s.asked(), ElementsAre("undo charge"));
  s.undo("charge").late("charge", 1, success());
  EXPECT_TRUE(s.last().duplicate);
  EXPECT_THAT(s.asked(), IsEmpty());
}

// An adapter that refuses and then does it after all.
TEST(LateAnswers, ASuccessAfterTheRefusalIsAContradictionAndUndone) {
  Story s = order();
  s.start().reply("reserve").refuse("charge", "declined");
  s.late("charge", 1, success());
  EXPECT_TRUE(s.last().contradicted);
  EXPECT_THAT(s.told(), Contains("AnomalyRecorded charge"));
  EXPECT_THAT(s.asked(), ::testing::UnorderedElementsAre("undo reserve", "undo charge"));
  s.undo("charge").undo("reserve");
  EXPECT_EQ(s.state(), "compensated");
}

const std::string kToken = kHead + R"(steps:
  - {step: print, call: press.print, completes: {within: 1h}, compensate: {call: press.shred}}
  - {step: post, call: mail.send, compensate: none}
)";

// `weft.fail` with whatever words, after the step succeeded: settled otherwise.
TEST(LateAnswers, AFailureByTokenContradictsASuccess) {
  Story s(kToken);
  s.start().pending("print").command(by_token("print", 1, success()), "");
  ASSERT_EQ(*state_of(s, "print"), StepState::kSucceeded);
  s.command(by_token("print", 1, failure("jammed", 0)), "");
  EXPECT_TRUE(s.last().contradicted);
  EXPECT_EQ(*state_of(s, "print"), StepState::kSucceeded) << "success wins";
  s.command(by_token("print", 1, failure("jammed", 0)), "");
  EXPECT_TRUE(s.last().duplicate) << "and is recorded once";
}

TEST(LateAnswers, AFailureByTokenTwiceIsARepeat) {
  Story s(kToken);
  s.start().pending("print").command(by_token("print", 1, failure("declined", 409)), "");
  ASSERT_EQ(*state_of(s, "print"), StepState::kFailed);
  s.command(by_token("print", 1, failure("declined", 409)), "");
  EXPECT_TRUE(s.last().duplicate);
  EXPECT_FALSE(s.last().contradicted);
  EXPECT_THAT(s.last().events, IsEmpty());
}

// "Any attempt's token settles the step", also while a later attempt is at work.
TEST(LateAnswers, TheTokenOfAnEarlierAttemptSettlesTheStep) {
  Story s(kToken);
  s.start().time_out("print").after(1000).pending("print");
  s.command(by_token("print", 1, success(R"({"copy":1})")), "");
  EXPECT_THAT(s.asked(), ElementsAre("post"));
  EXPECT_EQ(s.output("print").to_json(), R"({"copy":1})");
}

// What was pending has no place in the adapter's queue any more: "busy" by token costs an attempt,
// and is not lost.
TEST(LateAnswers, PendingWorkGivenBackAsBusyIsTriedAgain) {
  Story s(kToken);
  s.start().pending("print").command(by_token("print", 1, failure("", 429)), "");
  EXPECT_THAT(s.asked(), IsEmpty());
  s.after(1000);
  EXPECT_THAT(s.asked(), ElementsAre("print"));
}

// The completion is faster than the answer "pending".
TEST(LateAnswers, ACompletionOvertakesThePendingAnswer) {
  Story s(kToken);
  s.start().command(by_token("print", 1, success()), "");
  EXPECT_THAT(s.asked(), ElementsAre("post"));
  s.late("print", 1, silence(core::TaskReply::Kind::kPending));
  EXPECT_THAT(s.last().events, IsEmpty());
  EXPECT_EQ(*state_of(s, "print"), StepState::kSucceeded);
}

// ---- What a late success holds ----------------------------------------------------------------

const std::string kLateStock = kHead + R"(resources:
  stock: {by: [sku]}
steps:
  - step: both
    parallel:
      - step: reserve
        call: stock.reserve
        with: {lines: '${ .lines }'}
        holds: {stock: '${ ($reply // $with).lines }'}
        compensate: {call: stock.release, with: {lines: '${ $held.stock }', id: '${ $reply.id // null }'}, retry: none}
      - {step: label, call: wms.label, compensate: none}
)";
const char* const kLateFive = R"({"lines":[{"sku":"a","qty":5}]})";
const char* const kThree = R"({"id":"r1","lines":[{"sku":"a","qty":3}]})";

// In doubt it counts with what was asked for; known at last, with what was got: the undo gives back
// three, and names the reservation that the answer named.
TEST(LateAnswers, TheLedgerFollowsASuccessThatComesBeforeTheUndo) {
  Story s(kLateStock, kLateFive);
  s.start().command(core::CancelSaga{}).time_out("reserve");
  ASSERT_EQ(*state_of(s, "reserve"), StepState::kInDoubt);
  s.late("reserve", 1, success(kThree)).not_sent("label");
  EXPECT_EQ(s.task_input("undo reserve"), R"({"lines":[{"sku":"a","qty":3}],"id":"r1"})");
  s.undo("reserve");
  EXPECT_EQ(s.state(), "compensated");
  EXPECT_TRUE(s.ledger_empty());
}

// Undone already, then it happened: the next round gives back what came late.
TEST(LateAnswers, ARepairGivesBackWhatTheLateSuccessHolds) {
  Story s(kLateStock, kLateFive);
  s.start().command(core::CancelSaga{}).time_out("reserve").not_sent("label");
  EXPECT_EQ(s.task_input("undo reserve"), R"({"lines":[{"sku":"a","qty":5}],"id":null})");
  s.undo("reserve", EffectClaim::kNone);
  ASSERT_EQ(s.state(), "compensated");
  s.late("reserve", 1, success(kThree));
  EXPECT_EQ(s.task_input("undo reserve"), R"({"lines":[{"sku":"a","qty":3}],"id":"r1"})");
  s.undo("reserve");
  EXPECT_TRUE(s.ledger_empty());
}

// The same while the first undo is still on its way: each round has its own.
TEST(LateAnswers, ASuccessDuringTheUndoIsGivenBackInTheNextRound) {
  Story s(kLateStock, kLateFive);
  s.start().command(core::CancelSaga{}).time_out("reserve").not_sent("label");
  s.late("reserve", 1, success(kThree));
  EXPECT_EQ(s.task_input("undo reserve"), R"({"lines":[{"sku":"a","qty":5}],"id":null})");
  s.undo("reserve", EffectClaim::kNone);
  EXPECT_EQ(s.task_input("undo reserve"), R"({"lines":[{"sku":"a","qty":3}],"id":"r1"})");
  s.undo("reserve");
  EXPECT_EQ(s.state(), "compensated");
  EXPECT_TRUE(s.ledger_empty());
}

// A person is asked about the first undo already; the second follows once that is settled.
TEST(LateAnswers, ASuccessWhileTheUndoIsStuckWaitsForThePerson) {
  Story s(kLateStock, kLateFive);
  s.start().command(core::CancelSaga{}).time_out("reserve").not_sent("label").undo_fails("reserve");
  ASSERT_EQ(s.state(), "stuck");
  s.late("reserve", 1, success(kThree));
  EXPECT_EQ(s.state(), "stuck");
  EXPECT_THAT(s.asked(), IsEmpty());
  s.command(core::RetryStep{}).undo("reserve", EffectClaim::kNone);
  EXPECT_EQ(s.task_input("undo reserve"), R"({"lines":[{"sku":"a","qty":3}],"id":"r1"})");
  s.undo("reserve");
  EXPECT_EQ(s.state(), "compensated");
  EXPECT_THAT(s.saga().stuck, IsEmpty());
  EXPECT_TRUE(s.ledger_empty());
}

// "terminated: no compensation": what comes afterwards is recorded and left alone.
TEST(LateAnswers, ATerminatedSagaUndoesNothing) {
  Story s(kLateStock, kLateFive);
  s.start().command(core::TerminateSaga{}).late("reserve", 1, success(kThree));
  EXPECT_EQ(s.state(), "terminated");
  EXPECT_THAT(s.told(), Contains("LateReplyRecorded reserve"));
  EXPECT_THAT(s.asked(), IsEmpty());
  EXPECT_TRUE(s.ledger_empty());
}

}  // namespace
}  // namespace weft::test
