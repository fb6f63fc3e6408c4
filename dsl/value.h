#pragma once  // dsl/value.h

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <tl/expected.hpp>

#include "dsl/decimal.h"

namespace weft::dsl {

struct Member;

/// What a JSON text may cost us (SEMANTICS.md, Limits).
struct JsonLimits {
  std::size_t bytes_max = 256 * 1024;
  int depth_max = 64;
  std::size_t values_max = 200'000;
};

/// Why a JSON text was refused.
struct JsonError {
  enum class Kind { kSyntax, kTooLarge, kTooDeep, kDuplicateKey, kBadUtf8, kBadNumber };
  Kind kind = Kind::kSyntax;
  std::size_t offset = 0;  ///< Byte in the text, from 0.
  std::string message;     ///< One sentence: what was expected, what came.
};

/// A JSON document with exact numbers: 64-bit integers and decimals of 28 digits, never doubles.
/// Immutable and shared: copying costs one reference count. Objects keep the order of their keys.
/// Copies may be read from several threads.
class Value {
 public:
  enum class Kind : std::uint8_t { kNull, kBoolean, kInteger, kDecimal, kString, kArray, kObject };
  using Array = std::vector<Value>;
  using Object = std::vector<Member>;  ///< In the order written; keys are unique.

  // Not inline: they stand at a thousand places, and the compiler would repeat the variant there.
  Value() noexcept;  ///< null
  Value(const Value& other);
  Value(Value&& other) noexcept;
  Value& operator=(const Value& other);  ///< Also where `other` is part of this: `v = *v.find("a")`.
  Value& operator=(Value&& other) noexcept;
  ~Value();
  // NOLINTBEGIN(google-explicit-constructor): literals stand where values are wanted.
  Value(std::nullptr_t);
  Value(bool value);
  Value(std::int64_t value);
  Value(int value);
  Value(std::string value);
  Value(std::string_view value);
  Value(const char* value);
  Value(const Decimal& value);  ///< Becomes an integer where it is one.
  // NOLINTEND(google-explicit-constructor)
  static Value array(Array items);
  /// Later members win over earlier ones with the same key (keeping the earlier place).
  static Value object(Object members);
  static Value empty_object() { return object({}); }

  /// Strict JSON text (RFC 8259): refuses duplicate keys, invalid UTF-8, lone surrogates, numbers
  /// beyond 28 digits, trailing text, and whatever breaks `limits`. Never throws.
  [[nodiscard]] static tl::expected<Value, JsonError> parse(std::string_view text,
                                                            const JsonLimits& limits = {});
  /// Compact JSON, keys in stored order. parse(to_json()) gives an equal value.
  [[nodiscard]] std::string to_json() const;
  void append_json(std::string& out) const;
  /// Indented JSON for people (two blanks a level, as `jq .`).
  [[nodiscard]] std::string to_pretty_json() const;
  /// Compact JSON with keys sorted bytewise at every level: what digests are taken over.
  [[nodiscard]] std::string to_canonical_json() const;

  [[nodiscard]] Kind kind() const;
  [[nodiscard]] bool is_null() const { return kind() == Kind::kNull; }
  [[nodiscard]] bool is_boolean() const { return kind() == Kind::kBoolean; }
  [[nodiscard]] bool is_integer() const { return kind() == Kind::kInteger; }
  [[nodiscard]] bool is_number() const {
    return kind() == Kind::kInteger || kind() == Kind::kDecimal;
  }
  [[nodiscard]] bool is_string() const { return kind() == Kind::kString; }
  [[nodiscard]] bool is_array() const { return kind() == Kind::kArray; }
  [[nodiscard]] bool is_object() const { return kind() == Kind::kObject; }
  /// Neither null nor false (jq's truth).
  [[nodiscard]] bool truthy() const;

  // The caller checks kind() first; asserted.
  [[nodiscard]] bool as_boolean() const;
  [[nodiscard]] std::int64_t as_integer() const;
  [[nodiscard]] Decimal as_decimal() const;  ///< Also of an integer.
  [[nodiscard]] const std::string& as_string() const;
  [[nodiscard]] const Array& as_array() const;
  [[nodiscard]] const Object& as_object() const;

  /// The member of an object, or nullptr (also when this is no object). Large objects have an
  /// index, sorted and not hashed: keys chosen by an attacker cannot slow it down.
  [[nodiscard]] const Value* find(std::string_view key) const;
  /// Convenience for trusted shapes: the string member, or `fallback`.
  [[nodiscard]] std::string string_or(std::string_view key, std::string_view fallback) const;
  [[nodiscard]] std::int64_t integer_or(std::string_view key, std::int64_t fallback) const;
  [[nodiscard]] bool boolean_or(std::string_view key, bool fallback) const;
  /// A copy of this object (null counts as empty) with one member set.
  [[nodiscard]] Value with(std::string_view key, Value value) const;
  /// Members of an object, items of an array, characters (code points) of a string.
  [[nodiscard]] std::size_t size() const;
  /// Arrays and objects nested in each other; 0 for a scalar, 1 for `[]`. O(1).
  [[nodiscard]] int depth() const;
  /// About the bytes of to_json(), before escaping. O(1): bounds work before it is done.
  [[nodiscard]] std::size_t text_size() const;
  /// Places of an object's members in the order of their keys, bytewise.
  [[nodiscard]] std::vector<std::uint32_t> sorted_members() const;

  /// jq's total order: null < false < true < numbers < strings < arrays < objects.
  friend std::strong_ordering operator<=>(const Value& a, const Value& b);
  friend bool operator==(const Value& a, const Value& b);

  [[nodiscard]] static const char* kind_name(Kind kind);  ///< "null", "boolean", "number", ...

 private:
  struct ArrayData;
  struct ObjectData;
  using Data = std::variant<std::monostate, bool, std::int64_t, std::shared_ptr<const Decimal>,
                            std::shared_ptr<const std::string>, std::shared_ptr<const ArrayData>,
                            std::shared_ptr<const ObjectData>>;
  explicit Value(Data data) : data_(std::move(data)) {}
  static Value from_unique_members(Object members, std::vector<std::uint32_t> index);
  friend class JsonParser;

  Data data_;
};

struct Member {
  std::string key;
  Value value;
};

}  // namespace weft::dsl
