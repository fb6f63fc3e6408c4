#include "orchestrator/engine/commit_queue.h"

#include <cassert>
#include <string>
#include <utility>

#include "orchestrator/core/planted.h"

namespace weft::engine {
namespace {

std::uint64_t row_hash(const store::StreamId& stream, const store::Bytes& id) {
  std::string name = stream.name;
  name += '\0';
  name += id;
  return std::hash<std::string>{}(name) + stream.partition;
}

}  // namespace

CommitQueue::CommitQueue(store::EventStore& store, Executor post, std::size_t in_flight_max,
                         std::function<void(const store::StoreError&)> failed)
    : store_(store),
      post_(std::move(post)),
      in_flight_max_(in_flight_max),
      on_failure_(std::move(failed)),
      durable_position_(store.head_position()) {}

CommitQueue::~CommitQueue() { *alive_ = false; }

void CommitQueue::found_in_outbox(const store::StreamId& stream, const store::Bytes& id) {
  outbox_.insert(row_hash(stream, id));
}

store::Commit& CommitQueue::open() { return commits_.emplace_back(); }

std::uint64_t CommitQueue::append(store::Append append) {
  const std::uint64_t place = batch_events_;
  batch_events_ += append.events.size();
  commits_.back().appends.push_back(std::move(append));
  return place;
}

void CommitQueue::after_durable(Action action) {
  actions_.push_back([run = std::move(action)](std::uint64_t) { run(); });
}

void CommitQueue::after_durable_at(std::function<void(std::uint64_t)> action) {
  actions_.push_back(std::move(action));
}

std::size_t CommitQueue::submit() {
  if (failed_) {
    actions_.clear();
    commits_.clear();
    return 0;
  }
  if (commits_.empty()) {
    if (actions_.empty()) return 0;
    if (in_flight_.empty()) {
      auto actions = std::exchange(actions_, {});
      for (const auto& action : actions) action(0);
      return actions.size();
    }
    // They speak of states that the last batch makes durable.
    auto& last = in_flight_.back().actions;
    for (auto& action : actions_) last.push_back(std::move(action));
    actions_.clear();
    return 0;
  }
  if (PLANTED(1)) {  // effects and answers leave before they are durable
    for (const auto& action : std::exchange(actions_, {})) action(store_.head_position() + 1);
  }
  for (const store::Commit& commit : commits_) {
    for (const auto& row : commit.outbox_settle) outbox_.erase(row_hash(row.stream, row.id));
    for (const auto& row : commit.outbox_add) outbox_.insert(row_hash(row.stream, row.id));
  }
  const std::uint64_t number = current_number_++;
  batch_events_ = 0;
  in_flight_.push_back({number, std::exchange(actions_, {})});
  store_.submit(std::exchange(commits_, {}),
                [this, number, post = post_,
                 alive = alive_](store::Result<store::CommitReceipt> receipt) {
                  post([this, number, alive, receipt = std::move(receipt)] {
                    if (*alive) settled(number, receipt);
                  });
                });
  return 0;
}

bool CommitQueue::idle() const {
  return commits_.empty() && actions_.empty() && in_flight_.empty();
}

void CommitQueue::flush() {
  submit();
  store_.flush();
}

void CommitQueue::settled(std::uint64_t number,
                          const store::Result<store::CommitReceipt>& receipt) {
  if (failed_) return;
  if (!receipt) {
    // Also a version conflict: the engine is the only writer, so the disk is not what it believes.
    // Recovery trusts only the disk; going on would not.
    failed_ = true;
    in_flight_.clear();
    on_failure_(receipt.error());
    return;
  }
  assert(!in_flight_.empty() && in_flight_.front().number == number);
  durable_number_ = number;
  if (receipt->events > 0) durable_position_ = receipt->first_position + receipt->events - 1;
  Batch batch = std::move(in_flight_.front());
  in_flight_.pop_front();
  for (const auto& action : batch.actions) action(receipt->first_position);
}

}  // namespace weft::engine
