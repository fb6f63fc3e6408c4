#include <gtest/gtest.h>

#include "tests/orchestrator/engine/engine_world.h"

namespace weft::test {
namespace {

const char* const kPayment = R"(weft: 1
workflow: shop.payment
version: 1.0.0
owner: shop@shop.example
key: ${ .id }
deadline: 10d
steps:
  - step: confirmation
    listen: payment.confirmed
    correlate: {event: '${ $event.order }', equals: '${ .id }'}
    filter: ${ $event.amount >= 0 }
    keep: 10m
output: ${ $confirmation.amount // null }
)";

class CorrelationTest : public ::testing::Test {
 protected:
  void SetUp() override { world.define("payment.yaml", kPayment); }
  std::string start(const std::string& id) {
    return world.start_saga("shop.payment", R"({"id":")" + id + "\"}").body.string_or("saga", "");
  }
  EngineWorld::Answer confirm(const std::string& order, const std::string& message_id = "") {
    return world.send("weft.event.payment.confirmed",
                      R"({"order":")" + order + R"(","amount":5})", "", message_id);
  }
  EngineWorld world;
};

TEST_F(CorrelationTest, AnEventFindsTheSagaThatWaitsForIt) {
  world.start();
  const auto one = start("o1");
  const auto two = start("o2");
  const auto answer = confirm("o1");
  EXPECT_EQ(answer.body.integer_or("matched", 0), 1) << answer.body.to_json();
  EXPECT_EQ(world.state(one), "completed");
  EXPECT_EQ(world.state(two), "waiting");
}

// One saga may listen for one event under two values; the first listener's filter does not hold, so
// the event is for the second. It is taken once, and counted once.
TEST_F(CorrelationTest, AnEventReachesASagaUnderEachOfItsValues) {
  world.define("two.yaml", R"(weft: 1
workflow: shop.two
version: 1.0.0
owner: shop@shop.example
deadline: 10d
steps:
  - step: both
    race: true
    parallel:
      - {step: by_order, listen: payment.confirmed, correlate: {event: '${ $event.order }', equals: '${ .order }'}, filter: '${ $event.amount > 100 }'}
      - {step: by_customer, listen: payment.confirmed, correlate: {event: '${ $event.customer }', equals: '${ .customer }'}}
output: ${ $both.winner }
)");
  world.start();
  const auto saga = world.start_saga("shop.two", R"({"order":"o1","customer":"c1"})").body.string_or("saga", "");
  const auto answer =
      world.send("weft.event.payment.confirmed", R"({"order":"o1","customer":"c1","amount":5})");
  EXPECT_EQ(answer.body.integer_or("matched", 0), 1) << answer.body.to_json();
  EXPECT_EQ(world.state(saga), "completed") << world.history(saga);
  EXPECT_EQ(world.show(saga).find("output")->to_json(), R"("by_customer")");
}

TEST_F(CorrelationTest, AnEarlyEventIsKept) {
  world.start();
  const auto early = confirm("o1");
  EXPECT_EQ(early.body.integer_or("matched", -1), 0);
  EXPECT_TRUE(early.body.boolean_or("kept", false));
  world.run_for(60'000);
  world.restart();
  const auto saga = start("o1");
  world.run_for(100);
  EXPECT_EQ(world.state(saga), "completed");
  world.run_for(700'000);
  EXPECT_EQ(world.ask(engine::ListUnmatched{}).body.find("items")->size(), 0u);
}

TEST_F(CorrelationTest, ARepeatIsHarmless) {
  world.start();
  (void)start("o1");
  EXPECT_EQ(confirm("o1", "m1").body.integer_or("matched", 0), 1);
  const auto again = confirm("o1", "m1");
  EXPECT_TRUE(again.body.boolean_or("duplicate", false)) << again.body.to_json();
}

TEST_F(CorrelationTest, TakenByNobodyItIsListedAndCanBeDelivered) {
  world.start();
  (void)confirm("o9");
  world.run_for(599'000);
  EXPECT_EQ(world.ask(engine::ListUnmatched{}).body.find("items")->size(), 0u);
  world.run_for(3'000);
  const auto list = world.ask(engine::ListUnmatched{});
  ASSERT_EQ(list.body.find("items")->size(), 1u) << list.body.to_json();
  const std::string id = list.body.find("items")->as_array()[0].string_or("id", "");
  const auto saga = start("o1");
  engine::ResolveUnmatched deliver;
  deliver.id = id;
  deliver.edited = R"({"order":"o1","amount":7})";
  EXPECT_EQ(world.ask(deliver).status, 200);
  EXPECT_EQ(world.state(saga), "completed");
  EXPECT_EQ(world.ask(engine::ListUnmatched{}).body.find("items")->size(), 0u);
}

TEST_F(CorrelationTest, DiscardingNeedsAReason) {
  world.start();
  EXPECT_EQ(world.send("weft.event.nobody.knows", "{}").body.integer_or("matched", -1), 0);
  const auto list = world.ask(engine::ListUnmatched{});
  ASSERT_EQ(list.body.find("items")->size(), 1u);
  engine::ResolveUnmatched discard;
  discard.id = list.body.find("items")->as_array()[0].string_or("id", "");
  discard.discard = true;
  EXPECT_EQ(world.ask(discard).status, 400);
  discard.reason = "a test";
  EXPECT_EQ(world.ask(discard).status, 200);
  EXPECT_EQ(world.ask(engine::ListUnmatched{}).body.find("items")->size(), 0u);
}

TEST_F(CorrelationTest, ACrashBetweenAcceptanceAndDeliveryLosesNoEvent) {
  world.start();
  const auto saga = start("o1");
  world.sync_automatically = false;
  EXPECT_FALSE(confirm("o1", "m1").came);
  world.store().sync_group();  // accepted, not delivered
  world.sync_automatically = true;
  world.restart();
  world.run_for(100);
  EXPECT_EQ(world.state(saga), "completed");
}

TEST_F(CorrelationTest, ASignalReachesOneSaga) {
  world.start();
  const auto saga = start("o1");
  const auto answer = world.send("weft.signal." + saga + ".payment.confirmed", R"({"amount":3})");
  EXPECT_EQ(answer.body.integer_or("matched", 0), 1) << answer.body.to_json();
  EXPECT_EQ(world.state(saga), "completed");
  EXPECT_EQ(world.send("weft.signal." + saga + ".late", "{}").code, 409);
}

TEST_F(CorrelationTest, CloudEventsAreUnwrapped) {
  world.start();
  const auto saga = start("o1");
  engine::SendEvent event;
  event.name = "payment.confirmed";
  event.cloud_event = true;
  event.data = R"({"specversion":"1.0","id":"c1","source":"/pay","type":"confirmed",)"
               R"("data":{"order":"o1","amount":1}})";
  EXPECT_EQ(world.ask(event).body.integer_or("matched", 0), 1);
  EXPECT_EQ(world.state(saga), "completed");
  EXPECT_TRUE(world.ask(event).body.boolean_or("duplicate", false));
}

TEST_F(CorrelationTest, AnEventStartsAWorkflow) {
  world.define("start.yaml", R"(weft: 1
workflow: shop.greeting
version: 1.0.0
owner: shop@shop.example
triggers:
  - event: customer.created
    when: ${ $event.country == "PT" }
    input: '${ {name: $event.name} }'
steps:
  - step: hello
    set: {text: 'Hello ${ .name }'}
)");
  world.start();
  const auto answer =
      world.send("weft.event.customer.created", R"({"country":"PT","name":"Ana"})", "", "e1");
  EXPECT_EQ(answer.body.integer_or("matched", 0), 1) << answer.body.to_json();
  (void)world.send("weft.event.customer.created", R"({"country":"ES","name":"Eva"})", "", "e2");
  world.run_for(100);
  engine::ListSagas query;
  query.workflow = "shop.greeting";
  EXPECT_EQ(world.ask(query).body.find("items")->size(), 1u);
}

}  // namespace
}  // namespace weft::test
