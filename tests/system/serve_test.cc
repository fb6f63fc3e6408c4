// The whole program with a real broker and a real disk: started, killed, started again, asked.

#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>

#include <gtest/gtest.h>

#include "adapters/messaging/contract.h"
#include "adapters/messaging/nats_bus.h"
#include "adapters/messaging/subjects.h"
#include "dsl/value.h"
#include "tests/support/nats_server.h"
#include "tests/system/process.h"

namespace weft::test {
namespace {

using dsl::Value;
using std::chrono::seconds;

constexpr const char* kOrder = R"(weft: 1
workflow: shop.order
version: 1.0.0
owner: team@shop.example
key: ${ .id }
labels: {channel: '${ .channel // "web" }'}
deadline: 1h
errors:
  declined: {class: business}
defaults: {timeout: 5s, retry: {errors: [transient, unknown], max_attempts: 5, delay: 100ms, jitter: none}}
steps:
  - step: reserve
    call: shop.reserve
    with: {id: '${ .id }'}
    compensate: {call: shop.release}
  - step: charge
    call: shop.charge
    with: {id: '${ .id }'}
    compensate: {call: shop.refund}
  - step: ship
    pivot: true
    call: shop.ship
    with: {id: '${ .id }'}
)";

/// An adapter inside the test: counts what it is asked, and answers as the test wants.
class TestAdapter {
 public:
  struct Seen {
    std::string operation, key, attempt, id;
    bool compensation = false;
  };
  /// "" succeeds, "-" does not answer, anything else is refused with that code.
  using Behaviour = std::function<std::string(const Seen&)>;

  explicit TestAdapter(const std::string& url) {
    messaging::NatsOptions options;
    options.url = url;
    auto bus = messaging::make_nats_bus(options);
    if (!bus) throw std::runtime_error(bus.error().message);
    bus_ = std::move(*bus);
    auto pattern = messaging::task_pattern("shop");
    auto subscribed = bus_->subscribe(
        *pattern, "test", [this](messaging::Received message) { answer(std::move(message)); });
    if (!subscribed) throw std::runtime_error(subscribed.error().message);
    if (!eventually([this] { return bus_->connected(); })) throw std::runtime_error("no NATS");
  }
  ~TestAdapter() { bus_->close(); }

  void behave(Behaviour behaviour) {
    const std::lock_guard lock(mutex_);
    behaviour_ = std::move(behaviour);
  }
  int count(const std::string& operation) {
    const std::lock_guard lock(mutex_);
    int count = 0;
    for (const Seen& seen : seen_) count += seen.operation == operation ? 1 : 0;
    return count;
  }
  std::vector<Seen> seen() {
    const std::lock_guard lock(mutex_);
    return seen_;
  }

 private:
  void answer(messaging::Received message) {
    Seen seen{std::string(messaging::operation_of(message.subject)),
              std::string(message.headers.get("Weft-Idempotency-Key")),
              std::string(message.headers.get("Weft-Attempt")),
              {},
              message.headers.find("Weft-Compensation") != nullptr};
    if (const auto body = Value::parse(message.body)) seen.id = body->string_or("id", "");
    std::string what;
    {
      const std::lock_guard lock(mutex_);
      seen_.push_back(seen);
      if (behaviour_) what = behaviour_(seen);
    }
    if (what == "-") return;
    auto to = messaging::reply_subject(message.reply);
    if (!to) return;
    auto reply = what.empty()
                     ? messaging::success_reply(*to, R"({"ok":true})")
                     : messaging::error_reply(*to, {409, what, "the test says no", {}, {}});
    if (bus_->publish(std::move(reply)) == messaging::PublishResult::kAccepted) bus_->flush();
  }

  std::unique_ptr<messaging::MessageBus> bus_;
  std::mutex mutex_;
  Behaviour behaviour_;
  std::vector<Seen> seen_;
};

class ServeTest : public ::testing::Test {
 protected:
  void SetUp() override { folder_.write("workflows/order.yaml", kOrder); }

  std::vector<std::string> serve_command() const {
    return {
        program("weft"), "serve",  "--data",      folder_.path("data"), "--nats",
        nats_.url(),     "--http", "127.0.0.1:0", "--workflows",        folder_.path("workflows"),
        "--drain",       "20s"};
  }
  /// Starts the server and waits until it says `ready`.
  void serve() {
    server_ = std::make_unique<Process>(serve_command());
    const std::string line = server_->wait_for_line("weft ready http=");
    ASSERT_NE(line, "") << server_->err();
    url_ = line.substr(std::string("weft ready http=").size());
  }
  void kill_hard() {
    server_->signal(SIGKILL);
    EXPECT_EQ(server_->wait().exit_code, 128 + SIGKILL);
  }
  Finished weft(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), program("weft"));
    return run_program(arguments, {{"WEFT_SERVER", url_}, {"WEFT_DATA", folder_.path("data")}});
  }
  Finished start(const std::string& id, std::vector<std::string> more = {}) {
    folder_.write("input.json", R"({"id":")" + id + R"("})");
    std::vector<std::string> arguments = {"start", "shop.order", "--input",
                                          folder_.path("input.json")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return weft(arguments);
  }
  /// The saga as `weft show -o json` prints it.
  Value show(const std::string& id) const {
    const auto value = Value::parse(weft({"show", "shop.order:" + id, "-o", "json"}).out);
    return value ? *value : Value();
  }
  bool reaches(const std::string& id, const std::string& state) const {
    return eventually([&] { return show(id).string_or("state", "") == state; });
  }
  /// One HTTP request with curl; the answer's status.
  std::string status_of(const std::string& path, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> command = {"curl", "-s",           "-o",         "/dev/null",
                                        "-w",   "%{http_code}", "--max-time", "20"};
    command.insert(command.end(), more.begin(), more.end());
    command.push_back(url_ + path);
    return run_program(command).out;
  }
  std::string body_of(const std::string& path) const {
    return run_program({"curl", "-s", "--max-time", "20", url_ + path}).out;
  }

  NatsServer nats_;
  Folder folder_;
  std::unique_ptr<Process> server_;
  std::string url_;
};

TEST_F(ServeTest, ASagaSurvivesKillNineInTheMiddle) {
  TestAdapter adapter(nats_.url());
  adapter.behave([](const auto& seen) { return seen.operation == "charge" ? "-" : ""; });
  serve();
  const Finished started = start("o1", {"-o", "json"});
  ASSERT_EQ(started.exit_code, 0) << started.err;
  ASSERT_TRUE(eventually([&] { return adapter.count("charge") == 1; }));
  kill_hard();
  adapter.behave({});
  serve();
  EXPECT_TRUE(reaches("o1", "completed")) << show("o1").to_json() << server_->err();
  // What was settled is not asked again; what was open is asked again under the same key and
  // number.
  EXPECT_EQ(adapter.count("reserve"), 1);
  EXPECT_EQ(adapter.count("charge"), 2);
  std::vector<TestAdapter::Seen> charges;
  for (const auto& seen : adapter.seen()) {
    if (seen.operation == "charge") charges.push_back(seen);
  }
  EXPECT_EQ(charges[0].key, charges[1].key);
  EXPECT_EQ(charges[1].attempt, "1");
  // The caller who lost the answer asks again and finds the same saga.
  const auto again = Value::parse(start("o1", {"-o", "json"}).out);
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->boolean_or("duplicate", false));
  EXPECT_EQ(again->string_or("saga", "a"), show("o1").string_or("saga", "b"));
}

TEST_F(ServeTest, ARefusalIsUndoneAndTold) {
  TestAdapter adapter(nats_.url());
  adapter.behave([](const auto& seen) {
    return seen.operation == "ship" && seen.id == "bad" ? "declined" : "";
  });
  serve();
  const Finished good = start("good", {"--wait", "--timeout", "60s"});
  EXPECT_EQ(good.exit_code, 0) << good.out << good.err;
  const Finished bad = start("bad", {"--wait", "--timeout", "60s", "-o", "json"});
  EXPECT_EQ(bad.exit_code, 1) << bad.out << bad.err;
  const auto ended = Value::parse(bad.out);
  ASSERT_TRUE(ended) << bad.out;
  EXPECT_EQ(ended->string_or("state", ""), "compensated");
  EXPECT_EQ(ended->find("error")->string_or("code", ""), "declined");
  EXPECT_EQ(adapter.count("refund"), 1);
  EXPECT_EQ(adapter.count("release"), 1);

  const Finished list = weft({"list", "--where", ".state == \"compensated\"", "-o", "json"});
  const auto row = Value::parse(list.out);
  ASSERT_TRUE(row) << list.out << list.err;
  EXPECT_EQ(row->string_or("key", ""), "bad");
  const Finished shown = weft({"show", "shop.order:bad"});
  EXPECT_NE(shown.out.find("compensated"), std::string::npos) << shown.out;
  EXPECT_NE(shown.out.find("declined"), std::string::npos) << shown.out;
  const Finished events = weft({"events", "shop.order:bad"});
  std::istringstream lines(events.out);
  std::int64_t revision = 0;
  for (std::string line; std::getline(lines, line);) {
    const auto event = Value::parse(line);
    ASSERT_TRUE(event) << line;
    EXPECT_EQ(event->integer_or("revision", 0), ++revision);
  }
  EXPECT_GT(revision, 5);
  EXPECT_EQ(weft({"list", "--where", "nonsense("}).exit_code, 1);
  EXPECT_EQ(weft({"show", "shop.order:none"}).exit_code, 1);
  EXPECT_EQ(weft({"show", "shop.oder:bad"}).exit_code, 1);
}

TEST_F(ServeTest, TheSameKeyWithAnotherPayloadIsRefused) {
  TestAdapter adapter(nats_.url());
  serve();
  ASSERT_EQ(start("o1").exit_code, 0);
  folder_.write("other.json", R"({"id":"o1","channel":"shop"})");
  const Finished other =
      weft({"start", "shop.order", "--input", folder_.path("other.json"), "-o", "json"});
  EXPECT_EQ(other.exit_code, 1);
  const auto problem = Value::parse(other.err);
  ASSERT_TRUE(problem) << other.err;
  EXPECT_EQ(problem->integer_or("status", 0), 409);
  EXPECT_NE(problem->find("first_digest"), nullptr) << other.err;
  const Finished unknown = weft({"start", "shop.ordr", "--input", folder_.path("other.json")});
  EXPECT_EQ(unknown.exit_code, 1);
  EXPECT_NE(unknown.err.find("shop.order"), std::string::npos) << unknown.err;
}

TEST_F(ServeTest, StuckSagasAreMendedByOperators) {
  TestAdapter adapter(nats_.url());
  std::atomic<bool> broken{true};
  adapter.behave([&](const auto& seen) {
    return seen.operation == "release" && broken ? std::string("jammed")
           : seen.operation == "charge"          ? std::string("declined")
                                                 : std::string();
  });
  serve();
  for (const char* id : {"a", "b", "c"}) ASSERT_EQ(start(id).exit_code, 0);
  for (const char* id : {"a", "b", "c"}) ASSERT_TRUE(reaches(id, "stuck")) << show(id).to_json();
  const auto group = Value::parse(weft({"stuck", "-o", "json"}).out);
  ASSERT_TRUE(group);
  EXPECT_EQ(group->integer_or("count", 0), 3);
  const std::string id = group->string_or("id", "");
  broken = false;
  const Finished one = weft({"retry", "shop.order:a", "--reason", "mended", "--actor", "ana"});
  EXPECT_EQ(one.exit_code, 0) << one.err;
  EXPECT_TRUE(reaches("a", "compensated"));
  EXPECT_EQ(weft({"retry", "--group", id}).exit_code, 2);
  const Finished dry = weft({"retry", "--group", id, "--dry-run"});
  EXPECT_EQ(dry.exit_code, 0) << dry.err;
  EXPECT_NE(dry.out.find("2 sagas"), std::string::npos) << dry.out;
  EXPECT_EQ(weft({"retry", "--group", id, "--expect", "3", "--reason", "r"}).exit_code, 1);
  const Finished bulk =
      weft({"retry", "--group", id, "--expect", "2", "--reason", "r", "-o", "json"});
  EXPECT_EQ(bulk.exit_code, 0) << bulk.out << bulk.err;
  EXPECT_NE(bulk.out.find(R"({"matched":2,"done":2,"refused":0,"stopped":false})"),
            std::string::npos)
      << bulk.out;
  for (const char* saga : {"b", "c"}) EXPECT_TRUE(reaches(saga, "compensated"));
  const auto audit = Value::parse(weft({"audit", "--actor", "ana", "-o", "json"}).out);
  ASSERT_TRUE(audit) << weft({"audit", "-o", "json"}).out;
  EXPECT_EQ(audit->string_or("reason", ""), "mended");
  EXPECT_TRUE(audit->find("actor")->boolean_or("verified", false));
  EXPECT_EQ(weft({"audit", "verify"}).exit_code, 0);
}

TEST_F(ServeTest, ASecondStartOnALiveStoreSaysWhoHoldsIt) {
  serve();
  const Finished second = run_program(serve_command());
  EXPECT_EQ(second.exit_code, 5);
  EXPECT_NE(second.err.find(url_), std::string::npos) << second.err;
  EXPECT_EQ(weft({"fsck", folder_.path("data")}).exit_code, 5);
  server_->signal(SIGTERM);
  EXPECT_EQ(server_->wait().exit_code, 0) << server_->err();
  const Finished sound = weft({"fsck", folder_.path("data")});
  EXPECT_EQ(sound.exit_code, 0) << sound.out << sound.err;
}

TEST_F(ServeTest, AStoreOfANewerProgramIsRefusedNamingTheVersion) {
  serve();
  server_->signal(SIGTERM);
  ASSERT_EQ(server_->wait().exit_code, 0);
  std::string format;
  {
    std::ifstream file(folder_.path("data/FORMAT"));
    for (std::string line; std::getline(file, line);) {
      if (line.rfind("weft-store ", 0) == 0) line = "weft-store 999";
      if (line.rfind("needs ", 0) == 0) line = "needs 9.9.9";
      format += line + "\n";
    }
  }
  folder_.write("data/FORMAT", format);
  const Finished refused = run_program(serve_command());
  EXPECT_EQ(refused.exit_code, 5);
  EXPECT_NE(refused.err.find("9.9.9"), std::string::npos) << refused.err;
}

TEST_F(ServeTest, ADamagedStoreIsRefusedAndFoundByFsck) {
  TestAdapter adapter(nats_.url());
  serve();
  for (const char* id : {"a", "b", "c", "d"}) ASSERT_EQ(start(id, {"--wait"}).exit_code, 0);
  kill_hard();  // What was written is in RocksDB's log, not yet in its tables.
  int damaged = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(folder_.path("data/db"))) {
    if (file.path().extension() != ".log" || file.file_size() < 2000) continue;
    std::fstream bytes(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekp(static_cast<std::streamoff>(file.file_size() / 2));
    bytes << std::string(64, '\xA5');
    ++damaged;
  }
  ASSERT_GT(damaged, 0);
  const Finished refused = run_program(serve_command());
  EXPECT_EQ(refused.exit_code, 5) << refused.err;
  EXPECT_NE(refused.err, "");
  EXPECT_EQ(weft({"fsck", folder_.path("data")}).exit_code, 5);
}

// The answer that is in flight is awaited, and the next start has nothing to ask again.
TEST_F(ServeTest, SigtermDrains) {
  TestAdapter adapter(nats_.url());
  serve();
  ASSERT_EQ(start("o1", {"--wait"}).exit_code, 0);
  server_->signal(SIGTERM);
  EXPECT_EQ(server_->wait().exit_code, 0);
  serve();
  EXPECT_EQ(show("o1").string_or("state", ""), "completed");
  EXPECT_EQ(adapter.count("ship"), 1);
}

TEST_F(ServeTest, ASecondSignalEndsAtOnce) {
  TestAdapter adapter(nats_.url());
  adapter.behave([](const auto&) { return "-"; });
  serve();
  ASSERT_EQ(start("o1").exit_code, 0);
  ASSERT_TRUE(eventually([&] { return adapter.count("reserve") == 1; }));
  server_->signal(SIGTERM);
  ASSERT_TRUE(eventually([&] { return server_->err().find("\"stopping") != std::string::npos; }));
  // Reads are still answered; new work is not taken.
  const Finished refused = start("o2", {"-o", "json"});
  EXPECT_EQ(refused.exit_code, 1) << refused.out;
  EXPECT_NE(refused.err.find("503"), std::string::npos) << refused.err;
  server_->signal(SIGTERM);
  EXPECT_EQ(server_->wait(seconds(10)).exit_code, 1);
  adapter.behave({});
  serve();
  EXPECT_TRUE(reaches("o1", "completed"));
}

// Who waits for the end does not mind that the server is killed and started again meanwhile.
TEST_F(ServeTest, WaitingOutlastsARestart) {
  TestAdapter adapter(nats_.url());
  adapter.behave([](const auto& seen) { return seen.operation == "charge" ? "-" : ""; });
  folder_.write("weft.yaml", "http: {listen: 127.0.0.1:" + std::to_string(free_port()) + "}\n");
  std::vector<std::string> command = serve_command();
  command.erase(std::find(command.begin(), command.end(), "--http"),
                std::find(command.begin(), command.end(), "--workflows"));
  command.insert(command.end(), {"--config", folder_.path("weft.yaml")});
  auto server = std::make_unique<Process>(command);
  const std::string line = server->wait_for_line("weft ready http=");
  ASSERT_NE(line, "") << server->err();
  url_ = line.substr(std::string("weft ready http=").size());
  folder_.write("input.json", R"({"id":"o1"})");
  Process waiting({program("weft"), "--server", url_, "start", "shop.order", "--input",
                   folder_.path("input.json"), "--wait", "--timeout", "60s"});
  ASSERT_TRUE(eventually([&] { return adapter.count("charge") == 1; }));
  server->signal(SIGKILL);
  static_cast<void>(server->wait());
  adapter.behave({});
  server = std::make_unique<Process>(command);
  ASSERT_NE(server->wait_for_line("weft ready http="), "") << server->err();
  EXPECT_EQ(waiting.wait().exit_code, 0) << waiting.err();
}

TEST_F(ServeTest, WithNatsDownItStartsAndTakesWork) {
  nats_.kill_hard();
  serve();
  const auto ready = Value::parse(body_of("/readyz"));
  ASSERT_TRUE(ready);
  EXPECT_EQ(ready->string_or("status", ""), "warn");
  EXPECT_EQ(status_of("/readyz"), "200");
  ASSERT_EQ(start("o1").exit_code, 0);
  nats_.start();
  TestAdapter adapter(nats_.url());
  EXPECT_TRUE(reaches("o1", "completed")) << show("o1").to_json();
}

// A stream over our subjects would answer our requests with its PubAck.
TEST_F(ServeTest, AStreamOverOurSubjectsMakesItNotReadyUntilItIsMended) {
  RawClient broker(nats_.port());
  broker.publish("$JS.API.STREAM.CREATE.GRAB", "NATS/1.0\r\n\r\n",
                 R"({"name":"GRAB","subjects":["weft.task.>"],"storage":"memory"})");
  serve();
  ASSERT_TRUE(eventually([&] { return status_of("/readyz") == "503"; }));
  EXPECT_NE(body_of("/readyz").find("GRAB"), std::string::npos) << body_of("/readyz");
  EXPECT_EQ(status_of("/healthz"), "200");
  broker.publish("$JS.API.STREAM.DELETE.GRAB", "NATS/1.0\r\n\r\n", "");
  EXPECT_TRUE(eventually([&] { return status_of("/readyz") == "200"; })) << body_of("/readyz");
}

TEST_F(ServeTest, HttpIsGuarded) {
  serve();
  EXPECT_EQ(status_of("/healthz"), "200");
  EXPECT_EQ(status_of("/api/v1/sagas"), "200");
  EXPECT_EQ(status_of("/api/v1/sagas", {"-H", "Host: evil.example"}), "403");
  EXPECT_EQ(status_of("/api/v1/sagas", {"-H", "Origin: https://evil.example"}), "403");
  EXPECT_EQ(status_of("/api/v1/sagas", {"-H", "Authorization: Bearer wrong"}), "401");
  EXPECT_EQ(status_of("/api/v1/nothing"), "404");
  folder_.write("wrong.token", "weft_wrong\n");
  EXPECT_EQ(weft({"list", "--token-file", folder_.path("wrong.token")}).exit_code, 4);
  const std::string metrics = body_of("/metrics");
  for (const char* name : {"weft_nats_connected", "weft_store_bytes", "weft_build_info{",
                           "process_cpu_seconds_total"}) {
    EXPECT_NE(metrics.find(std::string("\n") + name), std::string::npos) << name << metrics;
  }
}

TEST_F(ServeTest, ABackupBecomesAStoreThatWaitsForAPerson) {
  TestAdapter adapter(nats_.url());
  serve();
  ASSERT_EQ(start("o1", {"--wait"}).exit_code, 0);
  ASSERT_EQ(weft({"pause", "adapter", "shop", "--reason", "it is restored, too"}).exit_code, 0);
  ASSERT_EQ(start("o2").exit_code, 0);
  const Finished backup = weft({"backup", folder_.path("backup")});
  ASSERT_EQ(backup.exit_code, 0) << backup.err;
  EXPECT_EQ(weft({"backup", folder_.path("backup")}).exit_code == 0, false);
  server_->signal(SIGTERM);
  EXPECT_EQ(server_->wait().exit_code, 0);
  std::filesystem::rename(folder_.path("data"), folder_.path("lost"));
  const Finished restored =
      weft({"restore", folder_.path("backup"), "--data", folder_.path("data")});
  ASSERT_EQ(restored.exit_code, 0) << restored.err;
  EXPECT_NE(restored.out.find("1 saga had not ended then"), std::string::npos) << restored.out;
  serve();
  EXPECT_EQ(show("o1").string_or("state", ""), "completed");
  ASSERT_EQ(start("o3").exit_code, 0);
  // Which orders may have gone further than this store knows?
  const Finished listed = weft({"list", "--restored", "-o", "json"});
  EXPECT_NE(listed.out.find("\"o2\""), std::string::npos) << listed.out;
  EXPECT_EQ(listed.out.find("\"o1\""), std::string::npos) << listed.out;
  EXPECT_EQ(listed.out.find("\"o3\""), std::string::npos) << listed.out;
  const Finished screen = weft({"status", "-o", "table"});
  EXPECT_NE(screen.out.find("1 saga that had not ended then may be ahead of it: "
                            "`weft list --restored`"),
            std::string::npos)
      << screen.out;
  const auto status = Value::parse(weft({"status", "-o", "json"}).out);
  ASSERT_TRUE(status);
  EXPECT_GT(status->find("paused")->size(), 0U) << status->to_json();
  EXPECT_EQ(weft({"unpause", "engine", "--reason", "checked"}).exit_code, 0);
  EXPECT_EQ(weft({"unpause", "adapter", "shop", "--reason", "checked"}).exit_code, 0);
  EXPECT_TRUE(reaches("o2", "completed"));
  EXPECT_TRUE(reaches("o3", "completed"));
  EXPECT_EQ(weft({"list", "--restored", "-o", "json"}).out, "");
}

TEST_F(ServeTest, EventsAreFollowed) {
  TestAdapter adapter(nats_.url());
  serve();
  Process follower({program("weft"), "--server", url_, "events", "--follow"});
  ASSERT_EQ(start("o1", {"--wait"}).exit_code, 0);
  EXPECT_TRUE(eventually([&] {
    return follower.out().find("\"SagaCompleted\"") != std::string::npos;
  })) << follower.out()
      << follower.err();
  const Finished one = weft({"events", "shop.order:o1", "--follow"});
  EXPECT_EQ(one.exit_code, 0);
  EXPECT_NE(one.out.find("SagaCompleted"), std::string::npos);
}

}  // namespace
}  // namespace weft::test
