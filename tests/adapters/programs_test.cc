// The programs themselves, as somebody starts, hurts, kills and stops them.
#include <gtest/gtest.h>

#include <signal.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "adapters/messaging/contract.h"
#include "adapters/messaging/subjects.h"
#include "tests/support/asker.h"
#include "tests/support/child_process.h"
#include "tests/support/nats_server.h"
#include "tests/support/until.h"

namespace weft {
namespace {

using messaging::Message;
using messaging::Received;
using messaging::TaskHeaders;
using messaging::TaskReply;
using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using test::ChildProcess;
using test::until;

const std::string kToken = "k5sxmnbq2v7jc4hyd3wztagreu";

class ProgramsTest : public testing::Test {
 protected:
  ProgramsTest() {
    bus = test::connect(server.url());
    asker = std::make_unique<test::Asker>(*bus);
    std::ofstream(dir.file("stock.json")) << R"([{"sku":"tea","location":"north","qty":10}])";
  }

  static std::string program(const std::string& name) {
    return std::string(WEFT_BINARY_DIR) + "/bin/weft-adapter-" + name;
  }
  // Started and answering.
  std::unique_ptr<ChildProcess> start(const std::string& name, std::vector<std::string> more = {}) {
    std::vector<std::string> words = {program(name), "--nats", server.url(), "--data",
                                      dir.file(name + ".db")};
    words.insert(words.end(), more.begin(), more.end());
    auto child = std::make_unique<ChildProcess>(words, dir.file(name + ".log"));
    EXPECT_TRUE(until([&] {
      return !child->running() ||
             ask(Message(*messaging::service_subject("PING", name)), milliseconds(200));
    }));
    EXPECT_TRUE(child->running()) << child->output();
    return child;
  }
  // Runs to its end; the exit code.
  int run(std::vector<std::string> words, std::string* output = nullptr) {
    ChildProcess child(words, dir.file("run.log"));
    const int code = child.wait();
    if (output != nullptr) *output = child.output();
    std::filesystem::remove(dir.file("run.log"));
    return code;
  }

  std::optional<TaskReply> ask(Message message, milliseconds timeout = std::chrono::seconds(20)) {
    return asker->ask(std::move(message), timeout);
  }
  static Message task(const std::string& adapter, const std::string& operation, const json& input,
                      const std::string& step, bool compensation = false) {
    Message message(*messaging::task_subject(adapter, operation), input.dump());
    TaskHeaders headers;
    headers.idempotency_key = "saga/" + step;
    headers.saga = "saga";
    headers.token = kToken;
    headers.compensation = compensation;
    message.headers = *messaging::build_task_headers(headers);
    return message;
  }
  std::optional<TaskReply> control(const std::string& adapter, const json& plan) {
    return ask(
        Message(*messaging::custom_subject("weft-adapter." + adapter + ".control"), plan.dump()));
  }
  static json some_order() {
    return {{"order_id", "o1"}, {"lines", {{{"sku", "tea"}, {"location", "north"}, {"qty", 4}}}}};
  }

  test::NatsServer server;
  test::TempDir dir;
  std::unique_ptr<messaging::MessageBus> bus;
  std::unique_ptr<test::Asker> asker;
};

TEST_F(ProgramsTest, EachHelpsAndRefusesNonsense) {
  for (const char* name : {"inventory", "payments", "erp", "wms", "notify"}) {
    std::string output;
    EXPECT_EQ(run({program(name), "--help"}, &output), 0) << name;
    for (const char* flag : {"--nats", "--data", "--concurrency", "--slow-ms", "--no-answer",
                             "--fail", "--answer-twice", "--answer-late-ms", "Example"}) {
      EXPECT_NE(output.find(flag), std::string::npos) << name << " " << flag;
    }
    EXPECT_EQ(run({program(name), "--nonsense"}), 2) << name;
    EXPECT_EQ(run({program(name), "--concurrency", "0"}), 2) << name;
    EXPECT_EQ(run({program(name), "--no-answer", "3"}), 2) << name;
    EXPECT_EQ(run({program(name), "--data", "/nonexistent/x.db"}), 1) << name;
  }
  EXPECT_EQ(run({program("inventory"), "--data", dir.file("i.db"), "--init", "/nonexistent"}), 1);
  EXPECT_EQ(run({program("wms"), "--short", "north"}), 2);
}

TEST_F(ProgramsTest, InventoryServesUntilItIsToldToStop) {
  const auto inventory = start("inventory", {"--seed-stock", dir.file("stock.json")});
  const auto reply = ask(task("inventory", "reserve", some_order(), "reserve"));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->kind, TaskReply::Kind::kSuccess) << reply->error.message;
  inventory->signal(SIGTERM);
  EXPECT_EQ(inventory->wait(), 0);
  EXPECT_FALSE(ask(task("inventory", "reserve", some_order(), "reserve"), milliseconds(300)));
}

// Two instances share one database, as they share the queue group; no piece is promised twice.
TEST_F(ProgramsTest, TwoInstancesNeverOversell) {
  const auto first = start("inventory", {"--seed-stock", dir.file("stock.json")});
  ChildProcess second(
      {program("inventory"), "--nats", server.url(), "--data", dir.file("inventory.db")},
      dir.file("second.log"));
  ASSERT_TRUE(until([&] { return second.output().find("ready") != std::string::npos; }));
  std::atomic<int> sold = 0, refused = 0;
  std::vector<std::thread> buyers;
  for (int buyer = 0; buyer < 6; ++buyer) {
    buyers.emplace_back([&, buyer] {
      test::Asker own(*bus);
      for (int i = 0; i < 5; ++i) {
        const json one = {{"lines", {{{"sku", "tea"}, {"location", "north"}, {"qty", 1}}}}};
        const std::string step = "reserve_" + std::to_string(buyer) + "_" + std::to_string(i);
        const auto reply = own.ask(task("inventory", "reserve", one, step));
        ASSERT_TRUE(reply);
        if (reply->kind == TaskReply::Kind::kSuccess) ++sold;
        if (reply->error.code == "out_of_stock") ++refused;
      }
    });
  }
  for (std::thread& buyer : buyers) buyer.join();
  EXPECT_EQ(sold, 10);
  EXPECT_EQ(refused, 20);
  second.signal(SIGTERM);
  EXPECT_EQ(second.wait(), 0);
}

// Killed between commit and answer: after its restart it answers from memory, and has done it once.
TEST_F(ProgramsTest, WhatDiedBeforeAnsweringRemembers) {
  auto inventory = start("inventory", {"--seed-stock", dir.file("stock.json")});
  ASSERT_TRUE(control("inventory", {{"die_after_commit", 1}}));
  EXPECT_FALSE(ask(task("inventory", "reserve", some_order(), "reserve"), milliseconds(1500)));
  EXPECT_EQ(inventory->wait(), 137);
  inventory = start("inventory");
  EXPECT_EQ(ask(task("inventory", "reserve", some_order(), "reserve"))->kind,
            TaskReply::Kind::kSuccess);
  const json stock =
      json::parse(ask(Message(*messaging::task_subject("inventory", "availability"), "{}"))->body);
  EXPECT_EQ(stock["items"][0]["reserved"], 4);
}

TEST_F(ProgramsTest, TroubleIsMadeAtRunTime) {
  const auto erp = start("erp", {"--reject-ending", "99"});
  const json order = {{"external_id", "o1"}, {"total_minor", 100}};
  EXPECT_EQ(
      ask(task("erp", "create_order", {{"external_id", "o9"}, {"total_minor", 199}}, "rejected"))
          ->error.code,
      "erp_rejected");
  ASSERT_TRUE(control("erp", {{"fail", {{"code", "erp_period_closed"}, {"service_code", 500}}}}));
  EXPECT_EQ(ask(task("erp", "create_order", order, "e"))->error.code, "erp_period_closed");
  ASSERT_TRUE(control("erp", {{"no_answer", 1}}));
  EXPECT_FALSE(ask(task("erp", "create_order", order, "e"), milliseconds(300)));
  EXPECT_EQ(control("erp", {{"no_answer", 2}})->kind, TaskReply::Kind::kFailure);
  ASSERT_TRUE(control("erp", json::object()));
  EXPECT_TRUE(until([&] {  // done, though nobody was told; a busy machine takes its time
    const auto found = ask(task("erp", "find_by_external_id", {{"external_id", "o1"}}, "e"));
    return found && json::parse(found->body)["state"] == "done";
  }));
}

TEST_F(ProgramsTest, AnswersLateAndTwice) {
  const auto notify = start("notify", {"--answer-twice", "1"});
  const auto inbox = *messaging::inbox_subject("_INBOX", "abcdefghijklmnopqrstuvwxyz", kToken);
  std::atomic<int> answers = 0;
  ASSERT_TRUE(bus->subscribe(messaging::exactly(inbox), "", [&](Received) { ++answers; }));
  const auto tell = [&] {
    Message message = task("notify", "send", {{"to", "anna"}, {"template", "hi"}}, "tell");
    message.reply = inbox;
    ASSERT_EQ(bus->publish(std::move(message)), messaging::PublishResult::kAccepted);
    bus->flush();
  };
  tell();
  EXPECT_TRUE(until([&] { return answers == 2; }));
  ASSERT_TRUE(control("notify", {{"answer_twice", 1}, {"answer_late_ms", 250}}));
  const auto asked_at = steady_clock::now();
  tell();
  EXPECT_TRUE(until([&] { return answers == 4; }));
  EXPECT_GE(steady_clock::now() - asked_at, milliseconds(250));
}

// A shipment that was promised is finished by whoever starts next, and told until it is heard.
TEST_F(ProgramsTest, PendingWorkIsFinishedAfterAKill) {
  auto wms = start("wms", {"--ship-ms", "400"});
  const json pick = {{"order_id", "o1"},
                     {"location", "north"},
                     {"lines", {{{"sku", "tea"}, {"qty", 2}, {"unit_minor", 150}}}}};
  ASSERT_EQ(ask(task("wms", "allocate", pick, "pick"))->kind, TaskReply::Kind::kSuccess);
  ASSERT_EQ(ask(task("wms", "ship", {{"order_id", "o1"}}, "ship"))->kind,
            TaskReply::Kind::kPending);
  wms->signal(SIGKILL);
  wms->wait();
  std::mutex mutex;
  std::vector<std::string> completed;
  ASSERT_TRUE(bus->subscribe(
      *messaging::any_pattern("weft.complete." + kToken), "weft", [&](Received message) {
        const std::lock_guard lock(mutex);
        completed.push_back(message.body);
        (void)bus->publish(messaging::success_reply(*messaging::reply_subject(message.reply),
                                                    R"({"settled":true})"));
        bus->flush();
      }));
  wms = start("wms");
  ASSERT_TRUE(until([&] {
    const std::lock_guard lock(mutex);
    return !completed.empty();
  }));
  EXPECT_EQ(json::parse(completed[0])["value_minor"], 300);
}

TEST_F(ProgramsTest, SurvivesABrokerThatComesAndGoes) {
  const auto payments = start("payments", {"--decline-above", "1000"});
  server.kill_hard();
  ASSERT_TRUE(until([&] { return !bus->connected(); }));
  server.start();
  ASSERT_TRUE(until([&] { return bus->connected(); }));
  std::optional<TaskReply> reply;
  ASSERT_TRUE(until([&] {
    reply = ask(task("payments", "authorise", {{"currency", "EUR"}, {"qty", 1001}}, "a"),
                milliseconds(300));
    return reply.has_value();
  }));
  EXPECT_EQ(reply->error.code, "payment_declined");
}

}  // namespace
}  // namespace weft
