#pragma once  // orchestrator/engine/commit_queue.h

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_set>
#include <vector>

#include "orchestrator/engine/engine.h"
#include "store/event_store.h"

namespace weft::engine {

/// What one turn of the engine decided becomes one batch with one sync. What may only leave the
/// process once that is durable waits here. Deciding goes on meanwhile, up to a few batches.
class CommitQueue final {
 public:
  using Action = std::function<void()>;

  CommitQueue(store::EventStore& store, Executor post, std::size_t in_flight_max,
              std::function<void(const store::StoreError&)> failed);
  ~CommitQueue();

  /// A further commit of the present batch; valid until the next call.
  [[nodiscard]] store::Commit& open();
  /// Adds events to the commit opened last; returns their place among the batch's events, from 0.
  std::uint64_t append(store::Append append);
  /// `action` runs on the engine's thread once everything decided so far is durable; at the next
  /// submit() if it is already. In the order of the calls.
  void after_durable(Action action);
  /// As after_durable, with the position of the batch's first event.
  void after_durable_at(std::function<void(std::uint64_t first_position)> action);
  /// Ends the turn. Returns how many actions ran at once because nothing was outstanding.
  std::size_t submit();

  /// Effects owed to the world: rows of the outbox, with what this batch adds and settles.
  [[nodiscard]] std::size_t outbox_rows() const { return outbox_.size(); }
  /// A row that is there from before.
  void found_in_outbox(const store::StreamId& stream, const store::Bytes& id);
  /// May another batch be decided now?
  [[nodiscard]] bool has_room() const { return in_flight_.size() < in_flight_max_; }
  /// Nothing decided, nothing in flight, nothing waiting.
  [[nodiscard]] bool idle() const;
  /// The present batch's number; batches are durable in order.
  [[nodiscard]] std::uint64_t current() const { return current_number_; }
  [[nodiscard]] std::uint64_t durable() const { return durable_number_; }
  /// Position of the last event whose actions have run. The store itself may be further.
  [[nodiscard]] std::uint64_t durable_position() const { return durable_position_; }
  [[nodiscard]] bool has_commits() const { return !commits_.empty(); }
  [[nodiscard]] bool has_actions() const { return !actions_.empty(); }
  [[nodiscard]] bool failed() const { return failed_; }
  /// Submits what there is and blocks until it is durable. For rare repairs only; actions still
  /// run later.
  void flush();

 private:
  using PositionedAction = std::function<void(std::uint64_t)>;
  struct Batch {
    std::uint64_t number = 0;
    std::vector<PositionedAction> actions;
  };
  void settled(std::uint64_t number, const store::Result<store::CommitReceipt>& receipt);

  store::EventStore& store_;
  Executor post_;
  std::size_t in_flight_max_;
  std::function<void(const store::StoreError&)> on_failure_;
  std::vector<store::Commit> commits_;
  std::vector<PositionedAction> actions_;
  std::deque<Batch> in_flight_;
  std::uint64_t batch_events_ = 0;
  std::unordered_set<std::uint64_t> outbox_;  ///< Hashes of the rows' names: only counted.
  std::uint64_t current_number_ = 1, durable_number_ = 0;
  std::uint64_t durable_position_ = 0;
  bool failed_ = false;
  /// Answers of the store that arrive after this object is gone are dropped.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace weft::engine
