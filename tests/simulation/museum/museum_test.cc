// The museum: how other engines of this kind failed in life, each failure as a story that must go
// well here. docs/reliability.md lists the exhibits; those told elsewhere are named there.

#include <gtest/gtest.h>

#include <string>

#include "orchestrator/core/event_codec.h"
#include "store/key_layout.h"
#include "tests/orchestrator/engine/engine_world.h"

namespace weft::test {
namespace {

// reserve -> both (charge, label) -> ship (pivot) -> tell.
const char* const kOrder = R"(weft: 1
workflow: order
version: 1.0.0
owner: o@shop.example
key: ${ .id }
errors: {declined: {class: business}}
retries: {quick: {errors: [transient, unknown], max_attempts: 3, delay: 200ms, backoff: 1, jitter: none}}
defaults: {timeout: 1s, retry: quick}
steps:
  - {step: reserve, call: shop.reserve, compensate: {call: shop.release, retry: quick}}
  - step: both
    parallel:
      - {step: charge, call: shop.charge, compensate: {call: shop.refund, retry: quick}}
      - {step: label, call: shop.label, compensate: {call: shop.unlabel, retry: quick}}
  - {step: ship, call: shop.ship, pivot: true}
  - {step: tell, call: shop.tell}
)";

class MuseumTest : public ::testing::Test {
 protected:
  void SetUp() override {
    world.define("order.yaml", kOrder);
    world.adapter("shop", [this](const TaskSeen& task, messaging::Subject to) -> std::optional<messaging::Message> {
      if (silent == task.operation || silent == "all") return std::nullopt;
      if (refused == task.operation) return reply_error(std::move(to), 409, "declined");
      return reply_ok(std::move(to));
    });
  }
  std::string start(const std::string& id = "o1") {
    return world.start_saga("order", R"({"id":")" + id + "\"}").body.string_or("saga", "");
  }
  std::string state() { return world.state("order:o1"); }
  /// How often the shop was asked for it.
  int asked(const std::string& operation) {
    int count = 0;
    for (const auto& task : world.seen("shop")) count += task.operation == operation ? 1 : 0;
    return count;
  }
  EngineWorld world;
  std::string silent, refused;
};

// "Running" was a reason to refuse recovery.
TEST_F(MuseumTest, M01_ACrashWhileAStepRunsIsRecovered) {
  silent = "reserve";
  world.start();
  (void)start();
  silent.clear();
  world.restart();
  world.run_for(5'000);
  EXPECT_EQ(state(), "completed");
}

// A crash in a compensation left an instance that could never be rolled back: here at every event.
TEST_F(MuseumTest, M02_ACrashAtEveryEventOfACompensationIsRecovered) {
  for (int crash_at = 1; crash_at < 30; ++crash_at) {
    EngineWorld one;
    one.define("order.yaml", kOrder);
    one.adapter("shop", [](const TaskSeen& task, messaging::Subject to) {
      return task.operation == "ship" ? reply_error(std::move(to), 409, "declined") : reply_ok(std::move(to));
    });
    one.start();
    (void)one.start_saga("order", R"({"id":"o1"})");
    one.sync_automatically = false;
    for (int syncs = 0; syncs < crash_at; ++syncs) {
      one.settle();
      one.store().sync_group();
    }
    one.sync_automatically = true;
    one.restart();
    one.run_for(20'000);
    EXPECT_EQ(one.state("order:o1"), "compensated") << "crash after sync " << crash_at;
  }
}

// The limit of retries was ignored, until memory was full.
TEST_F(MuseumTest, M03_ACompensationIsNotRetriedForEver) {
  refused = "ship";
  silent = "refund";
  world.start();
  (void)start();
  world.run_for(3'600'000);
  EXPECT_EQ(asked("refund"), 3);
  EXPECT_EQ(state(), "stuck");
}

// "Pending" was written before the send; a crash between the two lost the command.
TEST_F(MuseumTest, M05_ACrashBetweenTheDecisionAndTheSendingLosesNothing) {
  world.start();
  world.sync_automatically = false;
  (void)start();
  world.crash(sim::SimStore::Fault::kWrittenUnacknowledged);
  EXPECT_EQ(world.calls(), "");
  world.sync_automatically = true;
  world.start();
  world.run_for(5'000);
  EXPECT_EQ(state(), "completed");
}

// A timeout was declared and nothing was undone when it came.
TEST_F(MuseumTest, M06_ATimeoutUndoesWhatWasDone) {
  silent = "charge";
  world.start();
  (void)start();
  world.run_for(60'000);
  EXPECT_EQ(state(), "compensated");
  EXPECT_EQ(asked("release"), 1);
  EXPECT_EQ(asked("refund"), 1) << "in doubt is undone like done";
}

// The message left although the outbox was on.
TEST_F(MuseumTest, M07_NothingIsSentBeforeItIsDurable) {
  world.start();
  world.sync_automatically = false;
  (void)start();
  world.run_for(10'000);
  EXPECT_EQ(world.calls(), "");
  world.sync_automatically = true;
  world.run_for(5'000);
  EXPECT_EQ(state(), "completed");
}

// Cancel raced with the join, left scopes alive, or could not reach deep ones: cancel at each sync.
TEST_F(MuseumTest, M10_ACancelAtAnyMomentLeavesNothingAlive) {
  for (int cancel_at = 1; cancel_at < 14; ++cancel_at) {
    EngineWorld one;
    one.define("order.yaml", kOrder);
    one.adapter("shop", always_ok());
    one.start();
    one.sync_automatically = false;
    bool begun = false;
    one.request(engine::StartWorkflow{"order", R"({"id":"o1"})", "", ""},
                [&begun](const engine::Response&) { begun = true; });
    for (int syncs = 0; syncs < cancel_at; ++syncs) {
      one.settle();
      one.store().sync_group();
    }
    one.settle();
    ASSERT_TRUE(begun);
    engine::Act cancel;
    cancel.action = "cancel";
    cancel.saga = "order:o1";
    one.request(std::move(cancel), {});
    one.sync_automatically = true;
    one.run_for(30'000);
    const std::string end = one.state("order:o1");
    EXPECT_TRUE(end == "completed" || end == "compensated" || end == "failed") << cancel_at << ": " << end;
    EXPECT_EQ(one.ask(engine::GetStatus{}).body.integer_or("tasks_open", -1), 0);
  }
}

// Half a million triggers of two hundred timers filled the disk.
TEST_F(MuseumTest, M12_OneTimerFiresOnceThroughRestarts) {
  world.define("wait.yaml", "weft: 1\nworkflow: sleeper\nversion: 1.0.0\nowner: o@shop.example\nkey: ${ .id }\n"
                            "steps:\n  - {step: nap, wait: 10s}\n");
  world.start();
  const auto saga = world.start_saga("sleeper", R"({"id":"s1"})").body.string_or("saga", "");
  for (int i = 0; i < 5; ++i) {
    world.run_for(3'000);
    world.restart();
  }
  world.run_for(60'000);
  EXPECT_EQ(world.history(saga), "SagaStarted StepScheduled TimerFired StepSucceeded SagaCompleted");
}

// Two timers had one name, and one of them never fired.
TEST_F(MuseumTest, M14_TwoTimersOfOneInstantBothFire) {
  world.define("wait.yaml", "weft: 1\nworkflow: sleeper\nversion: 1.0.0\nowner: o@shop.example\nkey: ${ .id }\n"
                            "steps:\n  - step: naps\n    parallel:\n      - {step: one, wait: 10s}\n      - {step: two, wait: 10s}\n");
  world.start();
  (void)world.start_saga("sleeper", R"({"id":"s1"})");
  (void)world.start_saga("sleeper", R"({"id":"s2"})");
  world.restart();
  world.run_for(11'000);
  EXPECT_EQ(world.state("sleeper:s1"), "completed");
  EXPECT_EQ(world.state("sleeper:s2"), "completed");
}

// The clock was set back between the check and the firing, and the timer was dropped.
TEST_F(MuseumTest, M15_AClockSetBackDropsNoTimer) {
  world.define("wait.yaml", "weft: 1\nworkflow: sleeper\nversion: 1.0.0\nowner: o@shop.example\nkey: ${ .id }\n"
                            "steps:\n  - {step: nap, wait: 10s}\n");
  world.start();
  (void)world.start_saga("sleeper", R"({"id":"s1"})");
  world.run_for(9'900);
  world.clock().jump_wall(-86'400'000);
  world.run_for(1'000);
  EXPECT_EQ(world.state("sleeper:s1"), "completed");
}

// The result came after the timeout and was thrown away: the effect was there, and nobody knew.
TEST_F(MuseumTest, M16_AResultAfterItsTimeoutIsNotThrownAway) {
  silent = "charge";
  world.start();
  const std::string saga = start();
  world.run_for(2'500);
  ASSERT_GE(asked("charge"), 2);
  for (const auto& task : world.seen("shop")) {
    if (task.operation != "charge") continue;
    world.answer("shop", task.success());
    break;
  }
  world.run_for(5'000);
  EXPECT_EQ(state(), "completed") << world.history(saga);
}

// The answer to the activation was lost, and the job counted as running until its two hours were over.
TEST_F(MuseumTest, M17_ALostAcceptanceIsNoticedLongBeforeTheCompletionIsDue) {
  world.define("work.yaml", "weft: 1\nworkflow: work\nversion: 1.0.0\nowner: o@shop.example\nkey: ${ .id }\n"
                            "steps:\n  - step: build\n    call: shop.build\n    timeout: 1s\n"
                            "    completes: {within: 2h}\n    compensate: none\n"
                            "    retry: {errors: [unknown], max_attempts: 2, delay: 100ms, jitter: none}\n");
  silent = "build";
  world.start();
  (void)world.start_saga("work", R"({"id":"w1"})");
  world.run_for(1'500);
  EXPECT_EQ(asked("build"), 2);
}

// One start blocked every other by its size.
TEST_F(MuseumTest, M20_AnOversizedStartIsRefusedAndBlocksNobody) {
  world.start();
  const auto big = world.start_saga("order", R"({"id":"big","text":")" + std::string(300'000, 'x') + "\"}");
  EXPECT_NE(big.code, 0);
  EXPECT_EQ(world.ask(engine::ShowSaga{"order:big", {}}).status, 404);
  (void)start();
  world.run_for(5'000);
  EXPECT_EQ(state(), "completed");
}

const char* const kListener =
    "weft: 1\nworkflow: listener\nversion: 1.0.0\nowner: o@shop.example\nkey: ${ .id }\nsteps:\n"
    "  - {step: nap, wait: 5s}\n  - {step: news, listen: news, timeout: 1h, on_timeout: continue}\n";

// A signal was only buffered in memory when the process died.
TEST_F(MuseumTest, M21_ASignalThatNobodyWaitsForYetSurvives) {
  world.define("listener.yaml", kListener);
  world.start();
  const auto saga = world.start_saga("listener", R"({"id":"l1"})").body.string_or("saga", "");
  EXPECT_TRUE(world.ask(engine::SendSignal{saga, "news", "n1", "{}", false}).ok());
  world.restart();
  world.run_for(6'000);
  EXPECT_EQ(world.state(saga), "completed");
}

// A signal after the end set a completed instance running again.
TEST_F(MuseumTest, M22_ASignalAfterTheEndChangesNothing) {
  world.define("listener.yaml", kListener);
  world.start();
  const auto saga = world.start_saga("listener", R"({"id":"l1"})").body.string_or("saga", "");
  (void)world.ask(engine::SendSignal{saga, "news", "n1", "{}", false});
  world.run_for(6'000);
  ASSERT_EQ(world.state(saga), "completed");
  EXPECT_EQ(world.ask(engine::SendSignal{saga, "news", "n2", "{}", false}).status, 409);
  EXPECT_EQ(world.state(saga), "completed");
}

// The event was saved, the wake-up lost.
TEST_F(MuseumTest, M23_AnAcknowledgedEventWakesItsSagaThroughACrash) {
  world.define("listener.yaml",
               "weft: 1\nworkflow: listener\nversion: 1.0.0\nowner: o@shop.example\nkey: ${ .id }\nsteps:\n"
               "  - step: news\n    listen: news\n    correlate: {event: '${ $event.id }', equals: '${ .id }'}\n"
               "    timeout: 1h\n    on_timeout: {raise: none_came}\nerrors: {none_came: {class: business}}\n");
  world.start();
  const auto saga = world.start_saga("listener", R"({"id":"l1"})").body.string_or("saga", "");
  EXPECT_EQ(world.send("weft.event.news", R"({"id":"l1"})", "", "e1").code, 0);
  world.restart();
  world.run_for(1'000);
  EXPECT_EQ(world.state(saga), "completed");
}

// Terminating led to a loop of restarting activities.
TEST_F(MuseumTest, M24_WhatIsTerminatedIsNeverAskedAgain) {
  silent = "reserve";
  world.start();
  const std::string saga = start();
  engine::Act terminate;
  terminate.action = "terminate";
  terminate.saga = saga;
  terminate.reason = "enough";
  EXPECT_TRUE(world.ask(std::move(terminate)).ok());
  const int before = asked("reserve");
  world.restart();
  world.run_for(600'000);
  EXPECT_EQ(asked("reserve"), before);
  EXPECT_EQ(state(), "terminated");
}

// A key was held for ever, and everything behind it waited for ever.
TEST_F(MuseumTest, M25_APersonLetsAQueuePassItsStuckHead) {
  world.define("queue.yaml", "weft: 1\nworkflow: queue\nversion: 1.0.0\nowner: o@shop.example\nkey: ${ .id }\n"
                             "ordering_key: ${ .who }\nsteps:\n  - {step: work, call: shop.work, timeout: 1h, compensate: none}\n");
  silent = "work";
  world.start();
  (void)world.start_saga("queue", R"({"id":"q1","who":"one"})");
  (void)world.start_saga("queue", R"({"id":"q2","who":"one"})");
  world.run_for(1'000);
  EXPECT_EQ(world.state("queue:q2"), "queued");
  silent.clear();
  EXPECT_TRUE(world.ask(engine::LetPass{"queue:one", "the head is lost"}).ok());
  world.run_for(1'000);
  EXPECT_EQ(world.state("queue:q2"), "completed");
}

// A new version decided differently in the middle of running instances.
TEST_F(MuseumTest, M26_ARunningSagaKeepsTheVersionItBeganWith) {
  silent = "reserve";
  world.start();
  (void)start();
  std::string next = kOrder;
  next.replace(next.find("1.0.0"), 5, "1.1.0");
  next.replace(next.find("shop.tell"), 9, "shop.cheer");
  world.define("order.yaml", next);
  silent.clear();
  world.restart();
  world.run_for(10'000);
  EXPECT_EQ(state(), "completed");
  EXPECT_EQ(asked("tell"), 1);
  EXPECT_EQ(asked("cheer"), 0);
}

// An old node met an event it did not know, and died of it.
TEST_F(MuseumTest, M27_AnUnknownEventIsAnErrorAndNoCrash) {
  core::EncodedEvent unknown;
  unknown.type = 999;
  const auto decoded = core::decode(unknown);
  ASSERT_FALSE(decoded);
  EXPECT_FALSE(decoded.error().empty());
}

// One poisoned record stopped a whole partition.
TEST_F(MuseumTest, M28_APoisonedOutboxRowStopsNobodyElse) {
  world.start();
  const std::string saga = start();
  world.run_for(5'000);
  const auto stream = store::StreamId{core::partition_of(core::SagaId(saga)), "saga/" + saga};
  world.disk().tables[static_cast<std::size_t>(store::Table::kOutbox)][store::outbox_key(stream, "t-poison")] = "nonsense";
  world.restart();
  (void)start("o2");
  world.run_for(5'000);
  EXPECT_EQ(world.state("order:o2"), "completed");
}

// A deep document overflowed the stack, at every restart again.
TEST_F(MuseumTest, M29_ADeepDocumentIsRefusedAtTheDoor) {
  world.start();
  const auto deep = world.start_saga("order", R"({"id":"deep","x":)" + std::string(50'000, '[') + std::string(50'000, ']') + "}");
  EXPECT_NE(deep.code, 0);
  (void)start();
  world.run_for(5'000);
  EXPECT_EQ(state(), "completed");
}

// A loop that waits for nothing left no turn for anybody.
TEST_F(MuseumTest, M30_ALoopThatWaitsForNothingLetsOthersHaveTheirTurn) {
  world.define("loop.yaml",
               "weft: 1\nworkflow: loop\nversion: 1.0.0\nowner: o@shop.example\nkey: ${ .id }\nsteps:\n"
               "  - step: all\n    foreach: ${ [range(2000)] }\n    do:\n"
               "      - {step: count, set: {n: '${ $item }'}}\n");
  world.config.limits.events_per_command = 50;
  world.start();
  (void)world.start_saga("loop", R"({"id":"l1"})");
  (void)start();
  world.run_for(60'000);
  EXPECT_EQ(state(), "completed");
  EXPECT_EQ(world.state("loop:l1"), "completed");
}

// Tasks beside a join ended the instance instead of being retried.
TEST_F(MuseumTest, M31_ABranchIsRetriedWhileItsNeighbourIsDone) {
  silent = "charge";
  world.start();
  (void)start();
  world.run_for(1'100);
  silent.clear();
  world.run_for(5'000);
  EXPECT_EQ(state(), "completed");
  EXPECT_EQ(asked("charge"), 2);
  EXPECT_EQ(asked("label"), 1);
}

// A compensation that recovery did not know was skipped, and the saga called compensated.
TEST_F(MuseumTest, M33_CompensatedIsSaidOnlyWhenEveryUndoHasEnded) {
  refused = "ship";
  silent = "release";
  world.start();
  (void)start();
  world.run_for(600);
  EXPECT_EQ(state(), "compensating");
  world.restart();
  world.run_for(600'000);
  EXPECT_EQ(state(), "stuck");
  silent.clear();
  engine::Act retry;
  retry.action = "retry";
  retry.saga = "order:o1";
  EXPECT_TRUE(world.ask(std::move(retry)).ok());
  world.run_for(5'000);
  EXPECT_EQ(state(), "compensated");
}

// A task that kills its worker was delivered for ever: a crash gives no attempt back.
TEST_F(MuseumTest, M34_CrashesGiveNoAttemptsBack) {
  silent = "reserve";
  world.start();
  const std::string saga = start();
  for (int i = 0; i < 12; ++i) {
    world.run_for(700);
    world.restart();
  }
  world.run_for(60'000);
  EXPECT_EQ(state(), "compensated") << world.history(saga);
}

// An orphaned pointer to "the current run" made every later start hang.
TEST_F(MuseumTest, M35_ARepeatedStartFindsItsSagaAfterAnyRestart) {
  world.start();
  const std::string saga = start();
  world.run_for(5'000);
  world.restart();
  EXPECT_EQ(start(), saga);
  engine::ListSagas list;
  EXPECT_EQ(world.ask(list).body.find("items")->size(), 1u);
}

// ---- Our own, found by the simulator ------------------------------------------------------------

// Seed 42: a saga that ends within the decision that begins it left its place in the queue on the
// disk, and after a restart nobody of that ordering key ever began.
TEST_F(MuseumTest, M36_WhoEndsAtOnceLeavesNoPlaceInItsQueue) {
  world.define("quick.yaml",
               "weft: 1\nworkflow: quick\nversion: 1.0.0\nowner: o@shop.example\nkey: ${ .id }\n"
               "ordering_key: ${ .sku }\nsteps:\n  - step: note\n    set: {seen: true}\n");
  world.start();
  const auto begin = [this](const std::string& id) {
    return world.start_saga("quick", R"({"id":")" + id + R"(","sku":"s1"})");
  };
  (void)begin("a");
  EXPECT_EQ(world.state("quick:a"), "completed");
  world.restart();
  (void)begin("b");
  EXPECT_EQ(world.state("quick:b"), "completed");
}

}  // namespace
}  // namespace weft::test
