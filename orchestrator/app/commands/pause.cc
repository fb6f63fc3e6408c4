#include "orchestrator/app/commands/commands.h"
#include "orchestrator/app/commands/support.h"
#include "orchestrator/app/near_match.h"

namespace weft::app {
namespace {

using dsl::Value;

int run_pause(const Invocation& invocation) {
  return with_client(invocation, [&](ApiClient& client, const Output& output) {
    const std::string& kind = invocation.arguments[0];
    const std::vector<std::string> kinds = {"workflow", "adapter", "engine"};
    if (kind != "workflow" && kind != "adapter" && kind != "engine") {
      return usage_failure(output, "`weft " + invocation.name +
                                       "` takes workflow NAME, adapter NAME or engine, not `" +
                                       kind + "`" + near_match_hint(kind, kinds));
    }
    if ((kind == "engine") != (invocation.arguments.size() == 1)) {
      return usage_failure(
          output, kind == "engine" ? "`engine` takes no name" : "`" + kind + "` needs a name");
    }
    ApiPath path("/api/v1");
    if (kind == "engine") {
      path.segment("engine");
    } else {
      path.segment(kind + "s").segment(invocation.arguments[1]);
    }
    auto result = client.post(path.segment(invocation.name),
                              Value::object({{"reason", invocation.get("--reason")}}));
    return print_result(result, output, [&](const Value&) {
      const std::string what =
          kind == "engine" ? "the engine" : kind + " " + invocation.arguments[1];
      output.text(invocation.name == "pause"
                      ? what + " is paused: nothing is dispatched; intake and deadlines go on\n"
                      : what + " goes on\n");
    });
  });
}

CommandSpec command(const std::string& name, const std::string& summary,
                    const std::string& example) {
  CommandSpec spec;
  spec.name = name;
  spec.arguments = "workflow|adapter|engine [NAME]";
  spec.summary = summary;
  spec.example = example;
  spec.arguments_min = 1;
  spec.arguments_max = 2;
  spec.options = {{"--reason", "TEXT", "why; it is recorded", false}};
  spec.run = run_pause;
  return spec;
}

}  // namespace

std::vector<CommandSpec> pause_commands() {
  return {command("pause", "hold tasks before dispatch",
                  "weft pause adapter erp --reason 'ERP update'"),
          command("unpause", "let them go again", "weft unpause engine --reason 'backup checked'")};
}

}  // namespace weft::app
