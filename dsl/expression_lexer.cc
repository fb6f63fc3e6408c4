#include "dsl/expression_lexer.h"

#include <array>
#include <charconv>

#include "dsl/expression_program.h"
#include "dsl/names.h"
#include "dsl/utf8.h"

namespace weft::dsl {
namespace {

using Kind = Token::Kind;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_word_part(char c) { return is_word_start(c) || is_digit(c); }

// Longer spellings first. The assignments are read so that they can be refused by name.
constexpr std::array<std::string_view, 32> kSymbols = {
    "//=", "|=", "+=", "-=", "*=", "/=", "%=", "==", "!=", "<=", ">=", "//", "..", "<", ">", "=",
    "|",   ",",  "+",  "-",  "*",  "/",  "%",  "(",  ")",  "[",  "]",  "{",  "}",  ":", ";", "?"};

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  tl::expected<std::vector<Token>, ExpressionError> run() {
    if (text_.size() > kTextMax) {
      fail(kTextMax, "the expression has " + std::to_string(text_.size()) + " bytes",
           "an expression has at most " + std::to_string(kTextMax) + "; split it into `set` steps");
    } else if (const std::size_t valid = utf8_valid_prefix(text_); valid != text_.size()) {
      fail(valid, "this byte is not valid UTF-8", "save the file as UTF-8");
    } else if (read_until_closed(0)) {
      if (at_ < text_.size()) {
        fail(at_, "`)` closes nothing", "remove it, or open it with `(`");
      } else {
        push(Kind::kEnd, at_, {});
      }
    }
    if (failed_) return tl::unexpected(std::move(error_));
    return std::move(tokens_);
  }

 private:
  bool fail(std::size_t offset, std::string message, std::string instead) {
    failed_ = true;
    error_ = {ExpressionError::Kind::kSyntax, offset, std::move(message), std::move(instead)};
    return false;
  }

  void push(Kind kind, std::size_t begin, std::string text) {
    tokens_.push_back({kind, static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(at_),
                       std::move(text)});
  }

  [[nodiscard]] char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }

  void skip_layout() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '#') {
        while (at_ < text_.size() && text_[at_] != '\n') ++at_;
      } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        ++at_;
      } else {
        return;
      }
    }
  }

  // Reads up to the end of the text, or to the `)` that ends the hole we are in.
  bool read_until_closed(int nesting) {
    int open = 0;
    for (;;) {
      skip_layout();
      if (at_ >= text_.size()) return true;
      if (text_[at_] == ')' && open == 0) return true;
      if (text_[at_] == '(') ++open;
      if (text_[at_] == ')') --open;
      if (!read_token(nesting)) return false;
    }
  }

  bool read_token(int nesting) {
    const std::size_t begin = at_;
    const char c = peek();
    if (c == '"') return read_string(nesting);
    if (is_digit(c) || (c == '.' && is_digit(peek(1)))) return read_number();
    if (c == '.' && is_word_start(peek(1))) {
      ++at_;
      push_word(Kind::kField, begin);
      return true;
    }
    if (c == '$') {
      ++at_;
      if (!is_word_start(peek())) {
        return fail(begin, "`$` is followed by no name",
                    peek() == '.'   ? "the workflow's input is `.` itself: write `.name`"
                    : peek() == '{' ? "inside `${ }` write `.name` alone, without another `${ }`"
                                    : "write a name, e.g. `$reserve`");
      }
      push_word(Kind::kName, begin);
      return true;
    }
    if (is_word_start(c)) {
      push_word(Kind::kWord, begin);
      return true;
    }
    if (c == '@') {
      ++at_;
      while (is_word_part(peek())) ++at_;
      return fail(begin, quoted(text_.substr(begin, at_ - begin)) + " is a format of jq, left out",
                  "use `tojson`, `tostring` or `join`");
    }
    if (c == '\'') {
      return fail(begin, "`'` quotes nothing here", "write text in double quotes: \"text\"");
    }
    for (const std::string_view symbol : kSymbols) {
      if (text_.substr(at_, symbol.size()) != symbol) continue;
      at_ += symbol.size();
      push(Kind::kSymbol, begin, std::string(symbol));
      return true;
    }
    if (c == '.') {
      ++at_;
      push(Kind::kSymbol, begin, ".");
      return true;
    }
    if (text_.substr(at_, 2) == "&&") return fail(begin, "`&&` is no operator", "write `and`");
    const std::size_t size = utf8_sequence_size(text_, at_);
    return fail(begin, quoted(text_.substr(at_, size)) + " has no meaning here",
                c == '!' ? "write `| not`, or `!=`"
                : static_cast<unsigned char>(c) >= 0x80
                    ? "a key with other letters needs quotes: `.\"größe\"`; text has them, too"
                    : "remove it; text stands in double quotes");
  }

  void push_word(Kind kind, std::size_t begin) {
    const std::size_t word = at_;
    while (is_word_part(peek())) ++at_;
    push(kind, begin, std::string(text_.substr(word, at_ - word)));
  }

  bool read_number() {
    const std::size_t begin = at_;
    while (is_digit(peek())) ++at_;
    if (peek() == '.') {
      ++at_;
      while (is_digit(peek())) ++at_;
    }
    if (peek() == 'e' || peek() == 'E') {
      const std::size_t sign = peek(1) == '+' || peek(1) == '-' ? 2 : 1;
      if (is_digit(peek(sign))) {
        at_ += sign;
        while (is_digit(peek())) ++at_;
      }
    }
    if (is_word_part(peek())) {
      while (is_word_part(peek())) ++at_;
      return fail(begin, quoted(text_.substr(begin, at_ - begin)) + " is neither number nor name",
                  "text stands in quotes, a field behind a point: `.name`");
    }
    push(Kind::kNumber, begin, std::string(text_.substr(begin, at_ - begin)));
    return true;
  }

  bool read_string(int nesting) {
    const std::size_t begin = at_++;
    const std::size_t first_token = tokens_.size();
    push(Kind::kTextBegin, begin, {});
    std::size_t piece_begin = at_;
    std::string piece;
    for (;;) {
      if (at_ >= text_.size()) return fail(begin, "this text has no closing quote", "add `\"`");
      const char c = text_[at_];
      if (c == '"') {
        const bool plain = tokens_.size() == first_token + 1;
        if (!plain) push(Kind::kText, piece_begin, std::move(piece));
        ++at_;
        if (plain) {
          tokens_.pop_back();
          push(Kind::kString, begin, std::move(piece));
        } else {
          push(Kind::kTextEnd, at_ - 1, {});
        }
        return true;
      }
      if (c == '\\' && peek(1) == '(') {
        push(Kind::kText, piece_begin, std::move(piece));
        if (!read_hole(nesting)) return false;
        piece.clear();
        piece_begin = at_;
      } else if (c == '\\') {
        if (!read_escape(piece)) return false;
      } else {
        piece.push_back(c);
        ++at_;
      }
    }
  }

  bool read_hole(int nesting) {
    const std::size_t begin = at_;
    if (nesting >= kNestingMax) {
      return fail(begin, "texts within holes of texts are nested too deeply",
                  "bind the inner text first: `... as $text | ...`");
    }
    at_ += 2;
    push(Kind::kHoleBegin, begin, {});
    if (!read_until_closed(nesting + 1)) return false;
    if (at_ >= text_.size()) return fail(begin, "this hole is not closed", "add `)`");
    const std::size_t end = at_++;
    push(Kind::kHoleEnd, end, {});
    return true;
  }

  bool read_escape(std::string& out) {
    const std::size_t begin = at_++;
    const char c = peek();
    if (c == 'u') return read_unicode_escape(begin, out);
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    const std::size_t known = c == '\0' ? std::string_view::npos : kNames.find(c);
    if (known == std::string_view::npos) {
      return fail(begin, "this escape has no meaning",
                  "escapes are \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX and \\( )");
    }
    out.push_back(kMeanings[known]);
    ++at_;
    return true;
  }

  bool read_code_unit(char32_t& unit) {
    std::uint32_t number = 0;
    const std::string_view digits = text_.substr(at_ + 1, 4);
    const auto end = digits.data() + digits.size();
    const auto read = std::from_chars(digits.data(), end, number, 16);
    if (digits.size() != 4 || read.ec != std::errc() || read.ptr != end) {
      return fail(at_ - 1, "`\\u` needs four hexadecimal digits", "e.g. `\\u20ac`");
    }
    at_ += 5;
    unit = number;
    return true;
  }

  bool read_unicode_escape(std::size_t begin, std::string& out) {
    char32_t unit = 0;
    if (!read_code_unit(unit)) return false;
    if (unit >= 0xD800 && unit <= 0xDFFF) {
      char32_t low = 0;
      if (unit < 0xDC00 && text_.substr(at_, 2) == "\\u") {
        ++at_;
        if (!read_code_unit(low)) return false;
      }
      if (low < 0xDC00 || low > 0xDFFF) {
        return fail(begin, "half of a surrogate pair stands alone", "write the character itself");
      }
      unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
    }
    append_utf8(out, unit);
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::vector<Token> tokens_;
  bool failed_ = false;
  ExpressionError error_;
};

bool inside_text(Kind kind) {
  return kind == Kind::kText || kind == Kind::kHoleBegin || kind == Kind::kHoleEnd;
}

}  // namespace

tl::expected<std::vector<Token>, ExpressionError> read_tokens(std::string_view text) {
  return Lexer(text).run();
}

std::string canonical_text(std::string_view text, const std::vector<Token>& tokens) {
  std::string out;
  Kind before = Kind::kTextBegin;  // So that no blank comes first.
  for (const Token& token : tokens) {
    if (token.kind == Kind::kEnd) break;
    const bool tight = before == Kind::kTextBegin || inside_text(before) ||
                       inside_text(token.kind) || token.kind == Kind::kTextEnd;
    if (!tight) out.push_back(' ');
    out +=
        token.kind == Kind::kTextBegin ? "\"" : text.substr(token.begin, token.end - token.begin);
    before = token.kind;
  }
  return out;
}

}  // namespace weft::dsl
