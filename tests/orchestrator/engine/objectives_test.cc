#include <gtest/gtest.h>

#include "tests/orchestrator/engine/engine_world.h"

namespace weft::test {
namespace {

const char* const kObjectiveOrder = R"(weft: 1
workflow: order
version: 1.0.0
owner: o@example.org
key: ${ .id }
labels: {channel: '${ .channel }'}
statuses: [accepted, reserved, rejected]
errors: {out_of_stock: {class: business}}
steps:
  - step: reserve
    call: shop.reserve
    timeout: 20s
    compensate: none
    on_success: {status: reserved}
on_compensated: {status: rejected}
slo:
  acceptance: {from: start, to: durable, within: 500ms, objective: 99.9%}
  reservation: {from: start, to: status.reserved, within: 5s, objective: 99%}
kpi:
  oversell: {count: error.out_of_stock, at: step.reserve, by: [channel]}
  exceptions: {count: error, by: [class, code, adapter]}
retention: {completed: 30d}
)";

class ObjectivesTest : public ::testing::Test {
 protected:
  double metric(const std::string& name, const engine::MetricLabels& labels) {
    for (const auto& family : world.engine().metrics().families) {
      if (family.name != name) continue;
      for (const auto& sample : family.samples) {
        if (sample.labels == labels) return sample.value;
      }
    }
    return 0;
  }
  std::string start(const std::string& id, const std::string& channel) {
    return world
        .start_saga("order", R"({"id":")" + id + R"(","channel":")" + channel + "\"}")
        .body.string_or("saga", "");
  }
  EngineWorld world;
};

TEST_F(ObjectivesTest, ObjectivesAndFiguresAreCounted) {
  world.define("order.yaml", kObjectiveOrder);
  world.start();
  (void)start("late", "web");
  world.run_for(9'000);
  world.adapter("shop", always_ok());
  world.run_for(5'000);
  (void)start("soon", "web");
  world.run_for(1'000);
  EXPECT_EQ(metric("weft_slo_events_total",
                   {{"workflow", "order"}, {"slo", "acceptance"}, {"good", "true"}}), 2);
  EXPECT_EQ(metric("weft_slo_events_total",
                   {{"workflow", "order"}, {"slo", "reservation"}, {"good", "true"}}), 1);
  EXPECT_EQ(metric("weft_slo_events_total",
                   {{"workflow", "order"}, {"slo", "reservation"}, {"good", "false"}}), 1);
  world.adapter("shop", [](const TaskSeen&, messaging::Subject to) {
    return reply_error(std::move(to), 409, "out_of_stock");
  });
  (void)start("short", "web");
  world.run_for(1'000);
  EXPECT_EQ(metric("weft_kpi_oversell", {{"workflow", "order"}, {"channel", "web"}}), 1);
  EXPECT_EQ(metric("weft_kpi_exceptions", {{"workflow", "order"},
                                           {"class", "business"},
                                           {"code", "out_of_stock"},
                                           {"adapter", "shop"}}), 1);
}

// A metric that a customer's data could blow up is no metric.
TEST_F(ObjectivesTest, LabelsOfAuthorsAreBounded) {
  world.define("order.yaml", kObjectiveOrder);
  world.config.limits.label_values = 2;
  world.adapter("shop", [](const TaskSeen&, messaging::Subject to) {
    return reply_error(std::move(to), 409, "out_of_stock");
  });
  world.start();
  for (int i = 0; i < 5; ++i) (void)start("k" + std::to_string(i), "c" + std::to_string(i));
  world.run_for(1'000);
  EXPECT_EQ(metric("weft_kpi_oversell", {{"workflow", "order"}, {"channel", "other"}}), 3);
}

TEST_F(ObjectivesTest, WhatAWorkflowPromisesToKeepIsKept) {
  world.define("order.yaml", kObjectiveOrder);
  world.adapter("shop", always_ok());
  world.start();
  (void)start("k", "web");
  world.run_for(10'000);
  EXPECT_EQ(world.ask(engine::Prune{1'000, false}).body.integer_or("removed", -1), 0);
  world.clock().advance(std::int64_t{31} * 86'400'000);
  world.network().run_until(world.clock().steady_ms());
  world.settle();
  EXPECT_EQ(world.ask(engine::Prune{1'000, true}).body.integer_or("removed", -1), 1);
  EXPECT_EQ(world.ask(engine::Prune{1'000, false}).body.integer_or("removed", -1), 1);
}

}  // namespace
}  // namespace weft::test
