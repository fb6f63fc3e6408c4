#include "orchestrator/sim/invented_value.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "dsl/compiler.h"

namespace weft::sim {
namespace {

using dsl::Value;

// As deep as a schema may nest before it is taken to refer to itself.
constexpr int kDepthMax = 16;

/// Texts that satisfy most patterns, lengths and formats people write.
constexpr std::array<std::string_view, 14> kTexts{"a",
                                                  "A",
                                                  "1",
                                                  "a1",
                                                  "AAA",
                                                  "EUR",
                                                  "0",
                                                  "2026-01-31",
                                                  "2026-01-31T12:00:00Z",
                                                  "12:00:00Z",
                                                  "a@b.example",
                                                  "https://b.example/a",
                                                  "00000000-0000-4000-8000-000000000000",
                                                  "127.0.0.1"};

class Inventor {
 public:
  explicit Inventor(const Value& root) : root_(root) {}

  std::optional<Value> value(const Value& schema, const Value* like, int depth) const {
    if (depth > kDepthMax) return std::nullopt;
    if (like != nullptr && fits(schema, *like)) return *like;
    if (schema.is_boolean())
      return schema.truthy() ? std::optional(Value::empty_object()) : std::nullopt;
    for (const char* fixed : {"const", "default"}) {
      if (const Value* found = schema.find(fixed); found != nullptr && fits(schema, *found))
        return *found;
    }
    for (const char* list : {"enum", "examples"}) {
      const Value* found = schema.find(list);
      if (found == nullptr || !found->is_array()) continue;
      for (const Value& item : found->as_array()) {
        if (fits(schema, item)) return item;
      }
    }
    if (const Value* reference = schema.find("$ref");
        reference != nullptr && reference->is_string()) {
      const Value* target = follow(reference->as_string());
      return target == nullptr ? std::nullopt : value(*target, like, depth + 1);
    }
    for (const char* list : {"anyOf", "oneOf"}) {
      const Value* found = schema.find(list);
      if (found == nullptr || !found->is_array()) continue;
      for (const Value& item : found->as_array()) {
        auto made = value(item, like, depth + 1);
        if (made && fits(schema, *made)) return made;
      }
    }
    auto made = of_type(schema, like, depth);
    if (made && fits(schema, *made)) return made;
    return std::nullopt;
  }

 private:
  bool fits(const Value& schema, const Value& candidate) const {
    if (schema.is_boolean()) return schema.truthy();
    Value whole = schema;
    if (const Value* definitions = root_.find("definitions"))
      whole = whole.with("definitions", *definitions);
    return !dsl::validate_schema({"", whole}, candidate);
  }

  const Value* follow(std::string_view reference) const {
    if (reference == "#") return &root_;
    if (!reference.starts_with("#/")) return nullptr;
    const Value* at = &root_;
    std::string_view rest = reference.substr(2);
    while (at != nullptr && !rest.empty()) {
      const std::size_t slash = rest.find('/');
      at = at->find(rest.substr(0, slash));
      rest = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
    }
    return at;
  }

  std::string type_of(const Value& schema) const {
    const Value* type = schema.find("type");
    if (type != nullptr && type->is_string()) return type->as_string();
    if (type != nullptr && type->is_array() && type->size() > 0)
      return type->as_array()[0].as_string();
    for (const char* key : {"properties", "required"}) {
      if (schema.find(key) != nullptr) return "object";
    }
    return schema.find("items") != nullptr ? "array" : "object";
  }

  std::optional<Value> of_type(const Value& schema, const Value* like, int depth) const {
    const std::string type = type_of(schema);
    if (type == "object") return object(schema, like, depth);
    if (type == "array") return array(schema, like, depth);
    if (type == "string") return text(schema);
    if (type == "integer" || type == "number") return number(schema);
    if (type == "boolean") return Value(true);
    return Value();
  }

  std::optional<Value> object(const Value& schema, const Value* like, int depth) const {
    Value::Object members;
    const Value* properties = schema.find("properties");
    const Value* required = schema.find("required");
    const auto is_required = [&](const std::string& key) {
      if (required == nullptr || !required->is_array()) return false;
      const auto& keys = required->as_array();
      return std::any_of(keys.begin(), keys.end(), [&](const Value& k) { return k == Value(key); });
    };
    if (properties != nullptr && properties->is_object()) {
      for (const dsl::Member& property : properties->as_object()) {
        const Value* same = like == nullptr ? nullptr : like->find(property.key);
        if (!is_required(property.key) && (same == nullptr || !fits(property.value, *same)))
          continue;
        auto made = value(property.value, same, depth + 1);
        if (!made) return std::nullopt;
        members.push_back({property.key, std::move(*made)});
      }
    }
    if (required != nullptr && required->is_array()) {
      for (const Value& key : required->as_array()) {
        if (properties != nullptr && properties->find(key.as_string()) != nullptr) continue;
        const Value* same = like == nullptr ? nullptr : like->find(key.as_string());
        members.push_back({key.as_string(), same == nullptr ? Value("a") : *same});
      }
    }
    return Value::object(std::move(members));
  }

  std::optional<Value> array(const Value& schema, const Value* like, int depth) const {
    const std::int64_t count = std::clamp<std::int64_t>(schema.integer_or("minItems", 0), 0, 100);
    const Value* items = schema.find("items");
    Value::Array out;
    for (std::int64_t i = 0; i < count; ++i) {
      const Value* same =
          like != nullptr && like->is_array() && static_cast<std::size_t>(i) < like->size()
              ? &like->as_array()[static_cast<std::size_t>(i)]
              : nullptr;
      auto made = items == nullptr ? std::optional(Value("a")) : value(*items, same, depth + 1);
      if (!made) return std::nullopt;
      out.push_back(std::move(*made));
    }
    return Value::array(std::move(out));
  }

  std::optional<Value> text(const Value& schema) const {
    for (const std::string_view candidate : kTexts) {
      if (fits(schema, Value(candidate))) return Value(candidate);
    }
    const std::int64_t least = schema.integer_or("minLength", 0);
    if (least > 0 && least < 10'000)
      return Value(std::string(static_cast<std::size_t>(least), 'a'));
    return std::nullopt;
  }

  std::optional<Value> number(const Value& schema) const {
    const std::int64_t least =
        schema.integer_or("minimum", schema.integer_or("exclusiveMinimum", 0));
    const std::int64_t step = std::max<std::int64_t>(schema.integer_or("multipleOf", 1), 1);
    for (const std::int64_t candidate :
         {std::int64_t{1}, least, least + 1, step, (least / step + 1) * step,
          schema.integer_or("maximum", 0), std::int64_t{0}}) {
      if (fits(schema, Value(candidate))) return Value(candidate);
    }
    return std::nullopt;
  }

  const Value& root_;
};

}  // namespace

std::optional<dsl::Value> invent_value(const dsl::Value& schema, const dsl::Value& like) {
  return Inventor(schema).value(schema, like.is_null() ? nullptr : &like, 0);
}

}  // namespace weft::sim
