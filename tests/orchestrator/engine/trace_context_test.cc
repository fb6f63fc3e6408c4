#include "orchestrator/engine/trace_context.h"

#include <gtest/gtest.h>

#include "tests/orchestrator/engine/engine_world.h"

namespace weft::test {
namespace {

using engine::kept_trace;

constexpr const char* kTraceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

TEST(TraceContextTest, OnlyTraceparentsOfTheW3CAreKept) {
  EXPECT_EQ(kept_trace(kTraceParent, ""), kTraceParent);
  EXPECT_EQ(kept_trace(kTraceParent, "vendor=1"), std::string(kTraceParent) + " vendor=1");
  EXPECT_EQ(kept_trace("", "vendor=1"), "");
  for (const char* wrong :
       {"garbage", "\xff\xfe", "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more"}) {
    EXPECT_EQ(kept_trace(wrong, "vendor=1"), "") << wrong;
  }
  EXPECT_EQ(kept_trace("01" + std::string(kTraceParent).substr(2) + "-more", ""), kTraceParent)
      << "a later version begins with what we know";
  EXPECT_EQ(kept_trace(kTraceParent, std::string(513, 'a')), kTraceParent);
  EXPECT_EQ(kept_trace(kTraceParent, "a=\x01"), kTraceParent);
}

// Monitoring must never stop a saga: what is no trace is none, and the tasks go out.
TEST(TraceContextTest, EachAttemptIsASpanOfTheCallersTrace) {
  EngineWorld world;
  world.define("w.yaml", R"(weft: 1
workflow: w
version: 1.0.0
owner: o@example.org
key: ${ .id }
steps:
  - {step: a, call: shop.a, compensate: none}
  - {step: b, call: shop.b, compensate: none}
)");
  world.adapter("shop", always_ok());
  world.start();
  EXPECT_EQ(world.ask(engine::StartWorkflow{"w", R"({"id":"1"})", "", kTraceParent, "v=1"}).status, 201);
  EXPECT_EQ(world.ask(engine::StartWorkflow{"w", R"({"id":"2"})", "", "\xff broken", "v=1"}).status,
            201);
  world.settle();
  EXPECT_EQ(world.state("w:1"), "completed");
  EXPECT_EQ(world.state("w:2"), "completed");
  std::set<std::string> spans;
  for (const TaskSeen& task : world.seen("shop")) {
    const std::string parent = task.header("traceparent");
    if (parent.empty()) continue;
    EXPECT_EQ(engine::trace_id_of(parent), "0af7651916cd43dd8448eb211c80319c");
    EXPECT_EQ(task.header("tracestate"), "v=1");
    spans.insert(engine::span_id_of(parent));
  }
  EXPECT_EQ(spans.size(), 2u);
  EXPECT_FALSE(spans.contains("b7ad6b7169203331"));
}

}  // namespace
}  // namespace weft::test
