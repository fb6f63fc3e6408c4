#pragma once  // dsl/schema_check.h

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/value.h"

namespace weft::dsl {

/// Why a document is no schema that we can keep the promise of.
struct SchemaProblem {
  std::string pointer;  ///< Into the schema.
  std::string message;
  std::string instead;
};

/// JSON Schema draft 7 without remote references. Refuses every keyword that would be ignored
/// (of other drafts, misspelt, formats not checked), and patterns that RE2 cannot run: a schema
/// must not promise what nobody checks.
[[nodiscard]] std::optional<SchemaProblem> lint_schema(const Value& schema);

/// What a schema says about a constant path.
struct SchemaPath {
  enum class Verdict { kKnown, kUnknown, kImpossible };
  Verdict verdict = Verdict::kUnknown;    ///< kUnknown: the schema is silent or open there.
  std::size_t part = 0;                   ///< The first part it does not list.
  std::vector<std::string> alternatives;  ///< What it lists beside that part.
  bool optional = false;                  ///< Some part is not among the `required` ones.
};
/// A part `[]` stands for every item of an array.
[[nodiscard]] SchemaPath follow_schema(const Value& schema, const std::vector<std::string>& path);

}  // namespace weft::dsl
