#include "dsl/expression_parser.h"

namespace weft::dsl {

tl::expected<void, ExpressionError> ExpressionParser::run() {
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

std::string ExpressionParser::spelled(const Token& what) const {
  if (what.kind == Kind::kEnd) return "the end of the expression";
  return quoted(std::string_view(program_.text).substr(what.begin, what.end - what.begin));
}

NodeId ExpressionParser::fail_at(std::size_t offset, ExpressionError::Kind kind,
                                 std::string message, std::string instead) {
  if (!failed_) {
    failed_ = true;
    error_ = {kind, offset, std::move(message), std::move(instead)};
  }
  return kNoNode;
}

NodeId ExpressionParser::fail_unexpected(const std::string& wanted) {
  const Token& found = token();
  if (found.kind == Kind::kSymbol) {
    if (found.text == "=" ||
        (found.text.size() > 1 && found.text.back() == '=' && found.text != "==" &&
         found.text != "!=" && found.text != "<=" && found.text != ">=")) {
      return fail("`" + found.text + "` assigns, and expressions change nothing",
                  found.text == "=" ? "compare with `==`, or build `. + {name: value}`"
                                    : "build the object anew: `. + {name: value}`");
    }
    if (wanted != "a value" && (found.text == "==" || found.text == "!=" || found.text == "<" ||
                                found.text == "<=" || found.text == ">" || found.text == ">=")) {
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
  if (found.is_symbol("(") && at_ > 0 && tokens_[at_ - 1].kind == Kind::kField) {
    return fail("a field is no function: `." + tokens_[at_ - 1].text.substr(0, 60) + "(`",
                "functions stand behind `|`: `.name | ascii_upcase`");
  }
  const std::string hint = found.kind == Kind::kString || found.kind == Kind::kTextBegin ||
                                   found.kind == Kind::kWord || found.kind == Kind::kName ||
                                   found.kind == Kind::kNumber
                               ? "join values with an operator, e.g. `+` or `|`"
                               : "";
  std::string instead = "write " + wanted + " there";
  if (wanted == "a value") {
    instead = "write one, like `.name`, `$step`, a number or a \"text\"";
  } else if (wanted == "an operator or the end") {
    instead = hint.empty() ? "remove it, or check that brackets pair up" : hint;
  }
  return fail("expected " + wanted + ", found " + spelled(found), std::move(instead));
}

bool ExpressionParser::want_symbol(const char* spelling) {
  if (take_symbol(spelling)) return true;
  fail_unexpected(std::string("`") + spelling + "`");
  return false;
}

NodeId ExpressionParser::add(Node node) {
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

Node ExpressionParser::make(Operation operation, std::size_t begin) const {
  Node node;
  node.operation = operation;
  node.begin = static_cast<std::uint32_t>(begin);
  node.end = at_ == 0 ? node.begin : tokens_[at_ - 1].end;
  return node;
}

NodeId ExpressionParser::add_constant(Value value, std::size_t begin) {
  Node node = make(Operation::kConstant, begin);
  node.constant = std::move(value);
  return add(std::move(node));
}

// A node over `children`; single if all of them are and `can_be_single`.
NodeId ExpressionParser::add_over(Operation operation, std::size_t begin,
                                  std::vector<NodeId> children, bool can_be_single) {
  Node node = make(operation, begin);
  node.single = can_be_single && all_single(children);
  node.children = std::move(children);
  return add(std::move(node));
}

NodeId ExpressionParser::add_binary(Operation operation, Operator op, NodeId left, NodeId right) {
  Node node = make(operation, program_.nodes[left].begin);
  node.op = op;
  node.single = single(left) && single(right);
  node.children = {left, right};
  return add(std::move(node));
}

NodeId ExpressionParser::parse_pipe() {
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

NodeId ExpressionParser::parse_comma() {
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

NodeId ExpressionParser::parse_alternative() {
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

NodeId ExpressionParser::parse_or() {
  NodeId left = parse_and();
  while (left != kNoNode && take_word("or")) {
    const NodeId right = parse_and();
    if (right == kNoNode) return kNoNode;
    left = add_binary(Operation::kOr, Operator::kNone, left, right);
  }
  return left;
}

NodeId ExpressionParser::parse_and() {
  NodeId left = parse_comparison();
  while (left != kNoNode && take_word("and")) {
    const NodeId right = parse_comparison();
    if (right == kNoNode) return kNoNode;
    left = add_binary(Operation::kAnd, Operator::kNone, left, right);
  }
  return left;
}

Operator ExpressionParser::operator_among(
    std::initializer_list<std::pair<std::string_view, Operator>> choices) const {
  for (const auto& [spelling, op] : choices) {
    if (token().is_symbol(spelling)) return op;
  }
  return Operator::kNone;
}

NodeId ExpressionParser::parse_comparison() {
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

NodeId ExpressionParser::parse_sum() {
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

NodeId ExpressionParser::parse_product() {
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

NodeId ExpressionParser::parse_unary() {
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

// Says at every node what an absent part of a path means there.
void ExpressionParser::mark_absence(NodeId id, Absence absence) {
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

tl::expected<void, ExpressionError> parse_expression(Expression::Program& program) {
  auto tokens = read_tokens(program.text);
  if (!tokens) return tl::unexpected(std::move(tokens.error()));
  return ExpressionParser(program, std::move(*tokens)).run();
}

}  // namespace weft::dsl
