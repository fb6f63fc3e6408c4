#include <gtest/gtest.h>

#include "tests/orchestrator/engine/engine_world.h"

namespace weft::test {
namespace {

std::string stock(const std::string& ordering) {
  return "weft: 1\nworkflow: stock\nversion: 1.0.0\nowner: o@example.org\nkey: ${ .id }\n"
         "ordering_key: ${ .sku }\nordering: " +
         ordering +
         "\nsteps:\n  - step: send\n    call: channel.update\n    timeout: 1h\n    compensate: none\n";
}

class OrderingTest : public ::testing::Test {
 protected:
  void begin(const std::string& ordering) {
    world.define("stock.yaml", stock(ordering));
    world.adapter("channel", [this](const TaskSeen&, messaging::Subject to) {
      inboxes.push_back(std::move(to));
      return std::optional<messaging::Message>();
    });
    world.start();
  }
  EngineWorld::Answer start(const std::string& id) {
    return world.start_saga("stock", R"({"id":")" + id + R"(","sku":"s1"})");
  }
  void answer_last() {
    auto bus = world.network().connect("answer");
    (void)bus->publish(*reply_ok(inboxes.back()));
    bus->flush();
    world.settle();
  }
  EngineWorld world;
  std::vector<messaging::Subject> inboxes;
};

TEST_F(OrderingTest, OneAfterAnother) {
  begin("fifo");
  (void)start("a");
  const auto second = start("b");
  EXPECT_EQ(second.body.string_or("state", ""), "queued") << second.body.to_json();
  (void)start("c");
  EXPECT_EQ(inboxes.size(), 1u);
  answer_last();
  EXPECT_EQ(world.state("stock:a"), "completed");
  EXPECT_EQ(inboxes.size(), 2u);
  world.restart();
  world.run_for(100);
  EXPECT_EQ(world.state("stock:c"), "queued");
  answer_last();
  EXPECT_EQ(world.state("stock:b"), "completed");
  answer_last();
  EXPECT_EQ(world.state("stock:c"), "completed");
  EXPECT_EQ(world.ask(engine::ListOrdering{}).body.find("items")->size(), 0u);
}

TEST_F(OrderingTest, RejectRefusesWhileAnotherLives) {
  begin("reject");
  EXPECT_EQ(start("a").code, 0);
  EXPECT_EQ(start("b").code, 409);
  EXPECT_EQ(start("a").code, 0) << "a repeat is no other saga";
  answer_last();
  EXPECT_EQ(start("b").code, 0);
}

TEST_F(OrderingTest, SupersedeKeepsTheHeadAndTheNewest) {
  begin("supersede");
  (void)start("a");
  (void)start("b");
  (void)start("c");
  (void)start("d");
  EXPECT_EQ(world.state("stock:b"), "failed");
  EXPECT_EQ(world.show("stock:b").find("error")->string_or("code", ""), "superseded");
  EXPECT_EQ(world.state("stock:c"), "failed");
  answer_last();
  answer_last();
  EXPECT_EQ(world.state("stock:d"), "completed");
}

TEST_F(OrderingTest, ABlockedQueueIsShownAndCanBeLetPass) {
  begin("fifo");
  (void)start("a");
  (void)start("b");
  world.run_for(60'000);
  const auto blocked = world.ask(engine::ListOrdering{});
  ASSERT_EQ(blocked.body.find("items")->size(), 1u);
  const auto& queue = blocked.body.find("items")->as_array()[0];
  EXPECT_EQ(queue.string_or("key", ""), "s1");
  EXPECT_EQ(queue.integer_or("waiting", 0), 1);
  EXPECT_GE(queue.integer_or("age_ms", 0), 60'000);
  EXPECT_EQ(world.ask(engine::LetPass{"s1", ""}).status, 400);
  EXPECT_EQ(world.ask(engine::LetPass{"s1", "the channel is down"}).status, 200);
  world.run_for(100);
  EXPECT_EQ(inboxes.size(), 2u);
  answer_last();
  EXPECT_EQ(world.state("stock:b"), "completed");
  EXPECT_NE(world.state("stock:a"), "completed");
}

TEST_F(OrderingTest, ACancelledQueuedSagaEndsFailed) {
  begin("fifo");
  (void)start("a");
  (void)start("b");
  engine::Act cancel;
  cancel.action = "cancel";
  cancel.saga = "stock:b";
  EXPECT_EQ(world.ask(cancel).status, 200);
  EXPECT_EQ(world.state("stock:b"), "failed");
  EXPECT_EQ(world.ask(engine::ListOrdering{}).body.find("items")->size(), 0u);
}

}  // namespace
}  // namespace weft::test
