// What comes in by any door and cannot be what it should: named, and nothing is stored.
#include <gtest/gtest.h>

#include "tests/orchestrator/engine/engine_world.h"

namespace weft::test {
namespace {

class BadInputTest : public ::testing::Test {
 protected:
  void SetUp() override {
    world.define("w.yaml",
                 "weft: 1\nworkflow: w\nversion: 1.0.0\nowner: o@example.org\n"
                 "steps:\n  - {step: note, set: {seen: 1}}\n");
    world.define("old.yaml",
                 "weft: 1\nworkflow: old\nversion: 1.0.0\nowner: o@example.org\n"
                 "lifecycle: deprecated\nsteps:\n  - {step: note, set: {seen: 1}}\n");
    world.start();
  }
  std::size_t sagas() { return world.ask(engine::ListSagas{}).body.find("items")->size(); }
  EngineWorld world;
};

// A row with such a key could not be read back: the saga would run and be seen by nobody.
TEST_F(BadInputTest, AStartKeyIsText) {
  for (const std::string& key : {std::string("\xff\xfe"), std::string("a\0b", 3), std::string("a\tb"),
                                 std::string(513, 'k')}) {
    const auto answer = world.ask(engine::StartWorkflow{"w", "{}", key, "", ""});
    EXPECT_EQ(answer.status, 400) << answer.body.to_json();
  }
  EXPECT_EQ(sagas(), 0u);
  EXPECT_EQ(world.ask(engine::StartWorkflow{"w", "{}", std::string(512, 'k'), "", ""}).status, 201);
  EXPECT_EQ(world.ask(engine::StartWorkflow{"w", "{}", "a *>.\xe2\x80\xaez", "", ""}).status, 201);
}

TEST_F(BadInputTest, NamesOfEventsAndSignalsAreNames) {
  for (const std::string& name : {std::string("Bad"), std::string("a b"), std::string("a..b"),
                                  std::string("a\r\nb"), std::string("a.>"), std::string(4097, 'a'),
                                  std::string()}) {
    EXPECT_EQ(world.ask(engine::SendEvent{name, "", "{}", false}).status, 400) << name;
    const std::string saga(26, 'a');
    EXPECT_EQ(world.ask(engine::SendSignal{saga, name, "", "{}", false}).status, 400) << name;
  }
  EXPECT_EQ(world.ask(engine::ListUnmatched{}).body.find("items")->size(), 0u);
}

TEST_F(BadInputTest, IdsOfEventsAreTextOfBoundedLength) {
  for (const std::string& id : {std::string("\xff"), std::string(513, 'x')}) {
    EXPECT_EQ(world.ask(engine::SendEvent{"paid", id, "{}", false}).status, 400);
  }
  EXPECT_EQ(world.ask(engine::SendEvent{"paid", std::string(512, 'x'), "{}", false}).status, 200);
}

TEST_F(BadInputTest, ADeprecatedWorkflowStartsAndWarns) {
  const auto answer = world.start_saga("old", "{}");
  EXPECT_EQ(answer.code, 0);
  EXPECT_NE(answer.body.string_or("warning", "").find("deprecated"), std::string::npos);
  EXPECT_EQ(world.start_saga("w", "{}").body.find("warning"), nullptr);
}

// A flood of large documents waits at its senders, not in our memory.
TEST_F(BadInputTest, DocumentsThatWaitAreWeighed) {
  EngineWorld small;
  small.config.limits.commands_queued_bytes = 4096;
  small.define("w.yaml",
               "weft: 1\nworkflow: w\nversion: 1.0.0\nowner: o@example.org\n"
               "steps:\n  - {step: note, set: {seen: 1}}\n");
  small.start();
  std::vector<int> statuses;
  const std::string document = R"({"x":")" + std::string(3000, 'x') + R"("})";
  for (int i = 0; i < 3; ++i) {
    engine::Request request;
    request.body = engine::StartWorkflow{"w", document, "k" + std::to_string(i), "", ""};
    small.engine().request(std::move(request), [&](const engine::Response& response) {
      statuses.push_back(response.status);
    });
  }
  small.settle();
  EXPECT_EQ(std::count(statuses.begin(), statuses.end(), 201), 2);
  EXPECT_EQ(std::count(statuses.begin(), statuses.end(), 503), 1);
  EXPECT_EQ(small.ask(engine::StartWorkflow{"w", document, "later", "", ""}).status, 201);
}

// What adapters are to be asked is weighed, too: an adapter that is down must not fill the memory.
TEST_F(BadInputTest, TasksThatWaitAreWeighed) {
  EngineWorld small;
  small.config.limits.tasks_queued_bytes = 5'000;
  small.define("w.yaml",
               "weft: 1\nworkflow: w\nversion: 1.0.0\nowner: o@example.org\n"
               "steps:\n  - {step: note, call: shop.note, with: '${ . }', compensate: none}\n");
  small.start();
  const std::string document = R"({"x":")" + std::string(3000, 'x') + R"("})";
  const auto start = [&](const std::string& key) {
    return small.ask(engine::StartWorkflow{"w", document, key, "", ""}).status;
  };
  EXPECT_EQ(start("a"), 201);
  EXPECT_EQ(start("b"), 201);
  EXPECT_EQ(start("c"), 503);
  small.restart();
  EXPECT_EQ(start("c"), 503);
  small.adapter("shop", always_ok());
  small.run_for(5'000);
  EXPECT_EQ(start("c"), 201);
}

// However large they are, sagas that wait do not fill the memory: they are folded again when needed.
TEST_F(BadInputTest, LargeSagasAreForgottenAndFoundAgain) {
  EngineWorld small;
  small.config.limits.sagas_in_memory_bytes = 8 * 1024;
  small.define("w.yaml", R"(weft: 1
workflow: w
version: 1.0.0
owner: o@example.org
key: ${ .id }
deadline: 1h
steps:
  - {step: paid, listen: paid, correlate: {event: '${ $event.id }', equals: '${ .id }'}}
)");
  small.start();
  const std::string filler(3000, 'x');
  for (int i = 0; i < 20; ++i) {
    const std::string id = std::to_string(i);
    EXPECT_EQ(small.start_saga("w", R"({"id":")" + id + R"(","x":")" + filler + R"("})").code, 0);
  }
  for (int i = 0; i < 20; ++i) {
    const std::string id = std::to_string(i);
    EXPECT_EQ(small.send("weft.event.paid", R"({"id":")" + id + R"("})").body.integer_or("matched", 0), 1);
    EXPECT_EQ(small.state("w:" + id), "completed");
  }
}

}  // namespace
}  // namespace weft::test
