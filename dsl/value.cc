#include "dsl/value.h"

#include <algorithm>
#include <cassert>
#include <limits>

#include "dsl/utf8.h"
#include "dsl/value_data.h"

namespace weft::dsl {
namespace {

using Index = std::vector<std::uint32_t>;

// Adds without wrapping: shared parts count once per use, so sums can grow exponentially.
std::size_t saturating_add(std::size_t a, std::size_t b) {
  constexpr std::size_t kMax = std::numeric_limits<std::size_t>::max();
  return a > kMax - b ? kMax : a + b;
}

std::strong_ordering compare_numbers(const Value& a, const Value& b) {
  if (a.is_integer() && b.is_integer()) return a.as_integer() <=> b.as_integer();
  return a.as_decimal() <=> b.as_decimal();
}

std::strong_ordering compare_arrays(const Value::Array& a, const Value::Array& b) {
  const std::size_t common = std::min(a.size(), b.size());
  for (std::size_t i = 0; i < common; ++i) {
    if (const auto order = a[i] <=> b[i]; order != 0) return order;
  }
  return a.size() <=> b.size();
}

// jq's order of objects: first the sorted keys as a list, then the values in the order of keys.
std::strong_ordering compare_objects(const Value& a, const Value& b) {
  const auto& left = a.as_object();
  const auto& right = b.as_object();
  const Index left_order = a.sorted_members(), right_order = b.sorted_members();
  const std::size_t common = std::min(left.size(), right.size());
  for (std::size_t i = 0; i < common; ++i) {
    const int order = left[left_order[i]].key.compare(right[right_order[i]].key);
    if (order != 0) return order <=> 0;
  }
  if (left.size() != right.size()) return left.size() <=> right.size();
  for (std::size_t i = 0; i < common; ++i) {
    const auto order = left[left_order[i]].value <=> right[right_order[i]].value;
    if (order != 0) return order;
  }
  return std::strong_ordering::equal;
}

int rank(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kNull:
      return 0;
    case Value::Kind::kBoolean:
      return value.as_boolean() ? 2 : 1;
    case Value::Kind::kInteger:
    case Value::Kind::kDecimal:
      return 3;
    case Value::Kind::kString:
      return 4;
    case Value::Kind::kArray:
      return 5;
    case Value::Kind::kObject:
      return 6;
  }
  return 0;
}

}  // namespace

Index sort_members(const Value::Object& members) {
  Index order(members.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&members](std::uint32_t a, std::uint32_t b) {
    const int by_key = members[a].key.compare(members[b].key);
    return by_key != 0 ? by_key < 0 : a < b;
  });
  return order;
}

Value::Value() noexcept = default;
Value::Value(const Value& other) = default;
Value::Value(Value&& other) noexcept = default;
Value& Value::operator=(const Value& other) {
  Data copy(other.data_);
  data_ = std::move(copy);
  return *this;
}
Value& Value::operator=(Value&& other) noexcept = default;
Value::~Value() = default;

Value::Value(std::nullptr_t) {}
Value::Value(int value) : Value(static_cast<std::int64_t>(value)) {}
Value::Value(std::string_view value) : Value(std::string(value)) {}
Value::Value(const char* value) : Value(std::string(value)) {}
Value::Value(bool value) : data_(value) {}
Value::Value(std::int64_t value) : data_(value) {}
Value::Value(std::string value) : data_(std::make_shared<const std::string>(std::move(value))) {}

Value::Value(const Decimal& value) {
  if (const auto integer = value.to_integer()) {
    data_ = *integer;
  } else {
    data_ = std::make_shared<const Decimal>(value);
  }
}

Value Value::array(Array items) {
  ArrayData data;
  data.text_size = 2;
  for (const Value& item : items) {
    data.depth = std::max(data.depth, item.depth());
    data.text_size = saturating_add(data.text_size, saturating_add(item.text_size(), 1));
  }
  ++data.depth;
  data.items = std::move(items);
  return Value(Data(std::make_shared<const ArrayData>(std::move(data))));
}

Value Value::from_unique_members(Object members, Index index) {
  ObjectData data;
  data.text_size = 2;
  for (const Member& member : members) {
    data.depth = std::max(data.depth, member.value.depth());
    data.text_size = saturating_add(
        data.text_size, saturating_add(member.value.text_size(), member.key.size() + 4));
  }
  ++data.depth;
  data.members = std::move(members);
  data.sorted = std::move(index);
  return Value(Data(std::make_shared<const ObjectData>(std::move(data))));
}

Value Value::object(Object members) {
  if (members.size() <= kIndexedFrom) {
    Object unique;
    bool repeated = false;
    for (std::size_t i = 1; i < members.size() && !repeated; ++i) {
      for (std::size_t j = 0; j < i && !repeated; ++j) repeated = members[i].key == members[j].key;
    }
    if (!repeated) return from_unique_members(std::move(members), {});
    for (Member& member : members) {
      const auto earlier = std::find_if(unique.begin(), unique.end(),
                                        [&member](const Member& m) { return m.key == member.key; });
      if (earlier == unique.end()) {
        unique.push_back(std::move(member));
      } else {
        earlier->value = std::move(member.value);
      }
    }
    return from_unique_members(std::move(unique), {});
  }
  Index order = sort_members(members);
  std::vector<bool> dropped(members.size(), false);
  bool repeated = false;
  for (std::size_t i = 0; i < order.size();) {
    std::size_t end = i + 1;
    while (end < order.size() && members[order[end]].key == members[order[i]].key) {
      dropped[order[end]] = repeated = true;
      ++end;
    }
    if (end > i + 1) members[order[i]].value = members[order[end - 1]].value;
    i = end;
  }
  if (!repeated) return from_unique_members(std::move(members), std::move(order));
  Object unique;
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (!dropped[i]) unique.push_back(std::move(members[i]));
  }
  order = unique.size() > kIndexedFrom ? sort_members(unique) : Index{};
  return from_unique_members(std::move(unique), std::move(order));
}

Value::Kind Value::kind() const { return static_cast<Kind>(data_.index()); }

bool Value::truthy() const {
  if (const bool* boolean = std::get_if<bool>(&data_)) return *boolean;
  return !is_null();
}

bool Value::as_boolean() const {
  const bool* boolean = std::get_if<bool>(&data_);
  assert(boolean != nullptr);
  return *boolean;
}

std::int64_t Value::as_integer() const {
  const std::int64_t* integer = std::get_if<std::int64_t>(&data_);
  assert(integer != nullptr);
  return *integer;
}

Decimal Value::as_decimal() const {
  if (const std::int64_t* integer = std::get_if<std::int64_t>(&data_)) {
    return Decimal::from_integer(*integer);
  }
  const auto* decimal = std::get_if<std::shared_ptr<const Decimal>>(&data_);
  assert(decimal != nullptr);
  return **decimal;
}

const std::string& Value::as_string() const {
  const auto* text = std::get_if<std::shared_ptr<const std::string>>(&data_);
  assert(text != nullptr);
  return **text;
}

const Value::Array& Value::as_array() const {
  const auto* array = std::get_if<std::shared_ptr<const ArrayData>>(&data_);
  assert(array != nullptr);
  return (*array)->items;
}

const Value::Object& Value::as_object() const {
  const auto* object = std::get_if<std::shared_ptr<const ObjectData>>(&data_);
  assert(object != nullptr);
  return (*object)->members;
}

const Value* Value::find(std::string_view key) const {
  const auto* object = std::get_if<std::shared_ptr<const ObjectData>>(&data_);
  if (object == nullptr) return nullptr;
  const ObjectData& data = **object;
  if (data.sorted.empty()) {
    for (const Member& member : data.members) {
      if (member.key == key) return &member.value;
    }
    return nullptr;
  }
  const auto at = std::lower_bound(
      data.sorted.begin(), data.sorted.end(), key,
      [&data](std::uint32_t i, std::string_view wanted) { return data.members[i].key < wanted; });
  if (at == data.sorted.end() || data.members[*at].key != key) return nullptr;
  return &data.members[*at].value;
}

std::string Value::string_or(std::string_view key, std::string_view fallback) const {
  const Value* member = find(key);
  return member != nullptr && member->is_string() ? member->as_string() : std::string(fallback);
}

std::int64_t Value::integer_or(std::string_view key, std::int64_t fallback) const {
  const Value* member = find(key);
  return member != nullptr && member->is_integer() ? member->as_integer() : fallback;
}

bool Value::boolean_or(std::string_view key, bool fallback) const {
  const Value* member = find(key);
  return member != nullptr && member->is_boolean() ? member->as_boolean() : fallback;
}

Value Value::with(std::string_view key, Value value) const {
  assert(is_null() || is_object());
  Object members = is_null() ? Object{} : as_object();
  members.push_back({std::string(key), std::move(value)});
  return object(std::move(members));
}

std::size_t Value::size() const {
  switch (kind()) {
    case Kind::kArray:
      return as_array().size();
    case Kind::kObject:
      return as_object().size();
    case Kind::kString:
      return utf8_length(as_string());
    default:
      return 0;
  }
}

int Value::depth() const {
  if (const auto* array = std::get_if<std::shared_ptr<const ArrayData>>(&data_)) {
    return (*array)->depth;
  }
  if (const auto* object = std::get_if<std::shared_ptr<const ObjectData>>(&data_)) {
    return (*object)->depth;
  }
  return 0;
}

std::size_t Value::text_size() const {
  switch (kind()) {
    case Kind::kNull:
      return 4;
    case Kind::kBoolean:
      return 5;
    case Kind::kInteger:
      return 8;  // A guess at the usual; 20 at most.
    case Kind::kDecimal:
      return 16;  // 30 at most.
    case Kind::kString:
      return as_string().size() + 2;
    case Kind::kArray:
      return std::get<std::shared_ptr<const ArrayData>>(data_)->text_size;
    case Kind::kObject:
      return std::get<std::shared_ptr<const ObjectData>>(data_)->text_size;
  }
  return 0;
}

Index Value::sorted_members() const {
  const auto& data = *std::get<std::shared_ptr<const ObjectData>>(data_);
  return data.sorted.empty() ? sort_members(data.members) : data.sorted;
}

std::strong_ordering operator<=>(const Value& a, const Value& b) {
  if (const int left = rank(a), right = rank(b); left != right) return left <=> right;
  if (a.is_number()) return compare_numbers(a, b);
  if (a.is_string()) return a.as_string().compare(b.as_string()) <=> 0;
  if (a.is_array()) {
    if (&a.as_array() == &b.as_array()) return std::strong_ordering::equal;
    return compare_arrays(a.as_array(), b.as_array());
  }
  if (a.is_object()) {
    if (&a.as_object() == &b.as_object()) return std::strong_ordering::equal;
    return compare_objects(a, b);
  }
  return std::strong_ordering::equal;
}

bool operator==(const Value& a, const Value& b) {
  if (a.kind() != b.kind()) return false;  // Whole numbers are integers: one kind each.
  if (!a.is_object()) {
    if (a.is_array() && a.size() != b.size()) return false;
    return (a <=> b) == 0;
  }
  const auto& members = a.as_object();
  if (&members == &b.as_object()) return true;
  if (members.size() != b.as_object().size()) return false;
  return std::all_of(members.begin(), members.end(), [&b](const Member& member) {
    const Value* other = b.find(member.key);
    return other != nullptr && *other == member.value;
  });
}

const char* Value::kind_name(Kind kind) {
  switch (kind) {
    case Kind::kNull:
      return "null";
    case Kind::kBoolean:
      return "boolean";
    case Kind::kInteger:
    case Kind::kDecimal:
      return "number";
    case Kind::kString:
      return "string";
    case Kind::kArray:
      return "array";
    case Kind::kObject:
      return "object";
  }
  return "unknown";
}

}  // namespace weft::dsl
