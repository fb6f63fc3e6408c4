// What no scenario has tried is found, and scenarios are written for it.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "orchestrator/sim/invented_value.h"
#include "orchestrator/sim/scenario_suggest.h"
#include "orchestrator/sim/scenario_writer.h"
#include "tests/orchestrator/sim/scenario_fixture.h"

namespace weft::sim {
namespace {

TEST(PlacementTest, EveryWayToFailIsListedOnce) {
  const auto definitions = test::shop_definitions();
  const auto all = placements_of(*definitions.find("shop.order"));
  EXPECT_EQ(std::set<Placement>(all.begin(), all.end()).size(), all.size());
  const auto has = [&](const std::string& step, std::string_view what) {
    return std::find(all.begin(), all.end(), Placement{step, std::string(what)}) != all.end();
  };
  EXPECT_TRUE(has("reserve", "refused: sold_out"));
  EXPECT_TRUE(has("reserve", "undo: late success"));
  EXPECT_TRUE(has("charge", "probe: done"));
  EXPECT_TRUE(has("ship", way::kPendingSilent));
  EXPECT_TRUE(has("approval", way::kEventLate));
  EXPECT_TRUE(has("", way::kDeadlineLate));
  EXPECT_FALSE(has("thank", way::kUnavailableTooLong));
  EXPECT_FALSE(has("ship", "undo: refused"));
}

// From one scenario that ends well to all there is to try; what is written passes as it is written.
TEST(SuggestTest, AHappyPathIsEnoughToStartFrom) {
  const auto definitions = test::shop_definitions();
  const std::string base = R"(
workflow: shop.order
input: {file: order.json}
tests:
  - {test: small, expect: {outcome: completed}}
  - test: large
    input: {file: order.json, set: {amount: 500}}
    at: [{step: approval, is: waiting, event: order.approved, data: {id: o-1}}]
    expect: {outcome: completed}
)";
  const auto reader = [](const std::string&, const std::string&) -> std::optional<std::string> {
    return R"({"id":"o-1","amount":10,"items":[{"sku":"a","qty":2}]})";
  };
  const ScenarioFile file = parse_scenarios({"x.test.yaml", base}, reader);
  ASSERT_EQ(file.scenarios.size(), 2u);
  std::set<Placement> reached;
  for (const Scenario& scenario : file.scenarios) {
    auto result = run_scenario(scenario, definitions);
    ASSERT_TRUE(result.passed()) << test::failures_of(result);
    reached.merge(result.reached["shop.order"]);
  }
  const auto& graph = *definitions.find("shop.order");
  const Suggestions found =
      suggest_scenarios(graph, definitions, file.scenarios, reached, reader, {});
  for (const Placement& placement : found.unreached) ADD_FAILURE() << placement.text();
  const ScenarioFile written = parse_scenarios({"y.test.yaml", found.yaml}, reader);
  for (const auto& d : written.diagnostics) ADD_FAILURE() << dsl::format_diagnostic(d, found.yaml);
  EXPECT_EQ(written.scenarios.size(), found.scenarios);
  // One for each would be the largest set.
  EXPECT_LT(found.scenarios, found.reached.size() / 2);
  for (const Scenario& scenario : written.scenarios) {
    EXPECT_TRUE(check_scenario(scenario, definitions).empty());
    auto result = run_scenario(scenario, definitions);
    EXPECT_TRUE(result.passed()) << scenario.name << "\n" << test::failures_of(result);
    reached.merge(result.reached["shop.order"]);
  }
  for (const Placement& placement : placements_of(graph)) {
    EXPECT_TRUE(reached.contains(placement)) << placement.text();
  }
}

TEST(WriterTest, ValuesAreWrittenAsTheyAreRead) {
  const auto value = dsl::Value::parse(
      R"({"a":"true","b":true,"c":"1.5","d":1.5,"e":"${ .x }","f":["no","- x"," y","",null],"g":{"h i":"a: b #c"}})");
  ASSERT_TRUE(value);
  const auto file = test::parse_scenario_text(
      "test: one\nworkflow: shop.order\ninput: {value: {v: 1}}\nexpect: {output: " +
      flow_text(value->with("e", "plain")) + "}\n");
  ASSERT_TRUE(file.diagnostics.empty())
      << dsl::format_diagnostic(file.diagnostics[0], flow_text(*value));
  EXPECT_EQ(file.scenarios[0].expect.output->to_json(), value->with("e", "plain").to_json());
}

TEST(InventedValueTest, ASchemaIsSatisfied) {
  const auto schema = dsl::Value::parse(R"({
    "type": "object", "required": ["lines", "value", "currency", "kind", "when"],
    "properties": {
      "lines": {"type": "array", "minItems": 2, "items": {"$ref": "#/definitions/line"}},
      "value": {"type": "integer", "minimum": 10, "multipleOf": 5},
      "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
      "kind": {"enum": ["big", "small"]},
      "when": {"type": "string", "format": "date-time"},
      "extra": {"type": "boolean"}},
    "definitions": {"line": {"type": "object", "required": ["sku"], "properties": {"sku": {"type": "string", "minLength": 3}}}}})");
  ASSERT_TRUE(schema);
  const auto like =
      dsl::Value::parse(R"({"lines": [{"sku": "jacket"}], "value": 15, "currency": "usd"})");
  const auto made = invent_value(*schema, *like);
  ASSERT_TRUE(made);
  EXPECT_FALSE(dsl::validate_schema({"", *schema}, *made)) << made->to_json();
  EXPECT_EQ(made->find("lines")->as_array()[0].string_or("sku", ""), "jacket");
  EXPECT_EQ(made->integer_or("value", 0), 15);
  EXPECT_FALSE(invent_value(*dsl::Value::parse(R"({"type":"string","pattern":"^x{40}$"})"), {}));
}

}  // namespace
}  // namespace weft::sim
