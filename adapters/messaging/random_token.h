#pragma once  // adapters/messaging/random_token.h

#include <string>

namespace weft::messaging {

/// 128 bits from getrandom(2) as 26 characters of [a-z2-7]: inbox and instance names that nobody
/// can guess. (libnats makes its own with rand(), which anybody can.)
[[nodiscard]] std::string random_token();

}  // namespace weft::messaging
