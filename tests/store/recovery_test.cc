// What opening accepts and what it refuses, on real files.

#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/crc32c.h"
#include "store/key_layout.h"
#include "store/rocksdb_event_store.h"
#include "store/wal_scan.h"
#include "tests/store/disk_image.h"
#include "tests/store/samples.h"
#include "tests/store/scratch_dir.h"

namespace weft::test {
namespace {

using store::StoreError;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

/// A store with 20 events, one sync each, as it lies on disk after a clean end.
class RecoveryTest : public testing::Test {
 protected:
  RecoveryTest() : dir_(scratch_ / "store") {
    auto store = open_store(dir_);
    EXPECT_TRUE(store);
    for (std::uint64_t i = 0; i < 20; ++i) {
      sizes_.push_back(std::filesystem::file_size(newest_log(dir_)));
      EXPECT_TRUE(commit(**store, append(saga("a"), i, {"payload " + std::to_string(i + 1)})));
    }
    sizes_.push_back(std::filesystem::file_size(newest_log(dir_)));
  }

  // Where the log stood before event `n` (from 1) was written; 21: the mark of the clean end.
  [[nodiscard]] std::uint64_t log_size_before(std::size_t n) const { return sizes_.at(n - 1); }

  void expect_refusal(StoreError::Kind kind, const std::string& words) {
    for (int attempt = 0; attempt < 2; ++attempt) {  // refusing must not use up the evidence
      const auto store = open_store(dir_);
      ASSERT_FALSE(store);
      EXPECT_EQ(store.error().kind, kind) << store.error().message;
      EXPECT_THAT(store.error().message, HasSubstr(words));
    }
  }

  ScratchDir scratch_;
  std::string dir_;
  std::vector<std::uint64_t> sizes_;
};

TEST_F(RecoveryTest, AStoreThatWasKilledOpensWithEverything) {
  {
    auto live = open_store(dir_);
    ASSERT_TRUE(live);
    ASSERT_TRUE(commit(**live, append(saga("a"), 20, {"payload 21"})));
    copy_directory(dir_, scratch_ / "killed");
  }
  auto store = open_store(scratch_ / "killed");
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_FALSE((*store)->facts().clean_shutdown);
  EXPECT_THAT((*store)->facts().notes, IsEmpty());
  EXPECT_EQ(*(*store)->stream_version(saga("a")), 21U);
}

// Power failed while a record was being written: it was not acknowledged, so it may go.
TEST_F(RecoveryTest, ATornTailIsDroppedAndNoted) {
  const std::string log = newest_log(dir_);
  const std::string bytes = read_bytes(log);
  const std::string last_record = bytes.substr(log_size_before(20));
  write_bytes(log, bytes + last_record.substr(0, last_record.size() / 2));
  auto store = open_store(dir_);
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_EQ((*store)->head_position(), 20U);
  ASSERT_THAT((*store)->facts().notes, SizeIs(1));
  EXPECT_THAT((*store)->facts().notes[0], HasSubstr("torn end"));
  EXPECT_TRUE(commit(**store, append(saga("a"), 20, {"payload 21"})));
}

TEST_F(RecoveryTest, AZeroedTailIsDropped) {
  const std::string log = newest_log(dir_);
  write_bytes(log, read_bytes(log) + std::string(5000, '\0'));
  auto store = open_store(dir_);
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_EQ((*store)->head_position(), 20U);
}

// RocksDB alone would open this store with 11 events and say nothing.
TEST_F(RecoveryTest, ARottenRecordWithValidOnesBehindIsRefused) {
  flip_byte(newest_log(dir_), log_size_before(12) + 60);
  expect_refusal(StoreError::Kind::kDamaged,
                 "acknowledged data is missing: 9 events, positions 12 to 20 at least");
}

// Also when nothing but the log can tell.
TEST_F(RecoveryTest, ARottenRecordIsRefusedWithoutAWatermark) {
  std::filesystem::remove(dir_ + "/WATERMARK");
  for (const std::size_t offset : {0U, 4U, 6U, 7U, 60U}) {  // crc, length, type, sequence, row
    const std::string log = newest_log(dir_);
    const std::string sound = read_bytes(log);
    flip_byte(log, log_size_before(5) + offset);
    expect_refusal(StoreError::Kind::kDamaged, "16 events, positions 5 to 20");
    write_bytes(log, sound);
  }
  EXPECT_TRUE(open_store(dir_));
}

// Nothing behind it: only the watermark can tell rot from a torn tail.
TEST_F(RecoveryTest, ARottenLastRecordIsRefusedByTheWatermark) {
  std::filesystem::resize_file(newest_log(dir_), log_size_before(21));
  flip_byte(newest_log(dir_), log_size_before(20) + 60);
  expect_refusal(StoreError::Kind::kDamaged,
                 "acknowledged data is missing: 1 event, positions 20 to 20");
  std::filesystem::remove(dir_ + "/WATERMARK");
  auto store = open_store(dir_);  // the honest limit of one node
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_EQ((*store)->head_position(), 19U);
}

// The file ends exactly between two records: to RocksDB nothing is wrong with it.
TEST_F(RecoveryTest, ALogCutBetweenRecordsIsRefusedByTheWatermark) {
  std::filesystem::resize_file(newest_log(dir_), log_size_before(16));
  const auto store = open_store(dir_);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().kind, StoreError::Kind::kDamaged);
  EXPECT_THAT(store.error().message, HasSubstr("5 events, positions 16 to 20"));
}

TEST_F(RecoveryTest, AMissingLogIsRefused) {
  std::filesystem::remove(newest_log(dir_));
  expect_refusal(StoreError::Kind::kDamaged, "");
}

TEST_F(RecoveryTest, AMissingDatabaseIsRefused) {
  std::filesystem::remove_all(dir_ + "/db");
  expect_refusal(StoreError::Kind::kDamaged, "a store with 20 events was here");
}

TEST_F(RecoveryTest, AnOlderCopyOfTheDatabaseIsRefused) {
  copy_directory(dir_ + "/db", scratch_ / "old db");
  { ASSERT_TRUE(open_store(dir_)); }  // no events, but a later epoch
  std::filesystem::remove_all(dir_ + "/db");
  copy_directory(scratch_ / "old db", dir_ + "/db");
  expect_refusal(StoreError::Kind::kDamaged, "older copy");
}

TEST_F(RecoveryTest, AnotherStoresWatermarkIsRefused) {
  { ASSERT_TRUE(open_store(scratch_ / "other")); }
  std::filesystem::copy_file(scratch_ / "other/WATERMARK", dir_ + "/WATERMARK",
                             std::filesystem::copy_options::overwrite_existing);
  expect_refusal(StoreError::Kind::kDamaged, "the watermark is that of store");
}

TEST_F(RecoveryTest, TheWatermarkMayLiveElsewhere) {
  const auto open_apart = [&] {
    store::RocksdbOptions options;
    options.data_dir = scratch_ / "apart";
    options.watermark_dir = scratch_ / "marks";
    return store::RocksdbEventStore::open(std::move(options));
  };
  {
    auto store = open_apart();
    ASSERT_TRUE(store) << store.error().message;
    ASSERT_TRUE(commit(**store, append(saga("a"), 0, {"1"})));
  }
  EXPECT_FALSE(std::filesystem::exists(scratch_ / "apart/WATERMARK"));
  std::filesystem::remove_all(scratch_ / "apart");  // the device with the data died
  const auto store = open_apart();
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().kind, StoreError::Kind::kDamaged);
}

TEST_F(RecoveryTest, ASecondUserIsToldWhoHoldsTheStore) {
  auto first = open_store(dir_);
  ASSERT_TRUE(first);
  ASSERT_TRUE((*first)->set_owner_info("http://127.0.0.1:7717"));
  const auto second = open_store(dir_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, StoreError::Kind::kLocked);
  EXPECT_THAT(second.error().message, HasSubstr("process " + std::to_string(getpid())));
  EXPECT_THAT(second.error().message, HasSubstr("http://127.0.0.1:7717"));
  EXPECT_TRUE(commit(**first, append(saga("a"), 20, {"goes on"})));
  ASSERT_TRUE((*first)->close());
  EXPECT_TRUE(open_store(dir_));
}

TEST_F(RecoveryTest, ANewerStoreIsRefusedNamingTheProgramNeeded) {
  write_bytes(dir_ + "/FORMAT", "weft-store 2\nneeds 3.1.0\nid x\n");
  expect_refusal(StoreError::Kind::kNewer, "use weft 3.1.0 or newer");
  std::filesystem::remove(dir_ + "/FORMAT");
  {
    auto database = store::RocksdbDatabase::open(dir_ + "/db",
                                                 store::RocksdbDatabase::Mode::kReadWrite, nullptr);
    ASSERT_TRUE(database);
    store::RocksdbWriter writer(**database);
    writer.put(store::Table::kMeta, store::meta::kFormat, store::encode_number(2));
    writer.put(store::Table::kMeta, store::meta::kNeeds, "3.2.0");
    ASSERT_TRUE(writer.write());
  }
  expect_refusal(StoreError::Kind::kNewer, "use weft 3.2.0 or newer");
}

TEST_F(RecoveryTest, WithoutCreatingAnEmptyDirectoryIsNoStore) {
  store::RocksdbOptions options;
  options.data_dir = scratch_ / "nothing";
  options.create = false;
  const auto store = store::RocksdbEventStore::open(std::move(options));
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().kind, StoreError::Kind::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(scratch_ / "nothing"));
}

TEST_F(RecoveryTest, AFileInPlaceOfTheDirectoryIsAnError) {
  write_bytes(scratch_ / "file", "x");
  const auto store = open_store(scratch_ / "file");
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().kind, StoreError::Kind::kIo);
}

// A record that spans blocks and is torn after its first part was never acknowledged.
TEST_F(RecoveryTest, ATornRecordOfManyBlocksIsDropped) {
  {
    auto store = open_store(dir_);
    ASSERT_TRUE(store);
    ASSERT_TRUE(commit(**store, append(saga("a"), 20, {std::string(100'000, 'x')})));
    copy_directory(dir_, scratch_ / "killed");
  }
  const std::string killed = scratch_ / "killed";
  const std::string log = newest_log(killed);
  std::string bytes = read_bytes(log);
  ASSERT_GT(bytes.size(), 100'000U);
  std::filesystem::remove(killed + "/WATERMARK");
  // Its middle block never reached the disk, its last one did.
  bytes.replace(40'000, 20'000, std::string(20'000, '\0'));
  write_bytes(log, bytes);
  auto store = open_store(killed);
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_EQ((*store)->head_position(), 20U);
}

// A commit without events moves no position: only the number of the last row change can tell.
TEST_F(RecoveryTest, AMissingErasureIsNoticed) {
  std::uintmax_t before = 0;
  {
    auto store = open_store(dir_);
    ASSERT_TRUE(store);
    before = std::filesystem::file_size(newest_log(dir_));
    store::Commit erase;
    erase.erasures.push_back({saga("a"), 3, "asked to be forgotten"});
    ASSERT_TRUE(commit(**store, std::move(erase)));
  }
  std::filesystem::resize_file(newest_log(dir_), before);
  expect_refusal(StoreError::Kind::kDamaged, "acknowledged data is missing");
}

// RocksDB takes a bad record of its manifest for the end, and forgets tables that came later.
TEST_F(RecoveryTest, AShortenedManifestIsRefused) {
  {
    auto store = open_store(dir_);
    ASSERT_TRUE(store);
    ASSERT_TRUE((*store)->backup(scratch_ / "backup", 0));  // writes tables out
  }
  const std::string current = read_bytes(dir_ + "/db/CURRENT");
  const std::string manifest = dir_ + "/db/" + current.substr(0, current.size() - 1);
  const std::string sound = read_bytes(manifest);
  for (const std::size_t cut : {1U, 60U, 200U}) {
    write_bytes(manifest, sound.substr(0, sound.size() - cut));
    expect_refusal(StoreError::Kind::kDamaged, "MANIFEST");
  }
  write_bytes(manifest, sound.substr(0, sound.size() - 100) + std::string(100, '\0'));
  expect_refusal(StoreError::Kind::kDamaged, "MANIFEST");
  write_bytes(manifest, sound);
  EXPECT_TRUE(open_store(dir_));
}

// The bit that says which checksums a table has is guarded by none of them.
TEST_F(RecoveryTest, ATableThatClaimsToHaveNoChecksumsIsRefused) {
  { ASSERT_TRUE(open_store(dir_)); }  // recovery wrote the log out as tables
  std::string table;
  for (const auto& entry : std::filesystem::directory_iterator(dir_ + "/db")) {
    if (entry.path().extension() == ".sst") table = entry.path().string();
  }
  ASSERT_NE(table, "");
  std::string bytes = read_bytes(table);
  bytes[bytes.size() - 53] = 0;
  write_bytes(table, bytes);
  expect_refusal(StoreError::Kind::kDamaged, "the end of the table file");
}

// RocksDB looks at the end of that block before at its checksum, and died of this bit.
TEST_F(RecoveryTest, ATableWhosePropertiesClaimAHashIndexIsRefused) {
  { ASSERT_TRUE(open_store(dir_)); }
  for (const auto& entry : std::filesystem::directory_iterator(dir_ + "/db")) {
    if (entry.path().extension() != ".sst") continue;
    std::string bytes = read_bytes(entry.path().string());
    std::size_t at = bytes.rfind("rocksdb.properties") + std::string("rocksdb.properties").size();
    const auto varint = [&] {
      std::size_t value = 0;
      for (unsigned shift = 0;; shift += 7) {
        const auto byte = static_cast<unsigned char>(bytes.at(at++));
        value |= std::size_t{byte & 0x7fU} << shift;
        if (byte < 0x80) return value;
      }
    };
    const std::size_t offset = varint(), size = varint();
    bytes.at(offset + size - 1) = static_cast<char>(bytes.at(offset + size - 1) | 0x80);
    write_bytes(entry.path().string(), bytes);
    break;
  }
  expect_refusal(StoreError::Kind::kDamaged, "the end of the table file");
}

// RocksDB drops a torn end and begins the next log with an empty record. If the machine dies again
// before the old log is gone, that record is no proof that the torn one had been synced.
TEST(WalScanTest, AnEmptyRecordIsNoProofOfLoss) {
  const ScratchDir scratch;
  const auto record = [](char sequence, char count) {
    std::string batch(12, '\0');
    batch[0] = sequence;
    batch[8] = count;
    const std::uint32_t crc = store::crc32c(std::string(1, 1) + batch);
    const std::uint32_t masked = ((crc >> 15U) | (crc << 17U)) + 0xa282ead8U;
    std::string bytes;
    for (unsigned i = 0; i < 4; ++i) bytes += static_cast<char>(masked >> (8 * i));
    return bytes + std::string("\x0c\0\1", 3) + batch;
  };
  write_bytes(scratch / "000004.log", record(1, 7) + "torn");
  write_bytes(scratch / "000009.log", record(8, 0));
  const auto empty = store::scan_wals(scratch.path());
  ASSERT_TRUE(empty);
  EXPECT_THAT(empty->damages, SizeIs(1));
  EXPECT_EQ(empty->last_sequence, 7U);
  EXPECT_FALSE(empty->records_behind_damage);
  write_bytes(scratch / "000009.log", record(9, 1));  // 8 was lost
  EXPECT_TRUE(store::scan_wals(scratch.path())->records_behind_damage);
}

TEST(WalScanTest, NoLogsAreSound) {
  const ScratchDir scratch;
  const auto scan = store::scan_wals(scratch / "nothing");
  ASSERT_TRUE(scan);
  EXPECT_THAT(scan->damages, IsEmpty());
  EXPECT_EQ(scan->last_sequence, 0U);
}

TEST(WalScanTest, GarbageIsDamageWithNothingBehind) {
  const ScratchDir scratch;
  std::string garbage;
  for (unsigned i = 0; i < 100'000; ++i) {
    garbage.push_back(static_cast<char>((i * 2654435761U) >> 24U));
  }
  write_bytes(scratch / "000004.log", garbage);
  const auto scan = store::scan_wals(scratch.path());
  ASSERT_TRUE(scan);
  ASSERT_THAT(scan->damages, SizeIs(1));
  EXPECT_EQ(scan->damages[0].offset, 0U);
  EXPECT_FALSE(scan->records_behind_damage);
}

}  // namespace
}  // namespace weft::test
