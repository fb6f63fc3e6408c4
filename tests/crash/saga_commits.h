#pragma once  // tests/crash/saga_commits.h

#include <cstdint>
#include <vector>

#include "store/commit.h"

namespace weft::test {

/// What a store is handed at once.
using Submissions = std::vector<std::vector<store::Commit>>;

/// Lets the engine run `sagas` sagas of generated workflows in simulation, with adapters that
/// succeed, refuse, fail and fall silent, cancellations and restarts, and returns all that it gave
/// its store, in order; at the end one saga's payloads are erased and another saga is deleted.
/// Equal arguments give equal commits.
[[nodiscard]] Submissions record_sagas(std::uint64_t seed, int sagas);

}  // namespace weft::test
