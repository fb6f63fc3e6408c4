#pragma once  // tests/fuzz/coverage.h

#include <cstddef>

namespace weft::fuzz {

/// Whether this build tells which branches ran (WEFT_COVERAGE).
[[nodiscard]] bool has_coverage();
/// Forgets what ran so far, before an input.
void begin_coverage();
/// How many branches, or numbers of passes through one, had never been seen
/// before this input.
[[nodiscard]] std::size_t new_coverage();
/// How many were seen since the beginning.
[[nodiscard]] std::size_t total_coverage();

}  // namespace weft::fuzz
