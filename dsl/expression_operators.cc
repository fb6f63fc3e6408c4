#include "dsl/expression_operators.h"

#include <algorithm>
#include <limits>

namespace weft::dsl {
namespace {

const char* verb(Operator op) {
  switch (op) {
    case Operator::kAdd:
      return "added";
    case Operator::kSubtract:
      return "subtracted";
    case Operator::kMultiply:
      return "multiplied";
    case Operator::kDivide:
      return "divided";
    default:
      return "divided with a rest";
  }
}

tl::unexpected<Trouble> mismatch(Operator op, const Value& a, const Value& b) {
  std::string instead;
  if (a.is_string() != b.is_string() && (a.is_number() || b.is_number())) {
    instead = "convert with `tonumber`, or with `tostring`";
  } else if (a.is_null() || b.is_null()) {
    instead = "give a default: `EXPR // 0`";
  }
  return trouble(a_kind(a) + " and " + a_kind(b) + " cannot be " + verb(op), std::move(instead));
}

Result from_decimal(const std::optional<Decimal>& result, Operator op) {
  if (!result) {
    return overflow(std::string("the numbers are too large to be ") + verb(op));
  }
  return Value(*result);
}

std::optional<std::int64_t> whole_part(const Value& number) {
  if (number.is_integer()) return number.as_integer();
  return number.as_decimal().truncated().to_integer();
}

// As jq: both are cut to whole numbers, the rest has the sign of the dividend.
Result modulo(const Value& a, const Value& b) {
  const auto dividend = whole_part(a), divisor = whole_part(b);
  if (!dividend || !divisor) return overflow("`%` takes whole numbers of 64 bits");
  if (*divisor == 0) return trouble("a number cannot be divided by zero", "check for it before");
  return Value(*divisor == -1 ? std::int64_t{0} : *dividend % *divisor);
}

Result calculate_integers(Operator op, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  bool too_large = false;
  switch (op) {
    case Operator::kAdd:
      too_large = __builtin_add_overflow(a, b, &result);
      break;
    case Operator::kSubtract:
      too_large = __builtin_sub_overflow(a, b, &result);
      break;
    case Operator::kMultiply:
      too_large = __builtin_mul_overflow(a, b, &result);
      break;
    default:
      if (b == -1) {
        too_large = __builtin_sub_overflow(std::int64_t{0}, a, &result);
      } else if (a % b == 0) {
        result = a / b;
      } else {
        return from_decimal(Decimal::divide(Decimal::from_integer(a), Decimal::from_integer(b)),
                            op);
      }
  }
  if (too_large) return overflow(std::string("the integers are too large to be ") + verb(op));
  return Value(result);
}

Result calculate_numbers(Operator op, const Value& a, const Value& b) {
  if (op == Operator::kModulo) return modulo(a, b);
  if (op == Operator::kDivide && b == Value(0)) {
    return trouble("a number cannot be divided by zero", "check for it before");
  }
  if (a.is_integer() && b.is_integer()) {
    return calculate_integers(op, a.as_integer(), b.as_integer());
  }
  const Decimal x = a.as_decimal(), y = b.as_decimal();
  switch (op) {
    case Operator::kAdd:
      return from_decimal(Decimal::add(x, y), op);
    case Operator::kSubtract:
      return from_decimal(Decimal::subtract(x, y), op);
    case Operator::kMultiply:
      return from_decimal(Decimal::multiply(x, y), op);
    default:
      return from_decimal(Decimal::divide(x, y), op);
  }
}

// As jq: nothing for a count of at most 0, else at least one copy.
Result repeated(const std::string& text, const Value& count, Meter& meter) {
  const Decimal number = count.as_decimal();
  if (number.is_zero() || number.is_negative()) return Value();
  const auto whole = number.truncated().to_integer();
  const std::size_t times = whole ? static_cast<std::size_t>(std::max<std::int64_t>(1, *whole))
                                  : std::numeric_limits<std::size_t>::max();
  if (text.empty()) return Value(text);
  if (times > meter.limits().bytes_max || !meter.bytes(times * text.size())) {
    static_cast<void>(meter.bytes(std::numeric_limits<std::size_t>::max()));
    return meter.spent();
  }
  std::string result;
  result.reserve(times * text.size());
  for (std::size_t i = 0; i < times; ++i) result += text;
  return Value(std::move(result));
}

// Members of `b` win; objects on both sides are merged in turn. As deep as a document at most.
Result merged_deeply(const Value& a, const Value& b, Meter& meter) {
  if (!meter.copies(a.size() + b.size())) return meter.spent();
  Value::Object members = a.as_object();
  for (const Member& member : b.as_object()) {
    const Value* before = a.find(member.key);
    if (before != nullptr && before->is_object() && member.value.is_object()) {
      auto merged = merged_deeply(*before, member.value, meter);
      if (!merged) return merged;
      members.push_back({member.key, std::move(*merged)});
    } else {
      members.push_back(member);
    }
  }
  return meter.object(std::move(members));
}

Result concatenated(const Value& a, const Value& b, Meter& meter) {
  if (!meter.copies(a.size() + b.size())) return meter.spent();
  Value::Array items;
  items.reserve(a.size() + b.size());
  items = a.as_array();
  items.insert(items.end(), b.as_array().begin(), b.as_array().end());
  return meter.array(std::move(items));
}

Result without_items(const Value& a, const Value& b, Meter& meter) {
  if (!meter.visit(a) || !meter.visit(b)) return meter.spent();
  Value::Array unwanted = b.as_array();
  std::sort(unwanted.begin(), unwanted.end());
  Value::Array left;
  for (const Value& item : a.as_array()) {
    if (!std::binary_search(unwanted.begin(), unwanted.end(), item)) left.push_back(item);
  }
  return meter.array(std::move(left));
}

}  // namespace

std::string a_kind(const Value& value) {
  const std::string name = Value::kind_name(value.kind());
  if (value.is_null()) return name;
  return (value.is_array() || value.is_object() ? "an " : "a ") + name;
}

Result calculate(Operator op, const Value& a, const Value& b, Meter& meter) {
  if (a.is_number() && b.is_number()) return calculate_numbers(op, a, b);
  switch (op) {
    case Operator::kAdd:
      if (a.is_null()) return b;
      if (b.is_null()) return a;
      if (a.is_string() && b.is_string()) {
        if (!meter.bytes(a.as_string().size() + b.as_string().size())) return meter.spent();
        return Value(a.as_string() + b.as_string());
      }
      if (a.is_array() && b.is_array()) return concatenated(a, b, meter);
      if (a.is_object() && b.is_object()) {
        if (!meter.copies(a.size() + b.size())) return meter.spent();
        Value::Object members = a.as_object();
        members.insert(members.end(), b.as_object().begin(), b.as_object().end());
        return meter.object(std::move(members));
      }
      break;
    case Operator::kSubtract:
      if (a.is_array() && b.is_array()) return without_items(a, b, meter);
      break;
    case Operator::kMultiply:
      if (a.is_string() && b.is_number()) return repeated(a.as_string(), b, meter);
      if (a.is_number() && b.is_string()) return repeated(b.as_string(), a, meter);
      if (a.is_object() && b.is_object()) return merged_deeply(a, b, meter);
      break;
    case Operator::kDivide:
      if (a.is_string() && b.is_string()) return split_text(a, b, meter);
      break;
    default:
      break;
  }
  return mismatch(op, a, b);
}

Result negated(const Value& value) {
  if (!value.is_number()) return trouble(a_kind(value) + " cannot be negated");
  if (value.is_integer()) return calculate_integers(Operator::kSubtract, 0, value.as_integer());
  return Value(value.as_decimal().negated());
}

bool compares(Operator op, const Value& a, const Value& b) {
  switch (op) {
    case Operator::kEqual:
      return a == b;
    case Operator::kUnequal:
      return !(a == b);
    case Operator::kLess:
      return (a <=> b) < 0;
    case Operator::kLessOrEqual:
      return (a <=> b) <= 0;
    case Operator::kGreater:
      return (a <=> b) > 0;
    default:
      return (a <=> b) >= 0;
  }
}

Result to_text(const Value& value, Meter& meter) {
  if (value.is_string()) return value;
  if (!meter.visit(value)) return meter.spent();
  return meter.text(value.to_json());
}

}  // namespace weft::dsl
