#include <re2/re2.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

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
//               | "reduce" term "as" "$name" "(" pipe ";" pipe ")" | name [ "(" pipe { ";" pipe } ")" ]

namespace weft::dsl {
namespace {

using Kind = Token::Kind;

constexpr std::size_t kStepsMax = 64;  // Of one path: no document is nested deeper.
constexpr std::size_t kPatternMemoryMax = 1 << 20;  // Of a compiled `test` pattern, bytes.

constexpr std::string_view kDestructuring =
    "bind one name and take it apart by paths: `EXPR as $name | $name.field`";

class Parser {
 public:
  Parser(Expression::Program& program, std::vector<Token> tokens)
      : program_(program), tokens_(std::move(tokens)) {}

  tl::expected<void, ExpressionError> run() {
    if (token().kind == Kind::kEnd) {
      fail("the expression is empty", "write what it yields, e.g. `.order_id`");
    } else if (const NodeId root = parse_pipe(); root != kNoNode) {
      if (token().kind == Kind::kEnd) {
        program_.root = root;
      } else {
        fail_unexpected("an operator or the end");
      }
    }
    if (failed_) return tl::unexpected(std::move(error_));
    mark_absence(program_.root, Absence::kError);
    program_.canonical = canonical_text(program_.text, tokens_);
    return {};
  }

 private:
  struct LocalName {
    std::string name;
    std::uint32_t slot;
  };

  // What several values may be used for here; see comma in the grammar.
  class CommaScope {
   public:
    CommaScope(Parser& parser, bool allowed) : parser_(parser), before_(parser.comma_allowed_) {
      parser_.comma_allowed_ = allowed;
    }
    ~CommaScope() { parser_.comma_allowed_ = before_; }
    CommaScope(const CommaScope&) = delete;
    CommaScope& operator=(const CommaScope&) = delete;

   private:
    Parser& parser_;
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
  [[nodiscard]] std::string spelled(const Token& what) const {
    if (what.kind == Kind::kEnd) return "the end";
    return quoted(std::string_view(program_.text).substr(what.begin, what.end - what.begin));
  }

  // Failures; the first one counts.

  NodeId fail_at(std::size_t offset, ExpressionError::Kind kind, std::string message,
                 std::string instead) {
    if (!failed_) {
      failed_ = true;
      error_ = {kind, offset, std::move(message), std::move(instead)};
    }
    return kNoNode;
  }
  NodeId fail(std::string message, std::string instead) {
    return fail_at(token().begin, ExpressionError::Kind::kSyntax, std::move(message),
                   std::move(instead));
  }
  NodeId fail_unexpected(const std::string& wanted) {
    const Token& found = token();
    if (found.kind == Kind::kSymbol) {
      if (found.text == "=" || (found.text.size() > 1 && found.text.back() == '=' &&
                                found.text != "==" && found.text != "!=" && found.text != "<=" &&
                                found.text != ">=")) {
        return fail("`" + found.text + "` assigns, and expressions change nothing",
                    found.text == "=" ? "compare with `==`, or build `. + {name: value}`"
                                      : "build the object anew: `. + {name: value}`");
      }
      if (wanted != "a value" &&
          (found.text == "==" || found.text == "!=" || found.text == "<" || found.text == "<=" ||
           found.text == ">" || found.text == ">=")) {
        return fail("comparisons do not chain", "write `a < b and b < c`");
      }
      if (found.text == "|" && at_ > 0 && tokens_[at_ - 1].is_symbol("|")) {
        return fail("`||` is no operator", "write `or`");
      }
      if (found.text == "..") {
        return fail("`..` recurses, which is left out", "name the path, e.g. `.lines[].sku`");
      }
    }
    if (found.kind == Kind::kWord) {
      if (const auto advice = left_out_advice(found.text); !advice.empty()) {
        return fail("`" + found.text + "` is left out of this language", std::string(advice));
      }
    }
    const std::string hint = found.kind == Kind::kString || found.kind == Kind::kTextBegin ||
                                     found.kind == Kind::kWord || found.kind == Kind::kName ||
                                     found.kind == Kind::kNumber
                                 ? "join values with an operator, e.g. `+` or `|`"
                                 : "";
    return fail("expected " + wanted + ", found " + spelled(found),
                wanted == "an operator or the end" ? hint : "");
  }
  bool want_symbol(const char* spelling) {
    if (take_symbol(spelling)) return true;
    fail_unexpected(std::string("`") + spelling + "`");
    return false;
  }

  // Nodes

  NodeId add(Node node) {
    for (const NodeId child : node.children) include(node, child);
    for (const PathStep& step : node.steps) {
      if (step.first != kNoNode) include(node, step.first);
      if (step.second != kNoNode) include(node, step.second);
    }
    if (node.height > kHeightMax || program_.nodes.size() >= kNodesMax) {
      return fail_at(node.begin, ExpressionError::Kind::kSyntax, "the expression is too large",
                     "compute parts of it in a `set` step");
    }
    program_.nodes.push_back(std::move(node));
    return static_cast<NodeId>(program_.nodes.size() - 1);
  }

  void include(Node& parent, NodeId child) const {
    parent.height = std::max(parent.height, program_.nodes[child].height + 1);
  }
  [[nodiscard]] bool single(NodeId id) const { return program_.nodes[id].single; }
  [[nodiscard]] bool all_single(const std::vector<NodeId>& ids) const {
    return std::all_of(ids.begin(), ids.end(), [this](NodeId id) { return single(id); });
  }

  Node make(Operation operation, std::size_t begin) const {
    Node node;
    node.operation = operation;
    node.begin = static_cast<std::uint32_t>(begin);
    node.end = at_ == 0 ? node.begin : tokens_[at_ - 1].end;
    return node;
  }

  NodeId add_constant(Value value, std::size_t begin) {
    Node node = make(Operation::kConstant, begin);
    node.constant = std::move(value);
    return add(std::move(node));
  }

  // A node over `children`; single if all of them are and `can_be_single`.
  NodeId add_over(Operation operation, std::size_t begin, std::vector<NodeId> children,
                  bool can_be_single = true) {
    Node node = make(operation, begin);
    node.single = can_be_single && all_single(children);
    node.children = std::move(children);
    return add(std::move(node));
  }

  NodeId add_binary(Operation operation, Operator op, NodeId left, NodeId right) {
    Node node = make(operation, program_.nodes[left].begin);
    node.op = op;
    node.single = single(left) && single(right);
    node.children = {left, right};
    return add(std::move(node));
  }

  // The grammar

  NodeId parse_pipe() {
    if (++nesting_ > kNestingMax) {
      return fail("brackets are nested more than " + std::to_string(kNestingMax) + " deep",
                  "compute parts of it in a `set` step");
    }
    const std::size_t begin = token().begin;
    if (token().is_word("def")) return fail_unexpected("a value");
    std::vector<NodeId> parts;
    do {
      const NodeId part = parse_comma();
      if (part == kNoNode) return kNoNode;
      parts.push_back(part);
    } while (take_symbol("|"));
    --nesting_;
    if (parts.size() == 1) return parts.front();
    return add_over(Operation::kPipe, begin, std::move(parts));
  }

  NodeId parse_comma() {
    const std::size_t begin = token().begin;
    std::vector<NodeId> parts;
    for (;;) {
      const NodeId part = parse_alternative();
      if (part == kNoNode) return kNoNode;
      parts.push_back(part);
      if (!token().is_symbol(",")) break;
      if (!comma_allowed_) {
        return fail("`,` yields several values, and one is wanted here",
                    "make them an array: `[a, b]`");
      }
      advance();
    }
    if (parts.size() == 1) return parts.front();
    return add_over(Operation::kComma, begin, std::move(parts), false);
  }

  NodeId parse_alternative() {
    std::vector<NodeId> parts;
    do {
      const NodeId part = parse_or();
      if (part == kNoNode) return kNoNode;
      parts.push_back(part);
    } while (take_symbol("//"));
    NodeId result = parts.back();
    for (std::size_t i = parts.size() - 1; i-- > 0 && result != kNoNode;) {
      result = add_binary(Operation::kAlternative, Operator::kNone, parts[i], result);
    }
    return result;
  }

  NodeId parse_or() {
    NodeId left = parse_and();
    while (left != kNoNode && take_word("or")) {
      const NodeId right = parse_and();
      if (right == kNoNode) return kNoNode;
      left = add_binary(Operation::kOr, Operator::kNone, left, right);
    }
    return left;
  }

  NodeId parse_and() {
    NodeId left = parse_comparison();
    while (left != kNoNode && take_word("and")) {
      const NodeId right = parse_comparison();
      if (right == kNoNode) return kNoNode;
      left = add_binary(Operation::kAnd, Operator::kNone, left, right);
    }
    return left;
  }

  [[nodiscard]] Operator operator_among(
      std::initializer_list<std::pair<std::string_view, Operator>> choices) const {
    for (const auto& [spelling, op] : choices) {
      if (token().is_symbol(spelling)) return op;
    }
    return Operator::kNone;
  }

  NodeId parse_comparison() {
    const NodeId left = parse_sum();
    if (left == kNoNode) return kNoNode;
    const Operator op = operator_among({{"==", Operator::kEqual},
                                        {"!=", Operator::kUnequal},
                                        {"<", Operator::kLess},
                                        {"<=", Operator::kLessOrEqual},
                                        {">", Operator::kGreater},
                                        {">=", Operator::kGreaterOrEqual}});
    if (op == Operator::kNone) return left;
    advance();
    const NodeId right = parse_sum();
    if (right == kNoNode) return kNoNode;
    return add_binary(Operation::kCompare, op, left, right);
  }

  NodeId parse_sum() {
    NodeId left = parse_product();
    while (left != kNoNode) {
      const Operator op = operator_among({{"+", Operator::kAdd}, {"-", Operator::kSubtract}});
      if (op == Operator::kNone) break;
      advance();
      const NodeId right = parse_product();
      if (right == kNoNode) return kNoNode;
      left = add_binary(Operation::kArithmetic, op, left, right);
    }
    return left;
  }

  NodeId parse_product() {
    NodeId left = parse_unary();
    while (left != kNoNode) {
      const Operator op = operator_among(
          {{"*", Operator::kMultiply}, {"/", Operator::kDivide}, {"%", Operator::kModulo}});
      if (op == Operator::kNone) break;
      advance();
      const NodeId right = parse_unary();
      if (right == kNoNode) return kNoNode;
      left = add_binary(Operation::kArithmetic, op, left, right);
    }
    return left;
  }

  NodeId parse_unary() {
    const std::size_t begin = token().begin;
    if (!take_symbol("-")) return parse_term();
    if (++nesting_ > kNestingMax) return fail("too many signs in a row", "write one `-`");
    const NodeId operand = parse_product();
    if (operand == kNoNode) return kNoNode;
    --nesting_;
    const Node& number = program_.nodes[operand];
    if (number.operation == Operation::kConstant && number.constant.is_number()) {
      return add_constant(Value(number.constant.as_decimal().negated()), begin);
    }
    return add_over(Operation::kNegate, begin, {operand});
  }

  NodeId parse_term() {
    const std::size_t begin = token().begin;
    const NodeId term = parse_path();
    if (term != kNoNode && token().is_word("as")) return parse_binding(term, begin);
    return term;
  }

  // A term without `as`.
  NodeId parse_path() {
    const std::size_t begin = token().begin;
    // Whether a key or brackets stand last: then a `?` is about that step, else about the term.
    bool step_last = token().kind == Kind::kField ||
                     (token().is_symbol(".") &&
                      (token(1).kind == Kind::kString || token(1).kind == Kind::kTextBegin));
    NodeId term = parse_primary();
    while (term != kNoNode) {
      const bool quoted_key =
          token().is_symbol(".") &&
          (token(1).kind == Kind::kString || token(1).kind == Kind::kTextBegin);
      if (token().kind == Kind::kField) {
        PathStep step;
        step.key = token().text;
        advance();
        term = extend(term, begin, std::move(step));
      } else if (quoted_key) {
        advance();
        term = parse_quoted_key(term, begin);
      } else if (token().is_symbol("[")) {
        term = parse_brackets(term, begin);
      } else if (take_symbol("?")) {
        // As in jq, `.a.b?` is about `.b`, and `(.a.b)?` about all of it.
        if (step_last) {
          make_optional(term);
        } else {
          term = add_over(Operation::kTry, begin, {term}, false);
        }
        step_last = false;
        continue;
      } else if (token().is_symbol(".") && token(1).is_symbol("[")) {
        return fail("`.` before `[` is one too many", "write `.a[0]`, not `.a.[0]`");
      } else {
        break;
      }
      step_last = true;
    }
    return term;
  }

  // `term` ends in a step, which a `?` follows.
  void make_optional(NodeId term) {
    Node& node = program_.nodes[term];
    node.single = false;
    node.end = tokens_[at_ - 1].end;
    if (node.operation == Operation::kPath) {
      node.steps.back().optional = true;
    } else {
      node.index = 1;
    }
  }

  // Appends `step` to the path that `base` is, or begins one on it. A path that stands in
  // parentheses, as in `(.a).b`, is the same path.
  NodeId extend(NodeId base, std::size_t begin, PathStep step) {
    Node node = make(Operation::kPath, begin);
    node.single = single(base) && step.kind != PathStep::Kind::kIterate;
    if (Node& before = program_.nodes[base]; before.operation != Operation::kPath) {
      node.children = {base};
    } else if (before.steps.size() >= kStepsMax) {
      return fail("this path has too many parts", "bind the first ones with `as $name`");
    } else {
      node.children = before.children;
      node.steps = std::move(before.steps);
      if (base + 1 == program_.nodes.size()) program_.nodes.pop_back();  // Now part of the new one.
    }
    node.steps.push_back(std::move(step));
    return add(std::move(node));
  }

  NodeId parse_quoted_key(NodeId base, std::size_t begin) {
    if (token().kind == Kind::kString) {
      PathStep step;
      step.key = token().text;
      advance();
      return extend(base, begin, std::move(step));
    }
    const NodeId key = parse_text();
    if (key == kNoNode) return kNoNode;
    return extend_by(base, begin, key);
  }

  NodeId extend_by(NodeId base, std::size_t begin, NodeId key) {
    const Node& node = program_.nodes[key];
    if (node.operation == Operation::kConstant && node.constant.is_string()) {
      PathStep step;
      step.key = node.constant.as_string();
      return extend(base, begin, std::move(step));
    }
    if (node.operation == Operation::kConstant && node.constant.is_integer()) {
      PathStep step;
      step.kind = PathStep::Kind::kIndex;
      step.index = node.constant.as_integer();
      return extend(base, begin, std::move(step));
    }
    if (!node.single) return add_over(Operation::kIndexEach, begin, {base, key}, false);
    PathStep step;
    step.kind = PathStep::Kind::kComputed;
    step.first = key;
    return extend(base, begin, std::move(step));
  }

  NodeId parse_brackets(NodeId base, std::size_t begin) {
    advance();
    if (take_symbol("]")) {
      PathStep step;
      step.kind = PathStep::Kind::kIterate;
      return extend(base, begin, std::move(step));
    }
    PathStep slice;
    slice.kind = PathStep::Kind::kSlice;
    NodeId key = kNoNode;
    {
      const CommaScope scope(*this, comma_allowed_);
      if (!token().is_symbol(":")) {
        key = parse_pipe();
        if (key == kNoNode) return kNoNode;
      }
      if (take_symbol(":")) {
        slice.first = key;
        if (!token().is_symbol("]")) {
          slice.second = parse_pipe();
          if (slice.second == kNoNode) return kNoNode;
        }
        if (slice.first == kNoNode && slice.second == kNoNode) {
          return fail("a slice needs a begin or an end", "write `[1:]`, `[:2]` or `[1:2]`");
        }
        for (const NodeId bound : {slice.first, slice.second}) {
          if (bound != kNoNode && !single(bound)) {
            return fail_at(program_.nodes[bound].begin, ExpressionError::Kind::kSyntax,
                           "a bound of a slice must be one value", "write a number");
          }
        }
        if (!want_symbol("]")) return kNoNode;
        return extend(base, begin, std::move(slice));
      }
    }
    if (!want_symbol("]")) return kNoNode;
    return extend_by(base, begin, key);
  }

  NodeId parse_binding(NodeId source, std::size_t begin) {
    std::optional<std::uint32_t> slot = parse_bound_name();
    if (!slot) return kNoNode;
    if (!want_symbol("|")) return kNoNode;
    const NodeId body = parse_pipe();
    locals_.pop_back();
    if (body == kNoNode) return kNoNode;
    Node node = make(Operation::kBind, begin);
    node.index = *slot;
    node.single = single(source) && single(body);
    node.children = {source, body};
    return add(std::move(node));
  }

  // `as $name`; the name is in scope afterwards.
  std::optional<std::uint32_t> parse_bound_name() {
    if (!take_word("as")) {
      fail_unexpected("`as $name`");
      return std::nullopt;
    }
    if (token().kind != Kind::kName) {
      if (token().is_symbol("[") || token().is_symbol("{")) {
        fail("taking values apart while binding is left out", std::string(kDestructuring));
      } else {
        fail_unexpected("a name such as `$line`");
      }
      return std::nullopt;
    }
    if (slots_ >= kNamesBoundMax) {
      fail("more than " + std::to_string(kNamesBoundMax) + " names are bound",
           "compute parts of it in a `set` step");
      return std::nullopt;
    }
    // Every binding has a slot of its own: a generator may resume after a later one was bound.
    locals_.push_back({token().text, slots_});
    advance();
    return slots_++;
  }

  NodeId parse_primary() {
    const Token& first = token();
    const std::size_t begin = first.begin;
    switch (first.kind) {
      case Kind::kField: {
        PathStep step;
        step.key = first.text;
        const NodeId input = add_identity(begin);
        advance();
        return input == kNoNode ? kNoNode : extend(input, begin, std::move(step));
      }
      case Kind::kNumber: return parse_number();
      case Kind::kString:
        advance();
        return add_constant(Value(first.text), begin);
      case Kind::kTextBegin: return parse_text();
      case Kind::kName: return parse_name();
      case Kind::kWord: return parse_word();
      case Kind::kSymbol: break;
      default: return fail_unexpected("a value");
    }
    if (take_symbol(".")) {
      const NodeId input = add_identity(begin);
      if (input == kNoNode) return kNoNode;
      if (token().kind == Kind::kString || token().kind == Kind::kTextBegin) {
        return parse_quoted_key(input, begin);
      }
      return input;
    }
    if (take_symbol("(")) {
      const NodeId inner = parse_pipe();
      if (inner == kNoNode || !want_symbol(")")) return kNoNode;
      return inner;
    }
    if (take_symbol("[")) {
      if (take_symbol("]")) return add_constant(Value::array({}), begin);
      const CommaScope scope(*this, true);
      const NodeId items = parse_pipe();
      if (items == kNoNode || !want_symbol("]")) return kNoNode;
      return add_array(items, begin);
    }
    if (take_symbol("{")) return parse_object(begin);
    return fail_unexpected("a value");
  }

  NodeId add_identity(std::size_t begin) {
    Node node = make(Operation::kIdentity, begin);
    node.end = node.begin + 1;
    return add(std::move(node));
  }

  NodeId add_array(NodeId items, std::size_t begin) {
    // Lists written out, as in `[.a, .b] == ["x", "y"]`, are made once.
    const Node& inner = program_.nodes[items];
    const auto constant = [this](NodeId id) {
      return program_.nodes[id].operation == Operation::kConstant;
    };
    if (constant(items)) return add_constant(Value::array({inner.constant}), begin);
    if (inner.operation == Operation::kComma &&
        std::all_of(inner.children.begin(), inner.children.end(), constant)) {
      Value::Array values;
      for (const NodeId child : inner.children) values.push_back(program_.nodes[child].constant);
      return add_constant(Value::array(std::move(values)), begin);
    }
    Node node = make(Operation::kArray, begin);
    node.children = {items};
    return add(std::move(node));
  }

  NodeId parse_number() {
    const std::size_t begin = token().begin;
    std::string digits = token().text;
    // jq also takes `.5` and `5.`, which JSON does not.
    if (digits.front() == '.') digits.insert(0, "0");
    const std::size_t point = digits.find('.');
    if (point != std::string::npos &&
        (point + 1 == digits.size() || digits[point + 1] < '0' || digits[point + 1] > '9')) {
      digits.insert(point + 1, "0");
    }
    const auto number = Decimal::parse(digits);
    if (!number) {
      return fail(quoted(digits) + " is no number of at most 28 digits",
                  "write it without leading zeros, or as text");
    }
    advance();
    return add_constant(Value(*number), begin);
  }

  NodeId parse_text() {
    const std::size_t begin = token().begin;
    advance();
    std::vector<NodeId> parts;
    while (token().kind != Kind::kTextEnd) {
      NodeId part = kNoNode;
      if (token().kind == Kind::kText) {
        const bool empty = token().text.empty();
        const std::size_t at = token().begin;
        std::string text = token().text;
        advance();
        if (empty) continue;
        part = add_constant(Value(std::move(text)), at);
      } else {
        advance();  // kHoleBegin
        if (token().kind == Kind::kHoleEnd) return fail("this hole is empty", "write `\\( .name )`");
        part = parse_pipe();
        if (part == kNoNode) return kNoNode;
        if (token().kind != Kind::kHoleEnd) return fail_unexpected("`)`");
        advance();
      }
      if (part == kNoNode) return kNoNode;
      parts.push_back(part);
    }
    advance();
    return add_over(Operation::kInterpolate, begin, std::move(parts));
  }

  NodeId parse_name() {
    const std::size_t begin = token().begin;
    const std::string name = token().text;
    if (name == "ENV" || name == "__loc__" || name == "__prog_args") {
      return fail_at(begin, ExpressionError::Kind::kUnknownName, "`$" + name + "` is left out",
                     "an expression reads only `.` and the names of its place");
    }
    advance();
    for (auto local = locals_.rbegin(); local != locals_.rend(); ++local) {
      if (local->name != name) continue;
      Node node = make(Operation::kLocal, begin);
      node.index = local->slot;
      return add(std::move(node));
    }
    auto& names = program_.names;
    const auto known = std::find(names.begin(), names.end(), name);
    Node node = make(Operation::kOutside, begin);
    node.index = static_cast<std::uint32_t>(known - names.begin());
    if (known == names.end()) names.push_back(name);
    return add(std::move(node));
  }

  NodeId parse_word() {
    const std::size_t begin = token().begin;
    if (token().is_word("if")) return parse_if();
    if (token().is_word("reduce")) return parse_reduce();
    const Token word = token();
    if (word.text == "true" || word.text == "false" || word.text == "null") {
      advance();
      return add_constant(word.text == "null" ? Value() : Value(word.text == "true"), begin);
    }
    if (word.text == "and" || word.text == "or" || word.text == "then" || word.text == "else" ||
        word.text == "elif" || word.text == "end" || word.text == "as") {
      return fail_unexpected("a value");
    }
    return parse_call();
  }

  NodeId parse_if() {
    const std::size_t begin = token().begin;
    advance();  // `if` or `elif`
    const NodeId condition = parse_pipe();
    if (condition == kNoNode) return kNoNode;
    if (!take_word("then")) return fail_unexpected("`then`");
    const NodeId chosen = parse_pipe();
    if (chosen == kNoNode) return kNoNode;
    NodeId otherwise = kNoNode;
    if (token().is_word("elif")) {
      if (++nesting_ > kNestingMax) return fail("too many `elif` in a row", "use a `choice` step");
      otherwise = parse_if();
      --nesting_;
    } else if (token().is_word("end")) {
      return fail("`else` is missing", "say what it yields otherwise: `else null end`");
    } else {
      if (!take_word("else")) return fail_unexpected("`elif`, `else` or `end`");
      otherwise = parse_pipe();
      if (otherwise != kNoNode && !take_word("end")) return fail_unexpected("`end`");
    }
    if (otherwise == kNoNode) return kNoNode;
    return add_over(Operation::kIf, begin, {condition, chosen, otherwise});
  }

  NodeId parse_reduce() {
    const std::size_t begin = token().begin;
    advance();
    NodeId source = kNoNode;
    {
      const CommaScope scope(*this, true);
      source = parse_path();
    }
    if (source == kNoNode) return kNoNode;
    const auto slot = parse_bound_name();
    if (!slot || !want_symbol("(")) return kNoNode;
    // In the start value the name is not bound yet.
    LocalName bound = std::move(locals_.back());
    locals_.pop_back();
    const CommaScope scope(*this, false);
    const NodeId start = parse_pipe();
    if (start == kNoNode || !want_symbol(";")) return kNoNode;
    locals_.push_back(std::move(bound));
    const NodeId update = parse_pipe();
    locals_.pop_back();
    if (update == kNoNode || !want_symbol(")")) return kNoNode;
    Node node = make(Operation::kReduce, begin);
    node.index = *slot;
    node.children = {source, start, update};
    return add(std::move(node));
  }

  NodeId parse_object(std::size_t begin) {
    if (++nesting_ > kNestingMax) {
      return fail("brackets are nested more than " + std::to_string(kNestingMax) + " deep",
                  "compute parts of it in a `set` step");
    }
    std::vector<NodeId> parts;
    if (take_symbol("}")) {
      --nesting_;
      return add_constant(Value::empty_object(), begin);
    }
    for (;;) {
      if (!parse_member(parts)) return kNoNode;
      if (take_symbol("}")) break;
      if (!take_symbol(",")) {
        return fail_unexpected("`,` or `}`");
      }
      if (token().is_symbol("}")) return fail("a member is missing behind `,`", "remove the `,`");
    }
    --nesting_;
    return add_over(Operation::kObject, begin, std::move(parts));
  }

  // One of: name, name: value, "text": value, (expression): value, $name, "text".
  bool parse_member(std::vector<NodeId>& parts) {
    const Token first = token();
    const std::size_t begin = first.begin;
    NodeId key = kNoNode;
    NodeId value = kNoNode;
    switch (first.kind) {
      case Kind::kWord:
        advance();
        key = add_constant(Value(first.text), begin);
        if (!token().is_symbol(":")) value = add_member_access(key, begin);
        break;
      case Kind::kString:
      case Kind::kTextBegin:
        key = parse_text_key();
        if (key != kNoNode && !token().is_symbol(":")) value = add_member_access(key, begin);
        break;
      case Kind::kName:
        key = add_constant(Value(first.text), begin);
        if (key == kNoNode) return false;
        value = parse_name();
        break;
      case Kind::kNumber:
        fail("a key is a text", "write \"" + first.text + "\"");
        return false;
      default:
        if (!take_symbol("(")) {
          fail_unexpected("a key, a text, `$name` or `(`");
          return false;
        }
        key = parse_pipe();
        if (key == kNoNode || !want_symbol(")")) return false;
        if (!token().is_symbol(":")) {
          fail_unexpected("`:` and a value");
          return false;
        }
    }
    if (key == kNoNode) return false;
    if (value == kNoNode) {
      if (failed_ || !want_symbol(":")) return false;
      value = parse_member_value();
    }
    if (value == kNoNode) return false;
    parts.push_back(key);
    parts.push_back(value);
    return true;
  }

  NodeId parse_text_key() {
    if (token().kind == Kind::kTextBegin) return parse_text();
    const Token text = token();
    advance();
    return add_constant(Value(text.text), text.begin);
  }

  // jq allows terms joined by `|` here; operators are understood as well.
  NodeId parse_member_value() {
    const std::size_t begin = token().begin;
    std::vector<NodeId> parts;
    do {
      const NodeId part = parse_alternative();
      if (part == kNoNode) return kNoNode;
      parts.push_back(part);
    } while (take_symbol("|"));
    if (parts.size() == 1) return parts.front();
    return add_over(Operation::kPipe, begin, std::move(parts));
  }

  NodeId add_member_access(NodeId key, std::size_t begin) {
    const NodeId input = add_identity(begin);
    if (input == kNoNode) return kNoNode;
    return extend_by(input, begin, key);
  }

  NodeId parse_call() {
    const Token word = token();
    const std::size_t begin = word.begin;
    advance();
    std::vector<NodeId> arguments;
    std::size_t argument_begin = token(1).begin;
    bool literal = false;
    if (take_symbol("(")) {
      literal = token().kind == Kind::kString && token(1).is_symbol(")");
      argument_begin = token().begin;
      // Closures see all the values; a plain argument is one unless we are inside `[ ]`.
      const bool closure = takes_closures(word.text);
      const CommaScope scope(*this, closure || comma_allowed_);
      do {
        const NodeId argument = parse_pipe();
        if (argument == kNoNode) return kNoNode;
        arguments.push_back(argument);
      } while (take_symbol(";"));
      if (!want_symbol(")")) return kNoNode;
    }
    const FunctionEntry* entry = find_function(word.text, static_cast<int>(arguments.size()));
    if (entry == nullptr) return fail_unknown_function(word, arguments.size());
    if (entry->arity == 0 &&
        (entry->function == Function::kFirst || entry->function == Function::kLast)) {
      PathStep step;  // They are `.[0]` and `.[-1]`.
      step.kind = PathStep::Kind::kIndex;
      step.index = entry->function == Function::kFirst ? 0 : -1;
      const NodeId input = add_identity(begin);
      return input == kNoNode ? kNoNode : extend(input, begin, std::move(step));
    }
    Node node = make(Operation::kCall, begin);
    node.function = entry;
    node.single = entry->single && (entry->arguments != FunctionEntry::Arguments::kValue ||
                                    all_single(arguments));
    if (entry->function == Function::kTest &&
        !compile_pattern(arguments.front(), literal, argument_begin, node)) {
      return kNoNode;
    }
    node.children = std::move(arguments);
    return add(std::move(node));
  }

  static bool takes_closures(std::string_view name) {
    for (const int arity : function_arities(name)) {
      if (find_function(name, arity)->arguments == FunctionEntry::Arguments::kClosure) return true;
    }
    return false;
  }

  bool compile_pattern(NodeId argument, bool literal, std::size_t at, Node& node) {
    if (!literal) {
      fail_at(at, ExpressionError::Kind::kSyntax, "`test` takes a pattern written out as text",
              "write e.g. `test(\"^[A-Z]{3}$\")`; compare computed texts with `==`, `startswith` "
              "or `index`");
      return false;
    }
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(kPatternMemoryMax);
    auto pattern = std::make_shared<const re2::RE2>(
        program_.nodes[argument].constant.as_string(), options);
    if (!pattern->ok()) {
      fail_at(at, ExpressionError::Kind::kSyntax, "this pattern is wrong: " + pattern->error(),
              "patterns are RE2's: no back-references, no look-around");
      return false;
    }
    node.pattern = std::move(pattern);
    return true;
  }

  NodeId fail_unknown_function(const Token& word, std::size_t given) {
    using EKind = ExpressionError::Kind;
    const auto arities = function_arities(word.text);
    if (word.text == "test" && given == 2) {
      return fail_at(word.begin, EKind::kUnknownFunction, "`test` takes no flags",
                     "write them into the pattern: `test(\"(?i)abc\")`");
    }
    if (word.text == "range" && given > 1) {
      return fail_at(word.begin, EKind::kUnknownFunction, "`range` takes one number",
                     "write `range(n)`, and add the start: `range(n) | . + start`");
    }
    if (!arities.empty()) {
      std::string counts;
      for (const int arity : arities) {
        counts += (counts.empty() ? "" : " or ") + std::to_string(arity);
      }
      const bool closure = takes_closures(word.text);
      return fail_at(word.begin, EKind::kUnknownFunction,
                     "`" + word.text + "` takes " + counts + " argument" +
                         (counts == "1" ? "" : "s") + ", found " + std::to_string(given),
                     arities.back() == 0
                         ? "write `" + word.text + "` alone; its input stands before `|`"
                         : "write `" + word.text + (closure ? "(EXPR" : "(value") +
                               (arities.back() == 2 ? "; EXPR)`" : ")`"));
    }
    if (const auto advice = left_out_advice(word.text); !advice.empty()) {
      return fail_at(word.begin, EKind::kUnknownFunction,
                     "`" + word.text + "` is left out of this language", std::string(advice));
    }
    const auto near = nearest(word.text.substr(0, 64), function_names());
    return fail_at(word.begin, EKind::kUnknownFunction,
                   "there is no function " + quoted(word.text),
                   near ? "did you mean `" + *near + "`?"
                        : "a field is written `." + word.text.substr(0, 60) + "`, a text \"" +
                              word.text.substr(0, 60) + "\"");
  }

  // Says at every node what an absent part of a path means there.
  void mark_absence(NodeId id, Absence absence) {
    Node& node = program_.nodes[id];
    if (node.operation == Operation::kIndexEach && node.index == 1) absence = Absence::kNull;
    node.absence = absence;
    // A `?` forgives whatever is absent before it.
    for (auto step = node.steps.rbegin(); step != node.steps.rend(); ++step) {
      if (step->optional && absence == Absence::kError) absence = Absence::kNull;
      step->absence = absence;
    }
    for (std::size_t i = 0; i < node.children.size(); ++i) {
      Absence inner = absence;
      if (node.operation == Operation::kTry) inner = Absence::kNull;
      if (node.operation == Operation::kAlternative && i == 0) inner = Absence::kNullOrNone;
      mark_absence(node.children[i], inner);
    }
    for (const PathStep& step : node.steps) {
      if (step.first != kNoNode) mark_absence(step.first, step.absence);
      if (step.second != kNoNode) mark_absence(step.second, step.absence);
    }
  }

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

}  // namespace

tl::expected<void, ExpressionError> parse_expression(Expression::Program& program) {
  auto tokens = read_tokens(program.text);
  if (!tokens) return tl::unexpected(std::move(tokens.error()));
  return Parser(program, std::move(*tokens)).run();
}

}  // namespace weft::dsl
