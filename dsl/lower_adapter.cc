#include <algorithm>
#include <utility>

#include "dsl/canonical_form.h"
#include "dsl/catalogue.h"
#include "dsl/declared_codes.h"
#include "dsl/digest.h"
#include "dsl/expression_results.h"
#include "dsl/names.h"

namespace weft::dsl {
namespace {

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
  const auto targets = constant_texts(*syntax.choose->expression);
  if (!targets || !std::all_of(targets->begin(), targets->end(), is_name)) {
    unit.reporter.error(syntax.choose->at, "adapter.target",
                        "`choose` must say which adapters it can yield: limits and guarantees of "
                        "all of them are known beforehand",
                        "write the targets as constant names: "
                        "`if … then \"erp_cloud\" else \"erp_legacy\" end`");
    return;
  }
  out.route_targets = *targets;
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
  check_declared_codes(syntax.errors, unit.reporter);
  for (const ErrorSyntax& error : syntax.errors) {
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
