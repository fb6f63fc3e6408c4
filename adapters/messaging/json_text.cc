#include "adapters/messaging/json_text.h"

#include <algorithm>
#include <charconv>
#include <cstddef>

#include <nlohmann/json.hpp>

namespace weft::messaging {
namespace {

// Walks over text that nlohmann has already found to be valid JSON, so it needs no error paths.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  void skip_blanks() {
    while (at_ < text_.size() &&
           std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos)
      ++at_;
  }
  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void advance() { ++at_; }

  std::string_view take_string() {
    const std::size_t begin = at_++;
    while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
    ++at_;
    return text_.substr(begin, at_ - begin);
  }

  std::string_view take_value() {
    const std::size_t begin = at_;
    int depth = 0;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"') {
        take_string();
        if (depth == 0) break;
        continue;
      }
      if (depth == 0 && (c == ',' || c == '}' || c == ']')) break;
      ++at_;
      if (c == '{' || c == '[') ++depth;
      if ((c == '}' || c == ']') && --depth == 0) break;
    }
    std::string_view value = text_.substr(begin, at_ - begin);
    while (!value.empty() &&
           std::string_view(" \t\r\n").find(value.back()) != std::string_view::npos)
      value.remove_suffix(1);
    return value;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

namespace {

/// Nothing in it would be escaped, and nothing has to be checked: names, numbers, ids.
bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
  });
}

}  // namespace

bool is_json(std::string_view text) {
  // A plain text or a small number, as most values are, needs no parser.
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"' &&
      is_plain(text.substr(1, text.size() - 2))) {
    return true;
  }
  const bool digits = !text.empty() && text.size() < 18 && text.front() != '0' &&
                      std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  return digits || nlohmann::json::accept(text);
}

std::optional<std::vector<std::pair<std::string, std::string_view>>> object_members(
    std::string_view text) {
  if (!is_json(text)) return std::nullopt;
  Scanner scanner(text);
  scanner.skip_blanks();
  if (scanner.peek() != '{') return std::nullopt;
  scanner.advance();
  std::vector<std::pair<std::string, std::string_view>> members;
  for (scanner.skip_blanks(); scanner.peek() == '"'; scanner.skip_blanks()) {
    std::string name = string_value(scanner.take_string()).value_or("");
    scanner.skip_blanks();
    scanner.advance();  // ':'
    scanner.skip_blanks();
    members.emplace_back(std::move(name), scanner.take_value());
    scanner.skip_blanks();
    if (scanner.peek() != ',') break;
    scanner.advance();
  }
  return members;
}

std::optional<std::string> string_value(std::string_view text) {
  const auto value = nlohmann::json::parse(text, nullptr, false);
  if (!value.is_string()) return std::nullopt;
  return value.get<std::string>();
}

std::optional<long long> integer_value(std::string_view text) {
  long long value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

namespace {

void append_quoted(std::string& out, std::string_view text) {
  if (!is_plain(text)) {
    out += nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    return;
  }
  out += '"';
  out += text;
  out += '"';
}

void append_name(std::string& out, std::string_view name) {
  out += out.empty() ? '{' : ',';
  append_quoted(out, name);
  out += ':';
}

}  // namespace

std::string quoted(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  append_quoted(out, text);
  return out;
}

void append_member(std::string& out, std::string_view name, std::string_view value) {
  append_name(out, name);
  out += value;
}

void append_text_member(std::string& out, std::string_view name, std::string_view text) {
  append_name(out, name);
  append_quoted(out, text);
}

}  // namespace weft::messaging
