#include "store/watermark.h"

#include <atomic>
#include <cstdint>
#include <fstream>
#include <future>
#include <string>

#include <gtest/gtest.h>

#include "store/crc32c.h"
#include "store/durable_file.h"
#include "tests/store/scratch_dir.h"

namespace weft::test {
namespace {

using store::Watermark;
using store::WatermarkKeeper;

store::Digest digest(std::uint8_t byte) {
  store::Digest value;
  value.fill(byte);
  return value;
}

Watermark mark(std::uint64_t position) {
  return {std::string(16, 'i'), 4, position, digest(static_cast<std::uint8_t>(position)), 3 * position, {5, 100}};
}

void write_once(const std::string& path, std::uint64_t position) {
  auto keeper = WatermarkKeeper::start(path, mark(position), 1, [](const auto&) {});
  ASSERT_TRUE(keeper) << keeper.error().message;
  ASSERT_TRUE((*keeper)->stop());
}

void overwrite(const std::string& path, std::streamoff offset, const std::string& bytes) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(offset);
  file << bytes;
}

TEST(WatermarkTest, TheLastPositionToldIsThereAfterStopping) {
  const ScratchDir scratch;
  auto keeper = WatermarkKeeper::start(scratch / "W", mark(10), 1000, [](const auto&) {});
  ASSERT_TRUE(keeper);
  for (std::uint64_t position = 11; position <= 500; ++position) {
    (*keeper)->advance(position, digest(7), position);
  }
  ASSERT_TRUE((*keeper)->stop());
  const auto read = store::read_watermark(scratch / "W");
  ASSERT_TRUE(read && *read);
  EXPECT_EQ((*read)->position, 500U);
  EXPECT_EQ((*read)->epoch, 4U);
  EXPECT_EQ((*read)->hash, digest(7));
  EXPECT_EQ((*read)->store_id, std::string(16, 'i'));
}

// A repeated sync may succeed although the bytes of the first one are gone.
TEST(WatermarkTest, AfterAFailureNothingIsWrittenAgain) {
  const ScratchDir scratch;
  std::atomic<int> asked{0};
  std::promise<std::string> told;
  auto keeper = WatermarkKeeper::start(
      scratch / "W", mark(10), 1, [&](const auto& error) { told.set_value(error.message); },
      [&]() -> store::Result<store::ManifestExtent> {
        if (++asked != 2) return store::ManifestExtent{5, 100};
        return tl::unexpected(store::StoreError{store::StoreError::Kind::kDamaged, "the disk died"});
      });
  ASSERT_TRUE(keeper);
  (*keeper)->advance(11, digest(7), 33);
  EXPECT_EQ(told.get_future().get(), "the disk died");
  const auto stopped = (*keeper)->stop();
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().message, "the disk died");
  EXPECT_EQ((*store::read_watermark(scratch / "W"))->position, 10U);
}

TEST(WatermarkTest, NoFileIsNoWatermark) {
  const ScratchDir scratch;
  const auto read = store::read_watermark(scratch / "W");
  ASSERT_TRUE(read);
  EXPECT_FALSE(*read);
}

// Power may fail in the middle of a slot: the other one is the last that was complete.
TEST(WatermarkTest, ATornSlotFallsBackToTheOther) {
  for (const std::streamoff slot : {0, 4096}) {
    const ScratchDir scratch;
    write_once(scratch / "W", 1);
    write_once(scratch / "W", 2);
    write_once(scratch / "W", 3);
    overwrite(scratch / "W", slot + 30, "torn");
    const auto read = store::read_watermark(scratch / "W");
    ASSERT_TRUE(read && *read);
    EXPECT_TRUE((*read)->position == 2 || (*read)->position == 3);
    // The next write repairs the torn slot and counts on.
    write_once(scratch / "W", 4);
    EXPECT_EQ((*store::read_watermark(scratch / "W"))->position, 4U);
  }
}

TEST(WatermarkTest, TwoBrokenSlotsAreDamage) {
  const ScratchDir scratch;
  write_once(scratch / "W", 1);
  overwrite(scratch / "W", 40, "x");
  overwrite(scratch / "W", 4096 + 40, "x");
  const auto read = store::read_watermark(scratch / "W");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().kind, store::StoreError::Kind::kDamaged);
}

TEST(WatermarkTest, ADirectoryThatCannotBeWrittenIsAnError) {
  const auto keeper = WatermarkKeeper::start("/nonexistent/W", mark(1), 1, [](const auto&) {});
  ASSERT_FALSE(keeper);
  EXPECT_EQ(keeper.error().kind, store::StoreError::Kind::kIo);
}

// Check values of RFC 3720, B.4.
TEST(Crc32cTest, AgreesWithThePublishedValues) {
  EXPECT_EQ(store::crc32c(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(store::crc32c(std::string(32, '\xff')), 0x62a8ab43U);
  EXPECT_EQ(store::crc32c("123456789"), 0xe3069283U);
  EXPECT_EQ(store::crc32c("6789", store::crc32c("12345")), 0xe3069283U);
}

}  // namespace
}  // namespace weft::test
