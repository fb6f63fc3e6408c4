#include "store/group_commit.h"

#include <atomic>
#include <future>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/store/samples.h"

namespace weft::test {
namespace {

using store::Commit;
using store::CommitReceipt;
using store::GroupCommit;
using store::Result;
using store::StoreError;
using testing::ElementsAre;

tl::unexpected<StoreError> failure(StoreError::Kind kind, const std::string& message) {
  return tl::unexpected(StoreError{kind, message});
}

/// Writes groups to nowhere, one at a time, when the test allows it.
class FakeDisk final {
 public:
  [[nodiscard]] GroupCommit::Steps steps() {
    return {[this](const std::vector<Commit>& batch) -> Result<CommitReceipt> {
              if (batch.empty()) return failure(StoreError::Kind::kVersionConflict, "refused");
              ++in_group_;
              return CommitReceipt{1, 1};
            },
            [this]() -> Result<void> {
              log.push_back("write " + std::to_string(std::exchange(in_group_, 0)));
              if (hold_first_ && log.size() == 1) {
                writing_.set_value();
                release_.get_future().wait();
              }
              if (fail_) return failure(StoreError::Kind::kFailed, "disk on fire");
              return {};
            },
            [this](const std::string& reason) { log.push_back("fatal: " + reason); }};
  }
  [[nodiscard]] store::EventStore::CommitDone note(const std::string& name) {
    return [this, name](Result<CommitReceipt> result) {
      log.push_back(name + (result ? " done" : " failed"));
    };
  }
  void hold_first_write() { hold_first_ = true; }
  void wait_until_writing() { writing_.get_future().wait(); }
  void release() { release_.set_value(); }
  void fail_from_now() { fail_ = true; }

  std::vector<std::string> log;  // the committer's, or after flush() and close() anybody's

 private:
  int in_group_ = 0;
  bool hold_first_ = false;
  std::atomic<bool> fail_ = false;
  std::promise<void> writing_;
  std::promise<void> release_;
};

std::vector<Commit> one() { return {append(saga("a"), 0, {"x"})}; }

// One sync for all that waited during the last one.
TEST(GroupCommitTest, WhatWaitsDuringASyncSharesTheNext) {
  FakeDisk disk;
  disk.hold_first_write();
  GroupCommit committer(disk.steps());
  committer.submit(one(), disk.note("a"));
  disk.wait_until_writing();
  for (const char* name : {"b", "c", "d"}) committer.submit(one(), disk.note(name));
  EXPECT_EQ(committer.queued(), 4U);
  disk.release();
  committer.flush();
  EXPECT_THAT(disk.log, ElementsAre("write 1", "a done", "write 3", "b done", "c done", "d done"));
  EXPECT_EQ(committer.queued(), 0U);
}

TEST(GroupCommitTest, ARefusalIsAnsweredInTurnAndWritesNothing) {
  FakeDisk disk;
  GroupCommit committer(disk.steps());
  committer.submit({}, disk.note("empty"));
  committer.flush();
  EXPECT_THAT(disk.log, ElementsAre("empty failed"));
  EXPECT_FALSE(committer.failed());
}

// After a failed sync the kernel may have dropped the pages, so that a second one would lie.
TEST(GroupCommitTest, AfterAFailedWriteNothingIsWrittenOrAcknowledgedAgain) {
  FakeDisk disk;
  disk.hold_first_write();
  disk.fail_from_now();
  GroupCommit committer(disk.steps());
  committer.submit(one(), disk.note("a"));
  disk.wait_until_writing();
  committer.submit(one(), disk.note("b"));
  disk.release();
  committer.flush();
  committer.submit(one(), disk.note("c"));
  committer.flush();
  EXPECT_THAT(disk.log,
              ElementsAre("write 1", "fatal: disk on fire", "a failed", "b failed", "c failed"));
  EXPECT_TRUE(committer.failed());
}

// RocksDB may find out in the background while a write is under way that itself succeeds.
TEST(GroupCommitTest, AFailureFromElsewhereTakesTheAcknowledgementAway) {
  FakeDisk disk;
  disk.hold_first_write();
  GroupCommit committer(disk.steps());
  committer.submit(one(), disk.note("a"));
  disk.wait_until_writing();
  committer.fail({StoreError::Kind::kFailed, "compaction failed"});
  disk.release();
  committer.close();
  EXPECT_THAT(disk.log, ElementsAre("write 1", "fatal: compaction failed", "a failed"));
}

TEST(GroupCommitTest, AFailureIsReportedAlsoWhenNothingWaits) {
  FakeDisk disk;
  GroupCommit committer(disk.steps());
  committer.fail({StoreError::Kind::kFailed, "no space"});
  committer.fail({StoreError::Kind::kFailed, "and again"});
  committer.close();
  EXPECT_THAT(disk.log, ElementsAre("fatal: no space"));
}

TEST(GroupCommitTest, ClosingAnswersEverythingFirst) {
  FakeDisk disk;
  disk.hold_first_write();
  GroupCommit committer(disk.steps());
  committer.submit(one(), disk.note("a"));
  disk.wait_until_writing();
  committer.submit(one(), disk.note("b"));
  disk.release();
  committer.close();
  EXPECT_THAT(disk.log, ElementsAre("write 1", "a done", "write 1", "b done"));
  committer.submit(one(), disk.note("late"));
  EXPECT_EQ(disk.log.back(), "late failed");
}

}  // namespace
}  // namespace weft::test
