#include "orchestrator/engine/objectives.h"

#include <algorithm>
#include <utility>

#include "orchestrator/core/event_codec.h"
#include "orchestrator/engine/tables.h"

namespace weft::engine {
namespace {

// Is `event` the point that an author names: status.X, step.X, or how the saga ended?
bool is_point(const core::Event& event, std::string_view point) {
  if (point == "completed") return std::holds_alternative<core::SagaCompleted>(event.body);
  if (point == "compensated") return std::holds_alternative<core::SagaCompensated>(event.body);
  if (point == "failed") return std::holds_alternative<core::SagaFailed>(event.body);
  if (point.starts_with("status.")) {
    const auto* changed = std::get_if<core::StatusChanged>(&event.body);
    return changed != nullptr && changed->status == point.substr(7);
  }
  if (point.starts_with("step.")) {
    const auto* succeeded = std::get_if<core::StepSucceeded>(&event.body);
    return succeeded != nullptr && core::step_name(succeeded->path) == point.substr(5);
  }
  return false;
}

const core::Error* step_error_of(const core::Event& event) {
  if (const auto* failed = std::get_if<core::StepFailed>(&event.body)) return &failed->error;
  if (const auto* doubt = std::get_if<core::StepInDoubt>(&event.body)) return &doubt->error;
  return nullptr;
}

// "allocate[2]/pick" passes through allocate and pick.
bool passes_through(const std::string& path, std::string_view step) {
  for (std::size_t from = 0; from <= path.size();) {
    const std::size_t to = std::min(path.find('/', from), path.size());
    std::string_view part = std::string_view(path).substr(from, to - from);
    part = part.substr(0, part.find('['));
    if (part == step) return true;
    from = to + 1;
  }
  return false;
}

}  // namespace

Objectives::Objectives(const store::EventStore& store, Metrics& metrics,
                       std::int64_t label_values_max)
    : store_(store), metrics_(metrics), labels_(label_values_max) {}

void Objectives::decided(const SagaEntry& entry, const core::Decided& decided) {
  if (!entry.graph) return;
  for (const dsl::SloDefinition& slo : entry.graph->slos) objective(entry, slo, decided);
  for (const dsl::KpiDefinition& kpi : entry.graph->kpis) {
    for (const core::Event& event : decided.events) figure(entry, kpi, event);
  }
}

void Objectives::durable(const dsl::SagaGraph& graph, std::int64_t took_ms) {
  for (const dsl::SloDefinition& slo : graph.slos) {
    if (slo.from == "start" && slo.to == "durable") {
      count_objective(graph.workflow, slo.name, took_ms <= slo.within_ms);
    }
  }
}

void Objectives::count_objective(const std::string& workflow, const std::string& slo, bool good) {
  metrics_.count("weft_slo_events_total",
                 {{"workflow", workflow}, {"slo", slo}, {"good", good ? "true" : "false"}});
}

void Objectives::objective(const SagaEntry& entry, const dsl::SloDefinition& slo,
                           const core::Decided& decided) {
  const auto reached =
      std::find_if(decided.events.begin(), decided.events.end(),
                   [&](const core::Event& event) { return is_point(event, slo.to); });
  if (reached == decided.events.end()) return;
  if (const auto from = time_of(entry, slo.from, decided)) {
    count_objective(entry.state.birth.workflow, slo.name,
                    reached->at.ms - from->ms <= slo.within_ms);
  }
}

std::optional<core::Timestamp> Objectives::time_of(const SagaEntry& entry, std::string_view point,
                                                   const core::Decided& decided) const {
  if (point == "start") return entry.state.accepted_at;
  constexpr std::size_t kEventsLookedAt = 1'000;  // an objective's ends are not thousands apart
  const auto records =
      store_.read_stream(saga_stream(entry.state.birth.saga), 1, kEventsLookedAt);
  if (records) {
    for (const store::EventRecord& record : *records) {
      const auto event = core::decode(
          {record.type, record.format, record.at_ms, record.header, record.payload});
      if (event && is_point(*event, point)) return event->at;
    }
  }
  for (const core::Event& event : decided.events) {
    if (is_point(event, point)) return event.at;
  }
  return std::nullopt;
}

void Objectives::figure(const SagaEntry& entry, const dsl::KpiDefinition& kpi,
                        const core::Event& event) {
  if (kpi.count.empty()) return;
  const core::SagaState& state = entry.state;
  const core::StepPath path = core::path_of(event);
  core::Error error;
  if (kpi.count == "error" || kpi.count.starts_with("error.")) {
    const core::Error* found = step_error_of(event);
    // The error of a block is the error of the call inside, which is counted there.
    const core::Node* node = state.find(path);
    const bool inner = node == nullptr || node->kind == "call" || node->kind == "raise";
    if (found == nullptr || !inner) return;
    if (kpi.count.size() > 6 && found->code != kpi.count.substr(6)) return;
    error = *found;
  } else if (!is_point(event, kpi.count)) {
    return;
  }
  if (kpi.at.starts_with("step.") && !passes_through(path.str(), kpi.at.substr(5))) return;
  metrics_.count(KpiLabels::metric_name(kpi.name),
                 labels_.of(kpi, state, error, core::step_name(path)));
}

}  // namespace weft::engine
