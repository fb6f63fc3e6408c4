#pragma once  // tests/simulation/rare_states.h

#include <set>
#include <string>
#include <vector>

#include "orchestrator/core/event.h"
#include "orchestrator/sim/checkers/history.h"

namespace weft::simulation {

/// When a saga is looked at: the same state means something else at each of these moments.
enum class Moment { kCrash, kCancel, kDeadline, kLateSuccess, kLateFailure, kUndo, kEnd };

/// Rare states that no single place of the engine deals with: they are noticed from outside, in the
/// events and at crashes, and told as REACHED() tells (orchestrator/core/reached.h).
void notice(Moment moment, const core::SagaState& saga);
/// The same, of one event that is about to be folded into `saga`.
void notice_event(const core::SagaState& saga, const core::Event& event);

/// Every state that a simulation has to reach: those above, and each REACHED() of the engine's source.
[[nodiscard]] std::set<std::string> declared_states();

}  // namespace weft::simulation
