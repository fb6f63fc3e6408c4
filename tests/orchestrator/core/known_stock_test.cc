// The ledger follows what is known of a step, also where that changes late.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/orchestrator/core/order_story.h"

namespace weft::test {
namespace {

using core::Effect;
using core::StepPath;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

const std::string kKnownStock = kHead + R"(resources:
  stock: {by: [sku]}
)";
const char* const kOne = R"({"lines":[{"sku":"a","qty":1}]})";
const char* const kTwo = R"({"lines":[{"sku":"a","qty":2}]})";
const std::string kTwice = "retry: {max_attempts: 2, delay: 1s, jitter: none}";

std::string amount(const Story& s, const std::map<std::string, dsl::Decimal> core::Totals::*column) {
  const auto& amounts = s.saga().ledger.at("stock").*column;
  const auto found = amounts.find(R"({"sku":"a"})");
  return found == amounts.end() ? "0" : found->second.to_string();
}

// It gave back more than was held; that needs a person, but its adapter has said that it was done.
TEST(KnownStock, ARetryDoesNotForgetWhatHasHappened) {
  Story s(kKnownStock +
          "steps:\n  - {step: trim, call: stock.release, releases: {stock: "
          "'${ $reply.lines }'}, compensate: none, " +
          kTwice + "}\n");
  s.start().reply("trim", kOne);
  EXPECT_EQ(s.state(), "stuck");
  s.command(core::RetryStep{}).time_out("trim").after(1000).time_out("trim");
  EXPECT_EQ(s.state(), "stuck");
  EXPECT_EQ(s.saga().find(StepPath("trim"))->effect, Effect::kHappened);
  s.command(core::ResolveStep{StepPath("trim"), false, {}});
  EXPECT_TRUE(s.refused().has_value()) << "nobody can know that it did not happen";
}

// A pivot that took too much has happened all the same: there is no way back from it.
TEST(KnownStock, ACancelWaitsForAPivotThatTookTooMuch) {
  Story s(kKnownStock + R"(steps:
  - {step: reserve, call: stock.reserve, compensate: {call: stock.release}}
  - {step: ship, call: wms.ship, pivot: true, consumes: {stock: '${ $reply.lines }'}}
)");
  s.start().reply("reserve").reply("ship", kOne).command(core::CancelSaga{});
  EXPECT_EQ(s.state(), "stuck");
  EXPECT_TRUE(s.asked().empty()) << "nothing before a pivot that happened is undone";
  s.command(core::SkipStep{});
  EXPECT_EQ(s.state(), "completed");
}

// `manual` is a way to give back what is left: a person is asked before the saga completes.
TEST(KnownStock, APersonGivesBackWhatIsLeftOver) {
  Story s(kKnownStock + R"(steps:
  - {step: reserve, call: stock.reserve, with: {lines: '${ .lines }'}, holds: {stock: '${ $with.lines }'}, compensate: manual}
)",
          kTwo);
  s.start().reply("reserve");
  EXPECT_EQ(s.state(), "stuck");
  s.command(core::MarkUndone{StepPath("reserve")});
  EXPECT_EQ(s.state(), "completed");
  EXPECT_EQ(amount(s, &core::Totals::released), "2");
  EXPECT_THAT(s.told(), Not(Contains("WrittenOff")));
}

const std::string kDoubt = R"(call: stock.reserve, retry: none, with: {lines: '${ .lines }'}, holds: {stock: '${ ($reply // $with).lines }'})";

// The substitute says what is held, also where it can not say what was given away.
TEST(KnownStock, ASkippedStepHoldsWhatItsOutputSays) {
  Story s(
      kKnownStock + "steps:\n  - {step: swap, " + kDoubt +
          ", releases: {stock: '${ [{sku: \"b\", qty: 1}] }'}, compensate: {call: stock.release, "
          "with: {lines: '${ $held.stock }'}}}\n",
      kOne);
  s.start().reply("swap", kTwo);
  EXPECT_EQ(s.state(), "stuck");
  s.command(core::SkipStep{StepPath("swap"), dsl::Value::parse(kTwo).value(), false});
  EXPECT_EQ(s.task_input("undo swap"), kTwo);
}

// What has no undo is in doubt, held as it was asked for; at last its adapter says how much it was.
TEST(KnownStock, ALateAnswerCorrectsWhatWasHeldInDoubt) {
  Story s(kKnownStock + "steps:\n  - {step: reserve, " + kDoubt +
              ", compensate: none, on_error: [{errors: [any], do: [{step: note, call: mail.send, "
              "compensate: none}], then: continue}]}\n",
          kOne);
  s.start().time_out("reserve").late("reserve", 1, success(kTwo));
  EXPECT_EQ(amount(s, &core::Totals::held), "2");
  s.reply("note");
  EXPECT_EQ(amount(s, &core::Totals::written_off), "2");
}

// What others have taken of it meanwhile was part of what it held.
TEST(KnownStock, ALateAnswerCountsWhatWasTakenMeanwhile) {
  Story s(kKnownStock + "steps:\n  - step: work\n    parallel:\n      - {step: reserve, " + kDoubt +
              ", compensate: {call: stock.release, with: {lines: '${ $held.stock }'}}}\n"
              "      - {step: use, call: wms.use, consumes: {stock: '${ $reply.lines }'}, "
              "compensate: none}\n      - {step: pack, call: wms.pack, compensate: none}\n",
          kTwo);
  s.start().command(core::CancelSaga{}).time_out("reserve").reply("use", kOne);
  s.late("reserve", 1, success(kTwo));
  EXPECT_EQ(amount(s, &core::Totals::held), "2");
  s.reply("pack");
  EXPECT_EQ(s.task_input("undo reserve"), kOne);
}

// Two attempts of one key that succeed late hold what the key holds, once.
TEST(KnownStock, WhatComesLateTwiceIsHeldOnce) {
  Story s(kKnownStock + "steps:\n  - {step: reserve, call: stock.reserve, " + kTwice +
              ", with: {lines: '${ .lines }'}, holds: {stock: '${ ($reply // $with).lines }'}, "
              "compensate: {call: stock.release, with: {lines: '${ $held.stock }'}}}\n",
          kOne);
  s.start().time_out("reserve").after(1000).time_out("reserve");
  s.late("reserve", 1, success(kOne)).late("reserve", 2, success(kOne));
  s.undo("reserve", core::EffectClaim::kAbsent);
  EXPECT_EQ(s.task_input("undo reserve"), kOne);
}

}  // namespace
}  // namespace weft::test
