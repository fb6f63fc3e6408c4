#pragma once  // orchestrator/sim/sim_bus.h

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "adapters/messaging/message_bus.h"

namespace weft::sim {

/// What may happen to a message on its way. Shares are per 10,000 deliveries.
struct BusFaults {
  std::int64_t delay_ms_min = 0;
  std::int64_t delay_ms_max = 0;  ///< Unequal delays also reorder.
  int delayed = 10'000;           ///< This share is delayed, the rest takes delay_ms_min.
  int lost = 0;
  int repeated = 0;
  enum class Kind { kLost, kRepeated, kDelayed };
  std::function<void(Kind)> on_fault = {};  ///< Counts them. May be empty.
};

class SimBus;

/// The broker of the virtual world: the twin of NATS, on virtual time and one thread. Equal seeds
/// and equal calls give equal deliveries. Nothing moves but in step() and run_until().
class SimNetwork final {
 public:
  explicit SimNetwork(std::uint64_t seed);
  ~SimNetwork();
  SimNetwork(const SimNetwork&) = delete;
  SimNetwork& operator=(const SimNetwork&) = delete;

  /// A client of its own; the network must outlive it.
  [[nodiscard]] std::unique_ptr<SimBus> connect(std::string name);

  [[nodiscard]] std::int64_t now_ms() const { return now_ms_; }
  /// When the next message is due; -1 if none is on its way.
  [[nodiscard]] std::int64_t next_due_ms() const;
  /// Delivers the next message, moving time to when it is due. False: nothing was on its way.
  bool step();
  /// Delivers everything due up to `time_ms` and moves time there.
  void run_until(std::int64_t time_ms);

  void set_faults(BusFaults faults) { faults_ = faults; }
  /// Cuts clients off, or joins them again. What is on its way to or from them is lost.
  void partition(const std::set<std::string>& names, bool cut_off);
  /// Stops the broker (everybody is disconnected, what is on its way is lost), or starts it.
  void set_broker_running(bool running);

  /// Sees every message accepted by the broker, for checkers.
  using Observer = std::function<void(const std::string& from, const messaging::Message&)>;
  void set_observer(Observer observer) { observer_ = std::move(observer); }

 private:
  friend class SimBus;
  struct Delivery {
    SimBus* to = nullptr;
    std::uint64_t subscription = 0;
    std::shared_ptr<const messaging::Message> message;
    int status = 0;
  };

  void route(SimBus& from, messaging::Message message);
  void send(SimBus* to, std::uint64_t subscription,
            const std::shared_ptr<const messaging::Message>& message, int status);
  void forget(const SimBus* client);
  void apply_connections();
  [[nodiscard]] std::uint64_t random();
  [[nodiscard]] bool happens(int per_ten_thousand);

  std::uint64_t state_;
  std::int64_t now_ms_ = 0;
  std::uint64_t next_number_ = 0;
  BusFaults faults_;
  bool running_ = true;
  std::set<std::string> cut_off_;
  std::vector<SimBus*> clients_;  // in order of connecting, so that routing is deterministic
  std::map<std::pair<std::int64_t, std::uint64_t>, Delivery>
      on_the_way_;  // by due time, then order
  Observer observer_;
};

/// MessageBus on a SimNetwork. Handlers and state changes are called from SimNetwork's functions.
class SimBus final : public messaging::MessageBus {
 public:
  ~SimBus() override;

  messaging::PublishResult publish(messaging::Message message) override;
  void flush() override;
  tl::expected<messaging::SubscriptionId, messaging::BusError> subscribe(
      const messaging::SubjectPattern& pattern, std::string_view queue_group,
      Handler handler) override;
  void unsubscribe(messaging::SubscriptionId id, std::function<void()> drained) override;
  void set_state_handler(StateHandler handler) override { state_handler_ = std::move(handler); }
  [[nodiscard]] bool connected() const override { return connected_; }
  [[nodiscard]] messaging::BusStats stats() const override { return stats_; }
  void close() override;

 private:
  friend class SimNetwork;
  struct Subscription {
    messaging::SubjectPattern pattern;
    std::string queue_group;
    std::shared_ptr<Handler> handler;
  };

  SimBus(SimNetwork& network, std::string name) : network_(network), name_(std::move(name)) {}
  void set_connected(bool connected);
  void deliver(std::uint64_t subscription, const messaging::Message& message, int status);

  SimNetwork& network_;
  const std::string name_;
  bool connected_ = false;
  bool closed_ = false;
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, Subscription> subscriptions_;
  std::vector<messaging::Message> unflushed_;
  std::size_t unflushed_bytes_ = 0;
  StateHandler state_handler_;
  messaging::BusStats stats_;
};

}  // namespace weft::sim
