#include "store/group_commit.h"

#include <algorithm>
#include <utility>

namespace weft::store {
namespace {

// Larger groups win nothing: at 100 commits a sync costs 1 us each, and everyone in a group waits
// for all of it.
constexpr std::size_t kGroupCommitsMax = 512;

bool is_refusal(const StoreError& error) {
  return error.kind == StoreError::Kind::kVersionConflict ||
         error.kind == StoreError::Kind::kInvalid || error.kind == StoreError::Kind::kNotFound;
}

}  // namespace

GroupCommit::GroupCommit(Steps steps) : steps_(std::move(steps)), thread_([this] { run(); }) {}

GroupCommit::~GroupCommit() { close(); }

void GroupCommit::submit(std::vector<Commit> batch, EventStore::CommitDone done) {
  {
    const std::lock_guard lock(mutex_);
    if (!closing_) {
      ++submitted_;
      queued_commits_ += batch.size();
      queue_.push_back({std::move(batch), std::move(done)});
      work_.notify_one();
      return;
    }
  }
  done(tl::unexpected(StoreError{StoreError::Kind::kClosed, "the store is closed"}));
}

void GroupCommit::flush() {
  std::unique_lock lock(mutex_);
  const std::uint64_t target = submitted_;
  answered_changed_.wait(lock, [&] { return answered_ >= target; });
}

void GroupCommit::close() {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    closing_ = true;
    work_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
  const std::lock_guard lock(mutex_);
  closed_ = true;
}

void GroupCommit::fail(StoreError error) {
  const std::lock_guard lock(mutex_);
  if (failed_) return;
  failed_ = true;
  failure_ = std::move(error);
  work_.notify_one();
}

bool GroupCommit::failed() const {
  const std::lock_guard lock(mutex_);
  return failed_;
}

std::uint64_t GroupCommit::queued() const {
  const std::lock_guard lock(mutex_);
  return queued_commits_;
}

void GroupCommit::run() {
  std::vector<Submission> group;
  for (;;) {
    group.clear();
    {
      std::unique_lock lock(mutex_);
      work_.wait(lock, [&] { return !queue_.empty() || closing_ || (failed_ && !reported_); });
      if (queue_.empty() && !(failed_ && !reported_)) return;  // closing
      std::size_t commits = 0;
      while (!queue_.empty() && commits < kGroupCommitsMax) {
        commits += std::max<std::size_t>(queue_.front().batch.size(), 1);
        group.push_back(std::move(queue_.front()));
        queue_.pop_front();
      }
    }
    write_group(group);
  }
}

void GroupCommit::write_group(std::vector<Submission>& group) {
  std::vector<Result<CommitReceipt>> receipts;
  receipts.reserve(group.size());
  bool anything = false;
  for (Submission& submission : group) {
    if (failed()) break;
    auto receipt = steps_.encode(submission.batch);
    if (!receipt && !is_refusal(receipt.error())) {
      fail(std::move(receipt).error());
      break;
    }
    anything = anything || receipt.has_value();
    receipts.push_back(std::move(receipt));
  }
  if (anything && !failed()) {
    if (auto written = steps_.write(); !written) fail(std::move(written).error());
  }
  // A failure that came from elsewhere while the write was under way counts, too: better to leave
  // something durable unacknowledged than the other way round.
  if (failed()) {
    report_failure();
    for (Submission& submission : group) answer(submission, tl::unexpected(failure_));
    return;
  }
  for (std::size_t i = 0; i < group.size(); ++i) answer(group[i], std::move(receipts[i]));
}

void GroupCommit::report_failure() {
  {
    const std::lock_guard lock(mutex_);
    if (reported_) return;
    reported_ = true;
  }
  // Only this thread comes here, and failure_ never changes once it is set.
  if (steps_.on_fatal) steps_.on_fatal(failure_.message);
}

void GroupCommit::answer(Submission& submission, Result<CommitReceipt> result) {
  if (submission.done) submission.done(std::move(result));
  submission.done = nullptr;  // what it holds goes before flush() returns
  const std::lock_guard lock(mutex_);
  ++answered_;
  queued_commits_ -= submission.batch.size();
  answered_changed_.notify_all();
}

}  // namespace weft::store
