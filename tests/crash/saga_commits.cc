#include "tests/crash/saga_commits.h"

#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>

#include "tests/orchestrator/engine/engine_world.h"

namespace weft::test {
namespace {

/// Writes random workflows: calls with and without undoing, branches, loops, waits, a pivot.
class WorkflowWriter {
 public:
  explicit WorkflowWriter(std::mt19937_64& random) : random_(random) {}

  std::string write(const std::string& name) {
    std::string text = "weft: 1\nworkflow: " + name +
                       "\nversion: 1.0.0\nowner: o@example.org\nkey: ${ .id }\n"
                       "errors: {refused: {class: business}}\n"
                       "cancelled_by: {event: order.cancelled, correlate: "
                       "{event: '${ $event.id }', equals: '${ .id }'}}\n"
                       "retries: {quick: {errors: [transient, unknown], max_attempts: 3, "
                       "delay: 200ms, backoff: 1, jitter: none}}\n"
                       "defaults: {timeout: 1s, retry: quick}\n";
    if (random_() % 3 == 0) text += "ordering_key: ${ .customer }\n";
    if (random_() % 3 == 0) text += "deadline: 10m\n";
    text += "steps:\n";
    const auto before = 1 + random_() % 4;
    for (std::uint64_t i = 0; i < before; ++i) text += step("  ", 0);
    text +=
        "  - {step: " + next_name() + ", pivot: true, call: shop.ship, with: {id: '${ .id }'}}\n";
    if (random_() % 2 == 0) {
      text += "  - {step: " + next_name() + ", call: shop.tell, with: {id: '${ .id }'}}\n";
    }
    return text;
  }

 private:
  std::string next_name() { return "s" + std::to_string(++names_); }

  std::string call(const std::string& indent, bool in_loop) {
    std::string text = indent + "- step: " + next_name() + "\n";
    const std::string inner = indent + "  ";
    text += inner + "call: shop.work\n";
    text += inner + (in_loop ? "with: {line: '${ $item }'}\n" : "with: {lines: '${ .lines }'}\n");
    text += inner + "compensate: {call: shop.undo}\n";
    return text;
  }

  std::string step(const std::string& indent, int depth) {
    const auto kind = random_() % 10;
    if (kind == 0) return indent + "- {step: " + next_name() + ", wait: 300ms}\n";
    if (kind <= 2 && depth < 2) {
      std::string text = indent + "- step: " + next_name() + "\n" + indent + "  parallel:\n";
      const auto branches = 2 + random_() % 2;
      for (std::uint64_t i = 0; i < branches; ++i) text += call(indent + "    ", false);
      return text;
    }
    if (kind <= 4 && depth < 2) {
      std::string text =
          indent + "- step: " + next_name() + "\n" + indent + "  foreach: ${ .lines }\n";
      text += indent + "  at_once: " + std::to_string(1 + random_() % 3) + "\n";
      text += indent + "  do:\n" + call(indent + "    ", true);
      return text;
    }
    return call(indent, false);
  }

  std::mt19937_64& random_;
  int names_ = 0;
};

const char* const kShop =
    "weft: 1\nadapter: shop\nowner: o@example.org\nguarantee: fenced\n"
    "idempotency_window: 7d\nconcurrency: 4\n";

std::string input(int order, std::mt19937_64& random) {
  std::string lines;
  const auto count = 1 + random() % 4;
  for (std::uint64_t i = 0; i < count; ++i) {
    lines += std::string(i > 0 ? "," : "") + R"({"sku":"sku-)" + std::to_string(random() % 50) +
             R"(","qty":)" + std::to_string(1 + random() % 9) + "}";
  }
  return R"({"id":"o)" + std::to_string(order) + R"(","customer":"c)" + std::to_string(order % 2) +
         R"(","lines":[)" + lines + "]}";
}

// Compensations succeed in the end, everything else fares as the dice say.
EngineWorld::Handler rolling(std::mt19937_64& random) {
  return
      [&random](const TaskSeen& task, messaging::Subject to) -> std::optional<messaging::Message> {
        const auto dice = random() % 100;
        if (dice < 6) return std::nullopt;
        if (dice < 12) return reply_error(std::move(to), 503, "busy", 50);
        if (dice < 19 && task.header("Weft-Compensation") != "true" && task.operation != "ship" &&
            task.operation != "tell") {
          return reply_error(std::move(to), 409, "refused");
        }
        return reply_ok(std::move(to), R"({"ref":")" + std::string(random() % 400, 'r') + "\"}");
      };
}

bool is_saga(const store::StreamId& stream) { return stream.name.starts_with("saga/"); }

// What retention and the right to be forgotten do to a store.
void add_removals(Submissions& submissions, std::mt19937_64& random) {
  std::map<store::StreamId, std::uint64_t> versions;
  for (const auto& batch : submissions) {
    for (const store::Commit& commit : batch) {
      for (const store::Append& append : commit.appends) {
        if (is_saga(append.stream)) versions[append.stream] += append.events.size();
      }
    }
  }
  if (versions.size() < 2) return;
  auto chosen = versions.begin();
  std::advance(chosen, static_cast<std::ptrdiff_t>(random() % (versions.size() - 1)));
  store::Commit erase;
  for (std::uint64_t version = 1; version <= chosen->second; version += 3) {
    erase.erasures.push_back({chosen->first, version, "asked to be forgotten"});
  }
  submissions.push_back({std::move(erase)});
  ++chosen;
  store::Commit remove;
  remove.stream_deletes.push_back({chosen->first, chosen->second});
  submissions.push_back({std::move(remove)});
  store::Commit last;
  last.appends.push_back({{1, "system"}, store::kAnyVersion, {{1, 1, 1, "h", "the last word"}}});
  submissions.push_back({std::move(last)});
}

}  // namespace

Submissions record_sagas(std::uint64_t seed, int sagas) {
  std::mt19937_64 random(seed);
  Submissions submissions;
  EngineWorld world;
  world.on_submit = [&submissions](const std::vector<store::Commit>& batch) {
    submissions.push_back(batch);
  };
  world.define("shop.yaml", kShop);
  const int workflows = 1 + sagas / 3;
  for (int i = 0; i < workflows; ++i) {
    const std::string name = "w" + std::to_string(i);
    world.define(name + ".yaml", WorkflowWriter(random).write(name));
  }
  world.adapter("shop", rolling(random));
  world.start();
  for (int order = 0; order < sagas; ++order) {
    const std::string workflow = "w" + std::to_string(random() % static_cast<unsigned>(workflows));
    (void)world.start_saga(workflow, input(order, random));
    world.run_for(static_cast<std::int64_t>(random() % 900));
    if (random() % 6 == 0) {
      (void)world.send("weft.event.order.cancelled", R"({"id":"o)" + std::to_string(order) + "\"}",
                       "", "e" + std::to_string(order));
    }
    if (random() % 8 == 0) world.restart();
  }
  world.run_for(600'000);
  add_removals(submissions, random);
  return submissions;
}

}  // namespace weft::test
