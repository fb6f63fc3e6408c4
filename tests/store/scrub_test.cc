// Rot is silent: what nobody reads is read all the same, slowly, and its damage is told.

#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/rocksdb_event_store.h"
#include "tests/store/disk_image.h"
#include "tests/store/samples.h"
#include "tests/store/scratch_dir.h"

namespace weft::test {
namespace {

using testing::HasSubstr;

/// Opens a store that is read through at once, and waits for what comes of it.
class Scrubbed {
 public:
  explicit Scrubbed(const std::string& directory) {
    store::RocksdbOptions options;
    options.data_dir = directory;
    options.scrub_every = std::chrono::hours(1);
    options.on_damage = [this](const store::Finding& finding) {
      const std::lock_guard lock(mutex_);
      found_.push_back(finding.place + ": " + finding.what);
      told_.notify_all();
    };
    auto opened = store::RocksdbEventStore::open(std::move(options));
    if (opened) store_ = *std::move(opened);
  }
  store::RocksdbEventStore& store() { return *store_; }
  [[nodiscard]] std::string first_damage() {
    std::unique_lock lock(mutex_);
    told_.wait_for(lock, std::chrono::seconds(30), [this] { return !found_.empty(); });
    return found_.empty() ? "" : found_.front();
  }
  /// The first pass has ended.
  [[nodiscard]] bool ended() {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (store_->stats().scrubbed_at_ms == 0) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::yield();
    }
    return true;
  }

 private:
  std::mutex mutex_;
  std::condition_variable told_;
  std::vector<std::string> found_;
  std::unique_ptr<store::RocksdbEventStore> store_;
};

void fill(const std::string& directory) {
  {
    auto opened = open_store(directory);
    ASSERT_TRUE(opened) << opened.error().message;
    std::uint32_t noise = 1;
    for (int i = 0; i < 60; ++i) {
      std::string payload;
      for (int k = 0; k < 4000; ++k) {
        noise = noise * 1664525U + 1013904223U;
        payload += static_cast<char>('a' + (noise >> 24U) % 26);
      }
      ASSERT_TRUE(commit(**opened, append(saga("s" + std::to_string(i)), 0, {payload})));
    }
  }
  // Opening again moves the rows from the log to a table file.
  ASSERT_TRUE(open_store(directory));
}

std::string largest_table(const std::string& data_dir) {
  std::string largest;
  std::uintmax_t size = 0;
  for (const auto& entry : std::filesystem::directory_iterator(data_dir + "/db")) {
    if (entry.path().extension() != ".sst" || entry.file_size() <= size) continue;
    largest = entry.path().string();
    size = entry.file_size();
  }
  return largest;
}

TEST(ScrubTest, ASoundStoreIsReadThroughAndLeftAlone) {
  const ScratchDir scratch;
  fill(scratch / "store");
  Scrubbed scrubbed(scratch / "store");
  EXPECT_TRUE(scrubbed.ended());
  EXPECT_EQ(scrubbed.store().stats().damages, 0U);
  EXPECT_TRUE(commit(scrubbed.store(), append(saga("new"), 0, {"x"})));
}

TEST(ScrubTest, ARottenTableIsFoundAlthoughNobodyAsks) {
  const ScratchDir scratch;
  fill(scratch / "store");
  const std::string table = largest_table(scratch / "store");
  ASSERT_NE(table, "");
  flip_byte(table, std::filesystem::file_size(table) / 2);
  Scrubbed scrubbed(scratch / "store");
  EXPECT_THAT(scrubbed.first_damage(), HasSubstr("events"));
  EXPECT_TRUE(scrubbed.ended());
  EXPECT_GT(scrubbed.store().stats().damages, 0U);
  EXPECT_THAT(scrubbed.store().stats().damage, HasSubstr("events"));
}

// A restart is no reason to read everything again; a crash is.
TEST(ScrubTest, TheNextPassWaitsForItsDay) {
  const ScratchDir scratch;
  fill(scratch / "store");
  {
    Scrubbed first(scratch / "store");
    ASSERT_TRUE(first.ended());
  }
  {
    Scrubbed second(scratch / "store");
    ASSERT_TRUE(commit(second.store(), append(saga("new"), 0, {"x"})));
    EXPECT_EQ(second.store().stats().scrubbed_at_ms, 0);
    copy_directory(scratch / "store", scratch / "crashed");
  }
  Scrubbed after_crash(scratch / "crashed");
  EXPECT_TRUE(after_crash.ended());
}

}  // namespace
}  // namespace weft::test
