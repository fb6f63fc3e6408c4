#pragma once  // orchestrator/engine/limits.h

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace weft::engine {

/// Every limit of the engine, in one place (SEMANTICS.md, Limits). `weft.yaml` names them as here.
struct Limits {
  std::int64_t payload_bytes = 256 * 1024;
  std::int64_t payload_depth = 64;
  std::int64_t yaml_bytes = 256 * 1024;
  std::int64_t child_depth = 8;
  std::int64_t commands_queued = 20'000;    ///< Decided later; beyond it intake answers `busy`.
  std::int64_t commands_queued_bytes = 128 * 1024 * 1024;  ///< Of the documents that start sagas.
  std::int64_t tasks_queued = 200'000;      ///< Over all adapters, in memory; beyond it `busy`.
  std::int64_t tasks_queued_bytes = 256 * 1024 * 1024;  ///< Of what they ask; beyond it `busy`.
  std::int64_t commands_per_turn = 512;     // bounds how long one loop turn keeps others waiting
  std::int64_t timers_per_turn = 512;
  std::int64_t timers_in_memory = 20'000;   ///< The next ones due; the rest is read when due.
  std::int64_t sagas_in_memory = 20'000;    ///< States kept; the rest is folded again when needed.
  /// Of their stored events; in memory they weigh about twice that.
  std::int64_t sagas_in_memory_bytes = 256 * 1024 * 1024;
  std::int64_t snapshot_every = 200;        ///< Events of one saga between two snapshots.
  std::int64_t batches_in_flight = 4;       ///< Submitted, not durable; beyond it deciding waits.
  std::int64_t events_per_command = 1'000;  ///< Beyond it, loops go on in the next turn.
  std::int64_t max_clock_skew_ms = 5'000;   ///< Added to a settling scope's wait for sent tasks.
  std::int64_t busy_retry_after_ms = 500;
  std::int64_t store_reserve_percent = 5;   ///< Below it starts are refused.
  std::int64_t list_page = 1'000;           ///< Most rows of one answer.
  std::int64_t scan_rows = 50'000;          ///< Most rows looked at before a cursor is handed back.
  std::int64_t bulk_rate_per_second = 50;
  std::int64_t bulk_sagas = 100'000;
  std::int64_t event_ids_kept_ms = 86'400'000;        ///< 1 day: repeated events are known so long.
  std::int64_t start_keys_kept_ms = 7'776'000'000;    ///< 90 days beyond the history.
  std::int64_t responder_retry_min_ms = 100;          ///< Nobody listens: ask again, doubling
  std::int64_t responder_retry_max_ms = 2'000;        ///< up to this.
  std::int64_t unavailable_retry_ms = 1'000;          ///< An answer without retry_after_ms.
  std::int64_t notifications_per_turn = 1'000;
  std::int64_t label_values = 100;          ///< Of one metric's author label; beyond it `other`.
};

/// One limit by name, for configuration and for messages.
struct LimitName {
  std::string_view name;
  std::int64_t Limits::*member;
  std::int64_t at_least;
};
[[nodiscard]] const std::vector<LimitName>& limit_names();
/// False: no such limit, or a value below what can work.
[[nodiscard]] bool set_limit(Limits& limits, std::string_view name, std::int64_t value);

}  // namespace weft::engine
