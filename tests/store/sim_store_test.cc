#include "orchestrator/sim/sim_store.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/row_check.h"
#include "tests/store/samples.h"

namespace weft::test {
namespace {

using sim::SimDisk;
using sim::SimStore;
using store::StoreError;
using testing::ElementsAre;
using testing::IsEmpty;

std::unique_ptr<SimStore> open_sim(const std::shared_ptr<SimDisk>& disk,
                                   SimStore::Options options = {}) {
  auto opened = SimStore::open(disk, std::move(options));
  EXPECT_TRUE(opened);
  return *std::move(opened);
}

TEST(SimStoreTest, NothingIsReadableOrAnsweredBeforeTheSync) {
  auto store = open_sim(std::make_shared<SimDisk>());
  Answer answer;
  store->submit({append(saga("a"), 0, {"1"})}, answer.callback());
  EXPECT_EQ(store->waiting(), 1U);
  EXPECT_FALSE(answer.answered());
  EXPECT_THAT(*store->read_stream(saga("a"), 1, 9), IsEmpty());
  EXPECT_TRUE(store->sync_group());
  EXPECT_TRUE(answer.result());
  EXPECT_EQ(*store->stream_version(saga("a")), 1U);
  EXPECT_FALSE(store->sync_group());
}

TEST(SimStoreTest, ACrashLosesWhatWasNotSynced) {
  for (const auto fault :
       {SimStore::Fault::kNothingWritten, SimStore::Fault::kWrittenUnacknowledged}) {
    auto disk = std::make_shared<SimDisk>();
    auto store = open_sim(disk);
    ASSERT_TRUE(commit(*store, append(saga("a"), 0, {"1"})));
    Answer answer;
    store->submit({append(saga("a"), 1, {"2"})}, answer.callback());
    store->crash(fault);
    EXPECT_FALSE(store->sync_group());
    EXPECT_FALSE(answer.answered());
    auto after = open_sim(disk);
    EXPECT_FALSE(after->facts().clean_shutdown);
    EXPECT_EQ(after->facts().epoch, 2U);
    const bool written = fault == SimStore::Fault::kWrittenUnacknowledged;
    EXPECT_EQ(*after->stream_version(saga("a")), written ? 2U : 1U);
    EXPECT_THAT(store::check_rows(sim::SimRows(*disk))->findings, IsEmpty());
  }
}

TEST(SimStoreTest, AFailedSyncAnswersNothingWellAgain) {
  std::vector<std::string> log;
  SimStore::Options options;
  options.on_fatal = [&](const std::string&) { log.emplace_back("fatal"); };
  auto store = open_sim(std::make_shared<SimDisk>(), std::move(options));
  store->fail_next_sync(SimStore::Fault::kNothingWritten);
  for (int i = 0; i < 2; ++i) {
    store->submit({append(saga("a"), store::kAnyVersion, {"1"})},
                  [&](const auto& result) { log.emplace_back(result ? "done" : "failed"); });
  }
  EXPECT_TRUE(store->sync_group());
  EXPECT_EQ(commit(*store, append(saga("a"), 0, {"1"})).error().kind, StoreError::Kind::kFailed);
  EXPECT_THAT(log, ElementsAre("fatal", "failed", "failed"));
  EXPECT_EQ(*store->stream_version(saga("a")), 0U);
}

TEST(SimStoreTest, AFullDiskFailsTheStore) {
  auto disk = std::make_shared<SimDisk>();
  auto store = open_sim(disk);
  disk->free_bytes = 1000;
  ASSERT_TRUE(commit(*store, append(saga("a"), 0, {"small"})));
  EXPECT_LT(store->stats().free_bytes, 1000U);
  const auto result = commit(*store, append(saga("a"), 1, {std::string(2000, 'x')}));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, StoreError::Kind::kFull);
}

TEST(SimStoreTest, TheWorldHearsWhenAGroupBeginsToWait) {
  int waiting = 0;
  SimStore::Options options;
  options.on_waiting = [&] { ++waiting; };
  auto store = open_sim(std::make_shared<SimDisk>(), std::move(options));
  for (int i = 0; i < 3; ++i) {
    store->submit({append(saga("a"), store::kAnyVersion, {"1"})}, [](const auto&) {});
  }
  EXPECT_EQ(waiting, 1);
  store->sync_group();
  store->submit({append(saga("a"), store::kAnyVersion, {"1"})}, [](const auto&) {});
  EXPECT_EQ(waiting, 2);
}

// An answer makes the engine decide and submit again; that belongs to the next group.
TEST(SimStoreTest, SubmissionsFromAnAnswerJoinTheNextGroup) {
  auto store = open_sim(std::make_shared<SimDisk>());
  Answer second;
  store->submit({append(saga("a"), 0, {"1"})}, [&](const auto&) {
    store->submit({append(saga("a"), 1, {"2"})}, second.callback());
  });
  store->flush();
  EXPECT_FALSE(second.answered());
  store->flush();
  EXPECT_TRUE(second.answered());
  EXPECT_EQ(store->stats().groups, 2U);
}

TEST(SimStoreTest, EqualRunsGiveEqualBytes) {
  const auto run = [](std::uint64_t seed) {
    auto disk = std::make_shared<SimDisk>();
    SimStore::Options options;
    options.seed = seed;
    auto store = open_sim(disk, std::move(options));
    for (std::uint64_t i = 0; i < 10; ++i) {
      EXPECT_TRUE(commit(*store, append(saga("a"), i, {"payload"})));
    }
    store->close();
    return disk->tables;
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

}  // namespace
}  // namespace weft::test
