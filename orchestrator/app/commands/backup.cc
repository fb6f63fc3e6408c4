#include <filesystem>
#include <system_error>

#include "orchestrator/app/commands/commands.h"
#include "orchestrator/app/commands/support.h"

namespace weft::app {
namespace {

using dsl::Value;

int run_backup(const Invocation& invocation) {
  return with_client(invocation, [&](ApiClient& client, const Output& output) {
    std::error_code error;
    const auto absolute = std::filesystem::absolute(invocation.arguments[0], error);
    auto result = client.post(
        ApiPath("/api/v1/backup"),
        Value::object(
            {{"dir", error ? invocation.arguments[0] : absolute.lexically_normal().string()}}));
    return print_result(result, output, [&](const Value& report) {
      output.text(field(report, "bytes") + " bytes in " + printable(field(report, "dir")) +
                  ", up to event " + field(report, "position") + ", in " +
                  field(report, "took_ms") + " ms; the copy was opened and checked\n");
    });
  });
}

}  // namespace

CommandSpec backup_command() {
  CommandSpec spec;
  spec.name = "backup";
  spec.arguments = "DIR";
  spec.summary = "copy the whole store while it works";
  spec.details =
      "The folder is one of the server's computer, new or empty. The copy is opened and checked\n"
      "before the command ends. Choose another device: on the same one files are shared.";
  spec.example = "weft backup /mnt/backup/weft-2026-03-29";
  spec.arguments_min = spec.arguments_max = 1;
  spec.run = run_backup;
  return spec;
}

}  // namespace weft::app
