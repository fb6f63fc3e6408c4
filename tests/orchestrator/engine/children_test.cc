#include <gtest/gtest.h>

#include "tests/orchestrator/engine/engine_world.h"

namespace weft::test {
namespace {

const char* const kChild = R"(weft: 1
workflow: shop.pack
version: 1.2.0
owner: o@example.org
errors: {too_heavy: {class: business}}
steps:
  - step: box
    call: wms.box
    timeout: 2s
    compensate: {call: wms.unbox}
)";

const char* const kParent = R"(weft: 1
workflow: shop.order
version: 1.0.0
owner: o@example.org
key: ${ .id }
errors: {too_heavy: {class: business}, declined: {class: business}}
steps:
  - step: pack
    saga: shop.pack@1
    with: {order: '${ .id }'}
  - step: charge
    call: payments.charge
    timeout: 2s
    compensate: none
)";

class ChildrenTest : public ::testing::Test {
 protected:
  void SetUp() override {
    world.define("pack.yaml", kChild);
    world.define("order.yaml", kParent);
    world.adapter("wms", always_ok());
    world.adapter("payments", always_ok());
  }
  std::string child() {
    engine::ListSagas query;
    query.workflow = "shop.pack";
    const auto found = world.ask(query);
    return found.body.find("items")->size() == 0
               ? std::string()
               : found.body.find("items")->as_array()[0].string_or("saga", "");
  }
  EngineWorld world;
};

TEST_F(ChildrenTest, AParentWaitsForItsChild) {
  world.start();
  (void)world.start_saga("shop.order", R"({"id":"o1"})");
  world.run_for(1000);
  EXPECT_EQ(world.state("shop.order:o1"), "completed") << world.history("shop.order:o1");
  EXPECT_EQ(world.calls(), "box charge");
  EXPECT_EQ(world.state(child()), "completed");
  EXPECT_EQ(world.show(child()).find("parent")->string_or("step", ""), "pack");
}

TEST_F(ChildrenTest, AFailedChildFailsItsStepWithItsCode) {
  world.adapter("wms", [](const TaskSeen&, messaging::Subject to) {
    return reply_error(std::move(to), 409, "too_heavy");
  });
  world.start();
  (void)world.start_saga("shop.order", R"({"id":"o1"})");
  world.run_for(1000);
  EXPECT_EQ(world.show("shop.order:o1").find("error")->string_or("code", ""), "too_heavy")
      << world.history("shop.order:o1");
}

TEST_F(ChildrenTest, ACompletedChildIsUndoneWithItsParent) {
  world.adapter("payments", [](const TaskSeen&, messaging::Subject to) {
    return reply_error(std::move(to), 402, "declined");
  });
  world.start();
  (void)world.start_saga("shop.order", R"({"id":"o1"})");
  world.run_for(2000);
  EXPECT_EQ(world.state("shop.order:o1"), "compensated") << world.history("shop.order:o1");
  EXPECT_EQ(world.calls(), "box charge unbox");
  EXPECT_EQ(world.state(child()), "compensated");
}

// What a child holds passes to its parent; undone, it gives back what the parent still holds of it:
// five reserved, three shipped, two released.
TEST(ChildHoldings, AnUndoneChildGivesBackWhatItsParentStillHolds) {
  EngineWorld world;
  world.define("hold.yaml", R"(weft: 1
workflow: shop.hold
version: 1.0.0
owner: o@example.org
resources: {stock: {by: [sku]}}
steps:
  - step: reserve
    call: wms.reserve
    holds: {stock: '${ [{sku: "a", qty: 5}] }'}
    compensate: {call: wms.release, with: {lines: '${ $held.stock }'}}
)");
  world.define("order.yaml", R"(weft: 1
workflow: shop.order
version: 1.0.0
owner: o@example.org
key: ${ .id }
errors: {declined: {class: business}}
resources: {stock: {by: [sku]}}
steps:
  - {step: part, saga: shop.hold@1}
  - {step: ship, call: wms.ship, consumes: {stock: '${ [{sku: "a", qty: 3}] }'}, compensate: none}
  - {step: charge, call: payments.charge, compensate: none}
)");
  world.adapter("wms", always_ok());
  world.adapter("payments", [](const TaskSeen&, messaging::Subject to) {
    return reply_error(std::move(to), 402, "declined");
  });
  world.start();
  (void)world.start_saga("shop.order", R"({"id":"o1"})");
  world.run_for(2000);
  EXPECT_EQ(world.state("shop.order:o1"), "compensated") << world.history("shop.order:o1");
  ASSERT_EQ(world.calls("wms"), "reserve ship release");
  EXPECT_EQ(world.seen("wms").back().body, R"({"lines":[{"sku":"a","qty":2}]})");
}

// Eight sagas deep is allowed; before a ninth the saga is stuck, for no limit ends one.
TEST(ChildDepth, EightDeepIsTheLimit) {
  for (const int deep : {8, 9}) {
    EngineWorld world;
    world.adapter("wms", always_ok());
    for (int level = 1; level <= deep; ++level) {
      const std::string number = std::to_string(level);
      std::string nest = "weft: 1\nworkflow: nest" + number +
                         "\nversion: 1.0.0\nowner: o@example.org\nkey: ${ .id }\nsteps:\n"
                         "  - {step: take, call: wms.take, compensate: {call: wms.put}}\n";
      if (level < deep) {
        nest += "  - {step: below, saga: nest" + std::to_string(level + 1) +
                "@1, with: {id: '${ .id }'}}\n";
      }
      world.define("nest" + number + ".yaml", nest);
    }
    world.start();
    (void)world.start_saga("nest1", R"({"id":"o1"})");
    world.run_for(5'000);
    if (deep == 8) {
      EXPECT_EQ(world.state("nest1:o1"), "completed") << world.history("nest1:o1");
      EXPECT_EQ(world.seen("wms").size(), 8U);
    } else {
      engine::ListSagas query;
      query.states = {"stuck"};
      const auto found = world.ask(query);
      ASSERT_EQ(found.body.find("items")->size(), 1U) << found.body.to_json();
      const dsl::Value& stuck = found.body.find("items")->as_array()[0];
      EXPECT_EQ(stuck.string_or("workflow", ""), "nest8");
      EXPECT_EQ(stuck.find("stuck")->string_or("code", ""), "child_depth");
      EXPECT_EQ(world.seen("wms").size(), 8U) << "the ninth never began";
    }
  }
}

// Whoever ends a parent by force hears what goes on without it.
TEST_F(ChildrenTest, ATerminatedParentNamesTheChildrenThatStillRun) {
  world.adapter("wms", [](const TaskSeen&, messaging::Subject) {
    return std::optional<messaging::Message>();
  });
  world.start();
  (void)world.start_saga("shop.order", R"({"id":"o1"})");
  world.run_for(500);
  const std::string left = child();
  ASSERT_EQ(world.state(left), "running");
  engine::Act terminate;
  terminate.action = "terminate";
  terminate.saga = "shop.order:o1";
  terminate.reason = "a test order";
  const auto answer = world.ask(terminate);
  ASSERT_TRUE(answer.ok()) << answer.body.to_json();
  EXPECT_EQ(answer.body.string_or("type", ""), "SagaTerminated");
  const auto* children = answer.body.find("children");
  ASSERT_TRUE(children != nullptr && children->size() == 1) << answer.body.to_json();
  EXPECT_EQ(children->as_array()[0].string_or("saga", ""), left);
  EXPECT_EQ(children->as_array()[0].string_or("path", ""), "pack");
  EXPECT_EQ(world.state(left), "running");
  // It can be ended like any other, and its end disturbs nobody.
  terminate.saga = left;
  EXPECT_EQ(world.ask(terminate).body.find("children")->size(), 0U);
  world.run_for(1'000);
  EXPECT_EQ(world.state("shop.order:o1"), "terminated");
  EXPECT_EQ(world.state(left), "terminated");
}

TEST_F(ChildrenTest, ACrashAtAnyCommitLosesNeither) {
  for (int crash_at = 1; crash_at < 14; ++crash_at) {
    EngineWorld again;
    again.define("pack.yaml", kChild);
    again.define("order.yaml", kParent);
    again.adapter("wms", always_ok());
    again.adapter("payments", always_ok());
    again.start();
    again.sync_automatically = false;
    (void)again.start_saga("shop.order", R"({"id":"o1"})");
    for (int i = 0; i < crash_at; ++i) {
      again.store().sync_group();
      again.settle();
    }
    again.sync_automatically = true;
    again.restart();
    again.run_for(5000);
    EXPECT_EQ(again.state("shop.order:o1"), "completed")
        << crash_at << ": " << again.history("shop.order:o1");
  }
}

}  // namespace
}  // namespace weft::test
