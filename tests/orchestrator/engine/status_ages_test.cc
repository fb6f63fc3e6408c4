#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "orchestrator/engine/tables.h"
#include "tests/orchestrator/engine/engine_world.h"

namespace weft::test {
namespace {

std::string order(const std::string& version, const std::string& kpi,
                  const std::string& more = "") {
  return R"(weft: 1
workflow: order
version: )" + version + R"(
owner: o@example.org
key: ${ .id }
labels: {channel: '${ .channel }'}
statuses: [accepted, held, released]
steps:
  - {step: hold, call: shop.hold, compensate: none, on_success: {status: held}}
  - {step: go, listen: go}
  - {step: release, call: shop.release, compensate: none, on_success: {status: released}}
)" + more + R"(kpi:
)" + kpi;
}

const char* const kAge = "  waiting: {age_of: status.held, by: [channel]}\n";

class StatusAgesTest : public ::testing::Test {
 protected:
  void SetUp() override { world.adapter("shop", always_ok()); }

  std::optional<double> age(const std::string& name, const engine::MetricLabels& labels) {
    for (const auto& family : world.engine().metrics().families) {
      if (family.name != name) continue;
      for (const auto& sample : family.samples) {
        if (sample.labels == labels) return sample.value;
      }
    }
    return std::nullopt;
  }
  std::optional<double> waiting(const std::string& channel) {
    return age("weft_kpi_waiting", {{"workflow", "order"}, {"channel", channel}});
  }
  std::string start(const std::string& id, const std::string& channel) {
    const std::string saga =
        world.start_saga("order", R"({"id":")" + id + R"(","channel":")" + channel + "\"}")
            .body.string_or("saga", "");
    world.run_for(100);
    return saga;
  }
  void go(const std::string& saga) {
    EXPECT_TRUE(world.ask(engine::SendSignal{saga, "go", "", "{}"}).ok());
    world.run_for(100);
  }
  std::size_t rows(std::uint16_t table) {
    const auto found = world.store().scan_index(table, "", "", 1'000);
    EXPECT_TRUE(found);
    return found ? found->size() : 0;
  }
  EngineWorld world;
};

// It is the oldest that somebody waits for; when it goes, the next one is.
TEST_F(StatusAgesTest, TheOldestInAStatusIsShownByLabel) {
  world.define("order.yaml", order("1.0.0", kAge));
  world.start();
  EXPECT_FALSE(waiting("web"));
  const std::string first = start("a", "web");
  world.run_for(60'000);
  const std::string second = start("b", "web");
  const std::string shop = start("c", "shop");
  world.run_for(30'000);
  ASSERT_TRUE(waiting("web"));
  EXPECT_NEAR(*waiting("web"), 90, 1);
  EXPECT_NEAR(*waiting("shop"), 30, 1);
  go(first);
  EXPECT_NEAR(*waiting("web"), 30, 1);
  world.run_for(10'000);
  EXPECT_NEAR(*waiting("web"), 40, 1);
  go(second);
  EXPECT_FALSE(waiting("web"));
  EXPECT_NEAR(*waiting("shop"), 40, 1);
  // What ends where it stands has no age any more.
  engine::Act terminate;
  terminate.action = "terminate";
  terminate.saga = shop;
  terminate.reason = "lost";
  EXPECT_TRUE(world.ask(terminate).ok());
  world.run_for(100);
  EXPECT_FALSE(waiting("shop"));
  EXPECT_EQ(rows(engine::table::kStatusAges), 0U);
  EXPECT_EQ(rows(engine::table::kStatusAgesOf), 0U);
}

TEST_F(StatusAgesTest, ARestartForgetsNoAge) {
  world.define("order.yaml", order("1.0.0", kAge));
  world.start();
  const std::string first = start("a", "web");
  world.run_for(60'000);
  world.restart();
  world.run_for(1'000);
  ASSERT_TRUE(waiting("web"));
  EXPECT_NEAR(*waiting("web"), 61, 2);
  const std::string second = start("b", "web");
  go(first);
  ASSERT_TRUE(waiting("web"));
  EXPECT_LT(*waiting("web"), 5);
  EXPECT_EQ(rows(engine::table::kStatusAges), 1U);
}

// A saga is measured by the version it runs on, also when it is moved to another.
TEST_F(StatusAgesTest, EveryVersionMeasuresItsOwn) {
  world.define("order.yaml", order("1.0.0", kAge));
  world.start();
  const std::string old = start("a", "web");
  world.run_for(60'000);
  ASSERT_TRUE(world
                  .ask(engine::Deploy{
                      {{"order.yaml",
                        order("1.1.0", "  parked: {age_of: status.held, by: [version]}\n")}},
                      {},
                      false})
                  .ok());
  world.settle();
  (void)start("b", "web");
  world.run_for(10'000);
  const engine::MetricLabels parked = {{"workflow", "order"}, {"version", "1.1.0"}};
  EXPECT_NEAR(waiting("web").value_or(-1), 70, 1);
  EXPECT_NEAR(age("weft_kpi_parked", parked).value_or(-1), 10, 1);
  engine::Act move;
  move.saga = old;
  move.action = "move";
  move.to_version = "1.1.0";
  move.reason = "one figure for all";
  const auto moved = world.ask(move);
  ASSERT_TRUE(moved.ok()) << moved.body.to_json();
  world.run_for(1'000);
  EXPECT_FALSE(waiting("web"));
  EXPECT_NEAR(age("weft_kpi_parked", parked).value_or(-1), 71, 2);
  EXPECT_EQ(rows(engine::table::kStatusAges), 2U);
}

// However customers name their channels: so many values, and one for all others.
TEST_F(StatusAgesTest, LabelsAreBoundedAlsoOverRestarts) {
  world.config.limits.label_values = 2;
  world.define("order.yaml", order("1.0.0", kAge));
  world.start();
  for (int i = 0; i < 4; ++i) (void)start("k" + std::to_string(i), "c" + std::to_string(i));
  world.restart();
  (void)start("k9", "c9");
  world.run_for(1'000);
  EXPECT_TRUE(waiting("c0"));
  EXPECT_TRUE(waiting("c1"));
  EXPECT_TRUE(waiting("other"));
  EXPECT_FALSE(waiting("c9"));
}

// The rows follow from the events: a store that lost them, or never had them, gets them again.
TEST_F(StatusAgesTest, TheRowsAreBuiltFromTheEvents) {
  world.define("order.yaml", order("1.0.0", kAge));
  world.start();
  const std::string first = start("a", "web");
  (void)start("b", "shop");
  world.run_for(60'000);
  store::Commit lost;
  for (const std::uint16_t table : {engine::table::kStatusAges, engine::table::kStatusAgesOf}) {
    const auto found = world.store().scan_index(table, "", "", 1'000);
    ASSERT_TRUE(found);
    for (const auto& row : *found) lost.index_delete.push_back({table, row.key});
  }
  lost.index_delete.push_back({engine::table::kMeta, "status_ages"});
  world.store().submit({std::move(lost)}, [](const auto&) {});
  world.store().flush();
  world.restart();
  world.run_for(1'000);
  ASSERT_TRUE(waiting("web"));
  EXPECT_NEAR(*waiting("web"), 61, 2);
  EXPECT_NEAR(waiting("shop").value_or(-1), 61, 2);
  go(first);
  EXPECT_FALSE(waiting("web"));
  EXPECT_EQ(rows(engine::table::kStatusAges), 1U);
}

}  // namespace
}  // namespace weft::test
