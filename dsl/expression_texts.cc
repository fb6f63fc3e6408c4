#include <string.h>  // memmem: linear, where std::string::find is not

#include <algorithm>
#include <string_view>

#include "dsl/expression_operators.h"
#include "dsl/utf8.h"

namespace weft::dsl {
namespace {

constexpr std::size_t kNowhere = std::string_view::npos;

std::size_t find_text(std::string_view text, std::string_view wanted, std::size_t from) {
  const void* found = memmem(text.data() + from, text.size() - from, wanted.data(), wanted.size());
  if (found == nullptr) return kNowhere;
  return static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

Result split_characters(const std::string& text, Meter& meter) {
  if (!meter.steps(text.size()) || !meter.bytes(text.size())) return meter.spent();
  Value::Array characters;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t size = std::max<std::size_t>(1, utf8_sequence_size(text, at));
    characters.emplace_back(text.substr(at, size));
    at += size;
  }
  return meter.array(std::move(characters));
}

// Where `wanted` begins in `items`, as a run of items.
Result index_of_run(const Value::Array& items, const Value& wanted, Meter& meter) {
  const auto& run = wanted.as_array();
  if (run.empty()) return Value();
  for (std::size_t i = 0; i + run.size() <= items.size(); ++i) {
    std::size_t same = 0;
    while (same < run.size() && items[i + same] == run[same]) {
      if (!meter.visit(run[same])) return meter.spent();
      ++same;
    }
    if (!meter.steps(1)) return meter.spent();
    if (same == run.size()) return Value(static_cast<std::int64_t>(i));
  }
  return Value();
}

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\v' || c == '\f' || c == '\r';
}

}  // namespace

Result split_text(const Value& text, const Value& separator, Meter& meter) {
  if (!text.is_string() || !separator.is_string()) {
    return trouble("`split` takes a string by a string, not " + a_kind(text) + " by " +
                   a_kind(separator));
  }
  const std::string& whole = text.as_string();
  const std::string& mark = separator.as_string();
  if (whole.empty()) return meter.array({});
  if (mark.empty()) return split_characters(whole, meter);
  if (!meter.visit(text) || !meter.bytes(whole.size())) return meter.spent();
  Value::Array pieces;
  std::size_t begin = 0;
  for (;;) {
    if (!meter.steps(1)) return meter.spent();
    const std::size_t end = find_text(whole, mark, begin);
    pieces.emplace_back(whole.substr(begin, end == kNowhere ? kNowhere : end - begin));
    if (end == kNowhere) break;
    begin = end + mark.size();
  }
  return meter.array(std::move(pieces));
}

Result join_texts(const Value& items, const Value& separator, Meter& meter) {
  const Parts parts(items);
  if (!parts) return trouble("`join` takes an array of texts, not " + a_kind(items));
  if (!separator.is_string()) {
    return trouble("`join` takes a string to put between, not " + a_kind(separator));
  }
  if (!meter.visit(items)) return meter.spent();
  std::string joined;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const Value& part = parts[i];
    if (part.is_array() || part.is_object()) {
      return trouble(
          "`join` takes texts and numbers, and item " + std::to_string(i) + " is " + a_kind(part),
          "choose what to join: `map(.name) | join(\",\")`");
    }
    const std::size_t before = joined.size();
    if (i > 0) joined += separator.as_string();
    if (part.is_string()) {
      joined += part.as_string();
    } else if (!part.is_null()) {
      part.append_json(joined);
    }
    if (!meter.steps(1) || !meter.bytes(joined.size() - before)) return meter.spent();
  }
  return Value(std::move(joined));
}

Result index_of(const Value& input, const Value& wanted, Meter& meter) {
  if (input.is_null()) return Value();
  if (!meter.visit(input) || !meter.visit(wanted)) return meter.spent();
  if (input.is_string() && wanted.is_string()) {
    if (wanted.as_string().empty()) return Value();
    const std::string_view text = input.as_string();
    const std::size_t at = find_text(text, wanted.as_string(), 0);
    if (at == kNowhere) return Value();
    return Value(static_cast<std::int64_t>(utf8_length(text.substr(0, at))));
  }
  if (!input.is_array()) {
    return trouble("`index` searches a string for a string, or an array; not " + a_kind(input) +
                   " for " + a_kind(wanted));
  }
  const auto& items = input.as_array();
  if (wanted.is_array()) return index_of_run(items, wanted, meter);
  const auto at = std::find(items.begin(), items.end(), wanted);
  return at == items.end() ? Value() : Value(static_cast<std::int64_t>(at - items.begin()));
}

Result starts_or_ends(Function function, const Value& text, const Value& part, Meter& meter) {
  const bool starts = function == Function::kStartswith;
  if (!text.is_string() || !part.is_string()) {
    return trouble(std::string(starts ? "`startswith`" : "`endswith`") + " compares strings, not " +
                   a_kind(text) + " and " + a_kind(part));
  }
  if (!meter.visit(part)) return meter.spent();
  return Value(starts ? text.as_string().starts_with(part.as_string())
                      : text.as_string().ends_with(part.as_string()));
}

// What is no text, or does not carry the part, stays as it is: jq's way.
Result without_part(Function function, const Value& text, const Value& part, Meter& meter) {
  if (!text.is_string() || !part.is_string()) return text;
  if (!meter.visit(part)) return meter.spent();
  const std::string& whole = text.as_string();
  const std::size_t size = part.as_string().size();
  if (function == Function::kLtrimstr) {
    if (!whole.starts_with(part.as_string())) return text;
    return meter.text(whole.substr(size));
  }
  if (!whole.ends_with(part.as_string())) return text;
  return meter.text(whole.substr(0, whole.size() - size));
}

Result ascii_case(Function function, const Value& text, Meter& meter) {
  const bool down = function == Function::kAsciiDowncase;
  if (!text.is_string()) {
    return trouble(std::string(down ? "`ascii_downcase`" : "`ascii_upcase`") +
                   " takes a string, not " + a_kind(text));
  }
  std::string result = text.as_string();
  for (char& c : result) {
    if (down && c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (!down && c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return meter.text(std::move(result));
}

Result trimmed(const Value& text, Meter& meter) {
  if (!text.is_string()) return trouble("`trim` takes a string, not " + a_kind(text));
  std::string_view rest = text.as_string();
  while (!rest.empty() && is_blank(rest.front())) rest.remove_prefix(1);
  while (!rest.empty() && is_blank(rest.back())) rest.remove_suffix(1);
  return meter.text(std::string(rest));
}

Result to_number(const Value& value, Meter& meter) {
  if (value.is_number()) return value;
  if (!value.is_string()) {
    return trouble("`tonumber` takes a string or a number, not " + a_kind(value));
  }
  if (!meter.visit(value)) return meter.spent();
  if (const auto number = Decimal::parse(value.as_string())) return Value(*number);
  return trouble("`tonumber`: this text is no number of at most 28 digits",
                 "check it with `test(\"^[0-9]+$\")`, or forgive it with `?`");
}

Result from_json(const Value& text, Meter& meter) {
  if (!text.is_string()) return trouble("`fromjson` takes a string, not " + a_kind(text));
  if (!meter.visit(text) || !meter.bytes(text.as_string().size())) return meter.spent();
  const JsonLimits limits{.bytes_max = meter.limits().bytes_max,
                          .depth_max = meter.limits().depth_max,
                          .values_max = meter.steps_left()};
  auto value = Value::parse(text.as_string(), limits);
  if (value) return std::move(*value);
  const JsonError& error = value.error();
  const bool quotes_text =
      error.kind == JsonError::Kind::kBadNumber || error.kind == JsonError::Kind::kDuplicateKey;
  return trouble("`fromjson`: " +
                 (quotes_text ? std::string("the text is no JSON that we accept") : error.message) +
                 " (byte " + std::to_string(error.offset) + " of the text)");
}

}  // namespace weft::dsl
