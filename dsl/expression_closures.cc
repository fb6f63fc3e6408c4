#include <re2/re2.h>

#include <algorithm>
#include <optional>

#include "dsl/expression_evaluator.h"

namespace weft::dsl {
namespace {

using Kind = ExpressionError::Kind;

}  // namespace

const Value* Evaluator::one_call(const Node& node, const Value* input, Value& scratch) {
  const FunctionEntry& entry = *node.function;
  if (entry.reads_input && input == nullptr) {
    input = absent_name(node);
    if (input == nullptr) return nullptr;
  }
  if (entry.function == Function::kAny || entry.function == Function::kAll) {
    if (entry.arity > 0) return quantified(node, input, scratch);
  }
  if (entry.arguments == FunctionEntry::Arguments::kClosure) {
    return one_closure(node, *input, scratch);
  }
  if (entry.function == Function::kTest) return matched(node, *input, scratch);
  Value argument_scratch;
  const Value* argument = nullptr;
  if (entry.arity > 0) {
    argument = one(node.children[0], input, argument_scratch);
    if (argument == nullptr) return nullptr;
  }
  static const Value kNoInput;  // For `error(message)`, which reads none.
  const Value& subject = input != nullptr ? *input : kNoInput;
  return kept(node,
              call(entry.function, subject, argument, node.absence != Absence::kError, meter_),
              scratch);
}

const Value* Evaluator::one_closure(const Node& node, const Value& input, Value& scratch) {
  switch (node.function->function) {
    case Function::kMap:
      return mapped(node, input, scratch);
    case Function::kMapValues:
      return mapped_values(node, input, scratch);
    case Function::kWithEntries:
      return mapped_entries(node, input, scratch);
    case Function::kDel:
      return deleted(node, input, scratch);
    default:
      return arranged_by(node, input, scratch);
  }
}

bool Evaluator::each_call(const Node& node, const Value* input, ValueSink emit) {
  const FunctionEntry& entry = *node.function;
  if (entry.reads_input && input == nullptr) {
    input = absent_name(node);
    if (input == nullptr) return false;
  }
  switch (entry.function) {
    case Function::kEmpty:
      return true;
    case Function::kValues:
      return input->is_null() || emit(*input);
    case Function::kSelect: {
      auto choose = [&](const Value& condition) { return !condition.truthy() || emit(*input); };
      return each(node.children[0], input, choose);
    }
    case Function::kFirst: {
      std::optional<Value> found;
      auto take = [&](const Value& value) {
        found = value;
        return false;
      };
      each(node.children[0], input, take);
      if (failed_) return false;
      return !found || emit(*found);
    }
    case Function::kRange: {
      auto count = [&](const Value& value) { return each_range(node, value, emit); };
      return each(node.children[0], input, count);
    }
    default:
      break;
  }
  // A function of a value, called once for each value its argument yields.
  auto apply = [&](const Value& argument) {
    static const Value kNoInput;
    Value scratch;
    const Value* result = kept(node,
                               call(entry.function, input != nullptr ? *input : kNoInput, &argument,
                                    node.absence != Absence::kError, meter_),
                               scratch);
    return result != nullptr && emit(*result);
  };
  return each(node.children[0], input, apply);
}

const Value* Evaluator::mapped(const Node& node, const Value& input, Value& scratch) {
  const Parts parts(input);
  if (!parts) {
    return fail(node, Kind::kType, "`map` takes an array or an object, not " + a_kind(input),
                input.is_null() ? "give a default before it: `(EXPR // [])`" : "");
  }
  Value::Array items;
  items.reserve(std::min(parts.size(), meter_.steps_left()));
  auto collect = [&](const Value& value) {
    if (!spend(node)) return false;
    items.push_back(value);
    return true;
  };
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (!spend(node) || !each(node.children[0], &parts[i], collect)) return nullptr;
  }
  return kept(node, meter_.array(std::move(items)), scratch);
}

// jq 1.6: the first value replaces the old one; none removes it.
const Value* Evaluator::mapped_values(const Node& node, const Value& input, Value& scratch) {
  std::optional<Value> found;
  auto take = [&](const Value& value) {
    found = value;
    return false;
  };
  const auto compute = [&](const Value& value) {
    found.reset();
    each(node.children[0], &value, take);
    return !failed_ && spend(node);
  };
  if (input.is_array()) {
    Value::Array items;
    for (const Value& item : input.as_array()) {
      if (!compute(item)) return nullptr;
      if (found) items.push_back(std::move(*found));
    }
    return kept(node, meter_.array(std::move(items)), scratch);
  }
  if (!input.is_object()) {
    return fail(node, Kind::kType,
                "`map_values` takes an object or an array, not " + a_kind(input));
  }
  Value::Object members;
  for (const Member& member : input.as_object()) {
    if (!compute(member.value)) return nullptr;
    if (found) members.push_back({member.key, std::move(*found)});
  }
  return kept(node, meter_.object(std::move(members)), scratch);
}

const Value* Evaluator::mapped_entries(const Node& node, const Value& input, Value& scratch) {
  Value entries;
  if (kept(node, to_entries(input, meter_), entries) == nullptr) return nullptr;
  Value changed;
  if (mapped(node, entries, changed) == nullptr) return nullptr;
  return kept(node, from_entries(changed, node.absence != Absence::kError, meter_), scratch);
}

const Value* Evaluator::arranged_by(const Node& node, const Value& input, Value& scratch) {
  std::vector<Value> keys;
  if (input.is_array()) {
    keys.reserve(input.as_array().size());
    const NodeId closure = node.children[0];
    for (const Value& item : input.as_array()) {
      if (!spend(node)) return nullptr;
      if (program_.node(closure).single) {
        Value key;
        if (!exactly_one(closure, &item, key)) return nullptr;
        keys.push_back(std::move(key));
        continue;
      }
      Value::Array several;  // Several values make one key: they are compared in turn.
      auto collect = [&](const Value& value) {
        several.push_back(value);
        return spend(node);
      };
      if (!each(closure, &item, collect)) return nullptr;
      Value key;
      if (kept(node, meter_.array(std::move(several)), key) == nullptr) return nullptr;
      keys.push_back(std::move(key));
    }
  }
  return kept(node, arranged(node.function->function, input, keys, meter_), scratch);
}

// any(f), all(f) look at the parts of the input; any(g; f), all(g; f) at what g yields. The first
// value that decides ends it.
const Value* Evaluator::quantified(const Node& node, const Value* input, Value& scratch) {
  const bool all = node.function->function == Function::kAll;
  const NodeId condition = node.children.back();
  bool decided = false;
  auto judge = [&](const Value& verdict) {
    decided = verdict.truthy() != all;
    return !decided;
  };
  auto test = [&](const Value& value) { return spend(node) && each(condition, &value, judge); };
  if (node.children.size() == 2) {
    each(node.children[0], input, test);
  } else {
    const Parts parts(*input);
    if (!parts) {
      return fail(node, Kind::kType,
                  std::string(all ? "`all`" : "`any`") + " takes an array or an object, not " +
                      a_kind(*input));
    }
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (!test(parts[i])) break;
    }
  }
  if (failed_) return nullptr;
  scratch = Value(all != decided);
  return &scratch;
}

const Value* Evaluator::deleted(const Node& node, const Value& input, Value& scratch) {
  std::vector<ValuePath> paths;
  const PathEmit collect = [&](const ValuePath& path, const Value&) {
    if (path.empty()) {
      fail(node, Kind::kType, "`del(.)` would leave nothing", "name what is to be deleted");
      return false;
    }
    paths.push_back(path);
    return spend(node, 1 + path.size());
  };
  if (!each_value_path(node.children[0], {}, input, collect)) return nullptr;
  return kept(node, without_paths(input, std::move(paths), meter_), scratch);
}

const Value* Evaluator::matched(const Node& node, const Value& input, Value& scratch) {
  if (!input.is_string()) {
    return fail(node, Kind::kType, "`test` takes a string, not " + a_kind(input));
  }
  // RE2 takes time in proportion to the text, and at worst to the pattern's size too.
  constexpr std::size_t kInstructionsPerStep = 128;
  const auto pattern_size = static_cast<std::size_t>(node.pattern->ProgramSize());
  if (!meter_.visit(input, 1 + pattern_size / kInstructionsPerStep)) {
    return fail(node, meter_.spent_trouble());
  }
  scratch = Value(re2::RE2::PartialMatch(input.as_string(), *node.pattern));
  return &scratch;
}

bool Evaluator::each_range(const Node& node, const Value& count, ValueSink emit) {
  if (!count.is_number()) {
    fail(node, Kind::kType, "`range` takes a number, not " + a_kind(count));
    return false;
  }
  for (std::int64_t i = 0; Value(i) < count; ++i) {
    if (!spend(node) || !emit(Value(i))) return false;
  }
  return true;
}

}  // namespace weft::dsl
