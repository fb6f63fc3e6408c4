// What people ask for: cancel, retry, skip, resume, resolve, terminate, move.

#include <algorithm>
#include <utility>

#include "dsl/names.h"
#include "orchestrator/core/decide.h"
#include "orchestrator/core/planted.h"
#include "orchestrator/core/reached.h"

namespace weft::core {

using State = CompensationState::State;

Decider::Refusal Decider::cancel(const CancelSaga& c) {
  if (auto fresh = check_revision(StepPath()); !fresh) return fresh;
  const dsl::Value instead =
      g_.after_pivot.empty() ? dsl::Value() : dsl::Value::object({{"workflow", g_.after_pivot}});
  if (s_.ended()) {
    if (s_.phase == Phase::kCompleted && s_.pivot_reached) {
      return reject(Rejection::Code::kPastPivot,
                    "the saga has completed" +
                        (g_.after_pivot.empty() ? std::string()
                                                : "; start `" + g_.after_pivot + "` instead"),
                    instead);
    }
    return reject(Rejection::Code::kClosed, "the saga has ended: " + engine_state(s_));
  }
  if (s_.finishing) {
    return reject(Rejection::Code::kClosed,
                  "the saga has finished; what it still holds is being given back");
  }
  if (s_.pivot_reached && !PLANTED(13)) {
    REACHED("a cancel comes after the pivot");
    return reject(Rejection::Code::kPastPivot,
                  "the saga is past its pivot and may only go forward" +
                      (g_.after_pivot.empty() ? std::string()
                                              : "; start `" + g_.after_pivot + "` instead"),
                  instead);
  }
  const bool again = s_.cancel_requested || s_.phase == Phase::kBackward;
  emit(CancelRequested{c.kind});
  // Going back is a decision too: whoever asks for it takes a quarantine off.
  if (is_quarantined(s_)) emit(SagaResumed{StepPath(), "cancel"});
  if (again) REACHED("a cancel comes while it goes back");
  if (again) return {};  // Going back already: recorded, nothing changes.
  if (s_.phase == Phase::kQueued) {
    REACHED("a queued saga is cancelled");
    finish_failed({"business", "cancelled", command_.reason, "", ""}, c.kind == "cancel");
    return {};
  }
  begin_cancel_if_possible();
  return {};
}

tl::unexpected<Rejection> Decider::unknown_step(const StepPath& step) const {
  std::vector<std::string> known;
  std::string near;
  for (const Node& n : s_.nodes) {
    if (n.path.empty()) continue;
    const std::string& path = n.path.str();
    // `pick` for `allocate[2]/pick`, and the other way round.
    const bool inside =
        path.find(step.str()) != std::string::npos || step.str().find(path) != std::string::npos;
    if (inside && near.size() < 200) near += (near.empty() ? "" : ", ") + path;
    known.push_back(path);
  }
  if (near.empty()) near = dsl::nearest(step.str(), known).value_or("");
  return reject(Rejection::Code::kUnknownStep,
                "the saga has entered no step `" + step.str() + "`" +
                    (near.empty() ? std::string("; `weft show` lists its steps")
                                  : "; did you mean: " + near));
}

/// The named place, or the only stuck one.
tl::expected<StepPath, Rejection> Decider::stuck_place(const StepPath& named) const {
  if (!named.empty()) {
    if (s_.find(named) == nullptr) return unknown_step(named);
    return named;
  }
  if (s_.stuck.empty()) {
    return reject(Rejection::Code::kNotAllowed,
                  "the saga is not stuck (it is " + engine_state(s_) + ")");
  }
  if (s_.stuck.size() > 1) {
    std::string places;
    for (const auto& [path, _] : s_.stuck) {
      places += (places.empty() ? "" : ", ") + (path.empty() ? std::string("(the saga)") : path.str());
    }
    return reject(Rejection::Code::kNotAllowed,
                  "the saga is stuck at several places; name one with --step: " + places);
  }
  return s_.stuck.begin()->first;
}

Decider::Refusal Decider::retry(const RetryStep& c) {
  const auto place = stuck_place(c.step);
  if (!place) return tl::unexpected(place.error());
  if (auto fresh = check_revision(*place); !fresh) return fresh;
  const NodeId id = id_of(*place);
  const Node& n = node(id);
  auto mark = s_.stuck.find(*place);
  if (mark == s_.stuck.end()) {
    // Not stuck: what waits for its next attempt is hurried on.
    if (n.next_attempt && !n.probing && !is_settled(n) && !s_.ended()) {
      close_timers(n);
      emit(SagaResumed{*place, "retry"});
      schedule_attempt(id);
      return {};
    }
    if (n.compensation.state == State::kRetrying) {
      cancel_timer("comp:" + place->str(), n.compensation.next);
      emit(SagaResumed{*place, "retry"});
      schedule_compensation(id);
      return {};
    }
    return reject(Rejection::Code::kNotAllowed,
                  "step `" + place->str() + "` is neither stuck nor waiting for a retry");
  }
  const std::string where = mark->second.place;
  // Its key was undone: a fence refuses it, another adapter answers from memory and does nothing.
  if (where == "forward" && n.compensation.attempts > 0) {
    return reject(Rejection::Code::kNotAllowed,
                  "step `" + place->str() + "` was undone when its error left it, and its key may not "
                  "be used again; skip it with the output it should have, or compensate the saga");
  }
  emit(SagaResumed{*place, "retry"});
  if (place->empty()) {
    then_complete();
    return {};
  }
  if (where == "compensation") {
    if (n.undo == Undo::kManual) {
      stuck(id, "compensation", {"business", "manual", "a person has to undo this step",
                                 place->str(), n.adapter});
    } else {
      schedule_compensation(id);
    }
    return {};
  }
  if (n.kind == "call" && n.attempts > 0) {
    // What may have been done and cannot be repeated is asked about first, as after any silence.
    const dsl::Step* step = step_of(n);
    if (n.effect == Effect::kPerhaps && !may_repeat(n.adapter) && step != nullptr && step->call->probe) {
      begin_probe(id);
    } else {
      schedule_attempt(id);
    }
  } else if (n.kind == "saga" && n.attempts > 0) {
    effect(ChildStart{n.path, n.child, n.child_workflow, step_of(n)->saga->major,
                      idempotency_key(s_.birth.saga, n.path).str(), n.input, step_of(n)->saga->detach});
  } else {
    const dsl::Step* step = step_of(n);
    invariant(step != nullptr, "a stuck step is missing in the graph");
    if (n.slots.empty()) {
      then_enter({step->block, n.parent, n.slot, step->place});
    } else if (n.kind == "repeat" && n.round < n.slots.size()) {
      const auto& children = n.slots.rbegin()->second.children;
      round_ended(id, n.slots.rbegin()->first, children.empty() ? StepPath() : node(children.back()).path);
    } else {
      leave_with_error(id, Error(n.error));
    }
  }
  return {};
}

Decider::Refusal Decider::skip(const SkipStep& c, const char* how) {
  const auto place = stuck_place(c.step);
  if (!place) return tl::unexpected(place.error());
  if (auto fresh = check_revision(*place); !fresh) return fresh;
  auto mark = s_.stuck.find(*place);
  if (mark == s_.stuck.end()) {
    return reject(Rejection::Code::kNotAllowed,
                  "step `" + place->str() + "` is not stuck; only a stuck step can be skipped");
  }
  const std::string where = mark->second.place;
  const std::string code = mark->second.error.code;
  const NodeId id = id_of(*place);
  std::vector<Movement> movements;
  if (!place->empty() && where == "forward") {
    auto moved = movements_of_skipped(id, c);
    if (!moved) return tl::unexpected(moved.error());
    movements = *std::move(moved);
  }
  emit(SagaResumed{*place, how});
  if (place->empty()) {
    if (code == "leftovers") emit(WrittenOff{all_held(s_, Movement::Kind::kWrittenOff)});
    then_complete();
    return {};
  }
  if (where == "compensation") {
    emit(CompensationSkipped{*place});
    auto held = all_of(node(id), Movement::Kind::kWrittenOff);
    if (!held.empty()) emit(WrittenOff{std::move(held)});
    compensation_over(id);
    return {};
  }
  StepSucceeded done;
  done.path = *place;
  done.attempt = node(id).attempts;
  done.substituted = true;
  done.output = c.output.value_or(dsl::Value());
  done.movements = std::move(movements);
  emit(std::move(done));
  succeeded(id);
  return {};
}

/// The ledger follows what is known: of a step that may have happened, what it moves is formed from
/// the substitute output. A skip whose output does not say what was consumed or released moves
/// nothing; who resolves a step as done has to say it.
tl::expected<std::vector<Movement>, Rejection> Decider::movements_of_skipped(
    NodeId id, const SkipStep& c) const {
  const Node& n = s_.nodes[id];
  const dsl::Step* step = step_of(n);
  const bool perhaps = n.effect == Effect::kPerhaps || n.effect == Effect::kHappened;
  if (step == nullptr || !step->call || n.attempts == 0 || !perhaps) return {};
  const dsl::Value reply = c.output.value_or(dsl::Value());
  std::string why;
  auto movements = movements_of(*step, id, &reply, why);
  if (!movements && c.known_done && gives_away(*step)) {
    return reject(Rejection::Code::kNotAllowed,
                  "what step `" + n.path.str() + "` moved can not be formed from the output (" + why +
                      "); give the reply that its adapter owes as the output");
  }
  // What it can not give away it may hold all the same: as the output says, else as was asked.
  if (!movements) movements = movements_of(*step, id, &reply, why, true);
  if (!movements) movements = movements_of(*step, id, nullptr, why);
  if (!movements) movements.emplace();
  return *std::move(movements);
}

/// Clears a mark without an attempt: of the saga as a whole, or of an undo that a person has done
/// by hand. A forward step without an attempt would have nothing left to drive it.
Decider::Refusal Decider::resume(const ResumeStep& c) {
  const auto place = stuck_place(c.step);
  if (!place) return tl::unexpected(place.error());
  if (auto fresh = check_revision(*place); !fresh) return fresh;
  auto mark = s_.stuck.find(*place);
  if (mark == s_.stuck.end()) {
    return reject(Rejection::Code::kNotAllowed, "step `" + place->str() + "` is not stuck");
  }
  if (mark->second.place == "compensation") return mark_undone(*place, "resume");
  if (!place->empty()) {
    return reject(Rejection::Code::kNotAllowed,
                  "nothing would drive step `" + place->str() +
                      "` on; use retry (another attempt) or skip (a substitute output)");
  }
  emit(SagaResumed{*place, "resume"});
  then_complete();
  return {};
}

Decider::Refusal Decider::mark_undone(const StepPath& step, const char* how) {
  const auto place = stuck_place(step);
  if (!place) return tl::unexpected(place.error());
  auto mark = s_.stuck.find(*place);
  if (mark == s_.stuck.end() || mark->second.place != "compensation") {
    return reject(Rejection::Code::kNotAllowed,
                  "the undo of `" + place->str() + "` is not stuck; nothing to mark as done");
  }
  const NodeId id = id_of(*place);
  emit(SagaResumed{*place, how});
  compensation_succeeded(id, "");  // No adapter said so: a late success is undone again.
  return {};
}

/// What happened outside is known now, and no adapter will say so: a person does.
Decider::Refusal Decider::resolve(const ResolveStep& c) {
  const auto place = stuck_place(c.step);
  if (!place) return tl::unexpected(place.error());
  const auto mark = s_.stuck.find(*place);
  if (mark == s_.stuck.end() || place->empty()) {
    return reject(Rejection::Code::kNotAllowed,
                  place->empty() ? std::string("the saga as a whole is stuck, not a step; use resume")
                                 : "step `" + place->str() + "` is not stuck");
  }
  const bool undo = mark->second.place == "compensation";
  if (c.done && undo) {
    if (auto fresh = check_revision(*place); !fresh) return fresh;
    return mark_undone(*place, "undo_done");
  }
  if (c.done || undo) return skip({*place, c.output, c.done}, undo ? "undo_not_done" : "done");
  if (auto fresh = check_revision(*place); !fresh) return fresh;
  const NodeId id = id_of(*place);
  const Node& n = node(id);
  if (n.kind == "saga" && n.attempts > 0 && !s_.pivot_reached) return child_not_done(id);
  if (n.kind != "call" || n.attempts == 0) {
    return reject(Rejection::Code::kNotAllowed,
                  "step `" + place->str() + "` has asked no adapter yet; use retry or skip");
  }
  const bool still_done = n.effect == Effect::kHappened && n.compensation.attempts == 0;
  if (mark->second.effect == Effect::kHappened || still_done) {
    return reject(Rejection::Code::kNotAllowed,
                  "step `" + place->str() + "` did happen, its adapter said so; use retry or skip");
  }
  if (s_.pivot_reached) {
    return reject(Rejection::Code::kNotAllowed,
                  "past the pivot the saga may only go forward; use retry, or skip with an output");
  }
  REACHED("a person knows that a step did not happen");
  Error error = mark->second.error;
  emit(SagaResumed{*place, "not_done"});
  give_up(id, std::move(error), true);
  return {};
}

Decider::Refusal Decider::terminate() {
  if (auto fresh = check_revision(StepPath()); !fresh) return fresh;
  if (s_.ended()) {
    return reject(Rejection::Code::kClosed, "the saga has ended: " + engine_state(s_));
  }
  REACHED("a saga is terminated");
  if (s_.phase == Phase::kBackward) REACHED("a saga is terminated on its way back");
  close_tasks();
  auto held = all_held(s_, Movement::Kind::kWrittenOff);
  if (!held.empty()) emit(WrittenOff{std::move(held)});
  emit(SagaTerminated{});
  close_saga("terminated");
  return {};
}

/// Nothing of a terminated saga is sent, fired or listened for any more.
void Decider::close_tasks() {
  for (NodeId id = 0; id < s_.nodes.size(); ++id) {
    const Node& n = s_.nodes[id];
    if (n.own_open) {
      close_timers(n);
      if (n.kind == "listen" && n.correlated) {
        effect(ListenerClear{n.path, n.event, n.correlation, false});
      }
      if (n.task_open) {
        effect(TaskSettled{n.path, n.probing ? Direction::kProbe : Direction::kForward, n.attempts,
                           n.probing ? n.probes : 1});
      }
    }
    if (n.own_undoing) {
      cancel_timer("comp:" + n.path.str(), n.compensation.next);
      effect(TaskSettled{n.path, Direction::kCompensation, n.compensation.attempts,
                         n.compensation.round});
    }
  }
}

Decider::Refusal Decider::move(const MoveSaga& c) {
  if (auto fresh = check_revision(StepPath()); !fresh) return fresh;
  if (s_.ended()) return reject(Rejection::Code::kClosed, "the saga has ended");
  const std::string why = incompatibility(g_, *c.to, s_);
  if (!why.empty()) return reject(Rejection::Code::kNotAllowed, why);
  emit(SagaMoved{c.to->version, c.to->digest, s_.birth.version});
  return {};
}

}  // namespace weft::core
