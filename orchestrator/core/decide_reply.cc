// What became of a forward task: answers, silence, refusals, and what comes late.

#include <algorithm>
#include <iterator>
#include <utility>

#include "orchestrator/core/decide.h"
#include "orchestrator/core/planted.h"
#include "orchestrator/core/reached.h"

namespace weft::core {

using dsl::Value;
using State = CompensationState::State;

namespace {

/// Is it known now what this attempt did? A 500 that comes late proves as little as silence.
bool says_what_it_did(const Judgement& j) {
  return j.outcome == Outcome::kSucceeded ||
         ((j.outcome == Outcome::kPermanent || j.outcome == Outcome::kTransient) &&
          j.effect != Effect::kPerhaps);
}

LateReplyRecorded recorded(const ReportReply& r, const Judgement& j) {
  LateReplyRecorded late;
  late.path = r.path;
  late.attempt = r.attempt;
  late.outcome = outcome_name(j.outcome);
  late.code = j.code;
  late.effect = r.reply.effect;
  late.known = says_what_it_did(j);
  return late;
}

}  // namespace

// ---- Dispatch of a report ---------------------------------------------------------------------

Decider::Refusal Decider::report(const ReportReply& r) {
  const NodeId id = id_of(r.path);
  if (id == kNoNode || (node(id).kind != "call" && r.direction != Direction::kCompensation) ||
      r.attempt < 1 ||
      (r.direction == Direction::kForward && r.attempt > node(id).attempts)) {
    return reject(Rejection::Code::kUnknownStep, "no such attempt: `" + r.path.str() + "`");
  }
  Judgement j = judge(g_, adapter_of(r.direction == Direction::kCompensation
                                         ? node(id).compensation.adapter
                                         : node(id).adapter),
                      r.reply);
  const bool spent = r.reply.kind == TaskReply::Kind::kScheduleTimeout ||
                     r.reply.kind == TaskReply::Kind::kNotSent;
  if (returns_to_queue(j) && !spent) {
    if (!r.by_token || j.outcome == Outcome::kInProgress) return {};
    // The adapter took it and gives it back: its place in the queue is gone, so it costs an attempt.
    j.outcome = Outcome::kTransient;
  }
  effect(TaskSettled{r.path, r.direction, r.attempt, r.round});
  switch (r.direction) {
    case Direction::kForward: report_forward(id, r, std::move(j)); break;
    case Direction::kProbe: report_probe(id, r, j); break;
    case Direction::kCompensation: report_compensation(id, r, std::move(j)); break;
  }
  return {};
}

// ---- Forward ----------------------------------------------------------------------------------

void Decider::report_forward(NodeId id, const ReportReply& r, Judgement j) {
  const dsl::Step* step = step_of(node(id));
  invariant(step != nullptr && step->call.has_value(), "a call is missing in the graph");
  if (j.outcome == Outcome::kSucceeded && step->call->reply_schema) {
    if (auto wrong = dsl::validate_schema(*step->call->reply_schema, r.reply.body)) {
      j = {Outcome::kInvalid, "reply_schema",
           "the reply breaks " + step->call->reply_schema->file + " at `" + wrong->pointer +
               "`: " + wrong->message,
           Effect::kPerhaps, {}};
    }
  }
  const Node& n = node(id);
  if (is_settled(n) || s_.ended()) return late_reply(id, r, j);
  if (n.stuck) return clear_stuck_by_reply(id, r, j);
  const auto fate = n.fates[static_cast<std::size_t>(r.attempt - 1)];
  const bool current = r.attempt == n.attempts && fate == AttemptFate::kOpen;
  if (j.outcome == Outcome::kSucceeded) return succeed_call(id, r.attempt, r.reply.body);
  if (!current) {
    REACHED("an earlier attempt fails after all");
    // An earlier attempt failed after all; what is under way now decides.
    if (r.reply.kind != TaskReply::Kind::kFailure || n.late.contains(r.attempt)) return;
    emit(recorded(r, j));
    return;
  }
  const Error error = error_of(n, j);
  if (r.reply.kind == TaskReply::Kind::kNotSent) return not_sent(id, r.attempt);
  if (r.reply.kind == TaskReply::Kind::kScheduleTimeout) {
    const bool not_executed = r.reply.effect != EffectClaim::kPerhaps;
    return give_up(id, unavailable_error(n, j.message),
                   not_executed && !other_attempt_unknown(n, r.attempt));
  }
  switch (j.outcome) {
    case Outcome::kPending: {
      if (n.pending) return;
      REACHED("an adapter answers pending");
      if (leaving(id)) REACHED("a pending answer in a scope that is being left");
      if (!step->call->completes) {
        if (leaving(id)) return give_up(id, error, false);
        return stuck(id, "forward",
                     invalid_error("undeclared_pending",
                                   "a pending answer, but the step declares no `completes`",
                                   n.path.str(), n.adapter),
                     Effect::kPerhaps);
      }
      // `within` counts over all attempts; once it is spent only a completion helps.
      if (n.within_spent) {
        return attempt_unknown(id, r,
                               {"unknown", "timeout", "no completion within the time allowed",
                                n.path.str(), n.adapter},
                               {});
      }
      StepPending pending{r.path, r.attempt, {}};
      if (!n.within && step->call->completes_within_ms) {
        pending.within = later(*step->call->completes_within_ms);
        set_timer("within:" + r.path.str(), *pending.within);
      }
      const bool overlaid = n.waiting && s_.overlay;
      emit(std::move(pending));
      if (overlaid) end_overlay(node(id));
      // A scope that settles does not wait for work that may take days.
      if (leaving(id)) give_up(id, {"unknown", "cancelled", "given up while pending", r.path.str(), n.adapter}, false);
      return;
    }
    case Outcome::kUnavailable:
    case Outcome::kInProgress:
    case Outcome::kSucceeded:
      return;
    case Outcome::kPermanent:
      if (j.code == "fenced") {
        if (leaving(id)) return give_up(id, error, true);
        return stuck(id, "forward",
                     invalid_error("fenced_elsewhere",
                                   "the adapter has undone this key, but this store never asked it to",
                                   n.path.str(), n.adapter),
                     Effect::kNotHappened);
      }
      if (j.effect == Effect::kPerhaps) return give_up(id, error, false);
      return retry_or_fail(id, r, j, error);
    case Outcome::kTransient:
      return retry_or_fail(id, r, j, error);
    case Outcome::kUnknown:
      return attempt_unknown(id, r, error, j.retry_after_ms);
    case Outcome::kInvalid:
      if (leaving(id)) return give_up(id, error, j.effect == Effect::kNotHappened);
      return stuck(id, "forward", error,
                   j.effect == Effect::kNotHappened ? Effect::kNotHappened : Effect::kPerhaps);
  }
}

/// The dispatcher withdrew the task before it went out.
void Decider::not_sent(NodeId id, std::int64_t attempt) {
  const Node& n = node(id);
  REACHED("a task is withdrawn before it was sent");
  emit(TaskNotSent{n.path, attempt, "forward"});
  const bool wanted = !leaving(id) && !(n.pivot && (s_.cancel_requested || s_.deadline_passed));
  if (wanted) return schedule_attempt(id);  // Withdrawn for nothing: ask again.
  give_up(id, {"business", "cancelled", "withdrawn before it was sent", n.path.str(), n.adapter},
          !other_attempt_unknown(node(id), attempt));
}

/// The answer says that this attempt did nothing; does it say so of the key?
void Decider::retry_or_fail(NodeId id, const ReportReply& r, const Judgement& j,
                            const Error& error) {
  const Node& n = node(id);
  const std::int64_t attempt = r.attempt;
  const dsl::RetryPolicy& policy = step_of(n)->call->retry;
  const bool conclusive = j.effect == Effect::kNotHappened || !other_attempt_unknown(n, attempt);
  const std::int64_t attempts = n.attempts - n.attempts_base;
  const std::int64_t delay = delay_of(policy, s_.birth.saga.str() + "/" + n.path.str(), attempts,
                                      j.retry_after_ms);
  const bool wanted = !leaving(id) && !(n.pivot && (s_.cancel_requested || s_.deadline_passed) && conclusive);
  if (!conclusive) REACHED("a refusal beside an unknown attempt proves nothing");
  if (!wanted && n.pivot) REACHED("a cancel or deadline waited for the pivot, and it did not happen");
  if (wanted && may_retry(n, policy, error.error_class, error.code, attempts, delay)) {
    AttemptFailed failed;
    failed.path = n.path;
    failed.attempt = attempt;
    failed.outcome = outcome_name(j.outcome);
    failed.error = error;
    failed.effect = conclusive ? Effect::kNotHappened : Effect::kPerhaps;
    failed.waited_ms = r.waited_ms;
    failed.follows = "retry";
    failed.next = later(delay);
    set_timer("retry:" + n.path.str(), *failed.next);
    emit(std::move(failed));
    return;
  }
  give_up(id, error, conclusive);
  // The place is stuck for what others may have done. What this one said must not be lost: with a
  // late refusal of theirs it proves that nothing happened.
  if (node(id).stuck && !conclusive && r.reply.kind == TaskReply::Kind::kFailure) {
    REACHED("a refusal leaves a pivot in doubt");
    emit(recorded(r, j));
  }
}

/// Nobody knows what this attempt did: ask (probe), try again with the same key, or be in doubt.
void Decider::attempt_unknown(NodeId id, const ReportReply& r, const Error& error,
                              const std::optional<std::int64_t>& retry_after_ms) {
  const Node& n = node(id);
  const dsl::CallSpec& call = *step_of(n)->call;
  if (leaving(id)) {
    REACHED("an attempt ends unknown in a scope that is being left");
    return give_up(id, error, false);
  }
  AttemptFailed failed;
  failed.path = n.path;
  failed.attempt = r.attempt;
  failed.outcome = "unknown";
  failed.error = error;
  failed.effect = Effect::kPerhaps;
  failed.waited_ms = r.waited_ms;
  if (call.probe) {
    failed.follows = "probe";
    emit(std::move(failed));
    return begin_probe(id);
  }
  // Neither to ask again nor to undo blindly: what an unsafe adapter did, a person has to find out.
  if (adapter_of(n.adapter).guarantee == dsl::Guarantee::kUnsafe) {
    REACHED("an unsafe adapter did not answer");
    return stuck(id, "forward", error, Effect::kPerhaps);
  }
  const std::int64_t attempts = n.attempts - n.attempts_base;
  const std::int64_t delay =
      delay_of(call.retry, s_.birth.saga.str() + "/" + n.path.str(), attempts, retry_after_ms);
  if (!may_retry(n, call.retry, error.error_class, error.code, attempts, delay)) {
    return give_up(id, error, false);
  }
  failed.follows = "retry";
  failed.next = later(delay);
  set_timer("retry:" + n.path.str(), *failed.next);
  emit(std::move(failed));
}

void Decider::succeed_call(NodeId id, std::int64_t attempt, Value output) {
  const Node& n = node(id);
  const dsl::Step* step = step_of(n);
  std::string why;
  auto movements = movements_of(*step, id, &output, why);
  if (n.task_open) {
    effect(TaskSettled{n.path, n.probing ? Direction::kProbe : Direction::kForward, n.attempts,
                       n.probing ? n.probes : 1});
  }
  if (!movements && leaving(id) && !gives_away(*step)) {
    movements = movements_of(*step, id, nullptr, why);  // It is undone anyway: as if in doubt.
    if (!movements) movements.emplace();
  }
  if (!movements) {
    return stuck(id, "forward", invalid_error("resource_error", why, n.path.str(), n.adapter),
                 Effect::kHappened);
  }
  if (leaving(id)) REACHED("a call succeeds in a scope that is being left");
  if (attempt < n.attempts) REACHED("an earlier attempt succeeds after all");
  const bool overlaid = n.waiting && s_.overlay;
  close_timers(n);
  StepSucceeded done;
  done.path = n.path;
  done.attempt = attempt;
  done.output = std::move(output);
  done.movements = std::move(*movements);
  emit(std::move(done));
  if (overlaid && step->on_success.status.empty()) uncover(node(id).path);
  succeeded(id);
}

/// The step gives up: not happened, or in doubt. What that means depends on where it stands.
void Decider::give_up(NodeId id, Error error, bool not_happened) {
  const Node& n = node(id);
  if (PLANTED(10) && !n.pivot) not_happened = true;  // in doubt passes for not happened
  if (!not_happened) REACHED("a step gives up in doubt");
  const dsl::Step* step = step_of(n);
  const bool cancelling = s_.cancel_requested || s_.deadline_passed;
  const bool routed = std::any_of(
      step->on_error.begin(), step->on_error.end(), [&](const dsl::ErrorRoute& route) {
        return std::any_of(route.errors.begin(), route.errors.end(), [&](const std::string& e) {
          return e == error.code || e == error.error_class || e == "any";
        });
      });
  const bool left = leaving(id);
  if (!left && n.pivot && !not_happened && !PLANTED(12)) {
    REACHED("nobody knows whether the pivot happened");
    return stuck(id, "forward", std::move(error), Effect::kPerhaps);
  }
  if (!left && s_.pivot_reached && !routed) {
    return stuck(id, "forward", std::move(error),
                 not_happened ? Effect::kNotHappened : Effect::kPerhaps);
  }
  std::vector<Movement> movements;
  if (!not_happened) {
    // What it gave away nobody knows, so nobody can give back the rest: also on the way back.
    if (gives_away(*step)) return stuck(id, "forward", std::move(error), Effect::kPerhaps);
    std::string why;
    auto held = movements_of(*step, id, nullptr, why);
    if (!held && !left) {
      return stuck(id, "forward", invalid_error("resource_error", why, n.path.str(), n.adapter),
                   Effect::kPerhaps);
    }
    if (held) movements = std::move(*held);
  }
  const bool overlaid = n.waiting && s_.overlay;
  close_timers(n);
  const StepPath path = n.path;
  if (not_happened) {
    emit(StepFailed{path, n.attempts, error, {}, {}, {}, {}});
  } else {
    emit(StepInDoubt{path, n.attempts, error, std::move(movements)});
  }
  if (overlaid) uncover(path);
  if (left) return check_scopes_of(id);
  if (node(id).pivot && cancelling) return begin_cancel_if_possible();
  then_error(id, std::move(error));
}

bool Decider::gives_away(const dsl::Step& step) {
  return step.call && (!step.call->releases.empty() || !step.call->consumes.empty());
}

/// What the call moves; `reply` is nothing where there is none, and then only `holds` can be known.
std::optional<std::vector<Movement>> Decider::movements_of(const dsl::Step& step, NodeId id,
                                                           const Value* reply, std::string& why,
                                                           bool holds_only) const {
  std::vector<Movement> movements;
  const Node& n = s_.nodes[id];
  Environment env = environment(id);
  env.set("with", n.input);
  if (reply != nullptr) env.set("reply", *reply);
  env.set_task(idempotency_key(s_.birth.saga, n.path), n.attempts);
  auto items_of = [&](const dsl::ResourceMovement& m) -> std::optional<Value> {
    auto rendered = m.items->evaluate(env);
    if (!rendered) {
      why = "`" + m.resource + "`: " + rendered.error().message;
      return std::nullopt;
    }
    auto items = normalise_items(*g_.find_resource(m.resource), *rendered);
    if (!items) {
      why = items.error();
      return std::nullopt;
    }
    return std::move(*items);
  };
  for (const dsl::ResourceMovement& m : step.call->holds) {
    auto items = items_of(m);
    if (!items) return std::nullopt;
    if (PLANTED(9)) {  // the ledger counts it twice
      movements.push_back({Movement::Kind::kHeld, m.resource, n.path, *items,
                           g_.find_resource(m.resource)->quantity});
    }
    movements.push_back({Movement::Kind::kHeld, m.resource, n.path, std::move(*items),
                         g_.find_resource(m.resource)->quantity});
  }
  if (reply == nullptr || holds_only) return movements;
  // Each takes from what the ones before it have left, this step's own `holds` included.
  auto subtract = [&](const std::vector<dsl::ResourceMovement>& list, Movement::Kind kind) {
    for (const dsl::ResourceMovement& m : list) {
      const dsl::ResourceDefinition& resource = *g_.find_resource(m.resource);
      std::vector<Movement> taken;
      if (!m.items) {
        taken = take_all(s_, resource, kind, movements);
      } else {
        auto items = items_of(m);
        if (!items) return false;
        auto some = take(s_, resource, kind, *items, movements);
        if (!some) {
          why = some.error();
          return false;
        }
        taken = std::move(*some);
      }
      movements.insert(movements.end(), taken.begin(), taken.end());
    }
    return true;
  };
  // A part that is named is taken before `all` of the rest.
  auto parted = [](const std::vector<dsl::ResourceMovement>& list, bool named) {
    std::vector<dsl::ResourceMovement> part;
    std::copy_if(list.begin(), list.end(), std::back_inserter(part),
                 [named](const dsl::ResourceMovement& m) { return m.items.has_value() == named; });
    return part;
  };
  for (const bool named : {true, false}) {
    if (!subtract(parted(step.call->consumes, named), Movement::Kind::kConsumed) ||
        !subtract(parted(step.call->releases, named), Movement::Kind::kReleased)) {
      return std::nullopt;
    }
  }
  return movements;
}

// ---- Late and stuck ---------------------------------------------------------------------------

/// A reply for a step that is already settled: recorded once per attempt; a success that nobody
/// counted on is owed, or undone again.
void Decider::late_reply(NodeId id, const ReportReply& r, const Judgement& j) {
  const Node& n = node(id);
  const bool answer = r.reply.kind == TaskReply::Kind::kSuccess ||
                      r.reply.kind == TaskReply::Kind::kFailure ||
                      r.reply.kind == TaskReply::Kind::kInvalid;
  const bool success = j.outcome == Outcome::kSucceeded;
  const bool did_succeed = n.effect == Effect::kHappened;
  const bool answered =
      n.fates[static_cast<std::size_t>(r.attempt - 1)] == AttemptFate::kAnswered;
  // Success wins for what is owed, also over what its own attempt said before.
  const bool news = success && !did_succeed && !n.late.contains(-r.attempt);
  // Whoever settles by token says what became of the step: "failed" contradicts a success however
  // the failure is named.
  const bool contradiction =
      (did_succeed && (j.outcome == Outcome::kPermanent || (r.by_token && !success))) ||
      (success && n.state == StepState::kFailed && answered);
  out_.contradicted = contradiction;
  const bool told = n.late.contains(r.attempt) && !news && !PLANTED(21);  // 21: told each time
  if (!answer || told || (answered && success == did_succeed && !PLANTED(21)) || PLANTED(8)) {
    out_.duplicate = true;
    return;
  }
  LateReplyRecorded late = recorded(r, j);
  bool repair_now = false;
  if (success) late.output = r.reply.body;
  // Who terminated the saga wanted nothing undone any more; what comes then is recorded.
  if (success && n.undo != Undo::kNone && s_.phase != Phase::kTerminated) {
    const State undo = n.compensation.state;
    const bool begun = undo != State::kNotOwed && undo != State::kOwed;
    // Whatever the adapter remembers of the key, this attempt may have come after the undo.
    const bool harmless = begun && (adapter_of(n.adapter).guarantee == dsl::Guarantee::kFenced ||
                                    r.reply.effect == EffectClaim::kUndone ||
                                    n.compensation.effect == "undone");
    const bool will_be_undone = !s_.ended() && !s_.pivot_reached && in_rollback(id);
    if (s_.ended()) REACHED("a success comes after the end");
    if (begun) {
      REACHED("a success comes after its undo has begun");
      if (n.compensation.effect == "none") REACHED("a success comes after an empty undo");
      late.repair = repair_now = !harmless;
    } else if (!did_succeed) {
      late.settles = will_be_undone;
      late.repair = repair_now = !will_be_undone;
    }
    if (late.settles || late.repair) late.movements = late_holds(id, r.reply.body, begun);
  } else if (success && !did_succeed && s_.phase != Phase::kTerminated) {
    late.settles = true;  // Known at last; there is nothing to undo.
    if (!s_.ended()) late.movements = late_holds(id, r.reply.body, false);
  }
  emit(std::move(late));
  if (contradiction) {
    REACHED("answers contradict each other");
    emit(AnomalyRecorded{r.path, "contradiction",
                         "attempt " + std::to_string(r.attempt) + " answered " +
                             outcome_name(j.outcome) + " although the step is " +
                             step_state_name(node(id).state)});
  }
  if (repair_now && node(id).compensation.state == State::kOwed) return schedule_compensation(id);
  if (!s_.ended()) check_scopes_of(id);
}

/// What a late success holds. What was held in doubt follows what is known now; what was given back
/// is held once more.
std::vector<Movement> Decider::late_holds(NodeId id, const Value& reply, bool undo_begun) const {
  const Node& n = s_.nodes[id];
  const dsl::Step& step = *step_of(n);
  std::string why;
  auto holds = movements_of(step, id, &reply, why, true);
  if (!holds) holds = movements_of(step, id, nullptr, why, true);
  if (!holds) return {};
  if (undo_begun) return *std::move(holds);
  const bool skipped = n.output_known && n.route < 0;  // An operator's output stood for the reply.
  auto before = movements_of(step, id, skipped ? &n.output : nullptr, why, true);
  const bool held = n.effect == Effect::kPerhaps && before.has_value();
  return towards(n, held ? *before : std::vector<Movement>(), *holds);
}

/// An answer reaches a place where an operator was waited for.
void Decider::clear_stuck_by_reply(NodeId id, const ReportReply& r, const Judgement& j) {
  const Node& n = node(id);
  if (j.outcome == Outcome::kSucceeded && n.attempts > 0) {
    REACHED("a late success frees a stuck step");
    emit(SagaResumed{n.path, "late_reply"});
    return succeed_call(id, r.attempt, r.reply.body);
  }
  // An answer was given before the later attempts were sent: it proves nothing of what they did.
  const bool conclusive = j.effect == Effect::kNotHappened ? !later_attempt_unknown(n, r.attempt)
                                                           : !other_attempt_unknown(n, r.attempt);
  if (j.outcome == Outcome::kPermanent && r.reply.kind == TaskReply::Kind::kFailure && conclusive &&
      j.effect != Effect::kPerhaps && n.effect == Effect::kPerhaps && j.code != "fenced") {
    REACHED("a late refusal frees a stuck step");
    emit(SagaResumed{n.path, "late_reply"});
    return give_up(id, error_of(n, j), true);
  }
  if (r.reply.kind != TaskReply::Kind::kFailure || n.attempts == 0 || n.late.contains(r.attempt)) {
    out_.duplicate = true;
    return;
  }
  emit(recorded(r, j));  // Not enough alone; with what others say it may be.
}

}  // namespace weft::core
