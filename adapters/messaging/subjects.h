#pragma once  // adapters/messaging/subjects.h

#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "adapters/messaging/message.h"

// Every subject of INTERFACES.md, "NATS protocol", and the only way to make one.
//
//   subject  = token *("." token)           at most MessageLimits::subject_bytes_max
//   token    = 1*%x21-7E less "." "*" ">"
//   name     = [a-z] *[a-z0-9_]             one token; at most 64 characters
//   dotted   = name *("." name)             one or more tokens
//   saga     = 26 * [a-z2-7]                128 bits in base32
//   secret   = 16*64 [A-Za-z0-9_-]          attempt tokens and store ids
namespace weft::messaging {

using SubjectResult = tl::expected<Subject, InvalidText>;
using PatternResult = tl::expected<SubjectPattern, InvalidText>;

[[nodiscard]] bool is_name(std::string_view text);
[[nodiscard]] bool is_dotted_name(std::string_view text);
[[nodiscard]] bool is_saga_id(std::string_view text);
[[nodiscard]] bool is_secret_token(std::string_view text);

// Orchestrator to adapter.
[[nodiscard]] SubjectResult task_subject(std::string_view adapter, std::string_view operation);
[[nodiscard]] SubjectResult dryrun_subject(std::string_view adapter, std::string_view operation);
/// An operation's `subject:` of an adapter definition: any literal subject outside `weft.`,
/// `$` (the broker's own) and `_INBOX.`.
[[nodiscard]] SubjectResult custom_subject(std::string_view text);
/// `_INBOX.weft.<store>.<token>`: stable over restarts. `prefix` is `nats.inbox` of weft.yaml.
[[nodiscard]] SubjectResult inbox_subject(std::string_view prefix, std::string_view store,
                                          std::string_view token);

// Anyone to orchestrator.
[[nodiscard]] SubjectResult start_subject(std::string_view workflow);
[[nodiscard]] SubjectResult cancel_subject(std::string_view workflow);
[[nodiscard]] SubjectResult query_subject(std::string_view workflow);
[[nodiscard]] SubjectResult complete_subject(std::string_view token);
[[nodiscard]] SubjectResult fail_subject(std::string_view token);
[[nodiscard]] SubjectResult heartbeat_subject(std::string_view token);
[[nodiscard]] SubjectResult signal_subject(std::string_view saga, std::string_view name);
[[nodiscard]] SubjectResult event_subject(std::string_view name);

// Orchestrator to anyone.
[[nodiscard]] SubjectResult out_subject(std::string_view name);
/// `type` is an event type as in INTERFACES.md, e.g. `StepSucceeded`.
[[nodiscard]] SubjectResult changed_subject(std::string_view type, std::string_view workflow);

/// The subject to answer to, from Received::reply. It was chosen by the sender, so it must not make
/// us speak where the sender may not: `weft.` and `$` are refused.
[[nodiscard]] SubjectResult reply_subject(std::string_view reply);
/// As reply_subject, for messages of a JetStream consumer: `$JS.ACK.` and nothing else.
[[nodiscard]] SubjectResult acknowledgement_subject(std::string_view reply);
/// A `$JS.API.` subject: `verb` is ours, each of `names` is a stream or consumer name.
[[nodiscard]] SubjectResult jetstream_subject(std::string_view verb,
                                              const std::vector<std::string>& names);
/// Stream and consumer names as the broker allows them: one token without `/` and `\`, <= 255.
[[nodiscard]] bool is_jetstream_name(std::string_view text);

// Subscriptions of the orchestrator.
/// Everything people and adapters may ask of it; subscribe each with group kQueueGroup.
[[nodiscard]] std::vector<SubjectPattern> intake_patterns();
/// Answers to all tasks of this store.
[[nodiscard]] PatternResult inbox_pattern(std::string_view prefix, std::string_view store);
inline constexpr std::string_view kQueueGroup = "weft";
inline constexpr std::string_view kInboxPrefix = "_INBOX.weft";

// Subscriptions of adapters, tools and tests.
[[nodiscard]] PatternResult task_pattern(std::string_view adapter);  ///< all its operations
[[nodiscard]] PatternResult dryrun_pattern(std::string_view adapter);
/// `$SRV.<verb>`, and with names `$SRV.<verb>.<service>[.<id>]`; verb PING, INFO or STATS.
[[nodiscard]] PatternResult service_pattern(std::string_view verb, std::string_view service = {},
                                            std::string_view id = {});
[[nodiscard]] SubjectResult service_subject(std::string_view verb, std::string_view service = {});
/// Any valid pattern, for what an operator configures (JetStream filters) and for tests.
[[nodiscard]] PatternResult any_pattern(std::string_view text);
[[nodiscard]] SubjectPattern exactly(const Subject& subject);
/// The trees that no stream may capture, `weft.task.>` and so on (INTERFACES.md, JetStream).
[[nodiscard]] std::vector<SubjectPattern> request_trees();

/// What a message to the orchestrator is about, read from its subject.
struct IntakeSubject {
  enum class Kind { kStart, kCancel, kQuery, kComplete, kFail, kHeartbeat, kSignal, kEvent };
  Kind kind = Kind::kStart;
  std::string name;   ///< Workflow (start, cancel, query) or event name (signal, event).
  std::string saga;   ///< Only for signal.
  std::string token;  ///< Only for complete, fail, heartbeat.
};
/// Refuses what intake_patterns() lets through but no function above can make.
[[nodiscard]] tl::expected<IntakeSubject, InvalidText> parse_intake_subject(std::string_view text);
/// The attempt token of a reply that came on inbox_pattern(); empty if it has none.
[[nodiscard]] std::string_view inbox_token(std::string_view subject);
/// The operation of a request that came on task_pattern() or dryrun_pattern(); empty if malformed.
[[nodiscard]] std::string_view operation_of(std::string_view subject);

}  // namespace weft::messaging
