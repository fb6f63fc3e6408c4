#pragma once  // dsl/expression_operators.h

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/expression_meter.h"
#include "dsl/expression_program.h"

// What the operators and functions do to values, as in jq 1.6.

namespace weft::dsl {

/// "a number", "an object": for messages, which never quote values: they may be sensitive.
[[nodiscard]] std::string a_kind(const Value& value);

// expression_operators.cc
[[nodiscard]] Result calculate(Operator op, const Value& a, const Value& b, Meter& meter);
[[nodiscard]] Result negated(const Value& value);
[[nodiscard]] bool compares(Operator op, const Value& a, const Value& b);
/// The text of a string, else the JSON of the value.
[[nodiscard]] Result to_text(const Value& value, Meter& meter);

// expression_calls.cc
/// A function without closures; `argument` is null if it has none. `forgiving`: absent parts of
/// entries are null.
[[nodiscard]] Result call(Function function, const Value& input, const Value* argument,
                          bool forgiving, Meter& meter);

// expression_texts.cc
[[nodiscard]] Result split_text(const Value& text, const Value& separator, Meter& meter);
[[nodiscard]] Result join_texts(const Value& items, const Value& separator, Meter& meter);
[[nodiscard]] Result index_of(const Value& input, const Value& wanted, Meter& meter);
[[nodiscard]] Result starts_or_ends(Function function, const Value& text, const Value& part,
                                    Meter& meter);
[[nodiscard]] Result without_part(Function function, const Value& text, const Value& part,
                                  Meter& meter);
[[nodiscard]] Result ascii_case(Function function, const Value& text, Meter& meter);
[[nodiscard]] Result trimmed(const Value& text, Meter& meter);
[[nodiscard]] Result to_number(const Value& value, Meter& meter);
[[nodiscard]] Result from_json(const Value& text, Meter& meter);

// expression_collections.cc
[[nodiscard]] Result sum_of(const Value& items, Meter& meter);
[[nodiscard]] Result contains(const Value& whole, const Value& part, Meter& meter);
[[nodiscard]] Result has_key(const Value& container, const Value& key);
[[nodiscard]] Result keys_of(const Value& container, Meter& meter);
[[nodiscard]] Result length_of(const Value& value, Meter& meter);
[[nodiscard]] Result flattened(const Value& items, const Value* depth, Meter& meter);
[[nodiscard]] Result reversed(const Value& items, Meter& meter);
[[nodiscard]] Result to_entries(const Value& container, Meter& meter);
[[nodiscard]] Result from_entries(const Value& entries, bool forgiving, Meter& meter);
/// `items` cut by whole numbers or null, as `.[from:to]`.
[[nodiscard]] Result sliced(const Value& items, const Value* from, const Value* to, Meter& meter);
/// sort_by, group_by, unique_by, min_by, max_by: `keys[i]` belongs to item i of the array.
[[nodiscard]] Result arranged(Function function, const Value& items, const std::vector<Value>& keys,
                              Meter& meter);
/// The items of an array or the values of an object, without copying either; the container must
/// outlive it.
class Parts {
 public:
  explicit Parts(const Value& container)
      : items_(container.is_array() ? &container.as_array() : nullptr),
        members_(container.is_object() ? &container.as_object() : nullptr) {}
  /// False: the value is neither array nor object.
  explicit operator bool() const { return items_ != nullptr || members_ != nullptr; }
  [[nodiscard]] std::size_t size() const {
    if (items_ != nullptr) return items_->size();
    return members_ != nullptr ? members_->size() : 0;
  }
  [[nodiscard]] const Value& operator[](std::size_t place) const {
    return items_ != nullptr ? (*items_)[place] : (*members_)[place].value;
  }

 private:
  const Value::Array* items_;
  const Value::Object* members_;
};

/// One way into a document: keys are strings, places of arrays are integers.
using ValuePath = std::vector<Value>;
/// `value` without what `paths` lead to; paths that lead nowhere change nothing.
[[nodiscard]] Result without_paths(const Value& value, std::vector<ValuePath> paths, Meter& meter);

// expression_dates.cc
[[nodiscard]] Result from_date(const Value& text);
[[nodiscard]] Result to_date(const Value& seconds);

}  // namespace weft::dsl
