#pragma once  // orchestrator/engine/projections.h

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "dsl/value.h"
#include "orchestrator/core/decider.h"
#include "orchestrator/engine/metrics.h"
#include "orchestrator/engine/saga_repository.h"
#include "store/event_store.h"

namespace weft::engine {

/// One place that needs an operator.
struct StuckPlace {
  std::string saga, workflow, step, path, place, error_class, code, adapter, message, owner;
  core::Timestamp since;
  dsl::Value held, actions;
  /// The same for all places that one remedy may cure: workflow, step, class, code, adapter.
  [[nodiscard]] std::string group() const;
  [[nodiscard]] dsl::Value to_value() const;
  [[nodiscard]] static StuckPlace from_value(const dsl::Value& value);
};

/// Read models: rows for `weft list`, counts by state, stuck places, the audit. Written in the
/// commits of the events they follow from, so they need no rebuilding at start; what is small is
/// also kept in memory.
class Projections final {
 public:
  Projections(const store::EventStore& store, Metrics& metrics);
  [[nodiscard]] tl::expected<void, std::string> recover();

  /// Fresh events of one saga: adds this saga's rows to their commit.
  void decided(SagaEntry& entry, const core::Decided& decided, std::uint64_t revision_before,
               store::Commit& commit);
  /// A saga's history is removed with its rows.
  void removed(const SagaEntry& entry, store::Commit& commit);
  /// Counts that changed since the last call, to be written with the turn's batch.
  [[nodiscard]] bool counts_changed() const { return !changed_counts_.empty(); }
  void write_counts(store::Commit& commit);

  using Counts = std::map<std::pair<std::string, std::string>, std::int64_t>;  ///< workflow, state
  [[nodiscard]] const Counts& counts() const { return counts_; }
  [[nodiscard]] std::int64_t running(const std::string& workflow) const;  ///< Not ended.
  /// By saga id, then path.
  [[nodiscard]] const std::map<std::string, std::vector<StuckPlace>>& stuck() const {
    return stuck_;
  }

  [[nodiscard]] static std::string row_key(const core::SagaState& state);

 private:
  void count(const std::string& workflow, const std::string& state, std::int64_t by);
  void refresh_stuck(SagaEntry& entry, store::Commit& commit);
  void measure(const SagaEntry& entry, const core::Event& event);
  static void audit(const SagaEntry& entry, const core::Event& event, std::uint64_t revision,
                    store::Commit& commit);

  const store::EventStore& store_;
  Metrics& metrics_;
  Counts counts_;
  std::set<std::pair<std::string, std::string>> changed_counts_;
  std::map<std::string, std::vector<StuckPlace>> stuck_;
};

/// Is this engine state an end?
[[nodiscard]] bool is_end_state(std::string_view state);

}  // namespace weft::engine
