#include "dsl/compiler.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "dsl/catalogue.h"
#include "dsl/lowering.h"
#include "dsl/parser.h"
#include "dsl/validator.h"

namespace weft::dsl {
namespace {

void parse_all(const std::vector<SourceFile>& files, std::vector<std::unique_ptr<Unit>>& units,
               std::vector<Diagnostic>& findings) {
  for (const SourceFile& file : files) {
    // Scenario tests stand beside the workflows they test; they are no definitions.
    if (file.path.ends_with(".test.yaml") || file.path.ends_with(".test.yml")) continue;
    auto unit = std::make_unique<Unit>(file, findings);
    DefinitionSyntax definition = parse_definition(unit->source, unit->reporter);
    unit->workflow = std::move(definition.workflow);
    unit->adapter = std::move(definition.adapter);
    units.push_back(std::move(unit));
  }
}

/// Adapters first: workflows are checked against them.
void compile_adapters(std::vector<std::unique_ptr<Unit>>& units, Catalogue& catalogue,
                      const CompileOptions& options) {
  for (auto& unit : units) {
    if (!unit->adapter) continue;
    if (unit->reporter.form_errors() > 0) {
      catalogue.mark_broken(unit->adapter->adapter.text);
      continue;
    }
    AdapterDefinition definition = lower_adapter(*unit, options);
    catalogue.add_adapter(*unit, std::move(definition));
    if (unit->reporter.errors() > 0) catalogue.mark_broken(unit->adapter->adapter.text);
  }
  catalogue.settle_routes();
}

bool uses_broken_adapter(const SagaGraph& graph, const Catalogue& catalogue) {
  return std::any_of(graph.adapters.begin(), graph.adapters.end(),
                     [&](const auto& entry) { return catalogue.broken(entry.first); });
}

}  // namespace

CompileResult compile(const std::vector<SourceFile>& files, const CompileOptions& options) {
  CompileResult result;
  std::vector<std::unique_ptr<Unit>> units;
  parse_all(files, units, result.diagnostics);

  Catalogue catalogue(options.complete);
  compile_adapters(units, catalogue, options);
  std::vector<Unit*> workflows;
  for (auto& unit : units) {
    if (!unit->workflow) continue;
    catalogue.add_workflow(*unit);
    // With errors of form the meaning is not looked at: it would only distract from the cause.
    if (unit->reporter.form_errors() == 0) workflows.push_back(unit.get());
  }
  for (Unit* unit : workflows) validate_workflow(*unit, catalogue, options);
  validate_children(workflows, catalogue);

  for (Unit* unit : workflows) {
    if (unit->reporter.errors() > 0) continue;
    auto graph = lower_workflow(*unit, catalogue, options);
    if (!uses_broken_adapter(*graph, catalogue)) result.workflows.push_back(std::move(graph));
  }
  for (const auto& [name, definition] : catalogue.adapters()) {
    if (name == "weft" || catalogue.broken(name)) continue;  // Built in: no file defines it.
    result.adapters[name] = std::make_shared<const AdapterDefinition>(definition);
  }
  std::stable_sort(result.diagnostics.begin(), result.diagnostics.end(),
                   [](const Diagnostic& a, const Diagnostic& b) {
                     return std::tie(a.file, a.position.line, a.position.column) <
                            std::tie(b.file, b.position.line, b.position.column);
                   });
  return result;
}

}  // namespace weft::dsl
