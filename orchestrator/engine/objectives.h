#pragma once  // orchestrator/engine/objectives.h

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "orchestrator/core/decider.h"
#include "orchestrator/engine/kpi_labels.h"
#include "orchestrator/engine/metrics.h"
#include "orchestrator/engine/saga_repository.h"
#include "store/event_store.h"

namespace weft::engine {

/// What authors want measured (`slo`, `kpi`), computed from events as they are decided. An
/// objective counts a saga when it reaches the far end, in time or late; one that never gets there
/// was refused or undone for a reason of the business and is no matter of speed. Ages are
/// StatusAges' matter.
class Objectives final {
 public:
  Objectives(const store::EventStore& store, Metrics& metrics, std::int64_t label_values_max);

  void decided(const SagaEntry& entry, const core::Decided& decided);
  /// A start was answered: objectives from `start` to `durable`.
  void durable(const dsl::SagaGraph& graph, std::int64_t took_ms);

 private:
  void objective(const SagaEntry& entry, const dsl::SloDefinition& slo,
                 const core::Decided& decided);
  void figure(const SagaEntry& entry, const dsl::KpiDefinition& kpi, const core::Event& event);
  [[nodiscard]] std::optional<core::Timestamp> time_of(const SagaEntry& entry,
                                                       std::string_view point,
                                                       const core::Decided& decided) const;
  void count_objective(const std::string& workflow, const std::string& slo, bool good);

  const store::EventStore& store_;
  Metrics& metrics_;
  KpiLabels labels_;
};

}  // namespace weft::engine
