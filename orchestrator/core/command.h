#pragma once  // orchestrator/core/command.h

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "dsl/saga_graph.h"
#include "orchestrator/core/event.h"
#include "orchestrator/core/outcome.h"

namespace weft::core {

// ---- From the door and the engine -------------------------------------------------------------

/// Begins a saga. With `queued` it only takes its place (SagaQueued); RunSaga starts it.
struct StartSaga { Birth birth; bool queued = false; };
/// Its turn behind the ordering key has come.
struct RunSaga {};
/// Still queued, and a newer one took its place: ends `failed` with `superseded`.
struct SupersedeSaga { SagaId by; };

enum class Direction : std::uint8_t { kForward, kCompensation, kProbe };
[[nodiscard]] const char* direction_name(Direction direction);

/// What became of one dispatched task.
struct ReportReply {
  StepPath path;
  Direction direction = Direction::kForward;
  std::int64_t attempt = 1;
  std::int64_t round = 1;             ///< Compensation only.
  TaskReply reply;
  bool by_token = false;              ///< weft.complete / weft.fail: any attempt's token counts.
  std::int64_t waited_ms = 0;         ///< How long the task waited for its adapter.
};
/// The dispatcher has held a step's task for `on_wait.after`.
struct ReportWaiting { StepPath path; std::int64_t attempt = 1; };
/// The wait is over: the task was sent and is being worked on.
struct ReportWaitEnded { StepPath path; std::int64_t attempt = 1; };
struct FireTimer { std::string timer; };
/// An event whose name and correlation value match a registered listener of this saga.
struct DeliverEvent {
  std::string name, correlation, event_id;
  dsl::Value data;
};
/// A signal to this saga; stays until taken.
struct DeliverSignal { std::string name, event_id; dsl::Value data; };
/// The child's start is durable (detached children: the step is done).
struct ReportChildStarted { StepPath path; SagaId child; };
/// The child could not be started (refused for good): invalid.
struct ReportChildRefused { StepPath path; std::string code, message; };
/// The child came to an end, or its undo (asked for by us) did.
struct ReportChildEnded {
  StepPath path;
  SagaId child;
  std::string state;                  ///< completed, compensated, failed, terminated.
  dsl::Value output;
  Error error;
  std::vector<Movement> holdings;
};
/// From a parent: undo yourself although you completed (the only way out of `completed`).
/// `held`: what the parent's step still holds of what this saga passed to it.
struct UndoAsChild { std::vector<Movement> held; };
/// The engine can not go on with this saga (missing graph, broken invariant, crash loop).
struct QuarantineSaga { std::string code, message; };

// ---- From people ------------------------------------------------------------------------------

/// Common to operator actions.
struct CancelSaga { bool by_event = false; std::string kind = "cancel"; };  ///< or "compensate".
struct RetryStep { StepPath step; };                       ///< Empty = the only stuck place.
/// `known_done`: it did happen, and `output` is what its adapter would have replied.
struct SkipStep { StepPath step; std::optional<dsl::Value> output; bool known_done = false; };
struct ResumeStep { StepPath step; };
struct MarkUndone { StepPath step; };                      ///< A stuck compensation was done by hand.
/// A person found out what nobody knew about a stuck place. Of a step: it happened (`output` stands
/// for its reply), or it did not and fails. Of a compensation: it is done, or it never will be.
struct ResolveStep { StepPath step; bool done = true; std::optional<dsl::Value> output; };
struct TerminateSaga {};
struct MoveSaga { std::shared_ptr<const dsl::SagaGraph> to; };

using CommandBody =
    std::variant<StartSaga, RunSaga, SupersedeSaga, ReportReply, ReportWaiting, ReportWaitEnded,
                 FireTimer, DeliverEvent, DeliverSignal, ReportChildStarted, ReportChildRefused,
                 ReportChildEnded, UndoAsChild, QuarantineSaga, CancelSaga, RetryStep, SkipStep,
                 ResumeStep, MarkUndone, ResolveStep, TerminateSaga, MoveSaga>;

struct Command {
  CommandBody body;
  Actor actor;
  std::string reason;
  std::optional<std::uint64_t> revision;  ///< What the author saw; refused as stale if the named
                                          ///< step or the saga's state has changed since.
};

}  // namespace weft::core
