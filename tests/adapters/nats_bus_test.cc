// What only the real wire can show; the rest is in tests/contract/bus_contract_test.cc.
#include "adapters/messaging/nats_bus.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "adapters/messaging/contract.h"
#include "adapters/messaging/subjects.h"
#include "tests/support/nats_server.h"
#include "tests/support/until.h"

namespace weft::messaging {
namespace {

using test::until;

std::unique_ptr<MessageBus> connect(const std::string& url) {
  NatsOptions options;
  options.url = url;
  options.ping_interval = std::chrono::milliseconds(300);
  return std::move(*make_nats_bus(options));
}

TEST(NatsBusTest, StartsWithoutABrokerAndFindsItLater) {
  test::NatsServer server;
  server.kill_hard();
  const auto bus = connect(server.url());
  std::atomic<int> heard = 0;
  ASSERT_TRUE(bus->subscribe(*any_pattern("news"), "", [&](Received) { ++heard; }));
  EXPECT_FALSE(bus->connected());
  EXPECT_EQ(bus->publish(Message(*custom_subject("news"))), PublishResult::kDisconnected);
  server.start();
  ASSERT_TRUE(until([&] { return bus->connected(); }));
  ASSERT_EQ(bus->publish(Message(*custom_subject("news"))), PublishResult::kAccepted);
  bus->flush();
  EXPECT_TRUE(until([&] { return heard == 1; }));
}

/// A broker that greets, and answers whatever it is told with one line.
class RefusingBroker final {
 public:
  RefusingBroker(std::string info, std::string answer)
      : info_("INFO " + std::move(info) + "\r\n"), answer_(std::move(answer)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), size), 0);
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    EXPECT_EQ(::listen(listener_, 16), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~RefusingBroker() {
    ::shutdown(listener_, SHUT_RDWR);  // accept() returns
    thread_.join();
    ::close(listener_);
  }
  std::string url() const { return "nats://127.0.0.1:" + std::to_string(port_); }
  int asked() const { return asked_; }

 private:
  void serve() {
    for (;;) {
      const int client = ::accept(listener_, nullptr, nullptr);
      if (client < 0) return;
      ++asked_;
      (void)!::send(client, info_.data(), info_.size(), MSG_NOSIGNAL);
      char heard[1000];
      if (::recv(client, heard, sizeof(heard), 0) > 0) {
        (void)!::send(client, answer_.data(), answer_.size(), MSG_NOSIGNAL);
        ::shutdown(client, SHUT_WR);
        while (::recv(client, heard, sizeof(heard), 0) > 0) {
        }
      }
      ::close(client);
    }
  }

  std::string info_, answer_;
  int listener_ = -1, port_ = 0;
  std::atomic<int> asked_{0};
  std::thread thread_;
};

// Such a broker looked like one that is down, and people searched the network for hours.
TEST(NatsBusTest, ABrokerThatWillNotHaveUsSaysWhyOnce) {
  struct Case {
    const char *info, *answer, *cause, *remedy;
  };
  const Case cases[] = {
      {R"({"headers":true,"tls_required":true})", "", "requires TLS", "tls://"},
      {R"({"headers":true,"auth_required":true})", "-ERR 'Authorization Violation'\r\n",
       "Authorization Violation", "nats.creds"},
      {R"({"headers":false})", "", "no message headers", "NATS 2.2"},
  };
  for (const Case& one : cases) {
    RefusingBroker broker(one.info, one.answer);
    std::mutex mutex;
    std::vector<std::string> told;
    NatsOptions options;
    options.url = broker.url();
    options.reconnect_wait_min = options.reconnect_wait_max = std::chrono::milliseconds(1);
    options.on_refused = [&](const std::string& why) {
      const std::lock_guard lock(mutex);
      told.push_back(why);
    };
    const auto bus = std::move(*make_nats_bus(options));
    ASSERT_TRUE(until([&] { return broker.asked() >= 3; })) << one.cause;
    bus->close();
    ASSERT_EQ(told.size(), 1U) << one.cause;
    EXPECT_NE(told[0].find(one.cause), std::string::npos) << told[0];
    EXPECT_NE(told[0].find(one.remedy), std::string::npos) << told[0];
  }
}

// A broker that hangs keeps its connections open: only unanswered pings tell.
TEST(NatsBusTest, AHungBrokerIsNoticedAndNothingReachesItLate) {
  test::NatsServer server;
  const auto bus = connect(server.url());
  std::atomic<int> heard = 0;
  ASSERT_TRUE(bus->subscribe(*any_pattern("tasks"), "", [&](Received) { ++heard; }));
  ASSERT_TRUE(until([&] { return bus->connected(); }));
  server.freeze();
  ASSERT_TRUE(until([&] { return !bus->connected(); }));
  const auto refused = bus->publish(Message(*custom_subject("tasks"), "while hung"));
  EXPECT_EQ(refused, PublishResult::kDisconnected);
  server.thaw();
  ASSERT_TRUE(until([&] { return bus->connected(); }));
  ASSERT_EQ(bus->publish(Message(*custom_subject("tasks"), "fresh")), PublishResult::kAccepted);
  bus->flush();
  ASSERT_TRUE(until([&] { return heard >= 1; }));
  EXPECT_EQ(heard, 1);
}

TEST(NatsBusTest, CloseReturnsWhileTheBrokerHangs) {
  test::NatsServer server;
  const auto bus = connect(server.url());
  ASSERT_TRUE(until([&] { return bus->connected(); }));
  server.freeze();
  ASSERT_EQ(bus->publish(Message(*custom_subject("tasks"))), PublishResult::kAccepted);
  const auto began = std::chrono::steady_clock::now();
  bus->close();
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(10));
  server.thaw();
}

TEST(NatsBusTest, ReconnectsAgainAndAgain) {
  test::NatsServer server;
  const auto bus = connect(server.url());
  std::atomic<int> heard = 0;
  ASSERT_TRUE(bus->subscribe(*any_pattern("news"), "weft", [&](Received) { ++heard; }));
  for (int round = 1; round <= 5; ++round) {
    ASSERT_TRUE(until([&] { return bus->connected(); }));
    ASSERT_EQ(bus->publish(Message(*custom_subject("news"))), PublishResult::kAccepted);
    bus->flush();
    ASSERT_TRUE(until([&] { return heard == round; }));
    server.kill_hard();
    ASSERT_TRUE(until([&] { return !bus->connected(); }));
    server.start();
  }
  EXPECT_GE(bus->stats().connects, 5U);
  EXPECT_EQ(bus->stats().messages_in, 5U);
}

// Subscribing and unsubscribing while messages pour in must neither crash nor lose the callback.
TEST(NatsBusTest, SubscriptionsComeAndGoUnderTraffic) {
  test::NatsServer server;
  const auto sender = connect(server.url());
  const auto listener = connect(server.url());
  ASSERT_TRUE(until([&] { return sender->connected() && listener->connected(); }));
  std::atomic<bool> stop = false;
  std::thread traffic([&] {
    while (!stop) {
      for (int i = 0; i < 50; ++i) (void)sender->publish(Message(*custom_subject("pour"), "x"));
      sender->flush();
      std::this_thread::yield();
    }
  });
  for (int i = 0; i < 100; ++i) {
    const auto heard = std::make_shared<std::atomic<int>>(0);
    const auto drained = std::make_shared<std::atomic<bool>>(false);
    const auto id = listener->subscribe(*any_pattern("pour"), "", [heard](Received) { ++*heard; });
    ASSERT_TRUE(id);
    ASSERT_TRUE(until([&] { return *heard > 0; }));
    listener->unsubscribe(*id, [drained] { *drained = true; });
    ASSERT_TRUE(until([&] { return drained->load(); }));
  }
  stop = true;
  traffic.join();
}

// libnats 3.4.1 misreads empty values; a service that sends an empty error text must still be
// heard.
TEST(NatsBusTest, EmptyHeaderValuesOfOthersDoNoHarm) {
  test::NatsServer server;
  const auto bus = connect(server.url());
  std::mutex mutex;
  std::vector<TaskReply> replies;
  ASSERT_TRUE(until([&] { return bus->connected(); }));
  ASSERT_TRUE(bus->subscribe(*any_pattern("replies"), "", [&](Received message) {
    const std::lock_guard lock(mutex);
    replies.push_back(read_task_reply(std::move(message)));
  }));
  test::RawClient raw(server.port());
  raw.publish("replies", "NATS/1.0\r\nNats-Service-Error: \r\nNats-Service-Error-Code: 409\r\n\r\n",
              "");
  raw.publish("replies", "NATS/1.0\r\nNats-Service-Error-Code:409\r\nNats-Service-Error:\r\n\r\n",
              "");
  raw.publish("replies", "NATS/1.0\r\nX:\r\nWeft-Pending: true\r\n\r\n", "");
  raw.publish("replies", "NATS/1.0\r\n\r\n", "{}");
  ASSERT_TRUE(until([&] {
    const std::lock_guard lock(mutex);
    return replies.size() == 4;
  }));
  EXPECT_EQ(replies[0].error.service_code, 409);
  EXPECT_EQ(replies[1].kind, TaskReply::Kind::kFailure);  // never a success
  EXPECT_EQ(replies[2].kind, TaskReply::Kind::kPending);
  EXPECT_EQ(replies[3].kind, TaskReply::Kind::kSuccess);
}

// A start without a key starts another saga at each repeat: a key that had to be dropped must not
// look like none.
TEST(NatsBusTest, AHeaderThatDecidesIsNotLostInSilence) {
  test::NatsServer server;
  const auto bus = connect(server.url());
  std::mutex mutex;
  std::vector<bool> readable;
  ASSERT_TRUE(until([&] { return bus->connected(); }));
  ASSERT_TRUE(bus->subscribe(*any_pattern("starts"), "", [&](Received message) {
    const std::lock_guard lock(mutex);
    readable.push_back(message.headers_readable);
  }));
  test::RawClient raw(server.port());
  const std::string lengthy(5000, 'k');
  raw.publish("starts", "NATS/1.0\r\nWeft-Key: " + lengthy + "\r\n\r\n", "{}");
  raw.publish("starts", "NATS/1.0\r\nweft-key: a\x01z\r\n\r\n", "{}");
  raw.publish("starts", "NATS/1.0\r\nX-Other: " + lengthy + "\r\nWeft-Key: k\r\n\r\n", "{}");
  ASSERT_TRUE(until([&] {
    const std::lock_guard lock(mutex);
    return readable.size() == 3;
  }));
  EXPECT_EQ(readable, (std::vector<bool>{false, false, true}));
}

TEST(NatsBusTest, BadConfigurationIsNamed) {
  NatsOptions options;
  options.url = " , ";
  EXPECT_FALSE(make_nats_bus(options));
  options.url = "nats://127.0.0.1:4222";
  options.tls_ca_file = "/nonexistent/ca.pem";
  const auto bus = make_nats_bus(options);
  ASSERT_FALSE(bus);
  EXPECT_NE(bus.error().message.find("TLS authority file"), std::string::npos);
}

TEST(NatsBusTest, SeveralServersMayBeGiven) {
  test::NatsServer server;
  const auto bus = connect("nats://127.0.0.1:1, " + server.url());
  EXPECT_TRUE(until([&] { return bus->connected(); }));
}

}  // namespace
}  // namespace weft::messaging
