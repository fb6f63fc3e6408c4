// The example adapters that people copy: they must keep the contract they claim.
#include <gtest/gtest.h>

#include <signal.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
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

using messaging::EffectClaim;
using messaging::Message;
using messaging::TaskReply;
using nlohmann::json;
using std::chrono::milliseconds;
using test::ChildProcess;
using test::until;
using Kind = TaskReply::Kind;

class ExamplesTest : public testing::Test {
 protected:
  ExamplesTest() {
    bus = test::connect(server.url());
    asker = std::make_unique<test::Asker>(*bus);
  }

  std::optional<TaskReply> ask(Message message, milliseconds timeout = std::chrono::seconds(20)) {
    return asker->ask(std::move(message), timeout);
  }
  TaskReply task(messaging::Subject to, const json& input, const std::string& step,
                 bool compensation = false) {
    Message message(std::move(to), input.dump());
    messaging::TaskHeaders headers;
    headers.idempotency_key = "saga/" + step;
    headers.saga = "saga";
    headers.compensation = compensation;
    message.headers = *messaging::build_task_headers(headers);
    std::optional<TaskReply> reply;
    EXPECT_TRUE(until([&] {  // the program may still be starting
      reply = ask(Message(message), milliseconds(2000));
      return reply.has_value();
    }));
    return std::move(*reply);
  }
  static messaging::Subject loyalty(const char* operation) {
    return *messaging::task_subject("loyalty", operation);
  }
  static messaging::Subject printer(const char* operation) {
    return *messaging::task_subject("printer", operation);
  }

  test::NatsServer server;
  test::TempDir dir;
  std::unique_ptr<messaging::MessageBus> bus;
  std::unique_ptr<test::Asker> asker;
};

TEST_F(ExamplesTest, ThePrinterOfTheSdkExample) {
  ChildProcess program({std::string(WEFT_BINARY_DIR) + "/bin/weft-adapter-printer", "--nats",
                        server.url(), "--data", dir.file("printer.db")},
                       dir.file("printer.log"));
  const json address = {{"address", "12 High Street"}};
  EXPECT_EQ(task(printer("print"), address, "label").body, R"({"label":1})");
  EXPECT_EQ(task(printer("print"), address, "label").body, R"({"label":1})");
  EXPECT_EQ(task(printer("print"), {{"address", "x"}}, "other").error.code, "bad_address");
  EXPECT_EQ(task(printer("print"), json::object(), "third").error.service_code, 400);
  EXPECT_EQ(task(printer("void_label"), address, "label", true).effect, EffectClaim::kUndone);
  EXPECT_EQ(task(printer("print"), address, "label").error.code, "fenced");
  program.signal(SIGTERM);
  EXPECT_EQ(program.wait(), 0);
}

class NodeExamplesTest : public ExamplesTest {
 protected:
  void SetUp() override {
    const std::string folder = std::string(WEFT_SOURCE_DIR) + "/examples/adapters/node";
    ChildProcess version({"/usr/bin/env", "node", "--version"}, dir.file("version.log"));
    if (version.wait() != 0 || !std::filesystem::exists(folder + "/node_modules/nats")) {
      GTEST_SKIP() << "needs node, and `npm ci` in " << folder;
    }
    folder_ = folder;
  }
  std::unique_ptr<ChildProcess> start(const std::string& script) {
    return std::make_unique<ChildProcess>(
        std::vector<std::string>{"/usr/bin/env", "node", folder_ + "/" + script, server.url(),
                                 dir.file("journal")},
        dir.file(script + ".log"));
  }
  std::string folder_;
};

TEST_F(NodeExamplesTest, LoyaltyKeepsTheFence) {
  auto program = start("loyalty.js");
  const json anna = {{"member", "anna"}, {"amount", 5}};
  EXPECT_EQ(json::parse(task(loyalty("give"), anna, "a").body)["balance"], 5);
  EXPECT_EQ(json::parse(task(loyalty("give"), anna, "a").body)["balance"], 5);
  EXPECT_EQ(task(loyalty("give"), {{"member", "anna"}, {"amount", 6}}, "a").error.code,
            "key_conflict");
  EXPECT_EQ(task(loyalty("give"), {{"amount", 5}}, "b").error.code, "no_such_member");
  EXPECT_EQ(task(loyalty("take_back"), anna, "never", true).effect, EffectClaim::kNone);
  program->signal(SIGKILL);
  program->wait();
  program = start("loyalty.js");  // everything above is remembered
  EXPECT_EQ(json::parse(task(loyalty("give"), anna, "a").body)["balance"], 5);
  EXPECT_EQ(task(loyalty("give"), anna, "never").error.code, "fenced");
  EXPECT_EQ(task(loyalty("take_back"), anna, "a", true).effect, EffectClaim::kUndone);
  EXPECT_EQ(task(loyalty("give"), anna, "a").error.code, "fenced");
  EXPECT_EQ(json::parse(task(loyalty("give"), anna, "c").body)["balance"], 5);
  EXPECT_EQ(task(loyalty("nonsense"), anna, "d").error.service_code, 400);
  program->signal(SIGTERM);
  EXPECT_EQ(program->wait(), 0);
}

TEST_F(NodeExamplesTest, AnUnmodifiedServiceIsAnAdapter) {
  const auto program = start("carrier_service.js");
  const auto at = [](const char* subject) { return *messaging::custom_subject(subject); };
  EXPECT_EQ(json::parse(task(at("carrier.quote"), {{"weight_g", 500}}, "q").body)["price_minor"],
            325);
  const TaskReply heavy = task(at("carrier.quote"), {{"weight_g", 50'000}}, "q");
  EXPECT_EQ(heavy.kind, Kind::kFailure);
  EXPECT_EQ(heavy.error.service_code, 409);
  EXPECT_EQ(heavy.error.code, "");  // the definition's service_codes give it a name
  const TaskReply thrown = task(at("carrier.weigh"), json::object(), "w");
  EXPECT_EQ(thrown.error.service_code, 500);
  EXPECT_EQ(thrown.effect, EffectClaim::kAbsent);
  EXPECT_EQ(json::parse(task(at("carrier.book"), {{"to", "anna"}}, "b").body)["parcel"], "P1");
}

}  // namespace
}  // namespace weft
