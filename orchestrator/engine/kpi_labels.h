#pragma once  // orchestrator/engine/kpi_labels.h

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "orchestrator/core/saga_state.h"
#include "orchestrator/engine/metrics.h"

namespace weft::engine {

/// The labels that a business figure is told apart by (`by` of a `kpi`). What an author's label may
/// hold is up to customers, so beyond so many values of one label the next fold into `other`.
class KpiLabels final {
 public:
  explicit KpiLabels(std::int64_t values_max) : values_max_(static_cast<std::size_t>(values_max)) {}

  /// `error`, `step`: what the figure is about, where it is about one; else empty.
  [[nodiscard]] MetricLabels of(const dsl::KpiDefinition& kpi, const core::SagaState& state,
                                const core::Error& error, std::string_view step);
  /// These exist already, from before a restart: they count among the values.
  void seen(const std::string& kpi, const MetricLabels& labels);

  [[nodiscard]] static std::string metric_name(const std::string& kpi) { return "weft_kpi_" + kpi; }

 private:
  [[nodiscard]] std::string bounded(const std::string& kpi, const std::string& label,
                                    std::string value);

  std::size_t values_max_;
  std::map<std::pair<std::string, std::string>, std::set<std::string>> values_;
};

}  // namespace weft::engine
