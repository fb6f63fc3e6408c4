#pragma once  // orchestrator/app/bench/load.h

#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "adapters/messaging/message_bus.h"
#include "orchestrator/app/bench/workload.h"

namespace weft::app::bench {

/// What one stretch of time brought.
struct Measured {
  double seconds = 0;
  std::uint64_t sagas = 0;     ///< Ended as they should.
  std::uint64_t accepted = 0;  ///< Starts answered, and by that durable.
  std::uint64_t refused = 0;   ///< "Busy" answers; asked again later.
  /// From the request to the durable end; of sagas that wait for a moment, from that moment.
  std::vector<float> latency_ms;
  std::vector<float> acceptance_ms;  ///< From the request to the durable reply.
  /// The value that `share` of them do not exceed; 0 if there are none. Sorts.
  [[nodiscard]] static double percentile(std::vector<float>& values, double share);
};

/// Starts sagas over NATS and hears of their ends as any other client does, from `weft.changed`.
/// Handlers run on the bus's thread; the rest on the caller's.
class Load final {
 public:
  using Steady = std::chrono::steady_clock;

  /// The bus must outlive this. `run`: part of every order's id, new for each Load on a store.
  Load(messaging::MessageBus& bus, const Workload& workload, std::string run, int customers);
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  /// An error says what is wrong with the connection.
  [[nodiscard]] std::string subscribe();
  /// Closed loop: keeps so many sagas under way. Where sagas only park, an accepted start is
  /// followed by the next one, up to `count` in all.
  void keep_in_flight(std::uint64_t in_flight, std::uint64_t count = UINT64_MAX);
  /// Open loop: so many starts a second, whatever becomes of them. Latency counts from the moment
  /// a start was due, so a stalled orchestrator cannot hide the wait.
  void start_at_rate(double per_second);
  /// Where sagas wait for a moment: that of number `i` comes at `first_ms + i * spread_ms / count`.
  void come_due(std::int64_t first_ms, std::int64_t spread_ms, std::uint64_t count);
  /// Sends the event that number `number` waits for.
  void wake(std::uint64_t number);
  /// No further starts.
  void stop();
  /// What time makes due: starts of an open loop, repeats of refused ones. Call it every few ms.
  void tick();

  /// Forgets what was measured so far.
  void begin_window();
  [[nodiscard]] Measured end_window();

  [[nodiscard]] std::uint64_t in_flight() const;  ///< Accepted or not, and not ended.
  [[nodiscard]] std::uint64_t started() const;    ///< Requests sent, without repeats.
  [[nodiscard]] std::uint64_t accepted() const;
  [[nodiscard]] std::uint64_t ended() const;  ///< As they should, since the beginning.
  /// Ends and answers that should not have come, or silence; empty if there were none.
  [[nodiscard]] std::string trouble() const;
  /// Asks again what has no answer yet, with the same key: after a crash nobody answers.
  void ask_again();
  [[nodiscard]] const Orders& orders() const { return orders_; }

 private:
  struct Open {
    Steady::time_point since;
    bool accepted = false, ended = false;
  };
  void on_answer(const messaging::Received& message);
  void on_change(const messaging::Received& message);
  /// With mutex_ held.
  void start_next(Steady::time_point since);
  void request(std::uint64_t number);
  void complain(std::string what);
  [[nodiscard]] std::int64_t due_of(std::uint64_t number) const;
  /// With mutex_ held: one that had parked has ended.
  void woken(std::uint64_t number);

  messaging::MessageBus& bus_;
  const Workload& workload_;
  Orders orders_;
  std::string inbox_;
  std::vector<messaging::SubscriptionId> subscriptions_;

  mutable std::mutex mutex_;
  std::unordered_map<std::uint64_t, Open> open_;
  std::deque<std::pair<Steady::time_point, std::uint64_t>> repeats_;
  std::uint64_t next_ = 0, count_ = 0, accepted_ = 0, ended_ = 0, running_ = 0;
  std::int64_t due_first_ms_ = 0, due_spread_ms_ = 0;
  std::uint64_t due_count_ = 1;
  bool closed_loop_ = false;
  double rate_ = 0;
  Steady::time_point rate_since_;
  std::uint64_t rate_started_ = 0;
  std::string trouble_;
  Measured measured_;
  Steady::time_point window_since_;
};

}  // namespace weft::app::bench
