#pragma once  // orchestrator/sim/explorer/state_key.h

#include <compare>
#include <cstddef>
#include <cstdint>

#include "orchestrator/sim/explorer/world.h"

namespace weft::explorer {

/// Names a world by what matters for its future. Two worlds of one key behave alike.
struct StateKey {
  std::uint64_t high = 0, low = 0;
  friend auto operator<=>(const StateKey&, const StateKey&) = default;
};

/// The reduction: what decides nothing is left out of the key.
/// - Contents of documents: they follow from the input and from which of the invented replies were
///   given, and those are in the key.
/// - Times: only the order in which timers are due is kept (bounds.h takes out what else the clock
///   would decide). Revisions and the order in which parallel steps were entered are history.
/// - How a step came to its end, once it is there: after which attempt it succeeded decides
/// nothing.
///   What is still kept is what a late, repeated or contradictory answer could meet.
/// - Symmetry: items of one `foreach` are interchangeable; the key holds them as a multiset.
/// - Branches that do not touch each other commute; both orders lead to one key.
/// `faults_left`: of the path so far; without any, answers no longer repeat or contradict
/// themselves.
[[nodiscard]] StateKey key_of(const World& world, int faults_left);

/// Of one step, and of what decides how an answer to it is taken: where the saga is and whether the
/// step stands in a scope that is being left.
[[nodiscard]] StateKey key_of(const World& world, const core::StepPath& step);

}  // namespace weft::explorer

template <>
struct std::hash<weft::explorer::StateKey> {
  std::size_t operator()(const weft::explorer::StateKey& key) const noexcept {
    return static_cast<std::size_t>(key.high ^ (key.low * 0x9e3779b97f4a7c15ULL));
  }
};
