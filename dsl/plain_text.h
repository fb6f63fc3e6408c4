#pragma once  // dsl/plain_text.h

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace weft::dsl {

/// None of eight bytes is a quote, a backslash, a control character or part of a longer character.
[[nodiscard]] inline bool all_plain(const char* eight_bytes) {
  constexpr std::uint64_t kEach = 0x0101010101010101, kTop = 0x8080808080808080;
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, eight_bytes, sizeof(bytes));
  const auto has_zero = [](std::uint64_t word) { return (word - kEach) & ~word & kTop; };
  const std::uint64_t below_blank = (bytes - kEach * 0x20) & ~bytes & kTop;
  return (below_blank | has_zero(bytes ^ kEach * '"') | has_zero(bytes ^ kEach * '\\') |
          (bytes & kTop)) == 0;
}

/// Where the bytes end that stand in a JSON string as they are and are ASCII: at the first other one
/// from `at` on, or at the end. By eight bytes, because most texts are plain from end to end.
[[nodiscard]] inline std::size_t plain_until(std::string_view text, std::size_t at) {
  constexpr std::size_t kWord = 8;
  while (at + kWord <= text.size() && all_plain(text.data() + at)) at += kWord;
  // The last few together with some that were looked at already.
  const bool last = text.size() >= kWord && text.size() - at < kWord;
  if (last && all_plain(text.data() + text.size() - kWord)) return text.size();
  for (; at < text.size(); ++at) {
    const auto c = static_cast<unsigned char>(text[at]);
    if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\') break;
  }
  return at;
}

}  // namespace weft::dsl
