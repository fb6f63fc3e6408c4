#pragma once  // tests/fuzz/mutator.h

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace weft::fuzz {

/// Changes bytes at random: bits, numbers, pieces moved, doubled, deepened,
/// mixed with another input, words of the language put in. Equal seeds give
/// equal changes.
class Mutator final {
 public:
  Mutator(std::uint64_t seed, std::vector<std::string> words, std::size_t size_max)
      : random_(seed), words_(std::move(words)), size_max_(size_max) {}

  [[nodiscard]] std::string change(const std::string& input, const std::string& other);
  [[nodiscard]] std::size_t below(std::size_t count) { return count == 0 ? 0 : random_() % count; }

 private:
  void change_once(std::string& text, const std::string& other);

  std::mt19937_64 random_;
  std::vector<std::string> words_;
  std::size_t size_max_;
};

}  // namespace weft::fuzz
