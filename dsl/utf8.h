#pragma once  // dsl/utf8.h

#include <cstddef>
#include <string>
#include <string_view>

namespace weft::dsl {

/// Bytes of `text` that are valid UTF-8 (RFC 3629: no overlong forms, no surrogates, at most
/// U+10FFFF) before the first that is not; text.size() if all are.
[[nodiscard]] std::size_t utf8_valid_prefix(std::string_view text);

/// Whether `byte` goes on with a character that began before it.
[[nodiscard]] constexpr bool continues_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
}

/// Bytes of the one character at `at`, 1 to 4; 0 if none that is valid stands there.
[[nodiscard]] std::size_t utf8_sequence_size(std::string_view text, std::size_t at);

/// Appends one code point; the caller passes no surrogate and nothing above U+10FFFF.
void append_utf8(std::string& out, char32_t code_point);

/// Number of code points of valid text.
[[nodiscard]] std::size_t utf8_length(std::string_view text);

/// Byte where code point number `index` of valid text begins; text.size() if there are fewer.
[[nodiscard]] std::size_t utf8_offset(std::string_view text, std::size_t index);

}  // namespace weft::dsl
