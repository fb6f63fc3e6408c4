#include <algorithm>
#include <cctype>
#include <utility>

#include "dsl/canonical_form.h"
#include "dsl/catalogue.h"
#include "dsl/digest.h"
#include "dsl/names.h"

namespace weft::dsl {
namespace {

/// A word, a sign or a string of an expression.
struct Token {
  std::string text;
  bool string = false;
};

std::vector<Token> tokens_of(std::string_view text) {
  std::vector<Token> tokens;
  std::size_t i = 0;
  while (i < text.size()) {
    const char c = text[i];
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      ++i;
    } else if (c == '"') {
      std::size_t end = i + 1;
      while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2 : 1;
      end = std::min(end, text.size());
      tokens.push_back({std::string(text.substr(i + 1, end - i - 1)), true});
      i = end + 1;
    } else if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$') {
      std::size_t end = i;
      while (end < text.size() && (std::isalnum(static_cast<unsigned char>(text[end])) != 0 ||
                                   text[end] == '_' || text[end] == '$')) {
        ++end;
      }
      tokens.push_back({std::string(text.substr(i, end - i)), false});
      i = end;
    } else {
      const std::size_t size = text.substr(i).starts_with("//") ? 2 : 1;
      tokens.push_back({std::string(text.substr(i, size)), false});
      i += size;
    }
  }
  return tokens;
}

/// The constant names that `choose` can yield: strings where a result stands, which is after
/// `then`, `else`, `//`, at the ends, and as the values of a table.
std::vector<std::string> targets_of(const Expression& choose) {
  static constexpr std::string_view kBefore[] = {"then", "else", "//", "(", ":", ",", "|", "["};
  static constexpr std::string_view kAfter[] = {"elif", "else", "end", "//", ")", ",", "}", "]"};
  const std::vector<Token> tokens = tokens_of(choose.text());
  std::vector<std::string> targets;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (!tokens[i].string || !is_name(tokens[i].text)) continue;
    const auto stands = [](const auto& range, const Token& token) {
      return !token.string &&
             std::find(std::begin(range), std::end(range), token.text) != std::end(range);
    };
    const bool begins = i == 0 || stands(kBefore, tokens[i - 1]);
    const bool ends = i + 1 == tokens.size() || stands(kAfter, tokens[i + 1]);
    if (!begins || !ends) continue;
    if (std::find(targets.begin(), targets.end(), tokens[i].text) == targets.end()) {
      targets.push_back(tokens[i].text);
    }
  }
  return targets;
}

void lower_route(Unit& unit, AdapterDefinition& out) {
  const AdapterSyntax& syntax = *unit.adapter;
  if (syntax.shadow) {
    out.shadow = syntax.shadow->text;
    if (out.shadow == out.name) {
      unit.reporter.error(syntax.shadow->at, "adapter.target",
                          "the adapter cannot be its own shadow", "name the other adapter");
    }
  }
  if (!syntax.choose || !syntax.choose->expression) return;
  for (const NameUse& use : syntax.choose->uses) {
    if (use.reference.name == "saga") continue;
    const std::string shown = use.reference.name == "." ? "." : "$" + use.reference.name;
    unit.reporter.error(use.at, "scope.unknown",
                        quoted(shown) + " does not exist in `choose`: only `$saga` does",
                        "choose by `$saga.labels.NAME` or `$saga.bucket`");
  }
  out.route_choose = syntax.choose->expression;
  out.route_targets = targets_of(*syntax.choose->expression);
  if (out.route_targets.empty()) {
    unit.reporter.error(syntax.choose->at, "adapter.target", "`choose` names no adapter",
                        "write the targets as constant names: "
                        "`if … then \"erp_cloud\" else \"erp_legacy\" end`");
  }
  if (std::find(out.route_targets.begin(), out.route_targets.end(), out.name) !=
      out.route_targets.end()) {
    unit.reporter.error(
        syntax.choose->at, "adapter.target",
        "`choose` yields the adapter " + quoted(out.name) + " itself",
        "give the old system an adapter name of its own, like " + quoted(out.name + "_legacy"));
  }
}

void lower_operations(Unit& unit, const CompileOptions& options, AdapterDefinition& out) {
  std::vector<std::string> codes;
  for (const auto& [code, declaration] : out.errors) codes.push_back(code);
  for (const OperationSyntax& syntax : unit.adapter->operations) {
    OperationDefinition operation = syntax.definition;
    if (syntax.input) {
      if (const auto* schema = load_schema(unit, *syntax.input, options)) operation.input = *schema;
    }
    if (syntax.reply) {
      if (const auto* schema = load_schema(unit, *syntax.reply, options)) operation.reply = *schema;
    }
    for (const Word& code : syntax.errors) {
      if (out.errors.contains(code.text) || is_service_code(code.text)) continue;
      const std::string near = suggestion(code.text, codes);
      unit.reporter.error(
          code.at, "codes.undeclared", "the code " + quoted(code.text) + " is not declared",
          near.empty() ? "declare it under `errors: {" + code.text + ": {class: business}}`"
                       : near);
    }
    out.operations.push_back(std::move(operation));
  }
}

}  // namespace

AdapterDefinition lower_adapter(Unit& unit, const CompileOptions& options) {
  const AdapterSyntax& syntax = *unit.adapter;
  AdapterDefinition out;
  out.name = syntax.adapter.text;
  out.owner = syntax.owner;
  out.guarantee = syntax.guarantee;
  out.idempotency_window_ms = syntax.idempotency_window_ms;
  out.limits = syntax.limits;
  out.defined = true;
  std::map<std::int64_t, std::string> numbers;
  for (const ErrorSyntax& error : syntax.errors) {
    const auto& reserved = reserved_codes();
    const auto& classes = routable_classes();
    if (std::find(reserved.begin(), reserved.end(), error.code.text) != reserved.end() ||
        std::find(classes.begin(), classes.end(), error.code.text) != classes.end() ||
        error.code.text == "any" || error.code.text == "invalid" ||
        is_service_code(error.code.text)) {
      unit.reporter.error(
          error.code.at, "codes.reserved",
          "the code " + quoted(error.code.text) + " is the engine's own",
          "give it a name of the business, like " + quoted(out.name + "_" + error.code.text));
    }
    for (const std::int64_t number : error.declaration.service_codes) {
      const auto [found, added] = numbers.emplace(number, error.code.text);
      if (added) continue;
      unit.reporter.error(
          error.code.at, "codes.service",
          "the service code " + std::to_string(number) + " already means " + quoted(found->second),
          "list every number once");
    }
    ErrorDeclaration declaration = error.declaration;
    declaration.from_adapter = true;
    out.errors[error.code.text] = std::move(declaration);
  }
  lower_operations(unit, options, out);
  lower_route(unit, out);
  out.digest = sha256_hex(canonical_adapter(out).to_canonical_json());
  return out;
}

}  // namespace weft::dsl
