#include "tests/docs/schema_use.h"

#include <string_view>
#include <utility>

#include "dsl/compiler.h"

namespace weft::docs {
namespace {

using dsl::Value;

const Value* member(const Value& node, const char* key) {
  return node.is_object() ? node.find(key) : nullptr;
}

// Patterns of one text are spellings, not forms: durations may be written in two ways everywhere.
bool is_spelling(const Value& form) {
  return member(form, "pattern") != nullptr || member(form, "allOf") != nullptr;
}

// What every step may say is one key, on whatever kind it stands.
std::string one_place(const std::string& pointer) {
  static constexpr std::string_view kStep = "_step/properties/";
  const std::size_t step = pointer.find(kStep);
  if (step == std::string::npos) return pointer;
  const std::string key = pointer.substr(step + kStep.size());
  for (const char* common : {"step", "when", "description", "status", "on_success", "on_error"}) {
    if (key == common) return "#/definitions/any" + std::string(kStep) + key;
  }
  return pointer;
}

}  // namespace

SchemaUse::SchemaUse(Value schema) : schema_(std::move(schema)) { list("#", schema_); }

void SchemaUse::list(const std::string& pointer, const Value& node) {
  if (node.is_array()) {
    for (std::size_t i = 0; i < node.as_array().size(); ++i) {
      list(pointer + "/" + std::to_string(i), node.as_array()[i]);
    }
    return;
  }
  if (!node.is_object()) return;
  for (const auto& [key, value] : node.as_object()) {
    const std::string at = pointer + "/" + key;
    if (key == "properties") {
      for (const auto& property : value.as_object())
        all_.insert(one_place(at + "/" + property.key));
    } else if (key == "enum") {
      for (const Value& word : value.as_array()) all_.insert(at + "/" + word.to_json());
    } else if (key == "anyOf") {
      for (std::size_t i = 0; i < value.as_array().size(); ++i) {
        if (!is_spelling(value.as_array()[i])) all_.insert(at + "/" + std::to_string(i));
      }
    }
    list(at, value);
  }
}

bool SchemaUse::conforms(const Value& node, const Value& value) const {
  const Value alone = Value::object(
      {{"definitions", *schema_.find("definitions")}, {"allOf", Value::array({node})}});
  return !dsl::validate_schema({"part of the schema", alone}, value);
}

void SchemaUse::walk(const std::string& pointer, const Value& node, const Value& value) {
  if (const Value* reference = member(node, "$ref")) {
    const std::string name = reference->as_string().substr(std::string("#/definitions/").size());
    walk(reference->as_string(), *schema_.find("definitions")->find(name), value);
    return;
  }
  if (member(node, "enum") != nullptr) used_.insert(pointer + "/enum/" + value.to_json());
  if (const Value* all = member(node, "allOf")) {
    for (std::size_t i = 0; i < all->as_array().size(); ++i) {
      walk(pointer + "/allOf/" + std::to_string(i), all->as_array()[i], value);
    }
  }
  if (const Value* any = member(node, "anyOf")) {
    for (std::size_t i = 0; i < any->as_array().size(); ++i) {
      const std::string at = pointer + "/anyOf/" + std::to_string(i);
      if (!conforms(any->as_array()[i], value)) continue;
      used_.insert(at);
      walk(at, any->as_array()[i], value);
    }
  }
  if (const Value* condition = member(node, "if")) {
    const char* branch = conforms(*condition, value) ? "then" : "else";
    if (const Value* chosen = member(node, branch)) walk(pointer + "/" + branch, *chosen, value);
  }
  const Value* items = member(node, "items");
  if (items != nullptr && value.is_array()) {
    for (const Value& item : value.as_array()) walk(pointer + "/items", *items, item);
  }
  if (!value.is_object()) return;
  const Value* properties = member(node, "properties");
  const Value* others = member(node, "additionalProperties");
  for (const auto& [key, inner] : value.as_object()) {
    const Value* known = properties != nullptr ? properties->find(key) : nullptr;
    if (known != nullptr) {
      used_.insert(one_place(pointer + "/properties/" + key));
      walk(pointer + "/properties/" + key, *known, inner);
    } else if (others != nullptr && others->is_object()) {
      walk(pointer + "/additionalProperties", *others, inner);
    }
  }
}

std::vector<std::string> SchemaUse::unused() const {
  std::vector<std::string> out;
  for (const std::string& pointer : all_) {
    if (!used_.contains(pointer)) out.push_back(pointer);
  }
  return out;
}

}  // namespace weft::docs
