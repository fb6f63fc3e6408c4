#include "orchestrator/core/outcome.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>

#include "dsl/names.h"
#include "dsl/saga_graph.h"

namespace weft::core {
namespace {

const dsl::ErrorDeclaration* find_by_number(
    const std::map<std::string, dsl::ErrorDeclaration>& errors, std::int64_t number) {
  for (const auto& [code, declaration] : errors) {
    const auto& numbers = declaration.service_codes;
    if (std::find(numbers.begin(), numbers.end(), number) != numbers.end()) return &declaration;
  }
  return nullptr;
}

std::string code_of_number(std::int64_t number) {
  return "service_" + std::to_string(std::max<std::int64_t>(number, 0));
}

/// The failure's name, and how it is declared (nullptr: it is not).
struct NamedFailure {
  std::string code;
  const dsl::ErrorDeclaration* declaration = nullptr;
  bool named = false;  ///< By the body or a declaration, not merely by its number.
};

NamedFailure name_failure(const dsl::SagaGraph& graph, const dsl::AdapterDefinition& adapter,
                          const TaskReply& reply) {
  NamedFailure failure;
  if (dsl::is_name(reply.code)) {
    failure.code = reply.code;
    failure.named = true;
    // The workflow's declaration outranks the adapter's, as in SagaGraph::find_error; the adapter
    // that answered may be a route target which the call does not name.
    const auto own = graph.errors.find(reply.code);
    if (own != graph.errors.end()) {
      failure.declaration = &own->second;
    } else if (const auto shared = adapter.errors.find(reply.code);
               shared != adapter.errors.end()) {
      failure.declaration = &shared->second;
    }
    return failure;
  }
  failure.declaration = find_by_number(graph.errors, reply.service_code);
  if (failure.declaration == nullptr) {
    failure.declaration = find_by_number(adapter.errors, reply.service_code);
  }
  failure.named = failure.declaration != nullptr;
  failure.code = failure.named ? failure.declaration->code : code_of_number(reply.service_code);
  return failure;
}

/// What Weft-Effect says of the key, or `fallback` where it is silent.
Effect claimed(EffectClaim claim, Effect fallback) {
  switch (claim) {
    case EffectClaim::kAbsent: return fallback;
    case EffectClaim::kPerhaps: return Effect::kPerhaps;
    case EffectClaim::kNone:
    case EffectClaim::kUndone: return Effect::kNotHappened;
  }
  return fallback;
}

/// The code table of INTERFACES.md, "Replies", from its first row to its last.
Judgement judge_failure(const dsl::SagaGraph& graph, const dsl::AdapterDefinition& adapter,
                        const TaskReply& reply) {
  const NamedFailure failure = name_failure(graph, adapter, reply);
  const bool fenced = adapter.guarantee == dsl::Guarantee::kFenced;
  const bool business = failure.declaration != nullptr &&
                        failure.declaration->error_class == dsl::ErrorClass::kBusiness;
  const bool transient = failure.declaration != nullptr && !business;
  const std::int64_t number = reply.service_code;

  Judgement judgement;
  judgement.code = failure.code;
  judgement.message = reply.message;
  judgement.retry_after_ms = reply.retry_after_ms;
  const auto is = [&judgement](Outcome outcome, Effect effect) {
    judgement.outcome = outcome;
    judgement.effect = effect;
    return judgement;
  };

  // The protocol's own codes; nobody can declare them, and a number alone does not mean them: a
  // plain service's 409 or 422 is its business. Only 425 has no other use than this one.
  if (failure.code == "fenced") {
    return is(Outcome::kPermanent, claimed(reply.effect, Effect::kNotHappened));
  }
  if (failure.code == "key_conflict") {
    return is(Outcome::kInvalid, claimed(reply.effect, Effect::kPerhaps));
  }
  if (failure.code == "in_progress" || (number == 425 && !failure.named)) {
    judgement.code = "in_progress";
    return is(Outcome::kInProgress, claimed(reply.effect, Effect::kPerhaps));
  }
  // Done and undone again: asking once more could not succeed.
  if (reply.effect == EffectClaim::kUndone) return is(Outcome::kPermanent, Effect::kNotHappened);

  const bool executed_perhaps = reply.effect == EffectClaim::kPerhaps;
  if (business) {
    const Effect refused = fenced ? Effect::kNotHappened : Effect::kNone;
    const bool leaves = failure.declaration->effect_perhaps;
    return is(Outcome::kPermanent, claimed(reply.effect, leaves ? Effect::kPerhaps : refused));
  }
  if (number == 429 || (number == 503 && reply.retry_after_ms.has_value())) {
    return executed_perhaps ? is(Outcome::kUnknown, Effect::kPerhaps)
                            : is(Outcome::kUnavailable, claimed(reply.effect, Effect::kNone));
  }
  if (!transient && number >= 400 && number <= 499 && number != 408) {
    return is(Outcome::kPermanent,
              claimed(reply.effect, fenced ? Effect::kNotHappened : Effect::kNone));
  }
  // Declared transient, 408, 5xx and whatever is no HTTP-like number: a handler that throws after
  // its commit answers so. Only a fence or the adapter's word makes it conclusive.
  const Effect effect = claimed(reply.effect, fenced ? Effect::kNotHappened : Effect::kPerhaps);
  return is(effect == Effect::kNotHappened ? Outcome::kTransient : Outcome::kUnknown, effect);
}

Judgement silence(Outcome outcome, Effect effect, const char* code, const TaskReply& reply,
                  const char* message) {
  Judgement judgement;
  judgement.outcome = outcome;
  judgement.effect = effect;
  judgement.code = code;
  judgement.message = reply.message.empty() ? message : reply.message;
  judgement.retry_after_ms = reply.retry_after_ms;
  return judgement;
}

}  // namespace

const char* outcome_name(Outcome outcome) {
  switch (outcome) {
    case Outcome::kSucceeded: return "succeeded";
    case Outcome::kPermanent: return "permanent";
    case Outcome::kTransient: return "transient";
    case Outcome::kUnavailable: return "unavailable";
    case Outcome::kUnknown: return "unknown";
    case Outcome::kInvalid: return "invalid";
    case Outcome::kPending: return "pending";
    case Outcome::kInProgress: return "in_progress";
  }
  return "unknown";
}

const char* effect_name(Effect effect) {
  switch (effect) {
    case Effect::kNone: return "none";
    case Effect::kPerhaps: return "perhaps";
    case Effect::kHappened: return "happened";
    case Effect::kNotHappened: return "not_happened";
  }
  return "none";
}

Judgement judge(const dsl::SagaGraph& graph, const dsl::AdapterDefinition& adapter,
                const TaskReply& reply) {
  using Kind = TaskReply::Kind;
  switch (reply.kind) {
    case Kind::kSuccess:
      return Judgement{.outcome = Outcome::kSucceeded, .code = {}, .message = {},
                       .effect = Effect::kHappened, .retry_after_ms = {}};
    case Kind::kPending:
      return Judgement{.outcome = Outcome::kPending, .code = {}, .message = {},
                       .effect = Effect::kPerhaps, .retry_after_ms = {}};
    case Kind::kFailure:
      return judge_failure(graph, adapter, reply);
    case Kind::kInvalid:
      return silence(Outcome::kInvalid, claimed(reply.effect, Effect::kPerhaps), "invalid_reply",
                     reply, "the adapter's answer is not what the protocol allows");
    case Kind::kTimeout:
      return silence(Outcome::kUnknown, Effect::kPerhaps, "timeout", reply,
                     "no answer within the attempt's timeout");
    case Kind::kDisconnected:
      return silence(Outcome::kUnknown, Effect::kPerhaps, "timeout", reply,
                     "the connection was lost after sending; no answer came");
    case Kind::kHeartbeatMissed:
      return silence(Outcome::kUnknown, Effect::kPerhaps, "timeout", reply,
                     "the adapter accepted the task and then fell silent");
    case Kind::kNotResent:
      return silence(Outcome::kUnknown, Effect::kPerhaps, "timeout", reply,
                     "open at a restart, and the adapter's guarantee does not allow sending again");
    case Kind::kNoResponders:
      return silence(Outcome::kUnavailable, Effect::kNone, "unavailable", reply,
                     "nobody listens for this adapter's tasks");
    case Kind::kNotSent:
      return silence(Outcome::kUnavailable, Effect::kNone, "unavailable", reply,
                     "withdrawn before it was sent");
    case Kind::kScheduleTimeout:
      return silence(Outcome::kUnavailable, Effect::kNone, "unavailable", reply,
                     "schedule_timeout was spent waiting for the adapter");
  }
  return {};
}

}  // namespace weft::core
