#include <algorithm>
#include <chrono>
#include <iostream>
#include <thread>

#include "orchestrator/app/commands/commands.h"
#include "orchestrator/app/commands/support.h"

namespace weft::app {
namespace {

using dsl::Value;
using std::chrono::milliseconds;

// INTERFACES.md: what changes a saga without undoing or repeating anything needs to say why.
bool needs_reason(const std::string& action) {
  return action == "skip" || action == "terminate" || action == "move" || action == "resolve";
}

bool needs_revision(const std::string& action) {
  return action == "retry" || action == "skip" || action == "resume" || action == "compensate" ||
         action == "move" || action == "resolve";
}

/// --output as JSON; a failure if it is none.
tl::expected<std::optional<Value>, Failure> substitute_output(const Invocation& invocation) {
  if (!invocation.has("--output")) return std::optional<Value>();
  auto parsed = Value::parse(invocation.get("--output"));
  if (!parsed) {
    return tl::unexpected(
        make_failure(kExitUsage, "usage", "--output is to be JSON", parsed.error().message));
  }
  return std::optional<Value>(std::move(*parsed));
}

/// Sub-sagas that go on although their parent was terminated.
void print_children(const Output& output, const Value& event) {
  const Value* children = event.find("children");
  if (children == nullptr || !children->is_array()) return;
  for (const Value& child : children->as_array()) {
    output.text(output.paint("still running", Colour::kYellow) + "  " + field(child, "saga") +
                "  " + printable(field(child, "workflow") + "  " + field(child, "path")) + "\n");
  }
}

/// What a cancel or `compensate` leads to; the event alone does not tell.
void print_what_follows(const Output& output, const Value& event, const std::string& saga) {
  if (field(event, "type") != "CancelRequested") return;
  const std::string state = field(event, "state");
  const std::string pivot = field(event, "waits_for");
  if (!pivot.empty() && state == "stuck") {
    output.text("the saga goes back once you say what became of its pivot " + printable(pivot) +
                ", or goes on if it was done:\n  weft resolve " + printable(saga) + " --step " +
                printable(pivot) + " --as done|not-done --reason TEXT\n");
  } else if (!pivot.empty()) {
    output.text("its pivot " + printable(pivot) +
                " is under way: if it fails the saga goes back, if it succeeds the saga goes on\n");
  } else if (state == "stuck") {
    output.text("the saga stays stuck: `weft show " + printable(saga) +
                "` names the place that needs you\n");
  } else if (state == "compensating") {
    output.text("the saga goes back: `weft show " + printable(saga) + "` follows it\n");
  } else if (!state.empty()) {
    output.text("the saga is " + printable(state) + "\n");
  }
}

int act_on_one(ApiClient& client, const Output& output, const Invocation& invocation) {
  const std::string& saga = invocation.arguments[0];
  auto substitute = substitute_output(invocation);
  if (!substitute) return output.fail(substitute.error());
  Value body = Value::empty_object();
  const auto add = [&](const char* name, const std::string& text) {
    if (!text.empty()) body = body.with(name, Value(text));
  };
  add("reason", invocation.get("--reason"));
  add("step", invocation.get("--step"));
  add("to", invocation.get("--to"));
  add("as", invocation.get("--as") == "not-done" ? "not_done" : invocation.get("--as"));
  if (*substitute) body = body.with("output", **substitute);
  ApiClient::Headers headers;
  if (invocation.has("--revision")) {
    const auto revision = whole_number(invocation.get("--revision"));
    if (!revision)
      return usage_failure(output, "--revision takes a number, as `weft show` prints it");
    headers.emplace_back("If-Match", "\"" + std::to_string(*revision) + "\"");
  } else if (needs_revision(invocation.name)) {
    // Who does not say what they looked at means the saga as it is now.
    auto shown = client.get(ApiPath("/api/v1/sagas").segment(saga));
    if (!shown) return output.fail(shown.error());
    headers.emplace_back("If-Match", "\"" + field(shown->body, "revision") + "\"");
  }
  auto result =
      client.post(ApiPath("/api/v1/sagas").segment(saga).segment(invocation.name), body, headers);
  return print_result(result, output, [&](const Value& event) {
    const std::string type = field(event, "type");
    std::string text = type.empty() ? "nothing to do; it is " + field(event, "state") : type;
    if (const std::string step = field(event, "path"); !step.empty()) text += "  " + step;
    output.text(printable(text + "  revision " + field(event, "revision")) + "\n");
    print_children(output, event);
    print_what_follows(output, event, saga);
  });
}

void print_item(const Output& output, const Value& item) {
  if (output.structured()) {
    output.item(item);
    return;
  }
  const bool ok = item.boolean_or("ok", false);
  std::string text = field(item, "saga") + "  ";
  if (ok) {
    text += output.paint("done", Colour::kGreen) + "  " + printable(field(item, "event", "type"));
    if (const std::string pivot = field(item, "event", "waits_for"); !pivot.empty()) {
      text += "  waits for its pivot " + printable(pivot);
    }
    output.text(text + "\n");
    if (const Value* event = item.find("event")) print_children(output, *event);
    return;
  }
  output.text(text + output.paint("refused", Colour::kRed) + "  " +
              printable(field(item, "error", "detail")) + "\n");
}

int dry_run(const Output& output, const Value& answer) {
  const Value* sagas = answer.find("sagas");
  if (sagas != nullptr && sagas->is_array()) {
    for (const Value& saga : sagas->as_array()) {
      if (output.structured()) {
        output.item(saga.is_object() ? saga : Value::object({{"saga", saga}}));
      } else {
        output.text((saga.is_object() ? field(saga, "saga") + "  " + printable(field(saga, "key"))
                                      : printable(cell_text(&saga))) +
                    "\n");
      }
    }
  }
  if (output.structured()) {
    output.item(Value::object({{"matched", answer.integer_or("matched", 0)},
                               {"done", 0},
                               {"refused", 0},
                               {"stopped", false},
                               {"dry_run", true}}));
  } else if (answer.integer_or("matched", 0) == 0) {
    output.text("no sagas: nothing matches\n");
  } else {
    output.text(counted(answer.integer_or("matched", 0), "saga", "sagas") +
                "; repeat with --expect " + field(answer, "matched") + " to do it\n");
  }
  return kExitDone;
}

int follow_bulk(ApiClient& client, const Output& output, const std::string& id) {
  std::uint64_t seen = 0;
  milliseconds pause{20};
  for (;;) {
    auto progress =
        client.get(ApiPath("/api/v1/bulk").segment(id).query("after", std::to_string(seen)));
    if (!progress) return output.fail(progress.error());
    const Value& body = progress->body;
    const Value* items = body.find("items");
    const std::size_t came = items != nullptr && items->is_array() ? items->size() : 0;
    for (std::size_t i = 0; i < came; ++i) print_item(output, items->as_array()[i]);
    seen += came;
    if (came == 0 && !body.boolean_or("running", false)) {
      const Value last = Value::object({{"matched", body.integer_or("matched", 0)},
                                        {"done", body.integer_or("done", 0)},
                                        {"refused", body.integer_or("refused", 0)},
                                        {"stopped", body.boolean_or("stopped", false)}});
      if (output.structured()) {
        output.item(last);
      } else {
        output.text(field(last, "matched") + " matched, " + field(last, "done") + " done, " +
                    field(last, "refused") + " refused" +
                    (last.boolean_or("stopped", false) ? ", stopped\n" : "\n"));
      }
      const bool all = last.integer_or("refused", 0) == 0 && !last.boolean_or("stopped", false);
      return all ? kExitDone : kExitFailed;
    }
    pause = came > 0 ? milliseconds(20) : std::min(pause * 2, milliseconds(500));
    std::this_thread::sleep_for(pause);
  }
}

int act_on_many(ApiClient& client, const Output& output, const Invocation& invocation) {
  const bool dry = invocation.has("--dry-run");
  if (dry == invocation.has("--expect")) {
    return usage_failure(output,
                         "several sagas need either --dry-run, which says how many, or --expect "
                         "with that number");
  }
  if (invocation.has("--revision")) {
    return usage_failure(output, "--revision belongs to a single saga");
  }
  auto substitute = substitute_output(invocation);
  if (!substitute) return output.fail(substitute.error());
  Value body = Value::object({{"action", invocation.name}});
  const auto add = [&](const char* name, const std::string& text) {
    if (!text.empty()) body = body.with(name, Value(text));
  };
  add("reason", invocation.get("--reason"));
  add("step", invocation.get("--step"));
  add("to", invocation.get("--to"));
  add("as", invocation.get("--as") == "not-done" ? "not_done" : invocation.get("--as"));
  add("where", invocation.get("--where"));
  add("group", invocation.get("--group"));
  add("rate", invocation.get("--rate"));
  if (*substitute) body = body.with("output", **substitute);
  if (!invocation.arguments.empty()) {
    Value::Array sagas;
    for (const std::string& saga : invocation.arguments) sagas.emplace_back(saga);
    body = body.with("sagas", Value::array(std::move(sagas)));
  }
  if (dry) {
    body = body.with("dry_run", Value(true));
  } else {
    const auto expect = whole_number(invocation.get("--expect"));
    if (!expect) return usage_failure(output, "--expect takes the number that --dry-run prints");
    body = body.with("expect", Value(*expect));
  }
  auto begun = client.post(ApiPath("/api/v1/bulk"), body);
  if (!begun) return output.fail(begun.error());
  if (dry) return dry_run(output, begun->body);
  return follow_bulk(client, output, field(begun->body, "id"));
}

int run_actions(const Invocation& invocation) {
  return with_client(invocation, [&](ApiClient& client, const Output& output) {
    const int ways = static_cast<int>(!invocation.arguments.empty()) +
                     static_cast<int>(invocation.has("--where")) +
                     static_cast<int>(invocation.has("--group"));
    if (ways != 1) {
      return usage_failure(output,
                           "say which sagas: their names, --where EXPR, or --group ID of "
                           "`weft stuck`");
    }
    if (needs_reason(invocation.name) && invocation.get("--reason").empty() &&
        !invocation.has("--dry-run")) {
      return usage_failure(output, "`weft " + invocation.name + "` needs --reason TEXT");
    }
    if (invocation.name == "move" && invocation.get("--to").empty()) {
      return usage_failure(output, "`weft move` needs --to VERSION");
    }
    if (invocation.name == "resolve") {
      const std::string as = invocation.get("--as");
      if (as != "done" && as != "not-done" && as != "not_done") {
        return usage_failure(output, "`weft resolve` needs --as done or --as not-done");
      }
    }
    const bool one = invocation.arguments.size() == 1 && !invocation.has("--dry-run") &&
                     !invocation.has("--expect");
    return one ? act_on_one(client, output, invocation) : act_on_many(client, output, invocation);
  });
}

CommandSpec action(const std::string& name, const std::string& summary, const std::string& details,
                   const std::string& example) {
  CommandSpec spec;
  spec.name = name;
  spec.arguments = "SAGA…";
  spec.summary = summary;
  spec.details =
      details + (details.empty() ? "" : "\n") +
      "Several sagas (more than one name, --where or --group) need --dry-run first, then\n"
      "--expect with the number it printed.";
  spec.example = example;
  spec.arguments_max = 10'000;
  spec.options = {{"--where", "EXPR", "sagas for which this holds, see `weft list --help`", false},
                  {"--group", "ID", "a group of `weft stuck`", false},
                  {"--reason", "TEXT", "why; it is recorded", false},
                  {"--revision", "N", "refuse if the saga has changed since its event N", false},
                  {"--dry-run", "", "only say which and how many", false},
                  {"--expect", "COUNT", "do it if so many match", false},
                  {"--rate", "N/s", "at most so many in a second", false}};
  if (name == "resolve") {
    spec.options.push_back({"--as", "done|not-done", "what was found out", false});
  }
  if (name == "retry" || name == "skip" || name == "resume" || name == "resolve") {
    spec.options.push_back({"--step", "STEP", "which place (the only stuck one)", false});
  }
  if (name == "skip" || name == "resolve") {
    spec.options.push_back({"--output", "JSON", "what the step is to have answered", false});
  }
  if (name == "move") spec.options.push_back({"--to", "VERSION", "such as 1.2.0", false});
  spec.run = run_actions;
  return spec;
}

}  // namespace

std::vector<CommandSpec> action_commands() {
  return {
      action("retry", "let a stuck step try again, with a fresh policy and the same key", "",
             "weft retry retail.order_fulfilment:web/1001 --reason 'ERP is back'"),
      action(
          "skip", "go on as if a stuck step had answered",
          "A stuck compensation that is skipped stays undone: what it held is written off, and\n"
          "the saga ends with an exception.",
          "weft skip SAGA --step erp_order --output '{\"id\":\"7\"}' --reason 'entered by hand'"),
      action(
          "resume", "clear a stuck mark without another attempt",
          "For a stuck compensation it says that the undo was done by hand, and needs --reason.\n"
          "A step going forward has nothing that would drive it on: use retry, skip or resolve.",
          "weft resume SAGA --reason 'settled with the carrier'"),
      action("resolve", "say what became of a step or an undo that nobody knew about",
             "--as done: the step happened (--output stands for its answer); of a compensation:\n"
             "it was done by hand. --as not-done: the step did not happen and fails, so that its\n"
             "on_error or the compensation follows; of a compensation: it never will be done.",
             "weft resolve SAGA --step capture --as not-done --reason 'the bank has no record'"),
      action("compensate", "undo what was done, ending with on_compensated", "",
             "weft compensate --group g1 --expect 12 --reason 'wrong price list'"),
      action("cancel", "undo what was done, ending with on_cancelled", "",
             "weft cancel retail.order_fulfilment:web/1001 --reason 'the customer called'"),
      action("terminate", "end at once, undo nothing, write off what is held", "",
             "weft terminate SAGA --reason 'test order'"),
      action("move", "go on with another, compatible version of the workflow", "",
             "weft move --where '.version == \"1.0.0\"' --to 1.1.0 --expect 40 --reason 'fix'"),
  };
}

}  // namespace weft::app
