#include "adapters/messaging/nats_wire_bus.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <utility>

#include "adapters/messaging/nats_protocol.h"
#include "adapters/messaging/subjects.h"

namespace weft::messaging {
namespace {

namespace wire = nats_protocol;
using Steady = std::chrono::steady_clock;
using std::chrono::milliseconds;

// How long a PONG is waited for where somebody waits for it: a subscriber, a close.
constexpr milliseconds kPongWithin{1000};
constexpr int kPingsOutMax = 2;
// A burst may have made the buffers large; what is larger than this is given back.
constexpr std::size_t kBufferKept = std::size_t{1024} * 1024;

struct Listener {
  std::uint64_t id = 0;
  std::string pattern, queue_group;
  MessageBus::Handler handler;  // guarded by `running`, as is `active`
  std::mutex running;           // held while the handler runs, so that close() can wait for it
  bool active = true;

  void deactivate() {
    const std::lock_guard lock(running);
    active = false;
    handler = nullptr;
  }
};

/// What a broker says when it ends a connection, with what to do about it.
std::string refusal(const std::string& said) {
  const std::string text = "the broker says \"" + said + "\"";
  std::string lower = said;
  for (char& c : lower) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  const bool login = lower.find("authorization") != std::string::npos ||
                     lower.find("authentication") != std::string::npos;
  return login ? text +
                     ": it asks for a login; set `nats.creds`, or put user:password@ or token@ "
                     "into `nats.url`"
               : text;
}

class WireBus final : public MessageBus {
 public:
  WireBus(NatsOptions options, std::vector<NatsAddress> addresses)
      : options_(std::move(options)),
        addresses_(std::move(addresses)),
        wake_fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    assert(wake_fd_ >= 0);  // only file descriptors can be lacking, and then nothing can go on
    io_ = std::thread([this] { run(); });
  }
  ~WireBus() override {
    close();
    ::close(wake_fd_);
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
    if (out_.size() + (current_.size() - current_at_) + size > options_.send_buffer_bytes_max) {
      return PublishResult::kBusy;
    }
    wire::append_publish(out_, message);
    ++out_messages_;
    return PublishResult::kAccepted;
  }

  void flush() override {
    std::unique_lock lock(mutex_);
    send_queued(lock);
  }

  tl::expected<SubscriptionId, BusError> subscribe(const SubjectPattern& pattern,
                                                   std::string_view queue_group,
                                                   Handler handler) override {
    if (!queue_group.empty() && !any_pattern(queue_group)) {
      return tl::unexpected(BusError{"a queue group must be one word without blanks"});
    }
    auto listener = std::make_shared<Listener>();
    listener->pattern = pattern.text();
    listener->queue_group = queue_group;
    listener->handler = std::move(handler);
    std::unique_lock lock(mutex_);
    if (stopping_) return tl::unexpected(BusError{"the bus is closed"});
    const std::uint64_t id = ++last_id_;
    listener->id = id;
    listeners_.emplace(id, listener);
    if (attached_) {
      wire::append_subscribe(out_, listener->pattern, listener->queue_group, id);
      // The broker must know the subscription before anybody is told that we listen.
      const auto known = std::make_shared<bool>(false);
      ping(lock, [this, known] {
        const std::lock_guard inner(mutex_);
        *known = true;
        changed_.notify_all();
      });
      // The thread that hears the PONG cannot wait for it.
      if (std::this_thread::get_id() != io_id_) {
        changed_.wait_for(lock, kPongWithin, [&] { return *known; });
      }
    }
    return SubscriptionId{id};
  }

  void unsubscribe(SubscriptionId id, std::function<void()> drained) override {
    {
      std::unique_lock lock(mutex_);
      const auto found = listeners_.find(id.value);
      if (found != listeners_.end() && attached_) {
        // What had come before the PONG is still heard.
        leaving_.insert(listeners_.extract(found));
        wire::append_unsubscribe(out_, id.value);
        ping(lock, [this, id, drained = std::move(drained)] {
          {
            const std::lock_guard inner(mutex_);
            leaving_.erase(id.value);
          }
          if (drained) drained();
        });
        return;
      }
      if (found != listeners_.end()) listeners_.erase(found);
    }
    if (drained) drained();
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
    return stats;
  }

  void close() override {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      stopping_ = true;
      connected_ = false;  // what is queued still goes; nothing is added
    }
    wake();
    changed_.notify_all();
    io_.join();
    std::map<std::uint64_t, std::shared_ptr<Listener>> listeners;
    {
      const std::lock_guard lock(mutex_);
      listeners.swap(listeners_);
    }
    for (const auto& [id, listener] : listeners) listener->deactivate();
  }

 private:
  void wake() const {
    const std::uint64_t one = 1;
    // It can only be full, and then the thread wakes anyway.
    static_cast<void>(!::write(wake_fd_, &one, sizeof(one)));
  }

  // ---- Sending: whoever holds `sending_` writes to the socket, without the lock ------------------

  /// Requires the lock; gives it up meanwhile. What is added while another thread sends is sent by
  /// that thread.
  void send_queued(std::unique_lock<std::mutex>& lock) {
    if (sending_ || socket_ < 0) return;
    sending_ = true;
    go_on_sending(lock);
  }

  /// Requires the lock and `sending_`, which it gives up unless the socket is full: then the I/O
  /// thread goes on when there is room.
  void go_on_sending(std::unique_lock<std::mutex>& lock) {
    while (!broken_) {
      if (!current_.empty() && !write_current(lock)) return;
      if (out_.empty()) break;
      current_.swap(out_);
      current_messages_ = std::exchange(out_messages_, 0);
    }
    sending_ = false;
    changed_.notify_all();
  }

  bool write_current(std::unique_lock<std::mutex>& lock) {
    const int socket = socket_;
    std::size_t at = current_at_;
    bool full = false, failed = false;
    lock.unlock();
    while (at < current_.size() && !full && !failed) {
      const ssize_t sent =
          ::send(socket, current_.data() + at, current_.size() - at, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent >= 0) {
        at += static_cast<std::size_t>(sent);
      } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        full = true;
      } else {
        failed = errno != EINTR;
      }
    }
    lock.lock();
    current_at_ = at;
    if (failed) {
      broken_ = true;
      sending_ = false;
      changed_.notify_all();
      wake();
      return false;
    }
    if (full) {
      full_ = true;
      if (std::this_thread::get_id() != io_id_) wake();
      return false;
    }
    stats_.messages_out += std::exchange(current_messages_, 0);
    current_at_ = 0;
    current_.clear();
    if (current_.capacity() > kBufferKept) current_.shrink_to_fit();
    return true;
  }

  /// `answered` is called on the I/O thread at the PONG, or when the connection ends without it.
  void ping(std::unique_lock<std::mutex>& lock, std::function<void()> answered) {
    out_ += wire::kPingLine;
    pongs_.push_back(std::move(answered));
    send_queued(lock);
  }

  // ---- The I/O thread: the only one that connects, reads and calls handlers ----------------------

  void run() {
    {
      const std::lock_guard lock(mutex_);
      io_id_ = std::this_thread::get_id();
    }
    milliseconds wait = options_.reconnect_wait_min;
    std::minstd_rand jitter(std::random_device{}());
    for (;;) {
      if (attach()) {
        serve();
        const bool was_up = std::exchange(announced_, false);
        if (was_up) wait = options_.reconnect_wait_min;
        detach();
        if (was_up) announce(BusState::kDisconnected);
      }
      std::uniform_int_distribution<std::int64_t> part(wait.count() / 2, wait.count());
      std::unique_lock lock(mutex_);
      if (changed_.wait_for(lock, milliseconds(part(jitter)), [this] { return stopping_; })) break;
      wait = std::min(wait * 2, options_.reconnect_wait_max);
    }
    announce(BusState::kClosed);
  }

  /// A socket on which the broker has greeted us; then all subscriptions are on their way.
  bool attach() {
    for (const NatsAddress& address : addresses_) {
      {
        const std::lock_guard lock(mutex_);
        if (stopping_) return false;
      }
      const int socket = connect_socket(address, options_.connect_timeout);
      if (socket < 0) continue;
      reader_ = wire::FrameReader();
      const auto info = greet(socket);
      if (!info) {
        ::close(socket);
        continue;
      }
      std::unique_lock lock(mutex_);
      socket_ = socket;
      attached_ = true;
      broken_ = full_ = false;
      payload_bytes_max_ = info->payload_bytes_max;
      for (const auto& [id, listener] : listeners_) {
        wire::append_subscribe(out_, listener->pattern, listener->queue_group, id);
      }
      // Connected means: subscribed as well, so that no answer to a first request can be missed.
      ping(lock, [this] { subscribed_ = true; });
      return true;
    }
    return false;
  }

  std::optional<wire::ServerInfo> greet(int socket) {
    const auto deadline = Steady::now() + options_.connect_timeout;
    const auto info = await(socket, wire::Frame::Kind::kInfo, deadline);
    if (!info) return std::nullopt;
    auto parsed = wire::parse_info(info->text);
    if (!parsed) return std::nullopt;
    if (parsed->tls_required) {
      tell(
          "the broker requires TLS: write tls:// instead of nats:// in `nats.url`, and name its "
          "certificate authority in `nats.tls.ca`");
      return std::nullopt;
    }
    if (!parsed->headers) {
      tell("the broker knows no message headers: NATS 2.2 or later is needed");
      return std::nullopt;
    }
    const std::string hello = wire::connect_line(options_.name) + std::string(wire::kPingLine);
    if (::send(socket, hello.data(), hello.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(hello.size())) {
      return std::nullopt;  // An empty socket takes a line, or there is no connection.
    }
    if (!await(socket, wire::Frame::Kind::kPong, deadline)) return std::nullopt;
    return parsed;
  }

  /// The first frame, which is to be of this kind.
  std::optional<wire::Frame> await(int socket, wire::Frame::Kind wanted,
                                   Steady::time_point deadline) {
    for (;;) {
      wire::Frame frame = reader_.next();
      if (frame.kind == wanted) return frame;
      if (frame.kind == wire::Frame::Kind::kInfo) continue;
      if (frame.kind == wire::Frame::Kind::kError) tell(refusal(frame.text));
      if (frame.kind != wire::Frame::Kind::kNothing) return std::nullopt;
      const auto left =
          std::chrono::ceil<milliseconds>(deadline - Steady::now()).count();
      pollfd readable{socket, POLLIN, 0};
      if (left <= 0 || ::poll(&readable, 1, static_cast<int>(left)) != 1) return std::nullopt;
      if (!fill(socket)) return std::nullopt;
    }
  }

  bool fill(int socket) {
    const auto room = reader_.room();
    const ssize_t came = ::recv(socket, room.data(), room.size(), MSG_DONTWAIT);
    if (came > 0) reader_.filled(static_cast<std::size_t>(came));
    return came > 0 || (came < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR));
  }

  /// Until the connection ends, or the bus is closed and its last words have arrived.
  void serve() {
    bool saying_farewell = false;
    auto next_ping = Steady::now() + options_.ping_interval;
    auto give_up = Steady::now() + kPongWithin;  // for whoever waits for one PONG
    for (;;) {
      int socket = -1;
      bool full = false;
      const auto now = Steady::now();
      {
        std::unique_lock lock(mutex_);
        if (broken_) return;
        if (stopping_ && !saying_farewell) {
          saying_farewell = true;
          give_up = now + kPongWithin;
          ping(lock, [this] { farewell_ = true; });
        } else if (now >= next_ping) {
          if (pings_out_ >= kPingsOutMax) return;
          ++pings_out_;
          next_ping = now + options_.ping_interval;
          ping(lock, [this] { --pings_out_; });
        }
        socket = socket_;
        full = full_;
      }
      if (farewell_) return;
      const bool waiting = saying_farewell || !announced_;
      if (waiting && now >= give_up) return;
      const auto until = waiting ? std::min(give_up, next_ping) : next_ping;
      pollfd ready[2] = {{socket, static_cast<short>(full ? POLLIN | POLLOUT : POLLIN), 0},
                         {wake_fd_, POLLIN, 0}};
      const auto left = std::max<std::int64_t>(
          0, std::chrono::ceil<milliseconds>(until - now).count());
      ::poll(ready, 2, static_cast<int>(left));
      if ((ready[1].revents & POLLIN) != 0) {
        std::uint64_t count = 0;
        static_cast<void>(!::read(wake_fd_, &count, sizeof(count)));
      }
      if ((ready[0].revents & POLLOUT) != 0) {
        std::unique_lock lock(mutex_);
        if (std::exchange(full_, false)) go_on_sending(lock);
      }
      if ((ready[0].revents & (POLLIN | POLLERR | POLLHUP)) != 0) {
        if (!fill(socket) || !take_frames()) return;
      }
    }
  }

  bool take_frames() {
    for (;;) {
      wire::Frame frame = reader_.next();
      switch (frame.kind) {
        case wire::Frame::Kind::kNothing: return true;
        case wire::Frame::Kind::kBroken: return false;
        // It closes the connection where that is the end.
        case wire::Frame::Kind::kError:
          tell(refusal(frame.text));
          break;
        case wire::Frame::Kind::kMessage: hear(frame); break;
        case wire::Frame::Kind::kPong: answer_ping(); break;
        case wire::Frame::Kind::kPing: {
          std::unique_lock lock(mutex_);
          out_ += wire::kPongLine;
          send_queued(lock);
          break;
        }
        case wire::Frame::Kind::kInfo:
          if (const auto info = wire::parse_info(frame.text)) {
            const std::lock_guard lock(mutex_);
            payload_bytes_max_ = info->payload_bytes_max;
          }
          break;
      }
    }
  }

  void hear(wire::Frame& frame) {
    std::shared_ptr<Listener> listener;
    {
      const std::lock_guard lock(mutex_);
      auto found = listeners_.find(frame.subscription);
      if (found == listeners_.end()) {
        found = leaving_.find(frame.subscription);
        if (found == leaving_.end()) return;
      }
      listener = found->second;
    }
    const std::lock_guard lock(listener->running);
    if (!listener->active) return;
    messages_in_.fetch_add(1, std::memory_order_relaxed);
    listener->handler(std::move(frame.message));
  }

  void answer_ping() {
    std::function<void()> answered;
    {
      const std::lock_guard lock(mutex_);
      if (pongs_.empty()) return;
      answered = std::move(pongs_.front());
      pongs_.pop_front();
    }
    answered();
    if (!subscribed_ || announced_) return;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      connected_ = true;
      ++stats_.connects;
    }
    announced_ = true;
    announce(BusState::kConnected);
  }

  void detach() {
    int socket = -1;
    std::deque<std::function<void()>> pongs;
    {
      std::unique_lock lock(mutex_);
      connected_ = attached_ = false;
      broken_ = true;  // whoever still sends stops
      changed_.wait(lock, [this] { return !sending_ || full_; });
      sending_ = full_ = false;
      stats_.messages_dropped_out += out_messages_ + current_messages_;
      out_messages_ = current_messages_ = 0;
      out_.clear();
      current_.clear();
      current_at_ = 0;
      pongs.swap(pongs_);
      socket = std::exchange(socket_, -1);
    }
    ::close(socket);
    for (const auto& answered : pongs) answered();
    subscribed_ = false;
    pings_out_ = 0;
  }

  /// Trying again goes on for ever; the same cause is told once.
  void tell(std::string why) {
    if (why == told_) return;
    told_ = std::move(why);
    if (options_.on_refused) options_.on_refused(told_);
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
  const std::vector<NatsAddress> addresses_;
  const int wake_fd_;
  std::thread io_;

  // Of the I/O thread alone.
  wire::FrameReader reader_;
  bool subscribed_ = false;  // the broker knows all subscriptions
  bool announced_ = false;
  bool farewell_ = false;    // it has heard all that was said before the end
  int pings_out_ = 0;
  std::string told_;  // the last of what the broker held against us

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::thread::id io_id_;
  int socket_ = -1;
  bool attached_ = false;   // subscriptions may be sent
  bool connected_ = false;  // messages may be published
  bool broken_ = false, stopping_ = false;
  std::string out_;  // for the socket, next
  std::size_t out_messages_ = 0;
  bool sending_ = false;       // a thread writes `current_`, or the socket is full
  bool full_ = false;          // the I/O thread goes on when the socket has room
  std::string current_;        // of the thread that holds `sending_`
  std::size_t current_at_ = 0, current_messages_ = 0;
  std::deque<std::function<void()>> pongs_;  // what waits for a PONG, in the order of the PINGs
  std::size_t payload_bytes_max_ = std::size_t{1024} * 1024;
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, std::shared_ptr<Listener>> listeners_;
  std::map<std::uint64_t, std::shared_ptr<Listener>> leaving_;  // unsubscribed, not yet drained
  StateHandler state_handler_;
  BusStats stats_;
  std::atomic<std::uint64_t> messages_in_{0};
};

}  // namespace

std::unique_ptr<MessageBus> make_wire_bus(const NatsOptions& options,
                                          std::vector<NatsAddress> addresses) {
  return std::make_unique<WireBus>(options, std::move(addresses));
}

}  // namespace weft::messaging
