#pragma once  // dsl/yaml_reader.h

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/reporter.h"
#include "dsl/source_text.h"
#include "dsl/value.h"

namespace weft::dsl {

/// What a YAML text may cost us (SEMANTICS.md, Limits).
struct YamlLimits {
  std::size_t bytes_max = 256 * 1024;
  int depth_max = 32;
  std::size_t nodes_max = 50'000;  ///< Aliases counted as if written out.
  std::size_t anchors_max = 64;
};

struct YamlNode;

struct YamlMember {
  std::string key;
  Position key_at;
  std::shared_ptr<const YamlNode> value;
};

/// A YAML value with its place. Shared where the text has an alias.
struct YamlNode {
  enum class Kind { kNull, kScalar, kSequence, kMapping };
  Kind kind = Kind::kNull;
  Position at;             ///< For `key:` without a value, the key's place.
  std::size_t offset = 0;  ///< Byte at which the scalar begins.
  std::string text;        ///< Of a scalar.
  bool plain = false;      ///< Without quotes, so it may mean a number or a boolean.
  std::vector<std::shared_ptr<const YamlNode>> items;
  std::vector<YamlMember> members;  ///< Keys are unique.
  std::size_t nodes = 1;            ///< In this subtree, itself included.
  int depth = 1;                    ///< Levels of this subtree, itself included.

  [[nodiscard]] bool is_null() const { return kind == Kind::kNull; }
  [[nodiscard]] bool is_scalar() const { return kind == Kind::kScalar; }
  [[nodiscard]] bool is_sequence() const { return kind == Kind::kSequence; }
  [[nodiscard]] bool is_mapping() const { return kind == Kind::kMapping; }
  [[nodiscard]] const YamlMember* find(std::string_view key) const;
};

/// Reads exactly one document; nothing after an error, which is then reported. Stricter than
/// YAML: no duplicate or non-string keys, no merge keys, no tags, few anchors, no control
/// characters. Numbers, booleans and null are those of YAML 1.2 in JSON's spelling.
[[nodiscard]] std::shared_ptr<const YamlNode> read_yaml(const SourceText& source,
                                                        Reporter& reporter,
                                                        const YamlLimits& limits = {});

/// What a scalar without quotes means.
struct PlainScalar {
  Value value;          ///< A string where it is nothing else.
  std::string quarrel;  ///< Not empty: other YAML readers see something else; says what.
  std::string instead;  ///< What to write then.
};
[[nodiscard]] PlainScalar resolve_plain(std::string_view text);

/// The node as JSON, for schemas and digests; ambiguous scalars are strings.
[[nodiscard]] Value to_value(const YamlNode& node);

}  // namespace weft::dsl
