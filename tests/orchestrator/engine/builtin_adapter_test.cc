#include <gtest/gtest.h>

#include "tests/orchestrator/engine/engine_world.h"

namespace weft::test {
namespace {

const char* const kBuiltinOrder = R"(weft: 1
workflow: order
version: 1.0.0
owner: o@example.org
key: ${ .id }
steps:
  - step: pack
    call: wms.pack
    timeout: 1h
    compensate: {call: wms.unpack}
  - step: ship
    pivot: true
    call: wms.ship
    timeout: 10s
)";

const char* const kCancellation = R"(weft: 1
workflow: cancellation
version: 1.0.0
owner: o@example.org
key: ${ .id }
steps:
  - step: cancel_order
    call: weft.cancel
    with: {workflow: order, key: '${ .id }', reason: changed my mind}
    timeout: 2s
    compensate: none
    on_error:
      - errors: [past_pivot]
        do:
          - step: note
            set: {late: true}
        result: {late: true}
        then: continue
output: ${ $cancel_order }
)";

class BuiltinAdapterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    world.define("order.yaml", kBuiltinOrder);
    world.define("cancellation.yaml", kCancellation);
    world.adapter("wms", [this](const TaskSeen& task, messaging::Subject to) {
      last = to;
      return silent == task.operation ? std::nullopt : reply_ok(std::move(to));
    });
    world.start();
  }
  void answer_last() {
    auto bus = world.network().connect("answer");
    (void)bus->publish(*reply_ok(*last));
    bus->flush();
    world.settle();
  }
  EngineWorld world;
  std::string silent;
  std::optional<messaging::Subject> last;
};

TEST_F(BuiltinAdapterTest, AWorkflowCancelsAnother) {
  silent = "pack";
  (void)world.start_saga("order", R"({"id":"o1"})");
  (void)world.start_saga("cancellation", R"({"id":"o1"})");
  world.run_for(5000);
  answer_last();
  silent.clear();
  world.run_for(5000);
  EXPECT_EQ(world.state("cancellation:o1"), "completed") << world.history("cancellation:o1");
  EXPECT_EQ(world.state("order:o1"), "compensated");
  EXPECT_EQ(world.calls("wms"), "pack unpack");
}

TEST_F(BuiltinAdapterTest, TooLateIsSaidAsSuch) {
  (void)world.start_saga("order", R"({"id":"o1"})");
  world.run_for(1000);
  (void)world.start_saga("cancellation", R"({"id":"o1"})");
  world.run_for(1000);
  EXPECT_EQ(world.state("cancellation:o1"), "completed") << world.history("cancellation:o1");
  EXPECT_EQ(world.show("cancellation:o1").find("output")->to_json(), R"({"late":true})");
}

// While the pivot may have happened nobody knows: the cancellation waits for it as the saga does.
TEST_F(BuiltinAdapterTest, ACancellationWaitsForAPivotInDoubt) {
  silent = "ship";
  (void)world.start_saga("order", R"({"id":"o1"})");
  world.run_for(500);
  (void)world.start_saga("cancellation", R"({"id":"o1"})");
  world.run_for(5000);
  EXPECT_NE(world.state("cancellation:o1"), "completed");
  answer_last();
  world.run_for(2000);
  EXPECT_EQ(world.state("order:o1"), "completed");
  EXPECT_EQ(world.show("cancellation:o1").find("output")->to_json(), R"({"late":true})");
  EXPECT_EQ(world.history("cancellation:o1").find("AttemptFailed"), std::string::npos);
}

}  // namespace
}  // namespace weft::test
