#include <string_view>

#include "dsl/expression_operators.h"
#include "dsl/utf8.h"

namespace weft::dsl {
namespace {

Result rounded(Function function, const Value& value) {
  if (!value.is_number()) {
    const char* name = function == Function::kFloor  ? "floor"
                       : function == Function::kCeil ? "ceil"
                                                     : "round";
    return trouble(std::string("`") + name + "` takes a number, not " + a_kind(value));
  }
  if (value.is_integer()) return value;
  const Decimal number = value.as_decimal();
  if (function == Function::kFloor) return Value(number.floor());
  return Value(function == Function::kCeil ? number.ceil() : number.round());
}

Result absolute(const Value& value) {
  if (!value.is_number()) return trouble("`abs` takes a number, not " + a_kind(value));
  return value.as_decimal().is_negative() ? negated(value) : Result(value);
}

Result raised(const Value& value, Meter& meter) {
  constexpr std::size_t kMessageMax = 1000;  // It becomes part of an event.
  auto text = to_text(value, meter);
  if (!text) return text;
  std::string message = text->as_string();
  message.resize(utf8_valid_prefix(std::string_view(message).substr(0, kMessageMax)));
  return tl::unexpected(Trouble{ExpressionError::Kind::kRaised, std::move(message), std::string()});
}

// Whether all, or any, of the items are true.
Result quantified(Function function, const Value& items, Meter& meter) {
  const bool all = function == Function::kAll;
  const Parts parts(items);
  if (!parts) {
    return trouble(std::string(all ? "`all`" : "`any`") + " takes an array or an object, not " +
                   a_kind(items));
  }
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (!meter.steps(1)) return meter.spent();
    if (parts[i].truthy() != all) return Value(!all);
  }
  return Value(all);
}

Result arranged_by_itself(Function function, const Value& items, Meter& meter) {
  return arranged(function, items, items.is_array() ? items.as_array() : Value::Array{}, meter);
}

Result call_plain(Function function, const Value& input, bool forgiving, Meter& meter) {
  switch (function) {
    case Function::kAbs:
      return absolute(input);
    case Function::kAdd:
      return sum_of(input, meter);
    case Function::kAll:
    case Function::kAny:
      return quantified(function, input, meter);
    case Function::kAsciiDowncase:
    case Function::kAsciiUpcase:
      return ascii_case(function, input, meter);
    case Function::kCeil:
    case Function::kFloor:
    case Function::kRound:
      return rounded(function, input);
    case Function::kError:
      return raised(input, meter);
    case Function::kFlatten:
      return flattened(input, nullptr, meter);
    case Function::kFromEntries:
      return from_entries(input, forgiving, meter);
    case Function::kFromdate:
      return from_date(input);
    case Function::kFromjson:
      return from_json(input, meter);
    case Function::kKeys:
      return keys_of(input, meter);
    case Function::kLength:
      return length_of(input, meter);
    case Function::kMax:
    case Function::kMin:
    case Function::kSort:
    case Function::kUnique:
      return arranged_by_itself(function, input, meter);
    case Function::kNot:
      return Value(!input.truthy());
    case Function::kReverse:
      return reversed(input, meter);
    case Function::kToEntries:
      return to_entries(input, meter);
    case Function::kTodate:
      return to_date(input);
    case Function::kTojson:
      if (!meter.visit(input)) return meter.spent();
      return meter.text(input.to_json());
    case Function::kTonumber:
      return to_number(input, meter);
    case Function::kTostring:
      return to_text(input, meter);
    case Function::kTrim:
      return trimmed(input, meter);
    case Function::kType:
      return Value(Value::kind_name(input.kind()));
    default:
      return trouble("this function takes an argument");
  }
}

}  // namespace

Result call(Function function, const Value& input, const Value* argument, bool forgiving,
            Meter& meter) {
  if (argument == nullptr) return call_plain(function, input, forgiving, meter);
  switch (function) {
    case Function::kContains:
      return contains(input, *argument, meter);
    case Function::kInside:
      return contains(*argument, input, meter);
    case Function::kEndswith:
    case Function::kStartswith:
      return starts_or_ends(function, input, *argument, meter);
    case Function::kError:
      return raised(*argument, meter);
    case Function::kFlatten:
      return flattened(input, argument, meter);
    case Function::kHas:
      return has_key(input, *argument);
    case Function::kIn:
      return has_key(*argument, input);
    case Function::kIndex:
      return index_of(input, *argument, meter);
    case Function::kJoin:
      return join_texts(input, *argument, meter);
    case Function::kLtrimstr:
    case Function::kRtrimstr:
      return without_part(function, input, *argument, meter);
    case Function::kSplit:
      return split_text(input, *argument, meter);
    default:
      return trouble("this function takes no argument");
  }
}

}  // namespace weft::dsl
