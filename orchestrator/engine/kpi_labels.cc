#include "orchestrator/engine/kpi_labels.h"

#include <algorithm>
#include <array>

#include "orchestrator/core/decider.h"

namespace weft::engine {
namespace {

constexpr std::string_view kOther = "other";

// Labels of ours: their values are few by themselves.
constexpr std::array<std::string_view, 8> kOurs = {"workflow", "version", "step",   "class",
                                                   "code",     "adapter", "status", "state"};

std::string own_value(std::string_view label, const core::SagaState& state,
                      const core::Error& error, std::string_view step) {
  if (label == "version") return state.birth.version;
  if (label == "step") return std::string(step);
  if (label == "class") return error.error_class;
  if (label == "code") return error.code;
  if (label == "adapter") return error.adapter;
  if (label == "status") return state.status;
  return core::engine_state(state);
}

bool is_ours(std::string_view label) {
  return std::find(kOurs.begin(), kOurs.end(), label) != kOurs.end();
}

}  // namespace

MetricLabels KpiLabels::of(const dsl::KpiDefinition& kpi, const core::SagaState& state,
                           const core::Error& error, std::string_view step) {
  MetricLabels labels = {{"workflow", state.birth.workflow}};
  for (const std::string& by : kpi.by) {
    if (by == "workflow") continue;
    labels.emplace_back(by, is_ours(by)
                                ? own_value(by, state, error, step)
                                : bounded(kpi.name, by, state.birth.labels.string_or(by, "")));
  }
  return labels;
}

void KpiLabels::seen(const std::string& kpi, const MetricLabels& labels) {
  for (const auto& [label, value] : labels) {
    if (!is_ours(label) && value != kOther) values_[{kpi, label}].insert(value);
  }
}

std::string KpiLabels::bounded(const std::string& kpi, const std::string& label,
                               std::string value) {
  std::set<std::string>& seen = values_[{kpi, label}];
  if (seen.contains(value)) return value;
  if (seen.size() >= values_max_) return std::string(kOther);
  seen.insert(value);
  return value;
}

}  // namespace weft::engine
