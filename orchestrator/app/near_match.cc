#include "orchestrator/app/near_match.h"

#include <algorithm>
#include <cstddef>

namespace weft::app {
namespace {

/// Damerau's distance with adjacent swaps, over three rows.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replaced, above[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    std::swap(before, above);
    std::swap(above, row);
  }
  return above[b.size()];
}

}  // namespace

std::string near_match(std::string_view name, const std::vector<std::string>& candidates) {
  if (name.empty() || name.size() > 100) return {};  // Longer is no slip of the finger.
  std::string best;
  std::size_t best_distance = 0;
  for (const std::string& candidate : candidates) {
    const std::size_t limit = std::max<std::size_t>(1, std::max(name.size(), candidate.size()) / 3);
    const std::size_t found = distance(name, candidate);
    if (found > limit || found >= candidate.size()) continue;
    if (best.empty() || found < best_distance) {
      best = candidate;
      best_distance = found;
    }
  }
  return best;
}

std::string near_match_hint(std::string_view name, const std::vector<std::string>& candidates) {
  const std::string near = near_match(name, candidates);
  return near.empty() ? std::string() : "; did you mean `" + near + "`?";
}

}  // namespace weft::app
