#pragma once  // orchestrator/engine/outbox_row.h

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "orchestrator/core/effect.h"
#include "orchestrator/core/ids.h"
#include "orchestrator/engine/token.h"

// Rows of the outbox, in the stream of the saga that owes them:
//
//   id   = "t" direction attempt:4 round:2 (path | "#" hash(path))   a task
//        | "h" (path | "#" hash(path))                               watch these heartbeats
//        | "e" revision:8 number:2                                   any other effect, in order
//   data = format:1 queued_at:8 node:4 flags:1 window_ms:8 length:2 name@version effect
namespace weft::engine {

struct OutboxRowData {
  core::Timestamp queued_at;
  std::uint32_t node = 0;           ///< Tasks: the step's place in the state (token.h).
  bool unsafe = false;              ///< Tasks: never sent twice.
  std::int64_t window_ms = 0;       ///< Tasks: how long the adapter remembers keys; 0 = for ever.
  std::string workflow;             ///< name@version
  core::SagaEffect effect;
  std::size_t bytes = 0;            ///< What the row weighs as it is stored; not stored itself.
};

[[nodiscard]] std::string task_row_id(const core::StepPath& path, core::Direction direction,
                                      std::int64_t attempt, std::int64_t round);
[[nodiscard]] std::string heartbeat_row_id(const core::StepPath& path);
[[nodiscard]] std::string effect_row_id(std::uint64_t revision, std::size_t number);

[[nodiscard]] std::string encode_row(const OutboxRowData& row);
/// Nothing if the bytes are no row.
[[nodiscard]] std::optional<OutboxRowData> decode_row(std::string_view bytes);

}  // namespace weft::engine
