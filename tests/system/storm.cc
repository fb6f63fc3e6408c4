#include "tests/system/storm.h"

#include <signal.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <thread>
#include <utility>

#include <nlohmann/json.hpp>

namespace weft::test {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kSenders = 12;
// Every so manieth order is sent twice, and every so manieth is cancelled right after its start.
constexpr std::size_t kSentTwice = 10;
constexpr std::size_t kCancelled = 9;
constexpr seconds kStartPatience{180};
// So long nothing may have ended before we say that something hangs: beyond two retries of the
// workflows at the delays that they reach in a storm.
constexpr seconds kQuietPatience{150};

// What an adapter does besides being killed: answers get lost, come late, come twice.
const std::map<std::string, std::string>& habits() {
  static const std::map<std::string, std::string> plans = {
      {"inventory", R"({"seed": 21, "no_answer": 0.03, "answer_twice": 0.05, "slow_ms": 5})"},
      {"payments", R"({"seed": 22, "operations": ["authorise"], "no_answer": 0.03,
                       "error_after_commit": 0.02, "fail": {"code": "payment_declined", "share": 0.08}})"},
      {"erp", R"({"seed": 23, "no_answer": 0.03, "lost_request": 0.03, "slow_ms": 40})"},
      {"wms", R"({"seed": 24, "answer_twice": 0.1, "answer_late_ms": 300, "answer_late": 0.05})"},
      {"notify", "{}"}};
  return plans;
}

std::vector<std::string> options_of(const std::string& name, const std::string& stock_file) {
  std::vector<std::string> options = {"--faults", habits().at(name)};
  const auto add = [&](std::vector<std::string> more) {
    options.insert(options.end(), more.begin(), more.end());
  };
  if (name == "inventory") add({"--seed-stock", stock_file});
  if (name == "payments") add({"--pending-ending", "55", "--confirm-after-ms", "400"});
  if (name == "wms") add({"--short", "south=0.15", "--ship-ms", "150"});
  return options;
}

}  // namespace

Storm::Storm(retail::World& world, retail::Business business, StormPlan plan)
    : world_(world), business_(std::move(business)), plan_(plan), random_(plan.seed) {}

Storm::Result Storm::open() {
  if (auto started = world_.start_broker(); !started) return started;
  const auto stock_file = world_.places().data / "stock.json";
  if (auto written = retail::write_stock(business_.stock, stock_file); !written) return written;
  for (const auto& [name, plan] : habits()) {
    auto started = world_.start_adapter(name, options_of(name, stock_file.string()));
    if (!started) return started;
  }
  if (auto started = world_.start_orchestrator(); !started) return started;
  server_ = std::make_unique<retail::Server>(world_.http_url());
  auto client = retail::ShopClient::connect(world_.nats_url());
  if (!client) return tl::unexpected(client.error());
  client_ = std::move(*client);
  return {};
}

void Storm::start(const std::string& workflow, const json& input) {
  const auto started = client_->start(workflow, input, kStartPatience);
  const std::lock_guard lock(mutex_);
  if (started) {
    keys_[started->saga] = workflow;
  } else {
    refused_.push_back(workflow + " " + input.value("order_id", "?") + ": " +
                       std::to_string(started.error().status) + " " + started.error().message);
  }
}

void Storm::send(std::size_t index) {
  const auto& order = business_.orders[index];
  for (std::size_t i = 0; i < (index % kSentTwice == 0 ? 2 : 1); ++i) {
    start("retail.order_fulfilment", retail::to_json(order));
  }
  if (index % kCancelled == 0) {
    const retail::Return whole{"CX-" + order.order_id, index, order.lines, true};
    start("retail.order_cancellation", {{"cancellation_id", "CX-" + order.order_id},
                                        {"channel", order.channel},
                                        {"order_id", order.order_id},
                                        {"reason", "the customer changed their mind"},
                                        {"return", retail::to_json(whole, order)}});
  }
  const std::lock_guard lock(mutex_);
  ++sent_;
  changed_.notify_all();
}

void Storm::wait_for_acknowledged(std::size_t count) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, kStartPatience, [&] { return sent_ >= count; });
}

void Storm::drift(int at_most_ms) {
  const auto time = milliseconds(random_() % static_cast<std::uint64_t>(at_most_ms + 1));
  std::this_thread::sleep_for(time);
}

Storm::Result Storm::kill_orchestrator() {
  world_.kill_orchestrator();
  if (++kills_ % 4 == 0) {
    if (auto launched = world_.launch_orchestrator(); !launched) return launched;
    drift(250);
    world_.kill_orchestrator();
  }
  return world_.start_orchestrator();
}

Storm::Result Storm::kill_adapter() {
  auto victim = habits().begin();
  std::advance(victim, static_cast<std::ptrdiff_t>(random_() % habits().size()));
  const std::string& name = victim->first;
  if (++adapter_kills_ % 2 == 0) {
    // The most awkward moment: it has done the work, and nobody hears of it.
    (void)client_->ask("weft-adapter." + name + ".control", {{"die_after_commit", 1}}, {},
                       seconds(3));
    for (int i = 0; i < 100 && world_.adapter_runs(name); ++i) drift(50);
  }
  world_.kill_adapter(name);
  drift(400);
  return world_.start_adapter(name);
}

Storm::Result Storm::strike(Blow blow) {
  switch (blow) {
    case Blow::kOrchestrator:
      return kill_orchestrator();
    case Blow::kAdapter:
      return kill_adapter();
    case Blow::kBroker:
      world_.kill_broker();
      drift(600);
      return world_.start_broker();
    case Blow::kBrokerPause: {
      const pid_t broker = world_.broker_pid();
      ::kill(broker, SIGSTOP);
      drift(3000);
      ::kill(broker, SIGCONT);
      return {};
    }
  }
  return {};
}

Storm::Result Storm::rage() {
  if (auto opened = open(); !opened) return opened;
  std::vector<Blow> blows;
  const auto add = [&](int count, Blow blow) {
    blows.insert(blows.end(), static_cast<std::size_t>(count), blow);
  };
  add(plan_.orchestrator_kills, Blow::kOrchestrator);
  add(plan_.adapter_kills, Blow::kAdapter);
  add(plan_.broker_kills, Blow::kBroker);
  add(plan_.broker_pauses, Blow::kBrokerPause);
  std::shuffle(blows.begin(), blows.end(), random_);

  const std::size_t count = business_.orders.size();
  std::atomic<std::size_t> next{0};
  std::atomic<bool> gave_up{false};
  std::vector<std::thread> senders;
  for (std::size_t i = 0; i < kSenders; ++i) {
    senders.emplace_back([&] {
      for (std::size_t index = next++; index < count && !gave_up; index = next++) send(index);
    });
  }
  Result result;
  for (std::size_t i = 0; i < blows.size() && result; ++i) {
    wait_for_acknowledged(count * (i + 1) / (blows.size() + 1));
    drift(200);
    result = strike(blows[i]);
  }
  gave_up = !result;
  for (auto& sender : senders) sender.join();
  if (!result) return result;
  if (!refused_.empty()) {
    return tl::unexpected(std::to_string(refused_.size()) + " starts were refused, first " +
                          refused_.front());
  }
  return wait_until_quiet();
}

Storm::Result Storm::wait_until_quiet() {
  std::size_t last_count = 0;
  auto last_change = Clock::now();
  while (true) {
    const auto count = server_->at_work();
    if (!count) return tl::unexpected(count.error());
    if (*count == 0) return {};
    if (*count != last_count) {
      last_count = *count;
      last_change = Clock::now();
    }
    if (Clock::now() - last_change > kQuietPatience) {
      std::string what = std::to_string(*count) + " sagas do not end";
      if (const auto stuck = server_->get("/stuck")) what += "; stuck: " + stuck->dump();
      return tl::unexpected(what);
    }
    drift(500);
  }
}

}  // namespace weft::test
