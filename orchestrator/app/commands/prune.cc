#include "orchestrator/app/commands/commands.h"
#include "orchestrator/app/commands/support.h"
#include "orchestrator/app/time_text.h"

namespace weft::app {
namespace {

using dsl::Value;

int run_prune(const Invocation& invocation) {
  return with_client(invocation, [&](ApiClient& client, const Output& output) {
    const std::string age = invocation.get("--older-than");
    if (!parse_duration_ms(age)) {
      return usage_failure(output, "--older-than TIME is needed, a duration such as 30d");
    }
    const bool dry = invocation.has("--dry-run");
    std::int64_t removed = 0;
    for (;;) {
      auto result = client.post(ApiPath("/api/v1/prune"),
                                Value::object({{"older_than", age}, {"dry_run", dry}}));
      if (!result) return output.fail(result.error());
      removed += result->body.integer_or("removed", 0);
      // A dry run removes nothing, so asking again would count the same sagas again.
      if (dry || !result->body.boolean_or("remaining", false)) {
        if (output.structured()) {
          output.document(result->body.with("removed", Value(removed)).with("dry_run", Value(dry)));
        } else {
          const bool more = result->body.boolean_or("remaining", false);
          output.text(std::to_string(removed) + (more ? " or more" : "") +
                      (removed == 1 && !more ? " ended saga" : " ended sagas") +
                      (dry ? " would be removed\n" : " removed\n"));
        }
        return static_cast<int>(kExitDone);
      }
    }
  });
}

}  // namespace

CommandSpec prune_command() {
  CommandSpec spec;
  spec.name = "prune";
  spec.summary = "remove ended sagas beyond their retention";
  spec.details = "Stuck sagas are never removed. Start keys stay known beyond their histories.";
  spec.example = "weft prune --older-than 90d --dry-run";
  spec.options = {{"--older-than", "TIME", "ended at least so long ago", false},
                  {"--dry-run", "", "only count them", false}};
  spec.run = run_prune;
  return spec;
}

}  // namespace weft::app
