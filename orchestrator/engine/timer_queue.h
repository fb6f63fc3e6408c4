#pragma once  // orchestrator/engine/timer_queue.h

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "orchestrator/core/ids.h"
#include "store/event_store.h"

namespace weft::engine {

/// Durable timers -> commands. The store holds all of them, memory the next ones due; the rest is
/// read when its time comes. Never early; what fires twice after a crash is decided once.
class TimerQueue final {
 public:
  TimerQueue(const store::EventStore& store, std::size_t in_memory_max);

  /// Durable now.
  void add(const store::TimerKey& timer);
  /// Decided to be gone, durable or not.
  void remove(const store::TimerKey& timer);
  /// The commit of what a timer caused is durable. That commit may have set it again, for the very
  /// same millisecond: then it is one of the timers to come.
  void settled(const store::TimerKey& timer) { fired_.erase(timer); }

  /// Takes the timers that are due, at most `max`, earliest first. They stay in the store until the
  /// commit of what they cause cancels them. `lag_ms`: how late the latest of them is.
  [[nodiscard]] std::vector<store::TimerKey> due(core::Timestamp now, std::size_t max,
                                                 std::int64_t& lag_ms);
  /// When due() must be asked again.
  [[nodiscard]] std::optional<core::Timestamp> next() const;
  [[nodiscard]] std::size_t in_memory() const { return near_.size(); }
  /// What reading the store met last; empty: all is well.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

 private:
  struct EarliestFirst {
    bool operator()(const store::TimerKey& a, const store::TimerKey& b) const {
      return std::tie(a.due_ms, a.stream, a.id) < std::tie(b.due_ms, b.stream, b.id);
    }
  };
  void read_window(core::Timestamp now);

  const store::EventStore& store_;
  std::size_t in_memory_max_;
  std::set<store::TimerKey, EarliestFirst> near_;  ///< Every timer due before `horizon_`.
  std::set<store::TimerKey, EarliestFirst> fired_; ///< Taken; their rows may still be there.
  std::int64_t horizon_ms_ = 0;      ///< Timers from here on are only in the store.
  bool more_ = true;                 ///< There may be some.
  std::string trouble_;
};

}  // namespace weft::engine
