// The museum, second room: scopes, children and who may write. museum_test.cc is the first.

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>

#include "store/key_layout.h"
#include "tests/orchestrator/engine/engine_world.h"

namespace weft::test {
namespace {

std::string workflow(const std::string& name, const std::string& rest) {
  return "weft: 1\nworkflow: " + name + "\nversion: 1.0.0\nowner: o@shop.example\nkey: ${ .id }\n" +
         "errors: {declined: {class: business}}\ndefaults: {timeout: 1s, retry: none}\n" + rest;
}

class MuseumScopesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    world.adapter("shop", [this](const TaskSeen& task, messaging::Subject to) -> std::optional<messaging::Message> {
      if (silent == task.operation) return std::nullopt;
      if (refused == task.operation) return reply_error(std::move(to), 409, "declined");
      return reply_ok(std::move(to));
    });
  }
  void start(const std::string& id = "o1") { (void)world.start_saga("order", R"({"id":")" + id + "\"}"); }
  std::string state(const std::string& saga = "order:o1") { return world.state(saga); }
  std::string calls() { return world.calls("shop"); }
  EngineWorld world;
  std::string silent, refused;
};

// A child was not found again on a retry, and its parent looped. Here its id follows from the
// parent's and the step's, so a start that is repeated after any crash meets the same child.
TEST_F(MuseumScopesTest, M04_AChildIsFoundAgainAfterACrashAtAnyMoment) {
  for (int crash_at = 0; crash_at < 12; ++crash_at) {
    EngineWorld one;
    one.define("part.yaml", workflow("part", "steps:\n  - {step: pick, call: shop.pick, compensate: none}\n"));
    one.define("order.yaml", workflow("order", "steps:\n  - {step: sub, saga: part@1, with: {id: '${ .id }'}}\n"));
    one.adapter("shop", always_ok());
    one.start();
    one.sync_automatically = false;
    (void)one.start_saga("order", R"({"id":"o1"})");
    for (int syncs = 0; syncs < crash_at; ++syncs) {
      one.settle();
      one.store().sync_group();
    }
    one.sync_automatically = true;
    one.restart();
    (void)one.start_saga("order", R"({"id":"o1"})");
    one.run_for(20'000);
    EXPECT_EQ(one.state("order:o1"), "completed") << "crash after sync " << crash_at;
    EXPECT_EQ(one.ask(engine::ListSagas{}).body.find("items")->size(), 2u) << "one parent, one child";
  }
}

// An error in a nested scope: the undo ran without its last step, the outer scope went on at the
// wrong place, and one step ran three times.
TEST_F(MuseumScopesTest, M08_ANestedScopeIsUndoneWholeBeforeItsRouteAndNothingRunsTwice) {
  world.define("order.yaml", workflow("order", R"(steps:
  - {step: a, call: shop.a, compensate: {call: shop.undo_a}}
  - step: outer
    do:
      - {step: b, call: shop.b, compensate: {call: shop.undo_b}}
      - step: inner
        do:
          - {step: c, call: shop.c, compensate: {call: shop.undo_c}}
          - {step: d, call: shop.d, compensate: none}
        on_error:
          - errors: [declined]
            do:
              - {step: instead, call: shop.instead, compensate: {call: shop.undo_instead}}
            result: '${ {} }'
            then: continue
      - {step: e, call: shop.e, compensate: none}
  - {step: f, call: shop.f, compensate: none}
)"));
  refused = "d";
  world.start();
  start();
  world.run_for(5'000);
  EXPECT_EQ(state(), "completed");
  EXPECT_EQ(calls(), "a b c d undo_c instead e f");
}

// Undo handlers ran all at once, and in a repeated scope the wrong turn's was completed.
TEST_F(MuseumScopesTest, M09_UndoRunsBackwardsAndEachTurnHasItsOwn) {
  world.define("order.yaml", workflow("order", R"(steps:
  - {step: a, call: shop.a, compensate: {call: shop.undo_a}}
  - step: each
    foreach: ${ ["x", "y", "z"] }
    as: one
    at_once: 1
    do:
      - {step: b, call: shop.b, with: {one: '${ $one }'}, compensate: {call: shop.undo_b}}
      - {step: c, call: shop.c, with: {one: '${ $one }'}, compensate: {call: shop.undo_c}}
  - {step: d, call: shop.d, compensate: none}
)"));
  refused = "d";
  world.start();
  start();
  world.run_for(10'000);
  EXPECT_EQ(state(), "compensated");
  EXPECT_EQ(calls(), "a b c b c b c d undo_c undo_b undo_c undo_b undo_c undo_b undo_a");
  // Each undo speaks of what its own turn did, under that turn's key.
  std::map<std::string, std::string> turn_of_key;
  int undone = 0;
  for (const TaskSeen& task : world.seen("shop")) {
    const std::string key = task.header("Weft-Idempotency-Key");
    const auto body = dsl::Value::parse(task.body);
    if (!body || body->find("one") == nullptr) continue;
    const std::string turn = body->string_or("one", "");
    if (task.header("Weft-Compensation") != "true") {
      EXPECT_TRUE(turn_of_key.emplace(key, turn).second) << "two turns share the key " << key;
    } else {
      EXPECT_EQ(turn_of_key[key], turn);
      ++undone;
    }
  }
  EXPECT_EQ(turn_of_key.size(), 6u);
  EXPECT_EQ(undone, 6);
}

// A cancel left undo handlers running that it should have stopped, or stopped what it should not.
// Here it changes nothing once a saga goes back, and says what is going on.
TEST_F(MuseumScopesTest, M11_ACancelDuringCompensationChangesNothing) {
  world.define("order.yaml", workflow("order", R"(steps:
  - {step: a, call: shop.a, compensate: {call: shop.undo_a, retry: {errors: [unknown], max_attempts: 5, delay: 100ms, jitter: none}}}
  - {step: b, call: shop.b, compensate: none}
)"));
  refused = "b";
  silent = "undo_a";
  world.start();
  start();
  world.run_for(1'500);
  ASSERT_EQ(state(), "compensating");
  engine::Act cancel;
  cancel.action = "cancel";
  cancel.saga = "order:o1";
  (void)world.ask(std::move(cancel));
  EXPECT_EQ(state(), "compensating");
  silent.clear();
  world.run_for(60'000);
  EXPECT_EQ(state(), "compensated");
  const dsl::Value shown = world.show("order:o1");
  const dsl::Value* const error = shown.find("error");
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->string_or("code", ""), "declined") << "it failed; that somebody wanted it cancelled, too, is no reason";
}

// After a downtime a repeating timer fired for each interval that was missed.
TEST_F(MuseumScopesTest, M13_ThreeMissedRunsAreWhatTheAuthorSaid) {
  for (const auto& [missed, runs] : std::map<std::string, std::size_t>{{"once", 1}, {"skip", 0}, {"all", 3}}) {
    EngineWorld one;
    one.define("w.yaml", "weft: 1\nworkflow: w\nversion: 1.0.0\nowner: o@shop.example\ntriggers:\n"
                         "  - schedule: {cron: '0 3 * * *', zone: UTC, missed: " + missed + "}\n"
                         "steps:\n  - step: note\n    set: {seen: true}\n");
    one.start();
    one.crash();
    one.clock().advance(3 * 86'400'000);
    one.network().run_until(one.clock().steady_ms());
    one.start();
    one.run_for(1'000);
    EXPECT_EQ(one.ask(engine::ListSagas{}).body.find("items")->size(), runs) << missed;
  }
}

// Two servers decided at once and scheduled one task twice. Whoever decided on an older state can
// not write, and nothing of what he decided is there.
TEST_F(MuseumScopesTest, M18_WhoDecidedOnAnOlderStateWritesNothing) {
  world.define("order.yaml", workflow("order", "steps:\n  - {step: a, call: shop.a, compensate: none}\n"));
  silent = "a";
  world.start();
  start();
  const std::string saga = world.show("order:o1").string_or("saga", "");
  const store::StreamId stream{core::partition_of(core::SagaId(saga)), "saga/" + saga};
  const auto version = world.store().stream_version(stream);
  ASSERT_TRUE(version);
  ASSERT_GT(*version, 0u);
  const auto rows = world.disk().tables[static_cast<std::size_t>(store::Table::kOutbox)].size();
  store::Commit deposed;
  store::Append append;
  append.stream = stream;
  append.expected_version = *version - 1;
  append.events.push_back({3, 1, 0, "{}", "{}"});
  deposed.appends.push_back(std::move(append));
  deposed.outbox_add.push_back({stream, "t-again", "row"});
  std::optional<store::StoreError::Kind> refused_as;
  std::vector<store::Commit> batch;
  batch.push_back(std::move(deposed));
  world.store().submit(std::move(batch), [&](tl::expected<store::CommitReceipt, store::StoreError> done) {
    if (!done) refused_as = done.error().kind;
  });
  world.settle();
  EXPECT_EQ(refused_as, store::StoreError::Kind::kVersionConflict);
  EXPECT_EQ(*world.store().stream_version(stream), *version);
  EXPECT_EQ(world.disk().tables[static_cast<std::size_t>(store::Table::kOutbox)].size(), rows);
  EXPECT_EQ(calls(), "a");
}

// An event was missing in the middle, and the saga went on from what was left, or hung for ever.
TEST_F(MuseumScopesTest, M19_AnEventMissingInTheMiddleIsNoticedAndStopsNobodyElse) {
  world.define("order.yaml", workflow("order", "steps:\n  - {step: a, call: shop.a, compensate: none}\n"
                                               "  - {step: b, call: shop.b, compensate: none}\n"));
  silent = "b";
  world.start();
  start();
  ASSERT_EQ(calls(), "a b");
  const std::string saga = world.show("order:o1").string_or("saga", "");
  const store::StreamId stream{core::partition_of(core::SagaId(saga)), "saga/" + saga};
  world.crash();
  auto& events = world.disk().tables[static_cast<std::size_t>(store::Table::kEvents)];
  ASSERT_EQ(events.erase(store::event_key(stream, 3)), 1u);
  silent.clear();
  world.start();
  world.run_for(10'000);
  const auto shown = world.ask(engine::ShowSaga{saga, {}});
  EXPECT_FALSE(shown.ok()) << "half a history is not shown as if it were whole: " << shown.body.to_json();
  start("o2");
  world.run_for(5'000);
  EXPECT_EQ(state("order:o2"), "completed");
}

// Compensation was an error handler: it ran where the error was caught, and undid nothing of what
// had been done before. Here an error that a route catches undoes nothing outside of its scope, and
// one that nobody catches undoes everything.
TEST_F(MuseumScopesTest, M32_CatchingAnErrorIsNotUndoing) {
  for (const bool caught : {true, false}) {
    EngineWorld one;
    one.define("order.yaml", workflow("order", std::string("steps:\n  - {step: a, call: shop.a, compensate: {call: shop.undo_a}}\n"
                                                           "  - {step: b, call: shop.b, compensate: {call: shop.undo_b}") +
                                                   (caught ? ", on_error: [{errors: [declined], result: '${ {} }', then: continue}]" : "") +
                                                   "}\n  - {step: c, call: shop.c, compensate: none}\n"));
    one.adapter("shop", [](const TaskSeen& task, messaging::Subject to) {
      return task.operation == "b" ? reply_error(std::move(to), 409, "declined") : reply_ok(std::move(to));
    });
    one.start();
    (void)one.start_saga("order", R"({"id":"o1"})");
    one.run_for(5'000);
    EXPECT_EQ(one.calls("shop"), caught ? "a b c" : "a b undo_a");
    EXPECT_EQ(one.state("order:o1"), caught ? "completed" : "compensated");
  }
}

}  // namespace
}  // namespace weft::test
