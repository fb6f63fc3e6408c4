// What adapters, crashes and people do at awkward moments, seen from outside the engine.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "tests/orchestrator/engine/engine_world.h"

namespace weft::test {
namespace {

const char* const kHead = R"(weft: 1
workflow: order
version: 1.0.0
owner: o@example.org
key: ${ .id }
errors: {declined: {class: business}}
retries: {quick: {errors: [transient, unknown], max_attempts: 3, delay: 1s, backoff: 1, jitter: none}}
defaults: {timeout: 10s, retry: quick}
steps:
)";

class AwkwardMoments : public ::testing::Test {
 protected:
  void begin(const std::string& steps, const std::string& adapter = "") {
    world.define("order.yaml", kHead + steps);
    if (!adapter.empty()) world.define("adapter.yaml", "weft: 1\nowner: o@example.org\n" + adapter);
    world.start();
  }
  void order() { (void)world.start_saga("order", R"({"id":"o1"})"); }
  std::string state() { return world.state("order:o1"); }
  /// An adapter that keeps its answers back, its undos apart.
  void silent(const std::string& name) {
    world.adapter(name, [this](const TaskSeen& task, messaging::Subject to) {
      if (task.header("Weft-Compensation") == "true") return reply_ok(std::move(to));
      inboxes.push_back(std::move(to));
      return std::optional<messaging::Message>();
    });
  }
  void answer(std::optional<messaging::Message> message) {
    auto bus = world.network().connect("answer");
    (void)bus->publish(std::move(*message));
    bus->flush();
    world.settle();
  }
  engine::Response act(const std::string& action) {
    engine::Act act;
    act.action = action;
    act.saga = "order:o1";
    act.reason = "because";
    return world.ask(act);
  }
  EngineWorld world;
  std::vector<messaging::Subject> inboxes;
};

const char* const kTwo = R"(  - {step: reserve, call: shop.reserve, compensate: {call: shop.release}}
  - {step: charge, call: bank.charge, compensate: {call: bank.refund}}
)";

// Cancelled while the bank is asked; the bank then says that it is too busy. It was withdrawn, so it
// goes back to no queue, and the saga must not wait for it for ever.
TEST_F(AwkwardMoments, ABusyAnswerToWithdrawnWorkSettlesIt) {
  world.adapter("shop", always_ok());
  silent("bank");
  begin(kTwo);
  order();
  EXPECT_EQ(act("cancel").status, 200);
  answer(reply_error(inboxes.at(0), 429, "", 500));
  world.run_for(2'000);
  EXPECT_EQ(state(), "compensated") << world.history("order:o1");
  EXPECT_EQ(world.calls(), "reserve charge release") << "refused unexecuted: nothing to refund";
}

// "In progress" is another matter: an earlier sending may have done it.
TEST_F(AwkwardMoments, WithdrawnWorkInProgressIsUndone) {
  world.adapter("shop", always_ok());
  silent("bank");
  begin(kTwo);
  order();
  (void)act("cancel");
  answer(reply_error(inboxes.at(0), 425, "in_progress", 500));
  world.run_for(2'000);
  EXPECT_EQ(state(), "compensated") << world.history("order:o1");
  EXPECT_EQ(world.calls(), "reserve charge refund release");
}

// The withdrawal is in memory only; its reason is not. After the crash the bank is gone, and what was
// open is in doubt instead of waiting for it.
TEST_F(AwkwardMoments, AWithdrawalOutlivesACrash) {
  world.adapter("shop", always_ok());
  silent("bank");
  begin(R"(  - step: both
    parallel:
      - {step: reserve, call: shop.reserve, compensate: {call: shop.release}}
      - {step: ask, call: bank.ask, compensate: none}
)");
  order();
  (void)act("cancel");
  world.stop_adapter("bank");
  world.restart();
  world.run_for(10'000);
  EXPECT_EQ(state(), "compensated") << world.history("order:o1");
  EXPECT_EQ(world.calls("shop"), "reserve release");
}

// The second probe waits for an adapter that is down when the saga is cancelled.
TEST_F(AwkwardMoments, AWaitingProbeIsWithdrawnToo) {
  world.adapter("shop", always_ok());
  world.adapter("bank", [](const TaskSeen& task, messaging::Subject to) {
    return task.operation == "find" ? reply_ok(std::move(to), R"({"state":"unknown"})")
                                    : reply_error(std::move(to), 500, "");
  });
  begin(R"(  - {step: reserve, call: shop.reserve, compensate: {call: shop.release}}
  - {step: charge, call: bank.charge, probe: {call: bank.find}, compensate: {call: vault.refund}}
)");
  world.adapter("vault", always_ok());
  order();
  ASSERT_EQ(world.calls("bank"), "charge find");
  world.stop_adapter("bank");
  world.run_for(5'000);
  (void)act("cancel");
  world.run_for(5'000);
  EXPECT_EQ(state(), "compensated") << world.history("order:o1");
}

// ---- Cancel and the pivot ---------------------------------------------------------------------

const char* const kPivot = R"(  - {step: reserve, call: shop.reserve, compensate: {call: shop.release}}
  - {step: ship, call: bank.ship, pivot: true}
)";

// "While an attempt of the pivot may have been executed they wait for it: if it succeeded, cancel
// answers past_pivot."
TEST_F(AwkwardMoments, ACancelIsAnsweredWhenThePivotIsKnown) {
  world.adapter("shop", always_ok());
  silent("bank");
  begin(kPivot);
  order();
  engine::Request request;
  request.actor.name = "ann";
  request.body = engine::Act{"cancel", "order:o1", "", "because", {}, "", {}, "", true};
  std::vector<engine::Response> answers;
  world.engine().request(std::move(request),
                         [&answers](engine::Response response) { answers.push_back(response); });
  world.run_for(1'000);
  EXPECT_TRUE(answers.empty()) << "nobody knows yet";
  answer(reply_ok(inboxes.at(0)));
  world.run_for(100);
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].status, 409);
  EXPECT_EQ(answers[0].body.string_or("code", ""), "past_pivot");
  EXPECT_EQ(state(), "completed");
}

TEST_F(AwkwardMoments, ACancelThatThePivotLetsThroughAnswersWithItsEvent) {
  world.adapter("shop", always_ok());
  silent("bank");
  begin(kPivot);
  order();
  engine::Request request;
  request.actor.name = "ann";
  request.body = engine::Act{"cancel", "order:o1", "", "because", {}, "", {}, "", true};
  std::vector<engine::Response> answers;
  world.engine().request(std::move(request),
                         [&answers](engine::Response response) { answers.push_back(response); });
  world.run_for(1'000);
  answer(reply_error(inboxes.at(0), 409, "declined"));
  world.run_for(100);
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].status, 200);
  EXPECT_EQ(answers[0].body.string_or("type", ""), "CancelRequested");
  EXPECT_EQ(state(), "compensated");
}

// ---- Tokens -----------------------------------------------------------------------------------

TEST_F(AwkwardMoments, SettledOtherwiseIsAConflictAndAnAnomaly) {
  silent("bank");
  begin("  - {step: ship, call: bank.ship, completes: {within: 1h}, compensate: none}\n");
  order();
  answer(messaging::pending_reply(inboxes.at(0)));
  const std::string token = world.seen("bank").at(0).header("Weft-Token");
  EXPECT_EQ(world.send("weft.complete." + token, "{}").code, 0);
  EXPECT_EQ(world.send("weft.fail." + token, R"({"code":"jammed"})").code, 409);
  EXPECT_EQ(world.send("weft.fail." + token, R"({"code":"jammed"})").code, 409);
  EXPECT_NE(world.history("order:o1").find("AnomalyRecorded"), std::string::npos);
  const auto again = world.send("weft.complete." + token, "{}");
  EXPECT_EQ(again.code, 0) << again.body.to_json();
  EXPECT_TRUE(again.body.boolean_or("duplicate", false));
}

// ---- Guarantees -------------------------------------------------------------------------------

// Attempt 2 waits for an adapter that comes back after it has forgotten the key of attempt 1: asking
// again would be a second order.
TEST_F(AwkwardMoments, NothingIsAskedAgainBeyondTheIdempotencyWindow) {
  world.adapter("bank", [](const TaskSeen&, messaging::Subject to) {
    return reply_error(std::move(to), 500, "");
  });
  begin("  - {step: charge, call: bank.charge, compensate: {call: vault.refund}}\n",
        "adapter: bank\nguarantee: idempotent\nidempotency_window: 1h\noperations: {charge: {}}\n");
  world.adapter("vault", always_ok());
  order();
  world.stop_adapter("bank");
  world.run_for(2 * 3'600'000);
  world.adapter("bank", always_ok());
  world.run_for(10'000);
  EXPECT_EQ(world.calls(), "charge refund") << world.history("order:o1");
  EXPECT_EQ(state(), "compensated");
}

// After a crash nobody knows whether it was done: who answers probes is probed.
TEST_F(AwkwardMoments, AQueryableAdapterIsProbedAfterACrash) {
  bool silent = true;
  world.adapter("bank", [&silent](const TaskSeen& task, messaging::Subject to) {
    if (silent) return std::optional<messaging::Message>();
    return task.operation == "find" ? reply_ok(std::move(to), R"({"state":"done","reply":{"id":1}})")
                                    : reply_ok(std::move(to));
  });
  begin("  - {step: charge, call: bank.charge, timeout: 5s, probe: {call: bank.find}, compensate: {call: bank.refund}}\n",
        "adapter: bank\nguarantee: queryable\noperations: {charge: {}, find: {}, refund: {}}\n");
  order();
  silent = false;
  world.restart();
  world.run_for(6'000);
  EXPECT_EQ(world.calls(), "charge find");
  EXPECT_EQ(state(), "completed");
}

// "In progress" until schedule_timeout is spent: it may have been done, so it is undone.
TEST_F(AwkwardMoments, TheWaitForWorkInProgressIsBoundedToo) {
  world.adapter("bank", [](const TaskSeen& task, messaging::Subject to) {
    return task.header("Weft-Compensation") == "true" ? reply_ok(std::move(to))
                                                      : reply_error(std::move(to), 425, "in_progress", 1000);
  });
  begin("  - {step: charge, call: bank.charge, schedule_timeout: 5s, compensate: {call: bank.refund}}\n");
  order();
  world.run_for(20'000);
  EXPECT_EQ(state(), "compensated") << world.history("order:o1");
  EXPECT_EQ(world.show("order:o1").find("error")->string_or("code", ""), "unavailable");
  EXPECT_EQ(world.seen("bank").back().operation, "refund");
}

// "An adapter without responders is waiting, visibly": no event says so yet, but who looks sees it.
TEST_F(AwkwardMoments, AWaitForAnAdapterIsSeen) {
  begin("  - {step: charge, call: bank.charge, compensate: none}\n");
  order();
  world.run_for(500);
  const auto shown = world.show("order:o1");
  ASSERT_FALSE(shown.find("waiting")->is_null()) << shown.to_json();
  EXPECT_EQ(shown.find("waiting")->string_or("for", ""), "adapter");
  EXPECT_EQ(shown.find("waiting")->string_or("name", ""), "bank");
  world.adapter("bank", always_ok());
  world.run_for(3'000);
  EXPECT_TRUE(world.show("order:o1").find("waiting")->is_null());
}

TEST_F(AwkwardMoments, AStartOfADeprecatedWorkflowWarns) {
  std::string old = std::string(kHead) + "  - {step: note, set: {a: 1}}\n";
  old.replace(old.find("owner:"), 0, "lifecycle: deprecated\n");
  world.define("order.yaml", old);
  world.start();
  const auto started = world.start_saga("order", R"({"id":"o1"})");
  EXPECT_EQ(started.code, 0);
  EXPECT_NE(started.body.string_or("warning", "").find("order@1.0.0"), std::string::npos)
      << started.body.to_json();
}

// ---- Long lists -------------------------------------------------------------------------------

// A long list goes on by timers that are due at once, within one and the same millisecond; each is
// another timer than the one that has just fired.
TEST_F(AwkwardMoments, ALongListComesToItsEndOnAFastDisk) {
  begin(R"(  - step: each
    foreach: ${ [range(3000)] }
    do: [{step: one, set: {n: '${ $item }'}}]
  - step: rounds
    repeat: {do: [{step: turn, set: {n: '${ $index }'}}], until: '${ $index == 2999 }', at_most: 3000}
    on_timeout: {raise: exhausted}
)");
  order();
  EXPECT_EQ(state(), "completed") << world.show("order:o1").to_json().substr(0, 500);
}

// ---- Versions ---------------------------------------------------------------------------------

// Moved while it waits: from then on the new version's steps and compensations count, at once and not
// only after the next restart.
TEST_F(AwkwardMoments, AMovedSagaGoesOnInItsNewVersion) {
  const std::string first = std::string(kHead) +
      R"(  - {step: reserve, call: shop.reserve, compensate: {call: shop.release}}
  - {step: ask, listen: answer, timeout: 1d, on_timeout: continue}
)";
  world.adapter("shop", always_ok());
  world.adapter("bank", [](const TaskSeen&, messaging::Subject to) {
    return reply_error(std::move(to), 409, "declined");
  });
  world.define("order.yaml", first);
  world.start();
  order();
  std::string second = first + "  - {step: charge, call: bank.charge, compensate: none}\n";
  second.replace(second.find("1.0.0"), 5, "1.1.0");
  second.replace(second.find("shop.release"), 12, "shop.regive1");
  engine::Deploy deploy;
  deploy.files = {{"order.yaml", second}};
  ASSERT_EQ(world.ask(deploy).status, 200);
  engine::Act move;
  move.action = "move";
  move.saga = "order:o1";
  move.to_version = "1.1.0";
  move.reason = "the bank is to be asked";
  const auto moved = world.ask(move);
  EXPECT_EQ(moved.body.string_or("type", ""), "SagaMoved") << moved.body.to_json();
  (void)world.send("weft.signal." + world.show("order:o1").string_or("saga", "") + ".answer", "{}");
  world.run_for(1'000);
  EXPECT_EQ(world.calls(), "reserve charge regive1") << world.history("order:o1");
  EXPECT_EQ(state(), "compensated");
}

// ---- Quarantine -------------------------------------------------------------------------------

// A saga that ends the process is left alone: not decided again before a person says so, while its
// timers, answers and everybody else go on.
TEST_F(AwkwardMoments, AQuarantinedSagaIsNotDecided) {
  world.adapter("shop", always_ok());
  silent("bank");
  begin(kTwo);
  order();
  const std::string saga = world.show("order:o1").string_or("saga", "");
  world.config.crashed_in = {core::SagaId(saga)};
  std::vector<std::string> decided;
  world.config.turn_marker = [&decided](const core::SagaId& id) { decided.push_back(id.str()); };
  world.restart();
  const auto marked = static_cast<std::size_t>(std::count(decided.begin(), decided.end(), saga));
  EXPECT_EQ(marked, 1u) << "once, to mark it";
  EXPECT_EQ(state(), "stuck");
  answer(reply_ok(inboxes.back()));
  world.run_for(60'000);
  EXPECT_EQ(static_cast<std::size_t>(std::count(decided.begin(), decided.end(), saga)), marked);
  EXPECT_EQ(state(), "stuck");
  (void)world.start_saga("order", R"({"id":"o2"})");
  EXPECT_EQ(world.calls("shop"), "reserve reserve") << "the rest goes on";
  EXPECT_EQ(act("resume").status, 200);
  world.run_for(1'000);
  EXPECT_EQ(state(), "completed") << world.history("order:o1") << ": the answer was kept";
}

TEST_F(AwkwardMoments, AQuarantinedSagaCanBeCancelled) {
  world.adapter("shop", always_ok());
  silent("bank");
  begin(kTwo);
  order();
  world.config.crashed_in = {core::SagaId(world.show("order:o1").string_or("saga", ""))};
  world.restart();
  world.adapter("bank", always_ok());
  EXPECT_EQ(act("cancel").status, 200);
  world.run_for(30'000);
  EXPECT_EQ(state(), "compensated") << world.history("order:o1");
}

}  // namespace
}  // namespace weft::test
