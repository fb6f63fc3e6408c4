#pragma once  // orchestrator/core/outcome.h

#include <cstdint>
#include <optional>
#include <string>

#include "dsl/saga_graph.h"
#include "dsl/value.h"

namespace weft::core {

/// SEMANTICS.md, Outcomes of an attempt; kPending and kInProgress are answers that decide nothing.
enum class Outcome : std::uint8_t {
  kSucceeded, kPermanent, kTransient, kUnavailable, kUnknown, kInvalid, kPending, kInProgress
};
[[nodiscard]] const char* outcome_name(Outcome outcome);  ///< "succeeded", "permanent", ...

/// What is known of a step's effect in the world.
enum class Effect : std::uint8_t { kNone, kPerhaps, kHappened, kNotHappened };
[[nodiscard]] const char* effect_name(Effect effect);  ///< "none", "perhaps", ...

/// `Weft-Effect` of a reply: what the adapter says about the key now.
enum class EffectClaim : std::uint8_t { kAbsent, kNone, kPerhaps, kUndone };

/// What came back for one attempt, or that nothing did. Filled by the engine from the wire.
struct TaskReply {
  enum class Kind : std::uint8_t {
    kSuccess,          ///< JSON without an error header.
    kPending,          ///< Weft-Pending: true.
    kFailure,          ///< Nats-Service-Error(-Code).
    kInvalid,          ///< Not JSON, over the limit, a PubAck: `message` says what.
    kTimeout,          ///< No answer within the attempt's timeout.
    kDisconnected,     ///< The connection broke after sending.
    kNoResponders,     ///< Nobody listens; nothing was delivered.
    kNotSent,          ///< Withdrawn before sending (a scope settles).
    kScheduleTimeout,  ///< schedule_timeout spent while waiting for the adapter.
    kHeartbeatMissed,  ///< A pending attempt fell silent.
    kNotResent,        ///< After a restart, to an unsafe adapter or past its idempotency window.
  };
  Kind kind = Kind::kSuccess;
  dsl::Value body;                   ///< Success: the output. Failure: `details`.
  std::int64_t service_code = 0;     ///< Nats-Service-Error-Code.
  std::string code;                  ///< The body's `code`, if any.
  std::string message;
  std::optional<std::int64_t> retry_after_ms;
  EffectClaim effect = EffectClaim::kAbsent;
};

/// A reply, judged.
struct Judgement {
  Outcome outcome = Outcome::kUnknown;
  std::string code;      ///< Empty on success.
  std::string message;
  /// What this answer alone says of the effect: kHappened on success, kNotHappened where it is
  /// conclusive for the whole key (fenced adapter or Weft-Effect: none), kNone where only this
  /// attempt is known to have done nothing, else kPerhaps.
  Effect effect = Effect::kPerhaps;
  std::optional<std::int64_t> retry_after_ms;
};

/// Judges a reply by the table of INTERFACES.md. `adapter`: the target that answered.
/// Replies that break the operation's reply schema are the caller's to turn into kInvalid.
[[nodiscard]] Judgement judge(const dsl::SagaGraph& graph, const dsl::AdapterDefinition& adapter,
                              const TaskReply& reply);

}  // namespace weft::core
