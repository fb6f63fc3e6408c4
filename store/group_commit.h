#pragma once  // store/group_commit.h

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "store/commit.h"
#include "store/event_store.h"
#include "store/store_error.h"

namespace weft::store {

/// Gathers what waits, writes it as one group, answers. One thread of its own; while it syncs, the
/// next group gathers. The first failure is the last thing it writes.
class GroupCommit final {
 public:
  struct Steps {
    /// Adds one submission to the group being built; refuses it (kVersionConflict, kInvalid) and
    /// leaves the group as it was. Any other error is final.
    std::function<Result<CommitReceipt>(const std::vector<Commit>&)> encode;
    /// Makes the group durable with one sync and begins the next. An error is final.
    std::function<Result<void>()> write;
    /// Called once, on the thread, before anything is answered with the failure.
    std::function<void(const std::string& reason)> on_fatal;
  };

  explicit GroupCommit(Steps steps);
  /// As close().
  ~GroupCommit();
  GroupCommit(const GroupCommit&) = delete;
  GroupCommit& operator=(const GroupCommit&) = delete;

  void submit(std::vector<Commit> batch, EventStore::CommitDone done);
  /// Returns when everything submitted before is answered.
  void flush();
  /// Answers everything, ends the thread; what is submitted later is kClosed.
  void close();
  /// A failure found elsewhere: nothing more is written or acknowledged.
  void fail(StoreError error);
  [[nodiscard]] bool failed() const;

  /// Commits that are not yet answered.
  [[nodiscard]] std::uint64_t queued() const;

 private:
  struct Submission {
    std::vector<Commit> batch;
    EventStore::CommitDone done;
  };

  void run();
  void write_group(std::vector<Submission>& group);
  void report_failure();
  void answer(Submission& submission, Result<CommitReceipt> result);

  Steps steps_;
  mutable std::mutex mutex_;
  std::condition_variable work_;  // the queue, closing_ or failure_ changed
  std::condition_variable answered_changed_;
  std::deque<Submission> queue_;
  std::uint64_t queued_commits_ = 0;
  std::uint64_t submitted_ = 0;
  std::uint64_t answered_ = 0;
  bool closing_ = false;
  bool closed_ = false;
  bool failed_ = false;
  bool reported_ = false;
  StoreError failure_;
  std::thread thread_;
};

}  // namespace weft::store
