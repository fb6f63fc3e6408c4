#pragma once  // orchestrator/sim/chance.h

#include <cstddef>
#include <cstdint>

namespace weft::sim {

/// Chance from a seed. splitmix64 (Steele, Lea, Flood 2014): any seed is good, and unlike the
/// library's distributions it gives the same numbers on every computer.
class Chance final {
 public:
  explicit Chance(std::uint64_t seed) : state_(seed) {}

  [[nodiscard]] std::uint64_t next() {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }
  /// 0 .. count-1; 0 for a count of 0.
  [[nodiscard]] std::uint64_t below(std::uint64_t count) { return count == 0 ? 0 : next() % count; }
  /// Both ends included.
  [[nodiscard]] std::int64_t between(std::int64_t low, std::int64_t high) {
    if (high <= low) return low;
    return low + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(high - low) + 1));
  }
  /// True in so many of 10,000 cases.
  [[nodiscard]] bool happens(int per_ten_thousand) {
    return per_ten_thousand > 0 && below(10'000) < static_cast<std::uint64_t>(per_ten_thousand);
  }
  template <typename List>
  [[nodiscard]] const auto& pick(const List& list) {
    return list[static_cast<std::size_t>(below(list.size()))];
  }
  /// A source of its own: what one part draws does not move what another part draws.
  [[nodiscard]] Chance split() { return Chance(next()); }

 private:
  std::uint64_t state_;
};

}  // namespace weft::sim
