#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/orchestrator/engine/engine_world.h"

namespace weft::test {
namespace {

const char* const kCrashedOrder = R"(weft: 1
workflow: order
version: 1.0.0
owner: o@example.org
key: ${ .id }
ordering_key: ${ .customer }
errors: {out_of_stock: {class: business}, declined: {class: business}}
resources: {stock: {by: [sku]}}
cancelled_by: {event: order.cancelled, correlate: {event: '${ $event.id }', equals: '${ .id }'}}
retries: {quick: {errors: [transient, unknown], max_attempts: 30, delay: 200ms, backoff: 1, jitter: none}}
defaults: {timeout: 1s, retry: quick}
steps:
  - step: reserve
    call: shop.reserve
    with: {lines: '${ .lines }'}
    holds: {stock: '${ $with.lines }'}
    compensate: {call: shop.release, with: {lines: '${ $held.stock }'}}
  - step: both
    parallel:
      - {step: charge, call: shop.charge, compensate: {call: shop.refund}}
      - {step: label, call: shop.label, compensate: {call: shop.unlabel}}
  - step: pause
    wait: 300ms
  - step: lines
    foreach: ${ .lines }
    at_once: 2
    do:
      - {step: pick, call: shop.pick, with: {line: '${ $item }'}, compensate: {call: shop.unpick}}
  - step: ship
    pivot: true
    call: shop.ship
    consumes: {stock: all}
    on_success: {emit: order.shipped}
)";

// An adapter that keeps its word: one effect per key, remembered answers, tombstones.
class FencedShop {
 public:
  std::optional<messaging::Message> operator()(const TaskSeen& task, messaging::Subject to) {
    const std::string key = task.header("Weft-Idempotency-Key");
    if (task.header("Weft-Compensation") == "true") {
      if (effects.contains(key)) undone.insert(key);
      fenced.insert(key);
    } else if (fenced.contains(key)) {
      return reply_error(std::move(to), 409, "fenced");
    } else {
      ++effects[key];
    }
    if (refuse_ship && task.operation == "ship") {
      effects.erase(key);
      return reply_error(std::move(to), 409, "out_of_stock");
    }
    if (++answered % lose_every == 0) return std::nullopt;  // done, but the answer is lost
    return reply_ok(std::move(to));
  }
  std::map<std::string, int> effects;
  std::set<std::string> fenced, undone;
  int answered = 0, lose_every = 1'000'000;
  bool refuse_ship = false;
};

std::string input(int order) {
  return R"({"id":"o)" + std::to_string(order) + R"(","customer":"c)" + std::to_string(order % 3) +
         R"(","lines":[{"sku":"a","qty":1},{"sku":"b","qty":2},{"sku":"c","qty":3}]})";
}

const char* const kShop = "weft: 1\nadapter: shop\nowner: o@example.org\nguarantee: fenced\n"
                          "idempotency_window: 7d\nconcurrency: 4\n";

void crash_often(std::uint64_t seed, bool refuse) {
  FencedShop shop;
  shop.lose_every = 7;
  shop.refuse_ship = refuse;
  EngineWorld world;
  world.define("order.yaml", kCrashedOrder);
  world.define("shop.yaml", kShop);
  world.adapter("shop", [&shop](const TaskSeen& task, messaging::Subject to) {
    return shop(task, std::move(to));
  });
  world.start();
  std::uint64_t random = seed * 2654435761U + 1;
  const auto next = [&random] { return (random = random * 6364136223846793005ULL + 1442695040888963407ULL) >> 33U; };
  int acknowledged = 0;
  for (int order = 0; order < 12; ++order) {
    const auto started = world.start_saga("order", input(order));
    ASSERT_EQ(started.code, 0) << started.body.to_json();
    ++acknowledged;
    world.run_for(static_cast<std::int64_t>(next() % 700));
    if (next() % 2 == 0) {
      // Dies with a group under way, which may or may not have reached the disk.
      world.sync_automatically = false;
      world.clock().advance(static_cast<std::int64_t>(next() % 300));
      world.network().run_until(world.clock().steady_ms());
      world.settle();
      if (next() % 3 == 0) {
        world.store().sync_group();
        world.settle();
      }
      world.sync_automatically = true;
      world.crash(next() % 2 == 0 ? sim::SimStore::Fault::kNothingWritten
                                  : sim::SimStore::Fault::kWrittenUnacknowledged);
      world.start();
    }
  }
  world.run_for(300'000);
  const char* const end = refuse ? "compensated" : "completed";
  for (int order = 0; order < acknowledged; ++order) {
    const std::string name = "order:o" + std::to_string(order);
    EXPECT_EQ(world.state(name), end) << "seed " << seed << ": " << world.show(name).to_pretty_json();
  }
  if (refuse) {
    for (const auto& [key, count] : shop.effects) {
      EXPECT_TRUE(shop.undone.contains(key)) << "seed " << seed << ": never undone: " << key;
    }
  }
  EXPECT_EQ(world.ask(engine::ListOrdering{}).body.find("items")->size(), 0u);
  const auto status = world.ask(engine::GetStatus{});
  EXPECT_EQ(status.body.integer_or("tasks_open", -1), 0);
  EXPECT_EQ(status.body.find("states")->integer_or(end, 0), acknowledged) << status.body.to_json();
  // What memory counts is what the disk counts.
  world.restart();
  EXPECT_EQ(world.ask(engine::GetStatus{}).body.find("states")->to_json(),
            status.body.find("states")->to_json());
  engine::ListSagas all;
  all.limit = 100;
  EXPECT_EQ(world.ask(all).body.find("items")->size(), static_cast<std::size_t>(acknowledged));
}

TEST(CrashTest, EveryAcknowledgedOrderEnds) {
  for (std::uint64_t seed = 1; seed <= 15; ++seed) crash_often(seed, false);
}

TEST(CrashTest, EverythingThatHappenedIsUndone) {
  for (std::uint64_t seed = 1; seed <= 15; ++seed) crash_often(seed, true);
}

// SEMANTICS.md, Replay: folding from the start, from a snapshot, or after a restart at any event gives
// the same state. What memory shows after each step of the way is what the disk shows of that revision,
// with snapshots at every third event.
TEST(CrashTest, TheDiskShowsWhatMemoryShowed) {
  for (const bool refuse : {false, true}) {
    FencedShop shop;
    shop.refuse_ship = refuse;
    shop.lose_every = 2;
    EngineWorld world;
    world.config.limits.snapshot_every = 3;
    world.define("order.yaml", kCrashedOrder);
    world.define("shop.yaml", kShop);
    world.adapter("shop", [&shop](const TaskSeen& task, messaging::Subject to) {
      return shop(task, std::move(to));
    });
    world.start();
    (void)world.start_saga("order", input(0));
    std::map<std::uint64_t, std::string> shown;
    for (int step = 0; step < 200 && shown.size() < 60; ++step) {
      const auto now = world.show("order:o0");
      shown[static_cast<std::uint64_t>(now.integer_or("revision", 0))] = now.to_json();
      if (step % 5 == 4) world.restart();
      world.run_for(100);
    }
    EXPECT_GT(shown.size(), 4u);
    world.restart();
    for (const auto& [revision, json] : shown) {
      EXPECT_EQ(world.ask(engine::ShowSaga{"order:o0", revision}).body.to_json(), json)
          << "at revision " << revision;
    }
    EXPECT_EQ(world.state("order:o0"), refuse ? "compensated" : "completed");
  }
}

}  // namespace
}  // namespace weft::test
