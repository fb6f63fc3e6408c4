#pragma once  // orchestrator/core/state_fields.h

#include "orchestrator/core/saga_state.h"

// The members of a saga's state for the codec. Each structured binding names every member, so one
// that is added to saga_state.h and not here does not compile: a snapshot that forgets something
// would fold on from another state than the one it was taken of.
namespace weft::core {

template <class A, class... T>
void each_field(A& archive, T&... members) {
  (archive("state", members), ...);
}

template <class A>
void state_fields(A& a, CompensationState& c) {
  auto& [state, attempts, round, adapter, operation, subject, input, timeout_ms, error, effect,
         leftover, repair, child, again, first_at, next, attempts_base, pending, late_reply,
         late_holds] = c;
  each_field(a, state, attempts, round, adapter, operation, subject, input, timeout_ms, error,
             effect, leftover, repair, child, again, first_at, next, attempts_base, pending,
             late_reply, late_holds);
}

template <class A>
void state_fields(A& a, Rollback& r) {
  auto& [undoing, cause, error] = r;
  each_field(a, undoing, cause, error);
}

template <class A>
void state_fields(A& a, SlotState& s) {
  auto& [children, open, owed, undoing, ended, succeeded, name, result_of, error, rollback] = s;
  each_field(a, children, open, owed, undoing, ended, succeeded, name, result_of, error, rollback);
}

template <class A>
void state_fields(A& a, Node& n) {
  auto& [path, kind, parent, slot, state, effect, undo, pivot, order, started_at, ended_at,
         attempts, adapter, operation, subject, input, output, output_known, error, fates, late,
         task_open, pending, waiting, probes, probing, within, due, next_attempt, event,
         correlation, correlated, child, child_workflow, child_state, compensation, holdings,
         quantity_names, taken, attempts_base, policy_since, probing_since, waited_ms,
         within_spent, slots, items, as, at_once, branch,
         round, items_begun, items_ended, items_failed, route, open, owed, undoing, own_open,
         own_owed, own_undoing, rollback, stuck, stuck_since] = n;
  each_field(a, path, kind, parent, slot, state, effect, undo, pivot, order, started_at, ended_at,
             attempts, adapter, operation, subject, input, output, output_known, error, fates, late,
             task_open, pending, waiting, probes, probing, within, due, next_attempt, event,
             correlation, correlated, child, child_workflow, child_state, compensation, holdings,
             quantity_names, taken, attempts_base, policy_since, probing_since, waited_ms,
             within_spent, slots, items, as, at_once, branch,
             round, items_begun, items_ended, items_failed, route, open, owed, undoing, own_open,
             own_owed, own_undoing, rollback, stuck, stuck_since);
}

template <class A>
void state_fields(A& a, Totals& t) {
  auto& [held, consumed, released, written_off] = t;
  each_field(a, held, consumed, released, written_off);
}

template <class A>
void state_fields(A& a, BufferedSignal& s) {
  auto& [name, event_id, data, at] = s;
  each_field(a, name, event_id, data, at);
}

/// `by_path` follows from the nodes and is built again by the reader.
template <class A>
void state_fields(A& a, SagaState& s) {
  auto& [phase, birth, revision, accepted_at, started_at, ended_at, deadline, pivot_reached,
         cancel_requested, deadline_passed, cancel_kind, finishing, status, overlay_from, overlay,
         overlay_path, error, output, exceptions, routes, shadows, signals, events_seen, ledger,
         stuck, stuck_since, touched, compensations, anomalies, order_next, nodes, by_path] = s;
  static_cast<void>(by_path);
  each_field(a, phase, birth, revision, accepted_at, started_at, ended_at, deadline, pivot_reached,
             cancel_requested, deadline_passed, cancel_kind, finishing, status, overlay_from,
             overlay, overlay_path, error, output, exceptions, routes, shadows, signals,
             events_seen, ledger, stuck, stuck_since, touched, compensations, anomalies, order_next,
             nodes);
}

}  // namespace weft::core
