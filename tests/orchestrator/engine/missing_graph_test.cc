// A saga whose graph this program can not make any more: held, and released when it can.

#include <gtest/gtest.h>

#include <string>

#include "dsl/compiler.h"
#include "tests/orchestrator/engine/engine_world.h"

namespace weft::test {
namespace {

const char* const kHeldOrder = R"(weft: 1
workflow: order
version: 1.0.0
owner: o@example.org
key: ${ .id }
steps:
  - {step: reserve, call: shop.reserve, timeout: 10s, compensate: {call: shop.release}}
  - {step: charge, call: shop.charge, timeout: 10s, compensate: none}
)";

class MissingGraphTest : public ::testing::Test {
 protected:
  void SetUp() override {
    // A program that refuses what an earlier one has taken.
    world.config.compile = [this](const std::vector<dsl::SourceFile>& files,
                                  const dsl::CompileOptions& options) {
      return dsl::compile(refuses ? std::vector<dsl::SourceFile>{} : files, options);
    };
    world.define("order.yaml", kHeldOrder);
    world.start();
    (void)world.start_saga("order", R"({"id":"o1"})");  // Nobody answers yet.
    world.run_for(1'000);
    ASSERT_EQ(state(), "running");
    refuses = true;
    world.files.clear();
    world.adapter("shop", always_ok());
    world.restart();
    world.run_for(5'000);
  }
  std::string state() { return world.state("order:o1"); }
  engine::Response act(const std::string& action) {
    engine::Act act;
    act.action = action;
    act.saga = "order:o1";
    act.reason = "it is deployed again";
    return world.ask(act);
  }
  void deploy() {
    refuses = false;
    const auto answer = world.ask(engine::Deploy{{{"order.yaml", kHeldOrder}}, {}, false});
    ASSERT_TRUE(answer.ok()) << answer.body.to_json();
    world.run_for(1'000);
  }
  EngineWorld world;
  bool refuses = false;
};

TEST_F(MissingGraphTest, TheSagaIsStuckAndGoesOnWhenItsGraphIsBack) {
  ASSERT_EQ(state(), "stuck") << world.history("order:o1");
  const dsl::Value shown = world.show("order:o1");
  EXPECT_EQ(shown.find("stuck")->string_or("code", ""), "missing_graph");
  EXPECT_NE(shown.find("stuck")->string_or("message", "").find("order@1.0.0"), std::string::npos);
  EXPECT_FALSE(shown.boolean_or("graph_known", true));
  // What came for it is held, not lost, also over a restart.
  const std::string before = world.history("order:o1");
  world.restart();
  world.run_for(5'000);
  EXPECT_EQ(world.history("order:o1"), before);
  deploy();
  EXPECT_EQ(state(), "stuck") << "a person says when it goes on";
  const auto resumed = act("resume");
  ASSERT_TRUE(resumed.ok()) << resumed.body.to_json();
  world.run_for(20'000);
  EXPECT_EQ(state(), "completed") << world.history("order:o1");
  EXPECT_EQ(world.seen("shop").back().operation, "charge");
}

// Without its graph nothing can be decided, but it can be given up.
TEST_F(MissingGraphTest, ItCanBeTerminated) {
  EXPECT_FALSE(act("cancel").ok());
  EXPECT_FALSE(act("resume").ok());
  ASSERT_EQ(state(), "stuck");
  EXPECT_TRUE(act("terminate").ok());
  world.run_for(1'000);
  EXPECT_EQ(state(), "terminated");
}

}  // namespace
}  // namespace weft::test
