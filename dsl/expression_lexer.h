#pragma once  // dsl/expression_lexer.h

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/expression.h"

namespace weft::dsl {

/// A piece of an expression's text. A string with holes is kTextBegin, then kText and
/// kHoleBegin ... kHoleEnd in any number, then kTextEnd; one without is a single kString.
struct Token {
  enum class Kind : std::uint8_t {
    kEnd,
    kNumber,
    kString,
    kTextBegin,
    kText,
    kHoleBegin,
    kHoleEnd,
    kTextEnd,
    kWord,    // map, if, and ...
    kField,   // .name; `text` is the name
    kName,    // $name; `text` is the name
    kSymbol,  // Punctuation; `text` is its spelling.
  };
  Kind kind = Kind::kEnd;
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  std::string text;

  [[nodiscard]] bool is_symbol(std::string_view spelling) const {
    return kind == Kind::kSymbol && text == spelling;
  }
  [[nodiscard]] bool is_word(std::string_view spelling) const {
    return kind == Kind::kWord && text == spelling;
  }
};

/// The tokens of `text`, the last of them kEnd.
[[nodiscard]] tl::expected<std::vector<Token>, ExpressionError> read_tokens(std::string_view text);

/// The tokens as they stand in `text` with one blank between them: comments and layout are gone.
[[nodiscard]] std::string canonical_text(std::string_view text, const std::vector<Token>& tokens);

}  // namespace weft::dsl
