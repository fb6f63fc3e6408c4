#include "adapters/messaging/nats_bus.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include <nats/nats.h>

#include "adapters/messaging/nats_library.h"
#include "adapters/messaging/nats_wire_bus.h"
#include "adapters/messaging/subjects.h"

namespace weft::messaging {
namespace {

constexpr int kFlushTimeoutMs = 1000;
constexpr std::chrono::seconds kClosedCallbackTimeout{5};

// The library's own per-subscription bound; beyond it messages are dropped and counted. The
// engine's window of open tasks is far below.
constexpr int kPendingMessagesMax = 65'536;
constexpr int kPendingBytesMax = 128 * 1024 * 1024;

// One subscription over all connections. The library calls it through a heap cell that lives until
// the library says that no callback can come any more.
struct Record {
  SubscriptionId id;
  std::string pattern;
  std::string queue_group;
  MessageBus::Handler handler;
  natsSubscription* attached = nullptr;  // guarded by the bus
  std::uint64_t dropped_before = 0;      // by earlier connections; guarded by the bus

  std::mutex drain_mutex;
  std::function<void()> drained;       // guarded by drain_mutex
  std::atomic<bool> complete = false;  // the library will not call any more

  std::function<void()> take_drained() {
    const std::lock_guard lock(drain_mutex);
    return std::exchange(drained, nullptr);
  }

  std::mutex running;  // held while the handler runs, so that close() can wait for it
  bool active = true;  // guarded by `running`
  std::atomic<std::uint64_t>* messages_in = nullptr;
};

class NatsBus;

// The library's connection callbacks find the bus through this; it outlives both.
struct Link {
  std::mutex mutex;
  NatsBus* bus = nullptr;
};

class NatsBus final : public MessageBus {
 public:
  NatsBus(NatsOptions options, NatsOptionsHandle library_options, std::shared_ptr<Link> link)
      : options_(std::move(options)),
        library_options_(std::move(library_options)),
        link_(std::move(link)) {
    const std::lock_guard lock(link_->mutex);
    link_->bus = this;
  }
  ~NatsBus() override { close(); }

  void start() {
    keeper_ = std::thread([this] { keep_connected(); });
  }

  PublishResult publish(Message message) override {
    const std::size_t size = message.body.size() + message.subject.text().size() + 64;
    std::size_t headers_size = 16;
    for (const Header& field : message.headers) {
      headers_size += field.name.size() + field.value.size() + 4;
    }
    const std::lock_guard lock(mutex_);
    if (!connected_) return PublishResult::kDisconnected;
    if (message.body.size() + headers_size > payload_bytes_max_) return PublishResult::kTooLarge;
    if (queue_bytes_ + size > options_.send_buffer_bytes_max) return PublishResult::kBusy;
    queue_bytes_ += size;
    queue_.push_back(std::move(message));
    return PublishResult::kAccepted;
  }

  void flush() override {
    {
      const std::lock_guard lock(mutex_);
      if (queue_.empty()) return;
      flush_wanted_ = true;
    }
    wake_.notify_all();
  }

  tl::expected<SubscriptionId, BusError> subscribe(const SubjectPattern& pattern,
                                                   std::string_view queue_group,
                                                   Handler handler) override {
    if (!queue_group.empty() && !any_pattern(queue_group)) {
      return tl::unexpected(BusError{"a queue group must be one word without blanks"});
    }
    auto record = std::make_shared<Record>();
    record->pattern = pattern.text();
    record->queue_group = queue_group;
    record->handler = std::move(handler);
    record->messages_in = &messages_in_;
    std::unique_lock lock(mutex_);
    if (stopping_) return tl::unexpected(BusError{"the bus is closed"});
    record->id = SubscriptionId{++last_id_};
    records_.emplace(record->id.value, record);
    if (connection_ != nullptr) {
      const natsStatus status = attach(*record, record);
      // A connection that is breaking is no error: the next one gets the subscription.
      if (status != NATS_OK && status != NATS_CONNECTION_CLOSED) {
        records_.erase(record->id.value);
        return tl::unexpected(nats_error(status, "cannot subscribe to " + record->pattern));
      }
      // The broker must know the subscription before anybody is told that we listen.
      natsConnection* const connection = connection_;
      ++connection_users_;
      lock.unlock();
      natsConnection_FlushTimeout(connection, kFlushTimeoutMs);
      lock.lock();
      --connection_users_;
      wake_.notify_all();
    }
    return record->id;
  }

  void unsubscribe(SubscriptionId id, std::function<void()> drained) override {
    bool now = false;
    {
      const std::lock_guard lock(mutex_);
      const auto found = records_.find(id.value);
      if (found == records_.end()) {
        now = true;
      } else {
        const std::shared_ptr<Record> record = found->second;
        records_.erase(found);
        if (record->attached != nullptr) dying_.push_back(record);
        {
          const std::lock_guard drain_lock(record->drain_mutex);
          record->drained = std::move(drained);
        }
        // on_complete() tells when the last message has been handled.
        now = record->attached == nullptr || natsSubscription_Drain(record->attached) != NATS_OK;
        if (now) drained = record->take_drained();
        bury_complete();
      }
    }
    if (now && drained) drained();
  }

  void set_state_handler(StateHandler handler) override {
    const std::lock_guard lock(mutex_);
    state_handler_ = std::move(handler);
  }

  bool connected() const override {
    const std::lock_guard lock(mutex_);
    return connected_;
  }

  BusStats stats() const override {
    const std::lock_guard lock(mutex_);
    BusStats stats = stats_;
    stats.messages_in = messages_in_;
    for (const auto& [id, record] : records_) {
      std::int64_t dropped = 0;
      if (record->attached != nullptr) natsSubscription_GetDropped(record->attached, &dropped);
      stats.messages_dropped_in += record->dropped_before + static_cast<std::uint64_t>(dropped);
    }
    return stats;
  }

  void close() override {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      stopping_ = true;
    }
    wake_.notify_all();
    if (keeper_.joinable()) keeper_.join();
    std::map<std::uint64_t, std::shared_ptr<Record>> records;
    {
      const std::lock_guard lock(mutex_);
      records.swap(records_);
    }
    for (const auto& [id, record] : records) deactivate(*record);
    const std::lock_guard lock(link_->mutex);
    link_->bus = nullptr;
  }

  // From the library, on its callback thread.
  void connection_broke(const natsConnection* connection, bool closed) {
    {
      const std::lock_guard lock(mutex_);
      if (connection != connection_) return;
      broken_ = true;
      closed_ = closed_ || closed;
    }
    wake_.notify_all();
  }

 private:
  static void deactivate(Record& record) {
    const std::lock_guard lock(record.running);
    record.active = false;
    record.handler = nullptr;
  }

  // --- callbacks of the library for one subscription -------------------------------------------
  static void on_message(natsConnection*, natsSubscription*, natsMsg* message, void* closure) {
    const NatsMessageHandle owned(message);
    Record& record = **static_cast<std::shared_ptr<Record>*>(closure);
    const std::lock_guard lock(record.running);
    if (!record.active) return;
    record.messages_in->fetch_add(1, std::memory_order_relaxed);
    record.handler(received_from_nats(message));
  }

  static void on_complete(void* closure) {
    const std::unique_ptr<std::shared_ptr<Record>> cell(
        static_cast<std::shared_ptr<Record>*>(closure));
    if (const auto drained = (*cell)->take_drained()) drained();
    (*cell)->complete = true;
  }

  // Requires mutex_. Frees what unsubscribe() left until its last message was handled.
  void bury_complete() {
    std::erase_if(dying_, [](const std::shared_ptr<Record>& record) {
      if (!record->complete) return false;
      natsSubscription_Destroy(record->attached);
      record->attached = nullptr;
      return true;
    });
  }

  // Requires mutex_.
  natsStatus attach(Record& record, const std::shared_ptr<Record>& shared) {
    auto cell = std::make_unique<std::shared_ptr<Record>>(shared);
    natsSubscription* subscription = nullptr;
    const natsStatus status =
        record.queue_group.empty()
            ? natsConnection_Subscribe(&subscription, connection_, record.pattern.c_str(),
                                       on_message, cell.get())
            : natsConnection_QueueSubscribe(&subscription, connection_, record.pattern.c_str(),
                                            record.queue_group.c_str(), on_message, cell.get());
    if (status != NATS_OK) return status;
    natsSubscription_SetPendingLimits(subscription, kPendingMessagesMax, kPendingBytesMax);
    if (natsSubscription_SetOnCompleteCB(subscription, on_complete, cell.get()) == NATS_OK) {
      cell.release();  // on_complete() takes it back
    } else {
      // Closed already: a message may still be on its way to on_message(), so the cell must stay.
      static std::mutex kept_mutex;
      static std::vector<std::unique_ptr<std::shared_ptr<Record>>> kept;
      const std::lock_guard lock(kept_mutex);
      kept.push_back(std::move(cell));
    }
    record.attached = subscription;
    return NATS_OK;
  }

  // --- the keeper thread: the only one that connects, writes and destroys ----------------------
  void keep_connected() {
    std::chrono::milliseconds wait = options_.reconnect_wait_min;
    std::minstd_rand jitter(std::random_device{}());
    for (;;) {
      if (connect()) {
        wait = options_.reconnect_wait_min;
        announce(BusState::kConnected);
        pump();
        disconnect();
        announce(BusState::kDisconnected);
      }
      std::uniform_int_distribution<std::int64_t> part(wait.count() / 2, wait.count());
      std::unique_lock lock(mutex_);
      if (wake_.wait_for(lock, std::chrono::milliseconds(part(jitter)),
                         [this] { return stopping_; })) {
        break;
      }
      wait = std::min(wait * 2, options_.reconnect_wait_max);
    }
    announce(BusState::kClosed);
    nats_ReleaseThreadMemory();
  }

  bool connect() {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return false;
    }
    natsConnection* connection = nullptr;
    if (natsConnection_Connect(&connection, library_options_.get()) != NATS_OK) return false;
    std::unique_lock lock(mutex_);
    connection_ = connection;
    broken_ = natsConnection_IsClosed(connection);  // a callback for it could not be matched yet
    closed_ = broken_;
    const std::int64_t payload = natsConnection_GetMaxPayload(connection);
    payload_bytes_max_ = payload > 0 ? static_cast<std::size_t>(payload) : 1024 * 1024;
    for (const auto& [id, record] : records_) attach(*record, record);
    lock.unlock();
    // Connected means: subscribed as well, so that no answer to a first request can be missed.
    const natsStatus flushed = natsConnection_FlushTimeout(connection, kFlushTimeoutMs);
    lock.lock();
    if (flushed != NATS_OK || broken_) {
      lock.unlock();
      disconnect();
      return false;
    }
    connected_ = true;
    ++stats_.connects;
    return true;
  }

  void pump() {
    std::vector<Message> batch;
    for (;;) {
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [this] { return stopping_ || broken_ || flush_wanted_; });
        if (broken_) return;
        if (stopping_) connected_ = false;  // what is queued still goes; nothing is added
        if (queue_.empty() && stopping_) return;
        batch.swap(queue_);
        flush_wanted_ = false;
      }
      std::size_t sent_bytes = 0;
      std::uint64_t sent = 0;
      for (const Message& message : batch) {
        if (nats_send(connection_, message)) ++sent;
        sent_bytes += message.body.size() + message.subject.text().size() + 64;
      }
      {
        const std::lock_guard lock(mutex_);
        queue_bytes_ -= std::min(sent_bytes, queue_bytes_);
        stats_.messages_out += sent;
        stats_.messages_dropped_out += batch.size() - sent;
      }
      batch.clear();
      // Writes at once (the library's own flusher would wait) and waits for the broker, while the
      // next batch gathers. A timeout is not the end: the pings decide when the link is dead.
      natsConnection_FlushTimeout(connection_, kFlushTimeoutMs);
    }
  }

  void disconnect() {
    natsConnection* connection = nullptr;
    std::vector<natsSubscription*> subscriptions;
    std::vector<std::shared_ptr<Record>> dying;
    {
      const std::lock_guard lock(mutex_);
      connected_ = false;
      connection = connection_;
      stats_.messages_dropped_out += queue_.size();
      queue_.clear();
      queue_bytes_ = 0;
      flush_wanted_ = false;
      const auto detach = [&](Record& record) {
        if (record.attached == nullptr) return;
        std::int64_t dropped = 0;
        natsSubscription_GetDropped(record.attached, &dropped);
        record.dropped_before += static_cast<std::uint64_t>(dropped);
        subscriptions.push_back(record.attached);
        record.attached = nullptr;
      };
      for (const auto& [id, record] : records_) detach(*record);
      for (const auto& record : dying_) detach(*record);
      dying.swap(dying_);
    }
    natsConnection_Close(connection);
    for (const auto& record : dying) deactivate(*record);
    {
      // Its last callback: afterwards nothing of the library speaks of this connection.
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, kClosedCallbackTimeout, [this] { return closed_; });
      wake_.wait(lock, [this] { return connection_users_ == 0; });
      connection_ = nullptr;
    }
    for (natsSubscription* subscription : subscriptions) natsSubscription_Destroy(subscription);
    natsConnection_Destroy(connection);
  }

  void announce(BusState state) {
    StateHandler handler;
    {
      const std::lock_guard lock(mutex_);
      handler = state_handler_;
    }
    if (handler) handler(state);
  }

  const NatsOptions options_;
  const NatsOptionsHandle library_options_;
  const std::shared_ptr<Link> link_;
  std::thread keeper_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  natsConnection* connection_ = nullptr;
  int connection_users_ = 0;  // calls under way that may not see it destroyed
  bool connected_ = false;
  bool broken_ = false;
  bool closed_ = false;
  bool stopping_ = false;
  bool flush_wanted_ = false;
  std::vector<Message> queue_;
  std::size_t queue_bytes_ = 0;
  std::size_t payload_bytes_max_ = 1024 * 1024;
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, std::shared_ptr<Record>> records_;
  std::vector<std::shared_ptr<Record>> dying_;  // draining, until the connection goes
  StateHandler state_handler_;
  BusStats stats_;
  std::atomic<std::uint64_t> messages_in_{0};
};

// --- callbacks of the library for the connection -----------------------------------------------
void on_broken(natsConnection* connection, void* closure, bool closed) {
  Link& link = *static_cast<Link*>(closure);
  const std::lock_guard lock(link.mutex);
  if (link.bus != nullptr) link.bus->connection_broke(connection, closed);
}
void on_disconnected(natsConnection* connection, void* closure) {
  on_broken(connection, closure, false);
}
void on_closed(natsConnection* connection, void* closure) { on_broken(connection, closure, true); }

// One for each bus ever made, never freed: a callback may come after everything else is gone.
std::shared_ptr<Link> new_link() {
  static std::mutex mutex;
  static auto& links = *new std::vector<std::shared_ptr<Link>>;
  const std::lock_guard lock(mutex);
  links.push_back(std::make_shared<Link>());
  return links.back();
}

}  // namespace

tl::expected<std::unique_ptr<MessageBus>, BusError> make_nats_bus(const NatsOptions& options) {
  const bool plain = options.credentials_file.empty() && options.tls_ca_file.empty() &&
                     options.tls_cert_file.empty() && options.tls_key_file.empty();
  if (auto addresses = plain ? plain_addresses(options.url) : std::nullopt) {
    return make_wire_bus(options, std::move(*addresses));
  }
  const natsStatus opened = nats_Open(-1);
  if (opened != NATS_OK) return tl::unexpected(nats_error(opened, "cannot open libnats"));
  std::shared_ptr<Link> link = new_link();
  auto prepared = nats_library_options(options, {on_disconnected, on_closed, link.get()});
  if (!prepared) return tl::unexpected(prepared.error());
  auto bus = std::make_unique<NatsBus>(options, std::move(*prepared), std::move(link));
  bus->start();
  return bus;
}

}  // namespace weft::messaging
