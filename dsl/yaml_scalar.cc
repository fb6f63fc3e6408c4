// What plain scalars mean, and YAML as JSON. The rest of the strict layer is in yaml_reader.cc.
#include <algorithm>
#include <array>
#include <utility>

#include "dsl/names.h"
#include "dsl/yaml_reader.h"

namespace weft::dsl {
namespace {

bool digit(char c) { return c >= '0' && c <= '9'; }

/// JSON's grammar of a number.
bool is_json_number(std::string_view text) {
  std::size_t i = text.starts_with('-') ? 1 : 0;
  const auto digits = [&] {
    const std::size_t start = i;
    while (i < text.size() && digit(text[i])) ++i;
    return i - start;
  };
  const std::size_t first = i;
  const std::size_t whole = digits();
  if (whole == 0 || (whole > 1 && text[first] == '0')) return false;
  if (i < text.size() && text[i] == '.') {
    ++i;
    if (digits() == 0) return false;
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    if (digits() == 0) return false;
  }
  return i == text.size();
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

/// Numbers of YAML 1.1 or 1.2 that JSON does not know: +1, .5, 5., 007, 0x1F, 0o17, 1_000, .inf.
bool is_foreign_number(std::string_view text) {
  const std::string lowered = lower_case(text);
  std::string_view rest = lowered;
  if (rest.starts_with('+') || rest.starts_with('-')) rest.remove_prefix(1);
  if (rest == ".inf" || rest == ".nan") return true;
  if (rest.empty()) return false;
  if (rest.starts_with("0x") || rest.starts_with("0o") || rest.starts_with("0b")) {
    return rest.size() > 2 && std::all_of(rest.begin() + 2, rest.end(), [](char c) {
             return digit(c) || (c >= 'a' && c <= 'f') || c == '_';
           });
  }
  bool any_digit = false;
  int points = 0;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    if (digit(rest[i])) {
      any_digit = true;
    } else if (rest[i] == '.') {
      ++points;
    } else if (rest[i] == 'e' && any_digit && i + 1 < rest.size()) {
      ++i;
      if ((rest[i] == '+' || rest[i] == '-') && i + 1 < rest.size()) ++i;
      if (!digit(rest[i])) return false;
    } else if (rest[i] != '_' || !any_digit) {
      return false;
    }
  }
  return any_digit && points <= 1;
}

}  // namespace

PlainScalar resolve_plain(std::string_view text) {
  if (text.empty() || text == "null" || text == "~") return {Value(), {}, {}};
  if (text == "true") return {Value(true), {}, {}};
  if (text == "false") return {Value(false), {}, {}};
  if (is_json_number(text)) {
    const auto number = Value::parse(text);
    if (number) return {*number, {}, {}};
    return {Value(text), quoted(text) + " has more digits than a number may have (28)",
            "write it in quotes, as text"};
  }
  const std::string in_quotes = "`\"" + std::string(text.substr(0, 40)) + "\"`";
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kWords{
      {{"yes", "true"},
       {"no", "false"},
       {"on", "true"},
       {"off", "false"},
       {"true", "true"},
       {"false", "false"},
       {"null", "null"}}};
  if (text.size() <= 5) {
    const std::string lowered = lower_case(text);
    for (const auto& [word, meaning] : kWords) {
      if (lowered == word) {
        return {
            Value(text),
            quoted(text) + " is read as " + std::string(meaning) + " by some and as text by others",
            "write `" + std::string(meaning) + "`, or " + in_quotes + " for the text"};
      }
    }
  }
  if (is_foreign_number(text)) {
    return {Value(text), quoted(text) + " is a number to some readers of YAML and text to others",
            "write a number as JSON does, or " + in_quotes + " for the text"};
  }
  return {Value(text), {}, {}};
}

Value to_value(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return {};
    case YamlNode::Kind::kScalar:
      return node.plain ? resolve_plain(node.text).value : Value(node.text);
    case YamlNode::Kind::kSequence: {
      Value::Array items;
      items.reserve(node.items.size());
      for (const auto& item : node.items) items.push_back(to_value(*item));
      return Value::array(std::move(items));
    }
    case YamlNode::Kind::kMapping: {
      Value::Object members;
      members.reserve(node.members.size());
      for (const YamlMember& member : node.members) {
        members.push_back({member.key, to_value(*member.value)});
      }
      return Value::object(std::move(members));
    }
  }
  return {};
}

}  // namespace weft::dsl
