// Whether a failed attempt is made again, and when.

#include <algorithm>
#include <cstddef>

#include "orchestrator/core/decide.h"
#include "orchestrator/core/planted.h"
#include "orchestrator/core/reached.h"

namespace weft::core {

namespace {

const char* error_class(Outcome outcome) {
  switch (outcome) {
    case Outcome::kPermanent: return "business";
    case Outcome::kTransient: return "transient";
    case Outcome::kUnavailable: return "unavailable";
    case Outcome::kInvalid: return "invalid";
    default: return "unknown";
  }
}

/// A fixed spread in [0, range): no random source, so every replay and every node agrees.
std::int64_t spread(const std::string& salt, std::int64_t attempt, std::int64_t range) {
  if (range <= 0) return 0;
  std::uint64_t hash = 14695981039346656037ULL;  // FNV-1a, 64 bits.
  auto mix = [&](unsigned char byte) { hash = (hash ^ byte) * 1099511628211ULL; };
  for (char c : salt) mix(static_cast<unsigned char>(c));
  for (int i = 0; i < 8; ++i) mix(static_cast<unsigned char>(attempt >> (8 * i)));
  hash ^= hash >> 32;
  return static_cast<std::int64_t>(hash % static_cast<std::uint64_t>(range));
}

}  // namespace

const dsl::AdapterDefinition& Decider::adapter_of(const std::string& name) const {
  return g_.adapter(name);
}

Error Decider::unavailable_error(const Node& n, const std::string& message) const {
  return {"unavailable", "unavailable", message, n.path.str(), n.adapter};
}

Error Decider::error_of(const Node& n, const Judgement& j) const {
  return {error_class(j.outcome), j.code, j.message, n.path.str(), n.adapter};
}

bool Decider::other_attempt_unknown(const Node& n, std::int64_t attempt) const {
  if (PLANTED(24)) return false;  // one refusal proves it for all attempts
  for (std::size_t i = 0; i < n.fates.size(); ++i) {
    if (static_cast<std::int64_t>(i) + 1 == attempt) continue;
    if (n.fates[i] == AttemptFate::kUnknown || n.fates[i] == AttemptFate::kOpen) return true;
  }
  return false;
}

bool Decider::later_attempt_unknown(const Node& n, std::int64_t attempt) const {
  return std::any_of(n.fates.begin() + static_cast<std::ptrdiff_t>(attempt), n.fates.end(),
                     [](AttemptFate fate) {
                       return fate == AttemptFate::kUnknown || fate == AttemptFate::kOpen;
                     });
}

std::int64_t Decider::delay_of(const dsl::RetryPolicy& policy, const std::string& salt,
                               std::int64_t attempt,
                               const std::optional<std::int64_t>& retry_after_ms) const {
  using dsl::Decimal;
  Decimal delay = Decimal::from_integer(policy.delay_ms);
  const Decimal limit = Decimal::from_integer(policy.delay_max_ms);
  for (std::int64_t i = 1; i < attempt && delay < limit; ++i) {
    delay = Decimal::multiply(delay, policy.backoff).value_or(limit);
    if (policy.backoff == Decimal::from_integer(1)) break;
  }
  std::int64_t ms = (delay < limit ? delay : limit).floor().to_integer().value_or(policy.delay_max_ms);
  switch (policy.jitter) {
    case dsl::RetryPolicy::Jitter::kNone: break;
    case dsl::RetryPolicy::Jitter::kFull: ms = spread(salt, attempt, ms + 1); break;
    case dsl::RetryPolicy::Jitter::kShare: {
      const std::int64_t width = ms * policy.jitter_percent / 100;
      ms = ms - width + spread(salt, attempt, 2 * width + 1);
      break;
    }
  }
  return std::max({ms, retry_after_ms.value_or(0), std::int64_t{0}});
}

bool Decider::lists(const dsl::RetryPolicy& policy, const std::string& cls,
                    const std::string& code) {
  const auto& errors = policy.errors;
  return std::find(errors.begin(), errors.end(), cls) != errors.end() ||
         std::find(errors.begin(), errors.end(), code) != errors.end();
}

/// Repeating what may have been done is safe where keys are remembered, and only there.
bool Decider::may_repeat(const std::string& adapter) const {
  const dsl::Guarantee guarantee = adapter_of(adapter).guarantee;
  return guarantee == dsl::Guarantee::kFenced || guarantee == dsl::Guarantee::kIdempotent;
}

bool Decider::may_retry(const Node& n, const dsl::RetryPolicy& policy, const std::string& cls,
                        const std::string& code, std::int64_t attempts, std::int64_t delay_ms,
                        bool proven_undone) const {
  if (!lists(policy, cls, code)) return false;
  if (policy.attempts_max > 0 && attempts >= policy.attempts_max && !PLANTED(11)) {
    REACHED("attempts are spent");
    return false;
  }
  if (policy.elapsed_max_ms &&
      now().ms + delay_ms - n.policy_since.ms > *policy.elapsed_max_ms) {
    return false;
  }
  const dsl::AdapterDefinition& adapter = adapter_of(n.adapter);
  // One attempt whose effect may exist is all that such an adapter gets; a forgotten key is a new
  // order.
  if (cls == "unknown" && !proven_undone && !may_repeat(n.adapter)) return false;
  if (adapter.idempotency_window_ms &&
      now().ms + delay_ms - n.started_at.ms > *adapter.idempotency_window_ms) {
    return false;
  }
  return true;
}

}  // namespace weft::core
