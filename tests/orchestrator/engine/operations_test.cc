#include <algorithm>

#include <gtest/gtest.h>

#include "tests/orchestrator/engine/engine_world.h"

namespace weft::test {
namespace {

const char* const kJob = R"(weft: 1
workflow: job
version: 1.0.0
owner: o@example.org
key: ${ .id }
steps:
  - step: first
    call: erp.first
    timeout: 1s
    compensate: {call: erp.undo}
  - step: second
    call: erp.second
    timeout: 1s
    compensate: none
)";

class OperationsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    world.define("job.yaml", kJob);
    world.adapter("erp", [this](const TaskSeen& task, messaging::Subject to) {
      const bool jams = (broken && task.operation == "second") ||
                        (first_jams && task.operation == "first") ||
                        (undo_jams && task.operation == "undo");
      return jams ? reply_ok(std::move(to), "nonsense") : reply_ok(std::move(to));
    });
    world.start();
  }
  void start(int count) {
    for (int i = 0; i < count; ++i) {
      (void)world.start_saga("job", R"({"id":"j)" + std::to_string(i) + "\"}");
    }
    world.run_for(1000);
  }
  engine::Act act(const std::string& action, const std::string& saga) {
    engine::Act out;
    out.action = action;
    out.saga = saga;
    return out;
  }
  EngineWorld world;
  bool broken = true, first_jams = false, undo_jams = false;
};

TEST_F(OperationsTest, AStaleActionIsRefusedWithThePresentState) {
  start(1);
  auto retry = act("retry", "job:j0");
  retry.step = "second";
  retry.revision = 1;
  const auto refused = world.ask(retry);
  EXPECT_EQ(refused.status, 412) << refused.body.to_json();
  EXPECT_NE(refused.body.find("saga"), nullptr);
  retry.revision = static_cast<std::uint64_t>(world.show("job:j0").integer_or("revision", 0));
  broken = false;
  EXPECT_EQ(world.ask(retry).status, 200);
}

TEST_F(OperationsTest, SkipNeedsAReasonAndIsNeverHidden) {
  start(1);
  auto skip = act("skip", "job:j0");
  skip.step = "second";
  EXPECT_EQ(world.ask(skip).status, 400);
  skip.reason = "done by hand";
  skip.output = R"({"by":"hand"})";
  const auto done = world.ask(skip);
  EXPECT_EQ(done.status, 200) << done.body.to_json();
  EXPECT_EQ(done.body.string_or("reason", ""), "done by hand");
  EXPECT_EQ(world.state("job:j0"), "completed");
  engine::ReadAudit audit;
  audit.actor = "ann";
  EXPECT_EQ(world.ask(audit).body.find("items")->size(), 1u);
}

// Whoever reads the audit looks for what was done, not for what followed from it.
TEST_F(OperationsTest, TheAuditNamesWhatPeopleDid) {
  engine::StartWorkflow by_hand;
  by_hand.workflow = "job";
  by_hand.input = R"({"id":"j0"})";
  ASSERT_EQ(world.ask(by_hand, "bea").status, 201);
  (void)world.start_saga("job", R"({"id":"j1"})");  // By a program, through NATS.
  world.run_for(1000);
  auto resolve = act("resolve", "job:j0");
  EXPECT_EQ(world.ask(resolve, "bea").status, 400) << "it needs a reason";
  resolve.reason = "they have no record of it";
  EXPECT_EQ(world.ask(resolve, "bea").status, 400) << "and what was found out";
  resolve.as = "not_done";
  const auto done = world.ask(resolve, "bea");
  EXPECT_EQ(done.status, 200) << done.body.to_json();
  world.run_for(1000);
  EXPECT_EQ(world.state("job:j0"), "compensated");

  const auto audit = world.ask(engine::ReadAudit{});
  std::vector<std::string> actions;
  for (const auto& item : audit.body.find("items")->as_array()) {
    actions.push_back(item.string_or("action", "") + " " + item.string_or("how", ""));
  }
  EXPECT_EQ(actions, (std::vector<std::string>{"SagaResumed not_done", "SagaStarted "}));
}

// An auditor asks who has decided what became of the money, and has to see which way.
TEST_F(OperationsTest, TheAuditTellsWhatWasResolvedAsWhat) {
  undo_jams = true;
  start(3);
  const auto resolve = [&](const std::string& saga, const std::string& as) {
    auto order = act("resolve", saga);
    order.reason = "asked the bank";
    order.as = as;
    const auto done = world.ask(order, "bea");
    EXPECT_EQ(done.status, 200) << done.body.to_json();
    world.run_for(1000);
  };
  resolve("job:j0", "done");
  resolve("job:j1", "not_done");  // Its undo jams.
  resolve("job:j1", "done");
  resolve("job:j2", "not_done");
  resolve("job:j2", "not_done");
  EXPECT_EQ(world.state("job:j0"), "completed");
  EXPECT_EQ(world.state("job:j1"), "compensated");

  engine::ReadAudit by_bea;
  by_bea.actor = "bea";
  const auto audit = world.ask(by_bea);
  std::vector<std::string> rows;
  for (const auto& item : audit.body.find("items")->as_array()) {
    EXPECT_EQ(item.string_or("reason", ""), "asked the bank");
    rows.push_back(item.string_or("key", "") + " " + item.string_or("step", "") + " " +
                   item.string_or("how", ""));
  }
  std::reverse(rows.begin(), rows.end());
  EXPECT_EQ(rows,
            (std::vector<std::string>{"j0 second done", "j1 second not_done", "j1 first undo_done",
                                      "j2 second not_done", "j2 first undo_not_done"}));
}

// `resume` of a stuck undo counts it as done by hand: like every such decision it says why.
TEST_F(OperationsTest, AnUndoIsNotCountedAsDoneWithoutAReason) {
  undo_jams = true;
  start(2);
  for (const char* saga : {"job:j0", "job:j1"}) {
    auto not_done = act("resolve", saga);
    not_done.reason = "they have no record of it";
    not_done.as = "not_done";
    ASSERT_EQ(world.ask(not_done).status, 200);
  }
  world.run_for(1000);
  ASSERT_EQ(world.state("job:j0"), "stuck");
  auto resume = act("resume", "job:j0");
  const auto refused = world.ask(resume);
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(refused.body.string_or("code", ""), "reason_required") << refused.body.to_json();
  engine::ActOnMany many;
  many.action = "resume";
  many.sagas = {"job:j0", "job:j1"};
  many.expect = 2;
  EXPECT_EQ(world.ask(many).body.string_or("code", ""), "reason_required");
  EXPECT_EQ(world.state("job:j0"), "stuck");
  resume.reason = "taken back at the desk";
  EXPECT_EQ(world.ask(resume).status, 200);
  EXPECT_EQ(world.state("job:j0"), "compensated");
}

// A step of one saga and its undo of another one shared a group, and one remedy was sent to both.
TEST_F(OperationsTest, AStuckStepAndItsStuckUndoAreTwoGroups) {
  broken = false;
  undo_jams = first_jams = true;
  start(1);
  ASSERT_EQ(world.state("job:j0"), "stuck") << "going forward";
  first_jams = false;
  broken = true;
  (void)world.start_saga("job", R"({"id":"back"})");
  world.run_for(1000);
  auto not_done = act("resolve", "job:back");
  not_done.reason = "they have no record of it";
  not_done.as = "not_done";
  ASSERT_EQ(world.ask(not_done).status, 200);
  world.run_for(1000);
  const auto groups = world.ask(engine::ListStuck{});
  std::vector<std::string> places;
  for (const auto& group : groups.body.find("items")->as_array()) {
    EXPECT_EQ(group.string_or("step", ""), "first") << group.to_json();
    EXPECT_EQ(group.integer_or("count", 0), 1);
    places.push_back(group.string_or("place", ""));
  }
  EXPECT_EQ(places, (std::vector<std::string>{"forward", "compensation"}));
}

TEST_F(OperationsTest, ReadinessSaysMoreOnlyWhereThereIsMoreToSay) {
  const auto ready = world.ask(engine::GetHealth{true});
  EXPECT_EQ(ready.body.string_or("status", ""), "pass") << ready.body.to_json();
  EXPECT_EQ(ready.body.find("output"), nullptr);
}

TEST_F(OperationsTest, CancelUndoesAndTerminateWritesOff) {
  start(2);
  EXPECT_EQ(world.ask(act("cancel", "job:j0")).status, 200);
  auto terminate = act("terminate", "job:j1");
  terminate.reason = "hopeless";
  EXPECT_EQ(world.ask(terminate).status, 200);
  world.run_for(2000);
  EXPECT_EQ(world.state("job:j0"), "compensated") << world.history("job:j0");
  EXPECT_EQ(world.state("job:j1"), "terminated");
  EXPECT_EQ(world.ask(act("cancel", "job:nobody")).status, 404);
  EXPECT_EQ(world.ask(act("dance", "job:j1")).status, 404);
}

TEST_F(OperationsTest, ManyAreShownCountedAndAnsweredOneByOne) {
  start(5);
  engine::ActOnMany order;
  order.action = "retry";
  order.where = R"(.state == "stuck")";
  order.dry_run = true;
  EXPECT_EQ(world.ask(order).body.integer_or("matched", 0), 5);
  order.dry_run = false;
  EXPECT_EQ(world.ask(order).status, 400) << "how many?";
  order.expect = 4;
  EXPECT_EQ(world.ask(order).status, 409);
  order.expect = 5;
  order.rate_per_second = 2.0;
  broken = false;
  const auto accepted = world.ask(order);
  ASSERT_EQ(accepted.status, 202) << accepted.body.to_json();
  const std::string id = accepted.body.string_or("id", "");
  world.run_for(600);
  EXPECT_LT(world.ask(engine::BulkProgress{id, 0}).body.integer_or("done", 9), 5);
  world.run_for(5000);
  const auto done = world.ask(engine::BulkProgress{id, 0});
  EXPECT_EQ(done.body.integer_or("done", 0), 5) << done.body.to_json();
  EXPECT_FALSE(done.body.boolean_or("running", true));
  EXPECT_EQ(done.body.find("items")->size(), 5u);
  EXPECT_EQ(world.state("job:j3"), "completed");
  engine::ActOnMany empty;
  empty.action = "retry";
  empty.expect = 0;
  EXPECT_EQ(world.ask(empty).status, 400);
}

TEST_F(OperationsTest, AGroupOfStuckSagasIsOneThing) {
  start(3);
  const auto groups = world.ask(engine::ListStuck{});
  ASSERT_EQ(groups.body.find("items")->size(), 1u);
  const auto& group = groups.body.find("items")->as_array()[0];
  EXPECT_EQ(group.integer_or("count", 0), 3);
  EXPECT_EQ(group.string_or("owner", ""), "o@example.org");
  world.restart();
  EXPECT_EQ(world.ask(engine::ListStuck{}).body.find("items")->size(), 1u);
  broken = false;
  engine::ActOnMany order;
  order.action = "retry";
  order.group = group.string_or("id", "");
  order.expect = 3;
  ASSERT_EQ(world.ask(order).status, 202);
  world.run_for(3000);
  EXPECT_EQ(world.ask(engine::ListStuck{}).body.find("items")->size(), 0u);
}

TEST_F(OperationsTest, HistoriesCanBeSeenAtAnyRevisionAndExported) {
  broken = false;
  start(1);
  EXPECT_EQ(world.ask(engine::ShowSaga{"job:j0", 1}).body.integer_or("revision", 0), 1);
  EXPECT_EQ(world.ask(engine::ShowSaga{"job:j0", 999}).status, 404);
  const auto exported = world.ask(engine::ExportSaga{"job:j0"});
  EXPECT_EQ(exported.status, 200);
  EXPECT_EQ(static_cast<std::int64_t>(exported.body.find("events")->size()),
            world.show("job:j0").integer_or("revision", 0));
  const auto all = world.ask(engine::ReadEvents{"", 0, 1000});
  EXPECT_EQ(all.body.find("items")->size(), exported.body.find("events")->size());
  const auto verified = world.ask(engine::VerifyAudit{});
  EXPECT_TRUE(verified.body.boolean_or("ok", false)) << verified.body.to_json();
}

TEST_F(OperationsTest, APrunedSagaStillAnswersForItsKey) {
  broken = false;
  start(2);
  world.run_for(10'000);
  engine::Prune prune;
  prune.older_than_ms = 5'000;
  prune.dry_run = true;
  EXPECT_EQ(world.ask(prune).body.integer_or("removed", 0), 2);
  prune.dry_run = false;
  EXPECT_EQ(world.ask(prune).body.integer_or("removed", 0), 2);
  EXPECT_EQ(world.ask(engine::ShowSaga{"job:j0", {}}).status, 404);
  const auto again = world.start_saga("job", R"({"id":"j0"})");
  EXPECT_TRUE(again.body.boolean_or("duplicate", false)) << again.body.to_json();
  EXPECT_EQ(world.start_saga("job", R"({"id":"j0","x":1})").code, 409);
  EXPECT_EQ(world.ask(engine::ListSagas{}).body.find("items")->size(), 0u);
}

TEST_F(OperationsTest, VersionsAreImmutableAndChosen) {
  broken = false;
  std::string changed = kJob;
  changed.replace(changed.find("erp.second"), 10, "erp.other1");
  engine::Deploy deploy;
  deploy.files = {{"job.yaml", changed}};
  const auto refused = world.ask(deploy);
  EXPECT_EQ(refused.status, 409) << refused.body.to_json();
  EXPECT_NE(refused.body.find("registered_digest"), nullptr);
  changed.replace(changed.find("1.0.0"), 5, "1.1.0");
  deploy.files = {{"job.yaml", changed}};
  EXPECT_EQ(world.ask(deploy).status, 200);
  const auto current = [this] {
    return world.ask(engine::ListWorkflows{"job"}).body.find("items")->as_array()[0].string_or("current", "");
  };
  EXPECT_EQ(current(), "1.1.0");
  EXPECT_EQ(world.ask(engine::ChooseVersion{"job", "1.0.0", "back"}).status, 200);
  EXPECT_EQ(current(), "1.0.0");
  world.restart();
  EXPECT_EQ(current(), "1.0.0") << "an operator's choice stays";
  start(1);
  EXPECT_EQ(world.show("job:j0").string_or("version", ""), "1.0.0");
  deploy.files = {{"bad.yaml", "weft: 1\nworkflow: job\nversion: 2.0.0\n"}};
  const auto broken_file = world.ask(deploy);
  EXPECT_EQ(broken_file.status, 422);
  EXPECT_GE(broken_file.body.find("diagnostics")->size(), 1u);
}

// A saga keeps the graph it started on, also after its definition's files are gone.
TEST_F(OperationsTest, ARunningSagaKeepsItsGraphOverARestart) {
  start(1);
  world.files.clear();
  world.restart();
  broken = false;
  auto retry = act("retry", "job:j0");
  retry.step = "second";
  EXPECT_EQ(world.ask(retry).status, 200);
  world.run_for(1000);
  EXPECT_EQ(world.state("job:j0"), "completed");
}

TEST_F(OperationsTest, HealthSaysWhatIsWrong) {
  EXPECT_EQ(world.ask(engine::GetHealth{true}).status, 200);
  world.network().set_broker_running(false);
  world.settle();
  const auto warned = world.ask(engine::GetHealth{true});
  EXPECT_EQ(warned.status, 200);
  EXPECT_EQ(warned.body.string_or("status", ""), "warn");
  world.engine().begin_drain();
  EXPECT_EQ(world.ask(engine::GetHealth{true}).status, 503);
  EXPECT_EQ(world.ask(engine::GetHealth{false}).status, 200);
}

// One branch was stuck, the other went on and took its money: at night `weft stuck` still named the
// hold that `weft show` had long called consumed.
TEST(StuckPlaces, WhatIsHeldFollowsTheBranchesThatGoOn) {
  EngineWorld world;
  const std::string definition = R"(weft: 1
workflow: ship
version: 1.0.0
owner: o@example.org
key: ${ .id }
resources:
  money: {by: [currency]}
steps:
  - step: hold
    call: bank.hold
    holds: {money: '${ [{currency: "EUR", qty: 5}] }'}
    compensate: {call: bank.free}
  - step: leave
    pivot: true
    call: erp.leave
  - step: settle
    parallel:
      books:
        - {step: books, call: erp.book}
      money:
        - {step: ask, call: bank.ask}
        - {step: capture, call: bank.capture, consumes: {money: all}}
)";
  world.define("ship.yaml", definition);
  world.adapter("bank", always_ok());
  world.adapter("erp", [](const TaskSeen& task, messaging::Subject to) {
    return task.operation == "book" ? reply_ok(std::move(to), "nonsense")
                                    : reply_ok(std::move(to));
  });
  world.start();
  (void)world.start_saga("ship", R"({"id":"s1"})");
  world.run_for(1000);
  ASSERT_EQ(world.state("ship:s1"), "stuck");
  const auto groups = world.ask(engine::ListStuck{});
  ASSERT_EQ(groups.body.find("items")->size(), 1U) << groups.body.to_json();
  EXPECT_EQ(groups.body.find("items")->as_array()[0].find("held")->size(), 0U)
      << groups.body.to_json();
}

}  // namespace
}  // namespace weft::test
