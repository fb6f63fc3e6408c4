// Expressions and values with holes.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "dsl/names.h"
#include "dsl/parser_context.h"

namespace weft::dsl {
namespace {

/// The `}` that closes the expression whose `${` stands at `open`; npos if nothing does. Strings
/// are skipped, with their interpolations `\( … )`.
std::size_t expression_end(std::string_view text, std::size_t open) {
  std::vector<char> nesting{'{'};
  for (std::size_t i = open + 2; i < text.size(); ++i) {
    const char c = text[i];
    if (nesting.back() == '"') {
      if (c == '"') nesting.pop_back();
      if (c == '\\' && i + 1 < text.size() && text[++i] == '(') nesting.push_back('(');
      continue;
    }
    if (c == '"' || c == '{' || c == '(') nesting.push_back(c);
    if (c == ')' && nesting.back() == '(') nesting.pop_back();
    if (c != '}') continue;
    while (nesting.back() == '(') nesting.pop_back();  // A `(` too many: the compiler says so.
    if (nesting.back() == '{') nesting.pop_back();
    if (nesting.empty()) return i;
  }
  return std::string_view::npos;
}

/// Where the `${ … }` stands if `text` is nothing else.
struct WholeExpression {
  std::size_t open = 0;
  std::size_t close = 0;
};
std::optional<WholeExpression> whole_expression(std::string_view text) {
  std::size_t begin = 0;
  std::size_t end = text.size();
  while (begin < end && is_blank(text[begin])) ++begin;
  while (end > begin && is_blank(text[end - 1])) --end;
  if (!text.substr(begin, end - begin).starts_with("${")) return std::nullopt;
  const std::size_t close = expression_end(text, begin);
  if (close == std::string_view::npos || close + 1 != end) return std::nullopt;
  return WholeExpression{begin, close};
}

/// `.order_id`, `$reserve.lines[0]`, and `$.order_id` of other systems: what an expression would
/// be if it stood in `${ }`.
bool looks_like_path(std::string_view text) {
  const auto word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  if (!text.starts_with('$') && !text.starts_with('.')) return false;
  if (text.starts_with('$')) text.remove_prefix(1);
  if (text.starts_with('.')) text.remove_prefix(1);
  if (text.empty() || text.size() > 80 || !word(text.front())) return false;
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return word(c) || (c >= '0' && c <= '9') || c == '.' || c == '[' || c == ']';
  });
}

const char* rule_of(ExpressionError::Kind kind) {
  switch (kind) {
    case ExpressionError::Kind::kUnknownFunction:
      return "expression.function";
    case ExpressionError::Kind::kUnknownName:
      return "expression.name";
    case ExpressionError::Kind::kType:
      return "expression.type";
    case ExpressionError::Kind::kOverflow:
      return "expression.overflow";
    default:
      return "expression.syntax";
  }
}

}  // namespace

std::optional<Expression> ParserContext::compile(std::string_view text, std::size_t base,
                                                 const std::vector<std::uint32_t>& places,
                                                 std::vector<NameUse>& uses) {
  const auto place = [&](std::size_t offset) {
    return source_.position(places[std::min(base + offset, places.size() - 1)]);
  };
  auto compiled = Expression::compile(text);
  if (!compiled) {
    const ExpressionError& problem = compiled.error();
    error(place(problem.offset), rule_of(problem.kind), problem.message, problem.instead);
    return std::nullopt;
  }
  for (const Reference& reference : compiled->references()) {
    uses.push_back({reference, place(reference.offset)});
  }
  return std::move(*compiled);
}

std::optional<ExpressionSyntax> ParserContext::expression(const YamlNode& node,
                                                          std::string_view what) {
  const auto whole = node.is_scalar() ? whole_expression(node.text) : std::nullopt;
  if (!whole) {
    std::string instead = "write `${ … }`";
    std::string message = std::string(what) + " must be an expression";
    std::string rule = "form.expression";
    if (node.is_scalar()) {
      const bool begun = node.text.find("${") != std::string::npos;
      std::string_view trimmed = node.text;
      while (!trimmed.empty() && is_blank(trimmed.back())) trimmed.remove_suffix(1);
      while (!trimmed.empty() && is_blank(trimmed.front())) trimmed.remove_prefix(1);
      if (begun && trimmed.starts_with("${") && trimmed.ends_with('}')) {
        rule = "expression.syntax";
        message += ": its `${` is not closed by the last `}`";
        instead = "use one `${ … }` for the whole value";
      } else if (begun) {
        message += ", not text with holes";
        instead = trimmed.ends_with('}')
                      ? "use one `${ … }` for the whole value"
                      : "close it: `${ … }`, in quotes where it has ` #` or `: `";
      } else if (node.text.size() <= 60) {
        message += ", not " + quoted(node.text);
        instead = "write `${ " + node.text + " }`";
      }
    } else {
      message += ", not " + describe(node);
    }
    error(node.at, std::move(rule), std::move(message), std::move(instead));
    return std::nullopt;
  }
  ExpressionSyntax out;
  out.at = node.at;
  const auto places = source_.align_scalar(node.offset, node.text);
  out.expression =
      compile(std::string_view(node.text).substr(whole->open + 2, whole->close - whole->open - 2),
              whole->open + 2, places, out.uses);
  return out;
}

Template ParserContext::build_scalar(const YamlNode& node, TemplateSyntax& out) {
  const std::string& text = node.text;
  if (text.find("${") == std::string::npos) {
    if (!node.plain) return Template::literal(Value(text));
    const PlainScalar resolved = resolve_plain(text);
    if (!resolved.quarrel.empty()) {
      error(node.at, "yaml.ambiguous", resolved.quarrel, resolved.instead);
    } else if (looks_like_path(text)) {
      reporter_.warning(node.at, "text.path", quoted(text) + " is text here, not an expression",
                        "write `'${ " + (text.starts_with("$.") ? text.substr(1) : text) +
                            " }'` for the value, or put quotes around the text");
    }
    return Template::literal(resolved.value);
  }
  const auto places = source_.align_scalar(node.offset, text);
  const std::string_view view = text;
  if (const auto whole = whole_expression(text)) {
    auto compiled = compile(view.substr(whole->open + 2, whole->close - whole->open - 2),
                            whole->open + 2, places, out.uses);
    return compiled ? Template::expression(std::move(*compiled)) : Template::literal(Value());
  }
  std::vector<Template> parts;
  std::string literal;
  std::size_t from = 0;
  while (true) {
    const std::size_t open = text.find("${", from);
    if (open == std::string::npos) break;
    if (open > from && text[open - 1] == '$') {  // `$${` stands for `${` itself.
      literal += view.substr(from, open - 1 - from);
      literal += "${";
      from = open + 2;
      continue;
    }
    literal += view.substr(from, open - from);
    const std::size_t close = expression_end(text, open);
    if (close == std::string_view::npos) {
      error(source_.position(places[open]), "expression.syntax", "this `${` is never closed",
            "add the `}`, or write `$${` for the two characters themselves");
      return Template::literal(Value());
    }
    if (!literal.empty()) parts.push_back(Template::literal(Value(std::exchange(literal, {}))));
    auto compiled = compile(view.substr(open + 2, close - open - 2), open + 2, places, out.uses);
    if (!compiled) return Template::literal(Value());
    parts.push_back(Template::expression(std::move(*compiled)));
    from = close + 1;
  }
  literal += view.substr(from);
  if (parts.empty()) return Template::literal(Value(std::move(literal)));
  if (!literal.empty()) parts.push_back(Template::literal(Value(std::move(literal))));
  return Template::text(std::move(parts));
}

Template ParserContext::build(const YamlNode& node, TemplateSyntax& out) {
  if (node.is_null()) return Template::literal(Value());
  if (node.is_scalar()) return build_scalar(node, out);
  const auto constant = [](const Template& part) { return part.constant() != nullptr; };
  if (node.is_sequence()) {
    std::vector<Template> items;
    for (const auto& item : node.items) items.push_back(build(*item, out));
    if (!std::all_of(items.begin(), items.end(), constant)) {
      return Template::array(std::move(items));
    }
    Value::Array values;
    for (const Template& item : items) values.push_back(*item.constant());
    return Template::literal(Value::array(std::move(values)));
  }
  std::vector<std::pair<std::string, Template>> members;
  for (const YamlMember& member : node.members) {
    members.emplace_back(member.key, build(*member.value, out));
  }
  if (!std::all_of(members.begin(), members.end(),
                   [&](const auto& member) { return constant(member.second); })) {
    return Template::object(std::move(members));
  }
  Value::Object values;
  for (const auto& [key, value] : members) values.push_back({key, *value.constant()});
  return Template::literal(Value::object(std::move(values)));
}

std::optional<TemplateSyntax> ParserContext::any_template(const YamlNode& node,
                                                          std::string_view /*what*/) {
  TemplateSyntax out;
  out.at = node.at;
  out.value = build(node, out);
  out.is_mapping = node.is_mapping();
  for (const YamlMember& member : node.members) out.keys.push_back(member.key);
  return out;
}

std::optional<TemplateSyntax> ParserContext::object_template(const YamlNode& node,
                                                             std::string_view what) {
  if (!node.is_mapping() && !(node.is_scalar() && whole_expression(node.text))) {
    error(node.at, "form.type",
          std::string(what) + " must be a mapping or one expression that yields an object, not " +
              describe(node),
          "write `{name: value}` or `${ … }`");
    return std::nullopt;
  }
  return any_template(node, what);
}

std::optional<TemplateSyntax> ParserContext::scalar_template(const YamlNode& node,
                                                             std::string_view what) {
  if (!node.is_scalar()) {
    error(node.at, "form.type",
          std::string(what) + " must be an expression or text, not " + describe(node),
          "write `${ … }`");
    return std::nullopt;
  }
  return any_template(node, what);
}

}  // namespace weft::dsl
