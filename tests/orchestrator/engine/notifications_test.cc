#include <algorithm>

#include <gtest/gtest.h>

#include "tests/orchestrator/engine/engine_world.h"

namespace weft::test {
namespace {

// More events than are kept in memory while nobody can hear them: the rest is in the outbox, and is
// told once the broker is back, not at the next start.
TEST(NotificationsTest, WhatALongOutageHeldBackIsAllTold) {
  EngineWorld world;
  world.config.limits.commands_queued = 5'000;
  world.define("w.yaml", R"(weft: 1
workflow: w
version: 1.0.0
owner: o@example.org
key: ${ .id }
steps:
  - {step: tell, emit: told}
)");
  world.start();
  world.network().set_broker_running(false);
  world.run_for(10);
  constexpr int kSagas = 1'200;
  for (int i = 0; i < kSagas; ++i) {
    const std::string input = R"({"id":")" + std::to_string(i) + R"("})";
    ASSERT_EQ(world.ask(engine::StartWorkflow{"w", input, "", "", ""}).status, 201);
  }
  const auto told = [&] {
    return std::count_if(world.heard().begin(), world.heard().end(), [](const std::string& line) {
      return line.find("weft.out.told") != std::string::npos;
    });
  };
  EXPECT_EQ(told(), 0);
  world.network().set_broker_running(true);
  world.run_for(20'000);
  EXPECT_GE(told(), kSagas);
}

// Fresh events are told from memory, those of an outage are read from the log: whoever listens hears
// one sequence, and each event says what the log says of it.
TEST(NotificationsTest, ChangesAreOneSequenceFromMemoryAndFromTheLog) {
  EngineWorld world;
  world.define("w.yaml", R"(weft: 1
workflow: w
version: 1.0.0
owner: o@example.org
key: ${ .id }
labels: {id: '${ .id }'}
steps:
  - {step: work, set: {text: 'a "quoted" ${ .id }'}}
)");
  world.start();
  int started = 0;
  const auto start_some = [&] {
    for (int i = 0; i < 3; ++i) {
      const std::string input = R"({"id":")" + std::to_string(started++) + R"("})";
      ASSERT_EQ(world.ask(engine::StartWorkflow{"w", input, "", "", ""}).status, 201);
    }
  };
  start_some();
  world.run_for(100);
  world.network().set_broker_running(false);
  world.run_for(10);
  start_some();
  world.network().set_broker_running(true);
  world.run_for(10'000);
  start_some();
  world.run_for(100);
  std::uint64_t before = 0;
  int completed = 0;
  for (const engine::Change& change : world.changes) {
    EXPECT_GT(change.position, before) << "told twice, or out of order";
    before = change.position;
    const auto event = dsl::Value::parse(change.event);
    ASSERT_TRUE(event) << change.event;
    completed += change.type == "SagaCompleted" ? 1 : 0;
    const auto logged = world.ask(
        engine::ReadEvents{"", change.position - 1, 1});
    const dsl::Value* items = logged.body.find("items");
    ASSERT_TRUE(items != nullptr && items->size() == 1);
    for (const dsl::Member& member : event->as_object()) {
      const dsl::Value* same = items->as_array().front().find(member.key);
      ASSERT_NE(same, nullptr) << member.key;
      EXPECT_EQ(same->to_json(), member.value.to_json()) << member.key;
    }
  }
  EXPECT_EQ(completed, started);
}

}  // namespace
}  // namespace weft::test
