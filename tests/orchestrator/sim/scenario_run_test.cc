// Scenarios, run: what the engine does of what they say, and what they are told when it does not.
#include <gtest/gtest.h>

#include "tests/orchestrator/sim/scenario_fixture.h"

namespace weft::sim {
namespace {

using test::expect_passes;

bool tells(const ScenarioResult& result, const std::string& words) {
  return std::any_of(result.story.begin(), result.story.end(), [&](const StoryLine& line) {
    return line.text.find(words) != std::string::npos;
  });
}

TEST(ScenarioRunTest, WhatNobodyScriptsSucceeds) {
  const auto result = expect_passes(R"(
expect:
  outcome: completed
  status_path: [accepted, reserved, shipped, thanked]
  called: {stock.reserve: 1, cards.charge: 1, stock.ship: 1, mail.send: 1}
  not_called: [stock.release, cards.refund]
  balance: {stock: 0}
  emitted: [order.thanked]
  steps: {approval: skipped}
  error: none
  within: 1s
)");
  EXPECT_EQ(result.history.front(), "SagaStarted");
}

TEST(ScenarioRunTest, ARefusalUndoesWhatWasDone) {
  expect_passes(R"(
adapters: {stock.ship: {fail: broken_truck}}
expect:
  outcome: compensated
  status: rejected
  error: {code: broken_truck, step: ship}
  undone: [charge, reserve]
  order: [stock.ship, cards.refund, stock.release]
  balance: {stock: 0}
)");
}

// An attempt that was never heard of is probed, and tried again if nothing happened.
TEST(ScenarioRunTest, SilenceIsProbed) {
  expect_passes(R"(
adapters: {cards.charge: [{unknown: true}, {reply: {receipt: r}}]}
expect:
  outcome: completed
  called: {cards.charge: 2, cards.find: 1}
  steps: {charge: {attempts: 2, output: {receipt: r}}}
)");
  expect_passes(R"(
adapters: {cards.charge: [{unknown: true, happened: true, reply: {receipt: r}}]}
expect:
  outcome: completed
  called: {cards.charge: 1, cards.find: 1}
  steps: {charge: {attempts: 1, output: {receipt: r}}}
)");
}

TEST(ScenarioRunTest, AnAdapterMayBeLateOrRepeatItself) {
  expect_passes(R"(
adapters: {mail.send: {late: 1s, twice: true}}
expect: {outcome: completed, steps: {thank: succeeded}}
)");
}

TEST(ScenarioRunTest, APendingResultComesByToken) {
  const auto result = expect_passes(R"(
adapters: {stock.ship: {pending: 5h, reply: {}}}
expect: {outcome: completed, called: {stock.ship: 1}}
)");
  EXPECT_GE(result.virtual_ms, 5 * 3'600'000);
  EXPECT_TRUE(tells(result, "ship: accepted, the result comes later"));
}

TEST(ScenarioRunTest, SomebodyCancelsWhileAStepIsAtWork) {
  expect_passes(R"(
at: [{step: charge, cancel: true}]
expect: {outcome: compensated, status: cancelled, undone: [charge, reserve], not_called: [stock.ship]}
)");
}

TEST(ScenarioRunTest, AnEventArrivesEarlyInTimeOrNever) {
  const std::string big = "adapters: {stock.reserve: {takes: 2s}}\n";
  const auto scenario = [&](const std::string& at, const std::string& expect) {
    return big + "at: [" + at + "]\nexpect: " + expect + "\n";
  };
  // The input of this fixture is small; set by the amount an approval is needed.
  const auto run = [&](const std::string& rest) {
    auto one = test::shop_scenario(rest);
    one.input = one.input.with("amount", 500);
    return run_scenario(one, test::shop_definitions());
  };
  const Placement early{"approval", std::string(way::kEventEarly)},
      taken{"approval", std::string(way::kEventTaken)},
      never{"approval", std::string(way::kEventNever)},
      late{"approval", std::string(way::kEventLate)};
  auto result =
      run(scenario("{after: 1s, event: order.approved, data: {id: o-1}}", "{outcome: completed}"));
  EXPECT_TRUE(result.passed()) << test::failures_of(result);
  EXPECT_TRUE(result.reached["shop.order"].contains(early));
  result =
      run(scenario("{step: approval, is: waiting, event: order.approved, data: {id: '${ .id }'}}",
                   "{outcome: completed}"));
  EXPECT_TRUE(result.passed()) << test::failures_of(result);
  EXPECT_TRUE(result.reached["shop.order"].contains(taken));
  result = run(scenario("{step: approval, is: failed, event: order.approved, data: {id: o-1}}",
                        "{outcome: compensated, error: not_approved}"));
  EXPECT_TRUE(result.passed()) << test::failures_of(result);
  EXPECT_TRUE(result.reached["shop.order"].contains(never));
  EXPECT_TRUE(result.reached["shop.order"].contains(late));
}

TEST(ScenarioRunTest, TheOrchestratorCrashesAndGoesOn) {
  expect_passes(R"(
adapters: {cards.charge: {takes: 3s, reply: {receipt: r}}}
at: [{step: charge, crash: true, down_for: 1m}]
expect: {outcome: completed, steps: {charge: {output: {receipt: r}}}}
)");
}

TEST(ScenarioRunTest, AnAdapterIsDownAndComesBack) {
  const auto result = expect_passes(R"(
at: [{after: 0s, adapter: cards, down_for: 2h}]
expect: {outcome: completed, called: {cards.charge: 1}}
)");
  EXPECT_TRUE(result.reached.at("shop.order").contains({"charge", std::string(way::kUnavailable)}));
}

TEST(ScenarioRunTest, AStuckSagaWaitsForItsOperator) {
  expect_passes(R"(
adapters: {mail.send: {fail: no_such_customer}}
expect: {outcome: stuck, stuck: {step: thank, code: no_such_customer}}
)");
  expect_passes(R"(
adapters: {mail.send: [{fail: no_such_customer}, {reply: {}}]}
at: [{saga: stuck, after: 1h, operator: retry, target: thank, by: ann}]
expect: {outcome: completed}
)");
}

TEST(ScenarioRunTest, TheDeadlineUndoesWhatTakesTooLong) {
  expect_passes(R"(
at: [{step: charge, clock_forward: 3d}]
expect: {outcome: compensated, error: deadline_exceeded, undone: [charge, reserve]}
)");
}

TEST(ScenarioRunTest, AStartMayBeRefused) {
  auto scenario = test::shop_scenario("expect: {outcome: refused}\n");
  scenario.input = *dsl::Value::parse(R"({"nothing": 1})");
  const auto result = run_scenario(scenario, test::shop_definitions());
  EXPECT_TRUE(result.passed()) << test::failures_of(result);
}

// What does not hold is told with what came instead.
TEST(ScenarioRunTest, FailuresSayWhatCameInstead) {
  const auto scenario = test::shop_scenario(R"(
adapters: {stock.reserve: {fail: sold_out}}
expect:
  outcome: completed
  status_path: [accepted, reserved]
  called: {stock.reserve: 2}
  steps: {ship: succeeded}
  balance: {stock: 3}
)");
  const auto result = run_scenario(scenario, test::shop_definitions());
  ASSERT_EQ(result.failures.size(), 5u) << test::failures_of(result);
  EXPECT_EQ(result.failures[0].what, "outcome");
  EXPECT_EQ(result.failures[0].actual, "failed: sold_out (business) at reserve");
  EXPECT_EQ(result.failures[1].expected, "accepted → reserved");
  EXPECT_EQ(result.failures[2].actual, "1");
  EXPECT_EQ(result.failures[3].actual, "0");
  EXPECT_EQ(result.failures[4].actual, "never begun");
  EXPECT_TRUE(tells(result, "refuses with sold_out"));
}

TEST(ScenarioRunTest, EqualScenariosRunEqually) {
  const auto scenario = test::shop_scenario(R"(
adapters:
  cards.charge: [{transient: true}, {unknown: true}, {late: 2s}]
  stock.ship: {pending: 1h, reply: {}}
expect: {outcome: completed}
)");
  const auto definitions = test::shop_definitions();
  const auto once = run_scenario(scenario, definitions),
             again = run_scenario(scenario, definitions);
  ASSERT_EQ(once.story.size(), again.story.size());
  for (std::size_t i = 0; i < once.story.size(); ++i) {
    EXPECT_EQ(once.story[i].at_ms, again.story[i].at_ms);
    EXPECT_EQ(once.story[i].text, again.story[i].text);
  }
}

TEST(ScenarioRunTest, NamesAreLookedUpInTheDefinitions) {
  const auto definitions = test::shop_definitions();
  const auto findings = [&](const std::string& rest) {
    std::string out;
    for (const auto& d : check_scenario(test::shop_scenario(rest), definitions)) {
      out += d.message + "; " + d.instead + "\n";
    }
    return out;
  };
  EXPECT_EQ(findings("adapters: {stok.reserve: {reply: {}}}\nexpect: {outcome: completed}\n"),
            "no workflow calls an adapter `stok`; did you mean `stock`?\n");
  EXPECT_EQ(findings("adapters: {stock.reserv: {reply: {}}}\nexpect: {outcome: completed}\n"),
            "nobody asks stock for `reserv`; did you mean `reserve`?\n");
  EXPECT_EQ(findings("at: [{step: chrage, cancel: true}]\nexpect: {outcome: completed}\n"),
            "shop.order has no step `chrage`; did you mean `charge`?\n");
  EXPECT_EQ(findings("expect: {status_path: [accepted, reservd]}\n"),
            "shop.order has no status `reservd`; did you mean `reserved`?\n");
  EXPECT_EQ(findings("expect: {balance: {stok: 0}}\n"),
            "shop.order has no resource `stok`; did you mean `stock`?\n");
}

}  // namespace
}  // namespace weft::sim
