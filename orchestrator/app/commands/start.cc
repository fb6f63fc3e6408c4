#include <algorithm>
#include <chrono>
#include <iostream>
#include <thread>

#include "orchestrator/app/commands/commands.h"
#include "orchestrator/app/commands/support.h"
#include "orchestrator/app/time_text.h"

namespace weft::app {
namespace {

using dsl::Value;

// A server that is started again, or fails over, is back by then.
constexpr std::chrono::seconds kUnreachableMax{60};

/// True for what a restarting server causes: it is gone, or says that it is not ready yet.
bool may_pass(const Failure& failure) {
  return failure.exit_code == kExitUnreachable || failure.problem.integer_or("status", 0) == 503;
}

/// Looks until the saga has ended or the time is up.
ApiResult wait_for_end(ApiClient& client, const std::string& saga, std::int64_t timeout_ms) {
  using namespace std::chrono;
  const auto end = steady_clock::now() + milliseconds(timeout_ms);
  auto heard = steady_clock::now();
  // Short sagas are answered at once, long ones do not keep the server busy.
  milliseconds pause{10};
  for (;;) {
    auto shown = client.get(ApiPath("/api/v1/sagas").segment(saga));
    const auto now = steady_clock::now();
    if (shown) heard = now;
    const bool again = shown ? !is_end_state(field(shown->body, "state"))
                             : may_pass(shown.error()) && now - heard < kUnreachableMax;
    if (!again) return shown;
    const auto left = duration_cast<milliseconds>(end - now);
    if (timeout_ms > 0 && left.count() <= 0) return shown;
    std::this_thread::sleep_for(timeout_ms > 0 ? std::min(pause, left) : pause);
    pause = std::min(pause * 3 / 2, milliseconds(500));
  }
}

int run_start(const Invocation& invocation) {
  return with_client(invocation, [&](ApiClient& client, const Output& output) {
    std::int64_t timeout_ms = 0;
    if (invocation.has("--timeout")) {
      const auto given = parse_duration_ms(invocation.get("--timeout"));
      if (!given || *given == 0) {
        return usage_failure(output, "--timeout takes a duration such as 30s or 10m");
      }
      if (!invocation.has("--wait")) return usage_failure(output, "--timeout belongs to --wait");
      timeout_ms = *given;
    }
    std::string input = "{}";
    if (invocation.has("--input")) {
      auto text = read_input(invocation.get("--input"));
      if (!text) return output.fail(text.error());
      input = std::move(*text);
    }
    ApiClient::Headers headers;
    if (const std::string key = invocation.get("--key"); !key.empty()) {
      for (const char c : key) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
          return usage_failure(output, "--key takes text without control characters");
        }
      }
      headers.emplace_back("Idempotency-Key", key);
    }
    auto started = client.post_text(
        ApiPath("/api/v1/workflows").segment(invocation.arguments[0]).segment("start"), input,
        headers);
    if (!started) return output.fail(started.error());
    const Value& answer = started->body;
    if (const std::string warning = field(answer, "warning"); !warning.empty()) {
      std::cerr << "weft: warning: " << printable(warning) << '\n';
    }
    if (!invocation.has("--wait")) {
      return print_result(started, output, [&](const Value&) {
        output.text(field(answer, "saga") + "  " +
                    output.paint(field(answer, "state"), colour_of_state(field(answer, "state"))) +
                    (answer.boolean_or("duplicate", false) ? "  (was started before)" : "") + "\n");
      });
    }
    auto ended = wait_for_end(client, field(answer, "saga"), timeout_ms);
    const int printed = print_result(ended, output, [&](const Value& saga) {
      const std::string state = field(saga, "state");
      output.text(field(saga, "saga") + "  " + output.paint(state, colour_of_state(state)) + "  " +
                  printable(field(saga, "status")) + "\n");
      if (const std::string code = field(saga, "error", "code"); !code.empty()) {
        output.text("  " + printable(code + ": " + field(saga, "error", "message")) + "\n");
      }
      if (!is_end_state(state)) output.text("  not ended in time; `weft show` says where it is\n");
    });
    if (printed != kExitDone) return printed;
    const bool completed = field(ended->body, "state") == "completed";
    return static_cast<int>(completed ? kExitDone : kExitFailed);
  });
}

}  // namespace

CommandSpec start_command() {
  CommandSpec spec;
  spec.name = "start";
  spec.arguments = "WORKFLOW";
  spec.summary = "start a saga";
  spec.details =
      "A repeated key is answered with the saga that it started first; a repeated key with "
      "another\n"
      "input is refused. With --wait the exit code is 0 only if the saga completed.";
  spec.example = "weft start retail.order_fulfilment --input order.json --wait --timeout 30s";
  spec.arguments_min = spec.arguments_max = 1;
  spec.options = {{"--input", "FILE", "the input document, - for stdin ({})", false},
                  {"--key", "KEY", "start key, where the workflow computes none itself", false},
                  {"--wait", "", "wait for the saga's end", false},
                  {"--timeout", "TIME", "how long to wait (as long as it takes)", false}};
  spec.run = run_start;
  return spec;
}

}  // namespace weft::app
