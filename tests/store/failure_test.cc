// A disk that fails, fills or forgets: nothing is acknowledged that is not there afterwards.

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/rocksdb_event_store.h"
#include "tests/store/disk_image.h"
#include "tests/store/fault_file_system.h"
#include "tests/store/samples.h"
#include "tests/store/scratch_dir.h"

namespace weft::test {
namespace {

using store::StoreError;
using testing::HasSubstr;
using testing::SizeIs;
using Operation = FaultFileSystem::Operation;
using Error = FaultFileSystem::Error;

class FailureTest : public testing::Test {
 protected:
  void open() {
    store::RocksdbOptions options;
    options.data_dir = scratch_ / "store";
    options.env = disk_.env();
    options.on_fatal = [this](const std::string& reason) {
      const std::lock_guard lock(mutex_);
      fatal_.push_back(reason);
    };
    auto opened = store::RocksdbEventStore::open(std::move(options));
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = *std::move(opened);
  }

  // After the failure: the present store acknowledges nothing, the next one has what it had.
  void expect_failed_for_good(std::uint64_t acknowledged) {
    const auto later = commit(*store_, append(saga("b"), 0, {"later"}));
    ASSERT_FALSE(later);
    EXPECT_NE(later.error().kind, StoreError::Kind::kVersionConflict);
    EXPECT_THAT(fatal_, SizeIs(1));
    store_.reset();
    auto reopened = open_store(scratch_ / "store");
    ASSERT_TRUE(reopened) << reopened.error().message;
    EXPECT_FALSE((*reopened)->facts().clean_shutdown);
    const auto events = (*reopened)->read_stream(saga("a"), 1, 100);
    ASSERT_TRUE(events);
    EXPECT_GE(events->size(), acknowledged);
    for (std::size_t i = 0; i < events->size(); ++i) {
      EXPECT_EQ((*events)[i].payload, std::to_string(i + 1));
    }
    EXPECT_EQ(*(*reopened)->stream_version(saga("b")), 0U);
  }

  ScratchDir scratch_;
  FaultFileSystem disk_;
  std::mutex mutex_;
  std::vector<std::string> fatal_;
  std::unique_ptr<store::RocksdbEventStore> store_;
};

TEST_F(FailureTest, AFailedSyncIsTheEnd) {
  open();
  ASSERT_TRUE(commit(*store_, append(saga("a"), 0, {"1", "2"})));
  disk_.fail(Operation::kSync, ".log", Error::kInputOutput);
  const auto failed = commit(*store_, append(saga("a"), 2, {"3"}));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, StoreError::Kind::kFailed);
  EXPECT_THAT(failed.error().message, HasSubstr("Input/output error"));
  expect_failed_for_good(2);
}

TEST_F(FailureTest, AFailedWriteIsTheEnd) {
  open();
  ASSERT_TRUE(commit(*store_, append(saga("a"), 0, {"1"})));
  disk_.fail(Operation::kAppend, ".log", Error::kInputOutput);
  EXPECT_FALSE(commit(*store_, append(saga("a"), 1, {"2"})));
  expect_failed_for_good(1);
}

TEST_F(FailureTest, AFullDiskIsTheEndAndSaysSo) {
  open();
  ASSERT_TRUE(commit(*store_, append(saga("a"), 0, {"1"})));
  disk_.fail(Operation::kAppend, ".log", Error::kNoSpace);
  const auto failed = commit(*store_, append(saga("a"), 1, {"2"}));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, StoreError::Kind::kFull);
  expect_failed_for_good(1);
}

// The log is fine, a table file is not: RocksDB would go on for a while.
TEST_F(FailureTest, AnErrorInTheBackgroundIsTheEnd) {
  open();
  ASSERT_TRUE(commit(*store_, append(saga("a"), 0, {"1"})));
  disk_.fail(Operation::kAppend, ".sst", Error::kInputOutput);
  EXPECT_FALSE(store_->backup(scratch_ / "backup", 0));  // flushes
  expect_failed_for_good(1);
}

TEST_F(FailureTest, AFullDiskAtOpeningIsSaid) {
  disk_.fail(Operation::kAppend, "", Error::kNoSpace);
  const auto store = open_store(scratch_ / "store", disk_.env());
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().kind, StoreError::Kind::kFull);
}

// The law: what was acknowledged before the power went is there after it came back.
TEST_F(FailureTest, APowerCutAtAnyMomentLosesNothingAcknowledged) {
  open();
  constexpr int kStreams = 5;
  std::vector<std::uint64_t> submitted(kStreams, 0);
  std::array<std::atomic<std::uint64_t>, kStreams> acknowledged{};
  for (int cut = 0; cut < 6; ++cut) {
    for (int i = 0; i < 200; ++i) {
      const auto s = static_cast<std::size_t>((i * 7 + cut) % kStreams);
      const auto id = saga(std::to_string(s));
      store::Commit next = append(id, submitted[s], {std::to_string(submitted[s] + 1)});
      next.outbox_add.push_back({id, std::to_string(submitted[s] + 1), "effect"});
      if (submitted[s] > 0) next.outbox_settle.push_back({id, std::to_string(submitted[s])});
      ++submitted[s];
      store_->submit({std::move(next)}, [&acknowledged, s](const auto& result) {
        if (result) ++acknowledged[s];
      });
    }
    std::vector<std::uint64_t> known(kStreams);
    for (std::size_t s = 0; s < kStreams; ++s) known[s] = acknowledged[s];
    const std::string after = scratch_ / ("after" + std::to_string(cut));
    disk_.copy_after_power_cut(scratch_ / "store", after);

    auto reopened = open_store(after);
    ASSERT_TRUE(reopened) << reopened.error().message;
    for (std::size_t s = 0; s < kStreams; ++s) {
      const auto id = saga(std::to_string(s));
      const auto version = (*reopened)->stream_version(id);
      ASSERT_TRUE(version);
      EXPECT_GE(*version, known[s]);
      // Events and effects came in one batch: the one effect owed is that of the last event.
      const auto owed = (*reopened)->scan_outbox({}, "", 100);
      for (const store::OutboxRow& row : owed->rows) {
        if (row.stream == id) {
          EXPECT_EQ(row.id, std::to_string(*version));
        }
      }
    }
    ASSERT_TRUE((*reopened)->close());
    const auto report = store::fsck(after, "");
    ASSERT_TRUE(report);
    EXPECT_TRUE(report->findings.empty()) << report->findings[0].what;
  }
  store_->flush();
}

}  // namespace
}  // namespace weft::test
