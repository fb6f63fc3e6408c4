#include <algorithm>
#include <iostream>

#include "orchestrator/app/commands/commands.h"
#include "orchestrator/app/definitions.h"
#include "orchestrator/app/graph_drawing.h"
#include "orchestrator/app/near_match.h"
#include "orchestrator/app/output.h"

namespace weft::app {
namespace {

int run_graph(const Invocation& invocation) {
  const Output output(invocation.global);
  const std::string format = invocation.has("--format") ? invocation.get("--format")
                             : output.json()            ? "json"
                                                        : "mermaid";
  if (format != "mermaid" && format != "dot" && format != "json") {
    return output.fail(make_failure(kExitUsage, "usage", "wrong usage",
                                    "--format takes mermaid, dot or json" +
                                        near_match_hint(format, {"mermaid", "dot", "json"})));
  }
  auto definitions = read_definitions(invocation.arguments);
  if (!definitions) {
    return output.fail(
        make_failure(kExitFailed, "unreadable", "a file cannot be read", definitions.error()));
  }
  const dsl::CompileResult result = compile_definitions(*definitions, false);
  if (dsl::has_errors(result.diagnostics) || result.workflows.empty()) {
    if (!output.json()) std::cerr << diagnostics_text(result.diagnostics, *definitions);
    const bool bad = dsl::has_errors(result.diagnostics);
    Failure failure =
        make_failure(kExitFailed, bad ? "definition_errors" : "no_workflow", "nothing can be drawn",
                     bad ? "the definition has errors" : "there is no workflow in it");
    dsl::Value::Array found;
    for (const dsl::Diagnostic& one : result.diagnostics) found.push_back(diagnostic_value(one));
    failure.problem = failure.problem.with("diagnostics", dsl::Value::array(std::move(found)));
    return output.fail(failure);
  }
  for (const auto& graph : result.workflows) {
    // Sub-sagas that were looked up beside the files are not drawn: nobody asked for them.
    const auto asked = std::any_of(
        definitions->files.begin(),
        definitions->files.begin() + static_cast<std::ptrdiff_t>(definitions->given),
        [&](const dsl::SourceFile& file) { return file.text.ends_with(graph->source); });
    if (!asked) continue;
    const Drawing drawing = draw(*graph);
    if (format == "json") {
      output.item(drawing_value(*graph, drawing));
    } else {
      output.text(format == "dot" ? dot_text(*graph, drawing) : mermaid_text(*graph, drawing));
    }
  }
  return kExitDone;
}

}  // namespace

CommandSpec graph_command() {
  CommandSpec spec;
  spec.name = "graph";
  spec.arguments = "FILES";
  spec.summary = "draw a workflow, with what undoes each step";
  spec.details =
      "Solid arrows go forward; dotted ones lead from a step to its compensation, and from one\n"
      "compensation to the one that follows it when everything is undone.";
  spec.example =
      "weft graph workflows/retail/order_fulfilment.yaml --format dot | dot -Tsvg > o.svg";
  spec.arguments_min = 1;
  spec.arguments_max = 100;
  spec.options = {{"--format", "FORMAT", "mermaid (default), dot or json", false}};
  spec.run = run_graph;
  return spec;
}

}  // namespace weft::app
