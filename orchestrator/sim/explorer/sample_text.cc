#include "orchestrator/sim/explorer/sample_text.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <utility>

namespace weft::explorer {
namespace {

/// Walks a pattern once and writes the shortest text it could stand for, repeating optional parts
/// as often as they must be.
class Sampler {
 public:
  Sampler(std::string_view pattern, int variant) : text_(pattern), variant_(variant) {}

  std::string run() { return alternatives(); }

 private:
  [[nodiscard]] bool over() const { return at_ >= text_.size(); }
  [[nodiscard]] char here() const { return over() ? '\0' : text_[at_]; }

  std::string alternatives() {
    std::string first = sequence();
    while (here() == '|') {  // The first alternative stands for all.
      ++at_;
      static_cast<void>(sequence());
    }
    return first;
  }

  std::string sequence() {
    std::string out;
    while (!over() && here() != '|' && here() != ')') out += repeated();
    return out;
  }

  std::string repeated() {
    const std::size_t begin = at_;
    std::string once = atom();
    const std::size_t end = at_;
    int times = 1;
    if (here() == '*' || here() == '?') {
      ++at_;
      times = 0;
    } else if (here() == '+') {
      ++at_;
    } else if (here() == '{') {
      times = 0;
      for (++at_; std::isdigit(static_cast<unsigned char>(here())) != 0; ++at_) {
        times = std::min(1000, times * 10 + (here() - '0'));
      }
      while (!over() && here() != '}') ++at_;
      if (!over()) ++at_;
    }
    if (here() == '?') ++at_;  // Lazy: the same texts.
    std::string out;
    for (int i = 0; i < times; ++i) {
      if (i == 0) {
        out += once;
        continue;
      }
      const std::size_t after = std::exchange(at_, begin);
      out += atom();
      static_cast<void>(end);
      at_ = after;
    }
    return out;
  }

  std::string atom() {
    const char c = here();
    ++at_;
    switch (c) {
      case '^':
      case '$':
        return "";
      case '.':
        return "x";
      case '[':
        return std::string(1, from_class());
      case '(': {
        if (here() == '?') {  // (?:  and the like
          while (!over() && here() != ':' && here() != '>' && here() != ')') ++at_;
          if (!over() && here() != ')') ++at_;
        }
        std::string inner = alternatives();
        if (here() == ')') ++at_;
        return inner;
      }
      case '\\': {
        const char escaped = here();
        ++at_;
        if (escaped == 'd') return std::string(1, static_cast<char>('1' + next() % 9));
        if (escaped == 'w') return std::string(1, static_cast<char>('a' + next() % 26));
        if (escaped == 's') return " ";
        if (escaped == 'b' || escaped == 'A' || escaped == 'z') return "";
        return std::string(1, escaped);
      }
      default:
        return std::string(1, c);
    }
  }

  /// One character of `[...]`.
  char from_class() {
    std::string members;
    bool excluded = false;
    if (here() == '^') {
      excluded = true;
      ++at_;
    }
    bool first = true;
    while (!over() && (here() != ']' || first)) {
      first = false;
      char low = here();
      ++at_;
      if (low == '\\') {
        low = here();
        ++at_;
        if (low == 'd') {
          members += "123456789";
          continue;
        }
        if (low == 'w') {
          members += "abcdefghij";
          continue;
        }
      }
      if (here() == '-' && at_ + 1 < text_.size() && text_[at_ + 1] != ']') {
        const char high = text_[at_ + 1];
        at_ += 2;
        for (int c = low; c <= high; ++c) members.push_back(static_cast<char>(c));
      } else {
        members.push_back(low);
      }
    }
    if (!over()) ++at_;
    if (excluded) {
      for (const char c : std::string("xyz019-_ ")) {
        if (members.find(c) == std::string::npos) return c;
      }
      return 'X';
    }
    if (members.empty()) return 'x';
    return members[static_cast<std::size_t>(next()) % members.size()];
  }

  int next() { return variant_ + count_++; }

  std::string_view text_;
  int variant_;
  int count_ = 0;
  std::size_t at_ = 0;
};

}  // namespace

std::string sample_of_pattern(std::string_view pattern, int variant) {
  return Sampler(pattern, variant).run();
}

}  // namespace weft::explorer
