// A full disk: what was kept back for that day is used, and the log never meets the end.

#include <atomic>
#include <filesystem>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/rocksdb_event_store.h"
#include "store/space_reserve.h"
#include "tests/store/samples.h"
#include "tests/store/scratch_dir.h"

namespace weft::test {
namespace {

using store::SpaceReserve;
using testing::HasSubstr;

constexpr std::uint64_t kMiB = 1024 * 1024;

/// A device of 1 GiB; `used` grows as others write. The reserve's file takes its place on it.
class ReserveTest : public testing::Test {
 protected:
  SpaceReserve make() {
    return SpaceReserve(scratch_ / "", 64 * kMiB, [this] { return measure(); });
  }
  store::DiskSpace measure() const {
    const std::uint64_t taken = used_ + (kept() ? 64 * kMiB : 0);
    return {taken < 1024 * kMiB ? 1024 * kMiB - taken : 0, 1024 * kMiB};
  }
  bool kept() const { return std::filesystem::exists(scratch_ / "RESERVE"); }

  ScratchDir scratch_;
  std::atomic<std::uint64_t> used_ = 0;
};

TEST_F(ReserveTest, RoomIsKeptAndGivenUpWhenLittleElseIsLeft) {
  auto reserve = make();
  EXPECT_TRUE(kept());
  EXPECT_EQ(std::filesystem::file_size(scratch_ / "RESERVE"), 64 * kMiB);
  EXPECT_FALSE(reserve.given_up());
  used_ = 1024 * kMiB - 64 * kMiB - 31 * kMiB;
  auto later = make();
  EXPECT_FALSE(kept());
  EXPECT_TRUE(later.given_up());
  EXPECT_TRUE(later.admit(kMiB));
  used_ = 1024 * kMiB - 5 * kMiB;
  const auto refused = make().admit(kMiB);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, store::StoreError::Kind::kFull);
  EXPECT_THAT(refused.error().message, HasSubstr("make room"));
  used_ = 0;
  EXPECT_FALSE(make().given_up());
  EXPECT_TRUE(kept());
}

TEST_F(ReserveTest, ADiskThatHoversAtItsMarginKeepsWhatItHas) {
  static_cast<void>(make());
  used_ = 1024 * kMiB - 64 * kMiB - 20 * kMiB;
  EXPECT_TRUE(make().given_up());
  used_ -= 30 * kMiB;  // 114 MiB free: the file would leave less than twice the margin.
  EXPECT_FALSE(kept());
  static_cast<void>(make());
  EXPECT_FALSE(kept());
}

// The process ends before anything is lost, and says what to do; with room it goes on.
TEST_F(ReserveTest, AStoreOnAFullDiskEndsBeforeItsLogDoes) {
  std::atomic<bool> fatal = false;
  store::RocksdbOptions options;
  options.data_dir = scratch_ / "";
  options.reserve_bytes = 64 * kMiB;
  options.measure_disk = [this] { return measure(); };
  options.on_fatal = [&fatal](const std::string&) { fatal = true; };
  {
    auto opened = store::RocksdbEventStore::open(options);
    ASSERT_TRUE(opened) << opened.error().message;
    ASSERT_TRUE(commit(**opened, append(saga("a"), 0, {"1"})));
    used_ = 1024 * kMiB;
    // Until the next look the old measure counts; then there is neither room nor reserve.
    store::Result<store::CommitReceipt> last;
    for (std::uint64_t version = 1; (last = commit(**opened, append(saga("a"), version, {"2"})));) {
      ++version;
      ASSERT_LT(version, 1'000'000U);
    }
    EXPECT_TRUE(fatal);
    EXPECT_THAT(last.error().message, HasSubstr("is full"));
  }
  const auto full = store::RocksdbEventStore::open(options);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().kind, store::StoreError::Kind::kFull);
  used_ = 0;
  const auto again = store::RocksdbEventStore::open(options);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_GE(*(*again)->stream_version(saga("a")), 1U);
}

}  // namespace
}  // namespace weft::test
