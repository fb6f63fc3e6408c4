#pragma once  // orchestrator/sim/explorer/move.h

#include <cstddef>
#include <cstdint>
#include <string>

#include "orchestrator/core/command.h"
#include "orchestrator/core/ids.h"

namespace weft::explorer {

/// One thing that may happen next in the world around a saga.
struct Move {
  enum class Kind : std::uint8_t {
    kStart,          ///< With the input number `variant`.
    kRun,            ///< Its turn behind the ordering key has come.
    kSupersede,      ///< A newer saga takes its place in the queue.
    kSuccess,        ///< The adapter does what is asked (or remembers having done it) and says so.
    kRefusal,        ///< It refuses with `code`. `effect`: something is left all the same.
    kTransient,      ///< It fails for a moment.
    kUnavailable,    ///< It could not be reached for as long as `schedule_timeout` allows.
    kWaiting,        ///< It keeps the task waiting longer than `on_wait.after`.
    kSilence,        ///< No answer in time; its answer may still come. `effect`: it did it.
    kInvalid,        ///< It answers what the protocol does not allow. `effect`: it did it.
    kPending,        ///< Accepted; the answer will come by token.
    kFellSilent,     ///< An accepted task is not completed in time. `effect`: it was done.
    kNotSent,        ///< Withdrawn before it left.
    kProbeAnswer,    ///< The probe tells the truth.
    kProbeNothing,   ///< The probe tells nothing.
    kCrash,          ///< Weft stops and starts again: what was open is sent again.
    kLate,           ///< An answer comes after it was given up.
    kRepeat,         ///< The last answer comes a second time.
    kContradiction,  ///< The adapter says the opposite of what it said.
    kTimer,
    kDeadline,
    kCancel,       ///< By an operator, or by the event that `cancelled_by` names.
    kEvent,        ///< What a step listens for arrives, with content number `variant`.
    kEarlySignal,  ///< A signal arrives before anybody listens.
    kChildStarted,
    kChildRefused,
    kChildCompleted,
    kChildFailed,
    kChildTerminated,
    kChildUndone,
    kRetry,
    kSkip,
    kResolveDone,
    kResolveNotDone,
    kMarkUndone,
    kResume,
    kTerminate
  };
  Kind kind = Kind::kStart;
  std::size_t subject = 0;  ///< Index of the task, late answer, ... it is about.
  core::StepPath path = {};
  core::Direction direction = core::Direction::kForward;
  std::string code = {};  ///< Of a refusal; the name of a timer.
  bool effect = false;
  int variant = 0;
  int cost = 0;  ///< Faults it takes from the budget of its path.
};

}  // namespace weft::explorer
