#include "adapters/messaging/message.h"

#include <algorithm>
#include <array>
#include <cassert>

namespace weft::messaging {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return lower(x) == lower(y); });
}

// RFC 9110 token: what every NATS client writes and reads as a header name. A table, because each
// task has nine headers and each of their characters is looked at.
constexpr std::array<bool, 256> name_characters() {
  std::array<bool, 256> table{};
  for (std::size_t c = 0; c < table.size(); ++c) {
    table[c] = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  }
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) table[static_cast<std::size_t>(c)] = true;
  return table;
}

bool is_header_name(std::string_view name) {
  static constexpr std::array<bool, 256> kAllowed = name_characters();
  return !name.empty() && name.size() <= 128 && std::all_of(name.begin(), name.end(), [](char c) {
    return kAllowed[static_cast<unsigned char>(c)];
  });
}

// CR and LF would end the field, NUL would cut it short in the C library.
bool is_header_value(std::string_view value) {
  return std::none_of(value.begin(), value.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

}  // namespace

bool SubjectPattern::matches(std::string_view subject) const {
  std::string_view pattern = text_;
  for (;;) {
    const std::size_t pattern_end = pattern.find('.');
    const std::size_t subject_end = subject.find('.');
    const std::string_view want = pattern.substr(0, pattern_end);
    const std::string_view token = subject.substr(0, subject_end);
    if (token.empty()) return false;
    if (want == ">") return true;
    if (want != "*" && want != token) return false;
    const bool pattern_done = pattern_end == std::string_view::npos;
    const bool subject_done = subject_end == std::string_view::npos;
    if (pattern_done || subject_done) return pattern_done && subject_done;
    pattern.remove_prefix(pattern_end + 1);
    subject.remove_prefix(subject_end + 1);
  }
}

tl::expected<void, InvalidText> Headers::add(std::string_view name, std::string_view value) {
  constexpr MessageLimits kLimits;
  if (!is_header_name(name)) {
    return tl::unexpected(InvalidText{"a header name must be 1 to 128 letters, digits or -_."});
  }
  if (!is_header_value(value)) {
    return tl::unexpected(
        InvalidText{"the value of header " + std::string(name) + " contains a control character"});
  }
  if (value.size() > kLimits.header_value_bytes_max) {
    return tl::unexpected(InvalidText{
        "the value of header " + std::string(name) + " has " + std::to_string(value.size()) +
        " bytes; at most " + std::to_string(kLimits.header_value_bytes_max) + " are allowed"});
  }
  if (value.empty()) return {};
  if (fields_.size() >= kLimits.headers_max) {
    return tl::unexpected(
        InvalidText{"more than " + std::to_string(kLimits.headers_max) + " headers"});
  }
  Header& field = fields_.emplace_back();
  field.name = name;
  field.value = value;
  return {};
}

void Headers::set_known(std::string_view name, std::string_view value) {
  [[maybe_unused]] const auto added = add(name, value);
  assert(added.has_value());
}

const std::string* Headers::find(std::string_view name) const {
  for (const Header& field : fields_) {
    if (equal_ignoring_case(field.name, name)) return &field.value;
  }
  return nullptr;
}

std::string_view Headers::get(std::string_view name, std::string_view fallback) const {
  const std::string* value = find(name);
  return value != nullptr ? std::string_view(*value) : fallback;
}

}  // namespace weft::messaging
