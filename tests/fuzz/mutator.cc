#include "tests/fuzz/mutator.h"

#include <algorithm>

namespace weft::fuzz {
namespace {

constexpr const char* kNumbers[] = {"0",
                                    "-1",
                                    "255",
                                    "256",
                                    "65536",
                                    "2147483648",
                                    "4294967295",
                                    "9223372036854775807",
                                    "-9223372036854775808",
                                    "18446744073709551616",
                                    "0.1",
                                    "1e9",
                                    "00",
                                    "0x10"};

}  // namespace

std::string Mutator::change(const std::string& input, const std::string& other) {
  std::string text = input;
  for (std::size_t times = 1 + below(4) * below(3); times > 0; --times) change_once(text, other);
  if (text.size() > size_max_) text.resize(size_max_);
  return text;
}

void Mutator::change_once(std::string& text, const std::string& other) {
  const std::size_t at = below(text.size() + 1);
  const std::size_t count = std::min(1 + below(1 + below(64)), text.size() - at);
  switch (below(12)) {
    case 0:
      if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
      return;
    case 1:
      if (at < text.size()) text[at] = static_cast<char>(random_());
      return;
    case 2:
      text.erase(at, count);
      return;
    case 3:
      text.insert(at, text.substr(below(text.size() + 1), 1 + below(64)));
      return;
    case 4:
      text.insert(at, std::string(1 + below(1 + below(40)), static_cast<char>(random_())));
      return;
    case 5:
    case 6:
      if (!words_.empty()) text.insert(at, words_[below(words_.size())]);
      return;
    case 7:
      text.replace(at, count, kNumbers[below(std::size(kNumbers))]);
      return;
    case 8: {  // deeper and deeper
      const std::string piece = text.substr(at, std::min<std::size_t>(count, 8));
      for (std::size_t times = 1 + below(64); times > 0; --times) text.insert(at, piece);
      return;
    }
    case 9: {  // a piece of another input
      const std::size_t from = below(other.size() + 1);
      text.insert(at, other.substr(from, 1 + below(256)));
      return;
    }
    case 10:
      text = text.substr(0, at) + other.substr(std::min(other.size(), below(other.size() + 1)));
      return;
    default: {  // pieces change places
      if (count == 0) return;
      const std::string piece = text.substr(at, count);
      text.erase(at, count);
      text.insert(below(text.size() + 1), piece);
      return;
    }
  }
}

}  // namespace weft::fuzz
