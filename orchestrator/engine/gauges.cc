#include "orchestrator/engine/gauges.h"

#include <algorithm>
#include <map>
#include <string>

namespace weft::engine {

void refresh_gauges(Context& context, const Controls& controls, const DeadLetter& dead_letter) {
  Metrics& metrics = context.metrics;
  metrics.clear("weft_sagas");
  for (const auto& [key, count] : context.projections.counts()) {
    metrics.gauge("weft_sagas", {{"workflow", key.first}, {"state", key.second}},
                  static_cast<double>(count));
  }
  context.ages.refresh(context.now.time, context.commits.durable());
  metrics.clear("weft_stuck_sagas");
  metrics.clear("weft_stuck_oldest_timestamp_seconds");
  std::map<MetricLabels, double> stuck;
  std::map<std::string, std::int64_t> oldest;
  for (const auto& [saga, places] : context.projections.stuck()) {
    for (const StuckPlace& place : places) {
      ++stuck[{{"workflow", place.workflow},
               {"step", place.step},
               {"class", place.error_class},
               {"code", place.code},
               {"adapter", place.adapter}}];
      auto& at = oldest.emplace(place.workflow, place.since.ms).first->second;
      at = std::min(at, place.since.ms);
    }
  }
  for (const auto& [labels, count] : stuck) metrics.gauge("weft_stuck_sagas", labels, count);
  for (const auto& [workflow, at] : oldest) {
    metrics.gauge("weft_stuck_oldest_timestamp_seconds", {{"workflow", workflow}},
                  static_cast<double>(at) / 1000.0);
  }
  metrics.clear("weft_paused");
  if (context.paused) metrics.gauge("weft_paused", {{"kind", "engine"}, {"name", ""}}, 1);
  for (const std::string& workflow : controls.paused_workflows()) {
    metrics.gauge("weft_paused", {{"kind", "workflow"}, {"name", workflow}}, 1);
  }
  metrics.clear("weft_adapter_queued_oldest_timestamp_seconds");
  for (const auto& [name, line] : context.dispatcher.lines()) {
    const MetricLabels labels = {{"adapter", name}};
    metrics.gauge("weft_adapter_queued", labels, static_cast<double>(line->waiting()));
    metrics.gauge("weft_adapter_in_flight", labels, static_cast<double>(line->in_flight));
    metrics.gauge("weft_adapter_breaker_open", labels,
                  line->breaker.state() == Breaker::State::kClosed ? 0 : 1);
    if (const auto at = line->oldest()) {
      metrics.gauge("weft_adapter_queued_oldest_timestamp_seconds", labels,
                    static_cast<double>(at->ms) / 1000.0);
    }
    if (line->paused) metrics.gauge("weft_paused", {{"kind", "adapter"}, {"name", name}}, 1);
  }
  metrics.clear("weft_ordering_blocked_keys");
  for (const auto& [workflow, count] : context.ordering.blocked_by_workflow()) {
    metrics.gauge("weft_ordering_blocked_keys", {{"workflow", workflow}},
                  static_cast<double>(count));
  }
  for (const char* kind : {"event", "rejected"}) {
    metrics.gauge("weft_unmatched", {{"kind", kind}}, static_cast<double>(dead_letter.count(kind)));
  }
  const auto& stats = context.store_stats;
  metrics.gauge("weft_outbox_pending", {}, static_cast<double>(context.commits.outbox_rows()));
  metrics.count("weft_notifications_failed_total", {}, 0);
  metrics.gauge("weft_store_commit_sagas", {},
                stats.groups == 0 ? 0 : static_cast<double>(stats.commits) /
                                            static_cast<double>(stats.groups));
  metrics.gauge("weft_store_bytes", {}, static_cast<double>(stats.bytes));
  metrics.gauge("weft_store_free_bytes", {}, static_cast<double>(stats.free_bytes));
  metrics.gauge("weft_nats_connected", {}, context.connected ? 1 : 0);
  const auto connects = context.bus.stats().connects;
  metrics.total("weft_nats_reconnects_total", {},
                connects == 0 ? 0 : static_cast<double>(connects - 1));
  metrics.gauge("weft_store_damages", {}, static_cast<double>(stats.damages));
  if (stats.scrubbed_at_ms > 0) {
    metrics.gauge("weft_store_scrubbed_timestamp_seconds", {},
                  static_cast<double>(stats.scrubbed_at_ms) / 1000.0);
  }
  metrics.gauge("weft_build_info",
                {{"version", context.config.version}, {"commit", context.config.commit}}, 1);
}

}  // namespace weft::engine
