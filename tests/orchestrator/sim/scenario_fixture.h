#pragma once  // tests/orchestrator/sim/scenario_fixture.h

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "dsl/compiler.h"
#include "orchestrator/sim/scenario_run.h"

namespace weft::test {

/// A shop of one workflow: reserve, charge, ship (the pivot), thank.
inline const char* kShop = R"(weft: 1
workflow: shop.order
version: 1.0.0
owner: shop@example.org
key: ${ .id }
deadline: 3d
statuses: [accepted, reserved, shipped, thanked, rejected, cancelled]
resources:
  stock: {by: [sku]}
retries:
  few: {errors: [transient, unknown], max_attempts: 3, delay: 1s, jitter: none}
defaults: {timeout: 5s, retry: few}
steps:
  - step: reserve
    call: stock.reserve
    with: {items: '${ .items }'}
    holds: {stock: '${ $with.items }'}
    on_success: {status: reserved}
    compensate: {call: stock.release, with: {items: '${ $held.stock }'}}
  - step: charge
    call: cards.charge
    with: {amount: '${ .amount }'}
    probe: {call: cards.find}
    compensate: {call: cards.refund}
  - step: approval
    when: ${ .amount > 100 }
    listen: order.approved
    correlate: {event: '${ $event.id }', equals: '${ .id }'}
    timeout: 1h
    on_timeout: {raise: not_approved}
  - step: ship
    pivot: true
    call: stock.ship
    with: {id: '${ .id }'}
    completes: {within: 1d, heartbeat: 10m}
    consumes: {stock: all}
    on_success: {status: shipped}
  - step: thank
    call: mail.send
    with: {to: '${ .id }', receipt: '${ $charge.receipt // null }'}
    on_success: {status: thanked, emit: order.thanked}
errors:
  not_approved: {class: business}
  sold_out: {class: business}
on_compensated: {status: rejected}
on_cancelled: {status: cancelled}
)";

inline const char* kStock = R"(weft: 1
adapter: stock
owner: shop@example.org
guarantee: fenced
operations:
  reserve: {errors: [sold_out]}
  release: {}
  ship: {}
errors: {sold_out: {class: business}}
)";

inline sim::Definitions shop_definitions() {
  sim::Definitions definitions;
  definitions.files = {{"shop.yaml", kShop}, {"stock.yaml", kStock}};
  dsl::CompileOptions options;
  options.complete = true;
  const auto compiled = dsl::compile(definitions.files, options);
  for (const auto& diagnostic : compiled.diagnostics) {
    EXPECT_NE(diagnostic.severity, dsl::Diagnostic::Severity::kError)
        << dsl::format_diagnostic(diagnostic, kShop);
  }
  definitions.workflows = compiled.workflows;
  definitions.adapters = compiled.adapters;
  return definitions;
}

inline sim::ScenarioFile parse_scenario_text(const std::string& text) {
  return sim::parse_scenarios(
      {"x.test.yaml", text},
      [](const std::string&, const std::string& path) -> std::optional<std::string> {
        if (path == "order.json")
          return R"({"id":"o-1","amount":10,"items":[{"sku":"a","qty":2}]})";
        if (path == "broken.json") return "{";
        return std::nullopt;
      });
}

/// A scenario of the shop whose keys after `input` are `rest`.
inline sim::Scenario shop_scenario(const std::string& rest) {
  const auto file =
      parse_scenario_text("test: one\nworkflow: shop.order\ninput: {file: order.json}\n" + rest);
  for (const auto& diagnostic : file.diagnostics) {
    ADD_FAILURE() << dsl::format_diagnostic(diagnostic, rest);
  }
  return file.scenarios.empty() ? sim::Scenario{} : file.scenarios.front();
}

inline std::string failures_of(const sim::ScenarioResult& result) {
  std::string out = result.broken;
  for (const auto& failure : result.failures) {
    out += failure.what + ": expected " + failure.expected + ", was " + failure.actual + "\n";
  }
  for (const auto& line : result.story)
    out += "  " + std::to_string(line.at_ms) + " " + line.text + "\n";
  return out;
}

/// Runs it; everything it expects must hold.
inline sim::ScenarioResult expect_passes(const std::string& rest) {
  static const sim::Definitions definitions = shop_definitions();
  const sim::Scenario scenario = shop_scenario(rest);
  for (const auto& diagnostic : sim::check_scenario(scenario, definitions)) {
    ADD_FAILURE() << dsl::format_diagnostic(diagnostic, "");
  }
  auto result = sim::run_scenario(scenario, definitions);
  EXPECT_TRUE(result.passed()) << failures_of(result);
  return result;
}

}  // namespace weft::test
