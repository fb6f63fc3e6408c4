#include <iostream>

#include "orchestrator/app/commands/commands.h"
#include "orchestrator/app/commands/support.h"
#include "orchestrator/app/definitions.h"
#include "orchestrator/app/output.h"

namespace weft::app {
namespace {

int run_check(const Invocation& invocation) {
  const Output output(invocation.global);
  auto definitions = read_definitions(invocation.arguments);
  if (!definitions) {
    return output.fail(
        make_failure(kExitFailed, "unreadable", "a file cannot be read", definitions.error()));
  }
  if (definitions->files.empty()) {
    return output.fail(make_failure(kExitFailed, "no_definitions", "nothing to check",
                                    "no definitions were found there"));
  }
  const dsl::CompileResult result = compile_definitions(*definitions, false);
  if (output.structured()) {
    for (const dsl::Diagnostic& diagnostic : result.diagnostics) {
      output.item(diagnostic_value(diagnostic));
    }
  } else {
    output.text(diagnostics_text(result.diagnostics, *definitions));
  }
  const bool bad = dsl::has_errors(result.diagnostics);
  if (!output.structured() && !bad) {
    for (const auto& graph : result.workflows) {
      output.text(output.paint("ok", Colour::kGreen) + "  " + graph->id() + "  " +
                  counted(static_cast<std::int64_t>(graph->steps.size()), "step", "steps") +
                  "  digest " + graph->digest.substr(0, 12) + "\n");
    }
    for (const auto& [name, adapter] : result.adapters) {
      if (!adapter->defined) continue;
      output.text(output.paint("ok", Colour::kGreen) + "  adapter " + name + "  " +
                  dsl::guarantee_name(adapter->guarantee) + "\n");
    }
  }
  return bad ? kExitFailed : kExitDone;
}

}  // namespace

CommandSpec check_command() {
  CommandSpec spec;
  spec.name = "check";
  spec.arguments = "FILES";
  spec.summary = "compile definitions and say what is wrong with them";
  spec.details =
      "Files and folders; those given together see each other's adapters and sub-sagas, and those\n"
      "that lie beside a file. Prints\n"
      "`file:line:column: error: what is wrong; what to write instead [rule]` with a caret under "
      "the\n"
      "place; `-o json` prints one finding per line for editors.";
  spec.example = "weft check workflows/retail";
  spec.arguments_min = 1;
  spec.arguments_max = 10'000;
  spec.run = run_check;
  return spec;
}

}  // namespace weft::app
