#pragma once  // orchestrator/core/effect.h

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "dsl/saga_graph.h"
#include "orchestrator/core/command.h"
#include "orchestrator/core/event.h"

namespace weft::core {

/// Ask an adapter. Kept in the outbox until SettleTask names the same slot of work.
struct TaskDispatch {
  StepPath path;
  Direction direction = Direction::kForward;
  std::int64_t attempt = 1, round = 1;
  std::string adapter, operation, subject;  ///< Target; subject empty = weft.task.<a>.<o>.
  std::string routed_from;            ///< The adapter named in the workflow, if routed.
  std::string shadow;                 ///< Also asked on weft.dryrun.
  dsl::Value input;
  std::int64_t timeout_ms = 30'000;
  std::optional<std::int64_t> schedule_timeout_ms;  ///< What is left of it. Not after the pivot, not
                                                    ///< for undo.
  std::optional<std::int64_t> on_wait_after_ms;
  std::optional<std::int64_t> heartbeat_ms;
  std::string traceparent;
  template <class A> void fields(A& a) {
    a("path", path); a("direction", direction); a("attempt", attempt); a("round", round);
    a("adapter", adapter); a("operation", operation); a("subject", subject);
    a("routed_from", routed_from); a("shadow", shadow); a.document("input", input);
    a("timeout_ms", timeout_ms); a("schedule_timeout_ms", schedule_timeout_ms);
    a("on_wait_after_ms", on_wait_after_ms); a("heartbeat_ms", heartbeat_ms); a("traceparent", traceparent);
  }
};
/// The task's outcome, pending answer or withdrawal is in this commit: the outbox row goes.
/// (A pending answer keeps no row; its waits are `within` timer and heartbeat.)
struct TaskSettled {
  StepPath path; Direction direction = Direction::kForward; std::int64_t attempt = 1, round = 1;
  template <class A> void fields(A& a) { a("path", path); a("direction", direction); a("attempt", attempt); a("round", round); }
};
/// A scope settles: if the task has not been sent, report kNotSent; if it has, leave it be (its
/// timeout is extended by max_clock_skew). In memory only.
struct TaskWithdraw {
  StepPath path; Direction direction = Direction::kForward; std::int64_t attempt = 1, round = 1;
  template <class A> void fields(A& a) { a("path", path); a("direction", direction); a("attempt", attempt); a("round", round); }
};
/// A pending attempt: watch its heartbeats (in memory; restarts with the process).
struct HeartbeatWatch {
  StepPath path; std::int64_t attempt = 1; std::int64_t heartbeat_ms = 0;
  template <class A> void fields(A& a) { a("path", path); a("attempt", attempt); a("heartbeat_ms", heartbeat_ms); }
};
/// Durable; `timer` is unique within the saga and comes back in FireTimer.
struct TimerSet { std::string timer; Timestamp due; template <class A> void fields(A& a) { a("timer", timer); a("due", due); } };
struct TimerCancel { std::string timer; Timestamp due; template <class A> void fields(A& a) { a("timer", timer); a("due", due); } };
/// This saga waits for events of this name and correlation value (filed in the partition of both).
/// The receiver delivers matching kept events, oldest first.
struct ListenerSet {
  StepPath path; std::string event, correlation; std::int64_t keep_ms = 0; Timestamp since;
  bool cancels = false;               ///< The workflow's cancelled_by; path is empty.
  template <class A> void fields(A& a) { a("path", path); a("event", event); a("correlation", correlation); a("keep_ms", keep_ms); a("since", since); a("cancels", cancels); }
};
struct ListenerClear {
  StepPath path; std::string event, correlation; bool cancels = false;
  template <class A> void fields(A& a) { a("path", path); a("event", event); a("correlation", correlation); a("cancels", cancels); }
};
/// emit: a CloudEvent on weft.out.<name>, and to this orchestrator's own listeners and triggers.
struct PublishEvent {
  std::string name; dsl::Value data; std::string event_id;  ///< `<saga>/<revision>[/<n>]`
  template <class A> void fields(A& a) { a("name", name); a.document("data", data); a("event_id", event_id); }
};
struct ChildStart {
  StepPath path; SagaId child; std::string workflow; int major = 1; std::string key; dsl::Value input; bool detached = false;
  template <class A> void fields(A& a) { a("path", path); a("child", child); a("workflow", workflow); a("major", major); a("key", key); a.document("input", input); a("detached", detached); }
};
/// `action`: cancel, or undo (also of a completed child). The child answers by ParentNotify.
struct ChildCommand {
  StepPath path; SagaId child; std::string action;
  std::vector<Movement> held;         ///< undo: what the parent's step still holds.
  template <class A> void fields(A& a) { a("path", path); a("child", child); a("action", action); a("held", held); }
};
/// To the parent: this child has come to an end.
struct ParentNotify {
  SagaId parent; StepPath parent_path; std::string state; dsl::Value output; Error error; std::vector<Movement> holdings;
  template <class A> void fields(A& a) { a("parent", parent); a("parent_path", parent_path); a("state", state); a.document("output", output); a("error", error); a("holdings", holdings); }
};
/// The saga has ended: let the next one of its queue run.
struct QueueLeave { std::string ordering_key; template <class A> void fields(A& a) { a("ordering_key", ordering_key); } };
/// The saga has been accepted behind its ordering key.
struct QueueJoin { std::string ordering_key; template <class A> void fields(A& a) { a("ordering_key", ordering_key); } };

using SagaEffect = std::variant<TaskDispatch, TaskSettled, TaskWithdraw, HeartbeatWatch, TimerSet,
                                TimerCancel, ListenerSet, ListenerClear, PublishEvent, ChildStart,
                                ChildCommand, ParentNotify, QueueLeave, QueueJoin>;

}  // namespace weft::core
