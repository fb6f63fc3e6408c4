#include "orchestrator/app/change_feed.h"

#include <algorithm>

namespace weft::app {

ChangeFeed::ChangeFeed(std::uint64_t head, std::size_t kept_max, std::size_t bytes_max)
    : head_(head), forgotten_(head), kept_max_(kept_max), bytes_max_(bytes_max) {}

void ChangeFeed::push(const engine::Change& change) {
  const std::size_t bytes = change.event.to_json().size();
  {
    const std::lock_guard lock(mutex_);
    kept_.push_back({change, bytes});
    bytes_ += bytes;
    head_ = std::max(head_, change.position);
    while (kept_.size() > kept_max_ || (bytes_ > bytes_max_ && kept_.size() > 1)) {
      forgotten_ = std::max(forgotten_, kept_.front().change.position);
      bytes_ -= kept_.front().bytes;
      kept_.pop_front();
    }
  }
  changed_.notify_all();
}

void ChangeFeed::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
}

ChangeFeed::Batch ChangeFeed::wait(std::uint64_t after, std::chrono::milliseconds at_most,
                                   std::size_t max) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, at_most, [&] { return closed_ || head_ > after; });
  Batch batch;
  batch.closed = closed_;
  batch.missed = after < forgotten_;
  if (batch.missed) return batch;
  auto from = std::upper_bound(kept_.begin(), kept_.end(), after,
                               [](std::uint64_t position, const Kept& kept) {
                                 return position < kept.change.position;
                               });
  for (; from != kept_.end() && batch.changes.size() < max; ++from) {
    batch.changes.push_back(from->change);
  }
  return batch;
}

std::uint64_t ChangeFeed::head() const {
  const std::lock_guard lock(mutex_);
  return head_;
}

}  // namespace weft::app
