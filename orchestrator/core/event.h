#pragma once  // orchestrator/core/event.h

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "dsl/saga_graph.h"
#include "dsl/value.h"
#include "orchestrator/core/ids.h"
#include "orchestrator/core/outcome.h"

namespace weft::core {

/// Who caused a command. Engine-made commands have `via` "engine" and no name.
struct Actor {
  std::string name, role, via = "engine";
  bool verified = false;
  template <class A> void fields(A& a) { a("name", name); a("role", role); a("via", via); a("verified", verified); }
  friend bool operator==(const Actor&, const Actor&) = default;
};

/// An error as `$error` shows it and routes see it. `error_class`: business, transient,
/// unavailable, unknown, invalid.
struct Error {
  std::string error_class, code, message, step, adapter;
  template <class A> void fields(A& a) { a("class", error_class); a("code", code); a("message", message); a("step", step); a("adapter", adapter); }
  friend bool operator==(const Error&, const Error&) = default;
};

/// Which list below a step instance: the role of dsl::Block and its index; for foreach and repeat
/// bodies the index of the item or round.
struct Slot {
  std::uint8_t role = 1;  ///< dsl::Block::Role; kBody by default.
  std::uint32_t index = 0;
  template <class A> void fields(A& a) { a("role", role); a("index", index); }
  friend auto operator<=>(const Slot&, const Slot&) = default;
};

/// A scope that can be settled and undone: the saga (empty path), a step instance, or one slot of
/// it (a race's branch, a foreach's item).
struct Scope {
  StepPath path;
  std::optional<Slot> slot;
  template <class A> void fields(A& a) { a("path", path); a("slot", slot); }
  friend auto operator<=>(const Scope&, const Scope&) = default;
};

/// Units of a resource moved by one step; `holder`: whose holding changes.
struct Movement {
  enum class Kind : std::uint8_t { kHeld, kConsumed, kReleased, kWrittenOff, kReturned };
  Kind kind = Kind::kHeld;
  std::string resource;
  StepPath holder;
  dsl::Value items;  ///< Array of objects: the dimensions and the quantity.
  std::string quantity = "qty";
  template <class A> void fields(A& a) { a("kind", kind); a("resource", resource); a("holder", holder); a.document("items", items); a("quantity", quantity); }
};

/// How an undo of a step would be done; fixed when the step is scheduled so that folding needs no
/// graph.
enum class Undo : std::uint8_t { kNone, kCall, kManual, kChild };

// ---- Birth and end ---------------------------------------------------------------------------

/// Everything a saga is born with. Stored in its first event.
struct Birth {
  SagaId saga;
  std::string workflow, version, graph_digest, key;
  std::string payload_digest;        ///< SHA-256, hex, of the canonical input.
  dsl::Value input;
  std::string ordering_key;          ///< Empty = none.
  dsl::Value labels;                 ///< Object.
  std::string owner;
  SagaId parent;                     ///< Empty = none.
  StepPath parent_path;
  bool detached = false;
  std::string traceparent;
  std::vector<std::string> sensitive;  ///< Input paths masked wherever people look.
  template <class A> void fields(A& a) {
    a("saga", saga); a("workflow", workflow); a("version", version); a("digest", graph_digest);
    a("key", key); a("payload_digest", payload_digest); a.document("input", input);
    a("ordering_key", ordering_key); a.document("labels", labels); a("owner", owner);
    a("parent", parent); a("parent_path", parent_path); a("detached", detached);
    a("traceparent", traceparent); a("sensitive", sensitive);
  }
};
/// Waits its turn behind its ordering key.
struct SagaQueued {
  Birth birth;
  std::optional<Timestamp> deadline = {};  ///< Of the whole saga: its wait in the queue counts.
  template <class A> void fields(A& a) { a("birth", birth); a("deadline", deadline); }
};
/// Runs. `birth` is set when it is the first event (no queue).
struct SagaStarted {
  std::optional<Birth> birth;
  std::optional<Timestamp> deadline;
  template <class A> void fields(A& a) { a("birth", birth); a("deadline", deadline); }
};
struct SagaCompleted { dsl::Value output; template <class A> void fields(A& a) { a.document("output", output); } };
struct SagaCompensated {
  Error error; std::int64_t exceptions = 0; bool cancelled = false;
  template <class A> void fields(A& a) { a("error", error); a("exceptions", exceptions); a("cancelled", cancelled); }
};
struct SagaFailed {  ///< Nothing was owed.
  Error error; bool cancelled = false;
  template <class A> void fields(A& a) { a("error", error); a("cancelled", cancelled); }
};
struct SagaTerminated { template <class A> void fields(A&) {} };

// ---- Forward ----------------------------------------------------------------------------------

/// An attempt of a call, or the entry into any other step. Everything an adapter needs is in it.
struct StepScheduled {
  StepPath path, parent;
  Slot slot;
  std::string kind;                   ///< step_kind_name.
  std::int64_t attempt = 1;
  Undo undo = Undo::kNone;
  bool pivot = false;
  std::string adapter, operation, subject;  ///< call: the target after routing.
  dsl::Value input;                   ///< call, saga, emit, wait: rendered. foreach: the items.
  std::int64_t timeout_ms = 0;
  std::optional<Timestamp> due;       ///< wait, listen with timeout, repeat's pause.
  std::int64_t at_once = 0;           ///< foreach.
  std::uint32_t branch = 0;           ///< choice: the branch taken.
  std::string event, correlation;     ///< listen.
  bool correlated = false;            ///< listen: false = signals only.
  SagaId child;                       ///< saga.
  std::string child_workflow;
  std::string as;                     ///< foreach: name of the item.
  bool probe = false;                 ///< call: this is a probe of attempt `attempt`.
  std::int64_t probe_attempt = 0;
  template <class A> void fields(A& a) {
    a("path", path); a("parent", parent); a("slot", slot); a("kind", kind); a("attempt", attempt);
    a("undo", undo); a("pivot", pivot); a("adapter", adapter); a("operation", operation);
    a("subject", subject); a.document("input", input); a("timeout_ms", timeout_ms); a("due", due);
    a("at_once", at_once); a("branch", branch); a("event", event); a("correlation", correlation);
    a("correlated", correlated); a("child", child); a("child_workflow", child_workflow); a("as", as);
    a("probe", probe); a("probe_attempt", probe_attempt);
  }
};
/// The adapter accepted and will answer by token.
struct StepPending {
  StepPath path; std::int64_t attempt = 1; std::optional<Timestamp> within;
  template <class A> void fields(A& a) { a("path", path); a("attempt", attempt); a("within", within); }
};
/// The step's result is known. `derived`: the output is folded from the steps inside.
struct StepSucceeded {
  StepPath path; std::int64_t attempt = 0;
  dsl::Value output; bool derived = false; StepPath result_of;
  std::vector<Movement> movements;
  bool substituted = false;           ///< An operator's skip, or an on_error `result`.
  bool finishes = false;              ///< finish, or `then: finish`: the saga ends successfully.
  StepPath parent; Slot slot; std::string kind;  ///< Set where no StepScheduled went before.
  template <class A> void fields(A& a) {
    a("path", path); a("attempt", attempt); a.document("output", output); a("derived", derived);
    a("result_of", result_of); a("movements", movements); a("substituted", substituted); a("finishes", finishes);
    a("parent", parent); a("slot", slot); a("kind", kind);
  }
};
/// The step gave up: not happened, or it was never begun.
struct StepFailed {
  StepPath path; std::int64_t attempt = 0; Error error; std::vector<Movement> movements;
  StepPath parent; Slot slot; std::string kind;  ///< Set where no StepScheduled went before.
  template <class A> void fields(A& a) { a("path", path); a("attempt", attempt); a("error", error); a("movements", movements); a("parent", parent); a("slot", slot); a("kind", kind); }
};
/// The step gave up and its effect may have happened.
struct StepInDoubt {
  StepPath path; std::int64_t attempt = 0; Error error; std::vector<Movement> movements;
  template <class A> void fields(A& a) { a("path", path); a("attempt", attempt); a("error", error); a("movements", movements); }
};
struct StepSkipped {
  StepPath path, parent; Slot slot; std::string kind;
  template <class A> void fields(A& a) { a("path", path); a("parent", parent); a("slot", slot); a("kind", kind); }
};
/// One attempt (or probe) failed and another follows at `next`.
struct AttemptFailed {
  StepPath path; std::int64_t attempt = 1;
  std::string direction = "forward";  ///< forward, compensation, probe.
  std::string outcome;                ///< outcome_name.
  Error error; Effect effect = Effect::kPerhaps;
  std::string follows;                ///< retry, probe, settled (the scope settles), stuck.
  std::optional<Timestamp> next;
  std::int64_t waited_ms = 0;         ///< For its adapter: schedule_timeout bounds the sum.
  template <class A> void fields(A& a) {
    a("path", path); a("attempt", attempt); a("direction", direction); a("outcome", outcome);
    a("error", error); a("effect", effect); a("follows", follows); a("next", next);
    a("waited_ms", waited_ms);
  }
};
/// The step has waited `on_wait.after` for its adapter.
struct StepWaiting { StepPath path; template <class A> void fields(A& a) { a("path", path); } };
/// A task withdrawn before it was sent.
struct TaskNotSent {
  StepPath path; std::int64_t attempt = 1; std::string direction = "forward";
  template <class A> void fields(A& a) { a("path", path); a("attempt", attempt); a("direction", direction); }
};
/// A parallel's branch, a foreach's item or a repeat's round ended. (Not in INTERFACES' first list:
/// folding needs it, because the graph that knows a list's last step may have changed.)
struct ScopeEnded {
  StepPath path; Slot slot; std::string name;  ///< Branch name.
  bool succeeded = true; StepPath result_of; Error error;
  std::optional<Timestamp> next;      ///< repeat: the next round begins then.
  bool until = false;                 ///< repeat: the condition held.
  template <class A> void fields(A& a) {
    a("path", path); a("slot", slot); a("name", name); a("succeeded", succeeded);
    a("result_of", result_of); a("error", error); a("next", next); a("until", until);
  }
};
/// An error route was taken: its steps run next.
struct RouteTaken {
  StepPath path; std::uint32_t route = 0; Error error;
  template <class A> void fields(A& a) { a("path", path); a("route", route); a("error", error); }
};
struct PivotReached { StepPath path; template <class A> void fields(A& a) { a("path", path); } };
/// The business status. `overlay`: laid over while a wait lasts; empty status takes it off.
struct StatusChanged {
  std::string status, from; bool overlay = false;
  StepPath path = {};                 ///< The step whose wait begins (overlay) or is over.
  template <class A> void fields(A& a) { a("status", status); a("from", from); a("overlay", overlay); a("path", path); }
};
/// An event or signal. Empty path: a signal that nobody waits for yet; it stays with the saga.
struct EventReceived {
  StepPath path; std::string name, event_id; dsl::Value data; bool signal = false;
  template <class A> void fields(A& a) { a("path", path); a("name", name); a("event_id", event_id); a.document("data", data); a("signal", signal); }
};
struct TimerFired { std::string timer; StepPath path; template <class A> void fields(A& a) { a("timer", timer); a("path", path); } };
/// Which target a routed adapter was given, fixed for the saga.
struct RouteChosen { std::string adapter, target, shadow; template <class A> void fields(A& a) { a("adapter", adapter); a("target", target); a("shadow", shadow); } };
/// An emit step or announcement: what was published.
struct Emitted {
  StepPath path; std::string name; dsl::Value data;
  template <class A> void fields(A& a) { a("path", path); a("name", name); a.document("data", data); }
};
struct ChildEnded {
  StepPath path; SagaId child; std::string state; dsl::Value output; Error error;
  std::vector<Movement> holdings;     ///< What passes to the parent's step.
  template <class A> void fields(A& a) { a("path", path); a("child", child); a("state", state); a.document("output", output); a("error", error); a("holdings", holdings); }
};

// ---- Backward ---------------------------------------------------------------------------------

struct CancelRequested {
  std::string kind = "cancel";        ///< cancel or compensate.
  template <class A> void fields(A& a) { a("kind", kind); }
};
struct DeadlinePassed { template <class A> void fields(A&) {} };
/// A scope begins to settle: nothing new in it; what was sent is awaited.
struct ScopeSettling {
  Scope scope; std::string cause;     ///< error, cancel, compensate, deadline, race, parent.
  Error error;
  std::vector<Movement> movements;    ///< parent: what the parent has consumed or released meanwhile.
  template <class A> void fields(A& a) { a("scope", scope); a("cause", cause); a("error", error); a("movements", movements); }
};
/// The scope is settled; its undo begins.
struct CompensationStarted { Scope scope; Error error; template <class A> void fields(A& a) { a("scope", scope); a("error", error); } };
struct CompensationScheduled {
  StepPath path; std::int64_t attempt = 1, round = 1;
  std::string adapter, operation, subject; dsl::Value input; std::int64_t timeout_ms = 0;
  bool child = false;                 ///< Undone by a command to the child.
  bool leftover = false, repair = false;
  template <class A> void fields(A& a) {
    a("path", path); a("attempt", attempt); a("round", round); a("adapter", adapter);
    a("operation", operation); a("subject", subject); a.document("input", input);
    a("timeout_ms", timeout_ms); a("child", child); a("leftover", leftover); a("repair", repair);
  }
};
struct CompensationSucceeded {
  StepPath path; std::int64_t attempt = 1, round = 1; std::string effect;  ///< none, undone or empty.
  std::vector<Movement> movements;
  template <class A> void fields(A& a) { a("path", path); a("attempt", attempt); a("round", round); a("effect", effect); a("movements", movements); }
};
/// Its retries are spent (or there is no call: `manual`).
struct CompensationFailed {
  StepPath path; std::int64_t attempt = 1; Error error; bool goes_on = false;  ///< on_failure: continue.
  std::vector<Movement> movements;
  template <class A> void fields(A& a) { a("path", path); a("attempt", attempt); a("error", error); a("goes_on", goes_on); a("movements", movements); }
};
struct CompensationSkipped { StepPath path; template <class A> void fields(A& a) { a("path", path); } };
struct WrittenOff { std::vector<Movement> movements; template <class A> void fields(A& a) { a("movements", movements); } };

// ---- Trouble ----------------------------------------------------------------------------------

struct LateReplyRecorded {
  StepPath path; std::int64_t attempt = 1; std::string direction = "forward", outcome, code;
  dsl::Value output; EffectClaim effect = EffectClaim::kAbsent;
  bool settles = false;               ///< The step now counts as happened.
  bool repair = false;                ///< It must be undone (again).
  std::vector<Movement> movements;    ///< What it holds after all.
  bool known = true;                  ///< It says what this attempt did; a 500 does not.
  template <class A> void fields(A& a) {
    a("path", path); a("attempt", attempt); a("direction", direction); a("outcome", outcome); a("code", code);
    a.document("output", output); a("effect", effect); a("settles", settles); a("repair", repair);
    a("movements", movements); a("known", known);
  }
};
struct AnomalyRecorded {
  StepPath path; std::string kind, message;  ///< contradiction, repeated_answer, ...
  template <class A> void fields(A& a) { a("path", path); a("kind", kind); a("message", message); }
};
/// A place needs an operator. `place`: forward, compensation or saga (cause in `error`).
struct SagaStuck {
  StepPath path; std::string place = "forward"; Error error; Effect effect = Effect::kNone;
  StepPath parent; Slot slot; std::string kind;  ///< Set where the step could not even be entered.
  template <class A> void fields(A& a) { a("path", path); a("place", place); a("error", error); a("effect", effect); a("parent", parent); a("slot", slot); a("kind", kind); }
};
/// A stuck mark is gone. `how`: retry, skip, resume, late_reply, cancel.
struct SagaResumed { StepPath path; std::string how; template <class A> void fields(A& a) { a("path", path); a("how", how); } };
struct SagaMoved { std::string version, graph_digest, from; template <class A> void fields(A& a) { a("version", version); a("digest", graph_digest); a("from", from); } };

/// Closed. Append at the end only: the index is the stored type number.
using EventBody =
    std::variant<SagaQueued, SagaStarted, StepScheduled, StepPending, StepSucceeded, StepFailed,
                 StepInDoubt, StepSkipped, PivotReached, StatusChanged, EventReceived, TimerFired,
                 CancelRequested, CompensationStarted, CompensationScheduled, CompensationSucceeded,
                 CompensationFailed, CompensationSkipped, LateReplyRecorded, AnomalyRecorded,
                 SagaStuck, SagaResumed, SagaCompleted, SagaCompensated, SagaFailed, SagaTerminated,
                 AttemptFailed, StepWaiting, TaskNotSent, ScopeSettling, RouteChosen, DeadlinePassed,
                 ChildEnded, WrittenOff, SagaMoved, ScopeEnded, RouteTaken, Emitted>;

/// An immutable fact of one saga's stream.
struct Event {
  Timestamp at;
  Actor actor;
  std::string reason;
  EventBody body;
};
[[nodiscard]] const char* event_type_name(std::size_t index);  ///< By EventBody::index().
[[nodiscard]] inline const char* type_name(const Event& e) { return event_type_name(e.body.index()); }
/// The path and attempt an event speaks of; empty and 0 where it has none.
[[nodiscard]] StepPath path_of(const Event& event);
[[nodiscard]] std::int64_t attempt_of(const Event& event);

}  // namespace weft::core
