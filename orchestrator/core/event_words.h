#pragma once  // orchestrator/core/event_words.h: private to event_data.cc and event_text.cc.

#include "orchestrator/core/decider.h"
#include "orchestrator/core/event.h"

namespace weft::core {

[[nodiscard]] inline const char* enum_word(Effect effect) { return effect_name(effect); }
[[nodiscard]] inline const char* enum_word(EffectClaim claim) {
  switch (claim) {
    case EffectClaim::kAbsent: return "";
    case EffectClaim::kNone: return "none";
    case EffectClaim::kPerhaps: return "perhaps";
    case EffectClaim::kUndone: return "undone";
  }
  return "";
}
[[nodiscard]] inline const char* enum_word(Undo undo) {
  switch (undo) {
    case Undo::kNone: return "none";
    case Undo::kCall: return "call";
    case Undo::kManual: return "manual";
    case Undo::kChild: return "child";
  }
  return "none";
}
[[nodiscard]] inline const char* enum_word(Movement::Kind kind) {
  switch (kind) {
    case Movement::Kind::kHeld: return "held";
    case Movement::Kind::kConsumed: return "consumed";
    case Movement::Kind::kReleased: return "released";
    case Movement::Kind::kWrittenOff: return "written_off";
    case Movement::Kind::kReturned: return "returned";
  }
  return "held";
}

}  // namespace weft::core
