// Asking an adapter whether it has done what it did not answer.

#include <utility>

#include "orchestrator/core/decide.h"
#include "orchestrator/core/reached.h"

namespace weft::core {

using dsl::Value;

void Decider::begin_probe(NodeId id) {
  const dsl::ProbeSpec& probe = *step_of(node(id))->call->probe;
  // The probe goes where the call went.
  std::string target = node(id).adapter;
  if (probe.target.adapter != step_of(node(id))->call->target.adapter) {
    auto chosen = choose_target(probe.target.adapter);
    if (!chosen) {
      return stuck(id, "forward",
                   invalid_error(chosen.error().code, chosen.error().message, node(id).path.str(),
                                 node(id).adapter),
                   Effect::kPerhaps);
    }
    target = *std::move(chosen);
  }
  const Node& n = node(id);
  StepScheduled e;
  e.path = n.path;
  e.kind = n.kind;
  e.attempt = n.attempts;
  e.probe = true;
  e.probe_attempt = n.probes + 1;
  e.operation = probe.target.operation;
  e.adapter = std::move(target);
  if (const auto* operation = g_.adapter(e.adapter).find_operation(e.operation)) {
    e.subject = operation->subject;
  }
  e.input = n.input;
  if (probe.with) {
    Environment env = environment(id);
    env.set("with", n.input);
    env.set_task(idempotency_key(s_.birth.saga, n.path), n.attempts);
    auto rendered = probe.with->evaluate(env);
    if (!rendered) {
      return stuck(id, "forward",
                   invalid_error("expression_error", "`probe.with`: " + rendered.error().message,
                                 n.path.str(), n.adapter),
                   Effect::kPerhaps);
    }
    e.input = std::move(*rendered);
  }
  e.timeout_ms = probe.timeout_ms;
  emit(std::move(e));
}

void Decider::report_probe(NodeId id, const ReportReply& r, const Judgement& j) {
  const Node& n = node(id);
  // Each attempt counts its probes anew. The answer to another attempt's probe says nothing of this
  // one, which may have been executed since.
  const bool current = r.attempt == n.attempts && r.round == n.probes;
  if (is_settled(n) || n.stuck || s_.ended() || !n.probing || !n.task_open || !current) {
    if (r.round == n.probes && r.attempt != n.attempts) REACHED("another attempt's probe is answered late");
    out_.duplicate = true;
    return;
  }
  if (r.reply.kind == TaskReply::Kind::kScheduleTimeout) {
    return give_up(id, unavailable_error(n, j.message), false);
  }
  const dsl::CallSpec& call = *step_of(n)->call;
  const std::string state =
      j.outcome == Outcome::kSucceeded ? r.reply.body.string_or("state", "") : std::string();
  if (state == "done") REACHED("a probe says done");
  if (state == "not_done") REACHED("a probe says not done");
  if (state == "undone") REACHED("a probe says undone");
  if (state == "in_progress") REACHED("a probe says in progress");
  if (state == "done") {
    const Value* reply = r.reply.body.find("reply");
    const Value output = reply == nullptr ? Value::empty_object() : *reply;
    if (call.reply_schema) {
      if (auto wrong = dsl::validate_schema(*call.reply_schema, output)) {
        if (leaving(id)) return give_up(id, Error(n.error), false);
        return stuck(id, "forward",
                     invalid_error("reply_schema", "the probed reply breaks " +
                                   call.reply_schema->file + " at `" + wrong->pointer + "`: " +
                                   wrong->message, n.path.str(), n.adapter),
                     Effect::kPerhaps);
      }
    }
    return succeed_call(id, n.attempts, output);
  }
  const bool proof = adapter_of(n.adapter).guarantee == dsl::Guarantee::kFenced ||
                     r.reply.effect == EffectClaim::kNone || !other_attempt_unknown(n, n.attempts);
  const Error error = n.error;
  if (state == "undone") return give_up(id, error, true);
  if (state == "not_done") {
    const std::int64_t attempts = n.attempts - n.attempts_base;
    const std::int64_t delay =
        delay_of(call.retry, s_.birth.saga.str() + "/" + n.path.str(), attempts, {});
    const bool cancelled_pivot = n.pivot && proof && (s_.cancel_requested || s_.deadline_passed);
    // Proven not done, even an unsafe adapter may be asked again: nothing can happen twice. The
    // retries are those of the outcome that was probed, so `unknown` among them is enough.
    const bool again = !leaving(id) && !cancelled_pivot &&
                       (may_retry(n, call.retry, "unknown", error.code, attempts, delay, proof) ||
                        (proof && may_retry(n, call.retry, "transient", error.code, attempts,
                                            delay, true)));
    if (!again) return give_up(id, error, proof);
    AttemptFailed failed;
    failed.path = n.path;
    failed.attempt = n.attempts;
    failed.outcome = proof ? "transient" : "unknown";
    failed.error = error;
    failed.effect = proof ? Effect::kNotHappened : Effect::kPerhaps;
    failed.waited_ms = r.waited_ms;
    failed.follows = "retry";
    failed.next = later(delay);
    set_timer("retry:" + n.path.str(), *failed.next);
    emit(std::move(failed));
    return;
  }
  probe_again(id, error, r, j);
}

void Decider::probe_again(NodeId id, const Error& error, const ReportReply& r, const Judgement& j) {
  const Node& n = node(id);
  // The attempts' own answers may have come in the meantime, and say what no probe could.
  const bool refused = !other_attempt_unknown(n, 0);
  if (leaving(id)) return give_up(id, error, refused);
  const dsl::RetryPolicy& policy = step_of(n)->call->probe->retry;
  const std::int64_t delay = delay_of(policy, s_.birth.saga.str() + "/" + n.path.str() + "/probe",
                                      n.probes, j.retry_after_ms);
  const bool spent = (policy.attempts_max > 0 && n.probes >= policy.attempts_max) ||
                     (policy.elapsed_max_ms &&
                      now().ms + delay - n.probing_since.ms > *policy.elapsed_max_ms);
  if (spent) return give_up(id, error, refused);
  AttemptFailed failed;
  failed.path = n.path;
  failed.attempt = n.attempts;
  failed.direction = "probe";
  failed.outcome = "unknown";
  failed.error = error;
  failed.follows = "probe";
  failed.waited_ms = r.waited_ms;
  failed.next = later(delay);
  set_timer("probe:" + n.path.str(), *failed.next);
  emit(std::move(failed));
}

}  // namespace weft::core
