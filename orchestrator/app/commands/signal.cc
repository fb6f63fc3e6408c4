#include "orchestrator/app/commands/commands.h"
#include "orchestrator/app/commands/support.h"

namespace weft::app {
namespace {

using dsl::Value;

int run_signal(const Invocation& invocation) {
  return with_client(invocation, [&](ApiClient& client, const Output& output) {
    auto data = Value::parse(invocation.has("--data") ? invocation.get("--data") : "null");
    if (!data) return usage_failure(output, "--data is to be JSON: " + data.error().message);
    ApiClient::Headers headers;
    if (invocation.has("--id")) headers.emplace_back("Idempotency-Key", invocation.get("--id"));
    auto result =
        client.post(ApiPath("/api/v1/sagas").segment(invocation.arguments[0]).segment("signal"),
                    Value::object({{"name", invocation.arguments[1]}, {"data", *data}}), headers);
    return print_result(result, output, [&](const Value& answer) {
      const bool kept = answer.boolean_or("kept", false);
      output.text(answer.integer_or("matched", 0) > 0 ? "taken\n"
                  : kept ? "kept until a step of the saga listens for it\n"
                         : "known already\n");
    });
  });
}

}  // namespace

CommandSpec signal_command() {
  CommandSpec spec;
  spec.name = "signal";
  spec.arguments = "SAGA NAME";
  spec.summary = "deliver an event to one saga";
  spec.example = "weft signal SAGA payment.confirmed --data '{\"authorisation_id\":\"a1\"}'";
  spec.arguments_min = spec.arguments_max = 2;
  spec.options = {{"--data", "JSON", "what it says (null)", false},
                  {"--id", "ID", "makes a repeat of the same event harmless", false}};
  spec.run = run_signal;
  return spec;
}

}  // namespace weft::app
