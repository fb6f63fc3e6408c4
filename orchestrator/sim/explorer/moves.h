#pragma once  // orchestrator/sim/explorer/moves.h

#include <set>
#include <string>
#include <vector>

#include "orchestrator/sim/explorer/move.h"
#include "orchestrator/sim/explorer/world.h"

namespace weft::explorer {

/// Everything that may happen next, what costs no fault first. Moves that would overdraw the budget
/// are left out.
[[nodiscard]] std::vector<Move> moves_of(const Arena& arena, const World& world, int faults_left);

/// Late answers that have just become harmless: each is still delivered once, to see that it is.
[[nodiscard]] std::vector<Move> last_words(const World& before, const World& after);

/// True where something still drives the saga on: a task, a timer, an event or child it waits for.
[[nodiscard]] bool driven(const World& world);

/// Codes with which an adapter may refuse this call.
[[nodiscard]] std::vector<std::string> refusals_of(const dsl::SagaGraph& graph,
                                                   const dsl::Step& step);
/// Codes with which the child of this step may fail.
[[nodiscard]] std::vector<std::string> failures_of(const dsl::Step& step);

/// A place where something can go wrong, and how: "charge: silence, done". Coverage counts these.
[[nodiscard]] std::string placement_of(const Move& move);
/// All placements that the definition has, whether or not an exploration reached them.
[[nodiscard]] std::set<std::string> placements(const dsl::SagaGraph& graph);

}  // namespace weft::explorer
