#pragma once  // orchestrator/engine/saga_repository.h

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "dsl/saga_graph.h"
#include "orchestrator/core/saga_state.h"
#include "orchestrator/engine/clock.h"
#include "store/event_store.h"

namespace weft::engine {

/// One saga in memory.
struct SagaEntry {
  core::SagaState state;
  std::shared_ptr<const dsl::SagaGraph> graph;  ///< The one it is pinned to; null if it is missing.
  std::uint64_t last_batch = 0;        ///< The batch that makes `state` durable (CommitQueue).
  std::uint64_t snapshot_revision = 0; ///< Of the latest stored snapshot.
  // What the read models hold of it, to write only what changed (projections.h).
  std::string row_state, row_status;
  bool row_known = false;
  std::vector<std::string> age_rows;  ///< Keys of its rows in kStatusAges (status_ages.h),
  bool age_rows_known = false;        ///< if they were looked up.
  std::size_t bytes = 0;               ///< Of its stored events: about what it weighs in memory.
};

/// State by saga id: memory, else snapshot and events. Waiting sagas may be forgotten and are
/// folded again; what is not yet durable is never forgotten, because the store can not give it
/// back.
class SagaRepository final {
 public:
  using GraphLookup = std::function<std::shared_ptr<const dsl::SagaGraph>(
      const std::string& workflow, const std::string& digest)>;

  SagaRepository(const store::EventStore& store, GraphLookup graphs, std::size_t sagas_max,
                 std::size_t bytes_max = std::numeric_limits<std::size_t>::max());

  /// The saga; `state.exists()` is false if there is no such one. Valid until the next load() or
  /// evict(). An error means that stored data is damaged or unreadable.
  [[nodiscard]] store::Result<SagaEntry*> load(const core::SagaId& saga);
  /// As stored, folded up to `revision` (0: all), without touching what is in memory.
  [[nodiscard]] store::Result<SagaEntry> read(const core::SagaId& saga,
                                              std::uint64_t revision) const;
  /// Forgets it, whatever was decided: the next load trusts the disk.
  void drop(const core::SagaId& saga);
  /// `entry`, which this repository holds, has grown.
  void grew(SagaEntry& entry, std::size_t bytes) {
    entry.bytes += bytes;
    bytes_ += bytes;
  }
  /// It has ended: nobody is expected to ask for it again, so it goes once that is durable.
  void retire(const core::SagaId& saga) { retired_.push_back(saga); }
  /// Forgets what has ended, what only waits, and what was not used for longest, down to the limits.
  /// Call it once a turn.
  void evict(std::uint64_t durable_batch, Clock::Instant now);
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Slot {
    std::unique_ptr<SagaEntry> entry;
    std::list<core::SagaId>::iterator place;
    Clock::Instant used{};
  };
  using Entries = std::unordered_map<core::SagaId, Slot>;
  void forget(Entries::iterator found);
  const store::EventStore& store_;
  GraphLookup graphs_;
  std::size_t sagas_max_, bytes_max_;
  std::size_t bytes_ = 0;  ///< Of all entries.
  Entries entries_;
  std::list<core::SagaId> recent_;  ///< Front: used last.
  std::deque<core::SagaId> retired_;
  Clock::Instant now_{};  ///< Of the turn.
};

}  // namespace weft::engine
