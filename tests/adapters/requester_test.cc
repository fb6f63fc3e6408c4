#include "adapters/messaging/requester.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "adapters/messaging/nats_bus.h"
#include "adapters/messaging/subjects.h"
#include "tests/support/nats_server.h"
#include "tests/support/until.h"

namespace weft::messaging {
namespace {

using test::until;
using Failure = Requester::Failure;
using std::chrono::steady_clock;

class RequesterTest : public testing::Test {
 protected:
  RequesterTest() {
    NatsOptions options;
    options.url = server.url();
    bus = std::move(*make_nats_bus(options));
    EXPECT_TRUE(until([&] { return bus->connected(); }));
  }

  Requester::Callback store() {
    return [this](tl::expected<Received, Failure> result) {
      if (result) {
        body = result->body;
      } else {
        failure = result.error();
      }
      ++answers;  // last: the test waits for it and then reads the rest
    };
  }

  test::NatsServer server;
  std::unique_ptr<MessageBus> bus;
  std::atomic<int> answers = 0;
  std::string body;
  std::optional<Failure> failure;
};

TEST_F(RequesterTest, TheFirstAnswerCounts) {
  ASSERT_TRUE(bus->subscribe(*any_pattern("ask"), "", [&](Received message) {
    for (const char* text : {"first", "second"}) {
      (void)bus->publish(Message(*reply_subject(message.reply), text));
    }
    bus->flush();
  }));
  Requester requester(*bus);
  requester.send(Message(*custom_subject("ask")), steady_clock::now() + std::chrono::seconds(30),
                 store());
  ASSERT_TRUE(until([&] { return answers == 1; }));
  EXPECT_EQ(body, "first");
  EXPECT_EQ(requester.pending(), 0U);
}

TEST_F(RequesterTest, NobodyListens) {
  Requester requester(*bus);
  requester.send(Message(*custom_subject("ask")), steady_clock::now() + std::chrono::seconds(30),
                 store());
  ASSERT_TRUE(until([&] { return answers == 1; }));
  EXPECT_EQ(failure, Failure::kNoResponders);
}

// Deadlines are the caller's: no clock runs inside.
TEST_F(RequesterTest, SilenceEndsAtTheDeadlineGiven) {
  ASSERT_TRUE(bus->subscribe(*any_pattern("ask"), "", [](Received) {}));
  Requester requester(*bus);
  const auto deadline = steady_clock::now() + std::chrono::hours(1);
  requester.send(Message(*custom_subject("ask")), deadline, store());
  requester.tick(deadline - std::chrono::nanoseconds(1));
  EXPECT_EQ(answers, 0);
  requester.tick(deadline);
  EXPECT_EQ(answers, 1);
  EXPECT_EQ(failure, Failure::kTimeout);
  requester.tick(deadline);
  EXPECT_EQ(answers, 1);
}

TEST_F(RequesterTest, WithoutAConnectionNothingIsSent) {
  Requester requester(*bus);
  bus->close();
  requester.send(Message(*custom_subject("ask")), steady_clock::now(), store());
  EXPECT_EQ(failure, Failure::kNotSent);
}

// Destroyed while answers pour in: no callback may come afterwards.
TEST_F(RequesterTest, MayGoWhileAnswersCome) {
  ASSERT_TRUE(bus->subscribe(*any_pattern("ask"), "", [&](Received message) {
    (void)bus->publish(Message(*reply_subject(message.reply)));
    bus->flush();
  }));
  for (int round = 0; round < 50; ++round) {
    const auto alive = std::make_shared<std::atomic<bool>>(true);
    std::atomic<int> seen = 0;
    {
      Requester requester(*bus);
      for (int i = 0; i < 20; ++i) {
        requester.send(Message(*custom_subject("ask")), steady_clock::now() + std::chrono::hours(1),
                       [&, alive](const tl::expected<Received, Failure>&) {
                         EXPECT_TRUE(*alive);
                         ++seen;
                       });
      }
      ASSERT_TRUE(until([&] { return seen > 0; }));
    }
    *alive = false;
  }
}

}  // namespace
}  // namespace weft::messaging
