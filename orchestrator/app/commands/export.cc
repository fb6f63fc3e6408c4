#include "orchestrator/app/commands/commands.h"
#include "orchestrator/app/commands/support.h"

namespace weft::app {
namespace {

int run_export(const Invocation& invocation) {
  return with_client(invocation, [&](ApiClient& client, const Output& output) {
    auto result =
        client.get(ApiPath("/api/v1/sagas").segment(invocation.arguments[0]).segment("export"));
    if (!result) return output.fail(result.error());
    output.document(result->body);  // A history is for programs; there is no table of it.
    return static_cast<int>(kExitDone);
  });
}

}  // namespace

CommandSpec export_command() {
  CommandSpec spec;
  spec.name = "export";
  spec.arguments = "SAGA";
  spec.summary = "one saga's whole history as JSON";
  spec.example = "weft export retail.order_fulfilment:web/1001 > order-1001.json";
  spec.arguments_min = spec.arguments_max = 1;
  spec.run = run_export;
  return spec;
}

}  // namespace weft::app
