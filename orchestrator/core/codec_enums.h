#pragma once  // orchestrator/core/codec_enums.h

#include "orchestrator/core/command.h"
#include "orchestrator/core/event.h"
#include "orchestrator/core/saga_state.h"

// The last enumerator of every enum that is stored: a decoder lets no other number into memory. An
// enum without a line here does not compile into a stored structure. Enumerators are appended only.
namespace weft::core {

constexpr Effect enum_last(Effect) { return Effect::kNotHappened; }
constexpr EffectClaim enum_last(EffectClaim) { return EffectClaim::kUndone; }
constexpr Undo enum_last(Undo) { return Undo::kChild; }
constexpr Movement::Kind enum_last(Movement::Kind) { return Movement::Kind::kReturned; }
constexpr Direction enum_last(Direction) { return Direction::kProbe; }
constexpr Phase enum_last(Phase) { return Phase::kTerminated; }
constexpr StepState enum_last(StepState) { return StepState::kSkipped; }
constexpr AttemptFate enum_last(AttemptFate) { return AttemptFate::kAnswered; }
constexpr CompensationState::State enum_last(CompensationState::State) {
  return CompensationState::State::kSkipped;
}

}  // namespace weft::core
