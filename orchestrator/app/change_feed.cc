#include "orchestrator/app/change_feed.h"

#include <algorithm>

namespace weft::app {

ChangeFeed::ChangeFeed(std::uint64_t head, std::size_t kept_max, std::size_t bytes_max)
    : head_(head), forgotten_(head), kept_max_(kept_max), bytes_max_(bytes_max) {}

void ChangeFeed::push(const engine::Change& change) {
  {
    const std::lock_guard lock(mutex_);
    head_ = std::max(head_, change.position);
    if (readers_ == 0) {
      forgotten_ = head_;
      return;
    }
    kept_.push_back({change, change.event.size()});
    bytes_ += change.event.size();
    while (kept_.size() > kept_max_ || (bytes_ > bytes_max_ && kept_.size() > 1)) {
      forgotten_ = std::max(forgotten_, kept_.front().change.position);
      bytes_ -= kept_.front().bytes;
      kept_.pop_front();
    }
  }
  changed_.notify_all();
}

void ChangeFeed::reader_came() {
  const std::lock_guard lock(mutex_);
  ++readers_;
}

void ChangeFeed::reader_left() {
  const std::lock_guard lock(mutex_);
  if (--readers_ > 0) return;
  kept_.clear();
  bytes_ = 0;
  forgotten_ = head_;
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
