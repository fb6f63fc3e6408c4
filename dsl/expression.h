#pragma once  // dsl/expression.h

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "dsl/value.h"

namespace weft::dsl {

/// Where names of an expression come from at run time. `.` is looked up as ".", `$name` as "name".
class Bindings {
 public:
  virtual ~Bindings() = default;
  /// The value, or nullptr if the name is absent here (a skipped, failed or lost step: an error
  /// unless the expression says `//` or `?`). The pointer holds until evaluation ends.
  [[nodiscard]] virtual const Value* find(std::string_view name) const = 0;
};

/// A few fixed names; for tests and small callers.
class MapBindings final : public Bindings {
 public:
  MapBindings() = default;
  explicit MapBindings(std::vector<Member> names) : names_(std::move(names)) {}
  void set(std::string_view name, Value value);
  [[nodiscard]] const Value* find(std::string_view name) const override;

 private:
  std::vector<Member> names_;
};

/// What a failed compilation or evaluation says.
struct ExpressionError {
  enum class Kind { kSyntax, kUnknownName, kUnknownFunction, kType, kMissing, kOverflow, kBudget,
                    kRaised, kNotOne };
  Kind kind = Kind::kSyntax;
  std::size_t offset = 0;  ///< Byte in the expression's text, from 0.
  std::string message;     ///< What is wrong, naming the path where there is one.
  std::string instead;     ///< What to write instead; may be empty.
};

/// One name an expression reads from outside, e.g. `$reserve.lines[0].sku // null`.
struct Reference {
  std::string name;                ///< "." or the name without "$".
  std::vector<std::string> path;   ///< Leading constant keys: {"lines"}; stops at the first
                                   ///< index, iteration or computed key.
  bool whole_path = true;          ///< False where the access goes on beyond `path`.
  bool forgiven = false;           ///< Under `//` (left side) or `?`: absence is no error.
  std::size_t offset = 0;          ///< Byte in the expression's text.
};

struct EvaluationLimits {
  std::size_t steps_max = 100'000;         ///< Nodes evaluated, items produced; spent = error.
  std::size_t bytes_max = 1024 * 1024;     ///< Of strings built; bounds memory.
  int depth_max = 64;                      ///< Nesting of the result and of fromjson.
};

/// A compiled expression: jq's syntax, total and pure (DSL.md, Expressions). Immutable, shared by
/// copies, usable from any thread.
class Expression {
 public:
  /// `text` without the surrounding `${ }`. Names are not resolved here: see references().
  [[nodiscard]] static tl::expected<Expression, ExpressionError> compile(std::string_view text);

  /// Exactly one result, else an error (kNotOne).
  [[nodiscard]] tl::expected<Value, ExpressionError> evaluate(
      const Bindings& bindings, const EvaluationLimits& limits = {}) const;

  [[nodiscard]] const std::vector<Reference>& references() const;
  [[nodiscard]] const std::string& text() const;
  /// Canonical spelling (one blank between tokens): the digest of a graph is taken over it.
  [[nodiscard]] std::string canonical() const;

  struct Program;  ///< The typed tree; private to expression.cc.

 private:
  explicit Expression(std::shared_ptr<const Program> program) : program_(std::move(program)) {}
  std::shared_ptr<const Program> program_;
};

/// A YAML value with holes: literals, `${ }` expressions, texts with holes, arrays and objects of
/// them. What `with`, `set`, `output` and the like compile to.
class Template {
 public:
  Template() = default;  ///< The literal null.
  static Template literal(Value value);
  static Template expression(Expression expression);
  /// "order ${ .id }": strings are inserted as they are, other values as JSON.
  static Template text(std::vector<Template> parts);
  static Template array(std::vector<Template> items);
  static Template object(std::vector<std::pair<std::string, Template>> members);

  [[nodiscard]] tl::expected<Value, ExpressionError> evaluate(
      const Bindings& bindings, const EvaluationLimits& limits = {}) const;
  /// Calls `visit` for every expression inside.
  void each_expression(const std::function<void(const Expression&)>& visit) const;
  /// If there is no expression inside, its value.
  [[nodiscard]] const Value* constant() const;
  [[nodiscard]] Value canonical() const;  ///< For digests and `weft graph --format json`.

 private:
  struct Node;
  std::shared_ptr<const Node> node_;
};

}  // namespace weft::dsl
