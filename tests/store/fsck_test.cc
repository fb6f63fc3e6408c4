// Changes made behind the store's back are found, and named.

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/event_record.h"
#include "store/key_layout.h"
#include "store/rocksdb_event_store.h"
#include "tests/store/disk_image.h"
#include "tests/store/samples.h"
#include "tests/store/scratch_dir.h"

namespace weft::test {
namespace {

using store::CheckReport;
using store::RocksdbDatabase;
using store::RocksdbRows;
using store::RocksdbWriter;
using store::Table;
using testing::HasSubstr;
using testing::IsEmpty;

class FsckTest : public testing::Test {
 protected:
  FsckTest() : dir_(scratch_ / "store") {
    auto store = open_store(dir_);
    EXPECT_TRUE(store);
    store::Commit first = append(saga("a"), 0, {"one", "two", "three"});
    first.outbox_add.push_back({saga("a"), "effect", "x"});
    first.timers_set.push_back({saga("a"), 77, "timer", "x"});
    first.snapshots.push_back({saga("a"), 3, "fold"});
    EXPECT_TRUE(commit(**store, std::move(first)));
    EXPECT_TRUE(commit(**store, append(saga("b"), 0, {"four"})));
    EXPECT_TRUE(commit(**store, append(saga("a"), 3, {"five"})));
  }

  // Writes rows as no caller of the store could.
  void tamper(const std::function<void(const RocksdbRows&, RocksdbWriter&)>& change) {
    auto database = RocksdbDatabase::open(dir_ + "/db", RocksdbDatabase::Mode::kReadWrite, nullptr);
    ASSERT_TRUE(database);
    const RocksdbRows rows(**database, RocksdbRows::Moment::kLatest);
    RocksdbWriter writer(**database);
    change(rows, writer);
    ASSERT_TRUE(writer.write());
  }

  [[nodiscard]] std::string findings() const {
    const auto report = store::fsck(dir_, "");
    if (!report) return "error: " + report.error().message;
    std::string text;
    for (const store::Finding& finding : report->findings) {
      text += finding.place + ": " + finding.what + "\n";
    }
    return text;
  }

  ScratchDir scratch_;
  std::string dir_;
};

TEST_F(FsckTest, ASoundStoreHasNoFindings) {
  const auto report = store::fsck(dir_, "");
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_THAT(report->findings, IsEmpty());
  EXPECT_EQ(report->streams, 2U);
  EXPECT_EQ(report->events, 5U);
  EXPECT_EQ(report->outbox_rows, 1U);
  EXPECT_EQ(report->timers, 1U);
  EXPECT_EQ(report->snapshots, 1U);
  EXPECT_EQ(report->head_position, 5U);
  EXPECT_TRUE(open_store(dir_));  // checking changed nothing
}

TEST_F(FsckTest, ErasedPayloadsAndDeletedStreamsAreNoFindings) {
  {
    auto store = open_store(dir_);
    ASSERT_TRUE(store);
    store::Commit change;
    change.erasures.push_back({saga("a"), 2, "asked"});
    change.stream_deletes.push_back({saga("b"), 1});
    ASSERT_TRUE(commit(**store, std::move(change)));
  }
  EXPECT_EQ(findings(), "");
  EXPECT_EQ(store::fsck(dir_, "")->erased, 1U);
}

TEST_F(FsckTest, AChangedPayloadIsFound) {
  tamper([](const RocksdbRows& rows, RocksdbWriter& writer) {
    const std::string key = store::event_key(saga("a"), 2);
    std::string record = **rows.get(Table::kEvents, key);
    record.replace(record.find("two"), 3, "TWO");
    writer.put(Table::kEvents, key, record);
  });
  EXPECT_THAT(findings(), HasSubstr("'saga/a' of partition 7: event 2 does not fit"));
  auto store = open_store(dir_);
  ASSERT_TRUE(store);
  const auto read = (*store)->read_stream(saga("a"), 1, 9);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().kind, store::StoreError::Kind::kDamaged);
  EXPECT_TRUE((*store)->read_stream(saga("b"), 1, 9));
}

TEST_F(FsckTest, AReplacedEventWithAHashOfItsOwnIsFound) {
  tamper([](const RocksdbRows& rows, RocksdbWriter& writer) {
    const std::string key = store::event_key(saga("a"), 2);
    const auto first =
        store::parse_event(**rows.get(Table::kEvents, store::event_key(saga("a"), 1)));
    std::string record;
    store::encode_event(event("forged"), 2, {}, first->hash, record);
    writer.put(Table::kEvents, key, record);
  });
  EXPECT_THAT(findings(), HasSubstr("event 3 does not fit"));
}

TEST_F(FsckTest, AMissingEventIsFound) {
  tamper([](const RocksdbRows&, RocksdbWriter& writer) {
    writer.erase(Table::kEvents, store::event_key(saga("a"), 2));
  });
  EXPECT_THAT(findings(), HasSubstr("events 2 to 2 are missing"));
}

TEST_F(FsckTest, AMissingLastEventIsFound) {
  tamper([](const RocksdbRows&, RocksdbWriter& writer) {
    writer.erase(Table::kEvents, store::event_key(saga("b"), 1));
  });
  EXPECT_THAT(findings(), HasSubstr("position 4: event 1 of stream 'saga/b'"));
}

TEST_F(FsckTest, AStreamRemovedWithItsPositionsIsFound) {
  tamper([](const RocksdbRows&, RocksdbWriter& writer) {
    writer.erase(Table::kEvents, store::event_key(saga("b"), 1));
    writer.erase(Table::kPositions, store::position_key(4));
  });
  EXPECT_THAT(findings(), HasSubstr("1 positions are missing, but 0 events were deleted"));
}

TEST_F(FsckTest, RowsOfNoStreamAreFound) {
  tamper([](const RocksdbRows&, RocksdbWriter& writer) {
    writer.put(Table::kTimers, store::timer_key(5, saga("ghost"), "t"), "x");
    std::string snapshot;
    store::encode_snapshot(9, "fold", snapshot);
    writer.put(Table::kSnapshots, store::stream_key(saga("a")), snapshot);
    writer.put(Table::kOutbox, "no key", "x");
  });
  const std::string found = findings();
  EXPECT_THAT(found, HasSubstr("timer 74 belongs to no event"));
  EXPECT_THAT(found, HasSubstr("its snapshot is of version 9, but its last event is 4"));
  EXPECT_THAT(found, HasSubstr("table outbox: unreadable key"));
}

// What the engine owes to an event from outside stands in a stream that never has events of its own;
// a backup must not fail because of it.
TEST_F(FsckTest, AnEffectOfAStreamWithoutEventsIsSound) {
  tamper([](const RocksdbRows&, RocksdbWriter& writer) {
    writer.put(Table::kOutbox, store::outbox_key({134, "event/8632"}, "d"), "x");
  });
  EXPECT_EQ(findings(), "");
}

TEST_F(FsckTest, ARottenTableFileIsFound) {
  { ASSERT_TRUE(open_store(dir_)); }  // recovery moves the log into table files
  std::string table;
  for (const auto& entry : std::filesystem::directory_iterator(dir_ + "/db")) {
    if (entry.path().extension() == ".sst") table = entry.path().string();
  }
  ASSERT_FALSE(table.empty());
  flip_byte(table, 20);
  EXPECT_NE(findings(), "");
}

TEST_F(FsckTest, AStoreInUseIsNotChecked) {
  auto store = open_store(dir_);
  const auto report = store::fsck(dir_, "");
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, store::StoreError::Kind::kLocked);
}

TEST_F(FsckTest, AStoreCanCheckItselfWhileItWorks) {
  tamper([](const RocksdbRows&, RocksdbWriter& writer) {
    writer.erase(Table::kEvents, store::event_key(saga("a"), 2));
  });
  auto store = open_store(dir_);
  ASSERT_TRUE(store);
  ASSERT_TRUE(commit(**store, append(saga("c"), 0, {"goes on"})));
  const auto report = (*store)->check();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->streams, 3U);
  EXPECT_FALSE(report->findings.empty());
}

TEST_F(FsckTest, NoStoreIsSaid) {
  EXPECT_EQ(store::fsck(scratch_ / "nothing", "").error().kind, store::StoreError::Kind::kNotFound);
}

}  // namespace
}  // namespace weft::test
