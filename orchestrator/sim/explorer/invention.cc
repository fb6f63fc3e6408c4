#include "orchestrator/sim/explorer/invention.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>

#include "dsl/compiler.h"
#include "orchestrator/core/ledger.h"
#include "orchestrator/sim/explorer/sample_text.h"

namespace weft::explorer {
namespace {

using dsl::Value;

/// Counts through the combinations of the choices that one construction meets: constructing again
/// after advance() takes the next.
class Choices {
 public:
  void begin() { at_ = 0; }
  std::size_t pick(std::size_t count) {
    if (at_ == taken_.size()) taken_.push_back({0, count});
    return taken_[at_++].first;
  }
  bool advance() {
    taken_.resize(at_);
    while (!taken_.empty() && taken_.back().first + 1 >= taken_.back().second) taken_.pop_back();
    if (taken_.empty()) return false;
    ++taken_.back().first;
    return true;
  }

 private:
  std::vector<std::pair<std::size_t, std::size_t>> taken_;
  std::size_t at_ = 0;
};

/// Builds one document; every place where it could be otherwise is a choice.
class Builder {
 public:
  Builder(const Value* root_schema, int items_max, Choices& choices)
      : root_(root_schema), items_max_(items_max), choices_(choices) {}

  Value build(const std::string& name, const Shape* shape, const Value* schema, const Value* echo) {
    schema = resolved(schema);
    if (schema != nullptr && schema->is_object() && schema->size() > 0) {
      return by_schema(name, shape, *schema, echo);
    }
    return by_reading(name, shape, echo);
  }

 private:
  [[nodiscard]] const Value* resolved(const Value* schema) const {
    for (int hops = 0; schema != nullptr && hops < 16; ++hops) {
      const Value* reference = schema->find("$ref");
      if (reference == nullptr || !reference->is_string() || root_ == nullptr) return schema;
      const Value* at = root_;
      std::string_view path = reference->as_string();
      if (!path.starts_with("#")) return schema;
      path.remove_prefix(1);
      while (!path.empty() && at != nullptr) {
        path.remove_prefix(1);
        const auto slash = path.find('/');
        at = at->find(path.substr(0, slash));
        path = slash == std::string_view::npos ? std::string_view() : path.substr(slash);
      }
      schema = at;
    }
    return schema;
  }

  /// The length of every list that is read: one choice for the whole document.
  std::size_t length(std::size_t least, std::size_t most, bool read) {
    if (!read) return std::max<std::size_t>(least, std::min<std::size_t>(1, most));
    if (!length_) {
      const auto wanted = static_cast<std::size_t>(items_max_);
      length_ = wanted - choices_.pick(wanted + 1);
    }
    return std::clamp(*length_, least, std::max(least, most));
  }

  std::int64_t quantity() {
    // Primes: no sum of a few of them is another.
    static constexpr std::array<std::int64_t, 8> kAmounts{7, 13, 29, 59, 113, 227, 457, 919};
    return kAmounts[static_cast<std::size_t>(amounts_++) % kAmounts.size()];
  }

  Value by_schema(const std::string& name, const Shape* shape, const Value& schema,
                  const Value* echo) {
    if (const Value* constant = schema.find("const")) return *constant;
    if (const Value* values = schema.find("enum"); values != nullptr && values->size() > 0) {
      const bool read = shape != nullptr;
      return values->as_array()[read ? choices_.pick(values->size()) : 0];
    }
    for (const char* either : {"oneOf", "anyOf"}) {
      const Value* ways = schema.find(either);
      if (ways != nullptr && ways->is_array() && ways->size() > 0 &&
          schema.find("type") == nullptr) {
        return build(name, shape, &ways->as_array().front(), echo);
      }
    }
    const std::string type = type_of(schema);
    if (type == "object") return object_by_schema(shape, schema, echo);
    if (type == "array") return list_by_schema(name, shape, schema, echo);
    if (type == "boolean") return Value(shape == nullptr || choices_.pick(2) == 0);
    if (type == "integer" || type == "number") return number_by_schema(shape, schema, echo);
    if (type == "null") return {};
    return text_by_schema(name, shape, schema, echo);
  }

  static std::string type_of(const Value& schema) {
    const Value* type = schema.find("type");
    if (type != nullptr && type->is_string()) return type->as_string();
    if (type != nullptr && type->is_array() && type->size() > 0) {
      return type->as_array().front().is_string() ? type->as_array().front().as_string() : "string";
    }
    if (schema.find("properties") != nullptr || schema.find("required") != nullptr) return "object";
    if (schema.find("items") != nullptr) return "array";
    if (schema.find("minimum") != nullptr || schema.find("maximum") != nullptr) return "number";
    return "string";
  }

  Value object_by_schema(const Shape* shape, const Value& schema, const Value* echo) {
    Value::Object members;
    const Value* required = schema.find("required");
    const auto must = [&](const std::string& key) {
      if (required == nullptr || !required->is_array()) return false;
      const auto& names = required->as_array();
      return std::find(names.begin(), names.end(), Value(key)) != names.end();
    };
    std::set<std::string> done;
    if (const Value* properties = schema.find("properties")) {
      for (const dsl::Member& property : properties->as_object()) {
        const Shape* inner = shape == nullptr ? nullptr : shape->find(property.key);
        if (!must(property.key)) {
          if (inner == nullptr) continue;
          // Absence is a case of its own where the author has said what holds then.
          if (inner->forgiven && choices_.pick(2) == 1) continue;
        }
        const Value* known = echo == nullptr ? nullptr : echo->find(property.key);
        members.push_back({property.key, build(property.key, inner, &property.value, known)});
        done.insert(property.key);
      }
    }
    if (required != nullptr && required->is_array()) {
      for (const Value& key : required->as_array()) {
        if (key.is_string() && done.insert(key.as_string()).second) {
          const Shape* inner = shape == nullptr ? nullptr : shape->find(key.as_string());
          members.push_back({key.as_string(), by_reading(key.as_string(), inner, nullptr)});
        }
      }
    }
    const Value* open = schema.find("additionalProperties");
    const bool closed = open != nullptr && open->is_boolean() && !open->as_boolean();
    if (shape != nullptr && !closed) {
      for (const auto& [key, inner] : shape->members) {
        if (done.contains(key) || must(key)) continue;
        if (const Value* properties = schema.find("properties");
            properties != nullptr && properties->find(key) != nullptr) {
          continue;  // Left out on purpose.
        }
        const Value* known = echo == nullptr ? nullptr : echo->find(key);
        members.push_back({key, by_reading(key, &inner, known)});
      }
    }
    return Value::object(std::move(members));
  }

  Value list_by_schema(const std::string& name, const Shape* shape, const Value& schema,
                       const Value* echo) {
    const auto least = static_cast<std::size_t>(schema.integer_or("minItems", 0));
    const auto most = static_cast<std::size_t>(schema.integer_or("maxItems", 1'000));
    if (echo != nullptr && echo->is_array() && echo->size() >= least && echo->size() <= most) {
      return *echo;
    }
    const Value* items = schema.find("items");
    const std::size_t count = length(least, most, shape != nullptr);
    Value::Array list;
    for (std::size_t i = 0; i < count; ++i) {
      const int before = std::exchange(salt_, static_cast<int>(i));
      list.push_back(build(name, shape == nullptr ? nullptr : shape->item.get(), items, nullptr));
      salt_ = before;
    }
    return Value::array(std::move(list));
  }

  Value number_by_schema(const Shape* shape, const Value& schema, const Value* echo) {
    if (echo != nullptr && echo->is_number()) return *echo;
    const auto fits = [&](std::int64_t number) {
      const Value* least = schema.find("minimum");
      const Value* most = schema.find("maximum");
      const dsl::Decimal amount = dsl::Decimal::from_integer(number);
      return (least == nullptr || !least->is_number() || amount >= least->as_decimal()) &&
             (most == nullptr || !most->is_number() || amount <= most->as_decimal());
    };
    if (shape != nullptr && !shape->compared.empty()) {
      std::vector<std::int64_t> around;
      for (const Value& literal : shape->compared) {
        if (!literal.is_integer()) continue;
        for (const std::int64_t near :
             {literal.as_integer(), literal.as_integer() + 1, literal.as_integer() - 1}) {
          if (fits(near)) around.push_back(near);
        }
      }
      if (!around.empty()) return Value(around[choices_.pick(around.size())]);
    }
    std::int64_t number = quantity();
    if (!fits(number)) {
      const Value* least = schema.find("minimum");
      const Value* most = schema.find("maximum");
      if (least != nullptr && least->is_integer())
        number = least->as_integer();
      else if (most != nullptr && most->is_integer())
        number = most->as_integer();
    }
    return Value(number);
  }

  Value text_by_schema(const std::string& name, const Shape* shape, const Value& schema,
                       const Value* echo) {
    if (echo != nullptr && echo->is_string()) return *echo;
    const auto accepts = [&](const std::string& text) {
      return !dsl::validate_schema({"", schema}, Value(text)).has_value();
    };
    if (shape != nullptr && !shape->compared.empty()) {
      std::vector<std::string> texts;
      for (const Value& literal : shape->compared) {
        if (literal.is_string() && accepts(literal.as_string()))
          texts.push_back(literal.as_string());
      }
      if (!texts.empty()) {
        const std::size_t which = choices_.pick(texts.size() + 1);
        if (which < texts.size()) return Value(texts[which]);
      }
    }
    std::vector<std::string> tries;
    tries.push_back(name + "-" + std::to_string(salt_ + 1));
    const std::string pattern = schema.string_or("pattern", "");
    if (!pattern.empty()) tries.insert(tries.begin(), sample_of_pattern(pattern, salt_));
    for (const char* other : {"2026-01-01T00:00:00Z", "2026-01-01", "a@shop.example",
                              "https://shop.example/a", "12:00:00Z", "a", "AA", "11"}) {
      tries.emplace_back(other);
    }
    const auto least = static_cast<std::size_t>(schema.integer_or("minLength", 0));
    const auto most = static_cast<std::size_t>(schema.integer_or("maxLength", 1'000));
    for (std::string& text : tries) {
      while (text.size() < least) text += 'a';
      if (text.size() > most) text.resize(most);
      if (accepts(text)) return Value(text);
    }
    return Value(tries.front());
  }

  Value by_reading(const std::string& name, const Shape* shape, const Value* echo) {
    if (shape != nullptr && shape->forgiven && echo == nullptr && choices_.pick(2) == 1) return {};
    if (shape != nullptr && !shape->compared.empty()) {
      const std::size_t which = choices_.pick(shape->compared.size() + (shape->number ? 2 : 1));
      if (which < shape->compared.size()) return shape->compared[which];
      if (shape->number) {
        const Value& first = shape->compared.front();
        if (first.is_integer()) {
          return Value(first.as_integer() + (which == shape->compared.size() ? 1 : -1));
        }
      }
      return Value(name + "-other");
    }
    if (shape != nullptr && shape->item) {
      if (echo != nullptr && echo->is_array()) return *echo;
      const std::size_t count = length(0, 1'000, true);
      Value::Array list;
      for (std::size_t i = 0; i < count; ++i) {
        const int before = std::exchange(salt_, static_cast<int>(i));
        list.push_back(by_reading(name, shape->item.get(), nullptr));
        salt_ = before;
      }
      return Value::array(std::move(list));
    }
    if (shape != nullptr && !shape->members.empty()) {
      Value::Object members;
      if (echo != nullptr && echo->is_object()) members = echo->as_object();
      for (const auto& [key, inner] : shape->members) {
        const Value* known = echo == nullptr ? nullptr : echo->find(key);
        Value value = by_reading(key, &inner, known);
        if (inner.forgiven && value.is_null()) continue;
        const auto same = std::find_if(members.begin(), members.end(),
                                       [&](const dsl::Member& m) { return m.key == key; });
        if (same == members.end()) {
          members.push_back({key, std::move(value)});
        } else {
          same->value = std::move(value);
        }
      }
      return Value::object(std::move(members));
    }
    if (echo != nullptr) return *echo;
    if (is_amount(name) || (shape != nullptr && shape->number)) return Value(quantity());
    return Value(name + "-" + std::to_string(salt_ + 1));
  }

  /// A name that people give to numbers. Only used where nothing else is known.
  static bool is_amount(const std::string& name) {
    for (const char* word : {"qty", "quantity", "amount", "count", "total", "minor", "price",
                             "units", "number", "value"}) {
      if (name.find(word) != std::string::npos) return true;
    }
    return false;
  }

  const Value* root_;
  int items_max_;
  Choices& choices_;
  std::optional<std::size_t> length_;
  int salt_ = 0;
  int amounts_ = 0;
};

/// All documents that differ where it matters, up to `most`.
template <class Build>
std::vector<Value> all_documents(int most, const Build& build) {
  std::vector<Value> documents;
  Choices choices;
  for (int tries = 0; tries < 8 * most && static_cast<int>(documents.size()) < most; ++tries) {
    choices.begin();
    Value document = build(choices);
    if (std::find(documents.begin(), documents.end(), document) == documents.end()) {
      documents.push_back(std::move(document));
    }
    if (!choices.advance()) break;
  }
  return documents;
}

Value set_path(const Value& document, const std::vector<std::string>& path, std::size_t at,
               const Value& value) {
  if (at == path.size()) return value;
  const Value* inner = document.find(path[at]);
  const Value below = inner != nullptr && inner->is_object() ? *inner : Value::empty_object();
  return (document.is_object() ? document : Value::empty_object())
      .with(path[at], set_path(below, path, at + 1, value));
}

/// Everything that any step of the saga still holds of one resource.
Value held_of(const core::SagaState& saga, const dsl::ResourceDefinition& resource) {
  Value sum = Value::array({});
  for (const core::Node& node : saga.nodes) {
    const auto items = node.holdings.find(resource.name);
    if (items != node.holdings.end()) {
      sum = core::add_items(sum, items->second, resource.quantity, false);
    }
  }
  return sum;
}

}  // namespace

Inventor::Inventor(const dsl::SagaGraph& graph, const Bounds& bounds, const Examples& examples)
    : graph_(graph), bounds_(bounds), examples_(examples), reading_(graph) {
  for (const dsl::Step& step : graph_.steps) moved_[step.name] = reading_.moved(step);
  if (!examples_.inputs.empty()) {
    inputs_ = examples_.inputs;
    return;
  }
  const Value* schema = graph_.input_schema ? &graph_.input_schema->schema : nullptr;
  const auto all = all_documents(bounds_.documents, [&](Choices& choices) {
    Value input =
        Builder(schema, bounds_.items, choices).build("input", &reading_.input(), schema, nullptr);
    return input.is_object() || schema != nullptr ? input : Value::empty_object();
  });
  for (const Value& input : all) {
    if (graph_.input_schema) {
      if (auto wrong = dsl::validate_schema(*graph_.input_schema, input)) {
        trouble_ = "no input could be invented for " + graph_.input_schema->file + " (at `" +
                   wrong->pointer + "`: " + wrong->message + "); give one with --input FILE";
        continue;
      }
    }
    inputs_.push_back(input);
  }
  if (!inputs_.empty()) trouble_.clear();
}

const std::vector<Value>& Inventor::replies(const dsl::Step& step, const Value& request,
                                            const core::SagaState& saga) const {
  std::string key = step.name + "\n" + request.to_json();
  for (const Reading::Moved& moved : moved_.at(step.name)) {
    const dsl::ResourceDefinition* resource = graph_.find_resource(moved.resource);
    if (resource != nullptr) key += "\n" + held_of(saga, *resource).to_json();
  }
  const auto [known, fresh] = invented_.try_emplace(std::move(key));
  if (fresh) known->second = invent_replies(step, request, saga);
  return known->second;
}

const std::vector<Value>& Inventor::events(const dsl::Step& step,
                                           const std::string& correlation) const {
  const auto [known, fresh] = invented_.try_emplace(step.name + "\nevent " + correlation);
  if (fresh) known->second = invent_events(step, correlation);
  return known->second;
}

const std::vector<Value>& Inventor::outputs(const dsl::Step& step, const Value& request) const {
  const auto [known, fresh] = invented_.try_emplace(step.name + "\nchild " + request.to_json());
  if (fresh) known->second = invent_outputs(step, request);
  return known->second;
}

std::vector<Value> Inventor::invent_replies(const dsl::Step& step, const Value& request,
                                            const core::SagaState& saga) const {
  const std::string target = step.call->target.adapter + "." + step.call->target.operation;
  const auto given = examples_.replies.find(target);
  if (given != examples_.replies.end()) {
    return given->second;
  }
  const Value* schema = step.call->reply_schema ? &step.call->reply_schema->schema : nullptr;
  const Shape& shape = reading_.result(step);
  auto all = all_documents(bounds_.documents, [&](Choices& choices) {
    return Builder(schema, bounds_.items, choices).build(step.name, &shape, schema, &request);
  });
  for (const Reading::Moved& moved : moved_.at(step.name)) {
    const dsl::ResourceDefinition* resource = graph_.find_resource(moved.resource);
    if (resource == nullptr) continue;
    const Value held = held_of(saga, *resource);
    if (held.size() == 0) continue;
    for (Value& reply : all) {
      const Value* before = &reply;
      for (const std::string& key : moved.path) {
        before = before == nullptr ? nullptr : before->find(key);
      }
      // Further members of the items are what the schema wants; the units are those that are held.
      const Value like = before != nullptr && before->is_array() && before->size() > 0
                             ? before->as_array().front()
                             : Value::empty_object();
      Value::Array items;
      for (const Value& item : held.as_array()) {
        Value merged = like.is_object() ? like : Value::empty_object();
        for (const dsl::Member& member : item.as_object()) {
          merged = merged.with(member.key, member.value);
        }
        items.push_back(std::move(merged));
      }
      reply = set_path(reply, moved.path, 0, Value::array(std::move(items)));
    }
  }
  std::vector<Value> distinct;
  for (Value& reply : all) {
    if (std::find(distinct.begin(), distinct.end(), reply) == distinct.end()) {
      distinct.push_back(std::move(reply));
    }
  }
  return distinct;
}

std::vector<Value> Inventor::invent_events(const dsl::Step& step,
                                           const std::string& correlation) const {
  auto all = all_documents(bounds_.documents, [&](Choices& choices) {
    Value event = Builder(nullptr, bounds_.items, choices)
                      .build(step.name, &reading_.result(step), nullptr, nullptr);
    return event.is_object() ? event : Value::empty_object();
  });
  if (step.listen->correlate_event) {
    step.listen->correlate_event->each_expression([&](const dsl::Expression& expression) {
      for (const dsl::Reference& reference : expression.references()) {
        if (reference.name != "event" || reference.path.empty()) continue;
        for (Value& event : all) event = set_path(event, reference.path, 0, Value(correlation));
      }
    });
  }
  return all;
}

std::vector<Value> Inventor::invent_outputs(const dsl::Step& step, const Value& request) const {
  return all_documents(bounds_.documents, [&](Choices& choices) {
    return Builder(nullptr, bounds_.items, choices)
        .build(step.name, &reading_.result(step), nullptr, &request);
  });
}

std::set<std::string> Inventor::guessed() const {
  std::set<std::string> steps;
  for (const dsl::Step& step : graph_.steps) {
    const Shape& shape = reading_.result(step);
    if (shape.members.empty() && !shape.item) continue;
    const bool known =
        step.call &&
        (step.call->reply_schema ||
         examples_.replies.contains(step.call->target.adapter + "." + step.call->target.operation));
    if (!known) steps.insert(step.name);
  }
  return steps;
}

}  // namespace weft::explorer
