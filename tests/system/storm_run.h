#pragma once  // tests/system/storm_run.h

#include <string>
#include <vector>

#include "examples/retail/orders.h"
#include "examples/retail/world.h"
#include "tests/system/storm.h"

namespace weft::test {

/// One storm from the first start to the last look: sagas by the API, the store by `weft fsck`, the
/// adapters' databases by the balance. Prints what it saw. Returns what is wrong; empty: nothing.
[[nodiscard]] std::vector<std::string> run_storm(const retail::World::Places& places,
                                                 retail::Business business, const StormPlan& plan);

}  // namespace weft::test
