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

struct Known {
  const char* name;
  MetricFamily::Kind kind;
  const char* help;
};

/// Every family of INTERFACES.md but those that the app adds. What has no sample yet is announced
/// all the same: an alert on a name that does not exist is silent for ever.
const std::vector<Known>& known_families() {
  using Kind = MetricFamily::Kind;
  static const std::vector<Known> kKnown = {
      {"weft_sagas", Kind::kGauge, "Sagas by workflow and state."},
      {"weft_sagas_started_total", Kind::kCounter, "Sagas accepted since this process began."},
      {"weft_sagas_ended_total", Kind::kCounter,
       "Sagas ended since this process began, by end state."},
      {"weft_saga_duration_seconds", Kind::kHistogram, "From acceptance to the end."},
      {"weft_stuck_sagas", Kind::kGauge, "Places that need an operator."},
      {"weft_stuck_oldest_timestamp_seconds", Kind::kGauge,
       "When the oldest stuck place got stuck."},
      {"weft_attempts_total", Kind::kCounter, "Answers and silences of adapters, by outcome."},
      {"weft_attempt_duration_seconds", Kind::kHistogram, "From sending to the answer."},
      {"weft_adapter_queued", Kind::kGauge, "Tasks waiting for their adapter."},
      {"weft_adapter_queued_oldest_timestamp_seconds", Kind::kGauge,
       "When the oldest waiting task was queued."},
      {"weft_adapter_in_flight", Kind::kGauge, "Tasks sent and not yet answered."},
      {"weft_adapter_breaker_open", Kind::kGauge, "1 while the adapter's breaker is open."},
      {"weft_paused", Kind::kGauge, "1 while an operator holds it."},
      {"weft_ordering_blocked_keys", Kind::kGauge,
       "Ordering keys with sagas waiting behind a head."},
      {"weft_unmatched", Kind::kGauge, "Events nobody waited for, and rejected documents."},
      {"weft_anomalies_total", Kind::kCounter, "Contradictions that adapters answered."},
      {"weft_intake_duration_seconds", Kind::kHistogram,
       "From receipt of a start to its durable answer."},
      {"weft_intake_refused_total", Kind::kCounter, "Requests refused at the door."},
      {"weft_outbox_pending", Kind::kGauge, "Effects owed to the outside world."},
      {"weft_timer_lag_seconds", Kind::kGauge, "How late the latest timer fired."},
      {"weft_store_commit_sagas", Kind::kGauge, "Commits made durable per sync, on average."},
      {"weft_store_bytes", Kind::kGauge, "Size of the store on disk."},
      {"weft_store_free_bytes", Kind::kGauge, "Free space on its device."},
      {"weft_store_damages", Kind::kGauge, "Damaged places that reading everything has found."},
      {"weft_store_scrubbed_timestamp_seconds", Kind::kGauge,
       "When everything had last been read through."},
      {"weft_nats_connected", Kind::kGauge, "1 while connected to the broker."},
      {"weft_nats_reconnects_total", Kind::kCounter, "Connections made after the first."},
      {"weft_notifications_failed_total", Kind::kCounter,
       "Notifications that could not be published at once."},
      {"weft_resource_units_total", Kind::kCounter, "Units moved in the ledgers."},
      {"weft_shadow_total", Kind::kCounter,
       "Answers of shadow adapters compared with the real ones."},
      {"weft_slo_events_total", Kind::kCounter, "Events that count for a service level objective."},
      {"weft_build_info", Kind::kGauge, "Version of the program."},
  };
  return kKnown;
}

}  // namespace

Metrics::Metrics() {
  for (const Known& known : known_families()) {
    Family& made = families_[known.name];
    made.kind = known.kind;
    made.help = known.help;
  }
}

Metrics::Family& Metrics::family(std::string_view name, MetricFamily::Kind kind) {
  const auto found = families_.find(name);
  if (found != families_.end()) return found->second;
  Family made;
  made.kind = kind;
  made.help = name;
  return families_.emplace(std::string(name), std::move(made)).first->second;
}

void Metrics::count(std::string_view name, const MetricLabels& labels, double by) {
  family(name, MetricFamily::Kind::kCounter).samples[labels] += by;
}

void Metrics::gauge(std::string_view name, const MetricLabels& labels, double value) {
  family(name, MetricFamily::Kind::kGauge).samples[labels] = value;
}

void Metrics::total(std::string_view name, const MetricLabels& labels, double value) {
  family(name, MetricFamily::Kind::kCounter).samples[labels] = value;
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
