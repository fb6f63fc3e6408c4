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

}  // namespace
}  // namespace weft::test
