#include "dsl/expression_evaluator.h"

#include <functional>
#include <utility>

#include "dsl/names.h"
#include "dsl/utf8.h"

namespace weft::dsl {
namespace {

using Kind = ExpressionError::Kind;

const Value kNull;
const Value kTrue(true);
const Value kFalse(false);

const Value* truth(bool value) { return value ? &kTrue : &kFalse; }

}  // namespace

tl::expected<Value, ExpressionError> Evaluator::run() {
  Value result;
  if (exactly_one(program_.root, bindings_.find("."), result)) return result;
  return tl::unexpected(std::move(error_));
}

const Value* Evaluator::fail(const Node& node, Kind kind, std::string message,
                             std::string instead) {
  if (!failed_) {
    failed_ = true;
    failed_path_ = nullptr;
    error_ = {kind, node.begin, std::move(message), std::move(instead)};
  }
  return nullptr;
}

const Value* Evaluator::fail_step(const Node& node, std::size_t step, std::string message,
                                  std::string instead) {
  if (failed_) return nullptr;
  fail(node, Kind::kType, std::move(message), std::move(instead));
  failed_path_ = &node;
  failed_step_ = step;
  return nullptr;
}

bool Evaluator::forgive_step(const Node& node, std::size_t step) {
  const bool optional =
      node.operation == Operation::kPath ? node.steps[step].optional : node.index == 1;
  if (!optional || failed_path_ != &node || failed_step_ != step) return false;
  failed_ = false;
  failed_path_ = nullptr;
  return true;
}

// Spent budgets and numbers that do not fit are never hidden.
bool Evaluator::forgive_any() {
  if (error_.kind != Kind::kType && error_.kind != Kind::kMissing && error_.kind != Kind::kRaised) {
    return false;
  }
  failed_ = false;
  return true;
}

bool Evaluator::too_deep(const Node& node) {
  fail(node, Kind::kBudget, "the evaluation is nested too deeply",
       "compute parts of the expression in a `set` step");
  return false;
}

std::string Evaluator::source(const Node& node) const {
  return std::string(std::string_view(program_.text).substr(node.begin, node.end - node.begin));
}

bool Evaluator::exactly_one(NodeId id, const Value* input, Value& result) {
  const Node& node = program_.node(id);
  if (node.single) {
    Value scratch;
    const Value* value = one(id, input, scratch);
    if (value == nullptr) return false;
    if (value == &scratch) {
      result = std::move(scratch);
    } else {
      result = *value;
    }
    return true;
  }
  int count = 0;
  Value found;
  auto take = [&](const Value& value) {
    if (++count > 1) return false;
    found = value;
    return true;
  };
  each(id, input, take);
  if (failed_) return false;
  if (count != 1) {
    const std::string what = quoted(source(node));
    fail(node, Kind::kNotOne,
         what + (count == 0 ? " yields no value" : " yields more than one value"),
         count == 0 ? "give a default: `(EXPR) // default`"
                    : "make them an array, `[EXPR]`, or take one, `first(EXPR)`");
    return false;
  }
  result = std::move(found);
  return true;
}

const Value* Evaluator::one(NodeId id, const Value* input, Value& scratch) {
  const Node& node = program_.node(id);
  if (!meter_.steps(1)) return fail(node, meter_.spent_trouble());
  switch (node.operation) {
    case Operation::kConstant:
      return &node.constant;
    case Operation::kIdentity:
      return input != nullptr ? input : absent_name(node);
    case Operation::kOutside: {
      const Value* value = bindings_.find(program_.names[node.index]);
      return value != nullptr ? value : absent_name(node);
    }
    case Operation::kLocal:
      return locals_[node.index];
    case Operation::kPath:
      return one_path(node, input, scratch);
    default:
      break;
  }
  const Level level(*this);
  if (level.too_deep()) {
    too_deep(node);
    return nullptr;
  }
  switch (node.operation) {
    case Operation::kPipe:
      return one_pipe(node, input, scratch);
    case Operation::kAlternative: {
      const Value* value = one(node.children[0], input, scratch);
      if (value == nullptr || value->truthy()) return value;
      return one(node.children[1], input, scratch);
    }
    case Operation::kAnd:
    case Operation::kOr: {
      const Value* left = one(node.children[0], input, scratch);
      if (left == nullptr) return nullptr;
      const bool decided = node.operation == Operation::kOr;
      if (left->truthy() == decided) return truth(decided);
      const Value* right = one(node.children[1], input, scratch);
      return right == nullptr ? nullptr : truth(right->truthy());
    }
    case Operation::kCompare:
    case Operation::kArithmetic: {
      Value left_scratch, right_scratch;
      const Value* right = one(node.children[1], input, right_scratch);
      if (right == nullptr) return nullptr;
      const Value* left = one(node.children[0], input, left_scratch);
      if (left == nullptr) return nullptr;
      if (node.operation == Operation::kArithmetic) {
        return kept(node, calculate(node.op, *left, *right, meter_), scratch);
      }
      if (!left->is_number() && (!meter_.visit(*left) || !meter_.visit(*right))) {
        return fail(node, meter_.spent_trouble());
      }
      return truth(compares(node.op, *left, *right));
    }
    case Operation::kNegate: {
      Value operand_scratch;
      const Value* operand = one(node.children[0], input, operand_scratch);
      return operand == nullptr ? nullptr : kept(node, negated(*operand), scratch);
    }
    case Operation::kInterpolate:
      return one_text(node, input, scratch);
    case Operation::kIf: {
      const Value* condition = one(node.children[0], input, scratch);
      if (condition == nullptr) return nullptr;
      return one(node.children[condition->truthy() ? 1 : 2], input, scratch);
    }
    case Operation::kBind:
      return one_binding(node, input, scratch);
    case Operation::kArray:
      return one_array(node, input, scratch);
    case Operation::kObject:
      return one_object(node, input, scratch);
    case Operation::kReduce:
      return one_reduce(node, input, scratch);
    case Operation::kCall:
      return one_call(node, input, scratch);
    default:
      return fail(node, Kind::kNotOne, quoted(source(node)) + " is not one value");
  }
}

const Value* Evaluator::one_pipe(const Node& node, const Value* input, Value& scratch) {
  Value held;  // What the previous part yielded.
  const Value* current = input;
  for (std::size_t i = 0; i < node.children.size(); ++i) {
    Value next;
    const Value* value = one(node.children[i], current, next);
    if (value == nullptr) return nullptr;
    if (value != &next) next = *value;
    held = std::move(next);
    current = &held;
  }
  scratch = std::move(held);
  return &scratch;
}

const Value* Evaluator::one_binding(const Node& node, const Value* input, Value& scratch) {
  Value source_scratch;
  const Value* bound = one(node.children[0], input, source_scratch);
  if (bound == nullptr) return nullptr;
  locals_[node.index] = bound;
  const Value* value = one(node.children[1], input, scratch);
  if (value == nullptr || value == &scratch) return value;
  scratch = *value;  // It may be part of the bound value, which ends here.
  return &scratch;
}

const Value* Evaluator::one_text(const Node& node, const Value* input, Value& scratch) {
  std::string text;
  for (const NodeId child : node.children) {
    Value part_scratch;
    const Value* part = one(child, input, part_scratch);
    if (part == nullptr) return nullptr;
    if (part->is_string()) {
      text += part->as_string();
      continue;
    }
    if (!meter_.visit(*part)) return fail(node, meter_.spent_trouble());
    part->append_json(text);
  }
  return kept(node, meter_.text(std::move(text)), scratch);
}

const Value* Evaluator::one_array(const Node& node, const Value* input, Value& scratch) {
  Value::Array items;
  auto collect = [&](const Value& value) {
    if (!spend(node)) return false;
    items.push_back(value);
    return true;
  };
  if (!each(node.children[0], input, collect)) return nullptr;
  return kept(node, meter_.array(std::move(items)), scratch);
}

const Value* Evaluator::one_object(const Node& node, const Value* input, Value& scratch) {
  Value::Object members;
  members.reserve(node.children.size() / 2);
  for (std::size_t i = 0; i < node.children.size(); i += 2) {
    Value key_scratch, value_scratch;
    const Value* key = one(node.children[i], input, key_scratch);
    if (key == nullptr) return nullptr;
    if (!key->is_string()) {
      return fail(program_.node(node.children[i]), Kind::kType,
                  "a key must be a string, not " + a_kind(*key), "convert it with `tostring`");
    }
    const Value* value = one(node.children[i + 1], input, value_scratch);
    if (value == nullptr) return nullptr;
    members.push_back(
        {key->as_string(), value == &value_scratch ? std::move(value_scratch) : Value(*value)});
  }
  return kept(node, meter_.object(std::move(members)), scratch);
}

const Value* Evaluator::one_reduce(const Node& node, const Value* input, Value& scratch) {
  Value state;
  if (!exactly_one(node.children[1], input, state)) return nullptr;
  auto fold = [&](const Value& value) {
    if (!spend(node)) return false;
    locals_[node.index] = &value;
    Value next;
    if (!exactly_one(node.children[2], &state, next)) return false;
    state = std::move(next);
    return true;
  };
  if (!each(node.children[0], input, fold)) return nullptr;
  scratch = std::move(state);
  return &scratch;
}

bool Evaluator::each(NodeId id, const Value* input, ValueSink emit) {
  const Node& node = program_.node(id);
  if (node.single) {
    Value scratch;
    const Value* value = one(id, input, scratch);
    return value != nullptr && emit(*value);
  }
  if (!spend(node)) return false;
  const Level level(*this);
  if (level.too_deep()) return too_deep(node);
  switch (node.operation) {
    case Operation::kPath:
      return each_path(node, input, emit);
    case Operation::kIndexEach:
      return each_indexed(node, input, emit);
    case Operation::kPipe:
      return each_piped(node, 0, input, emit);
    case Operation::kComma:
      for (const NodeId child : node.children) {
        if (!each(child, input, emit)) return false;
      }
      return true;
    case Operation::kAlternative:
      return each_alternative(node, input, emit);
    case Operation::kTry:
      return each_tried(node, input, emit);
    case Operation::kAnd:
    case Operation::kOr:
      return each_logical(node, input, emit);
    case Operation::kCompare:
    case Operation::kArithmetic:
      return each_binary(node, input, emit);
    case Operation::kNegate: {
      auto negate = [&](const Value& value) {
        Value scratch;
        const Value* result = kept(node, negated(value), scratch);
        return result != nullptr && emit(*result);
      };
      return each(node.children[0], input, negate);
    }
    case Operation::kInterpolate:
      return each_text(node, node.children.size(), input, std::string(), emit);
    case Operation::kIf: {
      auto choose = [&](const Value& condition) {
        return each(node.children[condition.truthy() ? 1 : 2], input, emit);
      };
      return each(node.children[0], input, choose);
    }
    case Operation::kBind: {
      auto bind = [&](const Value& value) {
        locals_[node.index] = &value;
        return each(node.children[1], input, emit);
      };
      return each(node.children[0], input, bind);
    }
    case Operation::kObject: {
      Value::Object members;
      return each_member(node, 0, input, members, emit);
    }
    case Operation::kCall:
      return each_call(node, input, emit);
    default:
      fail(node, Kind::kType, quoted(source(node)) + " cannot be evaluated");
      return false;
  }
}

bool Evaluator::each_piped(const Node& node, std::size_t part, const Value* input, ValueSink emit) {
  if (part + 1 == node.children.size()) return each(node.children[part], input, emit);
  auto next = [&, part](const Value& value) { return each_piped(node, part + 1, &value, emit); };
  return each(node.children[part], input, next);
}

bool Evaluator::each_alternative(const Node& node, const Value* input, ValueSink emit) {
  bool any = false;
  auto filter = [&](const Value& value) {
    if (!value.truthy()) return true;
    any = true;
    return emit(value);
  };
  if (!each(node.children[0], input, filter)) return false;
  return any || each(node.children[1], input, emit);
}

// Only failures inside are forgiven, not those of whoever receives the values.
bool Evaluator::each_tried(const Node& node, const Value* input, ValueSink emit) {
  bool stopped_outside = false;
  auto forward = [&](const Value& value) {
    if (emit(value)) return true;
    stopped_outside = true;
    return false;
  };
  if (each(node.children[0], input, forward)) return true;
  return !stopped_outside && forgive_any();
}

bool Evaluator::each_logical(const Node& node, const Value* input, ValueSink emit) {
  const bool decided = node.operation == Operation::kOr;
  auto left = [&](const Value& value) {
    if (value.truthy() == decided) return emit(*truth(decided));
    auto right = [&](const Value& other) { return emit(*truth(other.truthy())); };
    return each(node.children[1], input, right);
  };
  return each(node.children[0], input, left);
}

// jq's order: the right operand is the outer loop.
bool Evaluator::each_binary(const Node& node, const Value* input, ValueSink emit) {
  auto outer = [&](const Value& right) {
    auto inner = [&](const Value& left) {
      if (!spend(node)) return false;
      if (node.operation == Operation::kCompare) {
        if (!meter_.visit(left) || !meter_.visit(right)) {
          fail(node, meter_.spent_trouble());
          return false;
        }
        return emit(*truth(compares(node.op, left, right)));
      }
      Value scratch;
      const Value* result = kept(node, calculate(node.op, left, right, meter_), scratch);
      return result != nullptr && emit(*result);
    };
    return each(node.children[0], input, inner);
  };
  return each(node.children[1], input, outer);
}

// jq's order: the last hole is the outer loop, so the text grows from its end.
bool Evaluator::each_text(const Node& node, std::size_t parts, const Value* input,
                          const std::string& tail, ValueSink emit) {
  if (parts == 0) {
    Value scratch;
    const Value* text = kept(node, meter_.text(tail), scratch);
    return text != nullptr && emit(*text);
  }
  auto prepend = [&](const Value& value) {
    Value scratch;
    const Value* text = kept(node, to_text(value, meter_), scratch);
    return text != nullptr && each_text(node, parts - 1, input, text->as_string() + tail, emit);
  };
  return each(node.children[parts - 1], input, prepend);
}

// jq's order: the first member is the outer loop.
bool Evaluator::each_member(const Node& node, std::size_t part, const Value* input,
                            Value::Object& members, ValueSink emit) {
  if (part == node.children.size()) {
    if (!spend(node, 1 + members.size())) return false;
    Value scratch;
    const Value* object = kept(node, meter_.object(members), scratch);
    return object != nullptr && emit(*object);
  }
  auto with_key = [&](const Value& key) {
    if (!key.is_string()) {
      fail(program_.node(node.children[part]), Kind::kType,
           "a key must be a string, not " + a_kind(key), "convert it with `tostring`");
      return false;
    }
    auto with_value = [&](const Value& value) {
      members.push_back({key.as_string(), value});
      const bool more = each_member(node, part + 2, input, members, emit);
      members.pop_back();
      return more;
    };
    return each(node.children[part + 1], input, with_value);
  };
  return each(node.children[part], input, with_key);
}

const Value* Evaluator::absent_name(const Node& node) {
  if (node.absence != Absence::kError) return &kNull;
  if (node.operation != Operation::kOutside) {
    return fail(node, Kind::kMissing, "`.` does not exist here",
                "use the names of this place, e.g. `$event`");
  }
  const std::string name = "$" + program_.names[node.index];
  return fail(node, Kind::kMissing, "`" + name + "` has no value here",
              "its step may be skipped, failed or not reached: write `" + name + " // null`");
}

}  // namespace weft::dsl
