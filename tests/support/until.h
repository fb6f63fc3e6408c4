#pragma once  // tests/support/until.h

#include <chrono>
#include <thread>

namespace weft::test {

/// Looks until `condition` holds, for things that happen on other threads or in other programs.
/// False after `limit`: long enough for a busy machine, so a test never fails by being slow.
template <typename Condition>
[[nodiscard]] bool until(Condition condition,
                         std::chrono::seconds limit = std::chrono::seconds(30)) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace weft::test
