// Orders under bad weather: programs are killed and frozen, the network loses,
// repeats and reorders, and the books are read at the end.

#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <unistd.h>

#include "examples/retail/shop_client.h"
#include "tests/chaos/chaos_world.h"
#include "tests/chaos/judge.h"

namespace weft::chaos {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr const char* kUsage =
    "usage: tests/chaos/run [--seconds N] [--kills N] [--broker-restarts N] [--clients N]\n"
    "                       [--rate N] [--pause N] [--seed N] [--keep]\n"
    "\n"
    "  --seconds N  how long the weather is bad (default 60)\n"
    "  --kills N, --broker-restarts N\n"
    "               ends the bad weather earlier, once the orchestrator and the broker were "
    "killed\n"
    "               that often (default: only the time counts)\n"
    "  --clients N  at once (default 4)\n"
    "  --rate N     orders a second of each client, at most (default 10)\n"
    "  --pause N    milliseconds between two deeds, at most (default 1100)\n"
    "  --seed N     of the weather (default 1)\n"
    "  --keep       leaves stores, databases and logs behind\n"
    "\n"
    "Exit status 0: every acknowledged order has ended, nothing "
    "happened twice, and the\n"
    "books of stock and money hold.\n";

struct Options {
  std::uint64_t seconds = 60, clients = 4, rate = 10, seed = 1, kills = 0, broker_restarts = 0,
                pause = 1100;
  bool keep = false;
};

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--keep") {
      options.keep = true;
      continue;
    }
    std::uint64_t* value = name == "--seconds"           ? &options.seconds
                           : name == "--clients"         ? &options.clients
                           : name == "--rate"            ? &options.rate
                           : name == "--seed"            ? &options.seed
                           : name == "--kills"           ? &options.kills
                           : name == "--pause"           ? &options.pause
                           : name == "--broker-restarts" ? &options.broker_restarts
                                                         : nullptr;
    if (value == nullptr || ++i == argc) return false;
    const auto [end, error] = std::from_chars(argv[i], argv[i] + std::strlen(argv[i]), *value);
    if (error != std::errc() || *end != '\0' || *value == 0) return false;
  }
  return options.clients <= 64;
}

/// One shop: places orders, some of them twice, and writes down what it is
/// told.
class Client {
 public:
  Client(int number, const Options& options, const std::string& url, History& history,
         const std::atomic<bool>& over)
      : number_(number),
        options_(options),
        url_(url),
        history_(history),
        over_(over),
        random_(options.seed * 131 + static_cast<std::uint64_t>(number)) {}

  void run() {
    std::unique_ptr<retail::ShopClient> shop;
    for (int order = 0; !over_; ++order) {
      while (!shop && !over_) {
        auto connected = retail::ShopClient::connect(url_);
        if (connected) shop = std::move(*connected);
        if (!shop) std::this_thread::sleep_for(milliseconds(50));
      }
      if (!shop) return;
      const auto next = Clock::now() + milliseconds(1000 / options_.rate);
      place(*shop, "c" + std::to_string(number_) + "-" + std::to_string(order));
      std::this_thread::sleep_until(next);
    }
  }

 private:
  void place(retail::ShopClient& shop, const std::string& id) {
    // The bank declines what ends in 13; a million pieces are never there.
    const std::int64_t amount =
        100 * (1 + static_cast<std::int64_t>(random_() % 90)) + (random_() % 6 == 0 ? 13 : 50);
    const std::int64_t qty =
        random_() % 12 == 0 ? 1'000'000 : 1 + static_cast<std::int64_t>(random_() % 5);
    {
      const std::lock_guard lock(history_.mutex);
      History::Order& order = history_.orders[id];
      order.amount = amount;
      order.qty = qty;
    }
    const nlohmann::json input = {
        {"order_id", id},
        {"amount", amount},
        {"lines", {{{"sku", "A" + std::to_string(random_() % kArticles)}, {"qty", qty}}}}};
    for (int times = random_() % 5 == 0 ? 2 : 1; times > 0; --times) {
      // As any client does: no answer means to ask again, with the same key.
      const auto started = shop.start("chaos.order", input, std::chrono::seconds(45));
      if (!started) continue;
      const std::lock_guard lock(history_.mutex);
      History::Order& order = history_.orders[id];
      ++order.acknowledged;
      order.sagas.insert(started->saga);
    }
  }

  int number_;
  const Options& options_;
  std::string url_;
  History& history_;
  const std::atomic<bool>& over_;
  std::mt19937_64 random_;
};

struct Deeds {
  std::uint64_t orchestrator_kills = 0, adapter_kills = 0, broker_kills = 0, freezes = 0, tears = 0;
};

/// One deed after another until the time is over.
class Weathermaker {
 public:
  Weathermaker(ChaosWorld& world, const Options& options)
      : world_(world), options_(options), random_(options.seed) {}

  Deeds run() {
    const auto end = Clock::now() + std::chrono::seconds(options_.seconds);
    auto told = Clock::now();
    while (Clock::now() < end && !enough()) {
      Weather weather{0.01, 0.02, 0.02, 0.05, 0.002, 0.002, 400, 1500};
      if (random_() % 3 == 0) weather = {};
      world_.proxy().set_weather(weather);
      const auto shortest = options_.pause * 2 / 11;
      std::this_thread::sleep_for(
          milliseconds(shortest + random_() % (options_.pause - shortest + 1)));
      deed();
      if (Clock::now() - told > std::chrono::seconds(10)) {
        told = Clock::now();
        std::printf(
            "chaos: %llu kills of the orchestrator, %llu of adapters, "
            "%llu of the broker, %llu freezes\n",
            static_cast<unsigned long long>(deeds_.orchestrator_kills),
            static_cast<unsigned long long>(deeds_.adapter_kills),
            static_cast<unsigned long long>(deeds_.broker_kills),
            static_cast<unsigned long long>(deeds_.freezes));
        std::fflush(stdout);
      }
    }
    world_.proxy().set_weather({});
    return deeds_;
  }

 private:
  [[nodiscard]] bool enough() const {
    return options_.kills + options_.broker_restarts > 0 &&
           deeds_.orchestrator_kills >= options_.kills &&
           deeds_.broker_kills >= options_.broker_restarts;
  }

  void deed() {
    const auto dice = random_() % 20;
    if (dice < 9) return restart("weft", deeds_.orchestrator_kills);
    if (dice < 12)
      return restart(random_() % 2 == 0 ? "inventory" : "payments", deeds_.adapter_kills);
    if (dice < 14) return restart("broker", deeds_.broker_kills);
    if (dice < 16) {
      world_.proxy().reset_all();
      ++deeds_.tears;
      return;
    }
    constexpr const char* kNames[] = {"weft", "inventory", "payments", "broker"};
    const std::string name = kNames[random_() % 4];
    world_.freeze(name);
    std::this_thread::sleep_for(milliseconds(100 + random_() % 2500));
    world_.thaw(name);
    ++deeds_.freezes;
  }

  void restart(const std::string& name, std::uint64_t& count) {
    world_.kill(name);
    ++count;
    std::this_thread::sleep_for(milliseconds(random_() % 400));
    world_.start(name);
  }

  ChaosWorld& world_;
  const Options& options_;
  std::mt19937_64 random_;
  Deeds deeds_;
};

// Nothing is at work any more, or the patience is at its end.
bool wait_for_calm(const ChaosWorld& world, std::chrono::seconds patience) {
  const retail::Server server(world.http_url());
  const auto end = Clock::now() + patience;
  while (Clock::now() < end) {
    const auto at_work = server.at_work();
    if (at_work && *at_work == 0) return true;
    std::this_thread::sleep_for(milliseconds(200));
  }
  return false;
}

void ask_for_ends(const ChaosWorld& world, History& history) {
  const retail::Server server(world.http_url());
  const std::lock_guard lock(history.mutex);
  const auto listed = server.list("workflow=chaos.order", [&](const nlohmann::json& row) {
    history.orders[row.value("key", "")].end = row.value("state", "");
  });
  if (!listed) throw std::runtime_error("the list of sagas: " + listed.error());
}

int run(const Options& options) {
  const std::filesystem::path data = [] {
    std::string path = (std::filesystem::temp_directory_path() / "weft-chaos-XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("no directory below " + path);
    return std::filesystem::path(path);
  }();
  History history;
  Deeds deeds;
  std::vector<std::string> broken;
  NatsProxy::Counts counts;
  Verdict verdict;
  const auto begun = Clock::now();
  {
    ChaosWorld world(WEFT_PROGRAMS, WEFT_SOURCE_DIR, data, options.seed);
    world.start_all();
    std::atomic<bool> over = false;
    std::vector<std::thread> shops;
    for (std::uint64_t i = 0; i < options.clients; ++i) {
      shops.emplace_back([&, i] {
        Client(static_cast<int>(i), options, world.proxy().url(), history, over).run();
      });
    }
    std::string failure;
    try {
      deeds = Weathermaker(world, options).run();
    } catch (const std::exception& error) {
      failure = error.what();
    }
    over = true;
    world.proxy().set_weather({});
    for (std::thread& shop : shops) shop.join();
    if (!failure.empty()) {
      broken.push_back(failure);
    } else {
      if (!wait_for_calm(world, std::chrono::seconds(120)))
        broken.push_back("sagas are at work two minutes after the storm");
      ask_for_ends(world, history);
      for (std::string& complaint : world.stop_all()) broken.push_back(std::move(complaint));
      verdict = judge(history, world.database("inventory"), world.database("payments"));
    }
    counts = world.proxy().counts();
  }
  broken.insert(broken.end(), verdict.broken.begin(), verdict.broken.end());
  const std::chrono::duration<double> took = Clock::now() - begun;
  const auto n = [](std::uint64_t count) { return static_cast<unsigned long long>(count); };
  std::printf(
      "chaos: %.0f s, %llu orders acknowledged: %llu completed, %llu "
      "undone, %llu stuck\n"
      "  killed: orchestrator %llu, adapters %llu, broker %llu; frozen "
      "%llu; network torn %llu\n"
      "  messages %llu: lost %llu, repeated %llu, reordered %llu, "
      "delayed %llu, stalls %llu, "
      "resets %llu, connections %llu\n  broken: %zu\n",
      took.count(), n(verdict.acknowledged), n(verdict.completed), n(verdict.undone),
      n(verdict.stuck), n(deeds.orchestrator_kills), n(deeds.adapter_kills), n(deeds.broker_kills),
      n(deeds.freezes), n(deeds.tears), n(counts.messages), n(counts.lost), n(counts.repeated),
      n(counts.reordered), n(counts.delayed), n(counts.stalled), n(counts.resets),
      n(counts.connections), broken.size());
  for (const std::string& what : broken) std::printf("  BROKEN: %s\n", what.c_str());
  // A storm in which nothing happened would prove nothing.
  const bool happened =
      verdict.acknowledged > 0 && verdict.completed > 0 && deeds.orchestrator_kills > 0;
  if (!happened) std::printf("  BROKEN: nothing happened\n");
  if (options.keep || !broken.empty()) {
    std::printf("  stores, databases and logs: %s\n", data.c_str());
  } else {
    std::error_code ignored;
    std::filesystem::remove_all(data, ignored);
  }
  return broken.empty() && happened ? 0 : 1;
}

}  // namespace
}  // namespace weft::chaos

int main(int argc, char** argv) {
  weft::chaos::Options options;
  if (argc > 1 && std::string_view(argv[1]) == "--help") {
    std::fputs(weft::chaos::kUsage, stdout);
    return 0;
  }
  if (!weft::chaos::parse(argc, argv, options)) {
    std::fputs(weft::chaos::kUsage, stderr);
    return 2;
  }
  try {
    return weft::chaos::run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "chaos: %s\n", error.what());
    return 2;
  }
}
