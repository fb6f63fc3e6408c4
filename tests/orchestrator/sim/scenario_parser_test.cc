// What a scenario file may say, and how it is told what it must not.
#include <gtest/gtest.h>

#include "tests/orchestrator/sim/scenario_fixture.h"

namespace weft::sim {
namespace {

using test::parse_scenario_text;

const char* kHead = "test: one\nworkflow: shop.order\ninput: {file: order.json}\n";

/// "line:column rule: message; instead" of the only finding.
std::string finding(const std::string& text) {
  const ScenarioFile file = parse_scenario_text(text);
  if (file.diagnostics.size() != 1) return std::to_string(file.diagnostics.size()) + " findings";
  const auto& d = file.diagnostics.front();
  return std::to_string(d.position.line) + ":" + std::to_string(d.position.column) + " " + d.rule +
         ": " + d.message + "; " + d.instead;
}

TEST(ScenarioParserTest, AWholeScenarioIsRead) {
  const ScenarioFile file = parse_scenario_text(std::string(kHead) + R"(
given:
  - {workflow: shop.order, input: {file: order.json, set: {id: first}}, run_for: 1m}
adapters:
  cards.charge:
    - {where: {amount: 10}, unknown: true, happened: true, reply: {receipt: r}}
    - {reply: {receipt: '${ .id }'}}
  mail.send: {late: 3s, twice: true}
at:
  - {after: 20m, adapter: stock, down_for: 10m}
  - {step: ship, is: waiting, cancel: changed my mind}
  - {saga: stuck, operator: retry, target: ship, by: ann}
run_for: 2d
expect:
  outcome: completed
  called: {cards.charge: 1, mail.send: {at_least: 1}}
  steps: {reserve: succeeded, charge: {state: succeeded, attempts: 2}}
  within: 1h
)");
  for (const auto& d : file.diagnostics) ADD_FAILURE() << dsl::format_diagnostic(d, "");
  ASSERT_EQ(file.scenarios.size(), 1u);
  const Scenario& scenario = file.scenarios.front();
  EXPECT_EQ(scenario.given.at(0).input.string_or("id", ""), "first");
  EXPECT_EQ(scenario.input.string_or("id", ""), "o-1");
  const auto& charge = scenario.scripts.at("cards.charge");
  ASSERT_EQ(charge.size(), 2u);
  EXPECT_EQ(charge[0].kind, ScriptEntry::Kind::kUnknown);
  EXPECT_TRUE(charge[0].happened);
  EXPECT_EQ(scenario.scripts.at("mail.send").at(0).late_ms, 3000);
  ASSERT_EQ(scenario.timeline.size(), 3u);
  EXPECT_EQ(scenario.timeline[0].for_ms, 600'000);
  EXPECT_EQ(scenario.timeline[1].reason, "changed my mind");
  EXPECT_EQ(scenario.timeline[2].anchor.saga, "stuck");
  EXPECT_EQ(scenario.run_for_ms, 172'800'000);
  EXPECT_EQ(scenario.expect.called.at("mail.send").first.at_least, 1);
  EXPECT_EQ(scenario.expect.steps.at("charge").attempts, 2);
}

TEST(ScenarioParserTest, AFileMayHoldManyThatShareTheirHead) {
  const ScenarioFile file = parse_scenario_text(R"(
workflow: shop.order
input: {file: order.json}
adapters: {mail.send: {transient: true}}
tests:
  - {test: one, expect: {outcome: completed}}
  - {test: two, input: {value: {id: b}}, expect: {outcome: completed}}
)");
  EXPECT_TRUE(file.diagnostics.empty());
  ASSERT_EQ(file.scenarios.size(), 2u);
  EXPECT_EQ(file.scenarios[0].workflow, "shop.order");
  EXPECT_EQ(file.scenarios[1].input.string_or("id", ""), "b");
  EXPECT_TRUE(file.scenarios[1].common.contains("mail.send"));
}

TEST(ScenarioParserTest, AFolderMayShareItsScripts) {
  const ScenarioFile file = parse_scenario_text("adapters: {mail.send: {reply: {ok: true}}}\n");
  EXPECT_TRUE(file.diagnostics.empty());
  EXPECT_TRUE(file.only_common);
  EXPECT_TRUE(file.common.contains("mail.send"));
}

TEST(ScenarioParserTest, UnknownKeysComeWithTheNearestKnownOne) {
  EXPECT_EQ(
      finding(std::string(kHead) + "expcet: {outcome: completed}\nexpect: {outcome: completed}\n"),
      "4:1 form.unknown-key: a scenario has no key `expcet`; write one of `description`, `given`, "
      "`key`, `adapters`, `at` or `run_for`");
  EXPECT_EQ(finding(std::string(kHead) + "expect: {outcom: completed}\n"),
            "4:10 form.unknown-key: `expect` has no key `outcom`; did you mean `outcome`?");
  EXPECT_EQ(
      finding(std::string(kHead) +
              "adapters: {mail.send: {unavailible: true}}\nexpect: {outcome: completed}\n"),
      "4:24 form.unknown-key: an answer has no key `unavailible`; did you mean `unavailable`?");
  EXPECT_EQ(finding(std::string(kHead) +
                    "at: [{after: 1s, cancle: true}]\nexpect: {outcome: completed}\n"),
            "4:18 form.unknown-key: an item of `at` has no key `cancle`; did you mean `cancel`?");
}

TEST(ScenarioParserTest, WrongValuesAreToldAtTheirPlace) {
  EXPECT_EQ(finding(std::string(kHead) + "expect: {outcome: complete}\n"),
            "4:19 form.value: `outcome` cannot be `complete`; did you mean `completed`?");
  EXPECT_EQ(finding("test: one\nworkflow: shop.order\ninput: {file: nowhere.json}\nexpect: "
                    "{outcome: completed}\n"),
            "3:15 scenario.file: there is no file `nowhere.json`; name it relative to this file");
  EXPECT_NE(finding("test: one\nworkflow: shop.order\ninput: {file: broken.json}\nexpect: "
                    "{outcome: completed}\n")
                .find("is not JSON"),
            std::string::npos);
  EXPECT_EQ(
      finding(std::string(kHead) + "adapters: {send: {reply: {}}}\nexpect: {outcome: completed}\n"),
      "4:12 form.name: `send` is no operation of an adapter; write it like `payments.authorise`");
  EXPECT_NE(finding(std::string(kHead) +
                    "at: [{after: soon, cancel: true}]\nexpect: {outcome: completed}\n")
                .find("form.duration"),
            std::string::npos);
}

TEST(ScenarioParserTest, ContradictionsAreTold) {
  EXPECT_EQ(
      finding(std::string(kHead) +
              "adapters: {mail.send: {fail: a, transient: true}}\nexpect: {outcome: failed}\n"),
      "4:33 form.clash: `transient` stands beside `fail`; write two answers, one after the other");
  EXPECT_EQ(finding(std::string(kHead) +
                    "at: [{after: 1s, cancel: true, crash: true}]\nexpect: {outcome: failed}\n"),
            "4:32 form.clash: `crash` stands beside `cancel`; write two items");
  EXPECT_EQ(
      finding(std::string(kHead) +
              "adapters: {mail.send: {fail: a, happened: true}}\nexpect: {outcome: failed}\n"),
      "4:33 form.clash: `happened` only goes with `unknown`; leave it out");
  EXPECT_EQ(finding(std::string(kHead) + "expect: {}\n"),
            "4:9 form.empty: `expect` expects nothing; add `outcome: completed`");
}

TEST(ScenarioParserTest, InputIsSetByPath) {
  const auto read = [](const std::string& set) {
    return parse_scenario_text("test: one\nworkflow: shop.order\ninput: {file: order.json, set: {" +
                               set + "}}\nexpect: {outcome: completed}\n");
  };
  EXPECT_EQ(read("'items[0].qty': 5").scenarios.at(0).input.to_json(),
            R"({"id":"o-1","amount":10,"items":[{"sku":"a","qty":5}]})");
  EXPECT_EQ(read("'items[3].qty': 5").diagnostics.size(), 1u);
  EXPECT_EQ(read("'items[': 5").diagnostics.size(), 1u);
}

TEST(ScenarioParserTest, ExpressionsSeeWhatAnAdapterSees) {
  const std::string text =
      std::string(kHead) +
      "adapters: {mail.send: {reply: {a: '${ $steps.x }'}}}\nexpect: {outcome: completed}\n";
  const ScenarioFile file = parse_scenario_text(text);
  ASSERT_EQ(file.diagnostics.size(), 1u);
  EXPECT_EQ(file.diagnostics[0].message, "there is no `$steps` in a scenario");
}

}  // namespace
}  // namespace weft::sim
