#include "orchestrator/engine/timer_queue.h"

#include <gtest/gtest.h>

#include "orchestrator/sim/sim_store.h"

namespace weft::engine {
namespace {

class TimerQueueTest : public ::testing::Test {
 protected:
  TimerQueueTest() { store = std::move(*sim::SimStore::open(disk, {})); }
  store::TimerKey set(const std::string& id, std::int64_t due_ms) {
    const store::StreamId stream{3, "saga/x"};
    store::Commit commit;
    commit.timers_set.push_back({stream, due_ms, id, {}});
    std::vector<store::Commit> batch;
    batch.push_back(std::move(commit));
    store->submit(std::move(batch), [](const store::Result<store::CommitReceipt>&) {});
    store->flush();
    return {stream, due_ms, id};
  }
  static std::string ids(const std::vector<store::TimerKey>& timers) {
    std::string out;
    for (const auto& timer : timers) out += timer.id;
    return out;
  }
  std::string due(TimerQueue& queue, std::int64_t now) {
    std::int64_t lag = 0;
    return ids(queue.due({now}, 100, lag));
  }
  std::shared_ptr<sim::SimDisk> disk = std::make_shared<sim::SimDisk>();
  std::unique_ptr<sim::SimStore> store;
};

TEST_F(TimerQueueTest, FiresInOrderAndNeverEarly) {
  set("b", 2000);
  set("a", 1000);
  TimerQueue queue(*store, 100);
  EXPECT_EQ(due(queue, 999), "");
  EXPECT_EQ(queue.next(), core::Timestamp{1000});
  EXPECT_EQ(due(queue, 1000), "a");
  EXPECT_EQ(due(queue, 1000), "") << "fired once, though its row is still there";
  EXPECT_EQ(due(queue, 5000), "b");
}

TEST_F(TimerQueueTest, TimersSetLaterAndFarAheadAreFound) {
  TimerQueue queue(*store, 100);
  EXPECT_EQ(due(queue, 0), "");
  queue.add(set("far", 10'000'000));
  queue.add(set("near", 30'000));
  EXPECT_EQ(queue.next(), core::Timestamp{30'000});
  EXPECT_EQ(due(queue, 30'000), "near");
  EXPECT_EQ(due(queue, 9'999'999), "");
  EXPECT_EQ(due(queue, 10'000'000), "far");
}

TEST_F(TimerQueueTest, ACancelledTimerIsSilent) {
  TimerQueue queue(*store, 100);
  (void)due(queue, 0);
  const auto timer = set("x", 100);
  queue.add(timer);
  queue.remove(timer);
  EXPECT_EQ(due(queue, 1000), "");
}

// More timers within a minute than memory may hold: all of them fire, in order.
TEST_F(TimerQueueTest, MemoryIsBounded) {
  TimerQueue queue(*store, 16);
  (void)due(queue, 0);
  for (int i = 0; i < 200; ++i) queue.add(set("t" + std::to_string(1000 + i), 100 + (i * 37) % 200));
  EXPECT_LE(queue.in_memory(), 17u);
  std::size_t fired = 0;
  std::int64_t last = 0;
  for (std::int64_t now = 100; now <= 303; now += 3) {
    std::int64_t lag = 0;
    for (const auto& timer : queue.due({now}, 1000, lag)) {
      EXPECT_LE(timer.due_ms, now);
      EXPECT_GE(timer.due_ms, last);
      last = timer.due_ms;
      ++fired;
    }
  }
  EXPECT_EQ(fired, 200u);
}

}  // namespace
}  // namespace weft::engine
