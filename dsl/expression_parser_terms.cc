#include "dsl/expression_parser.h"

namespace weft::dsl {

NodeId ExpressionParser::parse_primary() {
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
    case Kind::kNumber:
      return parse_number();
    case Kind::kString:
      advance();
      return add_constant(Value(first.text), begin);
    case Kind::kTextBegin:
      return parse_text();
    case Kind::kName:
      return parse_name();
    case Kind::kWord:
      return parse_word();
    case Kind::kSymbol:
      break;
    default:
      return fail_unexpected("a value");
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

NodeId ExpressionParser::add_identity(std::size_t begin) {
  Node node = make(Operation::kIdentity, begin);
  node.end = node.begin + 1;
  return add(std::move(node));
}

NodeId ExpressionParser::add_array(NodeId items, std::size_t begin) {
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

NodeId ExpressionParser::parse_number() {
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

NodeId ExpressionParser::parse_text() {
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

NodeId ExpressionParser::parse_name() {
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

NodeId ExpressionParser::parse_word() {
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

NodeId ExpressionParser::parse_if() {
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
    const bool else_if = token().is_word("if");
    otherwise = parse_pipe();
    if (otherwise != kNoNode && !take_word("end")) {
      if (else_if && token().kind == Kind::kEnd) {
        return fail("`else if` begins an `if` of its own, and one `end` is missing",
                    "write `elif` in place of `else if`");
      }
      return fail_unexpected("`end`");
    }
  }
  if (otherwise == kNoNode) return kNoNode;
  return add_over(Operation::kIf, begin, {condition, chosen, otherwise});
}

NodeId ExpressionParser::parse_reduce() {
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

NodeId ExpressionParser::parse_object(std::size_t begin) {
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
bool ExpressionParser::parse_member(std::vector<NodeId>& parts) {
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

NodeId ExpressionParser::parse_text_key() {
  if (token().kind == Kind::kTextBegin) return parse_text();
  const Token text = token();
  advance();
  return add_constant(Value(text.text), text.begin);
}

// jq allows terms joined by `|` here; operators are understood as well.
NodeId ExpressionParser::parse_member_value() {
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

NodeId ExpressionParser::add_member_access(NodeId key, std::size_t begin) {
  const NodeId input = add_identity(begin);
  if (input == kNoNode) return kNoNode;
  return extend_by(input, begin, key);
}

}  // namespace weft::dsl
