#include "adapters/reference/rehearsal.h"

#include <gtest/gtest.h>

#include <cstdint>
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
  Interference::After after(const Request& made, std::int64_t delivery = 1) {
    Interference::Before said;
    said.delivery = delivery;
    return program.interference.after(made, Answer{}, said);
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
  EXPECT_EQ(then.instead->effect, messaging::EffectClaim::kPerhaps);  // what is done is not denied
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

// Equal seed, key, attempt and delivery: equal trouble; and a share is about that share.
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

// A probe keeps the attempt of the step it asks about. Were its trouble decided by that alone, a
// probe that got no answer would never get one.
TEST_F(RehearsalTest, EveryDeliveryIsDecidedAfresh) {
  plan(R"({"seed":7,"lost_request":0.5})");
  const auto losses_of = [&](const Request& made) {
    std::string losses;
    for (int i = 0; i < 20; ++i) losses += before(made).lost ? 'x' : '.';
    return losses;
  };
  int never_answered = 0;
  for (int i = 0; i < 200; ++i) {
    const auto losses = losses_of(request("saga" + std::to_string(i) + "/reserve"));
    never_answered += losses.find('.') == std::string::npos ? 1 : 0;
  }
  EXPECT_EQ(never_answered, 0);

  // The other direction and another operation of the same key have trouble of their own.
  Request undo = request("saga1/reserve");
  undo.headers.compensation = true;
  Request probe = request("saga1/reserve");
  probe.operation = "find_by_key";
  plan(R"({"seed":7,"lost_request":0.5})");
  const auto forward_losses = losses_of(request("saga1/reserve"));
  EXPECT_NE(forward_losses, losses_of(undo));
  EXPECT_NE(forward_losses, losses_of(probe));
  plan(R"({"seed":7,"lost_request":0.5})");  // The same once more, in another order.
  (void)losses_of(probe);
  EXPECT_EQ(forward_losses, losses_of(request("saga1/reserve")));
}

// Work and answer of one delivery share its number, however many of the same task overlap.
TEST_F(RehearsalTest, ADeliveryKeepsItsNumber) {
  plan(R"({"seed":7,"no_answer":0.5})");
  EXPECT_EQ(before(request("a")).delivery, 1);
  EXPECT_EQ(before(request("b")).delivery, 1);
  EXPECT_EQ(before(request("a")).delivery, 2);
  EXPECT_EQ(after(request("a"), 1).lost, after(request("a"), 1).lost);
  int changed = 0;
  for (int i = 1; i <= 100; ++i) {
    changed += after(request("a"), i).lost != after(request("a"), i + 1).lost ? 1 : 0;
  }
  EXPECT_GT(changed, 25);
}

// A task told to wait comes again under the same attempt, and must some day be taken.
TEST_F(RehearsalTest, TheFirstSoManyAreCountedAsTheyCome) {
  plan(R"({"fail":{"service_code":503,"retry_after_ms":1,"attempts":2}})");
  EXPECT_TRUE(before(request("a")).instead);
  EXPECT_TRUE(before(request("a")).instead);
  EXPECT_FALSE(before(request("a")).instead);
}

// What is remembered is bounded: a task that has not come for long begins anew.
TEST_F(RehearsalTest, OldTasksAreForgotten) {
  plan(R"({"slow_ms":0})");
  EXPECT_EQ(before(request("old")).delivery, 1);
  for (int i = 0; i < 60'000; ++i) (void)before(request("task" + std::to_string(i)));
  EXPECT_EQ(before(request("old")).delivery, 2);
  for (int i = 0; i < 150'000; ++i) (void)before(request("task" + std::to_string(i)));
  EXPECT_EQ(before(request("old")).delivery, 1);
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
