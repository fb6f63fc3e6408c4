#include "orchestrator/app/change_feed.h"

#include <thread>

#include <gtest/gtest.h>

namespace weft::app {
namespace {

using std::chrono::milliseconds;

engine::Change change(std::uint64_t position) {
  return {position, "SagaStarted", "w", "{\"n\":" + std::to_string(position) + "}"};
}

TEST(ChangeFeedTest, GivesWhatCameAfter) {
  ChangeFeed feed(10);
  feed.reader_came();
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
  feed.reader_came();
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
  feed.reader_came();
  for (std::uint64_t position = 1; position <= 5; ++position) {
    feed.push({position, "SagaStarted", "w", std::string(400, 'x')});
  }
  EXPECT_TRUE(feed.wait(2, milliseconds(0), 100).missed);
  EXPECT_EQ(feed.wait(3, milliseconds(0), 100).changes.size(), 2U);
  feed.push({6, "SagaStarted", "w", std::string(4000, 'x')});
  EXPECT_EQ(feed.wait(5, milliseconds(0), 100).changes.size(), 1U);
}

// Every transition of every saga comes by, and most of the time nobody looks.
TEST(ChangeFeedTest, NothingIsKeptForNobody) {
  ChangeFeed feed(10);
  feed.push(change(11));
  feed.reader_came();
  EXPECT_EQ(feed.head(), 11U);
  EXPECT_TRUE(feed.wait(10, milliseconds(0), 100).missed) << "he is to read the store";
  feed.push(change(12));
  EXPECT_EQ(feed.wait(11, milliseconds(0), 100).changes.size(), 1U);
  feed.reader_left();
  feed.reader_came();
  EXPECT_TRUE(feed.wait(11, milliseconds(0), 100).missed);
  EXPECT_FALSE(feed.wait(12, milliseconds(0), 100).missed);
}

TEST(ChangeFeedTest, WaitsForTheNextOne) {
  ChangeFeed feed(0);
  feed.reader_came();
  std::thread writer([&] { feed.push(change(1)); });
  const auto batch = feed.wait(0, std::chrono::seconds(30), 100);
  writer.join();
  EXPECT_EQ(batch.changes.size(), 1U);
}

TEST(ChangeFeedTest, ClosingWakesReaders) {
  ChangeFeed feed(0);
  feed.reader_came();
  std::thread closer([&] { feed.close(); });
  EXPECT_TRUE(feed.wait(0, std::chrono::seconds(30), 100).closed);
  closer.join();
}

}  // namespace
}  // namespace weft::app
