#include "orchestrator/app/commands/commands.h"
#include "orchestrator/app/commands/support.h"

namespace weft::app {
namespace {

using dsl::Value;

int resolve(ApiClient& client, const Output& output, const Invocation& invocation) {
  const bool discard = invocation.has("--discard");
  if (invocation.arguments.empty()) {
    return usage_failure(output, "say which one: its id, as `weft unmatched` prints it");
  }
  if (discard == invocation.has("--deliver")) {
    return usage_failure(output, "either --deliver or --discard");
  }
  if (discard && invocation.get("--reason").empty()) {
    return usage_failure(output, "--discard needs --reason TEXT");
  }
  Value body = Value::empty_object();
  if (invocation.has("--reason")) body = body.with("reason", Value(invocation.get("--reason")));
  if (invocation.has("--edit")) {
    if (discard) return usage_failure(output, "--edit belongs to --deliver");
    auto text = read_input(invocation.get("--edit"));
    if (!text) return output.fail(text.error());
    auto data = Value::parse(*text);
    if (!data)
      return usage_failure(output, "--edit is to name a JSON file: " + data.error().message);
    body = body.with("data", *data);
  }
  auto result = client.post(ApiPath("/api/v1/unmatched")
                                .segment(invocation.arguments[0])
                                .segment(discard ? "discard" : "deliver"),
                            body);
  return print_result(result, output,
                      [&](const Value&) { output.text(discard ? "discarded\n" : "delivered\n"); });
}

int run_unmatched(const Invocation& invocation) {
  return with_client(invocation, [&](ApiClient& client, const Output& output) {
    if (invocation.has("--deliver") || invocation.has("--discard")) {
      return resolve(client, output, invocation);
    }
    if (!invocation.arguments.empty() || invocation.has("--edit")) {
      return usage_failure(output, "an id goes with --deliver or --discard");
    }
    Table table({"ID", "KIND", "NAME", "SINCE", "WHY"});
    auto done = client.list(
        [](const std::string& cursor) {
          return ApiPath("/api/v1/unmatched").query("limit", "500").query("cursor", cursor);
        },
        [&](const Value& item) {
          if (output.structured()) {
            output.item(item);
            return true;
          }
          const std::string code = field(item, "code");
          table.add({{field(item, "id")},
                     {field(item, "kind")},
                     {field(item, "name")},
                     {ago(item, "at")},
                     {(code.empty() ? "" : code + ": ") + field(item, "reason")}});
          return true;
        });
    if (!done) return output.fail(done.error());
    if (!output.structured()) output.table(table, "nothing is unmatched");
    return static_cast<int>(kExitDone);
  });
}

}  // namespace

CommandSpec unmatched_command() {
  CommandSpec spec;
  spec.name = "unmatched";
  spec.arguments = "[ID]";
  spec.summary = "events nobody waited for, and rejected documents";
  spec.example = "weft unmatched u-17 --deliver --edit fixed.json --reason 'order id was mistyped'";
  spec.arguments_max = 1;
  spec.options = {{"--deliver", "", "offer it again", false},
                  {"--edit", "FILE", "with this JSON instead, - for stdin", false},
                  {"--discard", "", "it is of no use", false},
                  {"--reason", "TEXT", "why; needed for --discard", false}};
  spec.run = run_unmatched;
  return spec;
}

}  // namespace weft::app
