#include <re2/re2.h>

#include "dsl/expression_parser.h"

namespace weft::dsl {
namespace {

constexpr std::size_t kPatternMemoryMax = 1 << 20;  // Of a compiled `test` pattern, bytes.

}  // namespace

NodeId ExpressionParser::parse_call() {
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
  node.single = entry->single &&
                (entry->arguments != FunctionEntry::Arguments::kValue || all_single(arguments));
  if (entry->function == Function::kTest &&
      !compile_pattern(arguments.front(), literal, argument_begin, node)) {
    return kNoNode;
  }
  node.children = std::move(arguments);
  return add(std::move(node));
}

bool ExpressionParser::takes_closures(std::string_view name) {
  for (const int arity : function_arities(name)) {
    if (find_function(name, arity)->arguments == FunctionEntry::Arguments::kClosure) return true;
  }
  return false;
}

bool ExpressionParser::compile_pattern(NodeId argument, bool literal, std::size_t at, Node& node) {
  if (!literal) {
    fail_at(at, ExpressionError::Kind::kSyntax, "`test` takes a pattern written out as text",
            "write e.g. `test(\"^[A-Z]{3}$\")`; compare computed texts with `==`, `startswith` "
            "or `index`");
    return false;
  }
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kPatternMemoryMax);
  auto pattern =
      std::make_shared<const re2::RE2>(program_.nodes[argument].constant.as_string(), options);
  if (!pattern->ok()) {
    fail_at(at, ExpressionError::Kind::kSyntax, "this pattern is wrong: " + pattern->error(),
            "patterns are RE2's: no back-references, no look-around");
    return false;
  }
  node.pattern = std::move(pattern);
  return true;
}

NodeId ExpressionParser::fail_unknown_function(const Token& word, std::size_t given) {
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
  // `.ship-to` is read as `.ship - to`; nobody writes the difference like that.
  if (at_ >= 3 && tokens_[at_ - 2].is_symbol("-") && tokens_[at_ - 3].kind == Kind::kField &&
      tokens_[at_ - 2].end == word.begin && tokens_[at_ - 3].end == tokens_[at_ - 2].begin) {
    return fail_at(word.begin, EKind::kUnknownFunction, "there is no function " + quoted(word.text),
                   "a key with `-` needs quotes: `.\"" + tokens_[at_ - 3].text + "-" +
                       word.text.substr(0, 60) + "\"`");
  }
  const auto near = nearest(word.text.substr(0, 64), function_names());
  return fail_at(word.begin, EKind::kUnknownFunction, "there is no function " + quoted(word.text),
                 near ? "did you mean `" + *near + "`?"
                      : "a field is written `." + word.text.substr(0, 60) + "`, a text \"" +
                            word.text.substr(0, 60) + "\"");
}

}  // namespace weft::dsl
