// One suite for the bus on NATS and for its simulated twin: what the engine relies on must hold on
// both, or the simulation proves nothing.
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "adapters/messaging/message_bus.h"
#include "adapters/messaging/nats_bus.h"
#include "adapters/messaging/subjects.h"
#include "orchestrator/sim/sim_bus.h"
#include "tests/support/nats_server.h"

namespace weft {
namespace {

using messaging::BusState;
using messaging::Message;
using messaging::MessageBus;
using messaging::PublishResult;
using messaging::Received;

class Wire {
 public:
  virtual ~Wire() = default;
  virtual std::unique_ptr<MessageBus> connect() = 0;
  // Lets messages flow until `condition` holds; false if it never does.
  virtual bool until(const std::function<bool()>& condition) = 0;
  virtual void stop_broker() = 0;
  virtual void start_broker() = 0;
};

class NatsWire final : public Wire {
 public:
  std::unique_ptr<MessageBus> connect() override {
    messaging::NatsOptions options;
    options.url = server_.url();
    auto bus = std::move(*messaging::make_nats_bus(options));
    EXPECT_TRUE(until([&] { return bus->connected(); }));
    return bus;
  }
  bool until(const std::function<bool()>& condition) override {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));  // between two looks, no condition
    }
    return true;
  }
  void stop_broker() override { server_.kill_hard(); }
  void start_broker() override { server_.start(); }

 private:
  test::NatsServer server_;
};

class SimWire final : public Wire {
 public:
  std::unique_ptr<MessageBus> connect() override {
    return network_.connect("client-" + std::to_string(++clients_));
  }
  bool until(const std::function<bool()>& condition) override {
    while (!condition()) {
      if (!network_.step()) return condition();
    }
    return true;
  }
  void stop_broker() override { network_.set_broker_running(false); }
  void start_broker() override { network_.set_broker_running(true); }

 private:
  sim::SimNetwork network_{7};
  int clients_ = 0;
};

// Collects messages on whatever thread they come.
class Inbox {
 public:
  MessageBus::Handler handler() {
    return [this](Received message) {
      const std::lock_guard lock(mutex_);
      messages_.push_back(std::move(message));
    };
  }
  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return messages_.size();
  }
  [[nodiscard]] const Received& at(std::size_t i) const {
    const std::lock_guard lock(mutex_);
    return messages_.at(i);
  }
  [[nodiscard]] std::vector<std::string> bodies() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> bodies;
    for (const Received& message : messages_) bodies.push_back(message.body);
    return bodies;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Received> messages_;
};

struct Kind {
  const char* name;
  std::unique_ptr<Wire> (*make)();
};

class BusContractTest : public testing::TestWithParam<Kind> {
 protected:
  std::unique_ptr<Wire> wire = GetParam().make();
  Inbox inbox;

  static void send(MessageBus& bus, const std::string& subject, const std::string& body) {
    EXPECT_EQ(bus.publish(Message(*messaging::custom_subject(subject), body)),
              PublishResult::kAccepted);
  }
  static void subscribe(MessageBus& bus, const std::string& pattern, std::string_view group,
                        Inbox& inbox) {
    EXPECT_TRUE(bus.subscribe(*messaging::any_pattern(pattern), group, inbox.handler()));
  }
};

TEST_P(BusContractTest, AMessageArrivesAsItWasSent) {
  const auto alice = wire->connect();
  const auto bob = wire->connect();
  subscribe(*bob, "orders.*.created", "", inbox);

  Message message(*messaging::custom_subject("orders.eu.created"), "{\"id\":1}");
  message.reply = *messaging::custom_subject("answers.to.alice");
  message.headers.set_known("Weft-Step", "allocate[2]/pick");
  message.headers.set_known("X-Text", "müsli, 5 €");
  ASSERT_EQ(alice->publish(std::move(message)), PublishResult::kAccepted);
  alice->flush();

  ASSERT_TRUE(wire->until([&] { return inbox.size() == 1; }));
  EXPECT_EQ(inbox.at(0).subject, "orders.eu.created");
  EXPECT_EQ(inbox.at(0).reply, "answers.to.alice");
  EXPECT_EQ(inbox.at(0).body, "{\"id\":1}");
  EXPECT_EQ(inbox.at(0).headers.get("weft-step"), "allocate[2]/pick");
  EXPECT_EQ(inbox.at(0).headers.get("X-Text"), "müsli, 5 €");
  EXPECT_EQ(inbox.at(0).status, 0);
}

// A workflow's emit reaches this orchestrator's own listeners.
TEST_P(BusContractTest, TheSenderHearsItself) {
  const auto bus = wire->connect();
  subscribe(*bus, "echo", "", inbox);
  send(*bus, "echo", "hello");
  bus->flush();
  EXPECT_TRUE(wire->until([&] { return inbox.size() == 1; }));
}

TEST_P(BusContractTest, OneSenderAndSubjectKeepTheirOrder) {
  const auto bus = wire->connect();
  subscribe(*bus, "numbers", "", inbox);
  std::vector<std::string> sent;
  for (int i = 0; i < 1000; ++i) {
    sent.push_back(std::to_string(i));
    send(*bus, "numbers", sent.back());
    if (i % 100 == 99) bus->flush();
  }
  ASSERT_TRUE(wire->until([&] { return inbox.size() == 1000; }));
  EXPECT_EQ(inbox.bodies(), sent);
}

TEST_P(BusContractTest, AQueueGroupSharesAndOthersSeeAll) {
  const auto sender = wire->connect();
  const auto first = wire->connect();
  const auto second = wire->connect();
  Inbox one, two, all;
  subscribe(*first, "tasks", "weft", one);
  subscribe(*second, "tasks", "weft", two);
  subscribe(*second, "tasks", "", all);
  for (int i = 0; i < 200; ++i) send(*sender, "tasks", std::to_string(i));
  sender->flush();
  ASSERT_TRUE(wire->until([&] { return one.size() + two.size() == 200 && all.size() == 200; }));
  EXPECT_GT(one.size(), 0U);
  EXPECT_GT(two.size(), 0U);
}

// "Not executed" rests on this: the broker says at once that nobody listens.
TEST_P(BusContractTest, ARequestThatNobodyHearsIsAnsweredByTheBroker) {
  const auto bus = wire->connect();
  const std::string store(26, 'a'), token(26, 'b');
  ASSERT_TRUE(bus->subscribe(*messaging::inbox_pattern("_INBOX.weft", store), "", inbox.handler()));
  Message request(*messaging::task_subject("inventory", "reserve"), "{}");
  request.reply = *messaging::inbox_subject("_INBOX.weft", store, token);
  ASSERT_EQ(bus->publish(std::move(request)), PublishResult::kAccepted);
  bus->flush();
  ASSERT_TRUE(wire->until([&] { return inbox.size() == 1; }));
  EXPECT_EQ(inbox.at(0).status, messaging::kStatusNoResponders);
  EXPECT_EQ(messaging::inbox_token(inbox.at(0).subject), token);
}

TEST_P(BusContractTest, AfterUnsubscribeNothingComes) {
  const auto bus = wire->connect();
  const auto id = bus->subscribe(*messaging::any_pattern("news"), "", inbox.handler());
  ASSERT_TRUE(id);
  send(*bus, "news", "1");
  bus->flush();
  ASSERT_TRUE(wire->until([&] { return inbox.size() == 1; }));
  bool drained = false;
  std::mutex mutex;
  bus->unsubscribe(*id, [&] {
    const std::lock_guard lock(mutex);
    drained = true;
  });
  ASSERT_TRUE(wire->until([&] {
    const std::lock_guard lock(mutex);
    return drained;
  }));
  Inbox after;
  subscribe(*bus, "news", "", after);
  send(*bus, "news", "2");
  bus->flush();
  ASSERT_TRUE(wire->until([&] { return after.size() == 1; }));
  EXPECT_EQ(inbox.size(), 1U);
  bool unknown_drained = false;
  bus->unsubscribe({12345}, [&] { unknown_drained = true; });
  EXPECT_TRUE(unknown_drained);
}

TEST_P(BusContractTest, SubscriptionsOutliveTheBroker) {
  const auto bus = wire->connect();
  std::mutex mutex;
  std::vector<BusState> states;
  bus->set_state_handler([&](BusState state) {
    const std::lock_guard lock(mutex);
    states.push_back(state);
  });
  subscribe(*bus, "news", "", inbox);
  wire->stop_broker();
  ASSERT_TRUE(wire->until([&] { return !bus->connected(); }));
  wire->start_broker();
  ASSERT_TRUE(wire->until([&] { return bus->connected(); }));
  send(*bus, "news", "after");
  bus->flush();
  ASSERT_TRUE(wire->until([&] { return inbox.size() == 1; }));
  {
    const std::lock_guard lock(mutex);
    EXPECT_EQ(states, (std::vector{BusState::kDisconnected, BusState::kConnected}));
  }
  EXPECT_EQ(bus->stats().connects, 2U);
  bus->close();
}

// A request that leaves minutes after it was given up would be executed when nobody expects it.
TEST_P(BusContractTest, NothingIsReplayedAfterAReconnect) {
  const auto bus = wire->connect();
  subscribe(*bus, "tasks", "", inbox);
  send(*bus, "tasks", "accepted, not flushed");
  wire->stop_broker();
  ASSERT_TRUE(wire->until([&] { return !bus->connected(); }));
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(bus->publish(Message(*messaging::custom_subject("tasks"), "while down")),
              PublishResult::kDisconnected);
  }
  bus->flush();
  wire->start_broker();
  ASSERT_TRUE(wire->until([&] { return bus->connected(); }));
  send(*bus, "tasks", "fresh");
  bus->flush();
  ASSERT_TRUE(wire->until([&] { return inbox.size() >= 1; }));
  EXPECT_EQ(inbox.bodies(), std::vector<std::string>{"fresh"});
  EXPECT_EQ(bus->stats().messages_dropped_out, 1U);
}

TEST_P(BusContractTest, WhatIsTooLargeIsRefusedAndTheRestGoesOn) {
  const auto bus = wire->connect();
  subscribe(*bus, "big", "", inbox);
  EXPECT_EQ(bus->publish(Message(*messaging::custom_subject("big"), std::string(2 << 20, 'x'))),
            PublishResult::kTooLarge);
  send(*bus, "big", std::string(256 * 1024, 'y'));
  bus->flush();
  ASSERT_TRUE(wire->until([&] { return inbox.size() == 1; }));
  EXPECT_EQ(inbox.at(0).body.size(), 256U * 1024);
}

TEST_P(BusContractTest, TheSendBufferIsBounded) {
  const auto bus = wire->connect();
  PublishResult last = PublishResult::kAccepted;
  for (int i = 0; i < 1000 && last == PublishResult::kAccepted; ++i) {
    last = bus->publish(Message(*messaging::custom_subject("big"), std::string(512 * 1024, 'x')));
  }
  EXPECT_EQ(last, PublishResult::kBusy);
}

TEST_P(BusContractTest, CloseSendsWhatIsQueuedAndEndsEverything) {
  const auto listener = wire->connect();
  subscribe(*listener, "last.words", "", inbox);
  const auto bus = wire->connect();
  Inbox own;
  subscribe(*bus, "last.words", "", own);
  send(*bus, "last.words", "goodbye");
  bus->close();
  ASSERT_TRUE(wire->until([&] { return inbox.size() == 1; }));
  const std::size_t seen = own.size();
  EXPECT_FALSE(bus->connected());
  EXPECT_EQ(bus->publish(Message(*messaging::custom_subject("last.words"), "again")),
            PublishResult::kDisconnected);
  EXPECT_FALSE(bus->subscribe(*messaging::any_pattern("x"), "", own.handler()));
  send(*listener, "last.words", "to the living");
  listener->flush();
  ASSERT_TRUE(wire->until([&] { return inbox.size() == 2; }));
  EXPECT_EQ(own.size(), seen);
  bus->close();  // harmless
}

TEST_P(BusContractTest, ABadQueueGroupIsRefused) {
  const auto bus = wire->connect();
  for (const char* group : {"two words", "line\r\nSUB", "\t"}) {
    EXPECT_FALSE(bus->subscribe(*messaging::any_pattern("x"), group, inbox.handler())) << group;
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, BusContractTest,
    testing::Values(Kind{"Nats", [] { return std::unique_ptr<Wire>(new NatsWire); }},
                    Kind{"Sim", [] { return std::unique_ptr<Wire>(new SimWire); }}),
    [](const testing::TestParamInfo<Kind>& instance) { return std::string(instance.param.name); });

}  // namespace
}  // namespace weft
