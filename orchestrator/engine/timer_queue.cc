#include "orchestrator/engine/timer_queue.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include "orchestrator/core/planted.h"
#include "orchestrator/core/reached.h"

namespace weft::engine {
namespace {

// How far ahead timers are read: most are set and cancelled within it and never read back.
constexpr std::int64_t kWindowMs = 60'000;
constexpr std::size_t kTimersPerRead = 1'000;

}  // namespace

TimerQueue::TimerQueue(const store::EventStore& store, std::size_t in_memory_max)
    : store_(store), in_memory_max_(in_memory_max) {}

void TimerQueue::add(const store::TimerKey& timer) {
  if (timer.due_ms >= horizon_ms_) {
    more_ = true;
    return;
  }
  near_.insert(timer);
  if (near_.size() <= in_memory_max_) return;
  REACHED("too many timers for the memory");
  // Too many within the window: the latest ones go back to being read later.
  while (near_.size() > in_memory_max_ / 2) {
    const auto last = std::prev(near_.end());
    horizon_ms_ = last->due_ms;
    near_.erase(last);
  }
  // A due time is either wholly in memory or wholly not.
  while (!near_.empty() && std::prev(near_.end())->due_ms >= horizon_ms_) {
    near_.erase(std::prev(near_.end()));
  }
  more_ = true;
}

void TimerQueue::remove(const store::TimerKey& timer) {
  near_.erase(timer);
  fired_.erase(timer);
}

void TimerQueue::read_window(core::Timestamp now) {
  const std::int64_t from = horizon_ms_;
  const std::int64_t until = std::max(now.ms, from) + kWindowMs;
  store::Bytes cursor;
  for (;;) {
    auto page = store_.scan_timers({}, until, cursor, kTimersPerRead);
    if (!page) {
      trouble_ = page.error().message;
      return;
    }
    trouble_.clear();
    for (const store::Timer& timer : page->rows) {
      if (timer.due_ms < from || PLANTED(5)) continue;  // 5: timers of the disk are not read back
      store::TimerKey key{timer.stream, timer.due_ms, timer.id};
      if (!fired_.contains(key)) near_.insert(std::move(key));
    }
    if (page->complete) {
      horizon_ms_ = until + 1;
      return;
    }
    if (near_.size() >= in_memory_max_ && !page->rows.empty()) {
      // All of the last due time stay in the store, except where one instant fills the memory.
      const std::int64_t last = page->rows.back().due_ms;
      if (near_.begin()->due_ms < last) {
        while (!near_.empty() && std::prev(near_.end())->due_ms >= last) {
          near_.erase(std::prev(near_.end()));
        }
        horizon_ms_ = last;
        more_ = true;
        return;
      }
    }
    cursor = page->cursor;
  }
}

std::vector<store::TimerKey> TimerQueue::due(core::Timestamp now, std::size_t max,
                                             std::int64_t& lag_ms) {
  if (more_ && now.ms >= horizon_ms_) read_window(now);
  std::vector<store::TimerKey> out;
  const std::int64_t early = PLANTED(16) ? 5'000 : 0;
  while (!near_.empty() && near_.begin()->due_ms <= now.ms + early && out.size() < max) {
    lag_ms = std::max(lag_ms, now.ms - near_.begin()->due_ms);
    fired_.insert(*near_.begin());
    out.push_back(*near_.begin());
    near_.erase(near_.begin());
  }
  return out;
}

std::optional<core::Timestamp> TimerQueue::next() const {
  std::optional<core::Timestamp> next;
  if (!near_.empty()) next = core::Timestamp{near_.begin()->due_ms};
  if (more_) {
    next = next ? std::min(*next, core::Timestamp{horizon_ms_}) : core::Timestamp{horizon_ms_};
  }
  return next;
}

}  // namespace weft::engine
