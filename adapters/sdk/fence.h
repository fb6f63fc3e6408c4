#pragma once  // adapters/sdk/fence.h

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/messaging/contract.h"
#include "adapters/sdk/adapter.h"
#include "adapters/sdk/database.h"

// Remembers keys, in the transaction of the effect (INTERFACES.md, "What a fenced adapter does").
//
//   weft_fence  key, state (in_progress|done|undone), operation and digest of the forward call,
//               reply (of the last thing done), effect (claim sent with it), at_ms
//   weft_work   key, operation, task (JSON: headers and input), token, due_ms, heartbeat_ms,
//               next_heartbeat_ms                       -- pending work, one row per key in
//               progress
namespace weft::sdk {

extern const std::string_view kFenceSchema;

/// What is sent back.
struct Answer {
  enum class Kind { kSuccess, kPending, kError };
  Kind kind = Kind::kSuccess;
  std::string body;  ///< JSON text of a success.
  messaging::ServiceError error;
  messaging::EffectClaim effect = messaging::EffectClaim::kAbsent;

  static Answer failed(int service_code, std::string code, std::string message,
                       messaging::EffectClaim effect = messaging::EffectClaim::kAbsent);
};

/// Handles one request inside `transaction`. `expired`: its deadline has passed, so nothing new may
/// begin. After a refusal nothing of the handler's work is left in the transaction.
[[nodiscard]] Answer handle_request(const Adapter& adapter, Request request, bool expired,
                                    Transaction& transaction);

/// Is anything remembered of this key?
[[nodiscard]] bool knows_key(const std::string& key, Transaction& transaction);

/// One heartbeat to send.
struct Heartbeat {
  std::string key;
  std::string token;
};

/// Goes on with pending work that is due, one piece per call; its result is put into the outbox.
/// False if nothing was due.
bool resume_due_work(const Adapter& adapter, std::int64_t now_ms, Transaction& transaction);
/// The heartbeats that are due; each is next due one interval later.
[[nodiscard]] std::vector<Heartbeat> due_heartbeats(std::int64_t now_ms, Transaction& transaction);
/// The saga no longer wants this work: it is dropped, and a failure put into the outbox.
void drop_work(const std::string& key, Transaction& transaction);
/// When resume_due_work() or due_heartbeats() has something to do next; -1 if never.
[[nodiscard]] std::int64_t next_work_ms(Transaction& transaction);
/// Forgets keys last touched before `before_ms`, work in progress excepted.
void forget_keys(std::int64_t before_ms, Transaction& transaction);

}  // namespace weft::sdk
