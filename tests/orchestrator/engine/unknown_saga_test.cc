#include <gtest/gtest.h>

#include "tests/orchestrator/engine/engine_world.h"

namespace weft::test {
namespace {

/// What somebody mistypes is answered with what they may have meant.
class UnknownSagaTest : public ::testing::Test {
 protected:
  void SetUp() override {
    world.define("w.yaml",
                 "weft: 1\nworkflow: shop.order\nversion: 1.0.0\nowner: o@example.org\n"
                 "key: ${ .id }\nsteps:\n  - {step: note, set: {seen: 1}}\n");
    world.start();
    saga = world.start_saga("shop.order", R"({"id":"web/1001"})").body.string_or("saga", "");
  }
  std::string near(const std::string& name) {
    const auto answer = world.ask(engine::ShowSaga{name, {}});
    EXPECT_EQ(answer.status, 404) << name;
    const auto* list = answer.body.find("near");
    return list == nullptr || list->size() == 0 ? "" : list->as_array()[0].as_string();
  }
  EngineWorld world;
  std::string saga;
};

TEST_F(UnknownSagaTest, NamesWhatIsNear) {
  EXPECT_EQ(near("shop.order:web/1002"), "shop.order:web/1001");
  EXPECT_EQ(near("shop.oder:web/1001"), "shop.order:web/1001");
  EXPECT_EQ(near("web/1001"), "shop.order:web/1001") << "the key alone";
  std::string mistyped = saga;
  mistyped[5] = mistyped[5] == 'a' ? 'b' : 'a';
  EXPECT_EQ(near(mistyped), saga);
  EXPECT_EQ(near("shop.order:something else entirely"), "");
  EXPECT_EQ(near(std::string(5000, 'x')), "");
}

TEST_F(UnknownSagaTest, EveryDoorSaysSo) {
  const auto acted = world.ask(engine::Act{"terminate", "shop.order:web/1002", "", "r", {}, "", {}, ""});
  EXPECT_EQ(acted.status, 404);
  EXPECT_EQ(acted.body.find("near")->size(), 1u) << acted.body.to_json();
  const auto signalled = world.ask(engine::SendSignal{"shop.order:web/1002", "paid", "", "{}", false});
  EXPECT_EQ(signalled.body.find("near")->size(), 1u) << signalled.body.to_json();
  const auto asked = world.send("weft.query.shop.order", "", "web/1002");
  EXPECT_EQ(asked.code, 404);
  EXPECT_EQ(asked.body.find("near")->size(), 1u) << asked.body.to_json();
}

TEST_F(UnknownSagaTest, ARemovedHistoryIsToldApart) {
  world.run_for(10'000);
  EXPECT_EQ(world.ask(engine::Prune{1'000, false}).body.integer_or("removed", 0), 1);
  const auto answer = world.ask(engine::ShowSaga{"shop.order:web/1001", {}});
  EXPECT_EQ(answer.status, 404);
  EXPECT_NE(answer.body.string_or("detail", "").find("removed"), std::string::npos)
      << answer.body.to_json();
}

}  // namespace
}  // namespace weft::test
