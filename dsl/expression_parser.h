#pragma once  // dsl/expression_parser.h

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dsl/expression_lexer.h"
#include "dsl/expression_program.h"
#include "dsl/names.h"

// The grammar, from loose to tight; it is jq's, less what DSL.md leaves out:
//
//   pipe        = comma { "|" comma }
//   comma       = alternative { "," alternative }          only where several values have a use
//   alternative = or [ "//" alternative ]
//   or          = and { "or" and }
//   and         = comparison { "and" comparison }
//   comparison  = sum [ ( "==" | "!=" | "<" | "<=" | ">" | ">=" ) sum ]
//   sum         = product { ( "+" | "-" ) product }
//   product     = unary { ( "*" | "/" | "%" ) unary }
//   unary       = "-" product | term
//   term        = primary { ".name" | "." string | "[" ... "]" | "?" } [ "as" "$name" "|" pipe ]
//   primary     = "." | ".name" | "." string | number | string | "$name" | "(" pipe ")"
//               | "[" [ pipe ] "]" | "{" [ member { "," member } ] "}" | "if" ... "end"
//               | "reduce" term "as" "$name" "(" pipe ";" pipe ")"
//               | function [ "(" pipe { ";" pipe } ")" ]

namespace weft::dsl {

/// Builds the tree of one expression by recursive descent, one function a rule. Only the
/// expression_parser*.cc files include it; others call parse_expression().
class ExpressionParser {
 public:
  ExpressionParser(Expression::Program& program, std::vector<Token> tokens)
      : program_(program), tokens_(std::move(tokens)) {}

  /// Fills the program, or says what is wrong first.
  [[nodiscard]] tl::expected<void, ExpressionError> run();

 private:
  using Kind = Token::Kind;

  struct LocalName {
    std::string name;
    std::uint32_t slot;
  };

  // What several values may be used for here; see comma in the grammar.
  class CommaScope {
   public:
    CommaScope(ExpressionParser& parser, bool allowed)
        : parser_(parser), before_(parser.comma_allowed_) {
      parser_.comma_allowed_ = allowed;
    }
    ~CommaScope() { parser_.comma_allowed_ = before_; }
    CommaScope(const CommaScope&) = delete;
    CommaScope& operator=(const CommaScope&) = delete;

   private:
    ExpressionParser& parser_;
    bool before_;
  };

  // Tokens

  [[nodiscard]] const Token& token(std::size_t ahead = 0) const {
    return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
  }
  void advance() {
    if (at_ + 1 < tokens_.size()) ++at_;
  }
  bool take_symbol(std::string_view spelling) {
    if (!token().is_symbol(spelling)) return false;
    advance();
    return true;
  }
  bool take_word(std::string_view spelling) {
    if (!token().is_word(spelling)) return false;
    advance();
    return true;
  }
  [[nodiscard]] std::string spelled(const Token& what) const;

  // Failures; the first one counts.

  NodeId fail_at(std::size_t offset, ExpressionError::Kind kind, std::string message,
                 std::string instead);
  NodeId fail(std::string message, std::string instead) {
    return fail_at(token().begin, ExpressionError::Kind::kSyntax, std::move(message),
                   std::move(instead));
  }
  NodeId fail_unexpected(const std::string& wanted);
  bool want_symbol(const char* spelling);

  // Nodes

  NodeId add(Node node);
  void include(Node& parent, NodeId child) const {
    parent.height = std::max(parent.height, program_.nodes[child].height + 1);
  }
  [[nodiscard]] bool single(NodeId id) const { return program_.nodes[id].single; }
  [[nodiscard]] bool all_single(const std::vector<NodeId>& ids) const {
    return std::all_of(ids.begin(), ids.end(), [this](NodeId id) { return single(id); });
  }
  Node make(Operation operation, std::size_t begin) const;
  NodeId add_constant(Value value, std::size_t begin);
  // A node over `children`; single if all of them are and `can_be_single`.
  NodeId add_over(Operation operation, std::size_t begin, std::vector<NodeId> children,
                  bool can_be_single = true);
  NodeId add_binary(Operation operation, Operator op, NodeId left, NodeId right);

  // Operators: expression_parser.cc

  NodeId parse_pipe();
  NodeId parse_comma();
  NodeId parse_alternative();
  NodeId parse_or();
  NodeId parse_and();
  [[nodiscard]] Operator operator_among(
      std::initializer_list<std::pair<std::string_view, Operator>> choices) const;
  NodeId parse_comparison();
  NodeId parse_sum();
  NodeId parse_product();
  NodeId parse_unary();
  // Says at every node what an absent part of a path means there.
  void mark_absence(NodeId id, Absence absence);

  // Paths and names: expression_parser_paths.cc

  NodeId parse_term();
  // A term without `as`.
  NodeId parse_path();
  // `term` ends in a step, which a `?` follows.
  void make_optional(NodeId term);
  // Appends `step` to the path that `base` is, or begins one on it. A path that stands in
  // parentheses, as in `(.a).b`, is the same path.
  NodeId extend(NodeId base, std::size_t begin, PathStep step);
  NodeId extend_by(NodeId base, std::size_t begin, NodeId key);
  NodeId parse_quoted_key(NodeId base, std::size_t begin);
  NodeId parse_brackets(NodeId base, std::size_t begin);
  NodeId parse_binding(NodeId source, std::size_t begin);
  // `as $name`; the name is in scope afterwards.
  std::optional<std::uint32_t> parse_bound_name();

  // What terms begin with: expression_parser_terms.cc

  NodeId parse_primary();
  NodeId add_identity(std::size_t begin);
  NodeId add_array(NodeId items, std::size_t begin);
  NodeId parse_number();
  NodeId parse_text();
  NodeId parse_name();
  NodeId parse_word();
  NodeId parse_if();
  NodeId parse_reduce();
  NodeId parse_object(std::size_t begin);
  // One of: name, name: value, "text": value, (expression): value, $name, "text".
  bool parse_member(std::vector<NodeId>& parts);
  NodeId parse_text_key();
  // jq allows terms joined by `|` here; operators are understood as well.
  NodeId parse_member_value();
  NodeId add_member_access(NodeId key, std::size_t begin);

  // Functions: expression_parser_calls.cc

  NodeId parse_call();
  static bool takes_closures(std::string_view name);
  bool compile_pattern(NodeId argument, bool literal, std::size_t at, Node& node);
  NodeId fail_unknown_function(const Token& word, std::size_t given);

  Expression::Program& program_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int nesting_ = 0;
  bool comma_allowed_ = false;
  std::uint32_t slots_ = 0;
  std::vector<LocalName> locals_;
  bool failed_ = false;
  ExpressionError error_;
};

}  // namespace weft::dsl
