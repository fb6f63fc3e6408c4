#include <iostream>

#include "orchestrator/app/commands/commands.h"
#include "orchestrator/app/log.h"
#include "orchestrator/app/output.h"
#include "orchestrator/app/serving.h"

namespace weft::app {
namespace {

using dsl::Value;

int run_serve(const Invocation& invocation) {
  auto config = configure(invocation);
  if (!config) {
    return not_started(invocation, kExitUsage, "bad_setting", config.error().message);
  }
  if (config->data.empty()) {
    return not_started(invocation, kExitUsage, "usage",
                       "`weft serve` needs a folder for its store: --data DIR, WEFT_DATA, or "
                       "`data:` in weft.yaml");
  }
  set_up_logging(config->log.level, config->log.format);
  Signals signals;
  auto definitions = read_definitions(config->workflows);
  if (!definitions) {
    return not_started(invocation, kExitFailed, "unreadable",
                       "--workflows: " + definitions.error());
  }
  // Before the store is opened: a node that is not going to start leaves nothing behind. This also
  // reads the schemas that the definitions name.
  const dsl::CompileResult compiled = compile_definitions(*definitions, true);
  if (dsl::has_errors(compiled.diagnostics)) {
    Value::Array found;
    for (const dsl::Diagnostic& diagnostic : compiled.diagnostics) {
      found.push_back(diagnostic_value(diagnostic));
    }
    if (!Output(invocation.global).json()) {
      std::cerr << diagnostics_text(compiled.diagnostics, *definitions);
    }
    return not_started(invocation, kExitFailed, "definition_errors",
                       "the definitions have errors",
                       {{"diagnostics", Value::array(std::move(found))}});
  }
  auto node = Node::start(*config, *definitions);
  if (!node) {
    const StartError& error = node.error();
    return not_started(invocation, error.exit_code,
                       error.exit_code == kExitStore ? "store_unusable" : "not_started",
                       error.message);
  }
  std::cout << "weft ready http=" << (*node)->url() << std::endl;
  log(LogLevel::kInfo, "ready", {{"http", (*node)->url()}, {"data", config->data}});
  while (signals.wait(-1, std::chrono::milliseconds(-1)) != Signals::Woken::kSignal) {
  }
  return drain_and_stop(**node, signals, config->drain_ms);
}

}  // namespace

CommandSpec serve_command() {
  CommandSpec spec;
  spec.name = "serve";
  spec.summary = "one orchestrator node";
  spec.details =
      "Registers every definition in the --workflows folders and below, and refuses to start if "
      "one\n"
      "is wrong. Logs to stderr; prints `weft ready http=…` on stdout when it is ready. SIGTERM "
      "ends\n"
      "it after the answers in flight have come. Every option is also a variable and a key of\n"
      "weft.yaml; an option wins over a variable, and a variable over the file.";
  spec.example =
      "weft serve --data /var/lib/weft --nats nats://127.0.0.1:4222 --http 127.0.0.1:7717 "
      "--workflows /etc/weft/workflows";
  spec.options = setting_options();
  spec.run = run_serve;
  return spec;
}

}  // namespace weft::app
