#include "adapters/reference/rehearsal.h"

#include <gtest/gtest.h>

#include <string>

#include <nlohmann/json.hpp>

namespace weft::reference {
namespace {

using nlohmann::json;
using sdk::Answer;
using sdk::Interference;
using sdk::Request;

class RehearsalTest : public testing::Test {
 protected:
  RehearsalTest() { rehearsal.add_to(program, "inventory"); }

  void plan(const char* text) { ASSERT_TRUE(rehearsal.set_plan(json::parse(text))); }
  static Request request(const std::string& key, int attempt = 1, json input = json::object()) {
    Request made;
    made.operation = "reserve";
    made.input = std::move(input);
    made.headers.idempotency_key = key;
    made.headers.attempt = attempt;
    return made;
  }
  Interference::Before before(const Request& made) { return program.interference.before(made); }
  Interference::After after(const Request& made) {
    return program.interference.after(made, Answer{});
  }

  sdk::Program program;
  Rehearsal rehearsal;
};

TEST_F(RehearsalTest, WithoutAPlanNothingHappens) {
  const Interference::Before first = before(request("a"));
  EXPECT_EQ(first.delay.count(), 0);
  EXPECT_FALSE(first.instead);
  const Interference::After then = after(request("a"));
  EXPECT_FALSE(then.lost || then.twice || then.die || then.instead || then.late.count() > 0);
}

TEST_F(RehearsalTest, EachTrouble) {
  plan(R"({"slow_ms":30,"no_answer":1,"answer_twice":1,"error_after_commit":1,"answer_late_ms":40,
           "lost_request":1})");
  EXPECT_EQ(before(request("a")).delay.count(), 30);
  EXPECT_TRUE(before(request("a")).lost);
  const Interference::After then = after(request("a"));
  EXPECT_TRUE(then.lost);
  EXPECT_TRUE(then.twice);
  EXPECT_EQ(then.instead->error.service_code, 500);
  EXPECT_EQ(then.late.count(), 40);
}

TEST_F(RehearsalTest, FailuresMayBeAimed) {
  plan(R"({"operations":["reserve"],"fail":{"code":"out_of_stock","service_code":404,"attempts":2,
           "where":{"location":"north"}}})");
  const json north = {{"location", "north"}};
  EXPECT_EQ(before(request("a", 1, north)).instead->error.code, "out_of_stock");
  EXPECT_EQ(before(request("a", 1, north)).instead->error.service_code, 404);
  EXPECT_FALSE(before(request("a", 3, north)).instead);
  EXPECT_FALSE(before(request("a", 1, {{"location", "south"}})).instead);
  Request other = request("a", 1, north);
  other.operation = "release";
  EXPECT_FALSE(before(other).instead);
}

// Equal seed, key and attempt: equal trouble; and a share is about that share.
TEST_F(RehearsalTest, SharesAreDeterministic) {
  plan(R"({"seed":7,"no_answer":0.3})");
  int lost = 0, changed = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::string key = "saga" + std::to_string(i) + "/reserve";
    const bool once = after(request(key)).lost;
    EXPECT_EQ(once, after(request(key)).lost);
    lost += once ? 1 : 0;
    changed += once != after(request(key, 2)).lost ? 1 : 0;
  }
  EXPECT_NEAR(lost, 300, 60);
  EXPECT_GT(changed, 200);  // so that a retry can succeed
}

TEST_F(RehearsalTest, WrongPlansAreRefusedAndTheOldOneStays) {
  plan(R"({"slow_ms":5})");
  for (const char* text :
       {"7", "[]", R"({"slow":1})", R"({"slow_ms":-1})", R"({"slow_ms":"x"})", R"({"no_answer":2})",
        R"({"no_answer":"a"})", R"({"fail":1})", R"({"fail":{"kode":"x"}})",
        R"({"fail":{"share":-1}})", R"({"operations":"reserve"})", R"({"operations":[1]})",
        R"({"slow_ms":1e30})"}) {
    EXPECT_FALSE(rehearsal.set_plan(json::parse(text))) << text;
  }
  EXPECT_EQ(rehearsal.plan(), (json{{"slow_ms", 5}}));
}

TEST_F(RehearsalTest, FlagsMakeAPlan) {
  for (const auto& [name, value] : {std::pair{"--slow-ms", "20"}, std::pair{"--no-answer", "0.5"},
                                    std::pair{"--fail", "erp_rejected"}}) {
    for (const sdk::Flag& flag : program.flags) {
      if (flag.name != name) continue;
      EXPECT_TRUE(flag.set(value)) << name;
    }
  }
  EXPECT_EQ(rehearsal.plan(),
            json::parse(R"({"slow_ms":20,"no_answer":0.5,"fail":{"code":"erp_rejected"}})"));
  for (const sdk::Flag& flag : program.flags) {
    if (flag.name == "--no-answer" || flag.name == "--faults") {
      EXPECT_FALSE(flag.set("{often"));
    }
  }
}

}  // namespace
}  // namespace weft::reference
