// JSON Schema draft 7 over exact values. Our own, because the libraries at hand compute in doubles
// (`multipleOf: 0.01` refuses 19.99) and match patterns by backtracking, so that one long text from
// outside could hold the engine or overflow its stack. The tests compare it with valijson.
#include "dsl/schema_check.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <re2/re2.h>

#include "dsl/compiler.h"
#include "dsl/names.h"
#include "dsl/schema_keywords.h"

namespace weft::dsl {
namespace {

constexpr int kDepthMax = 256;  // Values are at most 64 deep; the rest is `$ref` and `allOf`.
constexpr std::size_t kStepsMax = 500'000;  // Nested `anyOf` may multiply; 256 KiB never need this.

/// Compiled patterns, shared by all threads. Definitions are few, so nothing is ever dropped.
const re2::RE2& compiled_pattern(const std::string& pattern) {
  static std::shared_mutex mutex;
  static std::unordered_map<std::string, std::unique_ptr<re2::RE2>> patterns;
  {
    const std::shared_lock lock(mutex);
    if (const auto found = patterns.find(pattern); found != patterns.end()) return *found->second;
  }
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(4 << 20);
  auto made = std::make_unique<re2::RE2>(pattern, options);
  const std::unique_lock lock(mutex);
  return *patterns.try_emplace(pattern, std::move(made)).first->second;
}

bool pattern_matches(const std::string& pattern, const std::string& text) {
  return re2::RE2::PartialMatch(text, compiled_pattern(pattern));
}

bool digits_at(std::string_view text, std::size_t at, std::size_t count) {
  if (at + count > text.size()) return false;
  return std::all_of(text.begin() + static_cast<std::ptrdiff_t>(at),
                     text.begin() + static_cast<std::ptrdiff_t>(at + count),
                     [](char c) { return c >= '0' && c <= '9'; });
}

int number_at(std::string_view text, std::size_t at) {
  return (text[at] - '0') * 10 + (text[at + 1] - '0');
}

bool is_date(std::string_view text) {
  static constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (text.size() != 10 || !digits_at(text, 0, 4) || text[4] != '-' || !digits_at(text, 5, 2) ||
      text[7] != '-' || !digits_at(text, 8, 2)) {
    return false;
  }
  const int year = number_at(text, 0) * 100 + number_at(text, 2);
  const int month = number_at(text, 5);
  const int day = number_at(text, 8);
  if (month < 1 || month > 12 || day < 1) return false;
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return day <= kDays[month - 1] + (month == 2 && leap ? 1 : 0);
}

/// RFC 3339: hh:mm:ss[.fraction](Z|+hh:mm).
bool is_time(std::string_view text) {
  if (text.size() < 9 || !digits_at(text, 0, 2) || text[2] != ':' || !digits_at(text, 3, 2) ||
      text[5] != ':' || !digits_at(text, 6, 2)) {
    return false;
  }
  if (number_at(text, 0) > 23 || number_at(text, 3) > 59 || number_at(text, 6) > 60) return false;
  std::size_t at = 8;
  if (text[at] == '.') {
    const std::size_t start = ++at;
    while (at < text.size() && digits_at(text, at, 1)) ++at;
    if (at == start) return false;
  }
  const std::string_view zone = text.substr(at);
  if (zone == "Z" || zone == "z") return true;
  return zone.size() == 6 && (zone[0] == '+' || zone[0] == '-') && digits_at(zone, 1, 2) &&
         zone[3] == ':' && digits_at(zone, 4, 2) && number_at(zone, 1) <= 23 &&
         number_at(zone, 4) <= 59;
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const char c = text[i];
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (dash ? c != '-' : !hex) return false;
  }
  return true;
}

/// What is a matter of letters alone.
const std::string* pattern_of_format(const std::string& format) {
  static const std::string kLabel = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
  static const std::string kHost = kLabel + "(\\." + kLabel + ")*";
  static const std::string kByte = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
  static const std::string kUriRest = R"([^\s<>"{}|\\^`]*)";
  static const std::unordered_map<std::string, std::string> kPatterns{
      {"email", "^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@" + kHost + "$"},
      {"hostname", "^" + kHost + "$"},
      {"ipv4", "^" + kByte + "(\\." + kByte + "){3}$"},
      {"uri", "^[A-Za-z][A-Za-z0-9+.-]*:" + kUriRest + "$"},
      {"uri-reference", "^" + kUriRest + "$"}};
  const auto found = kPatterns.find(format);
  return found == kPatterns.end() ? nullptr : &found->second;
}

bool has_format(const std::string& format, std::string_view text) {
  if (format == "date") return is_date(text);
  if (format == "time") return is_time(text);
  if (format == "uuid") return is_uuid(text);
  if (const std::string* pattern = pattern_of_format(format)) {
    return (format != "hostname" || text.size() <= 253) &&
           re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()),
                                  compiled_pattern(*pattern));
  }
  return text.size() > 11 && is_date(text.substr(0, 10)) && (text[10] == 'T' || text[10] == 't') &&
         is_time(text.substr(11));
}

bool has_type(const Value& value, std::string_view type) {
  if (type == "integer") return value.is_integer();
  if (type == "number") return value.is_number();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  if (type == "null") return value.is_null();
  if (type == "array") return value.is_array();
  return type == "object" && value.is_object();
}

bool is_multiple(const Value& value, const Value& unit) {
  if (value.is_integer() && unit.is_integer()) {
    return value.as_integer() % unit.as_integer() == 0;
  }
  const auto ratio = Decimal::divide(value.as_decimal(), unit.as_decimal());
  if (!ratio || !ratio->is_integer()) return false;
  const auto back = Decimal::multiply(*ratio, unit.as_decimal());
  return back && *back == value.as_decimal();
}

/// The place in the value, built only for a violation.
struct Place {
  const Place* parent = nullptr;
  std::string_view key;
  std::size_t index = 0;
  bool is_index = false;

  [[nodiscard]] std::string pointer() const {
    if (parent == nullptr) return {};
    std::string out = parent->pointer() + "/";
    if (is_index) return out + std::to_string(index);
    for (const char c : key) {
      if (c == '~') {
        out += "~0";
      } else if (c == '/') {
        out += "~1";
      } else {
        out.push_back(c);
      }
    }
    return out;
  }
};

using Verdict = std::optional<SchemaViolation>;

class Checker final {
 public:
  explicit Checker(const Value& root) : root_(root) {}

  Verdict check(const Value& schema, const Value& value, const Place& place, int depth);

 private:
  Verdict check_scalar(const Value& schema, const Value& value, const Place& place) const;
  Verdict check_number(const Value& schema, const Value& value, const Place& place) const;
  Verdict check_string(const Value& schema, const Value& value, const Place& place) const;
  Verdict check_array(const Value& schema, const Value& value, const Place& place, int depth);
  Verdict check_object(const Value& schema, const Value& value, const Place& place, int depth);
  Verdict check_member(const Value& schema, const Member& member, const Place& place, int depth);
  Verdict check_combined(const Value& schema, const Value& value, const Place& place, int depth);

  static SchemaViolation broken(const Place& place, std::string message) {
    return {place.pointer(), std::move(message)};
  }

  const Value& root_;
  std::size_t steps_ = 0;
};

Verdict Checker::check(const Value& schema, const Value& value, const Place& place, int depth) {
  if (schema.is_boolean()) {
    if (schema.as_boolean()) return std::nullopt;
    return broken(place, "must not be here");
  }
  if (depth > kDepthMax || ++steps_ > kStepsMax) {
    return broken(place, "cannot be checked: the schema refers to itself too often");
  }
  if (const Value* reference = schema.find("$ref")) {
    const Value* target = resolve_reference(root_, reference->as_string());
    if (target == nullptr) return broken(place, "cannot be checked: `$ref` leads nowhere");
    return check(*target, value, place, depth + 1);
  }
  if (auto verdict = check_scalar(schema, value, place)) return verdict;
  if (value.is_number()) {
    if (auto verdict = check_number(schema, value, place)) return verdict;
  } else if (value.is_string()) {
    if (auto verdict = check_string(schema, value, place)) return verdict;
  } else if (value.is_array()) {
    if (auto verdict = check_array(schema, value, place, depth)) return verdict;
  } else if (value.is_object()) {
    if (auto verdict = check_object(schema, value, place, depth)) return verdict;
  }
  return check_combined(schema, value, place, depth);
}

Verdict Checker::check_scalar(const Value& schema, const Value& value, const Place& place) const {
  if (const Value* type = schema.find("type")) {
    const auto fits = [&](const Value& name) { return has_type(value, name.as_string()); };
    const bool one = type->is_string();
    const bool allowed = one ? fits(*type)
                             : type->is_array() && std::any_of(type->as_array().begin(),
                                                               type->as_array().end(), fits);
    if (!allowed) {
      std::string wanted = one ? type->as_string() : std::string();
      if (type->is_array()) {
        for (const Value& name : type->as_array()) {
          wanted += (wanted.empty() ? "" : " or ") + name.as_string();
        }
      }
      return broken(place, "must be " + wanted + ", not " +
                               (value.kind() == Value::Kind::kDecimal && wanted == "integer"
                                    ? "a fraction"
                                    : Value::kind_name(value.kind())));
    }
  }
  if (const Value* constant = schema.find("const")) {
    if (!(*constant == value)) return broken(place, "must be " + constant->to_json().substr(0, 80));
  }
  if (const Value* allowed = schema.find("enum")) {
    const auto& items = allowed->as_array();
    if (std::find(items.begin(), items.end(), value) == items.end()) {
      return broken(place, "must be one of " + allowed->to_json().substr(0, 200));
    }
  }
  return std::nullopt;
}

Verdict Checker::check_number(const Value& schema, const Value& value, const Place& place) const {
  const auto limit = [&](const char* keyword) { return schema.find(keyword); };
  if (const Value* most = limit("maximum"); most != nullptr && value > *most) {
    return broken(place, "must be at most " + most->to_json());
  }
  if (const Value* least = limit("minimum"); least != nullptr && value < *least) {
    return broken(place, "must be at least " + least->to_json());
  }
  if (const Value* below = limit("exclusiveMaximum"); below != nullptr && value >= *below) {
    return broken(place, "must be below " + below->to_json());
  }
  if (const Value* above = limit("exclusiveMinimum"); above != nullptr && value <= *above) {
    return broken(place, "must be above " + above->to_json());
  }
  if (const Value* unit = limit("multipleOf"); unit != nullptr && !is_multiple(value, *unit)) {
    return broken(place, "must be a multiple of " + unit->to_json());
  }
  return std::nullopt;
}

Verdict Checker::check_string(const Value& schema, const Value& value, const Place& place) const {
  const std::string& text = value.as_string();
  const Value* most = schema.find("maxLength");
  const Value* least = schema.find("minLength");
  if (most != nullptr || least != nullptr) {
    const auto length = static_cast<std::int64_t>(value.size());
    if (most != nullptr && length > most->as_integer()) {
      return broken(place, "must have at most " + most->to_json() + " characters, not " +
                               std::to_string(length));
    }
    if (least != nullptr && length < least->as_integer()) {
      return broken(place, "must have at least " + least->to_json() + " characters, not " +
                               std::to_string(length));
    }
  }
  if (const Value* pattern = schema.find("pattern")) {
    if (!pattern_matches(pattern->as_string(), text)) {
      return broken(place, "must match " + quoted(pattern->as_string()));
    }
  }
  if (const Value* format = schema.find("format")) {
    if (!has_format(format->as_string(), text)) {
      return broken(place, "must have the format `" + format->as_string() + "`");
    }
  }
  return std::nullopt;
}

Verdict Checker::check_array(const Value& schema, const Value& value, const Place& place,
                             int depth) {
  const auto& items = value.as_array();
  const auto count = static_cast<std::int64_t>(items.size());
  if (const Value* most = schema.find("maxItems"); most != nullptr && count > most->as_integer()) {
    return broken(place,
                  "must have at most " + most->to_json() + " items, not " + std::to_string(count));
  }
  if (const Value* least = schema.find("minItems");
      least != nullptr && count < least->as_integer()) {
    return broken(
        place, "must have at least " + least->to_json() + " items, not " + std::to_string(count));
  }
  if (const Value* unique = schema.find("uniqueItems"); unique != nullptr && unique->as_boolean()) {
    std::vector<Value> sorted = items;
    std::sort(sorted.begin(), sorted.end(), [](const Value& a, const Value& b) { return a < b; });
    if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
      return broken(place, "must not have equal items");
    }
  }
  const Value* each = schema.find("items");
  const Value* rest = schema.find("additionalItems");
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Value* applies = each;
    if (each != nullptr && each->is_array()) {
      applies = i < each->as_array().size() ? &each->as_array()[i] : rest;
    }
    if (applies == nullptr) continue;
    if (auto verdict = check(*applies, items[i], Place{&place, {}, i, true}, depth + 1)) {
      return verdict;
    }
  }
  if (const Value* contains = schema.find("contains")) {
    const bool found = std::any_of(items.begin(), items.end(), [&](const Value& item) {
      return !check(*contains, item, place, depth + 1);
    });
    if (!found) return broken(place, "must contain an item that it does not");
  }
  return std::nullopt;
}

Verdict Checker::check_object(const Value& schema, const Value& value, const Place& place,
                              int depth) {
  const auto& members = value.as_object();
  if (const Value* required = schema.find("required")) {
    for (const Value& key : required->as_array()) {
      if (value.find(key.as_string()) == nullptr) {
        return broken(place, "lacks " + quoted(key.as_string()));
      }
    }
  }
  const auto count = static_cast<std::int64_t>(members.size());
  if (const Value* most = schema.find("maxProperties");
      most != nullptr && count > most->as_integer()) {
    return broken(place, "must have at most " + most->to_json() + " members");
  }
  if (const Value* least = schema.find("minProperties");
      least != nullptr && count < least->as_integer()) {
    return broken(place, "must have at least " + least->to_json() + " members");
  }
  for (const Member& member : members) {
    if (auto verdict = check_member(schema, member, place, depth)) return verdict;
  }
  if (const Value* dependencies = schema.find("dependencies")) {
    for (const Member& dependency : dependencies->as_object()) {
      if (value.find(dependency.key) == nullptr) continue;
      if (!dependency.value.is_array()) {
        if (auto verdict = check(dependency.value, value, place, depth + 1)) return verdict;
        continue;
      }
      for (const Value& key : dependency.value.as_array()) {
        if (value.find(key.as_string()) != nullptr) continue;
        return broken(place, "lacks " + quoted(key.as_string()) + ", which goes with " +
                                 quoted(dependency.key));
      }
    }
  }
  return std::nullopt;
}

Verdict Checker::check_member(const Value& schema, const Member& member, const Place& place,
                              int depth) {
  const Place here{&place, member.key, 0, false};
  if (const Value* names = schema.find("propertyNames")) {
    if (auto verdict = check(*names, Value(member.key), here, depth + 1)) {
      verdict->message = "the name " + verdict->message;
      return verdict;
    }
  }
  bool listed = false;
  if (const Value* properties = schema.find("properties")) {
    if (const Value* applies = properties->find(member.key)) {
      listed = true;
      if (auto verdict = check(*applies, member.value, here, depth + 1)) return verdict;
    }
  }
  if (const Value* patterns = schema.find("patternProperties")) {
    for (const Member& pattern : patterns->as_object()) {
      if (!pattern_matches(pattern.key, member.key)) continue;
      listed = true;
      if (auto verdict = check(pattern.value, member.value, here, depth + 1)) return verdict;
    }
  }
  const Value* additional = schema.find("additionalProperties");
  if (listed || additional == nullptr) return std::nullopt;
  if (additional->is_boolean() && !additional->as_boolean()) {
    return broken(place, "has the unknown member " + quoted(member.key));
  }
  return check(*additional, member.value, here, depth + 1);
}

Verdict Checker::check_combined(const Value& schema, const Value& value, const Place& place,
                                int depth) {
  if (const Value* all = schema.find("allOf")) {
    for (const Value& part : all->as_array()) {
      if (auto verdict = check(part, value, place, depth + 1)) return verdict;
    }
  }
  if (const Value* any = schema.find("anyOf")) {
    Verdict last;
    bool holds = false;
    for (const Value& part : any->as_array()) {
      last = check(part, value, place, depth + 1);
      if (!last) {
        holds = true;
        break;
      }
    }
    if (!holds) {
      return any->as_array().size() == 1 ? last : broken(place, "fits none of the forms allowed");
    }
  }
  if (const Value* one = schema.find("oneOf")) {
    const auto& parts = one->as_array();
    const auto fits = std::count_if(parts.begin(), parts.end(), [&](const Value& part) {
      return !check(part, value, place, depth + 1);
    });
    if (fits != 1) {
      return broken(place, fits == 0 ? "fits none of the forms allowed"
                                     : "fits more than one of the forms allowed");
    }
  }
  if (const Value* refused = schema.find("not")) {
    if (!check(*refused, value, place, depth + 1)) return broken(place, "has a form not allowed");
  }
  if (const Value* condition = schema.find("if")) {
    const bool holds = !check(*condition, value, place, depth + 1);
    if (const Value* applies = schema.find(holds ? "then" : "else")) {
      return check(*applies, value, place, depth + 1);
    }
  }
  return std::nullopt;
}

}  // namespace

const std::vector<std::string>& checked_formats() {
  static const std::vector<std::string> kFormats{
      "date-time", "date", "time", "uuid", "email", "hostname", "ipv4", "uri", "uri-reference"};
  return kFormats;
}

std::optional<SchemaViolation> validate_schema(const SchemaReference& schema, const Value& value) {
  // The lint runs at compile time; a schema that came another way must not bring us down.
  if (!schema.schema.is_boolean() && !schema.schema.is_object()) {
    return SchemaViolation{{}, "cannot be checked: the schema is no object"};
  }
  return Checker(schema.schema).check(schema.schema, value, Place{}, 0);
}

}  // namespace weft::dsl
