#include "adapters/messaging/jetstream.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "adapters/messaging/contract.h"
#include "adapters/messaging/nats_bus.h"
#include "adapters/messaging/subjects.h"
#include "tests/support/nats_server.h"
#include "tests/support/until.h"

namespace weft::messaging {
namespace {

using nlohmann::json;
using std::chrono::steady_clock;
using test::until;

class JetStreamTest : public testing::Test {
 protected:
  JetStreamTest() : bus(connect()), requester(std::make_unique<Requester>(*bus)) {}

  std::unique_ptr<MessageBus> connect() {
    NatsOptions options;
    options.url = server.url();
    auto made = std::move(*make_nats_bus(options));
    EXPECT_TRUE(until([&] { return made->connected(); }));
    return made;
  }

  std::string ask(Message message) {
    std::atomic<bool> answered = false;
    std::string body;
    requester->send(std::move(message), steady_clock::now() + std::chrono::seconds(20),
                    [&](tl::expected<Received, Requester::Failure> answer) {
                      if (answer) body = answer->body;
                      answered = true;
                    });
    EXPECT_TRUE(until([&] {
      requester->tick(steady_clock::now());
      return answered.load();
    }));
    return body;
  }

  void make_stream(const std::string& name, const std::vector<std::string>& subjects) {
    const json config = {{"name", name}, {"subjects", subjects}, {"storage", "memory"}};
    const json answer =
        json::parse(ask(Message(*jetstream_subject("STREAM.CREATE", {name}), config.dump())));
    ASSERT_FALSE(answer.contains("error")) << answer;
  }

  void store(const std::string& subject, const std::string& body) {
    ASSERT_TRUE(parse_pub_ack(ask(Message(*custom_subject(subject), body))));
  }

  std::vector<std::string> overlapping() {
    std::atomic<bool> done = false;
    tl::expected<std::vector<std::string>, std::string> found;
    find_overlapping_streams(*requester, steady_clock::now() + std::chrono::seconds(20),
                             [&](tl::expected<std::vector<std::string>, std::string> names) {
                               found = std::move(names);
                               done = true;
                             });
    EXPECT_TRUE(until([&] {
      requester->tick(steady_clock::now());
      return done.load();
    }));
    EXPECT_TRUE(found) << found.error();
    return found.value_or(std::vector<std::string>{});
  }

  test::NatsServer server;
  std::unique_ptr<MessageBus> bus;
  std::unique_ptr<Requester> requester;
};

// Such a stream would answer requests with its own acknowledgement.
TEST_F(JetStreamTest, StreamsOverOurRequestsAreFound) {
  EXPECT_EQ(overlapping(), std::vector<std::string>{});
  make_stream("HARMLESS", {"weft.out.>", "weft.changed.>"});
  EXPECT_EQ(overlapping(), std::vector<std::string>{});
  make_stream("TASKS", {"weft.task.inventory.*"});
  make_stream("STARTS", {"weft.start.retail.returns"});
  make_stream("EVENTS", {"*.event.>"});
  EXPECT_EQ(overlapping(), (std::vector<std::string>{"EVENTS", "STARTS", "TASKS"}));
}

struct Intake {
  std::mutex mutex;
  std::vector<Received> messages;

  JetStreamConsumer::Handler handler() {
    return [this](Received message) {
      const std::lock_guard lock(mutex);
      messages.push_back(std::move(message));
    };
  }
  std::size_t size() {
    const std::lock_guard lock(mutex);
    return messages.size();
  }
  std::string reply(std::size_t i) {
    const std::lock_guard lock(mutex);
    return messages.at(i).reply;
  }
  std::string body(std::size_t i) {
    const std::lock_guard lock(mutex);
    return messages.at(i).body;
  }
};

TEST_F(JetStreamTest, MessagesComeUntilTheyAreSettled) {
  make_stream("ORDERS", {"orders.>"});
  for (int i = 0; i < 3; ++i) store("orders.web", std::to_string(i));
  Intake intake;
  ConsumerOptions options{"ORDERS", "orders.web", "weft", 16, std::chrono::seconds(30)};
  auto made = JetStreamConsumer::create(*bus, options, intake.handler());
  ASSERT_TRUE(made);
  auto consumer = std::move(*made);
  const auto ticking = [&](auto condition) {
    return until([&] {
      consumer->tick(steady_clock::now());
      return condition();
    });
  };
  ASSERT_TRUE(ticking([&] { return intake.size() == 3; }));
  EXPECT_EQ(consumer->trouble(), "");
  EXPECT_EQ(intake.body(0), "0");
  consumer->ack(intake.reply(0));
  consumer->nak(intake.reply(1), std::chrono::milliseconds(0));
  consumer->term(intake.reply(2));
  ASSERT_TRUE(ticking([&] { return intake.size() == 4; }));
  EXPECT_EQ(intake.body(3), "1");  // only what was put back comes again
  consumer->ack(intake.reply(3));
  ASSERT_TRUE(until([&] {
    const json info = json::parse(
        ask(Message(*jetstream_subject("CONSUMER.INFO", {"ORDERS", "weft"}))), nullptr, false);
    return info.value("num_ack_pending", -1) == 0 && info.value("num_pending", -1) == 0;
  }));
}

// What was not settled when we stopped comes to the next one: the broker keeps it, not we.
TEST_F(JetStreamTest, UnsettledMessagesComeToTheNextConsumer) {
  make_stream("ORDERS", {"orders.>"});
  store("orders.web", "1");
  ConsumerOptions options{"ORDERS", "", "weft", 4, std::chrono::seconds(1)};
  {
    Intake intake;
    const auto consumer = std::move(*JetStreamConsumer::create(*bus, options, intake.handler()));
    ASSERT_TRUE(until([&] {
      consumer->tick(steady_clock::now());
      return intake.size() == 1;
    }));
  }
  Intake intake;
  const auto consumer = std::move(*JetStreamConsumer::create(*bus, options, intake.handler()));
  ASSERT_TRUE(until([&] {
    consumer->tick(steady_clock::now());
    return intake.size() == 1;
  }));
  EXPECT_EQ(intake.body(0), "1");
}

// No more than in_flight_max are ever here: the rest waits in the stream.
TEST_F(JetStreamTest, UnsettledMessagesAreBounded) {
  make_stream("ORDERS", {"orders.>"});
  for (int i = 0; i < 20; ++i) store("orders.web", std::to_string(i));
  Intake intake;
  ConsumerOptions options{"ORDERS", "", "weft", 5, std::chrono::seconds(60)};
  const auto consumer = std::move(*JetStreamConsumer::create(*bus, options, intake.handler()));
  std::size_t settled = 0;
  ASSERT_TRUE(until([&] {
    consumer->tick(steady_clock::now());
    EXPECT_LE(intake.size() - settled, 5U);
    if (intake.size() > settled) consumer->ack(intake.reply(settled++));
    return settled == 20;
  }));
}

TEST_F(JetStreamTest, SurvivesTheBroker) {
  make_stream("ORDERS", {"orders.>"});
  Intake intake;
  ConsumerOptions options{"ORDERS", "", "weft", 8, std::chrono::seconds(2)};
  const auto consumer = std::move(*JetStreamConsumer::create(*bus, options, intake.handler()));
  ASSERT_TRUE(until([&] {
    consumer->tick(steady_clock::now());
    return consumer->trouble().empty();
  }));
  server.kill_hard();
  ASSERT_TRUE(until([&] { return !bus->connected(); }));
  consumer->tick(steady_clock::now());
  EXPECT_NE(consumer->trouble(), "");
  server.start();
  ASSERT_TRUE(until([&] { return bus->connected(); }));
  make_stream("ORDERS", {"orders.>"});  // it was in memory
  store("orders.web", "after");
  ASSERT_TRUE(until([&] {
    consumer->tick(steady_clock::now());
    return intake.size() == 1;
  }));
}

TEST_F(JetStreamTest, AMissingStreamIsTold) {
  Intake intake;
  ConsumerOptions options{"NOWHERE", "", "weft", 8, std::chrono::seconds(2)};
  const auto consumer = std::move(*JetStreamConsumer::create(*bus, options, intake.handler()));
  ASSERT_TRUE(until([&] {
    consumer->tick(steady_clock::now());
    return consumer->trouble().find("stream not found") != std::string::npos;
  }));
}

TEST_F(JetStreamTest, HostileNamesAreRefused) {
  Intake intake;
  EXPECT_FALSE(JetStreamConsumer::create(*bus, {"A.B", "", "weft"}, intake.handler()));
  EXPECT_FALSE(JetStreamConsumer::create(*bus, {"A", "x y", "weft"}, intake.handler()));
  EXPECT_FALSE(JetStreamConsumer::create(*bus, {"A", "", "a>"}, intake.handler()));
}

}  // namespace
}  // namespace weft::messaging
