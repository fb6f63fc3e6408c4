#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/rocksdb_backup.h"
#include "store/rocksdb_event_store.h"
#include "tests/store/disk_image.h"
#include "tests/store/samples.h"
#include "tests/store/scratch_dir.h"

namespace weft::test {
namespace {

using store::StoreError;
using testing::HasSubstr;

class BackupTest : public testing::Test {
 protected:
  BackupTest() : dir_(scratch_ / "store"), backup_(scratch_ / "backup") {
    auto opened = open_store(dir_);
    EXPECT_TRUE(opened);
    store_ = *std::move(opened);
    store::Commit first = append(saga("a"), 0, {"1", "2", "3"});
    first.outbox_add.push_back({saga("a"), "effect", "x"});
    EXPECT_TRUE(commit(*store_, std::move(first)));
  }

  [[nodiscard]] store::Result<store::RestoreReport> restore(const std::string& to) const {
    return store::restore_backup({backup_, to, "", 2000});
  }

  ScratchDir scratch_;
  std::string dir_;
  std::string backup_;
  std::unique_ptr<store::RocksdbEventStore> store_;
};

TEST_F(BackupTest, ARestoredStoreHasTheBackupAndSaysSoUntilItIsAccepted) {
  const auto info = store_->backup(backup_, 1000);
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->position, 3U);
  EXPECT_EQ(info->store_id, store_->facts().id);
  EXPECT_GT(info->bytes, 0U);
  ASSERT_TRUE(commit(*store_, append(saga("a"), 3, {"after the backup"})));

  const auto report = restore(scratch_ / "new");
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->backup.taken_at_ms, 1000);
  EXPECT_FALSE(report->events_missing);
  for (int opening = 0; opening < 2; ++opening) {
    auto restored = open_store(scratch_ / "new");
    ASSERT_TRUE(restored) << restored.error().message;
    const store::StoreFacts facts = (*restored)->facts();
    EXPECT_EQ(facts.id, store_->facts().id);
    EXPECT_GT(facts.epoch, store_->facts().epoch);
    ASSERT_TRUE(facts.restored);
    EXPECT_EQ(facts.restored->backup_at_ms, 1000);
    EXPECT_EQ(facts.restored->restored_at_ms, 2000);
    EXPECT_EQ(facts.restored->position, 3U);
    EXPECT_EQ(*(*restored)->stream_version(saga("a")), 3U);
    EXPECT_EQ((*restored)->scan_outbox({}, "", 9)->rows.size(), 1U);
    if (opening == 1) {
      ASSERT_TRUE((*restored)->clear_restored());
      EXPECT_FALSE((*restored)->facts().restored);
    }
  }
  auto accepted = open_store(scratch_ / "new");
  ASSERT_TRUE(accepted);
  EXPECT_FALSE((*accepted)->facts().restored);
  EXPECT_TRUE(commit(**accepted, append(saga("a"), 3, {"another way on"})));
}

TEST_F(BackupTest, CommitsGoOnWhileABackupIsTaken) {
  std::atomic<int> acknowledged = 0;
  for (std::uint64_t i = 0; i < 300; ++i) {
    store_->submit({append(saga("load"), i, {"x"})}, [&](const auto& result) {
      if (result) ++acknowledged;
    });
  }
  const auto info = store_->backup(backup_, 1000);
  ASSERT_TRUE(info) << info.error().message;
  store_->flush();
  EXPECT_EQ(acknowledged, 300);
  EXPECT_EQ(store::fsck(backup_, "")->findings.size(), 0U);
  ASSERT_TRUE(restore(scratch_ / "new"));
  auto restored = open_store(scratch_ / "new");
  ASSERT_TRUE(restored);
  EXPECT_EQ((*restored)->head_position(), info->position);
}

// With the watermark on another device the loss can be stated exactly.
TEST_F(BackupTest, TheOldWatermarkTellsHowMuchIsMissing) {
  ASSERT_TRUE(store_->backup(backup_, 1000));
  ASSERT_TRUE(commit(*store_, append(saga("a"), 3, {"4", "5"})));
  ASSERT_TRUE(store_->close());
  std::filesystem::create_directories(scratch_ / "marks");
  std::filesystem::copy_file(dir_ + "/WATERMARK", scratch_ / "marks/WATERMARK");
  const auto report = store::restore_backup({backup_, scratch_ / "new", scratch_ / "marks", 2000});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->events_missing, 2U);
  store::RocksdbOptions options;
  options.data_dir = scratch_ / "new";
  options.watermark_dir = scratch_ / "marks";
  const auto restored = store::RocksdbEventStore::open(std::move(options));
  ASSERT_TRUE(restored) << restored.error().message;
}

TEST_F(BackupTest, OnlyEmptyPlacesAreWrittenTo) {
  ASSERT_TRUE(store_->backup(backup_, 1000));
  const auto again = store_->backup(backup_, 1000);
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error().message, HasSubstr("not empty"));
  const auto onto_a_store = restore(dir_);
  ASSERT_FALSE(onto_a_store);
  EXPECT_EQ(onto_a_store.error().kind, StoreError::Kind::kLocked);
  ASSERT_TRUE(store_->close());
  const auto closed = restore(dir_);
  ASSERT_FALSE(closed);
  EXPECT_THAT(closed.error().message, HasSubstr("there is a store"));
}

TEST_F(BackupTest, AnUnfinishedOrDamagedBackupIsNotRestored) {
  EXPECT_EQ(restore(scratch_ / "new").error().kind, StoreError::Kind::kNotFound);
  ASSERT_TRUE(store_->backup(backup_, 1000));
  const std::string info = read_bytes(backup_ + "/BACKUP");
  write_bytes(backup_ + "/BACKUP", "weft-backup 1\nnonsense");
  EXPECT_EQ(restore(scratch_ / "new").error().kind, StoreError::Kind::kDamaged);
  write_bytes(backup_ + "/BACKUP", info);
  ASSERT_TRUE(store_->close());
  store_.reset();
  for (const auto& entry : std::filesystem::directory_iterator(backup_ + "/db")) {
    if (entry.path().extension() == ".sst") flip_byte(entry.path().string(), 20);
  }
  EXPECT_EQ(restore(scratch_ / "new").error().kind, StoreError::Kind::kDamaged);
  EXPECT_FALSE(std::filesystem::exists(scratch_ / "new/db"));
}

}  // namespace
}  // namespace weft::test
