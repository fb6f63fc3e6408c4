#include "dsl/expression_parser.h"

namespace weft::dsl {
namespace {

constexpr std::size_t kStepsMax = 64;  // Of one path: no document is nested deeper.

constexpr std::string_view kDestructuring =
    "bind one name and take it apart by paths: `EXPR as $name | $name.field`";

}  // namespace

NodeId ExpressionParser::parse_term() {
  const std::size_t begin = token().begin;
  const NodeId term = parse_path();
  if (term != kNoNode && token().is_word("as")) return parse_binding(term, begin);
  return term;
}

// A term without `as`.
NodeId ExpressionParser::parse_path() {
  const std::size_t begin = token().begin;
  // Whether a key or brackets stand last: then a `?` is about that step, else about the term.
  bool step_last = token().kind == Kind::kField ||
                   (token().is_symbol(".") &&
                    (token(1).kind == Kind::kString || token(1).kind == Kind::kTextBegin));
  NodeId term = parse_primary();
  while (term != kNoNode) {
    const bool quoted_key = token().is_symbol(".") &&
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
void ExpressionParser::make_optional(NodeId term) {
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
NodeId ExpressionParser::extend(NodeId base, std::size_t begin, PathStep step) {
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

NodeId ExpressionParser::parse_quoted_key(NodeId base, std::size_t begin) {
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

NodeId ExpressionParser::extend_by(NodeId base, std::size_t begin, NodeId key) {
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

NodeId ExpressionParser::parse_brackets(NodeId base, std::size_t begin) {
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

NodeId ExpressionParser::parse_binding(NodeId source, std::size_t begin) {
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
std::optional<std::uint32_t> ExpressionParser::parse_bound_name() {
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

}  // namespace weft::dsl
