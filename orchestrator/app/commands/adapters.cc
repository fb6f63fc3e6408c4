#include "orchestrator/app/commands/commands.h"
#include "orchestrator/app/commands/support.h"
#include "orchestrator/app/time_text.h"

namespace weft::app {
namespace {

using dsl::Value;

int set_limits(ApiClient& client, const Output& output, const Invocation& invocation) {
  Value body = Value::empty_object();
  if (invocation.has("--rate")) {
    // "600/1m", "10/s", or "none".
    const std::string rate = invocation.get("--rate");
    const std::size_t slash = rate.find('/');
    const std::string unit = slash == std::string::npos ? "" : rate.substr(slash + 1);
    const auto count = whole_number(rate.substr(0, slash));
    const auto window =
        parse_duration_ms(unit == "s" || unit == "m" || unit == "h" ? "1" + unit : unit);
    if (rate == "none") {
      body = body.with("rate_count", Value(0));
    } else if (!count || *count == 0 || !window || *window == 0) {
      return usage_failure(output, "--rate takes COUNT/TIME such as 600/1m, or none");
    } else {
      body = body.with("rate_count", Value(*count)).with("rate_window_ms", Value(*window));
    }
  }
  if (invocation.has("--concurrency")) {
    const std::string text = invocation.get("--concurrency");
    const auto count = text == "none" ? std::optional<std::int64_t>(0) : whole_number(text);
    if (!count) return usage_failure(output, "--concurrency takes a number, or none");
    body = body.with("concurrency", Value(*count));
  }
  if (body.size() == 0) return usage_failure(output, "give --rate, --concurrency or both");
  if (invocation.has("--reason")) body = body.with("reason", Value(invocation.get("--reason")));
  auto result = client.post(ApiPath("/api/v1/adapters").segment(invocation.arguments[1]), body);
  return print_result(result, output, [&](const Value&) {
    output.text("the limits of " + invocation.arguments[1] + " are changed\n");
  });
}

std::string counts(const Value* by_name) {
  std::string text;
  if (by_name == nullptr || !by_name->is_object()) return text;
  for (const dsl::Member& one : by_name->as_object()) {
    text += (text.empty() ? "" : ", ") + one.key + " " + cell_text(&one.value);
  }
  return text;
}

std::string duration_of(const Value& value, std::string_view name) {
  const Value* ms = value.find(name);
  return ms != nullptr && ms->is_integer() ? format_duration(ms->as_integer()) : std::string();
}

std::string limits_text(const Value& adapter) {
  const Value* limits = adapter.find("limits");
  std::string text;
  if (limits == nullptr) return text;
  if (limits->integer_or("concurrency", 0) > 0) text = field(*limits, "concurrency") + " at once";
  if (limits->integer_or("rate_count", 0) > 0) {
    text += (text.empty() ? "" : ", ") + field(*limits, "rate_count") + "/" +
            duration_of(*limits, "rate_window_ms");
  }
  return text;
}

int run_adapters(const Invocation& invocation) {
  return with_client(invocation, [&](ApiClient& client, const Output& output) {
    const bool set = !invocation.arguments.empty() && invocation.arguments[0] == "set";
    if (set && invocation.arguments.size() == 2) return set_limits(client, output, invocation);
    if (set || invocation.arguments.size() == 2) {
      return usage_failure(output,
                           "expected `weft adapters`, `weft adapters NAME` or `weft adapters "
                           "set NAME --rate R --concurrency N`");
    }
    if (invocation.has("--rate") || invocation.has("--concurrency")) {
      return usage_failure(output, "limits are changed by `weft adapters set NAME`");
    }
    ApiPath path("/api/v1/adapters");
    if (!invocation.arguments.empty()) path.segment(invocation.arguments[0]);
    auto result = client.get(path);
    if (!result) return output.fail(result.error());
    const Value* items = result->body.find("items");
    const Value list = items != nullptr ? *items : Value::array({result->body});
    if (output.structured()) {
      const bool one = !invocation.arguments.empty() && list.is_array() && list.size() == 1;
      if (one) {
        output.document(list.as_array().front());
      } else {
        output.items(list);
      }
      return static_cast<int>(kExitDone);
    }
    Table table({"ADAPTER", "GUARANTEE", "QUEUED", "OLDEST", "IN FLIGHT", "LIMITS", "BREAKER",
                 "INSTANCES", "OUTCOMES", "CODES"},
                {2, 4, 7});
    for (const Value& adapter : list.as_array()) {
      std::string breaker = field(adapter, "breaker");
      if (const std::string next = duration_of(adapter, "next_try_ms"); !next.empty()) {
        breaker += ", next try in " + next;
      }
      std::string name = field(adapter, "adapter");
      if (adapter.boolean_or("paused", false)) name += " (paused)";
      const Value* instances = adapter.find("instances");
      const Value* silent = adapter.find("no_responders");
      if (silent != nullptr && silent->is_array() && silent->size() > 0)
        name += " (nobody listens)";
      table.add({{name},
                 {field(adapter, "guarantee")},
                 {field(adapter, "queued")},
                 {duration_of(adapter, "oldest_wait_ms")},
                 {field(adapter, "in_flight")},
                 {limits_text(adapter)},
                 {breaker, breaker.rfind("closed", 0) == 0 ? Colour::kPlain : Colour::kRed},
                 {instances != nullptr && instances->is_array() && instances->size() > 0
                      ? std::to_string(instances->size())
                      : ""},
                 {counts(adapter.find("outcomes"))},
                 {counts(adapter.find("codes"))}});
    }
    output.table(table, "no adapters are known yet");
    return static_cast<int>(kExitDone);
  });
}

}  // namespace

CommandSpec adapters_command() {
  CommandSpec spec;
  spec.name = "adapters";
  spec.arguments = "[NAME] | set NAME";
  spec.summary = "queues, breakers and errors of adapters; change limits live";
  spec.example = "weft adapters set erp --rate 300/1m --concurrency 5 --reason 'vendor asks'";
  spec.arguments_max = 2;
  spec.options = {{"--rate", "COUNT/TIME", "with `set`: calls in a time, or none", false},
                  {"--concurrency", "N", "with `set`: calls at once, or none", false},
                  {"--reason", "TEXT", "why; it is recorded", false}};
  spec.run = run_adapters;
  return spec;
}

}  // namespace weft::app
