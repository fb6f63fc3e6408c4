#include <algorithm>
#include <charconv>
#include <optional>

#include "dsl/plain_text.h"
#include "dsl/utf8.h"
#include "dsl/value.h"
#include "dsl/value_data.h"

namespace weft::dsl {

// Lines of an order and answers have so many, and need not move while they are read.
constexpr std::size_t kMembersUsual = 4;

/// One pass over a JSON text. Written by hand because numbers must never pass through a double,
/// duplicate keys must be refused, and every limit must hold while reading, not afterwards.
class JsonParser {
 public:
  JsonParser(std::string_view text, const JsonLimits& limits) : text_(text), limits_(limits) {}

  tl::expected<Value, JsonError> run() {
    if (text_.size() > limits_.bytes_max) {
      fail(JsonError::Kind::kTooLarge, limits_.bytes_max,
           "the text has " + std::to_string(text_.size()) + " bytes, at most " +
               std::to_string(limits_.bytes_max) + " are allowed");
      return tl::unexpected(std::move(*error_));
    }
    Value value;
    skip_blanks();
    if (!read_value(value, 0)) return tl::unexpected(std::move(*error_));
    skip_blanks();
    if (at_ != text_.size()) {
      fail(JsonError::Kind::kSyntax, at_, "expected the end of the text, found " + found());
      return tl::unexpected(std::move(*error_));
    }
    // Written by a machine without blanks and escapes: then it reads as we would write it.
    if (const RememberedText* memory = remembered_text(value.data_);
        memory != nullptr && compact_) {
      memory->keep(text_);
    }
    return value;
  }

 private:
  bool fail(JsonError::Kind kind, std::size_t offset, std::string message) {
    error_ = JsonError{kind, offset, std::move(message)};
    return false;
  }

  bool expected(const char* what) {
    return fail(JsonError::Kind::kSyntax, at_,
                std::string("expected ") + what + ", found " + found());
  }

  [[nodiscard]] std::string found() const {
    if (at_ >= text_.size()) return "the end of the text";
    const auto c = static_cast<unsigned char>(text_[at_]);
    if (c > 0x20 && c < 0x7F) return std::string("`") + static_cast<char>(c) + "`";
    return "byte " + std::to_string(static_cast<unsigned>(c));
  }

  void skip_blanks() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r')) {
      ++at_;
      compact_ = false;
    }
  }

  [[nodiscard]] bool next_is(char c) const { return at_ < text_.size() && text_[at_] == c; }

  bool read_value(Value& value, int depth) {
    if (++values_ > limits_.values_max) {
      return fail(JsonError::Kind::kTooLarge, at_,
                  "more than " + std::to_string(limits_.values_max) + " values");
    }
    if (at_ >= text_.size()) return expected("a value");
    switch (text_[at_]) {
      case '{':
        return read_object(value, depth + 1);
      case '[':
        return read_array(value, depth + 1);
      case '"': {
        std::string text;
        if (!read_string(text)) return false;
        value = Value(std::move(text));
        return true;
      }
      case 't':
        return read_word("true", Value(true), value);
      case 'f':
        return read_word("false", Value(false), value);
      case 'n':
        return read_word("null", Value(), value);
      default:
        return read_number(value);
    }
  }

  bool read_word(std::string_view word, Value meaning, Value& value) {
    if (text_.substr(at_, word.size()) != word) return expected("a value");
    at_ += word.size();
    value = std::move(meaning);
    return true;
  }

  bool too_deep(int depth) {
    if (depth <= limits_.depth_max) return false;
    fail(JsonError::Kind::kTooDeep, at_,
         "arrays and objects are nested more than " + std::to_string(limits_.depth_max) + " deep");
    return true;
  }

  bool read_array(Value& value, int depth) {
    if (too_deep(depth)) return false;
    ++at_;
    Value::Array items;
    skip_blanks();
    if (next_is(']')) {
      ++at_;
    } else {
      for (;;) {
        skip_blanks();
        if (!read_value(items.emplace_back(), depth)) return false;
        skip_blanks();
        if (next_is(',')) {
          ++at_;
          continue;
        }
        if (!next_is(']')) return expected("`,` or `]`");
        ++at_;
        break;
      }
    }
    value = Value::array(std::move(items));
    return true;
  }

  bool read_object(Value& value, int depth) {
    if (too_deep(depth)) return false;
    ++at_;
    Value::Object members;
    members.reserve(kMembersUsual);
    const std::size_t first_key = key_offsets_.size();
    skip_blanks();
    if (next_is('}')) {
      ++at_;
    } else {
      for (;;) {
        skip_blanks();
        key_offsets_.push_back(at_);
        Member& member = members.emplace_back();
        if (!next_is('"')) return expected("a key in quotes");
        if (!read_string(member.key)) return false;
        skip_blanks();
        if (!next_is(':')) return expected("`:`");
        ++at_;
        skip_blanks();
        if (!read_value(member.value, depth)) return false;
        skip_blanks();
        if (next_is(',')) {
          ++at_;
          continue;
        }
        if (!next_is('}')) return expected("`,` or `}`");
        ++at_;
        break;
      }
    }
    return finish_object(std::move(members), first_key, value);
  }

  bool finish_object(Value::Object members, std::size_t first_key, Value& value) {
    std::vector<std::uint32_t> index;
    std::optional<std::size_t> repeated;
    if (members.size() <= kIndexedFrom) {
      for (std::size_t i = 1; i < members.size() && !repeated; ++i) {
        for (std::size_t j = 0; j < i; ++j) {
          if (members[i].key == members[j].key) repeated = i;
        }
      }
    } else {
      index = sort_members(members);
      const auto twin = std::adjacent_find(index.begin(), index.end(),
                                           [&members](std::uint32_t a, std::uint32_t b) {
                                             return members[a].key == members[b].key;
                                           });
      if (twin != index.end()) repeated = *(twin + 1);
    }
    if (repeated) {
      return fail(JsonError::Kind::kDuplicateKey, key_offsets_[first_key + *repeated],
                  "the key `" + members[*repeated].key.substr(0, 100) + "` stands here twice");
    }
    key_offsets_.resize(first_key);
    value = Value::from_unique_members(std::move(members), std::move(index));
    return true;
  }

  bool read_string(std::string& out) {
    ++at_;
    std::size_t plain_begin = at_;
    const auto flush = [&] { out.append(text_, plain_begin, at_ - plain_begin); };
    for (;;) {
      at_ = plain_until(text_, at_);
      if (at_ >= text_.size()) return expected("the closing `\"`");
      const auto c = static_cast<unsigned char>(text_[at_]);
      if (c == '"') {
        flush();
        ++at_;
        return true;
      }
      if (c == '\\') {
        flush();
        if (!read_escape(out)) return false;
        plain_begin = at_;
      } else if (c < 0x20) {
        return fail(JsonError::Kind::kSyntax, at_,
                    "a control character in a string must be written as an escape");
      } else {
        const std::size_t size = utf8_sequence_size(text_, at_);
        if (size == 0) return fail(JsonError::Kind::kBadUtf8, at_, "this is not valid UTF-8");
        at_ += size;
      }
    }
  }

  bool read_escape(std::string& out) {
    compact_ = false;  // Another one than we would write, perhaps.
    ++at_;
    if (at_ >= text_.size()) return expected("an escape");
    const char c = text_[at_];
    if (c == 'u') return read_unicode_escape(out);
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    const std::size_t known = kNames.find(c);
    if (known == std::string_view::npos) return expected("one of \" \\ / b f n r t u");
    out.push_back(kMeanings[known]);
    ++at_;
    return true;
  }

  // Four hexadecimal digits after `u`, on which at_ stands.
  bool read_code_unit(char32_t& unit) {
    ++at_;
    std::uint32_t number = 0;
    const std::string_view digits = text_.substr(at_, 4);
    const auto end = digits.data() + digits.size();
    const auto read = std::from_chars(digits.data(), end, number, 16);
    if (digits.size() != 4 || read.ec != std::errc() || read.ptr != end) {
      return expected("four hexadecimal digits");
    }
    at_ += 4;
    unit = number;
    return true;
  }

  bool read_unicode_escape(std::string& out) {
    const std::size_t begin = at_ - 1;
    char32_t unit = 0;
    if (!read_code_unit(unit)) return false;
    if (unit >= 0xD800 && unit <= 0xDFFF) {
      char32_t low = 0;
      const bool pair = unit < 0xDC00 && text_.substr(at_, 2) == "\\u";
      if (pair) {
        ++at_;
        if (!read_code_unit(low)) return false;
      }
      if (low < 0xDC00 || low > 0xDFFF) {
        return fail(JsonError::Kind::kBadUtf8, begin, "half of a surrogate pair stands alone");
      }
      unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
    }
    append_utf8(out, unit);
    return true;
  }

  bool read_number(Value& value) {
    const std::size_t begin = at_;
    bool whole = true;
    if (next_is('-')) ++at_;
    if (at_ >= text_.size() || text_[at_] < '0' || text_[at_] > '9') return expected("a value");
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-') {
        whole = false;
      } else if (c < '0' || c > '9') {
        break;
      }
      ++at_;
    }
    const std::string_view digits = text_.substr(begin, at_ - begin);
    const std::size_t first = digits[0] == '-' ? 1 : 0;
    if (whole && digits.size() <= 18 && (digits[first] != '0' || digits.size() == first + 1)) {
      std::int64_t integer = 0;
      std::from_chars(digits.data(), digits.data() + digits.size(), integer);
      value = Value(integer);
      compact_ = compact_ && (integer != 0 || first == 0);  // "-0" is written "0"
      return true;
    }
    compact_ = false;  // 1.50 is written 1.5
    if (const auto decimal = Decimal::parse(digits)) {
      value = Value(*decimal);
      return true;
    }
    return fail(
        JsonError::Kind::kBadNumber, begin,
        "`" + std::string(digits.substr(0, 60)) + "` is no JSON number of at most 28 digits");
  }

  std::string_view text_;
  JsonLimits limits_;
  std::size_t at_ = 0;
  std::size_t values_ = 0;
  bool compact_ = true;  ///< Nothing yet that to_json() would write otherwise.
  std::vector<std::size_t> key_offsets_;  // Of the keys of all objects being read.
  std::optional<JsonError> error_;
};

tl::expected<Value, JsonError> Value::parse(std::string_view text, const JsonLimits& limits) {
  return JsonParser(text, limits).run();
}

}  // namespace weft::dsl
