#include "orchestrator/app/runtime.h"

#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "orchestrator/engine/engine.h"
#include "orchestrator/sim/sim_clock.h"
#include "orchestrator/sim/sim_store.h"

namespace weft::app {
namespace {

using messaging::BusState;

// HTTP answers before the engine has recovered: as an honest "not yet".
TEST(RuntimeTest, BeforeTheStartRequestsAreToldToComeAgain) {
  Runtime runtime;
  engine::Request request;
  request.body = engine::GetStatus{};
  const engine::Response response = runtime.call(std::move(request));
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.body.string_or("code", ""), "recovering");
  EXPECT_GT(response.body.integer_or("retry_after_ms", 0), 0);
  EXPECT_TRUE(runtime.alive());
  EXPECT_FALSE(runtime.run([](engine::Engine&) {}));
  EXPECT_TRUE(runtime.metrics().families.empty());
  runtime.stop();
}

/// Connects in the very moment it is asked whether it is connected: the answer is no, and the
/// announcement is on its way before the asker has done anything with the answer.
class BusConnectingWhenAsked final : public messaging::MessageBus {
 public:
  messaging::PublishResult publish(messaging::Message) override {
    return messaging::PublishResult::kAccepted;
  }
  void flush() override {}
  tl::expected<messaging::SubscriptionId, messaging::BusError> subscribe(
      const messaging::SubjectPattern&, std::string_view, Handler) override {
    return messaging::SubscriptionId{1};
  }
  void unsubscribe(messaging::SubscriptionId, std::function<void()>) override {}
  void set_state_handler(StateHandler handler) override { announce_ = std::move(handler); }
  bool connected() const override {
    if (announce_) std::exchange(announce_, nullptr)(BusState::kConnected);
    return false;
  }
  messaging::BusStats stats() const override { return {}; }
  void close() override {}

 private:
  mutable StateHandler announce_;
};

// Once in a few hundred starts nothing was dispatched: "not connected" had been read just before the
// connection came, and was told after it.
TEST(RuntimeTest, AConnectionThatComesDuringTheStartIsNotOverlooked) {
  auto store = sim::SimStore::open(std::make_shared<sim::SimDisk>(), {});
  ASSERT_TRUE(store);
  sim::SimClock clock(1'700'000'000'000);
  BusConnectingWhenAsked bus;
  Runtime runtime;
  engine::EngineConfig config;
  config.random_bytes = [](std::size_t count) { return std::string(count, 'r'); };
  engine::Engine engine(std::move(config), **store, bus, clock, runtime.executor());
  ASSERT_TRUE(engine.recover());
  bus.set_state_handler(
      [&](BusState state) { runtime.bus_state(state == BusState::kConnected); });
  runtime.set_bus(bus);
  runtime.start(engine);
  engine::Request request;
  request.body = engine::GetHealth{true};
  const engine::Response health = runtime.call(std::move(request));
  const auto* checks = health.body.find("checks");
  ASSERT_NE(checks, nullptr) << health.body.to_json();
  EXPECT_EQ(checks->string_or("nats", ""), "pass") << health.body.to_json();
  runtime.stop();
}

}  // namespace
}  // namespace weft::app
