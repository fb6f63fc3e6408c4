#include "orchestrator/app/commands/commands.h"
#include "orchestrator/app/commands/support.h"

namespace weft::app {
namespace {

using dsl::Value;

int run_workflows(const Invocation& invocation) {
  return with_client(invocation, [&](ApiClient& client, const Output& output) {
    ApiPath path("/api/v1/workflows");
    if (!invocation.arguments.empty()) path.segment(invocation.arguments[0]);
    auto result = client.get(path);
    if (!result) return output.fail(result.error());
    const Value* items = result->body.find("items");
    const Value list = items != nullptr ? *items : Value::array({result->body});
    if (output.structured()) {
      output.items(list);
      return static_cast<int>(kExitDone);
    }
    Table table({"WORKFLOW", "VERSION", "", "LIFECYCLE", "RUNNING", "OWNER", "DIGEST"}, {4});
    for (const Value& workflow : list.as_array()) {
      const Value* versions = workflow.find("versions");
      if (versions == nullptr || !versions->is_array()) continue;
      std::string name = field(workflow, "workflow");
      if (workflow.boolean_or("paused", false)) name += " (paused)";
      for (const Value& version : versions->as_array()) {
        const bool current = version.boolean_or("current", false);
        table.add({{name},
                   {field(version, "version")},
                   {current ? "current" : "", Colour::kGreen},
                   {current ? field(workflow, "lifecycle") : ""},
                   {current ? field(workflow, "running") : ""},
                   {current ? field(workflow, "owner") : ""},
                   {field(version, "digest").substr(0, 12), Colour::kDim}});
      }
    }
    output.table(table, "no workflows are deployed");
    return static_cast<int>(kExitDone);
  });
}

}  // namespace

CommandSpec workflows_command() {
  CommandSpec spec;
  spec.name = "workflows";
  spec.arguments = "[NAME]";
  spec.summary = "what is deployed, and how much of it runs";
  spec.example = "weft workflows";
  spec.arguments_max = 1;
  spec.run = run_workflows;
  return spec;
}

}  // namespace weft::app
