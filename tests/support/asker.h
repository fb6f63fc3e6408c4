#pragma once  // tests/support/asker.h

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "adapters/messaging/contract.h"
#include "adapters/messaging/nats_bus.h"
#include "adapters/messaging/requester.h"
#include "tests/support/until.h"

namespace weft::test {

/// A bus connected to a broker that runs.
inline std::unique_ptr<messaging::MessageBus> connect(const std::string& url) {
  messaging::NatsOptions options;
  options.url = url;
  auto bus = std::move(*messaging::make_nats_bus(options));
  EXPECT_TRUE(until([&] { return bus->connected(); }));
  return bus;
}

/// Sends requests to adapters and waits for what they answer.
class Asker final {
 public:
  explicit Asker(messaging::MessageBus& bus) : requester_(bus) {}

  /// None: nobody answered in time.
  std::optional<messaging::TaskReply> ask(
      messaging::Message message, std::chrono::milliseconds timeout = std::chrono::seconds(20)) {
    std::atomic<bool> over = false;
    std::optional<messaging::TaskReply> reply;
    requester_.send(std::move(message), std::chrono::steady_clock::now() + timeout,
                    [&](tl::expected<messaging::Received, messaging::Requester::Failure> answer) {
                      if (answer) reply = messaging::read_task_reply(std::move(*answer));
                      over = true;
                    });
    EXPECT_TRUE(until([&] {
      requester_.tick(std::chrono::steady_clock::now());
      return over.load();
    }));
    return reply;
  }

  /// For what does not wait: send() and tick().
  messaging::Requester& requester() { return requester_; }

 private:
  messaging::Requester requester_;
};

}  // namespace weft::test
