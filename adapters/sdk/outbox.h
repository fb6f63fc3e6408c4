#pragma once  // adapters/sdk/outbox.h

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/sdk/database.h"

// What an adapter still has to tell the orchestrator, in the same transaction as what it did.
//
//   weft_outbox  id, kind (complete|fail|event), target (token or event name), message_id, body,
//                due_ms (not before; UTC milliseconds)
namespace weft::sdk {

extern const std::string_view kOutboxSchema;

struct OutboxEntry {
  enum class Kind { kComplete, kFail, kEvent };
  Kind kind = Kind::kEvent;
  std::string target;      ///< The token, or the event's name.
  std::string message_id;  ///< Makes a repeated event harmless; empty for results.
  std::string body;
  std::int64_t id = 0;  ///< Given when stored.
};

void put_in_outbox(Transaction& transaction, const OutboxEntry& entry,
                   std::chrono::milliseconds delay = std::chrono::milliseconds{0});
/// The oldest due entries.
[[nodiscard]] std::vector<OutboxEntry> due_entries(Transaction& transaction, std::int64_t now_ms,
                                                   int count_max);
void remove_from_outbox(Transaction& transaction, std::int64_t id);
void postpone(Transaction& transaction, std::int64_t id, std::int64_t due_ms);

/// UTC milliseconds.
[[nodiscard]] std::int64_t wall_clock_ms();

}  // namespace weft::sdk
