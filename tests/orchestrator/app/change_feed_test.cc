#include "orchestrator/app/change_feed.h"

#include <thread>

#include <gtest/gtest.h>

namespace weft::app {
namespace {

using std::chrono::milliseconds;

engine::Change change(std::uint64_t position) {
  return {position, "SagaStarted", "w", dsl::Value::object({{"n", static_cast<int>(position)}})};
}

TEST(ChangeFeedTest, GivesWhatCameAfter) {
  ChangeFeed feed(10);
  feed.push(change(12));
  feed.push(change(15));
  const auto batch = feed.wait(12, milliseconds(0), 100);
  ASSERT_EQ(batch.changes.size(), 1U);
  EXPECT_EQ(batch.changes[0].position, 15U);
  EXPECT_FALSE(batch.missed);
  EXPECT_EQ(feed.head(), 15U);
}

TEST(ChangeFeedTest, SaysSoWhenAReaderFellBehind) {
  ChangeFeed feed(10, 2);
  EXPECT_TRUE(feed.wait(3, milliseconds(0), 100).missed);  // Before this process.
  for (std::uint64_t position = 11; position <= 15; ++position) feed.push(change(position));
  EXPECT_TRUE(feed.wait(12, milliseconds(0), 100).missed);
  const auto batch = feed.wait(13, milliseconds(0), 100);
  EXPECT_FALSE(batch.missed);
  EXPECT_EQ(batch.changes.size(), 2U);
}

// Events carry payloads: a few large ones must not fill the memory, and the newest is always kept.
TEST(ChangeFeedTest, LargeChangesAreForgottenSooner) {
  ChangeFeed feed(0, 100, 1000);
  for (std::uint64_t position = 1; position <= 5; ++position) {
    feed.push({position, "SagaStarted", "w", dsl::Value::object({{"x", std::string(400, 'x')}})});
  }
  EXPECT_TRUE(feed.wait(2, milliseconds(0), 100).missed);
  EXPECT_EQ(feed.wait(3, milliseconds(0), 100).changes.size(), 2U);
  feed.push({6, "SagaStarted", "w", dsl::Value::object({{"x", std::string(4000, 'x')}})});
  EXPECT_EQ(feed.wait(5, milliseconds(0), 100).changes.size(), 1U);
}

TEST(ChangeFeedTest, WaitsForTheNextOne) {
  ChangeFeed feed(0);
  std::thread writer([&] { feed.push(change(1)); });
  const auto batch = feed.wait(0, std::chrono::seconds(30), 100);
  writer.join();
  EXPECT_EQ(batch.changes.size(), 1U);
}

TEST(ChangeFeedTest, ClosingWakesReaders) {
  ChangeFeed feed(0);
  std::thread closer([&] { feed.close(); });
  EXPECT_TRUE(feed.wait(0, std::chrono::seconds(30), 100).closed);
  closer.join();
}

}  // namespace
}  // namespace weft::app
