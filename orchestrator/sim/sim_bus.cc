#include "orchestrator/sim/sim_bus.h"

#include <algorithm>
#include <utility>

#include "adapters/messaging/subjects.h"

namespace weft::sim {

using messaging::BusError;
using messaging::BusState;
using messaging::Message;
using messaging::PublishResult;
using messaging::Received;
using messaging::SubscriptionId;

namespace {

constexpr std::size_t kPayloadBytesMax = 1024 * 1024;         // the broker's default max_payload
constexpr std::size_t kUnflushedBytesMax = 32 * 1024 * 1024;  // as NatsOptions

}  // namespace

// --- SimNetwork --------------------------------------------------------------------------------

SimNetwork::SimNetwork(std::uint64_t seed) : state_(seed) {}
SimNetwork::~SimNetwork() = default;

// splitmix64 (Steele, Lea, Flood 2014): any seed is good, and the library's distributions differ
// between versions.
std::uint64_t SimNetwork::random() {
  std::uint64_t z = state_ += 0x9E3779B97F4A7C15;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

bool SimNetwork::happens(int per_ten_thousand) {
  return per_ten_thousand > 0 && random() % 10'000 < static_cast<std::uint64_t>(per_ten_thousand);
}

std::unique_ptr<SimBus> SimNetwork::connect(std::string name) {
  std::unique_ptr<SimBus> client(new SimBus(*this, std::move(name)));
  clients_.push_back(client.get());
  client->set_connected(running_ && !cut_off_.contains(client->name_));
  return client;
}

std::int64_t SimNetwork::next_due_ms() const {
  return on_the_way_.empty() ? -1 : on_the_way_.begin()->first.first;
}

bool SimNetwork::step() {
  if (on_the_way_.empty()) return false;
  auto next = on_the_way_.extract(on_the_way_.begin());
  now_ms_ = std::max(now_ms_, next.key().first);
  const Delivery& delivery = next.mapped();
  delivery.to->deliver(delivery.subscription, *delivery.message, delivery.status);
  return true;
}

void SimNetwork::run_until(std::int64_t time_ms) {
  while (!on_the_way_.empty() && on_the_way_.begin()->first.first <= time_ms) step();
  now_ms_ = std::max(now_ms_, time_ms);
}

void SimNetwork::partition(const std::set<std::string>& names, bool cut_off) {
  for (const std::string& name : names) {
    if (cut_off) {
      cut_off_.insert(name);
    } else {
      cut_off_.erase(name);
    }
  }
  apply_connections();
}

void SimNetwork::set_broker_running(bool running) {
  running_ = running;
  apply_connections();
}

void SimNetwork::apply_connections() {
  const std::vector<SimBus*> clients = clients_;  // a state handler may connect another
  for (SimBus* const client : clients) {
    const bool connected = running_ && !cut_off_.contains(client->name_);
    if (!connected) {
      std::erase_if(on_the_way_, [&](const auto& entry) { return entry.second.to == client; });
    }
    client->set_connected(connected);
  }
}

void SimNetwork::forget(const SimBus* client) {
  std::erase(clients_, client);
  std::erase_if(on_the_way_, [&](const auto& entry) { return entry.second.to == client; });
}

void SimNetwork::send(SimBus* to, std::uint64_t subscription,
                      const std::shared_ptr<const Message>& message, int status) {
  const auto count = [this](BusFaults::Kind kind) {
    if (faults_.on_fault) faults_.on_fault(kind);
  };
  const bool repeated = happens(faults_.repeated);
  if (repeated) count(BusFaults::Kind::kRepeated);
  for (int copies = repeated ? 2 : 1; copies > 0; --copies) {
    if (happens(faults_.lost)) {
      count(BusFaults::Kind::kLost);
      continue;
    }
    const std::int64_t spread = faults_.delay_ms_max - faults_.delay_ms_min;
    std::int64_t delay = faults_.delay_ms_min;
    if (spread > 0 && happens(faults_.delayed)) {
      delay += static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(spread + 1));
      count(BusFaults::Kind::kDelayed);
    }
    on_the_way_.emplace(std::pair{now_ms_ + delay, next_number_++},
                        Delivery{to, subscription, message, status});
  }
}

void SimNetwork::route(SimBus& from, Message message) {
  if (observer_) observer_(from.name_, message);
  const auto shared = std::make_shared<const Message>(std::move(message));
  const std::string& subject = shared->subject.text();
  std::map<std::string, std::vector<std::pair<SimBus*, std::uint64_t>>> groups;
  bool anybody = false;
  for (SimBus* const client : clients_) {
    if (!client->connected_) continue;
    for (const auto& [id, subscription] : client->subscriptions_) {
      if (!subscription.pattern.matches(subject)) continue;
      anybody = true;
      if (subscription.queue_group.empty()) {
        send(client, id, shared, 0);
      } else {
        groups[subscription.queue_group].emplace_back(client, id);
      }
    }
  }
  for (const auto& [group, members] : groups) {
    const auto& [client, id] = members[random() % members.size()];
    send(client, id, shared, 0);
  }
  if (anybody || !shared->reply) return;

  // The broker itself says that nobody listens, to the asker's inbox.
  const auto nobody = std::make_shared<const Message>(*shared->reply);
  for (const auto& [id, subscription] : from.subscriptions_) {
    if (subscription.pattern.matches(shared->reply->text())) {
      send(&from, id, nobody, messaging::kStatusNoResponders);
    }
  }
}

// --- SimBus ------------------------------------------------------------------------------------

SimBus::~SimBus() { close(); }

PublishResult SimBus::publish(Message message) {
  if (!connected_) return PublishResult::kDisconnected;
  if (message.body.size() > kPayloadBytesMax) return PublishResult::kTooLarge;
  if (unflushed_bytes_ + message.body.size() > kUnflushedBytesMax) return PublishResult::kBusy;
  unflushed_bytes_ += message.body.size();
  unflushed_.push_back(std::move(message));
  return PublishResult::kAccepted;
}

void SimBus::flush() {
  std::vector<Message> batch = std::exchange(unflushed_, {});
  unflushed_bytes_ = 0;
  stats_.messages_out += batch.size();
  for (Message& message : batch) network_.route(*this, std::move(message));
}

tl::expected<SubscriptionId, BusError> SimBus::subscribe(const messaging::SubjectPattern& pattern,
                                                         std::string_view queue_group,
                                                         Handler handler) {
  if (closed_) return tl::unexpected(BusError{"the bus is closed"});
  if (!queue_group.empty() && !messaging::any_pattern(queue_group)) {
    return tl::unexpected(BusError{"a queue group must be one word without blanks"});
  }
  const std::uint64_t id = ++last_id_;
  subscriptions_.emplace(id, Subscription{pattern, std::string(queue_group),
                                          std::make_shared<Handler>(std::move(handler))});
  return SubscriptionId{id};
}

void SimBus::unsubscribe(SubscriptionId id, std::function<void()> drained) {
  subscriptions_.erase(id.value);
  if (drained) drained();
}

void SimBus::set_connected(bool connected) {
  if (closed_ || connected == connected_) return;
  connected_ = connected;
  if (connected) {
    ++stats_.connects;
  } else {
    stats_.messages_dropped_out += unflushed_.size();
    unflushed_.clear();
    unflushed_bytes_ = 0;
  }
  if (state_handler_) state_handler_(connected ? BusState::kConnected : BusState::kDisconnected);
}

void SimBus::deliver(std::uint64_t subscription, const Message& message, int status) {
  const auto found = subscriptions_.find(subscription);
  if (found == subscriptions_.end()) return;
  ++stats_.messages_in;
  Received received;
  received.subject = message.subject.text();
  if (message.reply) received.reply = message.reply->text();
  received.headers = message.headers;
  received.body = message.body;
  received.status = status;
  const std::shared_ptr<Handler> handler = found->second.handler;  // it may unsubscribe itself
  (*handler)(std::move(received));
}

void SimBus::close() {
  if (closed_) return;
  flush();
  closed_ = true;
  connected_ = false;
  subscriptions_.clear();
  network_.forget(this);
  if (state_handler_) state_handler_(BusState::kClosed);
}

}  // namespace weft::sim
