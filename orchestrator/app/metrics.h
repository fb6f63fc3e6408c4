#pragma once  // orchestrator/app/metrics.h

#include <string>

#include "orchestrator/engine/metrics.h"

namespace weft::app {

/// Prometheus' text format 0.0.4, content type `text/plain; version=0.0.4; charset=utf-8`.
[[nodiscard]] std::string prometheus_text(const engine::MetricsSnapshot& snapshot);

/// `process_*`: processor time, memory, open files, start time, as every Prometheus client has
/// them.
[[nodiscard]] engine::MetricsSnapshot process_metrics();

}  // namespace weft::app
