#pragma once  // orchestrator/app/change_feed.h

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

#include "orchestrator/engine/engine.h"

namespace weft::app {

/// The latest changes, between the engine that makes them and the streams that show them. Bounded:
/// a reader that falls behind is told so and reads the missing ones from the store. While nobody
/// reads, nothing is kept: every transition of every saga comes by here.
class ChangeFeed final {
 public:
  /// `head`: position of the last change before this process.
  explicit ChangeFeed(std::uint64_t head, std::size_t kept_max = 4096,
                      std::size_t bytes_max = 32 * 1024 * 1024);

  /// On the engine's thread; never waits for a reader.
  void push(const engine::Change& change);
  void close();

  /// As long as a reader is announced, what comes is kept for him.
  void reader_came();
  void reader_left();

  struct Batch {
    std::vector<engine::Change> changes;  ///< After `after`, in order; empty if none came in time.
    bool missed = false;                  ///< Some between `after` and these are no longer here.
    bool closed = false;
  };
  /// Waits until there is something after `after`. From any thread.
  [[nodiscard]] Batch wait(std::uint64_t after, std::chrono::milliseconds at_most, std::size_t max);
  [[nodiscard]] std::uint64_t head() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  struct Kept {
    engine::Change change;
    std::size_t bytes = 0;  ///< An event may carry a whole payload.
  };
  std::deque<Kept> kept_;
  std::size_t bytes_ = 0;
  std::uint64_t head_ = 0;
  std::uint64_t forgotten_ = 0;  ///< Position of the last change that is no longer kept.
  std::size_t kept_max_, bytes_max_;
  std::size_t readers_ = 0;
  bool closed_ = false;
};

}  // namespace weft::app
