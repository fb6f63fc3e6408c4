// A person says what became of something that no adapter answers for any more.

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/story.h"

namespace weft::test {
namespace {

using core::ResolveStep;
using core::StepPath;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kOrder = R"(weft: 1
workflow: shop.order
version: 1.0.0
owner: team@shop.example
errors:
  declined: {class: business}
resources:
  stock: {by: [sku], quantity: qty}
retries:
  once: {errors: [transient, unknown], max_attempts: 1, delay: 1s, jitter: none}
defaults: {timeout: 5s, retry: once}
steps:
  - step: reserve
    call: wms.reserve
    holds: {stock: '${ [{sku: "A", qty: 2}] }'}
    compensate: {call: wms.release, retry: none}
  - {step: charge, call: bank.charge, pivot: true}
  - {step: ship, call: wms.ship, consumes: {stock: all}}
)";

// The pivot is never guessed, so without this nothing but `terminate` could end such a saga when
// the bank has no answer.
TEST(ResolveTest, APivotThatDidNotHappenIsCompensated) {
  Story s(kOrder);
  s.start().reply("reserve").time_out("charge");
  ASSERT_EQ(s.state(), "stuck");
  s.command(ResolveStep{StepPath("charge"), false, {}});
  EXPECT_FALSE(s.refused()) << s.refused()->reason;
  EXPECT_THAT(s.told(), Contains("StepFailed charge"));
  s.undo("reserve");
  EXPECT_EQ(s.state(), "compensated");
  EXPECT_TRUE(s.ledger_empty());
}

TEST(ResolveTest, APivotThatHappenedIsPassed) {
  Story s(kOrder);
  s.start().reply("reserve").time_out("charge");
  s.command(ResolveStep{StepPath("charge"), true, {}});
  EXPECT_THAT(s.told(), Contains("PivotReached charge"));
  s.reply("ship");
  EXPECT_EQ(s.state(), "completed");
}

// A cancel that waited for the pivot goes on once somebody knows.
TEST(ResolveTest, ACancelThatWaitedForThePivotGoesOn) {
  Story s(kOrder);
  s.start().reply("reserve").time_out("charge");
  s.command(core::CancelSaga{});
  ASSERT_EQ(s.state(), "stuck");
  s.command(ResolveStep{StepPath("charge"), false, {}});
  s.undo("reserve");
  EXPECT_EQ(s.state(), "compensated");
  EXPECT_EQ(s.saga().error.code, "cancelled");
}

TEST(ResolveTest, AnUndoIsDoneByHandOrNeverWillBe) {
  Story done(kOrder);
  done.start().reply("reserve").refuse("charge", "declined").undo_fails("reserve");
  ASSERT_EQ(done.state(), "stuck");
  done.command(ResolveStep{StepPath("reserve"), true, {}});
  EXPECT_EQ(done.state(), "compensated");
  EXPECT_EQ(done.saga().exceptions, 0);

  Story never(kOrder);
  never.start().reply("reserve").refuse("charge", "declined").undo_fails("reserve");
  never.command(ResolveStep{StepPath("reserve"), false, {}});
  EXPECT_EQ(never.state(), "compensated");
  EXPECT_EQ(never.saga().exceptions, 1);
  EXPECT_THAT(never.told(), Contains("WrittenOff"));
}

TEST(ResolveTest, PastThePivotNothingCanHaveNotHappened) {
  Story s(kOrder);
  s.start().reply("reserve").reply("charge").refuse("ship", "declined");
  ASSERT_EQ(s.state(), "stuck");
  s.command(ResolveStep{StepPath("ship"), false, {}});
  ASSERT_TRUE(s.refused());
  EXPECT_THAT(s.refused()->reason, HasSubstr("past the pivot"));
  s.command(ResolveStep{StepPath("shp"), true, {}});
  ASSERT_TRUE(s.refused());
  EXPECT_THAT(s.refused()->reason, HasSubstr("did you mean: ship"));
}

// It ends at once and waits for nobody: neither a list of stuck sagas nor a group may name it.
TEST(ResolveTest, WhatIsTerminatedIsNoLongerStuck) {
  Story s(kOrder);
  s.start().reply("reserve").time_out("charge");
  s.command(core::TerminateSaga{});
  EXPECT_EQ(s.state(), "terminated");
  EXPECT_THAT(s.saga().stuck, IsEmpty());
  EXPECT_TRUE(core::list_row(s.saga()).find("stuck")->is_null());
}

}  // namespace
}  // namespace weft::test
