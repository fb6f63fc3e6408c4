#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include <re2/re2.h>

#include "dsl/names.h"
#include "dsl/schema_check.h"
#include "dsl/schema_keywords.h"

namespace weft::dsl {
namespace {

enum class Form {
  kAnnotation,
  kSchema,
  kSchemas,
  kSchemaOrList,
  kSchemaMap,
  kDependencies,
  kType,
  kEnum,
  kAnything,
  kNumber,
  kPositive,
  kCount,
  kBoolean,
  kPattern,
  kFormat,
  kNames,
  kReference
};

struct Keyword {
  std::string_view name;
  Form form;
};

constexpr Keyword kKeywords[] = {{"$schema", Form::kAnnotation},
                                 {"$id", Form::kAnnotation},
                                 {"$comment", Form::kAnnotation},
                                 {"title", Form::kAnnotation},
                                 {"description", Form::kAnnotation},
                                 {"default", Form::kAnnotation},
                                 {"examples", Form::kAnnotation},
                                 {"readOnly", Form::kAnnotation},
                                 {"writeOnly", Form::kAnnotation},
                                 {"deprecated", Form::kAnnotation},
                                 {"definitions", Form::kSchemaMap},
                                 {"$defs", Form::kSchemaMap},
                                 {"$ref", Form::kReference},
                                 {"type", Form::kType},
                                 {"enum", Form::kEnum},
                                 {"const", Form::kAnything},
                                 {"multipleOf", Form::kPositive},
                                 {"maximum", Form::kNumber},
                                 {"minimum", Form::kNumber},
                                 {"exclusiveMaximum", Form::kNumber},
                                 {"exclusiveMinimum", Form::kNumber},
                                 {"maxLength", Form::kCount},
                                 {"minLength", Form::kCount},
                                 {"pattern", Form::kPattern},
                                 {"format", Form::kFormat},
                                 {"items", Form::kSchemaOrList},
                                 {"additionalItems", Form::kSchema},
                                 {"maxItems", Form::kCount},
                                 {"minItems", Form::kCount},
                                 {"uniqueItems", Form::kBoolean},
                                 {"contains", Form::kSchema},
                                 {"maxProperties", Form::kCount},
                                 {"minProperties", Form::kCount},
                                 {"required", Form::kNames},
                                 {"properties", Form::kSchemaMap},
                                 {"patternProperties", Form::kSchemaMap},
                                 {"additionalProperties", Form::kSchema},
                                 {"dependencies", Form::kDependencies},
                                 {"propertyNames", Form::kSchema},
                                 {"if", Form::kSchema},
                                 {"then", Form::kSchema},
                                 {"else", Form::kSchema},
                                 {"allOf", Form::kSchemas},
                                 {"anyOf", Form::kSchemas},
                                 {"oneOf", Form::kSchemas},
                                 {"not", Form::kSchema}};

/// What authors write for another draft, and what does the same here.
std::string replacement(std::string_view keyword) {
  if (keyword == "prefixItems") return "write `items: [ … ]` and `additionalItems`";
  if (keyword == "dependentRequired" || keyword == "dependentSchemas") {
    return "write `dependencies`";
  }
  if (keyword == "unevaluatedProperties") return "write `additionalProperties`";
  if (keyword == "unevaluatedItems") return "write `additionalItems`";
  if (keyword == "minContains" || keyword == "maxContains") return "write `contains`";
  if (keyword == "contentEncoding" || keyword == "contentMediaType") return "write `pattern`";
  if (keyword == "nullable") return "write `type: [\"string\", \"null\"]`";
  return {};
}

class Lint final {
 public:
  explicit Lint(const Value& root) : root_(root) {}

  std::optional<SchemaProblem> check(const Value& schema, const std::string& pointer, int depth);

 private:
  using Problem = std::optional<SchemaProblem>;

  Problem keyword(const Member& member, Form form, const std::string& pointer, int depth);
  Problem each(const Value& schemas, const std::string& pointer, int depth);
  Problem map(const Value& schemas, const std::string& pointer, int depth);
  static Problem type(const Value& value, const std::string& pointer);
  static Problem pattern(const std::string& text, const std::string& pointer);
  static Problem problem(const std::string& pointer, std::string message,
                         std::string instead = {}) {
    return SchemaProblem{pointer, std::move(message), std::move(instead)};
  }

  const Value& root_;
};

std::optional<SchemaProblem> Lint::check(const Value& schema, const std::string& pointer,
                                         int depth) {
  if (schema.is_boolean()) return std::nullopt;
  if (!schema.is_object()) return problem(pointer, "a schema must be an object, true or false");
  if (depth > 64) return problem(pointer, "the schema is nested too deeply");
  const bool reference = schema.find("$ref") != nullptr;
  for (const Member& member : schema.as_object()) {
    if (member.key.starts_with("x-")) continue;
    const auto* known =
        std::find_if(std::begin(kKeywords), std::end(kKeywords),
                     [&](const Keyword& entry) { return entry.name == member.key; });
    if (known == std::end(kKeywords)) {
      std::string instead = replacement(member.key);
      if (instead.empty()) {
        std::vector<std::string> names;
        for (const Keyword& entry : kKeywords) names.emplace_back(entry.name);
        instead = suggestion(member.key, names);
      }
      return problem(pointer,
                     "the keyword " + quoted(member.key) +
                         " is not of JSON Schema draft 7 and would be ignored",
                     std::move(instead));
    }
    if (member.key == "$id" && depth > 0) {
      return problem(pointer, "`$id` below the top would change what `$ref` means",
                     "remove it and refer by `#/definitions/…`");
    }
    const bool applies = known->form != Form::kAnnotation && known->form != Form::kReference &&
                         member.key != "definitions" && member.key != "$defs";
    if (reference && applies) {
      return problem(pointer, quoted(member.key) + " is ignored beside `$ref`",
                     "put both into `allOf`");
    }
    if (auto found = keyword(member, known->form, pointer, depth)) return found;
  }
  return std::nullopt;
}

std::optional<SchemaProblem> Lint::keyword(const Member& member, Form form,
                                           const std::string& pointer, int depth) {
  const Value& value = member.value;
  const std::string here = pointer + "/" + member.key;
  switch (form) {
    case Form::kAnnotation:
    case Form::kAnything:
      return std::nullopt;
    case Form::kSchema:
      return check(value, here, depth + 1);
    case Form::kSchemas:
      if (!value.is_array() || value.size() == 0) {
        return problem(here, "must be a list of schemas, not empty");
      }
      return each(value, here, depth);
    case Form::kSchemaOrList:
      return value.is_array() ? each(value, here, depth) : check(value, here, depth + 1);
    case Form::kSchemaMap:
      return map(value, here, depth);
    case Form::kDependencies: {
      if (!value.is_object()) return problem(here, "must be an object");
      for (const Member& entry : value.as_object()) {
        auto found = entry.value.is_array()
                         ? keyword({"required", entry.value}, Form::kNames, here, depth)
                         : check(entry.value, here + "/" + entry.key, depth + 1);
        if (found) return found;
      }
      return std::nullopt;
    }
    case Form::kType:
      return type(value, here);
    case Form::kEnum:
      if (!value.is_array() || value.size() == 0) return problem(here, "must be a list, not empty");
      return std::nullopt;
    case Form::kNumber:
      if (!value.is_number()) return problem(here, "must be a number");
      return std::nullopt;
    case Form::kPositive:
      if (!value.is_number() || value <= Value(0)) return problem(here, "must be a number above 0");
      return std::nullopt;
    case Form::kCount:
      if (!value.is_integer() || value < Value(0)) return problem(here, "must be a whole number");
      return std::nullopt;
    case Form::kBoolean:
      if (!value.is_boolean()) return problem(here, "must be true or false");
      return std::nullopt;
    case Form::kPattern:
      if (!value.is_string()) return problem(here, "must be text");
      return this->pattern(value.as_string(), here);
    case Form::kFormat: {
      const auto& formats = checked_formats();
      if (value.is_string() &&
          std::find(formats.begin(), formats.end(), value.as_string()) != formats.end()) {
        return std::nullopt;
      }
      return problem(here, "this format would not be checked",
                     "write " + any_of_words(formats) + ", or a `pattern`");
    }
    case Form::kNames:
      if (!value.is_array() || !std::all_of(value.as_array().begin(), value.as_array().end(),
                                            [](const Value& item) { return item.is_string(); })) {
        return problem(here, "must be a list of names");
      }
      return std::nullopt;
    case Form::kReference:
      if (!value.is_string()) return problem(here, "must be text");
      if (!value.as_string().starts_with('#')) {
        return problem(here, "refers to another document: " + quoted(value.as_string()),
                       "copy what it needs into `definitions`");
      }
      if (resolve_reference(root_, value.as_string()) == nullptr) {
        return problem(here, quoted(value.as_string()) + " leads nowhere",
                       "refer to an entry of `definitions`");
      }
      return std::nullopt;
  }
  return std::nullopt;
}

std::optional<SchemaProblem> Lint::each(const Value& schemas, const std::string& pointer,
                                        int depth) {
  std::size_t index = 0;
  for (const Value& schema : schemas.as_array()) {
    if (auto found = check(schema, pointer + "/" + std::to_string(index++), depth + 1)) {
      return found;
    }
  }
  return std::nullopt;
}

std::optional<SchemaProblem> Lint::map(const Value& schemas, const std::string& pointer,
                                       int depth) {
  if (!schemas.is_object()) return problem(pointer, "must be an object");
  for (const Member& entry : schemas.as_object()) {
    const std::string here = pointer + "/" + entry.key;
    if (pointer.ends_with("/patternProperties")) {
      if (auto found = pattern(entry.key, here)) return found;
    }
    if (auto found = check(entry.value, here, depth + 1)) return found;
  }
  return std::nullopt;
}

std::optional<SchemaProblem> Lint::type(const Value& value, const std::string& pointer) {
  static constexpr std::string_view kTypes[] = {"null",   "boolean", "object", "array",
                                                "number", "string",  "integer"};
  const auto known = [](const Value& name) {
    return name.is_string() &&
           std::find(std::begin(kTypes), std::end(kTypes), name.as_string()) != std::end(kTypes);
  };
  const bool good =
      known(value) || (value.is_array() && value.size() > 0 &&
                       std::all_of(value.as_array().begin(), value.as_array().end(), known));
  if (good) return std::nullopt;
  return problem(pointer, "names no type of JSON",
                 "write null, boolean, object, array, number, string or integer");
}

std::optional<SchemaProblem> Lint::pattern(const std::string& text, const std::string& pointer) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  const re2::RE2 compiled(text, options);
  if (compiled.ok()) return std::nullopt;
  return problem(pointer, "the pattern " + quoted(text) + " cannot be used: " + compiled.error(),
                 "patterns are RE2's: no look-around, no back-references");
}

/// `definitions/line` of a JSON pointer, one token at a time.
std::string unescape(std::string_view token) {
  std::string out;
  for (std::size_t i = 0; i < token.size(); ++i) {
    if (token[i] == '~' && i + 1 < token.size() && (token[i + 1] == '0' || token[i + 1] == '1')) {
      out.push_back(token[++i] == '0' ? '~' : '/');
    } else {
      out.push_back(token[i]);
    }
  }
  return out;
}

/// Where a constant path leads. A schema with combinations is followed only as far as its own
/// `properties` go; beyond that nothing is claimed.
SchemaPath follow(const Value& root, const Value* schema, const std::vector<std::string>& path,
                  std::size_t part, int depth) {
  SchemaPath out;
  out.part = part;
  if (part == path.size()) {
    out.verdict = SchemaPath::Verdict::kKnown;
    return out;
  }
  if (depth > 64 || schema == nullptr || !schema->is_object()) return out;
  if (const Value* reference = schema->find("$ref")) {
    if (!reference->is_string()) return out;
    return follow(root, resolve_reference(root, reference->as_string()), path, part, depth + 1);
  }
  if (path[part] == "[]") {
    const Value* items = schema->find("items");
    return follow(root, items, path, part + 1, depth + 1);
  }
  const Value* properties = schema->find("properties");
  if (properties != nullptr && properties->is_object()) {
    if (const Value* next = properties->find(path[part])) {
      out = follow(root, next, path, part + 1, depth + 1);
      const Value* required = schema->find("required");
      const bool sure = required != nullptr && required->is_array() &&
                        std::find(required->as_array().begin(), required->as_array().end(),
                                  Value(path[part])) != required->as_array().end();
      out.optional = out.optional || !sure;
      return out;
    }
    for (const Member& member : properties->as_object()) out.alternatives.push_back(member.key);
  }
  for (const char* open : {"allOf", "anyOf", "oneOf", "if", "patternProperties", "not"}) {
    if (schema->find(open) != nullptr) {
      out.alternatives.clear();
      return out;
    }
  }
  const Value* additional = schema->find("additionalProperties");
  if (additional != nullptr && additional->is_boolean() && !additional->as_boolean()) {
    out.verdict = SchemaPath::Verdict::kImpossible;
  } else if (additional != nullptr && additional->is_object()) {
    return follow(root, additional, path, part + 1, depth + 1);
  }
  const Value* type = schema->find("type");
  if (type != nullptr && type->is_string() && type->as_string() != "object") {
    out.verdict = SchemaPath::Verdict::kImpossible;
  }
  return out;
}

}  // namespace

const Value* resolve_reference(const Value& root, std::string_view reference) {
  if (!reference.starts_with('#')) return nullptr;
  reference.remove_prefix(1);
  const Value* at = &root;
  while (!reference.empty()) {
    if (reference.front() != '/') return nullptr;
    reference.remove_prefix(1);
    const std::size_t slash = std::min(reference.find('/'), reference.size());
    const std::string token = unescape(reference.substr(0, slash));
    reference.remove_prefix(slash);
    if (at->is_array()) {
      std::size_t index = 0;
      const auto [end, bad] = std::from_chars(token.data(), token.data() + token.size(), index);
      if (bad != std::errc() || end != token.data() + token.size() || index >= at->size()) {
        return nullptr;
      }
      at = &at->as_array()[index];
    } else {
      at = at->find(token);
    }
    if (at == nullptr) return nullptr;
  }
  return at->is_object() || at->is_boolean() ? at : nullptr;
}

std::optional<SchemaProblem> lint_schema(const Value& schema) {
  return Lint(schema).check(schema, {}, 0);
}

SchemaPath follow_schema(const Value& schema, const std::vector<std::string>& path) {
  return follow(schema, &schema, path, 0, 0);
}

}  // namespace weft::dsl
