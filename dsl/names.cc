#include "dsl/names.h"

#include <algorithm>
#include <cstddef>

namespace weft::dsl {
namespace {

constexpr std::size_t kNameMax = 64;  // One token of a NATS subject and of an idempotency key.
constexpr std::size_t kDottedMax = 128;
constexpr std::size_t kQuotedMax = 60;  // Enough to recognise, short enough for one line.

bool lower(char c) { return c >= 'a' && c <= 'z'; }
bool digit(char c) { return c >= '0' && c <= '9'; }

bool matches(std::string_view text, char joint) {
  if (text.empty() || text.size() > kNameMax || !lower(text.front())) return false;
  return std::all_of(text.begin(), text.end(),
                     [joint](char c) { return lower(c) || digit(c) || c == joint; });
}

/// Edits (insert, delete, replace, swap of neighbours) from `a` to `b`.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] =
          std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    before.swap(above);
    above.swap(row);
  }
  return above[b.size()];
}

}  // namespace

bool is_name(std::string_view text) { return matches(text, '_'); }
bool is_status(std::string_view text) { return matches(text, '-'); }

bool is_dotted_name(std::string_view text) {
  if (text.size() > kDottedMax) return false;
  while (true) {
    const std::size_t dot = text.find('.');
    if (!is_name(text.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

bool is_version(std::string_view text) {
  int parts = 0;
  std::size_t at = 0;
  while (true) {
    const std::size_t start = at;
    while (at < text.size() && digit(text[at])) ++at;
    const std::size_t digits = at - start;
    // Nine digits keep every part within 32 bits.
    if (digits == 0 || digits > 9 || (digits > 1 && text[start] == '0')) return false;
    ++parts;
    if (at == text.size()) return parts == 3;
    if (text[at++] != '.' || parts == 3) return false;
  }
}

bool is_service_code(std::string_view text) {
  constexpr std::string_view kPrefix = "service_";
  if (!text.starts_with(kPrefix) || text.size() == kPrefix.size()) return false;
  text.remove_prefix(kPrefix.size());
  return text.size() <= 9 && std::all_of(text.begin(), text.end(), digit);
}

std::string as_name(std::string_view text, char joint) {
  std::string out;
  bool was_lower = false;
  for (const char c : text.substr(0, std::min(text.size(), kNameMax))) {
    if (c >= 'A' && c <= 'Z') {
      if (was_lower) out.push_back(joint);
      out.push_back(static_cast<char>(c - 'A' + 'a'));
    } else if (lower(c) || (digit(c) && !out.empty())) {
      out.push_back(c);
    } else if (!out.empty() && out.back() != joint &&
               (c == '-' || c == '_' || c == ' ' || c == '.')) {
      out.push_back(joint);
    }
    was_lower = lower(c) || digit(c);
  }
  while (!out.empty() && out.back() == joint) out.pop_back();
  return out;
}

const std::vector<std::string_view>& reserved_codes() {
  static const std::vector<std::string_view> codes{
      "timeout",    "unavailable", "exhausted",   "deadline_exceeded", "cancelled",
      "superseded", "fenced",      "in_progress", "key_conflict",      "past_pivot"};
  return codes;
}

const std::vector<std::string_view>& routable_classes() {
  static const std::vector<std::string_view> classes{"business", "permanent", "transient",
                                                     "unavailable", "unknown"};
  return classes;
}

bool is_reserved_name(std::string_view text) {
  static constexpr std::string_view kNames[] = {"item",  "index", "reply", "with", "event",
                                                "error", "held",  "last",  "saga", "task"};
  return std::find(std::begin(kNames), std::end(kNames), text) != std::end(kNames);
}

std::optional<std::string> nearest(std::string_view text,
                                   const std::vector<std::string>& candidates) {
  if (text.empty() || text.size() > kDottedMax) return std::nullopt;
  const std::size_t allowed = text.size() <= 3 ? 1 : text.size() <= 7 ? 2 : 3;
  std::size_t best = allowed + 1;
  std::optional<std::string> found;
  for (const std::string& candidate : candidates) {
    const std::size_t longer = std::max(text.size(), candidate.size());
    const std::size_t shorter = std::min(text.size(), candidate.size());
    if (longer - shorter >= best) continue;
    const std::size_t distance = edit_distance(text, candidate);
    if (distance < best && distance < longer) {
      best = distance;
      found = candidate;
    }
  }
  return found;
}

std::string suggestion(std::string_view text, const std::vector<std::string>& candidates) {
  constexpr std::size_t kListedMax = 12;
  if (const auto match = nearest(text, candidates)) return "did you mean " + quoted(*match) + "?";
  if (candidates.empty() || candidates.size() > kListedMax) return {};
  if (candidates.size() == 1) return "write " + quoted(candidates.front());
  return "write one of " + any_of_words(candidates);
}

std::string quoted(std::string_view text) {
  std::string out = "`";
  std::size_t end = std::min(text.size(), kQuotedMax);
  while (end < text.size() && end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) {
    --end;
  }
  for (const char c : text.substr(0, end)) {
    out.push_back(static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? ' ' : c);
  }
  if (end < text.size()) out += "…";
  return out + "`";
}

std::string any_of_words(const std::vector<std::string>& words) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += i + 1 == words.size() ? " or " : ", ";
    out += quoted(words[i]);
  }
  return out;
}

}  // namespace weft::dsl
