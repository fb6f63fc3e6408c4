#pragma once  // orchestrator/engine/status_ages.h

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "orchestrator/core/decider.h"
#include "orchestrator/engine/commit_queue.h"
#include "orchestrator/engine/kpi_labels.h"
#include "orchestrator/engine/metrics.h"
#include "orchestrator/engine/saga_repository.h"
#include "store/event_store.h"

namespace weft::engine {

/// Business figures of the kind `age_of: status.X`: for how many seconds the saga that has stood in
/// that status for longest has stood there, one sample per value of the figure's `by`. No saga
/// there: no sample.
///
/// The rows behind it (tables.h, kStatusAges) are ordered by figure, labels and time, so the oldest
/// of each is one look-up however many wait; they are written in the commits of the events that
/// change a status. In memory are only the label values, and those are bounded.
class StatusAges final {
 public:
  StatusAges(const store::EventStore& store, Metrics& metrics, std::int64_t label_values_max);

  /// Reads which label values there are; builds the rows of a store that never had any.
  [[nodiscard]] tl::expected<void, std::string> recover(SagaRepository& sagas,
                                                        CommitQueue& commits);
  /// Writes all rows anew from the sagas' events. Interrupted, it is begun again by recover().
  [[nodiscard]] tl::expected<void, std::string> rebuild(SagaRepository& sagas,
                                                        CommitQueue& commits);

  /// Fresh events of one saga, before the other read models have heard of them (Projections).
  void decided(SagaEntry& entry, const core::Decided& decided, std::uint64_t revision_before,
               store::Commit& commit);
  /// Sets the metrics. `durable_batch`: see CommitQueue.
  void refresh(core::Timestamp now, std::uint64_t durable_batch);

 private:
  /// All rows of one figure with the same labels.
  struct Group {
    std::string metric;
    MetricLabels labels;
    /// No row of the group is at or before it. Rows leave in about the order they came, and what a
    /// store has removed costs until it is tidied up: so it is not passed over again.
    std::string after;
    std::uint64_t unsettled = 0;  ///< The batch of a row that was put before others: see refresh().
  };

  void know(const std::string& group, std::string_view description);
  [[nodiscard]] std::map<std::string, std::string> wanted(const SagaEntry& entry,
                                                          core::Timestamp began);
  void write(SagaEntry& entry, const std::map<std::string, std::string>& rows,
             store::Commit& commit);
  void load_rows(SagaEntry& entry) const;
  [[nodiscard]] core::Timestamp began(const SagaEntry& entry, core::Timestamp otherwise) const;

  const store::EventStore& store_;
  Metrics& metrics_;
  KpiLabels labels_;
  std::map<std::string, Group> groups_;
};

}  // namespace weft::engine
