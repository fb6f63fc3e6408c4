#include "orchestrator/app/commands/commands.h"
#include "orchestrator/app/commands/support.h"
#include "orchestrator/app/near_match.h"

namespace weft::app {
namespace {

using dsl::Value;

const std::vector<std::string>& states() {
  static const std::vector<std::string> all = {"queued",    "running",      "waiting",
                                               "completed", "compensating", "compensated",
                                               "failed",    "stuck",        "terminated"};
  return all;
}

void add_row(Table& table, const Output& output, const Value& saga) {
  const Value* stuck = saga.find("stuck");
  std::string note;
  if (stuck != nullptr && stuck->is_object()) {
    note = field(*stuck, "step") + ": " + field(*stuck, "code");
  }
  table.add({{field(saga, "saga")},
             {field(saga, "workflow") + "@" + field(saga, "version")},
             {field(saga, "key")},
             output.state(field(saga, "state")),
             {field(saga, "status")},
             {ago(saga, "started_at")},
             {note, Colour::kRed}});
}

int run_list(const Invocation& invocation) {
  return with_client(invocation, [&](ApiClient& client, const Output& output) {
    for (const std::string& state : invocation.all("--state")) {
      bool known = false;
      for (const std::string& name : states()) known = known || name == state;
      if (!known) {
        return usage_failure(
            output, "--state `" + state + "` is no state" + near_match_hint(state, states()));
      }
    }
    std::int64_t left = 0;
    const bool limited = invocation.has("--limit");
    if (limited) {
      const auto limit = whole_number(invocation.get("--limit"));
      if (!limit || *limit == 0) return usage_failure(output, "--limit takes a number from 1");
      left = *limit;
    }
    Table table({"SAGA", "WORKFLOW", "KEY", "STATE", "STATUS", "STARTED", "STUCK AT"});
    auto done = client.list(
        [&](const std::string& cursor) {
          ApiPath path("/api/v1/sagas");
          for (const std::string& state : invocation.all("--state")) path.query("state", state);
          for (const std::string& label : invocation.all("--label")) path.query("label", label);
          path.query("status", invocation.get("--status"))
              .query("workflow", invocation.get("--workflow"))
              .query("key", invocation.get("--key"))
              .query("where", invocation.get("--where"))
              .query("older_than", invocation.get("--older-than"))
              .query("since", invocation.get("--since"))
              .query("restored", invocation.has("--restored") ? "true" : "")
              .query("limit", limited && left < 500 ? std::to_string(left) : "500")
              .query("cursor", cursor);
          return path;
        },
        [&](const Value& saga) {
          if (output.structured()) {
            output.item(saga);
          } else {
            add_row(table, output, saga);
          }
          return !limited || --left > 0;
        });
    if (!done) return output.fail(done.error());
    if (!output.structured()) output.table(table, "no sagas");
    return static_cast<int>(kExitDone);
  });
}

}  // namespace

CommandSpec list_command() {
  CommandSpec spec;
  spec.name = "list";
  spec.summary = "find sagas, the newest first";
  spec.details =
      "--where takes an expression over one row of `weft list -o json`, such as\n"
      "'.stuck.code == \"erp_rejected\" and .labels.channel == \"web\"'.";
  spec.example = "weft list --state stuck --workflow retail.order_fulfilment --older-than 10m";
  spec.options = {{"--state", "STATE", "where it is in its life, such as running or stuck", true},
                  {"--status", "STATUS", "its business status", false},
                  {"--workflow", "NAME", "of this workflow", false},
                  {"--key", "KEY", "with this key", false},
                  {"--label", "NAME=VALUE", "with this label", true},
                  {"--where", "EXPR", "for which this holds", false},
                  {"--older-than", "TIME", "started at least so long ago", false},
                  {"--since", "TIME", "started since: 2026-03-29T01:00:00Z, or 10m back", false},
                  {"--restored", "", "had not ended in the backup this store came from", false},
                  {"--limit", "N", "at most so many (all)", false}};
  spec.run = run_list;
  return spec;
}

}  // namespace weft::app
