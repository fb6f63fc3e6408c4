// An adapter on a real broker: what it answers, how it stops, what it tells about itself.
#include "adapters/sdk/worker.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "adapters/messaging/contract.h"
#include "adapters/messaging/requester.h"
#include "adapters/messaging/subjects.h"
#include "adapters/sdk/fence.h"
#include "adapters/sdk/outbox.h"
#include "tests/support/asker.h"
#include "tests/support/nats_server.h"
#include "tests/support/until.h"

namespace weft::sdk {
namespace {

using messaging::Message;
using messaging::Received;
using messaging::Requester;
using messaging::TaskHeaders;
using messaging::TaskReply;
using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using test::until;

const std::string kToken = "k5sxmnbq2v7jc4hyd3wztagreu";

class WorkerTest : public testing::Test {
 protected:
  WorkerTest() : adapter("counter", "1.2.3", "counts") {
    adapter.schema("CREATE TABLE IF NOT EXISTS effect (key TEXT);")
        .forward("add",
                 [this](const Request& request, Transaction& transaction) {
                   transaction.run("INSERT INTO effect VALUES (?)", {request.key()});
                   if (request.input.contains("announce")) {
                     announce(transaction, "counted", "counted/" + request.key(), {{"n", 1}});
                   }
                   wait_at_gate();
                   return Outcome::done({{"ok", true}});
                 })
        .forward("slow",
                 [](const Request&, Transaction&) {
                   return Outcome::pending(milliseconds(1), milliseconds(5));
                 })
        .resume("slow",
                [this](const Request&, Transaction&) {
                  if (hold_back) return Outcome::pending(milliseconds(5), milliseconds(5));
                  return Outcome::done({{"late", true}});
                })
        .undo("subtract", [](const Request&, Transaction&) { return Outcome::done(); })
        .query("count",
               [](const Request&, Transaction& transaction) {
                 return Outcome::done(
                     {{"n", transaction.query("SELECT count(*) FROM effect")[0].integer(0)}});
               })
        .subject("add", "counter.v1.add")
        .answer_dry_runs();
    open_database();
    bus = connect();
    asker_bus = connect();
    asker = std::make_unique<test::Asker>(*asker_bus);
  }
  ~WorkerTest() override {
    open_gate();
    worker.reset();
  }

  std::unique_ptr<messaging::MessageBus> connect() { return test::connect(server.url()); }
  void open_database() {
    database = std::move(
        *Database::open(dir.file("worker.db"),
                        std::string(kFenceSchema) + std::string(kOutboxSchema) + adapter.schema()));
  }
  void start(WorkerOptions options = {}) {
    auto started = Worker::start(adapter, *database, *bus, std::move(options));
    ASSERT_TRUE(started) << started.error();
    worker = std::move(*started);
  }

  static Message task(const std::string& operation, const std::string& body,
                      const TaskHeaders& headers) {
    Message message(*messaging::task_subject("counter", operation), body);
    message.headers = *messaging::build_task_headers(headers);
    return message;
  }
  static TaskHeaders keyed(const std::string& key) {
    TaskHeaders headers;
    headers.idempotency_key = key;
    headers.saga = "saga";
    headers.token = kToken;
    return headers;
  }
  std::optional<TaskReply> ask(Message message, milliseconds timeout = std::chrono::seconds(20)) {
    return asker->ask(std::move(message), timeout);
  }
  std::int64_t effects() {
    return json::parse(ask(Message(*messaging::task_subject("counter", "count")))->body)["n"]
        .get<std::int64_t>();
  }

  void wait_at_gate() {
    std::unique_lock lock(mutex);
    ++at_gate;
    changed.notify_all();
    changed.wait(lock, [this] { return open; });
  }
  void open_gate() {
    const std::lock_guard lock(mutex);
    open = true;
    changed.notify_all();
  }

  test::NatsServer server;
  test::TempDir dir;
  Adapter adapter;
  std::unique_ptr<Database> database;
  std::unique_ptr<messaging::MessageBus> bus, asker_bus;
  std::unique_ptr<test::Asker> asker;
  std::unique_ptr<Worker> worker;
  std::atomic<bool> hold_back = false;
  std::mutex mutex;
  std::condition_variable changed;
  bool open = true;
  int at_gate = 0;
};

TEST_F(WorkerTest, ATaskIsDoneOnceAndAnsweredEachTime) {
  start();
  for (int attempt = 1; attempt <= 3; ++attempt) {
    TaskHeaders headers = keyed("saga/add");
    headers.attempt = attempt;
    const auto reply = ask(task("add", "{}", headers));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->kind, TaskReply::Kind::kSuccess);
    EXPECT_EQ(reply->body, R"({"ok":true})");
  }
  EXPECT_EQ(effects(), 1);
}

TEST_F(WorkerTest, AnOperationsOwnSubjectIsServedToo) {
  start();
  Message message(*messaging::custom_subject("counter.v1.add"), "{}");
  message.headers = *messaging::build_task_headers(keyed("saga/add"));
  EXPECT_EQ(ask(std::move(message))->body, R"({"ok":true})");
}

TEST_F(WorkerTest, MalformedRequestsAreRefusedWithTheReason) {
  start();
  const auto code = [&](Message message) { return ask(std::move(message))->error.code; };
  EXPECT_EQ(code(Message(*messaging::task_subject("counter", "add"), "{}")), "bad_request");
  EXPECT_EQ(code(task("add", "{not json", keyed("saga/a"))), "bad_input");
  EXPECT_EQ(code(task("nothing_like_it", "{}", keyed("saga/a"))), "unknown_operation");
  EXPECT_EQ(code(task("add", std::string(300 * 1024, ' '), keyed("saga/a"))), "too_large");
  EXPECT_EQ(effects(), 0);
}

TEST_F(WorkerTest, PastItsDeadlineNothingBegins) {
  start();
  TaskHeaders headers = keyed("saga/add");
  headers.deadline = "2020-01-01T00:00:00.000Z";
  const auto reply = ask(task("add", "{}", headers));
  EXPECT_EQ(reply->error.service_code, 408);
  EXPECT_EQ(reply->effect, messaging::EffectClaim::kNone);
  EXPECT_EQ(effects(), 0);
  headers.deadline = "2999-01-01T00:00:00.000Z";
  EXPECT_EQ(ask(task("add", "{}", headers))->kind, TaskReply::Kind::kSuccess);
}

// What queued inside the adapter longer than its timeout is not begun either.
// The key could not be looked up, and an earlier attempt may have done it: were the doubt not said,
// `fenced` would make the 500 a proof that nothing happened, and nothing would be undone.
TEST_F(WorkerTest, WithoutItsDatabaseAnAdapterProvesNothing) {
  adapter.forward("fall", [](const Request&, Transaction& transaction) {
    transaction.run("ROLLBACK");  // as SQLite itself does when the disk is full
    return Outcome::done();
  });
  start();
  const auto reply = ask(task("fall", "{}", keyed("saga/fall")));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->error.service_code, 500);
  EXPECT_EQ(reply->error.code, "database_failed");
  EXPECT_EQ(reply->effect, messaging::EffectClaim::kPerhaps);
}

// Its first answer was lost, and then it is told to refuse: from a fenced adapter a refusal proves
// that nothing was done, so nobody would undo it.
TEST_F(WorkerTest, ToldToRefuseItDoesNotDenyWhatIsDone) {
  std::atomic<bool> refuse = false;
  WorkerOptions options;
  options.interference.before = [&](const Request&) {
    Interference::Before before;
    if (refuse) before.instead = Answer::failed(409, "told_so", "told to refuse");
    return before;
  };
  start(std::move(options));
  EXPECT_EQ(ask(task("add", "{}", keyed("saga/done")))->kind, TaskReply::Kind::kSuccess);
  refuse = true;
  EXPECT_EQ(ask(task("add", "{}", keyed("saga/done")))->kind, TaskReply::Kind::kSuccess);
  EXPECT_EQ(ask(task("add", "{}", keyed("saga/new")))->error.code, "told_so");
  TaskHeaders undo = keyed("saga/done");
  undo.compensation = true;
  EXPECT_EQ(ask(task("subtract", "{}", undo))->error.code, "told_so");
}

TEST_F(WorkerTest, TimeSpentInTheQueueCounts) {
  WorkerOptions options;
  options.concurrency = 1;
  options.interference.before = [](const Request&) {
    return Interference::Before{milliseconds(30), std::nullopt, false};
  };
  start(std::move(options));
  TaskHeaders headers = keyed("saga/add");
  headers.timeout_ms = 5;
  EXPECT_EQ(ask(task("add", "{}", headers))->error.service_code, 408);
}

TEST_F(WorkerTest, AFullQueueIsAnsweredUnavailable) {
  WorkerOptions options;
  options.concurrency = 1;
  options.queue_max = 1;
  open = false;
  start(std::move(options));
  std::mutex guard;
  std::vector<TaskReply> replies;
  for (int i = 0; i < 20; ++i) {
    asker->requester().send(task("add", "{}", keyed("saga/add" + std::to_string(i))),
                            steady_clock::now() + std::chrono::hours(1),
                            [&](tl::expected<Received, Requester::Failure> answer) {
                              const std::lock_guard lock(guard);
                              if (answer)
                                replies.push_back(messaging::read_task_reply(std::move(*answer)));
                            });
  }
  ASSERT_TRUE(until([&] {
    const std::lock_guard lock(guard);
    return replies.size() >= 18;  // one at work, one waiting
  }));
  {
    const std::lock_guard lock(guard);
    for (const TaskReply& reply : replies) {
      EXPECT_EQ(reply.error.service_code, 503);
      EXPECT_TRUE(reply.error.retry_after_ms);
    }
  }
  open_gate();
  ASSERT_TRUE(until([&] {
    const std::lock_guard lock(guard);
    return replies.size() == 20;
  }));
}

// SIGTERM's way: no new task, the begun ones finish and are answered.
TEST_F(WorkerTest, DrainFinishesWhatWasBegun) {
  open = false;
  start();
  std::atomic<int> answered = 0;
  asker->requester().send(task("add", "{}", keyed("saga/add")),
                          steady_clock::now() + std::chrono::hours(1),
                          [&](const tl::expected<Received, Requester::Failure>& answer) {
                            if (answer) ++answered;
                          });
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return at_gate == 1; });
  }
  std::thread draining([&] { worker->drain(std::chrono::seconds(30)); });
  // A request after the drain began finds nobody: the task goes back to its queue, not into a void.
  ASSERT_TRUE(until([&] {
    return !ask(Message(*messaging::task_subject("counter", "count")), milliseconds(300));
  }));
  EXPECT_EQ(answered, 0);
  open_gate();
  draining.join();
  EXPECT_TRUE(until([&] { return answered == 1; }));
}

TEST_F(WorkerTest, PendingResultsAreSentUntilSomebodyTakesThem) {
  std::mutex guard;
  std::vector<std::string> bodies;
  start();
  EXPECT_EQ(ask(task("slow", "{}", keyed("saga/slow")))->kind, TaskReply::Kind::kPending);
  // Nobody listens at first; then somebody is busy; then it is taken.
  const auto id = asker_bus->subscribe(
      *messaging::any_pattern("weft.complete.*"), "weft", [&](Received message) {
        const std::lock_guard lock(guard);
        bodies.push_back(message.body);
        const auto to = *messaging::reply_subject(message.reply);
        messaging::Problem busy;
        busy.status = 503;
        (void)asker_bus->publish(bodies.size() == 1
                                     ? messaging::problem_reply(to, busy)
                                     : messaging::success_reply(to, R"({"settled":true})"));
        asker_bus->flush();
      });
  ASSERT_TRUE(id);
  ASSERT_TRUE(until([&] {
    const std::lock_guard lock(guard);
    return bodies.size() == 2;
  }));
  EXPECT_EQ(bodies[1], R"({"late":true})");
  // Taken is taken: the outbox is empty again.
  ASSERT_TRUE(until([&] {
    std::size_t left = 1;
    EXPECT_TRUE(database->write([&](Transaction& transaction) {
      left = due_entries(transaction, wall_clock_ms() + 100000, 10).size();
    }));
    return left == 0;
  }));
}

TEST_F(WorkerTest, AnAnswerThatIsFinalEndsTheSending) {
  std::atomic<int> asked = 0;
  ASSERT_TRUE(asker_bus->subscribe(
      *messaging::any_pattern("weft.complete.*"), "weft", [&](Received message) {
        ++asked;
        messaging::Problem unknown;
        unknown.status = 404;
        (void)asker_bus->publish(
            messaging::problem_reply(*messaging::reply_subject(message.reply), unknown));
        asker_bus->flush();
      }));
  start();
  ask(task("slow", "{}", keyed("saga/slow")));
  ASSERT_TRUE(until([&] {
    std::size_t left = 1;
    EXPECT_TRUE(database->write([&](Transaction& transaction) {
      left = due_entries(transaction, wall_clock_ms() + 100000, 10).size();
    }));
    return asked > 0 && left == 0;
  }));
  EXPECT_EQ(asked, 1);
}

// `wanted: false`: the saga was cancelled meanwhile; the work stops and says so.
TEST_F(WorkerTest, UnwantedWorkIsDropped) {
  hold_back = true;
  std::atomic<int> failed = 0;
  ASSERT_TRUE(asker_bus->subscribe(
      *messaging::any_pattern("weft.heartbeat.*"), "weft", [&](Received message) {
        (void)asker_bus->publish(messaging::success_reply(*messaging::reply_subject(message.reply),
                                                          R"({"wanted":false})"));
        asker_bus->flush();
      }));
  ASSERT_TRUE(
      asker_bus->subscribe(*messaging::any_pattern("weft.fail.*"), "weft", [&](Received message) {
        EXPECT_EQ(json::parse(message.body)["code"], "cancelled");
        EXPECT_EQ(message.headers.get("Weft-Effect"), "none");
        (void)asker_bus->publish(messaging::success_reply(*messaging::reply_subject(message.reply),
                                                          R"({"settled":true})"));
        asker_bus->flush();
        ++failed;
      }));
  start();
  EXPECT_EQ(ask(task("slow", "{}", keyed("saga/slow")))->kind, TaskReply::Kind::kPending);
  EXPECT_TRUE(until([&] { return failed >= 1; }));
}

TEST_F(WorkerTest, EventsAreToldOnceTheWorkIsDurable) {
  std::mutex guard;
  std::string id, body;
  ASSERT_TRUE(asker_bus->subscribe(
      *messaging::any_pattern("weft.event.counted"), "weft", [&](Received message) {
        const std::lock_guard lock(guard);
        id = message.headers.get("Nats-Msg-Id");
        body = message.body;
        (void)asker_bus->publish(
            messaging::success_reply(*messaging::reply_subject(message.reply), "{}"));
        asker_bus->flush();
      }));
  start();
  ask(task("add", R"({"announce":true})", keyed("saga/add")));
  ASSERT_TRUE(until([&] {
    const std::lock_guard lock(guard);
    return !id.empty();
  }));
  EXPECT_EQ(id, "counted/saga/add");
  EXPECT_EQ(body, R"({"n":1})");
}

TEST_F(WorkerTest, ADryRunIsAnsweredAndDoesNothing) {
  start();
  Message message(*messaging::dryrun_subject("counter", "add"), "{}");
  message.headers = *messaging::build_task_headers(keyed("saga/add"));
  EXPECT_EQ(ask(std::move(message))->body, R"({"ok":true})");
  EXPECT_EQ(effects(), 0);
}

TEST_F(WorkerTest, TellsAboutItselfAsAMicroService) {
  start();
  ask(task("add", "{}", keyed("saga/add")));
  const auto tell = [&](const std::string& verb, const std::string& name) {
    std::atomic<bool> over = false;
    json body;
    asker->requester().send(Message(*messaging::service_subject(verb, name)),
                            steady_clock::now() + std::chrono::seconds(20),
                            [&](tl::expected<Received, Requester::Failure> answer) {
                              if (answer) body = json::parse(answer->body);
                              over = true;
                            });
    EXPECT_TRUE(until([&] { return over.load(); }));
    return body;
  };
  const json ping = tell("PING", "");
  EXPECT_EQ(ping["type"], "io.nats.micro.v1.ping_response");
  EXPECT_EQ(ping["name"], "counter");
  EXPECT_EQ(ping["version"], "1.2.3");
  EXPECT_EQ(ping["metadata"]["weft_protocol"], "1");
  EXPECT_EQ(ping["metadata"]["weft_guarantee"], "fenced");
  const json info = tell("INFO", "counter");
  EXPECT_EQ(info["endpoints"][0]["subject"], "weft.task.counter.add");
  EXPECT_EQ(info["endpoints"][0]["queue_group"], "weft");
  const json stats = tell("STATS", "counter");
  EXPECT_EQ(stats["endpoints"][0]["num_requests"], 1);
  EXPECT_EQ(stats["endpoints"][0]["num_errors"], 0);
}

// Two instances share the work, not the effects.
TEST_F(WorkerTest, TwoInstancesOnOneFileDoEachTaskOnce) {
  start();
  const auto other_bus = connect();
  const auto other_database = std::move(*Database::open(dir.file("worker.db"), ""));
  const auto other = std::move(*Worker::start(adapter, *other_database, *other_bus, {}));
  std::atomic<int> answered = 0;
  for (int i = 0; i < 100; ++i) {
    asker->requester().send(task("add", "{}", keyed("saga/add" + std::to_string(i % 50))),
                            steady_clock::now() + std::chrono::hours(1),
                            [&](const tl::expected<Received, Requester::Failure>& answer) {
                              EXPECT_TRUE(answer);
                              ++answered;
                            });
  }
  ASSERT_TRUE(until([&] { return answered == 100; }));
  EXPECT_EQ(effects(), 50);
}

}  // namespace
}  // namespace weft::sdk
