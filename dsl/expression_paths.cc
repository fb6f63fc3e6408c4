#include <algorithm>
#include <string_view>

#include "dsl/expression_evaluator.h"
#include "dsl/names.h"
#include "dsl/utf8.h"

// Paths are walked without copying: a step hands out a pointer into the document. What is absent
// is an error that names the path, or null where `?` or `//` forgives it.

namespace weft::dsl {
namespace {

using Kind = ExpressionError::Kind;

const Value kNothing;

constexpr std::size_t kNamedMax = 60;       // Of a piece of text in a message, bytes.
constexpr std::size_t kCandidatesMax = 64;  // Keys among which a near one is sought.

std::string shortened(std::string_view text) {
  if (text.size() <= kNamedMax) return std::string(text);
  return std::string(text.substr(0, utf8_valid_prefix(text.substr(0, kNamedMax)))) + "...";
}

bool is_plain_key(std::string_view key) {
  return !key.empty() && !(key[0] >= '0' && key[0] <= '9') &&
         std::all_of(key.begin(), key.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_';
         });
}

std::string near_key(const Value& object, std::string_view key) {
  std::vector<std::string> candidates;
  for (const Member& member : object.as_object()) {
    if (candidates.size() == kCandidatesMax) break;
    if (member.key.size() <= kNamedMax) candidates.push_back(member.key);
  }
  const auto near = nearest(key.substr(0, kNamedMax), candidates);
  return near ? *near : std::string();
}

// An index into an array of `size`, from its end if negative.
std::optional<std::size_t> place_in(std::int64_t index, std::size_t size) {
  const auto count = static_cast<std::int64_t>(size);
  if (index < -count || index >= count) return std::nullopt;
  return static_cast<std::size_t>(index < 0 ? index + count : index);
}

Absence absence_at(const Node& node, std::size_t step) {
  return step < node.steps.size() ? node.steps[step].absence : node.absence;
}

}  // namespace

std::string Evaluator::path_name(const Node& node, std::size_t steps) const {
  std::string name;
  const Node* base = node.children.empty() ? nullptr : &program_.node(node.children[0]);
  const bool from_input = base != nullptr && base->operation == Operation::kIdentity;
  if (base != nullptr && !from_input) name = shortened(source(*base));
  for (std::size_t i = 0; i < steps && i < node.steps.size(); ++i) {
    const PathStep& step = node.steps[i];
    if (name.empty() && step.kind != PathStep::Kind::kKey) name = ".";
    switch (step.kind) {
      case PathStep::Kind::kKey:
        if (is_plain_key(step.key)) {
          name += "." + shortened(step.key);
        } else {
          name += (name.empty() ? ".[\"" : "[\"") + shortened(step.key) + "\"]";
        }
        break;
      case PathStep::Kind::kIndex:
        name += "[" + std::to_string(step.index) + "]";
        break;
      case PathStep::Kind::kIterate:
        name += "[]";
        break;
      case PathStep::Kind::kSlice:
        name += "[";
        if (step.first != kNoNode) name += source(program_.node(step.first));
        name += ":";
        if (step.second != kNoNode) name += source(program_.node(step.second));
        name += "]";
        break;
      case PathStep::Kind::kComputed:
        name += "[" + shortened(source(program_.node(step.first))) + "]";
        break;
    }
  }
  return name.empty() ? "." : name;
}

const Value* Evaluator::missing(const Node& node, std::size_t step, const Value& value,
                                std::string_view reason, bool& absent) {
  if (absence_at(node, step) != Absence::kError) {
    absent = true;
    return &kNothing;
  }
  const std::string name = path_name(node, step + 1);
  std::string instead = "if it may be absent, write `" + name + " // null`";
  if (value.is_object() && step < node.steps.size()) {
    const std::string near = near_key(value, node.steps[step].key);
    if (!near.empty()) instead = "did you mean `" + near + "`? " + instead;
  }
  return fail(node, Kind::kMissing, "`" + name + "` is missing: " + std::string(reason),
              std::move(instead));
}

const Value* Evaluator::find_key(const Node& node, std::size_t step, const Value& value,
                                 const std::string& key, bool& absent) {
  if (value.is_object()) {
    const Value* member = value.find(key);
    if (member != nullptr) return member;
    if (absence_at(node, step) != Absence::kError) return missing(node, step, value, {}, absent);
    // A computed key is data, which messages do not show.
    const bool written = step < node.steps.size() && node.steps[step].kind == PathStep::Kind::kKey;
    return missing(node, step, value,
                   written ? "there is no " + quoted(key) + " in it" : "there is no such key in it",
                   absent);
  }
  if (value.is_null()) {
    if (absence_at(node, step) != Absence::kError) return missing(node, step, value, {}, absent);
    return missing(node, step, value, "`" + path_name(node, step) + "` is null", absent);
  }
  return fail_step(
      node, step,
      "`" + path_name(node, step) + "` is " + a_kind(value) + ", so it has no " +
          (step < node.steps.size() && !node.steps[step].key.empty() ? quoted(key)
                                                                     : std::string("members")),
      value.is_array() ? "choose items: `[0]` for one, `[]` for each" : "");
}

const Value* Evaluator::find_index(const Node& node, std::size_t step, const Value& value,
                                   std::int64_t index, bool& absent) {
  if (value.is_array()) {
    const auto place = place_in(index, value.as_array().size());
    if (place) return &value.as_array()[*place];
    if (absence_at(node, step) != Absence::kError) return missing(node, step, value, {}, absent);
    const std::size_t size = value.as_array().size();
    return missing(node, step, value,
                   size == 0
                       ? "the array is empty"
                       : "the array has " + std::to_string(size) + " item" + (size == 1 ? "" : "s"),
                   absent);
  }
  if (value.is_null()) {
    if (absence_at(node, step) != Absence::kError) return missing(node, step, value, {}, absent);
    return missing(node, step, value, "`" + path_name(node, step) + "` is null", absent);
  }
  return fail_step(node, step,
                   "`" + path_name(node, step) + "` is " + a_kind(value) + ", not an array");
}

const Value* Evaluator::find_computed(const Node& node, std::size_t step, const Value& value,
                                      const Value& key, bool& absent) {
  if (key.is_string()) return find_key(node, step, value, key.as_string(), absent);
  if (key.is_integer()) return find_index(node, step, value, key.as_integer(), absent);
  if (key.is_number() && (value.is_array() || value.is_null())) {
    return missing(node, step, value, "the index is no whole number", absent);
  }
  if (key.is_null() && absence_at(node, step) == Absence::kNullOrNone) {
    return missing(node, step, value, {}, absent);
  }
  return fail_step(node, step, "a key must be a string or a whole number, not " + a_kind(key));
}

const Value* Evaluator::take_step(const Node& node, std::size_t step, const Value& value,
                                  bool& absent, const Value* input, Value& holder) {
  const PathStep& what = node.steps[step];
  switch (what.kind) {
    case PathStep::Kind::kKey:
      return find_key(node, step, value, what.key, absent);
    case PathStep::Kind::kIndex:
      return find_index(node, step, value, what.index, absent);
    case PathStep::Kind::kComputed: {
      Value key_scratch;
      const Value* key = one(what.first, input, key_scratch);
      return key == nullptr ? nullptr : find_computed(node, step, value, *key, absent);
    }
    case PathStep::Kind::kSlice: {
      if (value.is_null()) {
        return missing(node, step, value, "`" + path_name(node, step) + "` is null", absent);
      }
      Value from_scratch, to_scratch;
      const Value* from = nullptr;
      const Value* to = nullptr;
      if (what.first != kNoNode) {
        from = one(what.first, input, from_scratch);
        if (from == nullptr) return nullptr;
      }
      if (what.second != kNoNode) {
        to = one(what.second, input, to_scratch);
        if (to == nullptr) return nullptr;
      }
      auto slice = sliced(value, from, to, meter_);
      if (!slice && slice.error().kind == Kind::kType) {
        return fail_step(node, step, std::move(slice.error().message));
      }
      return kept(node, std::move(slice), holder);
    }
    case PathStep::Kind::kIterate:
      break;
  }
  return fail(node, Kind::kNotOne, "`[]` yields several values");
}

const Value* Evaluator::one_path(const Node& node, const Value* input, Value& scratch) {
  const Value* value = one(node.children[0], input, scratch);
  bool absent = false;
  for (std::size_t i = 0; i < node.steps.size() && value != nullptr; ++i) {
    const PathStep& step = node.steps[i];
    if (step.kind == PathStep::Kind::kKey) {  // The usual case, without a call.
      const Value* member = value->find(step.key);
      value = member != nullptr ? member : find_key(node, i, *value, step.key, absent);
    } else if (step.kind == PathStep::Kind::kIndex) {
      value = find_index(node, i, *value, step.index, absent);
    } else {
      // A slice is a new value; the old one may live in `scratch`, so it moves in afterwards.
      Value made;
      const Value* next = take_step(node, i, *value, absent, input, made);
      if (next == &made) {
        scratch = std::move(made);
        next = &scratch;
      }
      value = next;
    }
  }
  return value;
}

bool Evaluator::each_path(const Node& node, const Value* input, ValueSink emit) {
  const Node& base = program_.node(node.children[0]);
  const bool name_absent = (base.operation == Operation::kOutside &&
                            bindings_.find(program_.names[base.index]) == nullptr) ||
                           (base.operation == Operation::kIdentity && input == nullptr);
  auto go_on = [&](const Value& value) { return walk(node, 0, value, name_absent, input, emit); };
  return each(node.children[0], input, go_on);
}

bool Evaluator::walk(const Node& node, std::size_t step, const Value& value, bool absent,
                     const Value* input, ValueSink emit) {
  const Value* current = &value;
  Value holder;
  for (; step < node.steps.size(); ++step) {
    if (node.steps[step].kind == PathStep::Kind::kIterate) break;
    Value made;
    const Value* next = take_step(node, step, *current, absent, input, made);
    if (next == nullptr) return forgive_step(node, step);
    if (next == &made) {
      holder = std::move(made);
      next = &holder;
    }
    current = next;
  }
  if (step == node.steps.size()) return emit(*current);

  const Level level(*this);
  if (level.too_deep()) return too_deep(node);
  if (current->is_array()) {
    for (const Value& item : current->as_array()) {
      if (!spend(node) || !walk(node, step + 1, item, false, input, emit)) return false;
    }
    return true;
  }
  if (current->is_object()) {
    for (const Member& member : current->as_object()) {
      if (!spend(node) || !walk(node, step + 1, member.value, false, input, emit)) return false;
    }
    return true;
  }
  if (absent && absence_at(node, step) == Absence::kNullOrNone) return true;
  const std::string name = path_name(node, step);
  fail_step(node, step, "`" + name + "` is " + a_kind(*current) + " and has no items",
            current->is_null() ? "if it may be absent, write `(" + name + " // [])[]`" : "");
  return forgive_step(node, step);
}

// jq's order: the key is the outer loop.
bool Evaluator::each_indexed(const Node& node, const Value* input, ValueSink emit) {
  auto with_key = [&](const Value& key) {
    auto with_value = [&](const Value& value) {
      bool absent = false;
      const Value* found = find_computed(node, 0, value, key, absent);
      return found != nullptr ? emit(*found) : forgive_step(node, 0);
    };
    return each(node.children[0], input, with_value);
  };
  return each(node.children[1], input, with_key);
}

// The places that a path expression leads to. What is absent is null on the way, as in jq: it needs
// no deleting.
bool Evaluator::each_value_path(NodeId id, const ValuePath& prefix, const Value& value,
                                const PathEmit& emit) {
  const Node& node = program_.node(id);
  if (!spend(node)) return false;
  const Level level(*this);
  if (level.too_deep()) return too_deep(node);
  switch (node.operation) {
    case Operation::kIdentity:
      return emit(prefix, value);
    case Operation::kPath: {
      const auto go_on = [&](const ValuePath& path, const Value& at) {
        return each_step_path(node, 0, path, at, &value, emit);
      };
      return each_value_path(node.children[0], prefix, value, go_on);
    }
    case Operation::kIndexEach: {
      auto with_key = [&](const Value& key) {
        const auto go_on = [&](const ValuePath& path, const Value& at) {
          return enter_key(node, 0, path, at, key, emit);
        };
        return each_value_path(node.children[0], prefix, value, go_on);
      };
      return each(node.children[1], &value, with_key);
    }
    case Operation::kPipe: {
      std::function<bool(std::size_t, const ValuePath&, const Value&)> part =
          [&](std::size_t i, const ValuePath& path, const Value& at) {
            if (i == node.children.size()) return emit(path, at);
            return each_value_path(node.children[i], path, at,
                                   [&, i](const ValuePath& longer, const Value& inner) {
                                     return part(i + 1, longer, inner);
                                   });
          };
      return part(0, prefix, value);
    }
    case Operation::kComma:
      for (const NodeId child : node.children) {
        if (!each_value_path(child, prefix, value, emit)) return false;
      }
      return true;
    case Operation::kTry: {
      bool stopped_outside = false;
      const auto forward = [&](const ValuePath& path, const Value& at) {
        stopped_outside = !emit(path, at);
        return !stopped_outside;
      };
      if (each_value_path(node.children[0], prefix, value, forward)) return true;
      return !stopped_outside && forgive_any();
    }
    case Operation::kIf: {
      auto choose = [&](const Value& condition) {
        return each_value_path(node.children[condition.truthy() ? 1 : 2], prefix, value, emit);
      };
      return each(node.children[0], &value, choose);
    }
    case Operation::kCall:
      if (node.function->function == Function::kEmpty) return true;
      if (node.function->function == Function::kValues) {
        return value.is_null() || emit(prefix, value);
      }
      if (node.function->function == Function::kSelect) {
        auto choose = [&](const Value& condition) {
          return !condition.truthy() || emit(prefix, value);
        };
        return each(node.children[0], &value, choose);
      }
      if (node.function->function == Function::kFirst) {
        bool more = true;
        const auto stop = [&](const ValuePath& path, const Value& at) {
          more = emit(path, at);
          return false;
        };
        each_value_path(node.children[0], prefix, value, stop);
        return !failed_ && more;
      }
      [[fallthrough]];
    default:
      fail(node, Kind::kType, quoted(source(node)) + " is no path that could be deleted",
           "name places, e.g. `del(.lines[] | select(.qty == 0))`");
      return false;
  }
}

bool Evaluator::each_step_path(const Node& node, std::size_t step, const ValuePath& prefix,
                               const Value& value, const Value* input, const PathEmit& emit) {
  if (step == node.steps.size()) return emit(prefix, value);
  if (!spend(node, 1 + prefix.size())) return false;
  const PathStep& what = node.steps[step];
  if (value.is_null() && what.kind == PathStep::Kind::kSlice) return true;
  ValuePath path = prefix;
  path.emplace_back();
  const auto enter = [&](Value key, const Value& part) {
    path.back() = std::move(key);
    return each_step_path(node, step + 1, path, part, input, emit);
  };
  if (what.kind == PathStep::Kind::kIterate && value.is_object()) {
    for (const Member& member : value.as_object()) {
      if (!enter(Value(member.key), member.value)) return false;
    }
    return true;
  }
  if (what.kind == PathStep::Kind::kIterate || what.kind == PathStep::Kind::kSlice) {
    if (!value.is_array()) {
      fail_step(node, step,
                "`" + path_name(node, step) + "` is " + a_kind(value) + ", not an array");
      return forgive_step(node, step);
    }
    std::size_t begin = 0, end = value.size();
    if (what.kind == PathStep::Kind::kSlice) {
      // The places that the slice keeps are those it takes from the array of all places.
      Value::Array places;
      for (std::size_t i = 0; i < end; ++i) places.emplace_back(static_cast<std::int64_t>(i));
      Value holder;
      bool absent = false;
      const Value* taken =
          take_step(node, step, Value::array(std::move(places)), absent, input, holder);
      if (taken == nullptr) return forgive_step(node, step);
      if (taken->size() == 0) return true;
      begin = static_cast<std::size_t>(taken->as_array().front().as_integer());
      end = begin + taken->size();
    }
    for (std::size_t i = begin; i < end; ++i) {
      if (!enter(Value(static_cast<std::int64_t>(i)), value.as_array()[i])) return false;
    }
    return true;
  }
  Value key_scratch(what.key);
  const Value* key = &key_scratch;
  if (what.kind == PathStep::Kind::kIndex) key_scratch = Value(what.index);
  if (what.kind == PathStep::Kind::kComputed) key = one(what.first, input, key_scratch);
  if (key == nullptr) return false;
  const auto go_on = [&](const ValuePath& longer, const Value& part) {
    return each_step_path(node, step + 1, longer, part, input, emit);
  };
  return enter_key(node, step, prefix, value, *key, go_on);
}

bool Evaluator::enter_key(const Node& node, std::size_t step, const ValuePath& prefix,
                          const Value& value, const Value& key, const PathEmit& emit) {
  ValuePath path = prefix;
  if (value.is_null() && !key.is_null()) {
    path.push_back(key);
    return emit(path, kNothing);
  }
  if (key.is_string() && value.is_object()) {
    path.push_back(key);
    const Value* member = value.find(key.as_string());
    return emit(path, member != nullptr ? *member : kNothing);
  }
  if (key.is_integer() && value.is_array()) {
    const auto place = place_in(key.as_integer(), value.as_array().size());
    path.push_back(place ? Value(static_cast<std::int64_t>(*place)) : key);
    return emit(path, place ? value.as_array()[*place] : kNothing);
  }
  bool absent = false;
  find_computed(node, step, value, key, absent);  // Fails, and says why.
  return !failed_ || forgive_step(node, step);
}

}  // namespace weft::dsl
