#pragma once  // tests/docs/schema_use.h

#include <map>
#include <set>
#include <string>
#include <vector>

#include "dsl/value.h"

namespace weft::docs {

/// Which keys, words and forms of a JSON Schema the documents use that are shown to it.
class SchemaUse final {
 public:
  explicit SchemaUse(dsl::Value schema);

  /// Follows `document` through the schema, which it conforms to.
  void mark(const dsl::Value& document) { walk("#", schema_, document); }

  /// By JSON pointer: every property, every word of an `enum`, every form of an `anyOf` that is
  /// more than another spelling of a text.
  [[nodiscard]] const std::set<std::string>& all() const { return all_; }
  [[nodiscard]] std::vector<std::string> unused() const;

 private:
  void list(const std::string& pointer, const dsl::Value& node);
  void walk(const std::string& pointer, const dsl::Value& node, const dsl::Value& value);
  [[nodiscard]] bool conforms(const dsl::Value& node, const dsl::Value& value) const;

  dsl::Value schema_;
  std::set<std::string> all_, used_;
};

}  // namespace weft::docs
