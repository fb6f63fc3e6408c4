#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "store/key_layout.h"
#include "tests/orchestrator/engine/engine_world.h"

namespace weft::test {
namespace {

const char* const kOrder = R"(weft: 1
workflow: order
version: 1.0.0
owner: o@example.org
key: ${ .id }
steps:
  - {step: reserve, call: shop.reserve, compensate: none}
  - {step: go, listen: go}
)";

class RestoredSagasTest : public ::testing::Test {
 protected:
  void SetUp() override {
    world.adapter("shop", always_ok());
    world.define("order.yaml", kOrder);
    world.start();
  }
  std::string start(const std::string& id) {
    const std::string saga = world.start_saga("order", R"({"id":")" + id + "\"}")
                                 .body.string_or("saga", "");
    world.run_for(100);
    return saga;
  }
  void go(const std::string& saga) {
    EXPECT_TRUE(world.ask(engine::SendSignal{saga, "go", "", "{}"}).ok());
    world.run_for(100);
  }
  // As `weft restore` leaves a store: all of its backup, and the mark.
  void restore() {
    const auto position = world.store().head_position();
    world.crash();
    const std::int64_t now = world.civil_time().ms;
    world.disk().tables[static_cast<std::size_t>(store::Table::kMeta)].insert_or_assign(
        std::string(store::meta::kRestored), store::encode_restored({now - 1, now, position}));
    world.start();
    world.run_for(100);
  }
  void accept() {
    EXPECT_TRUE(world.ask(engine::Pause{"engine", "", "looked at", false}).ok());
    world.run_for(100);
  }
  std::string listed() {
    engine::ListSagas list;
    list.restored = true;
    std::string keys;
    const auto found = world.ask(list);
    for (const auto& row : found.body.find("items")->as_array()) {
      EXPECT_TRUE(row.boolean_or("restored", false)) << row.to_json();
      keys += row.string_or("key", "?");
    }
    return keys;
  }
  /// Of `weft status`; -1: nothing is said of a restored store.
  std::int64_t unfinished() {
    const auto status = world.ask(engine::GetStatus{});
    const auto* restored = status.body.find("store")->find("restored");
    return restored->is_null() ? -1 : restored->integer_or("unfinished", -2);
  }
  EngineWorld world;
};

TEST_F(RestoredSagasTest, WhatHadNotEndedIsListedUntilItEnds) {
  const std::string a = start("a"), b = start("b"), c = start("c");
  go(b);
  EXPECT_EQ(listed(), "");
  EXPECT_EQ(unfinished(), -1);
  restore();
  EXPECT_TRUE(world.engine().paused());
  EXPECT_EQ(listed(), "ca");
  EXPECT_EQ(unfinished(), 2);
  EXPECT_TRUE(world.show(a).boolean_or("restored", false));
  EXPECT_FALSE(world.show(b).boolean_or("restored", false));
  // What starts since then is known here from its beginning.
  const std::string d = start("d");
  EXPECT_EQ(listed(), "ca");
  world.restart();
  EXPECT_EQ(listed(), "ca");
  accept();
  EXPECT_EQ(unfinished(), 2) << "accepting lets them go on; it settles none of them";
  go(a);
  go(d);
  EXPECT_EQ(world.state(d), "completed");
  EXPECT_EQ(listed(), "c");
  EXPECT_EQ(unfinished(), 1);
  world.restart();
  EXPECT_EQ(listed(), "c");
  EXPECT_EQ(unfinished(), 1);
  engine::Act terminate;
  terminate.action = "terminate";
  terminate.saga = c;
  terminate.reason = "the shop says that it was cancelled";
  EXPECT_TRUE(world.ask(terminate).ok());
  world.run_for(100);
  EXPECT_EQ(listed(), "");
  EXPECT_EQ(unfinished(), -1);
  world.restart();
  EXPECT_EQ(unfinished(), -1);
}

// The list serves whoever acts on many, too: `--where '.restored'`.
TEST_F(RestoredSagasTest, AConditionCanNameThem) {
  (void)start("a");
  restore();
  (void)start("b");
  engine::ListSagas list;
  list.where = ".restored";
  const auto found = world.ask(list);
  ASSERT_EQ(found.body.find("items")->size(), 1U) << found.body.to_json();
  EXPECT_EQ(found.body.find("items")->as_array()[0].string_or("key", ""), "a");
}

// A backup of a restored store, restored in its turn: all that had not ended then.
TEST_F(RestoredSagasTest, AnotherRestoreMakesAnotherList) {
  (void)start("a");
  restore();
  (void)start("b");
  accept();
  EXPECT_EQ(unfinished(), 1);
  world.run_for(5'000);
  restore();
  EXPECT_EQ(listed(), "ba");
  EXPECT_EQ(unfinished(), 2);
}

}  // namespace
}  // namespace weft::test
