#pragma once  // examples/retail/day.h

#include <cstddef>

#include "examples/retail/orders.h"

namespace weft::retail {

/// A shop's day: `orders` orders over twelve articles in two warehouses, the same on every run.
/// Three of the articles sell out before the day ends.
[[nodiscard]] Business a_day(std::size_t orders);

}  // namespace weft::retail
