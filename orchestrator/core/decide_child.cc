// Sub-sagas: what becomes of a child, and the undoing of this saga as one.

#include <algorithm>
#include <utility>

#include "orchestrator/core/decide.h"
#include "orchestrator/core/reached.h"

namespace weft::core {

using dsl::Value;
using State = CompensationState::State;

Decider::Refusal Decider::child_started(const ReportChildStarted& r) {
  const NodeId id = id_of(r.path);
  if (id == kNoNode || is_settled(node(id)) || s_.ended()) return {};
  const dsl::Step* step = step_of(node(id));
  if (step == nullptr || !step->saga || !step->saga->detach) return {};
  REACHED("a detached child has begun");
  StepSucceeded done;
  done.path = r.path;
  done.attempt = 1;
  done.output = Value::object({{"saga", r.child.str()}});
  emit(std::move(done));
  succeeded(id);
  return {};
}

Decider::Refusal Decider::child_refused(const ReportChildRefused& r) {
  const NodeId id = id_of(r.path);
  if (id == kNoNode || is_settled(node(id)) || s_.ended()) return {};
  const Error error = invalid_error(r.code, r.message, r.path.str());
  if (leaving(id)) {
    emit(StepFailed{r.path, 1, error, {}, {}, {}, {}});
    check_scopes_of(id);
  } else {
    stuck(id, "forward", error, Effect::kNotHappened);
  }
  return {};
}

Decider::Refusal Decider::child_ended(const ReportChildEnded& r) {
  const NodeId id = id_of(r.path);
  if (id == kNoNode || node(id).kind != "saga" || node(id).child != r.child) {
    return reject(Rejection::Code::kUnknownStep, "no such child: `" + r.path.str() + "`");
  }
  const bool undone = r.state == "compensated" || r.state == "failed";
  if (node(id).compensation.state == State::kRunning) {
    if (!undone && r.state != "terminated") return {};
    emit(ChildEnded{r.path, r.child, r.state, {}, r.error, {}});
    if (undone) {
      compensation_succeeded(id, "undone");
    } else {
      compensation_failed(id, {"invalid", "child_terminated", "the child was terminated",
                               r.path.str(), ""});
    }
    return {};
  }
  if (is_settled(node(id)) || s_.ended()) return {};
  // That it was terminated is why the step is stuck; told once more, it frees nobody.
  if (node(id).stuck && r.state == "terminated") return {};
  emit(ChildEnded{r.path, r.child, r.state, r.output, r.error, r.holdings});
  // A start that was refused has no child that could end, so no history leads here. If one did, the
  // end would be the truth.
  if (node(id).stuck) emit(SagaResumed{r.path, "late_reply"});
  if (r.state == "completed") {
    StepSucceeded done;
    done.path = r.path;
    done.attempt = 1;
    done.output = r.output;
    for (Movement m : r.holdings) {
      m.kind = Movement::Kind::kHeld;
      m.holder = r.path;
      done.movements.push_back(std::move(m));
    }
    emit(std::move(done));
    succeeded(id);
  } else if (undone) {
    Error error = r.error;
    if (error.error_class.empty()) error.error_class = "business";
    if (error.error_class == "invalid") error.error_class = "business";
    error.step = r.path.str();
    emit(StepFailed{r.path, 1, error, {}, {}, {}, {}});
    if (leaving(id)) {
      check_scopes_of(id);
    } else if (node(id).pivot && (s_.cancel_requested || s_.deadline_passed)) {
      begin_cancel_if_possible();
    } else {
      then_error(id, error);
    }
  } else {
    REACHED("a child was terminated");
    const Error error = invalid_error("child_terminated", "the child was terminated", r.path.str());
    if (leaving(id)) {
      emit(StepInDoubt{r.path, 1, error, {}});
      check_scopes_of(id);
    } else {
      stuck(id, "forward", error, Effect::kPerhaps);
    }
  }
  return {};
}

/// A person knows that nothing is left of a terminated child: its step failed, not happened.
Decider::Refusal Decider::child_not_done(NodeId id) {
  const StepPath path = node(id).path;
  Error error = node(id).error;
  error.error_class = "business";
  emit(SagaResumed{path, "not_done"});
  emit(StepFailed{path, 1, error, {}, {}, {}, {}});
  if (leaving(id)) {
    check_scopes_of(id);
  } else if (node(id).pivot && (s_.cancel_requested || s_.deadline_passed)) {
    begin_cancel_if_possible();
  } else {
    then_error(id, std::move(error));
  }
  return {};
}

/// A parent undoes this child: the only way out of `completed`.
Decider::Refusal Decider::undo_as_child(const UndoAsChild& c) {
  if (s_.phase == Phase::kCompensated || s_.phase == Phase::kFailed ||
      s_.phase == Phase::kTerminated) {
    REACHED("a child that has ended is asked again to undo itself");
    close_saga(engine_state(s_).c_str());  // Asked again: answered again.
    return {};
  }
  if (s_.phase == Phase::kBackward) return {};
  const Error error{"business", "cancelled", "undone with its parent", "", ""};
  if (s_.phase == Phase::kQueued) {
    finish_failed(error, false);
    return {};
  }
  if (s_.phase != Phase::kCompleted) {
    if (s_.pivot_reached) {
      return reject(Rejection::Code::kPastPivot, "the child is past its pivot");
    }
    emit(CancelRequested{"compensate"});
    begin_cancel_if_possible();
    return {};
  }
  // What the parent has used or given back meanwhile is no longer the child's to give back.
  std::vector<Movement> gone;
  for (const Movement& mine : all_held(s_, Movement::Kind::kConsumed)) {
    Movement movement = mine;
    for (const Movement& theirs : c.held) {
      if (theirs.resource != mine.resource) continue;
      // Units still held by the parent stay; the rest has been moved there.
      dsl::Value::Array rest;
      for (const dsl::Value& item : mine.items.as_array()) {
        dsl::Decimal left = item.find(mine.quantity)->as_decimal();
        for (const dsl::Value& kept : theirs.items.as_array()) {
          const dsl::Value probe = kept.with(mine.quantity, *item.find(mine.quantity));
          if (!(probe.to_canonical_json() == item.to_canonical_json())) continue;
          const dsl::Decimal here = kept.find(mine.quantity)->as_decimal();
          left = *dsl::Decimal::subtract(left, here < left ? here : left);
        }
        if (left > dsl::Decimal{}) rest.push_back(item.with(mine.quantity, dsl::Value(left)));
      }
      movement.items = dsl::Value::array(std::move(rest));
    }
    if (movement.items.size() > 0) gone.push_back(std::move(movement));
  }
  settle({}, "parent", error, std::move(gone));
  return {};
}

}  // namespace weft::core
