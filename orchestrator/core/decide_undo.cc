// The undo of one step: when it may run, its task, and what its adapter answers.

#include <algorithm>
#include <utility>

#include "orchestrator/core/decide.h"
#include "orchestrator/core/planted.h"
#include "orchestrator/core/reached.h"

namespace weft::core {

using dsl::Value;
using State = CompensationState::State;

/// Starts every undo below (and of) this step whose turn it is: A waits for B if A precedes B in
/// the innermost list that holds both. True when nothing is left to undo.
bool Decider::undo_node(NodeId id) {
  if (node(id).owed == 0 && node(id).undoing == 0) return true;
  const std::string kind = node(id).kind;
  std::vector<Slot> slots;  // Newest first: error routes and timeouts ran after the body.
  for (auto it = node(id).slots.rbegin(); it != node(id).slots.rend(); ++it) {
    if (it->second.owed > 0) slots.push_back(it->first);
  }
  const auto route = static_cast<std::uint8_t>(dsl::Block::Role::kRoute);
  // Items at work count wherever they stand: one may go on after a stuck place in it was skipped.
  const auto at_work = [&](const Slot& slot) { return node(id).slots[slot].undoing > 0; };
  const std::int64_t places = std::max<std::int64_t>(1, node(id).at_once);
  bool inner = true;
  std::int64_t active = std::count_if(slots.begin(), slots.end(), at_work);
  for (const Slot& slot : slots) {
    const bool independent = (kind == "parallel" || kind == "foreach") && slot.role < route;
    const bool was_at_work = at_work(slot);
    if (independent && kind == "foreach" && !was_at_work && active >= places) {
      REACHED("items wait for their turn to be undone");
      inner = false;
      continue;
    }
    const bool done = undo_slot(id, slot);
    if (!done && !independent) return false;
    inner = inner && done;
    if (!was_at_work && at_work(slot)) ++active;
  }
  if (!inner) return false;
  const Node& n = node(id);
  if (!n.own_owed) return n.owed == 0;
  if (n.compensation.state == State::kNotOwed || n.compensation.state == State::kOwed) {
    schedule_compensation(id);
  }
  return false;
}

bool Decider::undo_slot(NodeId id, Slot slot) {
  std::vector<NodeId> children = node(id).slots[slot].children;
  if (PLANTED(3)) std::reverse(children.begin(), children.end());  // undo in forward order
  for (auto child = children.rbegin(); child != children.rend(); ++child) {
    if (!undo_node(*child)) return false;
  }
  return true;
}

void Decider::schedule_compensation(NodeId id, bool leftover) {
  const Node& n = node(id);
  const CompensationState& c = n.compensation;
  const dsl::Step* step = step_of(n);
  CompensationScheduled e;
  e.path = n.path;
  e.attempt = c.attempts + 1;
  const bool again = c.state == State::kRetrying || c.state == State::kStuck;
  e.round = c.attempts == 0 ? 1 : again ? c.round : c.round + 1;
  e.leftover = leftover || (again && c.leftover);
  e.repair = c.repair || s_.ended();
  if (e.round > 1) REACHED("a step is undone in a second round");
  if (e.repair) REACHED("a repair after the end");
  if (n.effect == Effect::kPerhaps) REACHED("what is in doubt is undone");
  if (n.undo == Undo::kChild) {
    REACHED("a child is undone with its parent");
    e.child = true;
    emit(std::move(e));
    return;
  }
  if (n.undo == Undo::kManual) {
    REACHED("a person has to undo a step");
    return stuck(id, "compensation", {"business", "manual", "a person has to undo this step",
                                      n.path.str(), n.adapter});
  }
  if (step == nullptr || !step->call ||
      step->call->compensate.kind != dsl::CompensationSpec::Kind::kCall) {
    return stuck(id, "compensation",
                 invalid_error("no_compensation", "the definition names no compensation for this step",
                               n.path.str(), n.adapter));
  }
  const dsl::CompensationSpec& undo = step->call->compensate;
  e.operation = undo.target.operation;
  e.adapter = n.adapter;  // The undo goes where the do went.
  if (undo.target.adapter != step->call->target.adapter) {
    auto target = choose_target(undo.target.adapter);
    if (!target) {
      return stuck(id, "compensation",
                   invalid_error(target.error().code, target.error().message, n.path.str(),
                                 n.adapter));
    }
    e.adapter = *std::move(target);
  }
  if (const auto* operation = g_.adapter(e.adapter).find_operation(e.operation)) {
    e.subject = operation->subject;
  }
  if (again && c.round == e.round && !c.input.is_null()) {
    e.input = c.input;
  } else if (undo.with) {
    Environment env = environment(id);
    env.set("with", n.input);
    if (c.late_reply && e.round > 1) {
      env.set("reply", *c.late_reply);  // This round is for the success that came late.
    } else if (n.output_known && n.effect == Effect::kHappened) {
      env.set("reply", n.output);
    }
    env.set_error(s_.error);
    env.set_task(idempotency_key(s_.birth.saga, n.path), e.attempt);
    dsl::Value::Object held;
    for (const dsl::ResourceDefinition& resource : g_.resources) {
      auto items = n.holdings.find(resource.name);
      held.push_back({resource.name,
                      items == n.holdings.end() ? dsl::Value::array({}) : items->second});
    }
    env.set("held", dsl::Value::object(std::move(held)));
    auto input = undo.with->evaluate(env);
    if (!input) {
      return stuck(id, "compensation",
                   invalid_error("expression_error",
                                 "`compensate.with` of `" + step->name + "`: " + input.error().message,
                                 n.path.str(), n.adapter));
    }
    e.input = std::move(*input);
  } else {
    e.input = n.input;
  }
  e.timeout_ms = undo.timeout_ms;
  emit(std::move(e));
}

/// One undo has come to its end, well or by decision.
void Decider::compensation_over(NodeId id) {
  const Node& n = node(id);
  if (n.own_owed && n.compensation.state == State::kOwed && (s_.ended() || !in_rollback(id))) {
    REACHED("a success came late while its undo ran");
    return schedule_compensation(id);  // A success came late while it ran: once more.
  }
  if (s_.ended()) return;
  check_scopes_of(id);
  if (s_.phase == Phase::kForward) then_complete();
}

/// A holder still holds something at the end: it gets its compensation, also after the pivot.
void Decider::schedule_leftover(NodeId id) {
  const Node& n = node(id);
  const dsl::Step* step = step_of(n);
  using Kind = dsl::CompensationSpec::Kind;
  const Kind undo = step != nullptr && step->call ? step->call->compensate.kind : Kind::kAbsent;
  const bool undoable = undo == Kind::kCall || undo == Kind::kManual;
  if (!undoable || n.compensation.state == State::kDone || n.compensation.state == State::kSkipped) {
    REACHED("a leftover that nothing can give back is written off");
    emit(WrittenOff{all_of(n, Movement::Kind::kWrittenOff)});
    return;
  }
  if (n.compensation.state != State::kNotOwed && n.compensation.state != State::kOwed) return;
  REACHED("a leftover goes back before the end");
  schedule_compensation(id, true);
}

void Decider::report_compensation(NodeId id, const ReportReply& r, Judgement j) {
  const Node& n = node(id);
  const CompensationState& c = n.compensation;
  const bool known_round = r.round == c.round;
  const bool open = c.state == State::kRunning || c.state == State::kRetrying;
  if (j.outcome == Outcome::kSucceeded && known_round && (open || c.state == State::kStuck)) {
    const char* effect = r.reply.effect == EffectClaim::kUndone ? "undone"
                         : r.reply.effect == EffectClaim::kNone ? "none"
                                                                : "";
    if (c.state == State::kStuck) {
      REACHED("a late answer frees a stuck undo");
      emit(SagaResumed{n.path, "late_reply"});
    }
    if (c.state == State::kRetrying) REACHED("an undo answers late, while its retry waits");
    if (c.round > 1) REACHED("a second round of undo succeeds");
    return compensation_succeeded(id, effect);
  }
  if (c.state != State::kRunning || !known_round || r.attempt != c.attempts) {
    out_.duplicate = true;
    return;
  }
  const dsl::Step* step = step_of(n);
  if (j.outcome == Outcome::kPending) {
    j = {Outcome::kInvalid, "undeclared_pending",
         "a pending answer, but a compensation has to be answered when it is done", Effect::kPerhaps,
         {}};
  }
  Error error = error_of(n, j);
  error.adapter = c.adapter;
  if (j.outcome == Outcome::kInvalid) {
    REACHED("an undo answers nonsense");
    return stuck(id, "compensation", error);
  }
  // Nobody knows whether it was undone: asking again is for adapters that remember what they did.
  if (j.outcome == Outcome::kUnknown &&
      adapter_of(c.adapter).guarantee == dsl::Guarantee::kUnsafe) {
    return compensation_failed(id, error);
  }
  const dsl::RetryPolicy& policy = step->call->compensate.retry;
  const std::int64_t attempts = c.attempts - c.attempts_base;
  const std::int64_t delay =
      delay_of(policy, s_.birth.saga.str() + "/" + n.path.str() + "/undo", attempts, j.retry_after_ms);
  const auto beyond = [&](const std::optional<std::int64_t>& limit_ms) {
    return limit_ms && c.first_at && now().ms + delay - c.first_at->ms > *limit_ms;
  };
  const bool spent = (policy.attempts_max > 0 && attempts >= policy.attempts_max) ||
                     beyond(policy.elapsed_max_ms) ||
                     beyond(adapter_of(c.adapter).idempotency_window_ms);
  if (!lists(policy, error.error_class, error.code) || spent) return compensation_failed(id, error);
  AttemptFailed failed;
  failed.path = n.path;
  failed.attempt = c.attempts;
  failed.direction = "compensation";
  failed.outcome = outcome_name(j.outcome);
  failed.error = error;
  failed.follows = "retry";
  failed.next = later(delay);
  set_timer("comp:" + n.path.str(), *failed.next);
  emit(std::move(failed));
}

void Decider::compensation_succeeded(NodeId id, const std::string& effect_text) {
  const Node& n = node(id);
  cancel_timer("comp:" + n.path.str(), n.compensation.next);
  if (n.compensation.state == CompensationState::State::kRunning && !n.compensation.child) {
    effect(TaskSettled{n.path, Direction::kCompensation, n.compensation.attempts, n.compensation.round});
  }
  emit(CompensationSucceeded{n.path, n.compensation.attempts, n.compensation.round, effect_text,
                             all_of(n, Movement::Kind::kReleased)});
  compensation_over(id);
}

void Decider::compensation_failed(NodeId id, const Error& error) {
  const Node& n = node(id);
  if (PLANTED(22)) return compensation_succeeded(id, "");  // a failed undo passes for done
  REACHED("an undo failed for good");
  const dsl::Step* step = step_of(n);
  const bool goes_on = step != nullptr && step->call && step->call->compensate.continue_on_failure;
  CompensationFailed failed{n.path, n.compensation.attempts, error, goes_on, {}};
  if (goes_on) failed.movements = all_of(n, Movement::Kind::kWrittenOff);
  emit(std::move(failed));
  if (goes_on) {
    REACHED("a failed undo is passed over");
    return compensation_over(id);
  }
  stuck(id, "compensation", error);
}

}  // namespace weft::core
