#include <array>
#include <string_view>
#include <utility>

#include "orchestrator/app/commands/commands.h"
#include "orchestrator/app/commands/support.h"

namespace weft::app {
namespace {

using dsl::Value;

/// "SagaResumed (resolved as done)": several actions have one event.
std::string what_text(const Value& item) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kResolved{
      {{"done", "resolved as done"},
       {"not_done", "resolved as not done"},
       {"undo_done", "undo resolved as done"},
       {"undo_not_done", "undo resolved as not done"}}};
  std::string how = field(item, "how");
  for (const auto& [code, words] : kResolved) {
    if (how == code) return field(item, "action") + " (" + std::string(words) + ")";
  }
  return field(item, "action") + (how.empty() ? "" : " (" + how + ")");
}

int verify(ApiClient& client, const Output& output) {
  std::string cursor;
  std::int64_t streams = 0, events = 0;
  Value::Array damaged;
  for (;;) {
    auto piece = client.get(ApiPath("/api/v1/audit/verify").query("cursor", cursor));
    if (!piece) return output.fail(piece.error());
    streams += piece->body.integer_or("streams", 0);
    events += piece->body.integer_or("events", 0);
    if (const Value* found = piece->body.find("damaged"); found != nullptr && found->is_array()) {
      damaged.insert(damaged.end(), found->as_array().begin(), found->as_array().end());
    }
    const std::string next = field(piece->body, "next");
    if (next.empty() || next == cursor) break;
    cursor = next;
  }
  const bool ok = damaged.empty();
  if (output.structured()) {
    output.document(Value::object({{"ok", ok},
                                   {"streams", streams},
                                   {"events", events},
                                   {"damaged", Value::array(std::move(damaged))}}));
    return ok ? kExitDone : kExitFailed;
  }
  for (const Value& stream : damaged) {
    output.text(output.paint("broken", Colour::kRed) + "  " + printable(field(stream, "stream")) +
                ": " + printable(field(stream, "message")) + "\n");
  }
  const auto broken = static_cast<std::int64_t>(damaged.size());
  output.text(counted(streams, "stream", "streams") + ", " + counted(events, "event", "events") +
              ": " +
              (ok ? "every hash chain is whole\n"
                  : counted(broken, "hash chain is broken\n", "hash chains are broken\n")));
  return ok ? kExitDone : kExitFailed;
}

int run_audit(const Invocation& invocation) {
  return with_client(invocation, [&](ApiClient& client, const Output& output) {
    if (!invocation.arguments.empty()) {
      if (invocation.arguments[0] != "verify") {
        return usage_failure(output, "expected `weft audit` or `weft audit verify`");
      }
      return verify(client, output);
    }
    Table table({"AT", "WHO", "VIA", "WHAT", "SAGA", "STEP", "REASON"});
    auto done = client.list(
        [&](const std::string& cursor) {
          return ApiPath("/api/v1/audit")
              .query("actor", invocation.global.actor_given ? invocation.global.actor : "")
              .query("saga", invocation.get("--saga"))
              .query("since", invocation.get("--since"))
              .query("cursor", cursor);
        },
        [&](const Value& item) {
          if (output.structured()) {
            output.item(item);
            return true;
          }
          std::string who = field(item, "actor", "name");
          const Value* actor = item.find("actor");
          if (who.empty()) who = "-";
          if (actor != nullptr && !actor->boolean_or("verified", false)) who += " (unverified)";
          std::string place = field(item, "path");
          if (place.empty()) place = field(item, "step");
          table.add({{field(item, "at")},
                     {who},
                     {field(item, "actor", "via")},
                     {what_text(item)},
                     {field(item, "saga")},
                     {place},
                     {field(item, "reason")}});
          return true;
        });
    if (!done) return output.fail(done.error());
    if (!output.structured()) output.table(table, "nobody did anything");
    return static_cast<int>(kExitDone);
  });
}

}  // namespace

CommandSpec audit_command() {
  CommandSpec spec;
  spec.name = "audit";
  spec.arguments = "[verify]";
  spec.summary = "who did what, when, why, through what; check the hash chains";
  spec.details =
      "Here --actor chooses whose actions are shown. Starts and events are listed where a person\n"
      "made them, or the caller said who it is; `weft events` has all.";
  spec.example = "weft audit --since 24h --saga retail.order_fulfilment:web/1001";
  spec.arguments_max = 1;
  spec.options = {{"--saga", "SAGA", "of this saga", false},
                  {"--since", "TIME", "since a time, or so long ago", false}};
  spec.run = run_audit;
  return spec;
}

}  // namespace weft::app
