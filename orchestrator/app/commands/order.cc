#include "orchestrator/app/commands/commands.h"
#include "orchestrator/app/commands/support.h"
#include "orchestrator/app/time_text.h"

namespace weft::app {
namespace {

using dsl::Value;

int run_order(const Invocation& invocation) {
  return with_client(invocation, [&](ApiClient& client, const Output& output) {
    const std::string key = invocation.arguments.empty() ? "" : invocation.arguments[0];
    if (invocation.has("--let-pass")) {
      if (key.empty()) return usage_failure(output, "--let-pass needs the ordering key");
      if (invocation.get("--reason").empty())
        return usage_failure(output, "--let-pass needs --reason TEXT");
      auto result =
          client.post(ApiPath("/api/v1/ordering/let-pass"),
                      Value::object({{"key", key}, {"reason", invocation.get("--reason")}}));
      return print_result(result, output, [&](const Value&) {
        output.text("those behind the head of " + printable(key) + " may pass\n");
      });
    }
    auto result = client.get(ApiPath("/api/v1/ordering").query("key", key));
    if (!result) return output.fail(result.error());
    const Value* items = result->body.find("items");
    const Value list = items != nullptr ? *items : Value::array({result->body});
    if (output.structured()) {
      output.items(list);
      return static_cast<int>(kExitDone);
    }
    Table table({"KEY", "WORKFLOW", "HEAD", "STATE", "AGE", "BLOCKED BY", "WAITING"}, {6});
    for (const Value& queue : list.as_array()) {
      const Value* head = queue.find("blocker");
      const Value empty;
      if (head == nullptr) head = &empty;
      std::string blocker = field(*head, "stuck", "step");
      if (const std::string code = field(*head, "stuck", "code"); !code.empty()) {
        blocker += ": " + code;
      }
      const Value* age = queue.find("age_ms");
      table.add({{field(queue, "key")},
                 {field(queue, "workflow")},
                 {field(*head, "key").empty() ? field(queue, "head") : field(*head, "key")},
                 output.state(field(*head, "state")),
                 {age != nullptr && age->is_integer() ? format_duration(age->as_integer()) : ""},
                 {blocker, Colour::kRed},
                 {field(queue, "waiting")}});
    }
    output.table(table,
                 key.empty() ? "nobody waits for their turn" : "nobody waits behind that key");
    return static_cast<int>(kExitDone);
  });
}

}  // namespace

CommandSpec order_command() {
  CommandSpec spec;
  spec.name = "order";
  spec.arguments = "[KEY]";
  spec.summary = "blocked ordering keys and who blocks them";
  spec.example = "weft order customer-17 --let-pass --reason 'the first one waits for the ERP'";
  spec.arguments_max = 1;
  spec.options = {{"--let-pass", "", "let the rest pass the blocked head", false},
                  {"--reason", "TEXT", "why; needed for --let-pass", false}};
  spec.run = run_order;
  return spec;
}

}  // namespace weft::app
