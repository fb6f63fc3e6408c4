#include <algorithm>
#include <chrono>
#include <string>
#include <thread>

#include "orchestrator/app/commands/commands.h"
#include "orchestrator/app/commands/support.h"

namespace weft::app {
namespace {

using dsl::Value;
using std::chrono::milliseconds;

/// Prints pages from `after` on until there is nothing more; `after` moves along.
tl::expected<void, Failure> print_pages(ApiClient& client, const Output& output,
                                        const std::string& saga, std::uint64_t& after) {
  for (;;) {
    ApiPath path("/api/v1");
    if (saga.empty()) {
      path.segment("events");
    } else {
      path.segment("sagas").segment(saga).segment("events");
    }
    auto page = client.get(path.query("after", std::to_string(after)));
    if (!page) return tl::unexpected(page.error());
    const Value* items = page->body.find("items");
    if (items == nullptr || !items->is_array()) return {};
    output.items(*items);
    std::uint64_t next = after;
    if (saga.empty()) {
      next = static_cast<std::uint64_t>(page->body.integer_or("next", 0));
    } else if (items->size() > 0) {
      next = static_cast<std::uint64_t>(items->as_array().back().integer_or("revision", 0));
    }
    if (next <= after) return {};
    after = next;
  }
}

/// A saga that is followed is followed to its end.
int follow_saga(ApiClient& client, const Output& output, const std::string& saga,
                std::uint64_t after) {
  milliseconds pause{50};
  for (;;) {
    // Asked before the events are read: what has ended by now has all its events there.
    auto shown = client.get(ApiPath("/api/v1/sagas").segment(saga));
    if (!shown) return output.fail(shown.error());
    const std::uint64_t before = after;
    auto done = print_pages(client, output, saga, after);
    if (!done) return output.fail(done.error());
    if (is_end_state(field(shown->body, "state"))) return kExitDone;
    pause = after > before ? milliseconds(50) : std::min(pause * 2, milliseconds(1000));
    std::this_thread::sleep_for(pause);
  }
}

int follow_all(ApiClient& client, const Output& output, std::uint64_t after) {
  for (;;) {
    auto done = client.stream(ApiPath("/api/v1/changes").query("after", std::to_string(after)),
                              [&](const std::string& id, const Value& event) {
                                output.item(event);
                                if (const auto at = whole_number(id)) {
                                  after = static_cast<std::uint64_t>(*at);
                                }
                                return true;
                              });
    // The stream ended, because the server restarts or a proxy had enough: missed events come
    // again.
    const bool passing = done || done.error().exit_code == kExitUnreachable ||
                         done.error().problem.integer_or("status", 0) == 503;
    if (!passing) return output.fail(done.error());
    std::this_thread::sleep_for(milliseconds(500));
  }
}

int run_events(const Invocation& invocation) {
  Invocation lines = invocation;
  if (lines.global.output != "yaml") lines.global.output = "json";
  return with_client(lines, [&](ApiClient& client, const Output& output) {
    const std::string saga = invocation.arguments.empty() ? "" : invocation.arguments[0];
    std::uint64_t after = 0;
    if (invocation.has("--after")) {
      const auto given = whole_number(invocation.get("--after"));
      if (!given) return usage_failure(output, "--after takes a number from 0");
      after = static_cast<std::uint64_t>(*given);
    }
    const bool follow = invocation.has("--follow");
    if (follow && !saga.empty()) return follow_saga(client, output, saga, after);
    auto done = print_pages(client, output, saga, after);
    if (!done) return output.fail(done.error());
    return follow ? follow_all(client, output, after) : static_cast<int>(kExitDone);
  });
}

}  // namespace

CommandSpec events_command() {
  CommandSpec spec;
  spec.name = "events";
  spec.arguments = "[SAGA]";
  spec.summary = "what happened, as JSON lines";
  spec.details =
      "Of one saga or of all. With --follow it goes on with what happens from now on: of one saga\n"
      "to its end, of all until interrupted.";
  spec.example = "weft events --follow | jq -c 'select(.type == \"SagaStuck\")'";
  spec.arguments_max = 1;
  spec.options = {{"--follow", "", "go on with new events", false},
                  {"--after", "N", "behind this revision of the saga, or position of all", false}};
  spec.run = run_events;
  return spec;
}

}  // namespace weft::app
