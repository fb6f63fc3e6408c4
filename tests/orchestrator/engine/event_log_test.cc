#include "orchestrator/engine/event_log.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "tests/orchestrator/engine/engine_world.h"

namespace weft::test {
namespace {

struct Line {
  engine::LogLevel level;
  std::string message;
  std::map<std::string, std::string> fields;
};

class EventLogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    world.config.log = [this](engine::LogLevel level, std::string_view message,
                              const engine::LogFields& fields) {
      Line line{level, std::string(message), {}};
      for (const auto& [name, value] : fields) line.fields[std::string(name)] = value;
      lines.push_back(std::move(line));
    };
    world.attachments.push_back({"in.json", R"({"type":"object"})"});
    world.define("w.yaml", R"(weft: 1
workflow: w
version: 1.0.0
owner: o@example.org
key: ${ .card }
input: {schema: in.json, sensitive: [.card]}
errors:
  refused: {class: business}
steps:
  - {step: a, call: shop.a, compensate: {call: shop.undo, retry: none}}
  - {step: b, call: shop.b, compensate: none}
)");
    world.adapter("shop", [](const TaskSeen& task, messaging::Subject reply) {
      if (task.operation == "b") return reply_error(std::move(reply), 409, "refused");
      if (task.operation == "undo") return reply_error(std::move(reply), 400, "jammed");
      return reply_ok(std::move(reply));
    });
  }
  const Line* find(std::string_view beginning) const {
    const auto found = std::find_if(lines.begin(), lines.end(), [&](const Line& line) {
      return line.message.starts_with(beginning);
    });
    return found == lines.end() ? nullptr : &*found;
  }
  EngineWorld world;
  std::vector<Line> lines;
};

constexpr const char* kCallersTrace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

TEST_F(EventLogTest, TroubleIsAWarningThatNamesItsPlace) {
  world.start();
  world.ask(engine::StartWorkflow{"w", R"({"card":"4111111111"})", "", kCallersTrace, ""});
  world.settle();
  const Line* stuck = find("SagaStuck");
  ASSERT_NE(stuck, nullptr);
  EXPECT_EQ(stuck->level, engine::LogLevel::kWarning);
  EXPECT_EQ(stuck->fields.at("workflow"), "w");
  EXPECT_EQ(stuck->fields.at("step"), "a");
  EXPECT_EQ(stuck->fields.at("adapter"), "shop");
  EXPECT_EQ(stuck->fields.at("code"), "jammed");
  EXPECT_EQ(stuck->fields.at("trace_id"), "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(find("StepScheduled"), nullptr) << "the course of things is for debugging";
  for (const Line& line : lines) {
    for (const auto& [name, value] : line.fields) {
      EXPECT_EQ(value.find("4111111111"), std::string::npos) << name;
    }
  }
}

TEST_F(EventLogTest, DebuggingShowsEveryEventWithItsSpan) {
  world.config.log_debug = true;
  world.start();
  world.ask(engine::StartWorkflow{"w", R"({"card":"4111111111"})", "", kCallersTrace, ""});
  world.settle();
  const Line* scheduled = find("StepScheduled");
  ASSERT_NE(scheduled, nullptr);
  EXPECT_EQ(scheduled->level, engine::LogLevel::kDebug);
  EXPECT_EQ(scheduled->fields.at("attempt"), "1");
  EXPECT_NE(world.seen("shop").at(0).header("traceparent").find(scheduled->fields.at("span_id")),
            std::string::npos);
}

TEST_F(EventLogTest, WhatPeopleDoIsNamedWithTheirNames) {
  world.start();
  world.ask(engine::StartWorkflow{"w", R"({"card":"4111111111"})", "", "", ""});
  world.settle();
  engine::Act act;
  act.action = "terminate";
  act.saga = "w:4111111111";
  act.reason = "a test";
  EXPECT_EQ(world.ask(act, "ann").status, 200);
  const Line* ended = find("SagaTerminated");
  ASSERT_NE(ended, nullptr);
  EXPECT_EQ(ended->fields.at("actor").rfind("ann", 0), 0u) << ended->fields.at("actor");
  EXPECT_NE(ended->message.find("a test"), std::string::npos);
}

}  // namespace
}  // namespace weft::test
