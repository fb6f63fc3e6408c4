#include <algorithm>
#include <array>
#include <bit>
#include <numeric>

#include "dsl/expression_operators.h"
#include "dsl/utf8.h"

namespace weft::dsl {
namespace {

bool is_container(const Value& value) { return value.is_array() || value.is_object(); }

tl::unexpected<Trouble> not_iterable(const char* function, const Value& value) {
  return trouble(
      std::string("`") + function + "` takes an array or an object, not " + a_kind(value),
      value.is_null() ? "give a default before it: `(EXPR // [])`" : "");
}

// Whether `part` is contained in `whole`; both have been counted, pairs of items are counted here.
// Nothing: out of steps.
std::optional<bool> holds(const Value& whole, const Value& part, Meter& meter) {
  if (!meter.steps(1)) return std::nullopt;
  if (whole.is_object() && part.is_object()) {
    for (const Member& member : part.as_object()) {
      const Value* counterpart = whole.find(member.key);
      if (counterpart == nullptr) return false;
      const auto inner = holds(*counterpart, member.value, meter);
      if (!inner || !*inner) return inner;
    }
    return true;
  }
  if (whole.is_array() && part.is_array()) {
    for (const Value& wanted : part.as_array()) {
      bool found = false;
      for (const Value& item : whole.as_array()) {
        const auto inner = holds(item, wanted, meter);
        if (!inner) return inner;
        found = *inner;
        if (found) break;
      }
      if (!found) return false;
    }
    return true;
  }
  if (whole.is_string() && part.is_string()) {
    const auto at = index_of(whole, part, meter);
    if (!at) return std::nullopt;
    return !at->is_null() || part.as_string().empty();
  }
  return whole == part;
}

// Whether there are parts and all are of one kind.
bool all_are(const Parts& parts, Value::Kind kind) {
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].kind() != kind) return false;
  }
  return parts.size() > 0;
}

bool flatten_into(const Value& items, std::int64_t depth, Value::Array& out, Meter& meter) {
  const Parts parts(items);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const Value& item = parts[i];
    if (!meter.steps(1)) return false;
    if (item.is_array() && depth != 0) {
      if (!flatten_into(item, depth - 1, out, meter)) return false;
    } else {
      out.push_back(item);
    }
  }
  return true;
}

// A bound of a slice as a place from 0 to `size`. Beyond the ends is at the ends.
std::optional<std::int64_t> slice_bound(const Value* bound, std::int64_t absent,
                                        std::int64_t size) {
  if (bound == nullptr || bound->is_null()) return absent;
  if (!bound->is_integer()) return std::nullopt;
  std::int64_t place = bound->as_integer();
  if (place < 0) place = place < -size ? 0 : place + size;
  return std::min(place, size);
}

// The sorted order of the keys; equal keys keep the order of their items.
std::vector<std::size_t> order_of(const std::vector<Value>& keys) {
  std::vector<std::size_t> order(keys.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&keys](std::size_t a, std::size_t b) { return keys[a] < keys[b]; });
  return order;
}

const char* arranging_name(Function function) {
  switch (function) {
    case Function::kSort:
      return "sort";
    case Function::kSortBy:
      return "sort_by";
    case Function::kGroupBy:
      return "group_by";
    case Function::kUnique:
      return "unique";
    case Function::kUniqueBy:
      return "unique_by";
    case Function::kMin:
      return "min";
    case Function::kMinBy:
      return "min_by";
    case Function::kMax:
      return "max";
    default:
      return "max_by";
  }
}

using PathIterator = std::vector<ValuePath>::const_iterator;

// The paths [first, last) are sorted and all lead into `value` from `level` on.
Result removed(const Value& value, PathIterator first, PathIterator last, std::size_t level,
               Meter& meter) {
  if (!meter.copies(value.size())) return meter.spent();
  Value::Array items;
  Value::Object members;
  // Decides about one part: gone, changed, or as it was.
  const auto keep = [&](const Value& key, const Value& part, Result& kept, bool& gone) {
    const auto less = [level](const ValuePath& path, const Value& wanted) {
      return path[level] < wanted;
    };
    const auto begin = std::lower_bound(first, last, key, less);
    auto end = begin;
    while (end != last && (*end)[level] == key) ++end;
    gone = begin != end && begin->size() == level + 1;
    kept = part;
    if (!gone && begin != end) kept = removed(part, begin, end, level + 1, meter);
  };
  Result kept;
  bool gone = false;
  if (value.is_array()) {
    for (std::size_t i = 0; i < value.as_array().size(); ++i) {
      keep(Value(static_cast<std::int64_t>(i)), value.as_array()[i], kept, gone);
      if (!kept) return kept;
      if (!gone) items.push_back(std::move(*kept));
    }
    return meter.array(std::move(items));
  }
  if (value.is_object()) {
    for (const Member& member : value.as_object()) {
      keep(Value(member.key), member.value, kept, gone);
      if (!kept) return kept;
      if (!gone) members.push_back({member.key, std::move(*kept)});
    }
    return meter.object(std::move(members));
  }
  return value;
}

}  // namespace

Result sum_of(const Value& items, Meter& meter) {
  const Parts parts(items);
  if (!parts) return not_iterable("add", items);
  if (!meter.steps(parts.size())) return meter.spent();
  // Adding pair by pair would copy the beginning again for each part, so texts, arrays and objects
  // are gathered in one go.
  if (all_are(parts, Value::Kind::kString)) {
    std::string text;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (!meter.bytes(parts[i].as_string().size())) return meter.spent();
      text += parts[i].as_string();
    }
    return Value(std::move(text));
  }
  if (all_are(parts, Value::Kind::kArray)) {
    Value::Array joined;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const auto& more = parts[i].as_array();
      if (!meter.copies(more.size())) return meter.spent();
      joined.insert(joined.end(), more.begin(), more.end());
    }
    return meter.array(std::move(joined));
  }
  if (all_are(parts, Value::Kind::kObject)) {
    Value::Object joined;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const auto& more = parts[i].as_object();
      if (!meter.copies(more.size())) return meter.spent();
      joined.insert(joined.end(), more.begin(), more.end());
    }
    return meter.object(std::move(joined));
  }
  Value sum;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    auto next = calculate(Operator::kAdd, sum, parts[i], meter);
    if (!next) return next;
    sum = std::move(*next);
  }
  return sum;
}

Result contains(const Value& whole, const Value& part, Meter& meter) {
  const bool both_numbers = whole.is_number() && part.is_number();
  // jq counts true and false as two kinds.
  const bool both_booleans = whole.is_boolean() && part.is_boolean();
  if ((!both_numbers && whole.kind() != part.kind()) || (both_booleans && whole != part)) {
    return trouble(
        "`contains` compares values of one kind, not " + a_kind(whole) + " and " + a_kind(part),
        "to look for an item of an array: `contains([item])`, or `index(item) != null`");
  }
  if (!meter.visit(whole) || !meter.visit(part)) return meter.spent();
  const auto answer = holds(whole, part, meter);
  if (!answer) return meter.spent();
  return Value(*answer);
}

Result has_key(const Value& container, const Value& key) {
  if (container.is_null() && (key.is_string() || key.is_number())) return Value(false);
  if (container.is_object() && key.is_string()) {
    return Value(container.find(key.as_string()) != nullptr);
  }
  if (container.is_array() && key.is_number()) {
    const auto place = key.as_decimal().truncated().to_integer();
    return Value(place && *place >= 0 && !key.as_decimal().is_negative() &&
                 static_cast<std::size_t>(*place) < container.size());
  }
  return trouble("cannot look for " + a_kind(key) + " as a key of " + a_kind(container),
                 "objects have text keys, arrays have numbers from 0");
}

Result keys_of(const Value& container, Meter& meter) {
  if (!is_container(container)) return not_iterable("keys", container);
  if (!meter.visit(container)) return meter.spent();
  Value::Array keys;
  keys.reserve(container.size());
  if (container.is_array()) {
    for (std::size_t i = 0; i < container.size(); ++i) {
      keys.emplace_back(static_cast<std::int64_t>(i));
    }
  } else {
    for (const std::uint32_t place : container.sorted_members()) {
      keys.emplace_back(container.as_object()[place].key);
    }
  }
  return meter.array(std::move(keys));
}

Result length_of(const Value& value, Meter& meter) {
  if (value.is_boolean()) return trouble("a boolean has no length");
  if (value.is_string() && !meter.visit(value)) return meter.spent();
  if (!value.is_number()) return Value(static_cast<std::int64_t>(value.size()));
  return value.as_decimal().is_negative() ? negated(value) : Result(value);
}

Result flattened(const Value& items, const Value* depth, Meter& meter) {
  if (!is_container(items)) return not_iterable("flatten", items);
  std::int64_t levels = -1;
  if (depth != nullptr) {
    if (!depth->is_integer() || depth->as_integer() < 0) {
      return trouble("`flatten` takes a whole number of levels from 0");
    }
    levels = depth->as_integer();
  }
  Value::Array flat;
  if (!flatten_into(items, levels, flat, meter)) return meter.spent();
  return meter.array(std::move(flat));
}

Result reversed(const Value& items, Meter& meter) {
  if (items.is_null()) return meter.array({});
  if (!items.is_array()) return trouble("`reverse` takes an array, not " + a_kind(items));
  if (!meter.copies(items.size())) return meter.spent();
  return meter.array({items.as_array().rbegin(), items.as_array().rend()});
}

Result to_entries(const Value& container, Meter& meter) {
  if (!is_container(container)) return not_iterable("to_entries", container);
  if (!meter.steps(container.size())) return meter.spent();
  Value::Array entries;
  entries.reserve(container.size());
  const auto add = [&entries](Value key, const Value& value) {
    entries.push_back(Value::object({{"key", std::move(key)}, {"value", value}}));
  };
  if (container.is_array()) {
    std::int64_t place = 0;
    for (const Value& item : container.as_array()) add(Value(place++), item);
  } else {
    for (const Member& member : container.as_object()) add(Value(member.key), member.value);
  }
  return meter.array(std::move(entries));
}

// jq 1.6: the key is the first of these that is neither null nor false.
Result from_entries(const Value& entries, bool forgiving, Meter& meter) {
  const Parts parts(entries);
  if (!parts) return not_iterable("from_entries", entries);
  Value::Object members;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const Value& entry = parts[i];
    if (!meter.steps(1)) return meter.spent();
    if (!entry.is_object()) {
      return trouble("`from_entries` takes objects {key, value}, not " + a_kind(entry));
    }
    const Value* key = nullptr;
    for (const char* name : {"key", "Key", "name", "Name"}) {
      key = entry.find(name);
      if (key != nullptr && key->truthy()) break;
      key = nullptr;
    }
    if (key == nullptr || !key->is_string()) {
      return trouble("`from_entries`: the key of an entry must be a string, not " +
                         (key == nullptr ? std::string("missing") : a_kind(*key)),
                     "make it one before: `map({key: (.key | tostring), value})`");
    }
    const Value* value = entry.find("value");
    if (value == nullptr) value = entry.find("Value");
    if (value == nullptr && !forgiving) {
      return tl::unexpected(Trouble{ExpressionError::Kind::kMissing,
                                    "`from_entries`: `.value` of an entry is missing",
                                    "build entries as {key, value}"});
    }
    members.push_back({key->as_string(), value == nullptr ? Value() : *value});
  }
  return meter.object(std::move(members));
}

Result sliced(const Value& items, const Value* from, const Value* to, Meter& meter) {
  if (items.is_null()) return Value();
  if (!items.is_array() && !items.is_string()) {
    return trouble("a slice is taken of an array or a string, not of " + a_kind(items));
  }
  const auto size = static_cast<std::int64_t>(items.size());
  const auto begin = slice_bound(from, 0, size), end = slice_bound(to, size, size);
  if (!begin || !end) return trouble("a bound of a slice must be a whole number");
  const auto first = static_cast<std::size_t>(*begin);
  const std::size_t count = *end > *begin ? static_cast<std::size_t>(*end - *begin) : 0;
  if (items.is_array()) {
    if (!meter.copies(count)) return meter.spent();
    const auto start = items.as_array().begin() + *begin;
    return meter.array({start, start + static_cast<std::ptrdiff_t>(count)});
  }
  if (!meter.visit(items)) return meter.spent();
  const std::string& text = items.as_string();
  const std::size_t first_byte = utf8_offset(text, first);
  const std::size_t end_byte = utf8_offset(text, first + count);
  return meter.text(text.substr(first_byte, end_byte - first_byte));
}

Result arranged(Function function, const Value& items, const std::vector<Value>& keys,
                Meter& meter) {
  if (!items.is_array()) {
    return trouble(
        std::string("`") + arranging_name(function) + "` takes an array, not " + a_kind(items),
        items.is_null() ? "give a default before it: `(EXPR // [])`" : "");
  }
  // Sorting looks at a key about log2(n) times.
  const auto looks = static_cast<std::size_t>(std::bit_width(keys.size()));
  for (const Value& key : keys) {
    if (!meter.visit(key, 1 + looks / 4)) return meter.spent();
  }
  const auto& all = items.as_array();
  if (function == Function::kMin || function == Function::kMinBy) {  // The first of equals.
    const auto least = std::min_element(keys.begin(), keys.end());
    return least == keys.end() ? Value() : all[static_cast<std::size_t>(least - keys.begin())];
  }
  if (function == Function::kMax || function == Function::kMaxBy) {  // The last of equals.
    std::size_t greatest = 0;
    for (std::size_t i = 1; i < keys.size(); ++i) {
      if (keys[i] >= keys[greatest]) greatest = i;
    }
    return all.empty() ? Value() : all[greatest];
  }
  Value::Array result;
  Value::Array group;
  const auto order = order_of(keys);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const bool fresh = i == 0 || !(keys[order[i]] == keys[order[i - 1]]);
    if (function == Function::kGroupBy) {
      if (fresh && !group.empty()) result.push_back(Value::array(std::exchange(group, {})));
      group.push_back(all[order[i]]);
    } else if (fresh || function == Function::kSort || function == Function::kSortBy) {
      result.push_back(all[order[i]]);
    }
  }
  if (!group.empty()) result.push_back(Value::array(std::move(group)));
  return meter.array(std::move(result));
}

Result without_paths(const Value& value, std::vector<ValuePath> paths, Meter& meter) {
  for (const ValuePath& path : paths) {
    for (const Value& key : path) {
      if (!meter.visit(key)) return meter.spent();
    }
  }
  if (paths.empty()) return value;
  std::sort(paths.begin(), paths.end());
  return removed(value, paths.begin(), paths.end(), 0, meter);
}

}  // namespace weft::dsl
