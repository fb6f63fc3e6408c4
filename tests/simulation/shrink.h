#pragma once  // tests/simulation/shrink.h

#include <string>

#include "tests/simulation/trial.h"

namespace weft::simulation {

/// The smallest world found that breaks the same invariant: fewer sagas, a shorter time of trouble,
/// fewer kinds of faults, fewer planned faults. At most `runs_most` further runs.
[[nodiscard]] TrialOptions shrink(const TrialOptions& failing, const std::string& checker, int runs_most);

/// The words that make `tests/simulate` run exactly this world.
[[nodiscard]] std::string replay_arguments(const TrialOptions& options);

}  // namespace weft::simulation
