// What is held, used and given back, where it is easy to give back twice or not at all.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/orchestrator/core/order_story.h"

namespace weft::test {
namespace {

using core::StepPath;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kStock = kHead + R"(resources:
  stock: {by: [sku]}
)";
const std::string kReserve = R"(  - step: reserve
    call: stock.reserve
    holds: {stock: '${ .lines }'}
    compensate: {call: stock.release, with: {lines: '${ $held.stock }'}}
)";
const char* const kFive = R"({"lines":[{"sku":"a","qty":5}]})";

// Beyond a handful of lines things are found by an index. The sums are the same, and an order of
// thousands of lines does not hold up those of others.
TEST(MovingStock, AnOrderOfManyLinesIsCountedLikeOneOfFew) {
  std::string ordered, shipped;
  for (int i = 0; i < 300; ++i) {
    const std::string line = std::string(i == 0 ? "" : ",") + R"({"sku":"s)" + std::to_string(i % 100);
    ordered += line + R"(","qty":)" + std::to_string(1 + i % 3) + "}";
    if (i < 100) shipped += line + R"(","qty":1})";
  }
  Story s(kStock + "steps:\n" + kReserve +
              "  - {step: ship, call: wms.ship, pivot: true, consumes: {stock: '${ $reply.lines }'}, "
              "releases: {stock: all}}\n",
          R"({"lines":[)" + ordered + "]}");
  s.start().reply("reserve").reply("ship", R"({"lines":[)" + shipped + "]}");
  EXPECT_EQ(s.state(), "completed");
  EXPECT_TRUE(s.ledger_empty());
  const core::Totals& stock = s.saga().ledger.at("stock");
  EXPECT_EQ(stock.held.size(), 100U);
  for (const auto* column : {&stock.held, &stock.consumed, &stock.released}) {
    EXPECT_EQ(column->size(), 100U);
    for (const auto& [sku, amount] : *column) {
      const char* expected = column == &stock.held ? "6" : column == &stock.consumed ? "1" : "5";
      EXPECT_EQ(amount.to_string(), expected) << sku;
    }
  }
}

// Ship what is there, give back the rest: one step, one answer, two movements.
TEST(MovingStock, OneStepConsumesAPartAndReleasesTheRest) {
  Story s(kStock + "steps:\n" + kReserve +
              "  - {step: ship, call: wms.ship, pivot: true, consumes: {stock: '${ $reply.lines }'}, "
              "releases: {stock: all}}\n",
          kFive);
  s.start().reply("reserve").reply("ship", R"({"lines":[{"sku":"a","qty":3}]})");
  EXPECT_EQ(s.state(), "completed") << (s.saga().stuck.empty() ? "" : s.saga().stuck.begin()->second.error.message);
  EXPECT_THAT(s.asked(), IsEmpty()) << "nothing is left to give back";
  EXPECT_TRUE(s.ledger_empty());
  const core::Totals& stock = s.saga().ledger.at("stock");
  EXPECT_EQ(stock.consumed.begin()->second.to_string(), "3");
  EXPECT_EQ(stock.released.begin()->second.to_string(), "2");
}

TEST(MovingStock, TwoPartsTogetherMayNotExceedWhatIsHeld) {
  Story s(kStock + "steps:\n" + kReserve +
              "  - {step: ship, call: wms.ship, pivot: true, consumes: {stock: '${ [{sku: \"a\", qty: 3}] }'}, "
              "releases: {stock: '${ [{sku: \"a\", qty: 3}] }'}}\n",
          kFive);
  s.start().reply("reserve").reply("ship");
  EXPECT_EQ(s.state(), "stuck");
  EXPECT_EQ(s.saga().stuck.begin()->second.error.code, "resource_error");
}

const std::string kTrim = kStock + "steps:\n" + kReserve + R"(  - step: trim
    call: stock.trim
    releases: {stock: '${ [{sku: "a", qty: 2}] }'}
    retry: none
    compensate: none
  - {step: book, call: erp.book, compensate: none}
)";

// Whether two were given back nobody knows; giving back five would be two too many. So the undo of
// what it took from waits for a person, also when the saga is cancelled meanwhile.
TEST(MovingStock, AReleaseInDoubtHoldsUpTheUndoOfItsHolder) {
  Story s(kTrim, kFive);
  s.start().reply("reserve").command(core::CancelSaga{}).time_out("trim");
  EXPECT_EQ(s.state(), "stuck");
  EXPECT_THAT(s.asked(), IsEmpty());
  s.command(core::ResolveStep{StepPath("trim"), true, {}});
  EXPECT_EQ(s.task_input("undo reserve"), R"({"lines":[{"sku":"a","qty":3}]})");
  s.undo("reserve");
  EXPECT_EQ(s.state(), "compensated");
  EXPECT_TRUE(s.ledger_empty());
}

TEST(MovingStock, ACancelDoesNotGuessWhatAStuckReleaseDid) {
  Story s(kTrim, kFive);
  s.start().reply("reserve").time_out("trim");
  ASSERT_EQ(s.state(), "stuck");
  s.command(core::CancelSaga{});
  EXPECT_EQ(s.state(), "stuck");
  EXPECT_THAT(s.asked(), IsEmpty());
  s.command(core::ResolveStep{StepPath("trim"), false, {}});
  EXPECT_EQ(s.task_input("undo reserve"), R"({"lines":[{"sku":"a","qty":5}]})");
  s.undo("reserve");
  EXPECT_EQ(s.state(), "compensated");
}

// A person may also ask once more; the answer settles it.
TEST(MovingStock, AReleaseInDoubtCanBeAskedAgainOnTheWayBack) {
  Story s(kTrim, kFive);
  s.start().reply("reserve").command(core::CancelSaga{}).time_out("trim");
  s.command(core::RetryStep{});
  EXPECT_THAT(s.asked(), ElementsAre("trim"));
  s.reply("trim");
  EXPECT_EQ(s.task_input("undo reserve"), R"({"lines":[{"sku":"a","qty":3}]})");
}

// A late answer is as good as a person.
TEST(MovingStock, AReleaseInDoubtIsSettledByItsLateAnswer) {
  Story s(kTrim, kFive);
  s.start().reply("reserve").command(core::CancelSaga{}).time_out("trim").late("trim", 1, success());
  EXPECT_EQ(s.task_input("undo reserve"), R"({"lines":[{"sku":"a","qty":3}]})");
}

TEST(MovingStock, OverReleasingIsStuckOnTheWayBackToo) {
  Story s(kStock + "steps:\n" + kReserve +
              "  - {step: trim, call: stock.trim, releases: {stock: '${ [{sku: \"a\", qty: 9}] }'}, compensate: none}\n",
          kFive);
  s.start().reply("reserve").command(core::CancelSaga{}).reply("trim");
  EXPECT_EQ(s.state(), "stuck");
  EXPECT_THAT(s.asked(), IsEmpty());
}

const std::string kShip = kStock + "steps:\n" + kReserve + R"(  - step: ship
    pivot: true
    call: wms.ship
    retry: none
    consumes: {stock: '${ $reply.lines }'}
)";

// The warehouse has no answer, but the parcel is gone: what was shipped must not be released.
TEST(MovingStock, WhoSaysThatItHappenedSaysWhatItUsed) {
  Story s(kShip, kFive);
  s.start().reply("reserve").time_out("ship");
  ASSERT_EQ(s.state(), "stuck");
  s.command(core::ResolveStep{StepPath("ship"), true, {}});
  ASSERT_TRUE(s.refused()) << "without the reply nobody knows what was shipped";
  EXPECT_THAT(s.refused()->reason, HasSubstr("stock"));
  s.command(core::ResolveStep{StepPath("ship"), true, *dsl::Value::parse(kFive)});
  EXPECT_FALSE(s.refused());
  EXPECT_EQ(s.state(), "completed");
  EXPECT_THAT(s.asked(), IsEmpty());
  EXPECT_EQ(s.saga().ledger.at("stock").consumed.begin()->second.to_string(), "5");
}

// A skip without an output moves nothing; what is held goes back at the end.
TEST(MovingStock, ASkipWithoutAnOutputUsesNothing) {
  Story s(kShip, kFive);
  s.start().reply("reserve").time_out("ship").command(core::SkipStep{});
  EXPECT_THAT(s.asked(), ElementsAre("undo reserve"));
  EXPECT_EQ(s.task_input("undo reserve"), kFive);
}

// Its answer was no use, but it may have reserved: skipped, it still has to give back what it holds.
TEST(MovingStock, ASkippedHolderInDoubtGivesBackWhatItMayHold) {
  Story s(kStock + "steps:\n" + kReserve + "  - {step: book, call: erp.book, compensate: none}\n", kFive);
  s.start().fail("reserve", silence(core::TaskReply::Kind::kInvalid));
  ASSERT_EQ(s.state(), "stuck");
  s.command(core::SkipStep{}).refuse("book", "declined");
  EXPECT_EQ(s.task_input("undo reserve"), kFive);
  s.undo("reserve");
  EXPECT_EQ(s.state(), "compensated");
  EXPECT_TRUE(s.ledger_empty());
}

// Oldest holder first, and the undo of a release puts back what it took.
TEST(MovingStock, UndoingAReleasePutsBackWhatItTook) {
  Story s(kStock + R"(steps:
  - {step: first, call: stock.reserve, holds: {stock: '${ [{sku: "a", qty: 2}] }'}, compensate: {call: stock.release, with: {lines: '${ $held.stock }'}}}
  - {step: second, call: stock.reserve, holds: {stock: '${ [{sku: "a", qty: 2}] }'}, compensate: {call: stock.release, with: {lines: '${ $held.stock }'}}}
  - {step: lend, call: stock.lend, releases: {stock: '${ [{sku: "a", qty: 3}] }'}, compensate: {call: stock.fetch}}
  - {step: book, call: erp.book, compensate: none}
)");
  s.start().reply("first").reply("second").reply("lend");
  EXPECT_EQ(s.saga().find(StepPath("first"))->holdings.at("stock").size(), 0u);
  s.refuse("book", "declined").undo("lend");
  EXPECT_EQ(s.task_input("undo second"), R"({"lines":[{"sku":"a","qty":2}]})");
  s.undo("second");
  EXPECT_EQ(s.task_input("undo first"), R"({"lines":[{"sku":"a","qty":2}]})");
  s.undo("first");
  EXPECT_EQ(s.state(), "compensated");
  EXPECT_TRUE(s.ledger_empty());
}

// The last guard of the ledger: what was held is shipped or released when the saga ends. The books
// of this one are made wrong by hand, as a fault of ours would; it must not end as if all were well.
TEST(MovingStock, NoSagaEndsWithALedgerThatDoesNotBalance) {
  Story s(kHead + R"(resources: {stock: {by: [sku]}}
steps:
  - step: reserve
    call: stock.reserve
    holds: {stock: '${ [{sku: "a", qty: 5}] }'}
    compensate: {call: stock.release}
  - {step: ship, call: wms.ship, compensate: none, consumes: {stock: '${ [{sku: "a", qty: 3}] }'}}
  - {step: rest, call: stock.release, compensate: none, releases: {stock: all}}
)");
  s.start().reply("reserve").reply("ship");
  core::Command last;
  core::ReportReply reply;
  reply.path = core::StepPath("rest");
  reply.attempt = 1;
  reply.reply = success();
  last.body = reply;
  const core::DecideContext now{s.saga().accepted_at};
  for (const std::int64_t too_much : {1, -1}) {
    core::SagaState wrong = s.saga();
    auto& held = wrong.ledger.at("stock").held.begin()->second;
    held = *dsl::Decimal::add(held, dsl::Decimal::from_integer(too_much));
    EXPECT_THROW((void)core::decide(s.graph(), wrong, last, now), core::InvariantBroken);
  }
  s.reply("rest");
  EXPECT_EQ(s.state(), "completed");
  const core::Totals& books = s.saga().ledger.at("stock");
  const auto sum = [](const std::map<std::string, dsl::Decimal>& column) {
    return column.empty() ? std::string("0") : column.begin()->second.to_string();
  };
  EXPECT_EQ(sum(books.held), "5");
  EXPECT_EQ(sum(books.consumed), "3");
  EXPECT_EQ(sum(books.released), "2");
  EXPECT_TRUE(s.ledger_empty());
}

}  // namespace
}  // namespace weft::test
