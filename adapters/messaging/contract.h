#pragma once  // adapters/messaging/contract.h

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "adapters/messaging/message.h"

// Bodies and headers of INTERFACES.md, "NATS protocol". JSON stays text here (exact numbers must
// survive): the engine reads success bodies with its own exact parser.
namespace weft::messaging {

namespace header {  // One spelling; brokers and some clients compare case.
inline constexpr std::string_view kProtocol = "Weft-Protocol";
inline constexpr std::string_view kSaga = "Weft-Saga";
inline constexpr std::string_view kWorkflow = "Weft-Workflow";
inline constexpr std::string_view kStep = "Weft-Step";
inline constexpr std::string_view kAttempt = "Weft-Attempt";
inline constexpr std::string_view kIdempotencyKey = "Weft-Idempotency-Key";
inline constexpr std::string_view kCompensation = "Weft-Compensation";
inline constexpr std::string_view kCompensationRound = "Weft-Compensation-Round";
inline constexpr std::string_view kTimeoutMs = "Weft-Timeout-Ms";
inline constexpr std::string_view kDeadline = "Weft-Deadline";
inline constexpr std::string_view kToken = "Weft-Token";
inline constexpr std::string_view kTraceparent = "traceparent";
inline constexpr std::string_view kTracestate = "tracestate";
inline constexpr std::string_view kPending = "Weft-Pending";
inline constexpr std::string_view kEffect = "Weft-Effect";
inline constexpr std::string_view kKey = "Weft-Key";
inline constexpr std::string_view kServiceErrorCode = "Nats-Service-Error-Code";
inline constexpr std::string_view kServiceError = "Nats-Service-Error";
inline constexpr std::string_view kMessageId = "Nats-Msg-Id";
inline constexpr std::string_view kContentType = "Content-Type";
/// One of the names above, in any case.
[[nodiscard]] bool is_protocol_name(std::string_view name);
/// One of those whose absence means something, so that a lost one must not look absent.
[[nodiscard]] bool decides(std::string_view name);
}  // namespace header

inline constexpr int kProtocolVersion = 1;
inline constexpr std::string_view kCloudEventsType = "application/cloudevents+json";

/// The headers of one task request.
struct TaskHeaders {
  std::string saga;
  std::string workflow;         ///< `name@version`
  std::string step;             ///< Path, `allocate[2]/pick`.
  int attempt = 1;              ///< From 1; a re-send after a crash keeps it.
  std::string idempotency_key;  ///< At most 200 characters of [a-z0-9_/[]~.-].
  bool compensation = false;
  int compensation_round = 1;              ///< Sent from 2 on.
  std::optional<std::int64_t> timeout_ms;  ///< What is left when sent.
  std::string deadline;                    ///< RFC 3339 UTC; empty: none.
  std::string token;                       ///< Bearer secret of the attempt; empty: none.
  std::string traceparent;                 ///< Empty: none.
  std::string tracestate;
};
[[nodiscard]] tl::expected<Headers, InvalidText> build_task_headers(const TaskHeaders& task);
/// Lenient: unknown headers are ignored and absent ones keep their default. Refuses another
/// protocol number, a missing or malformed idempotency key and malformed numbers.
[[nodiscard]] tl::expected<TaskHeaders, InvalidText> parse_task_headers(const Headers& headers);
[[nodiscard]] bool is_idempotency_key(std::string_view text);

/// `Weft-Effect`: what the adapter says is known about the key now.
enum class EffectClaim { kAbsent, kNone, kPerhaps, kUndone };

/// A failure as an adapter tells it.
struct ServiceError {
  int service_code = 500;  ///< `Nats-Service-Error-Code`; 500 if it is missing or no number.
  std::string code;     ///< The body's `code` where it is a name; else empty (see the reply table).
  std::string message;  ///< The body's `message`, else the `Nats-Service-Error` header. Bounded.
  std::optional<std::int64_t> retry_after_ms;  ///< Never negative.
  std::string details;                         ///< JSON text, or empty.
};

/// A message on a task's inbox, sorted by the reply table. What follows from it is for the caller.
struct TaskReply {
  enum class Kind {
    kSuccess,       ///< `body` is the output as sent, `null` if empty; still to be parsed as JSON.
    kPending,       ///< Accepted; the result comes by token.
    kFailure,       ///< `error` is filled; 500 also for headers that could not be read.
    kNoResponders,  ///< The broker: nobody listens. Not executed if this was the only attempt.
    kInvalid,       ///< Over the limit, or a stream's PubAck; `problem` says which.
  };
  Kind kind = Kind::kInvalid;
  std::string body;
  ServiceError error;
  EffectClaim effect = EffectClaim::kAbsent;
  std::string problem;
};
[[nodiscard]] TaskReply read_task_reply(Received message, const MessageLimits& limits = {});

/// The body and headers of an error answer, also of `weft.fail.<token>` (body alone).
[[nodiscard]] std::string error_body(const ServiceError& error);
/// Reads the body of `weft.fail.<token>`: lenient, `service_code` from header if there, else 500.
[[nodiscard]] ServiceError read_service_error(const Headers& headers, std::string_view body);

[[nodiscard]] Message success_reply(Subject to, std::string body,
                                    EffectClaim effect = EffectClaim::kAbsent);
[[nodiscard]] Message pending_reply(Subject to);
[[nodiscard]] Message error_reply(Subject to, const ServiceError& error,
                                  EffectClaim effect = EffectClaim::kAbsent);

/// Why a start, cancel, query, signal or completion was refused: an RFC 9457 problem document with
/// members of our own. HTTP answers with the same text.
struct Problem {
  int status = 400;
  std::string code;    ///< E.g. `unknown_workflow`; becomes `code` and the last part of `type`.
  std::string title;   ///< The same for every occurrence of `code`.
  std::string detail;  ///< What came, what was expected, what to do.
  std::optional<std::int64_t> retry_after_ms;
  std::vector<std::string> near;  ///< Names that come close to an unknown one.
  /// Further members by name; each value is JSON text (`first_digest`, `after_pivot`, `pointer`).
  std::vector<std::pair<std::string, std::string>> members;
};
[[nodiscard]] std::string problem_json(const Problem& problem);
/// The problem as an answer: micro headers and body.
[[nodiscard]] Message problem_reply(Subject to, const Problem& problem);
/// A quoted and escaped JSON string, for Problem::members. Invalid UTF-8 is replaced.
[[nodiscard]] std::string json_string(std::string_view text);

/// What a JetStream stream answers instead of an adapter: `{"stream":…,"seq":…}`.
struct PubAck {
  std::string stream;
  std::uint64_t sequence = 0;
  bool duplicate = false;
};
/// None for anything else, a PubAck carrying an error included.
[[nodiscard]] std::optional<PubAck> parse_pub_ack(std::string_view body);

/// CloudEvents 1.0, structured mode.
struct CloudEvent {
  std::string id;
  std::string source;
  std::string type;
  std::string subject;  ///< Empty: none.
  std::string time;     ///< RFC 3339; empty: none.
  std::string data_content_type = "application/json";
  /// Extension attributes by name ([a-z0-9]+); each value is JSON text.
  std::vector<std::pair<std::string, std::string>> extensions;
  std::string data;  ///< JSON text; empty: none.
};
[[nodiscard]] std::string cloud_event_json(const CloudEvent& event);
/// The event as a message: body, `Content-Type`, and `Nats-Msg-Id` = id.
[[nodiscard]] tl::expected<Message, InvalidText> cloud_event_message(Subject to,
                                                                     const CloudEvent& event);
[[nodiscard]] bool is_cloud_event(const Headers& headers);
/// `data` and extensions keep their text exactly. Refuses what lacks id, source, type or
/// `specversion` 1.x, and `data_base64`.
[[nodiscard]] tl::expected<CloudEvent, InvalidText> parse_cloud_event(std::string_view body);

}  // namespace weft::messaging
