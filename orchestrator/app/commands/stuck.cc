#include "orchestrator/app/commands/commands.h"
#include "orchestrator/app/commands/support.h"

namespace weft::app {
namespace {

using dsl::Value;

std::string held_text(const Value* held) {
  std::string text;
  if (held == nullptr || !held->is_object()) return text;
  for (const dsl::Member& resource : held->as_object()) {
    if (resource.value.size() == 0) continue;
    text +=
        (text.empty() ? "" : ", ") + std::to_string(resource.value.size()) + " of " + resource.key;
  }
  return text;
}

std::string actions_text(const Value* actions) {
  std::string text;
  if (actions == nullptr || !actions->is_array()) return text;
  for (const Value& action : actions->as_array())
    text += (text.empty() ? "" : " ") + cell_text(&action);
  return text;
}

std::string place_text(const Value& group) {
  const std::string step = field(group, "step");
  return field(group, "place") == "compensation" ? "undo of " + step : step;
}

int run_stuck(const Invocation& invocation) {
  return with_client(invocation, [&](ApiClient& client, const Output& output) {
    auto result = client.get(ApiPath("/api/v1/stuck"));
    if (!result) return output.fail(result.error());
    const Value* items = result->body.find("items");
    const Value list = items == nullptr ? Value::array({}) : *items;
    if (output.structured()) {
      output.items(list);
      return static_cast<int>(kExitDone);
    }
    if (list.size() == 0) {
      output.text("nothing is stuck\n");
      return static_cast<int>(kExitDone);
    }
    Table table({"GROUP", "COUNT", "OLDEST", "WORKFLOW", "STEP", "WHY", "ADAPTER", "HELD"}, {1});
    for (const Value& group : list.as_array()) {
      table.add({{field(group, "id")},
                 {field(group, "count")},
                 {ago(group, "oldest")},
                 {field(group, "workflow")},
                 {place_text(group)},
                 {field(group, "class") + " " + field(group, "code"), Colour::kRed},
                 {field(group, "adapter")},
                 {held_text(group.find("held"))}});
    }
    output.table(table, "");
    for (const Value& group : list.as_array()) {
      output.text("\n" + output.paint(printable(field(group, "id")), Colour::kBold) + "  " +
                  printable(field(group, "message")) + "\n  owner " +
                  printable(field(group, "owner")) + "; you may " +
                  printable(actions_text(group.find("actions"))) + "\n");
    }
    return static_cast<int>(kExitDone);
  });
}

}  // namespace

CommandSpec stuck_command() {
  CommandSpec spec;
  spec.name = "stuck";
  spec.summary = "places that need a person, in groups that can be mended together";
  spec.details =
      "A group's id goes to --group of retry, skip, resume, resolve, compensate, cancel,\n"
      "terminate.";
  spec.example = "weft stuck && weft retry --group GROUP --dry-run";
  spec.run = run_stuck;
  return spec;
}

}  // namespace weft::app
