// The compiler calls this at every branch of the rooms
// (-fsanitize-coverage=trace-pc). As in AFL: a branch is the pair of two
// places, counted in eight classes.

#include "tests/fuzz/coverage.h"

#include <cstdint>

namespace {

constexpr std::size_t kMap = 1U << 16U;
// Plain arrays: the functions of others are instrumented, too, and would call
// back for ever.
std::uint8_t passes[kMap];
std::uint8_t seen[kMap];
// Places visited in this input, so that the map need not be walked as a whole.
std::uint16_t touched[kMap];
std::size_t touched_count = 0;
thread_local std::uintptr_t before = 0;
bool called = false;

}  // namespace

extern "C" __attribute__((no_sanitize("address", "undefined"), no_sanitize_coverage)) void
__sanitizer_cov_trace_pc() {
  const auto here = reinterpret_cast<std::uintptr_t>(__builtin_return_address(0));
  const std::uintptr_t mixed = (here * 0x9E3779B97F4A7C15ULL) >> 40U;
  const auto index = static_cast<std::uint16_t>(mixed ^ before);
  before = (mixed & 0xffffU) >> 1U;
  called = true;
  std::uint8_t& count = passes[index];
  if (count == 0) touched[touched_count++] = index;
  if (count < 255) ++count;
}

namespace weft::fuzz {
namespace {

// 1, 2, 3, 4-7, 8-15, 16-31, 32-127, more: one bit each.
__attribute__((no_sanitize_coverage)) std::uint8_t class_of(std::uint8_t count) {
  if (count <= 3) return static_cast<std::uint8_t>(1U << (count - 1U));
  if (count < 8) return 8;
  if (count < 16) return 16;
  if (count < 32) return 32;
  return count < 128 ? 64 : 128;
}

}  // namespace

bool has_coverage() { return called; }

__attribute__((no_sanitize_coverage)) void begin_coverage() {
  for (std::size_t i = 0; i < touched_count; ++i) passes[touched[i]] = 0;
  touched_count = 0;
  before = 0;
}

__attribute__((no_sanitize_coverage)) std::size_t new_coverage() {
  std::size_t fresh = 0;
  const std::size_t count = touched_count;  // this function's own branches are not the input's
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint16_t index = touched[i];
    const std::uint8_t bit = class_of(passes[index]);
    if ((seen[index] & bit) != 0) continue;
    seen[index] = static_cast<std::uint8_t>(seen[index] | bit);
    ++fresh;
  }
  return fresh;
}

std::size_t total_coverage() {
  std::size_t count = 0;
  for (const std::uint8_t classes : seen) count += classes != 0 ? 1 : 0;
  return count;
}

}  // namespace weft::fuzz
