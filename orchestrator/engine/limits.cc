#include "orchestrator/engine/limits.h"

namespace weft::engine {

const std::vector<LimitName>& limit_names() {
  static const std::vector<LimitName> kNames = {
      {"payload_bytes", &Limits::payload_bytes, 1024},
      {"payload_depth", &Limits::payload_depth, 4},
      {"yaml_bytes", &Limits::yaml_bytes, 1024},
      {"child_depth", &Limits::child_depth, 1},
      {"commands_queued", &Limits::commands_queued, 1},
      {"commands_queued_bytes", &Limits::commands_queued_bytes, 1024},
      {"tasks_queued", &Limits::tasks_queued, 1},
      {"tasks_queued_bytes", &Limits::tasks_queued_bytes, 1024},
      {"commands_per_turn", &Limits::commands_per_turn, 1},
      {"timers_per_turn", &Limits::timers_per_turn, 1},
      {"timers_in_memory", &Limits::timers_in_memory, 16},
      {"sagas_in_memory", &Limits::sagas_in_memory, 1},
      {"sagas_in_memory_bytes", &Limits::sagas_in_memory_bytes, 1024},
      {"snapshot_every", &Limits::snapshot_every, 1},
      {"batches_in_flight", &Limits::batches_in_flight, 1},
      {"events_per_command", &Limits::events_per_command, 10},
      {"max_clock_skew_ms", &Limits::max_clock_skew_ms, 0},
      {"busy_retry_after_ms", &Limits::busy_retry_after_ms, 1},
      {"store_reserve_percent", &Limits::store_reserve_percent, 0},
      {"list_page", &Limits::list_page, 1},
      {"scan_rows", &Limits::scan_rows, 1},
      {"bulk_rate_per_second", &Limits::bulk_rate_per_second, 1},
      {"bulk_sagas", &Limits::bulk_sagas, 1},
      {"event_ids_kept_ms", &Limits::event_ids_kept_ms, 1000},
      {"start_keys_kept_ms", &Limits::start_keys_kept_ms, 0},
      {"responder_retry_min_ms", &Limits::responder_retry_min_ms, 1},
      {"responder_retry_max_ms", &Limits::responder_retry_max_ms, 1},
      {"unavailable_retry_ms", &Limits::unavailable_retry_ms, 1},
      {"notifications_per_turn", &Limits::notifications_per_turn, 1},
      {"label_values", &Limits::label_values, 1},
  };
  return kNames;
}

bool set_limit(Limits& limits, std::string_view name, std::int64_t value) {
  for (const LimitName& limit : limit_names()) {
    if (limit.name != name) continue;
    if (value < limit.at_least) return false;
    limits.*limit.member = value;
    return true;
  }
  return false;
}

}  // namespace weft::engine
