#include "dsl/expression_results.h"

#include <algorithm>

#include "dsl/expression_program.h"

namespace weft::dsl {
namespace {

using Texts = std::vector<std::string>;

/// Gathers what a node can yield. False: also what is no constant text.
class ResultFinder {
 public:
  explicit ResultFinder(const Expression::Program& program) : program_(program) {}

  bool find(NodeId id, Texts& out) {
    const Node& node = program_.node(id);
    switch (node.operation) {
      case Operation::kConstant:
        return add(node.constant, out);
      case Operation::kIf:
        return find(node.children[1], out) && find(node.children[2], out);
      case Operation::kBind:
        return find(node.children[1], out);
      case Operation::kPipe:
        return find(node.children.back(), out);
      case Operation::kAlternative:
      case Operation::kTry:
        return std::all_of(node.children.begin(), node.children.end(),
                           [&](NodeId child) { return find(child, out); });
      case Operation::kPath:
        return find_in_table(node, out);
      default:
        return false;
    }
  }

 private:
  static bool add(const Value& value, Texts& out) {
    if (!value.is_string()) return false;
    if (std::find(out.begin(), out.end(), value.as_string()) == out.end()) {
      out.push_back(value.as_string());
    }
    return true;
  }

  /// `{EU: "x", US: "y"}[$key]`, `["x", "y"][$n]`: any entry may be chosen.
  bool find_in_table(const Node& path, Texts& out) {
    if (path.steps.size() != 1 || path.steps[0].kind == PathStep::Kind::kSlice ||
        path.steps[0].kind == PathStep::Kind::kIterate) {
      return false;
    }
    const Node& table = program_.node(path.children[0]);
    if (table.operation == Operation::kConstant && table.constant.is_array()) {
      const auto& items = table.constant.as_array();
      return std::all_of(items.begin(), items.end(),
                         [&](const Value& item) { return add(item, out); });
    }
    if (table.operation != Operation::kObject) return false;
    for (std::size_t i = 1; i < table.children.size(); i += 2) {  // Key, value, key, value ...
      if (!find(table.children[i], out)) return false;
    }
    return true;
  }

  const Expression::Program& program_;
};

}  // namespace

std::optional<std::vector<std::string>> constant_texts(const Expression& expression) {
  // The tree is made anew: an expression keeps its own to itself, and this is asked once a route.
  Expression::Program program;
  program.text = expression.text();
  Texts texts;
  if (!parse_expression(program) || !ResultFinder(program).find(program.root, texts)) {
    return std::nullopt;
  }
  return texts;
}

}  // namespace weft::dsl
