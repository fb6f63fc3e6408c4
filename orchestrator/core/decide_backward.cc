// The way back: scopes that settle, undo in reverse order of dependency, and the ends there.

#include <algorithm>
#include <utility>

#include "orchestrator/core/decide.h"
#include "orchestrator/core/planted.h"
#include "orchestrator/core/reached.h"

namespace weft::core {

using State = CompensationState::State;

// ---- An error and where it goes ---------------------------------------------------------------

/// An error leaves the work of this step. What is open or owed inside is settled and undone first;
/// only then do on_error, tolerate or the parent see it.
void Decider::step_error(NodeId id, const Error& error) {
  const Node& n = node(id);
  if (leaving(id)) return check_scopes_of(id);
  const bool leaf = n.slots.empty();
  if (leaf && n.open == 0 && n.owed == 0) return leave_with_error(id, error);
  settle({n.path, {}}, "error", error);
}

void Decider::leave_with_error(NodeId id, const Error& error) {
  const dsl::Step* step = step_of(node(id));
  invariant(step != nullptr, "a failing step is missing in the graph");
  if (node(id).route < 0) {
    for (std::uint32_t i = 0; i < step->on_error.size(); ++i) {
      const auto& wanted = step->on_error[i].errors;
      const bool matches = std::any_of(wanted.begin(), wanted.end(), [&](const std::string& e) {
        return e == error.code || e == error.error_class ||
               (e == "any" && error.error_class != "invalid");
      });
      if (!matches) continue;
      REACHED("an error takes its route");
      if (!node(id).slots.empty()) REACHED("a block's error takes its route after it was undone");
      emit(RouteTaken{node(id).path, i, error});
      if (step->on_error[i].body != dsl::kNoBlock) {
        return then_enter({step->on_error[i].body, id, route_slot(i), 0});
      }
      return route_done(id);
    }
  }
  if (!is_settled(node(id))) emit(StepFailed{node(id).path, 0, error, {}, {}, {}, {}});
  propagate(id, error);
}

/// The steps of an error route are done: `then` says how it goes on.
void Decider::route_done(NodeId id) {
  const Node& n = node(id);
  const auto index = static_cast<std::uint32_t>(n.route);
  const dsl::ErrorRoute& route = step_of(n)->on_error[index];
  const Error error = n.error;
  switch (route.then) {
    case dsl::Then::kContinue:
    case dsl::Then::kFinish: {
      dsl::Value output;
      if (route.result) {
        Environment env = environment(id);
        env.set("with", n.input);
        env.set_error(error);
        auto rendered = route.result->evaluate(env);
        if (!rendered) {
          return stuck(id, "forward",
                       invalid_error("expression_error", "`result`: " + rendered.error().message,
                                     n.path.str()));
        }
        output = std::move(*rendered);
      } else if (auto body = n.slots.find(route_slot(index));
                 body != n.slots.end() && !body->second.children.empty()) {
        const Node& last = node(body->second.children.back());
        if (last.output_known) output = last.output;
      }
      StepSucceeded done;
      done.path = n.path;
      done.output = std::move(output);
      done.substituted = true;
      done.finishes = route.then == dsl::Then::kFinish;
      const bool finishes = done.finishes;
      emit(std::move(done));
      if (finishes) return then_complete();
      return then_ended(id);
    }
    case dsl::Then::kCompensate:
      if (!is_settled(n)) emit(StepFailed{n.path, 0, error, {}, {}, {}, {}});
      return propagate(id, error);
    case dsl::Then::kStuck:
      REACHED("a route ends stuck");
      return stuck(id, "forward", error);
  }
}

/// The error leaves the step for the list around it.
void Decider::propagate(NodeId id, const Error& error) {
  const NodeId parent = node(id).parent;
  const Slot slot = node(id).slot;
  if (leaving(parent, slot)) return check_scopes_of(id);
  if (parent == kRoot) {
    // After the pivot there is no way back: a person decides.
    if (s_.pivot_reached) {
      REACHED("an error leaves the top list after the pivot");
      return stuck(id, "forward", error);
    }
    return settle({}, "error", error);
  }
  const Node& owner = node(parent);
  const auto role = static_cast<dsl::Block::Role>(slot.role);
  const bool item = owner.kind == "foreach" && role == dsl::Block::Role::kBody;
  const bool race = owner.kind == "parallel" && role == dsl::Block::Role::kBranch &&
                    step_of(owner)->parallel->race;
  if (item || race) return settle({owner.path, slot}, "error", error);
  step_error(parent, error);
}

// ---- Settling ---------------------------------------------------------------------------------

void Decider::settle(const Scope& scope, const std::string& cause, const Error& error,
                     std::vector<Movement> movements) {
  emit(ScopeSettling{scope, cause, error, std::move(movements)});
  const NodeId id = id_of(scope.path);
  std::vector<NodeId> queue;
  if (scope.slot) {
    auto slot = node(id).slots.find(*scope.slot);
    if (slot != node(id).slots.end()) queue = slot->second.children;
  } else {
    queue.push_back(id);
  }
  std::vector<NodeId> leaves;
  while (!queue.empty()) {
    const NodeId next = queue.back();
    queue.pop_back();
    const Node& n = node(next);
    if (n.open == 0) continue;
    if (n.own_open) leaves.push_back(next);
    for (const auto& [_, below] : n.slots) {
      if (below.open > 0) queue.insert(queue.end(), below.children.begin(), below.children.end());
    }
  }
  std::sort(leaves.begin(), leaves.end());
  for (NodeId leaf : leaves) close_leaf(leaf);
  then_scope(scope);
}

TaskWithdraw Decider::withdrawal(const Node& n) {
  return {n.path, n.probing ? Direction::kProbe : Direction::kForward, n.attempts,
          n.probing ? n.probes : 1};
}

/// Ends what need not be awaited; what was sent ends by its reply or timeout.
void Decider::close_leaf(NodeId id) {
  const Node& n = node(id);
  const StepPath path = n.path;
  const Error cancelled{"business", "cancelled", "the scope around it is being undone", path.str(), n.adapter};
  const bool was_stuck = n.stuck.has_value();
  // What it took from others is not known: what depends on it waits for a person, who was asked.
  const bool took = n.effect == Effect::kPerhaps || n.effect == Effect::kHappened;
  if (was_stuck && n.attempts > 0 && took && gives_away(*step_of(n))) return;
  if (was_stuck) {
    REACHED("going back clears a stuck place");
    emit(SagaResumed{path, "cancel"});
  }
  if (n.kind == "call" && n.attempts > 0) {
    if (was_stuck) {
      const bool nothing = n.effect == Effect::kNone || n.effect == Effect::kNotHappened;
      return give_up(id, n.error, nothing);
    }
    if (n.pending) {
      REACHED("pending work is given up in doubt");
      return give_up(id, cancelled, false);
    }
    if (n.task_open) {
      effect(withdrawal(n));
      return;
    }
    return give_up(id, n.error.code.empty() ? cancelled : n.error, !other_attempt_unknown(n, 0));
  }
  if (n.kind == "saga" && was_stuck && n.child_state == "terminated") {
    REACHED("going back passes a terminated child");
    emit(StepInDoubt{path, 1, n.error, {}});  // It has ended, and will not say so once more.
    return;
  }
  if (n.kind == "saga" && n.attempts > 0 && !(was_stuck && n.effect == Effect::kNotHappened)) {
    REACHED("a running child is cancelled with its parent");
    effect(ChildCommand{path, n.child, "cancel", {}});
    return;
  }
  close_timers(n);
  if (n.kind == "listen") REACHED("a wait for an event is closed on the way back");
  if (n.kind == "listen" && n.correlated) effect(ListenerClear{path, n.event, n.correlation, false});
  emit(StepFailed{path, 0, cancelled, {}, {}, {}, {}});
}

/// Something ended inside scopes that are being left: are they settled, are they undone?
void Decider::check_scopes_of(NodeId id) {
  for (NodeId at = id; at != kNoNode;) {
    const Node& n = node(at);
    if (n.rollback) then_scope({n.path, {}});
    if (n.parent != kNoNode) {
      const Node& owner = node(n.parent);
      auto slot = owner.slots.find(n.slot);
      if (slot != owner.slots.end() && slot->second.rollback) then_scope({owner.path, n.slot});
    }
    at = n.parent;
  }
}

void Decider::check_scope(const Scope& scope) {
  const NodeId id = id_of(scope.path);
  if (id == kNoNode) return;
  auto slot_state = [&]() -> SlotState* {
    return scope.slot ? &node(id).slots[*scope.slot] : nullptr;
  };
  SlotState* slot = slot_state();
  const auto& rollback = slot != nullptr ? slot->rollback : node(id).rollback;
  if (!rollback) return;
  const auto open = slot != nullptr ? slot->open : node(id).open;
  const auto owed = slot != nullptr ? slot->owed : node(id).owed;
  if (!rollback->undoing) {
    if (open > 0) return;
    if (owed > 0) emit(CompensationStarted{scope, rollback->error});
  }
  if (slot != nullptr) {
    undo_slot(id, *scope.slot);
  } else {
    undo_node(id);
  }
  slot = slot_state();
  const auto left = slot != nullptr ? slot->owed + slot->undoing : node(id).owed + node(id).undoing;
  if (left == 0) scope_undone(scope);
}

void Decider::scope_undone(const Scope& scope) {
  if (scope.path.empty()) return end_backward();
  const NodeId id = id_of(scope.path);
  if (!scope.slot) return leave_with_error(id, Error(node(id).rollback->error));
  const Error error = node(id).slots[*scope.slot].rollback->error;
  if (node(id).kind == "foreach") {
    REACHED("an item is undone and its foreach goes on");
    emit(ScopeEnded{scope.path, *scope.slot, "", false, {}, error, {}, false});
    return item_ended(id, *scope.slot);
  }
  REACHED("a lost branch of a race is undone");
  const dsl::Step* step = step_of(node(id));
  emit(ScopeEnded{scope.path, *scope.slot,
                  g_.block(step->parallel->branches[scope.slot->index]).name, false, {}, error, {},
                  false});
  race_decided(id, error);
}

// ---- Cancel, deadline, ends -------------------------------------------------------------------

bool Decider::pivot_may_have_run() const {
  if (g_.pivot == dsl::kNoStep) return false;
  const Node* pivot = s_.find(StepPath(g_.step(g_.pivot).name));
  return pivot != nullptr && pivot->own_open &&
         (pivot->effect == Effect::kPerhaps || pivot->effect == Effect::kHappened);
}

/// While an attempt of the pivot may have been executed, cancel and deadline wait for it.
void Decider::begin_cancel_if_possible() {
  if (!s_.cancel_requested && !s_.deadline_passed) return;
  if (s_.phase != Phase::kForward || (s_.pivot_reached && !PLANTED(13)) || s_.finishing) return;
  if (pivot_may_have_run()) {
    REACHED("a cancel or deadline waits for the pivot");
    const Node& pivot = *s_.find(StepPath(g_.step(g_.pivot).name));
    if (pivot.kind == "saga") {
      effect(ChildCommand{pivot.path, pivot.child, "cancel", {}});
    } else if (pivot.task_open && !pivot.probing) {
      effect(withdrawal(pivot));
    }
    return;
  }
  if (s_.cancel_requested) {
    return settle({}, s_.cancel_kind,
                  {"business", "cancelled", command_.reason, "", ""});
  }
  settle({}, "deadline",
         {"business", "deadline_exceeded", "the saga's deadline has passed", "", ""});
}

void Decider::end_backward() {
  const Rollback rollback = *node(kRoot).rollback;
  auto held = all_held(s_, Movement::Kind::kWrittenOff);
  if (!held.empty()) emit(WrittenOff{std::move(held)});
  if (s_.stuck.contains(StepPath())) emit(SagaResumed{StepPath(), "resume"});
  const bool cancelled = rollback.cause == "cancel";
  const bool with_own_words = cancelled && (!g_.on_cancelled.status.empty() || g_.on_cancelled.emit);
  const bool anything = s_.compensations > 0 || s_.exceptions > 0;
  announce_end(with_own_words ? g_.on_cancelled : g_.on_compensated, {}, rollback.error,
               anything ? "compensated" : "failed");
  if (s_.exceptions > 0) REACHED("compensated with exceptions");
  if (rollback.cause == "deadline") REACHED("a deadline sends a saga back");
  if (rollback.cause == "parent") REACHED("a completed child is undone");
  if (anything) {
    emit(SagaCompensated{rollback.error, s_.exceptions, cancelled});
    close_saga("compensated");
  } else {
    emit(SagaFailed{rollback.error, cancelled});
    close_saga("failed");
  }
}

void Decider::finish_failed(const Error& error, bool cancelled) {
  announce_end(cancelled && (!g_.on_cancelled.status.empty() || g_.on_cancelled.emit)
                   ? g_.on_cancelled
                   : g_.on_compensated,
               {}, error, "failed");
  emit(SagaFailed{error, cancelled});
  close_saga("failed");
}

/// What outlives no saga: its deadline, its place in line, its listener; and its parent is told.
void Decider::close_saga(const char* state) {
  invariant(balances(s_), "at its end the saga's ledger does not balance");
  cancel_timer("deadline", s_.deadline);
  arm_cancel(false);
  if (!s_.birth.ordering_key.empty()) effect(QueueLeave{s_.birth.ordering_key});
  if (s_.birth.parent.empty() || s_.birth.detached) return;
  ParentNotify notify{s_.birth.parent, s_.birth.parent_path, state, s_.output, s_.error, {}};
  if (s_.phase == Phase::kCompleted) notify.holdings = all_held(s_, Movement::Kind::kHeld);
  effect(std::move(notify));
}

void Decider::stuck(NodeId id, const char* place, Error error, Effect known) {
  const StepPath path = node(id).path;
  if (std::string_view(place) == "compensation") {
    cancel_timer("comp:" + path.str(), node(id).compensation.next);
  } else if (id != kRoot) {
    close_timers(node(id));
  }
  SagaStuck mark;
  mark.path = path;
  mark.place = place;
  mark.error = error;
  mark.effect = known;
  emit(std::move(mark));
  announce_end(g_.on_stuck, {}, error, "stuck");
  // What does not depend on it goes on: it no longer takes a place among `at_once` items.
  if (std::string_view(place) == "compensation") check_scopes_of(id);
}

}  // namespace weft::core
