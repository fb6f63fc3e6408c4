// The table "What a fenced adapter does" of INTERFACES.md, cell by cell.
#include "adapters/sdk/fence.h"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>

#include <nlohmann/json.hpp>

#include "adapters/sdk/outbox.h"
#include "tests/support/nats_server.h"

namespace weft::sdk {
namespace {

using messaging::EffectClaim;
using nlohmann::json;
using Kind = Answer::Kind;

// An adapter whose effect can be counted, and which does as the input tells it.
Adapter counting_adapter() {
  Adapter adapter("counter", "1.0.0");
  adapter.schema("CREATE TABLE IF NOT EXISTS effect (key TEXT, amount INTEGER);")
      .forward("add",
               [](const Request& request, Transaction& transaction) {
                 transaction.run("INSERT INTO effect VALUES (?, ?)",
                                 {request.key(), request.input.value("amount", std::int64_t{1})});
                 const std::string mood = request.input.value("mood", "");
                 if (mood == "refuse") return Outcome::refused("too_much", "no", {{"limit", 3}});
                 if (mood == "transient") return Outcome::transient("later", "try again");
                 if (mood == "busy") {
                   return Outcome::unavailable("full", std::chrono::milliseconds(70));
                 }
                 if (mood == "throw") throw std::runtime_error("oops");
                 if (mood == "mistyped") (void)request.input.at("mood").get<int>();
                 if (mood == "pending") {
                   return Outcome::pending(std::chrono::milliseconds(1000),
                                           std::chrono::milliseconds(300));
                 }
                 return Outcome::done({{"total", request.input.value("amount", 1)}});
               })
      .undo("subtract",
            [](const Request& request, Transaction& transaction) {
              if (request.input.value("mood", "") == "refuse") {
                return Outcome::refused("stuck_fast", "cannot be undone");
              }
              EXPECT_EQ(request.forward_operation, "add");
              EXPECT_EQ(request.forward_reply, (json{{"total", 5}}));
              transaction.run("DELETE FROM effect WHERE key = ?", {request.key()});
              return Outcome::done({{"gone", true}});
            })
      .resume("add",
              [](const Request& request, Transaction& transaction) {
                const std::string end = request.input.value("end", "");
                transaction.run("INSERT INTO effect VALUES (?, 100)", {request.key()});
                if (end == "refuse") return Outcome::refused("came_to_nothing", "no");
                if (end == "later") return Outcome::pending(std::chrono::milliseconds(500));
                return Outcome::done({{"total", 100}});
              })
      .probe("look")
      .query("sum", [](const Request&, Transaction& transaction) {
        return Outcome::done(
            {{"sum",
              transaction.query("SELECT coalesce(sum(amount), 0) FROM effect")[0].integer(0)}});
      });
  return adapter;
}

class FenceTest : public testing::Test {
 protected:
  FenceTest()
      : database(std::move(*Database::open(
            dir.file("fence.db"),
            std::string(kFenceSchema) + std::string(kOutboxSchema) + adapter.schema()))) {}

  Answer send(const std::string& operation, json input = {{"amount", 5}}, bool compensation = false,
              bool expired = false, const std::string& key = "saga/step") {
    Request request;
    request.operation = operation;
    request.input = std::move(input);
    request.headers.idempotency_key = key;
    request.headers.saga = "saga";
    request.headers.compensation = compensation;
    request.headers.token = "k5sxmnbq2v7jc4hyd3wztagreu";
    Answer answer;
    EXPECT_TRUE(database->write([&](Transaction& transaction) {
      answer = handle_request(adapter, request, expired, transaction);
    }));
    return answer;
  }
  Answer forward(json input = {{"amount", 5}}) { return send("add", std::move(input)); }
  Answer compensate(json input = {{"amount", 5}}) {
    return send("subtract", std::move(input), true);
  }
  json probe() { return json::parse(send("look").body); }
  std::int64_t sum() { return json::parse(send("sum", {}).body)["sum"].get<std::int64_t>(); }

  template <typename Work>
  void work(Work part) {
    EXPECT_TRUE(database->write([&](Transaction& transaction) { part(transaction); }));
  }
  bool resume(std::int64_t now_ms) {
    bool did = false;
    work([&](Transaction& transaction) { did = resume_due_work(adapter, now_ms, transaction); });
    return did;
  }
  std::vector<OutboxEntry> outbox() {
    std::vector<OutboxEntry> entries;
    work([&](Transaction& transaction) {
      entries = due_entries(transaction, wall_clock_ms() + 1, 10);
    });
    return entries;
  }

  test::TempDir dir;
  Adapter adapter = counting_adapter();
  std::unique_ptr<Database> database;
};

// --- forward -----------------------------------------------------------------------------------

TEST_F(FenceTest, ForwardUnknownIsDone) {
  const Answer answer = forward();
  EXPECT_EQ(answer.kind, Kind::kSuccess);
  EXPECT_EQ(answer.body, R"({"total":5})");
  EXPECT_EQ(sum(), 5);
}

TEST_F(FenceTest, ForwardDoneAnswersFromMemory) {
  forward();
  EXPECT_EQ(forward({{"amount", 5}}).body, R"({"total":5})");
  EXPECT_EQ(sum(), 5);
}

// The same body, written with other blanks or another order, is the same body.
TEST_F(FenceTest, TheDigestIsOfTheValueNotOfTheText) {
  forward(json::parse(R"({"amount":5,"note":"x"})"));
  EXPECT_EQ(forward(json::parse(R"({ "note" : "x", "amount" : 5 })")).kind, Kind::kSuccess);
}

TEST_F(FenceTest, ForwardDoneWithAnotherBodyConflicts) {
  forward();
  const Answer answer = forward({{"amount", 6}});
  EXPECT_EQ(answer.error.service_code, 422);
  EXPECT_EQ(answer.error.code, "key_conflict");
  EXPECT_EQ(answer.effect, EffectClaim::kAbsent);  // the key was done: nothing is said about it
  EXPECT_EQ(sum(), 5);
}

TEST_F(FenceTest, ForwardUndoneIsFenced) {
  forward();
  compensate();
  const Answer answer = forward();
  EXPECT_EQ(answer.error.service_code, 409);
  EXPECT_EQ(answer.error.code, "fenced");
  EXPECT_EQ(sum(), 0);
}

TEST_F(FenceTest, ForwardInProgressAsksToComeBack) {
  EXPECT_EQ(forward({{"mood", "pending"}}).kind, Kind::kPending);
  const Answer answer = forward({{"mood", "pending"}});
  EXPECT_EQ(answer.error.service_code, 425);
  EXPECT_EQ(answer.error.code, "in_progress");
  EXPECT_TRUE(answer.error.retry_after_ms);
}

// "A refusal leaves nothing and is not remembered", so an operator's retry can succeed.
TEST_F(FenceTest, RefusalsLeaveNothingAndAreForgotten) {
  for (const char* mood : {"refuse", "transient", "busy", "throw", "mistyped"}) {
    const Answer answer = forward({{"mood", mood}});
    EXPECT_EQ(answer.kind, Kind::kError) << mood;
    EXPECT_EQ(answer.effect, EffectClaim::kNone) << mood;
    EXPECT_EQ(sum(), 0) << mood;
    EXPECT_EQ(probe()["state"], "not_done") << mood;
  }
  EXPECT_EQ(forward().kind, Kind::kSuccess);
}

TEST_F(FenceTest, EachRefusalHasItsNumber) {
  EXPECT_EQ(forward({{"mood", "refuse"}}).error.service_code, 409);
  EXPECT_EQ(forward({{"mood", "refuse"}}).error.code, "too_much");
  EXPECT_EQ(forward({{"mood", "refuse"}}).error.details, R"({"limit":3})");
  EXPECT_EQ(forward({{"mood", "transient"}}).error.service_code, 500);
  EXPECT_EQ(forward({{"mood", "busy"}}).error.service_code, 503);
  EXPECT_EQ(forward({{"mood", "busy"}}).error.retry_after_ms, 70);
  EXPECT_EQ(forward({{"mood", "throw"}}).error.service_code, 500);
  EXPECT_EQ(forward({{"mood", "mistyped"}}).error.service_code, 400);
}

// Past its deadline nothing begins; but what was done before is still said.
TEST_F(FenceTest, ExpiredWorkDoesNotBegin) {
  const Answer late = send("add", {{"amount", 5}}, false, true);
  EXPECT_EQ(late.error.service_code, 408);
  EXPECT_EQ(late.effect, EffectClaim::kNone);
  forward();
  EXPECT_EQ(send("add", {{"amount", 5}}, false, true).body, R"({"total":5})");
  EXPECT_EQ(send("subtract", {{"amount", 5}}, true, true).error.service_code, 408);
  EXPECT_EQ(sum(), 5);
}

// --- compensation ------------------------------------------------------------------------------

TEST_F(FenceTest, CompensationOfAnUnknownKeyRefusesTheForwardCallForEver) {
  const Answer answer = compensate();
  EXPECT_EQ(answer.kind, Kind::kSuccess);
  EXPECT_EQ(answer.effect, EffectClaim::kNone);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(forward().error.code, "fenced");
  EXPECT_EQ(sum(), 0);
  EXPECT_EQ(compensate().effect, EffectClaim::kNone);  // the kept answer
}

TEST_F(FenceTest, CompensationOfWhatIsDoneUndoesOnce) {
  forward();
  const Answer first = compensate();
  EXPECT_EQ(first.body, R"({"gone":true})");
  EXPECT_EQ(first.effect, EffectClaim::kUndone);
  EXPECT_EQ(sum(), 0);
  const Answer second = compensate();
  EXPECT_EQ(second.body, first.body);
  EXPECT_EQ(second.effect, EffectClaim::kUndone);
}

TEST_F(FenceTest, ACompensationThatFailsCanBeTriedAgain) {
  forward();
  const Answer answer = compensate({{"mood", "refuse"}});
  EXPECT_EQ(answer.error.code, "stuck_fast");
  EXPECT_EQ(answer.effect, EffectClaim::kAbsent);
  EXPECT_EQ(probe()["state"], "done");
  EXPECT_EQ(compensate().effect, EffectClaim::kUndone);
}

TEST_F(FenceTest, CompensationOfWorkInProgressAsksWhetherItIsStillWanted) {
  forward({{"mood", "pending"}});
  EXPECT_EQ(compensate().error.service_code, 425);
  std::vector<Heartbeat> due;
  work([&](Transaction& transaction) { due = due_heartbeats(wall_clock_ms(), transaction); });
  ASSERT_EQ(due.size(), 1U);
  work([&](Transaction& transaction) { drop_work(due[0].key, transaction); });
  EXPECT_EQ(sum(), 0);
  ASSERT_EQ(outbox().size(), 1U);
  EXPECT_EQ(outbox()[0].kind, OutboxEntry::Kind::kFail);
  EXPECT_EQ(compensate().effect, EffectClaim::kNone);
}

// --- probe -------------------------------------------------------------------------------------

TEST_F(FenceTest, ProbeTellsTheState) {
  EXPECT_EQ(probe(), (json{{"state", "not_done"}}));
  forward();
  EXPECT_EQ(probe(), (json{{"state", "done"}, {"reply", {{"total", 5}}}}));
  compensate();
  EXPECT_EQ(probe(), (json{{"state", "undone"}}));
}

TEST_F(FenceTest, ProbeOfWorkInProgress) {
  forward({{"mood", "pending"}});
  EXPECT_EQ(probe(), (json{{"state", "in_progress"}}));
}

// --- pending work ------------------------------------------------------------------------------

TEST_F(FenceTest, PendingWorkIsDoneOnceItIsDue) {
  forward({{"mood", "pending"}});
  EXPECT_FALSE(resume(wall_clock_ms()));
  EXPECT_TRUE(resume(wall_clock_ms() + 2000));
  EXPECT_FALSE(resume(wall_clock_ms() + 9000));
  ASSERT_EQ(outbox().size(), 1U);
  EXPECT_EQ(outbox()[0].kind, OutboxEntry::Kind::kComplete);
  EXPECT_EQ(outbox()[0].target, "k5sxmnbq2v7jc4hyd3wztagreu");
  EXPECT_EQ(outbox()[0].body, R"({"total":100})");
  EXPECT_EQ(sum(), 100);
  EXPECT_EQ(forward({{"mood", "pending"}}).body, R"({"total":100})");  // the kept reply
  EXPECT_EQ(forward({{"mood", "pending"}, {"x", 1}}).error.code, "key_conflict");
}

TEST_F(FenceTest, PendingWorkThatIsRefusedIsForgotten) {
  forward({{"mood", "pending"}, {"end", "refuse"}});
  EXPECT_TRUE(resume(wall_clock_ms() + 2000));
  ASSERT_EQ(outbox().size(), 1U);
  EXPECT_EQ(outbox()[0].kind, OutboxEntry::Kind::kFail);
  EXPECT_EQ(json::parse(outbox()[0].body)["code"], "came_to_nothing");
  EXPECT_EQ(probe()["state"], "not_done");
  EXPECT_EQ(sum(), 0);
}

TEST_F(FenceTest, PendingWorkMayNeedSeveralRounds) {
  forward({{"mood", "pending"}, {"end", "later"}});
  const std::int64_t now = wall_clock_ms() + 2000;
  EXPECT_TRUE(resume(now));
  EXPECT_FALSE(resume(now + 499));
  EXPECT_TRUE(resume(now + 500));
  EXPECT_TRUE(outbox().empty());
}

TEST_F(FenceTest, PendingWorkOutlivesTheProcess) {
  forward({{"mood", "pending"}});
  database.reset();
  database = std::move(*Database::open(dir.file("fence.db"), ""));
  EXPECT_TRUE(resume(wall_clock_ms() + 2000));
  EXPECT_EQ(outbox().size(), 1U);
}

TEST_F(FenceTest, HeartbeatsComeAtTheirInterval) {
  forward({{"mood", "pending"}});
  const std::int64_t now = wall_clock_ms();
  std::vector<Heartbeat> due;
  const auto look = [&](std::int64_t at) {
    work([&](Transaction& transaction) { due = due_heartbeats(at, transaction); });
    return due.size();
  };
  EXPECT_EQ(look(now), 0U);
  EXPECT_EQ(look(now + 400), 1U);
  EXPECT_EQ(due[0].token, "k5sxmnbq2v7jc4hyd3wztagreu");
  EXPECT_EQ(look(now + 500), 0U);
  EXPECT_EQ(look(now + 700), 1U);
}

// --- the rest ----------------------------------------------------------------------------------

TEST_F(FenceTest, UnknownOperationsAndWrongDirectionsAreRefused) {
  EXPECT_EQ(send("nonsense").error.service_code, 404);
  EXPECT_EQ(send("add", {}, true).error.code, "no_compensation");
  EXPECT_EQ(send("subtract", {}, false).error.code, "only_compensation");
}

TEST_F(FenceTest, ADryRunAnswersAndLeavesNothing) {
  Request request;
  request.operation = "add";
  request.input = {{"amount", 9}};
  request.dry_run = true;
  Answer answer;
  work([&](Transaction& transaction) {
    answer = handle_request(adapter, request, false, transaction);
  });
  EXPECT_EQ(answer.body, R"({"total":9})");
  EXPECT_EQ(sum(), 0);
}

TEST_F(FenceTest, OldKeysAreForgottenAndWorkInProgressIsNot) {
  forward();
  send("add", {{"mood", "pending"}}, false, false, "saga/other");
  work([](Transaction& transaction) { forget_keys(wall_clock_ms() + 1000, transaction); });
  EXPECT_EQ(probe()["state"], "not_done");
  EXPECT_EQ(json::parse(send("look", {}, false, false, "saga/other").body)["state"], "in_progress");
}

TEST_F(FenceTest, KeysDoNotMeet) {
  forward();
  EXPECT_EQ(send("add", {{"amount", 7}}, false, false, "saga/other").kind, Kind::kSuccess);
  EXPECT_EQ(sum(), 12);
}

}  // namespace
}  // namespace weft::sdk
