#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>

#include "dsl/json_text.h"
#include "dsl/plain_text.h"
#include "dsl/utf8.h"
#include "dsl/value.h"
#include "dsl/value_data.h"

namespace weft::dsl {
namespace {

// Rarely more than quotes, colons and a few escapes beyond what Value::text_size() counts.
constexpr std::size_t kRoomToSpare = 64;
constexpr std::size_t kRoomMax = std::size_t{1} << 20U;  // Beyond it, it may grow as it is written.

void append_escaped(std::string& out, unsigned char c) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out.push_back('\\');
  switch (c) {
    case '"':
    case '\\':
      out.push_back(static_cast<char>(c));
      break;
    case '\b':
      out.push_back('b');
      break;
    case '\f':
      out.push_back('f');
      break;
    case '\n':
      out.push_back('n');
      break;
    case '\r':
      out.push_back('r');
      break;
    case '\t':
      out.push_back('t');
      break;
    default:
      out += "u00";
      out.push_back(kHex[c >> 4]);
      out.push_back(kHex[c & 15]);
  }
}

void append_integer(std::string& out, std::int64_t value) {
  std::array<char, 24> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out.append(digits.data(), end);
}

struct Style {
  bool pretty = false;
  bool sorted = false;
};

void append_break(std::string& out, const Style& style, int level) {
  if (!style.pretty) return;
  out.push_back('\n');
  out.append(static_cast<std::size_t>(level) * 2, ' ');
}

void append_value(std::string& out, const Value& value, const Style& style, int level);

void append_array(std::string& out, const Value::Array& items, const Style& style, int level) {
  out.push_back('[');
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out.push_back(',');
    append_break(out, style, level + 1);
    append_value(out, items[i], style, level + 1);
  }
  if (!items.empty()) append_break(out, style, level);
  out.push_back(']');
}

void append_object(std::string& out, const Value& value, const Style& style, int level) {
  const auto& members = value.as_object();
  const auto order = style.sorted ? value.sorted_members() : std::vector<std::uint32_t>{};
  out.push_back('{');
  for (std::size_t i = 0; i < members.size(); ++i) {
    const Member& member = members[style.sorted ? order[i] : i];
    if (i > 0) out.push_back(',');
    append_break(out, style, level + 1);
    append_json_string(out, member.key);
    out += style.pretty ? ": " : ":";
    append_value(out, member.value, style, level + 1);
  }
  if (!members.empty()) append_break(out, style, level);
  out.push_back('}');
}

void append_value(std::string& out, const Value& value, const Style& style, int level) {
  switch (value.kind()) {
    case Value::Kind::kNull:
      out += "null";
      break;
    case Value::Kind::kBoolean:
      out += value.as_boolean() ? "true" : "false";
      break;
    case Value::Kind::kInteger:
      append_integer(out, value.as_integer());
      break;
    case Value::Kind::kDecimal:
      out += value.as_decimal().to_string();
      break;
    case Value::Kind::kString:
      append_json_string(out, value.as_string());
      break;
    case Value::Kind::kArray:
      append_array(out, value.as_array(), style, level);
      break;
    case Value::Kind::kObject:
      append_object(out, value, style, level);
      break;
  }
}

std::string written(const Value& value, const Style& style) {
  std::string out;
  out.reserve(std::min(value.text_size(), kRoomMax) + kRoomToSpare);
  append_value(out, value, style, 0);
  return out;
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  std::size_t at = plain_until(text, 0);
  if (at == text.size()) {  // As nearly all are: one piece.
    const std::size_t begin = out.size();
    out.resize(begin + text.size() + 2);
    out[begin] = '"';
    if (!text.empty()) std::memcpy(out.data() + begin + 1, text.data(), text.size());
    out.back() = '"';
    return;
  }
  out.push_back('"');
  std::size_t plain_begin = 0;
  for (; at < text.size(); at = plain_until(text, at)) {
    const auto c = static_cast<unsigned char>(text[at++]);
    if (c >= 0x80) continue;  // Part of a character that is written as it is.
    out.append(text, plain_begin, at - 1 - plain_begin);
    plain_begin = at;
    append_escaped(out, c);
  }
  out.append(text, plain_begin);
  out.push_back('"');
}

void Value::append_json(std::string& out) const {
  const RememberedText* memory = remembered_text(data_);
  if (memory == nullptr) return append_value(out, *this, {}, 0);
  if (const std::string* text = memory->get()) {
    out += *text;
    return;
  }
  const std::size_t begin = out.size();
  append_value(out, *this, {}, 0);
  memory->keep(std::string_view(out).substr(begin));
}

std::string Value::to_json() const {
  const RememberedText* memory = remembered_text(data_);
  if (memory == nullptr) return written(*this, {});
  if (const std::string* text = memory->get()) return *text;
  std::string out = written(*this, {});
  memory->keep(out);
  return out;
}
std::string Value::to_pretty_json() const { return written(*this, {.pretty = true}); }
std::string Value::to_canonical_json() const { return written(*this, {.sorted = true}); }

}  // namespace weft::dsl
