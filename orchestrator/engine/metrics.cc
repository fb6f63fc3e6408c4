#include "orchestrator/engine/metrics.h"

#include <algorithm>
#include <cassert>

namespace weft::engine {
namespace {

// From one synced commit on a fast disk to a day that a saga waits for a warehouse.
const std::vector<double>& bounds() {
  static const std::vector<double> kBounds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                              0.5,   1,      2.5,   5,    10,    30,   60,  300,
                                              1800,  7200,   86400};
  return kBounds;
}

const std::map<std::string, std::string, std::less<>>& help_texts() {
  static const std::map<std::string, std::string, std::less<>> kHelp = {
      {"weft_sagas", "Sagas by workflow and state."},
      {"weft_sagas_started_total", "Sagas accepted since this process began."},
      {"weft_sagas_ended_total", "Sagas ended since this process began, by end state."},
      {"weft_saga_duration_seconds", "From acceptance to the end."},
      {"weft_stuck_sagas", "Places that need an operator."},
      {"weft_stuck_oldest_timestamp_seconds", "When the oldest stuck place got stuck."},
      {"weft_attempts_total", "Answers and silences of adapters, by outcome."},
      {"weft_attempt_duration_seconds", "From sending to the answer."},
      {"weft_adapter_queued", "Tasks waiting for their adapter."},
      {"weft_adapter_queued_oldest_timestamp_seconds", "When the oldest waiting task was queued."},
      {"weft_adapter_in_flight", "Tasks sent and not yet answered."},
      {"weft_adapter_breaker_open", "1 while the adapter's breaker is open."},
      {"weft_paused", "1 while an operator holds it."},
      {"weft_ordering_blocked_keys", "Ordering keys with sagas waiting behind a head."},
      {"weft_unmatched", "Events nobody waited for, and rejected documents."},
      {"weft_anomalies_total", "Contradictions that adapters answered."},
      {"weft_intake_duration_seconds", "From receipt of a start to its durable answer."},
      {"weft_intake_refused_total", "Requests refused at the door."},
      {"weft_outbox_pending", "Effects owed to the outside world."},
      {"weft_timer_lag_seconds", "How late the latest timer fired."},
      {"weft_store_sync_duration_seconds", "The last group's write and sync."},
      {"weft_store_commit_sagas", "Commits made durable per sync, on average."},
      {"weft_store_bytes", "Size of the store on disk."},
      {"weft_store_free_bytes", "Free space on its device."},
      {"weft_store_damages", "Damaged places that reading everything has found."},
      {"weft_store_scrubbed_timestamp_seconds", "When everything had last been read through."},
      {"weft_nats_connected", "1 while connected to the broker."},
      {"weft_nats_reconnects_total", "Connections made after the first."},
      {"weft_notifications_failed_total", "Notifications that could not be published at once."},
      {"weft_resource_units_total", "Units moved in the ledgers."},
      {"weft_shadow_total", "Answers of shadow adapters compared with the real ones."},
      {"weft_slo_events_total", "Events that count for a service level objective."},
      {"weft_build_info", "Version of the program."},
  };
  return kHelp;
}

}  // namespace

Metrics::Metrics() = default;

Metrics::Family& Metrics::family(std::string_view name, MetricFamily::Kind kind) {
  const auto found = families_.find(name);
  if (found != families_.end()) return found->second;
  Family made;
  made.kind = kind;
  const auto help = help_texts().find(name);
  made.help = help == help_texts().end() ? std::string(name) : help->second;
  return families_.emplace(std::string(name), std::move(made)).first->second;
}

void Metrics::count(std::string_view name, const MetricLabels& labels, double by) {
  family(name, MetricFamily::Kind::kCounter).samples[labels] += by;
}

void Metrics::gauge(std::string_view name, const MetricLabels& labels, double value) {
  family(name, MetricFamily::Kind::kGauge).samples[labels] = value;
}

void Metrics::clear(std::string_view name) {
  const auto found = families_.find(name);
  if (found != families_.end()) found->second.samples.clear();
}

void Metrics::observe(std::string_view name, const MetricLabels& labels, double seconds) {
  HistogramSample& sample = family(name, MetricFamily::Kind::kHistogram).histograms[labels];
  if (sample.buckets.empty()) {
    sample.labels = labels;
    sample.buckets.assign(bounds().size() + 1, 0);
  }
  const auto bound = std::lower_bound(bounds().begin(), bounds().end(), seconds);
  ++sample.buckets[static_cast<std::size_t>(bound - bounds().begin())];
  ++sample.count;
  sample.sum += seconds;
}

MetricsSnapshot Metrics::snapshot() const {
  MetricsSnapshot out;
  out.families.reserve(families_.size());
  for (const auto& [name, family] : families_) {
    MetricFamily copy;
    copy.name = name;
    copy.help = family.help;
    copy.kind = family.kind;
    for (const auto& [labels, value] : family.samples) copy.samples.push_back({labels, value});
    if (family.kind == MetricFamily::Kind::kHistogram) {
      copy.bounds = bounds();
      for (const auto& [labels, sample] : family.histograms) copy.histograms.push_back(sample);
    }
    out.families.push_back(std::move(copy));
  }
  return out;
}

double Metrics::value(std::string_view name, const MetricLabels& labels) const {
  const auto found = families_.find(name);
  if (found == families_.end()) return 0;
  const auto sample = found->second.samples.find(labels);
  return sample == found->second.samples.end() ? 0 : sample->second;
}

}  // namespace weft::engine
