#include "examples/retail/story.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <utility>

namespace weft::retail {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;
using nlohmann::json;

constexpr char kFulfilment[] = "retail.order_fulfilment";
constexpr char kCancellation[] = "retail.order_cancellation";
constexpr char kReturns[] = "retail.returns";
constexpr char kBackorder[] = "retail.backorder";

// Channels that send orders at the same time.
constexpr std::size_t kSenders = 8;
// A start must get its answer within this, however often the orchestrator dies meanwhile.
constexpr seconds kStartPatience{90};
// A phase goes on as soon as one sees what it is to show; on a busy machine that may take a while.
constexpr seconds kPhasePatience{30};
// A handful of orders fills no queue, so there is nothing to wait for.
constexpr seconds kShortPatience{5};
constexpr std::size_t kFewOrders = 30;
// The day is over when nothing is at work any more. So long nothing may have ended before we give
// up.
constexpr seconds kQuietPatience{120};
// Every so manieth order is sent twice, as channels do after a timeout.
constexpr std::size_t kSentTwice = 10;
// So many orders that found no stock are put on back-order when the day ends.
constexpr std::size_t kBackorders = 5;
// So many changes of an article's stock are told in a row; most need not reach the channels.
constexpr int kChangesInARow = 5;
// So long progress is told every second; a month of invoices takes minutes.
constexpr seconds kOftenFor{40};

// How each adapter behaves on an ordinary day (adapters/reference/rehearsal.h): it loses answers
// and repeats them, a bank declines cards, a shelf is empty although the stock says otherwise.
const std::map<std::string, std::string>& ordinary_trouble() {
  static const std::map<std::string, std::string> plans = {
      {"inventory", R"({"seed": 11, "no_answer": 0.04})"},
      {"payments", R"({"seed": 12, "operations": ["authorise"], "no_answer": 0.03,
                       "fail": {"code": "payment_declined", "share": 0.06,
                                "message": "the bank declined the card"}})"},
      {"erp", R"({"seed": 13, "no_answer": 0.04})"},
      {"wms", R"({"seed": 14, "answer_twice": 0.1})"},
      {"notify", "{}"}};
  return plans;
}
constexpr char kSlowErp[] = R"({"seed": 13, "no_answer": 0.04, "slow_ms": 1500})";

std::vector<std::string> adapter_options(const std::string& name,
                                         const std::filesystem::path& stock_file) {
  std::vector<std::string> options = {"--faults", ordinary_trouble().at(name)};
  if (name == "inventory") options.insert(options.end(), {"--seed-stock", stock_file.string()});
  if (name == "payments") {
    // Some customers confirm their payment elsewhere first.
    options.insert(options.end(), {"--pending-ending", "55", "--confirm-after-ms", "700"});
  }
  if (name == "wms") options.insert(options.end(), {"--short", "south=0.15", "--ship-ms", "300"});
  return options;
}

seconds patience_for(std::size_t orders) {
  return orders < kFewOrders ? kShortPatience : kPhasePatience;
}

// An order's number may hold any character; an idempotency key may not.
std::string in_hex(const std::string& text) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const char c : text) {
    out += kDigits[static_cast<unsigned char>(c) >> 4];
    out += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

}  // namespace

/// Prints how far the orders are, while something changes: once a second, on a long day less often.
class Story::Ticker final {
 public:
  Ticker(const Progress& progress, Clock::time_point began)
      : thread_([this, &progress, began] { tick(progress, began); }) {}
  ~Ticker() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;

 private:
  void tick(const Progress& progress, Clock::time_point began) {
    std::string last;
    std::unique_lock lock(mutex_);
    const auto pause = [&] { return Clock::now() - began < kOftenFor ? seconds(1) : seconds(5); };
    while (!changed_.wait_for(lock, pause(), [this] { return ended_; })) {
      const std::string line = progress.line();
      if (line.empty() || line == last) continue;
      last = line;
      const auto at = std::chrono::duration_cast<seconds>(Clock::now() - began).count();
      std::printf("  %3lld s  %s\n", static_cast<long long>(at), line.c_str());
      std::fflush(stdout);
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool ended_ = false;
  std::thread thread_;
};

Story::Story(World& world, Business business)
    : world_(world), business_(std::move(business)), began_(Clock::now()) {}

Story::~Story() = default;

void Story::say(const std::string& text) const {
  std::printf("\n* %s\n", text.c_str());
  std::fflush(stdout);
}

Story::Result Story::live() {
  if (auto opened = open(); !opened) return opened;
  ticker_ = std::make_unique<Ticker>(progress_, began_);

  const std::size_t n = business_.orders.size();
  const std::size_t slow = n * 35 / 100, lost = n * 55 / 100, killed = n * 70 / 100,
                    last = n * 90 / 100;
  say("The shop opens: orders come in; some cards are declined, some answers get lost.");
  send(0, slow);
  if (auto phase = slow_erp(slow, lost); !phase) return phase;
  if (auto phase = lost_payments(lost, killed); !phase) return phase;
  if (auto phase = killed_orchestrator(killed, last); !phase) return phase;
  say("The rest of the day is ordinary.");
  send(last, n);
  if (auto quiet = wait_until_quiet(); !quiet) return quiet;
  if (auto returned = give_back(); !returned) return returned;
  if (auto arrived = new_goods(); !arrived) return arrived;
  ticker_.reset();
  return {};
}

Story::Result Story::open() {
  say("Starting a NATS server, five adapters and the orchestrator.");
  if (auto started = world_.start_broker(); !started) return started;
  const auto stock_file = world_.places().data / "stock.json";
  if (auto written = write_stock(business_.stock, stock_file); !written) return written;
  for (const auto& [name, plan] : ordinary_trouble()) {
    auto started = world_.start_adapter(name, adapter_options(name, stock_file));
    if (!started) return started;
  }
  if (auto started = world_.start_orchestrator(); !started) return started;
  server_ = std::make_unique<Server>(world_.http_url());

  auto client = ShopClient::connect(world_.nats_url());
  if (!client) return tl::unexpected(client.error());
  client_ = std::move(*client);
  std::int64_t pieces = 0;
  for (const auto& [sku, by_location] : business_.stock) {
    for (const auto& [location, qty] : by_location) pieces += qty;
  }
  std::printf(
      "  NATS %s, orchestrator %s (pid %d)\n  %zu orders to come, %zu articles, %lld pieces "
      "in stock; data in %s\n",
      world_.nats_url().c_str(), world_.http_url().c_str(),
      static_cast<int>(world_.orchestrator_pid()), business_.orders.size(), business_.stock.size(),
      static_cast<long long>(pieces), world_.places().data.c_str());
  std::fflush(stdout);
  return client_->watch([this](const Change& change) { progress_.hear(change); });
}

void Story::send_one(std::size_t index) {
  const auto& order = business_.orders[index];
  const std::size_t times = index % kSentTwice == 0 ? 2 : 1;
  for (std::size_t i = 0; i < times; ++i) {
    const auto started = client_->start(kFulfilment, to_json(order), kStartPatience);
    if (started) {
      progress_.count_start(started->duplicate, started->tries);
    } else {
      progress_.count_refusal();
      say("order " + order.key() + " was refused: " + std::to_string(started.error().status) + " " +
          started.error().message);
    }
  }
}

void Story::send(std::size_t first, std::size_t last) {
  std::atomic<std::size_t> next{first};
  std::vector<std::thread> senders;
  for (std::size_t i = 0; i < kSenders; ++i) {
    senders.emplace_back([&] {
      for (std::size_t index = next++; index < last; index = next++) send_one(index);
    });
  }
  for (auto& sender : senders) sender.join();
}

void Story::cancel(std::size_t index) {
  const auto& order = business_.orders[index];
  const Return whole{"CX-" + order.order_id, index, order.lines, true};
  const json request = {{"cancellation_id", "CX-" + order.order_id},
                        {"channel", order.channel},
                        {"order_id", order.order_id},
                        {"reason", "the customer changed their mind"},
                        {"return", to_json(whole, order)}};
  if (client_->start(kCancellation, request, kStartPatience)) ++cancelled_;
}

Story::Result Story::behave(const std::string& adapter, const std::string& plan) {
  const auto told = client_->ask("weft-adapter." + adapter + ".control",
                                 json::parse(plan, nullptr, false), {}, seconds(10));
  if (!told) return tl::unexpected(adapter + " does not obey: " + told.error().message);
  return {};
}

Story::Result Story::slow_erp(std::size_t first, std::size_t last) {
  say("The ERP gets slow. Orders wait for it and say so: pending-allocation.");
  if (auto told = behave("erp", kSlowErp); !told) return told;
  send(first, last);
  const bool seen = progress_.wait_until(
      [](const Progress& p) { return p.ever_with_status_locked("pending-allocation") >= 5; },
      patience_for(last - first));
  say("Some customers cancel while their orders wait.");
  const std::size_t step = std::max<std::size_t>(1, (last - first) / 8);
  for (std::size_t i = first; i < last; i += step) cancel(i);
  say(seen ? "The ERP is fast again." : "The ERP is fast again; nobody had to wait long.");
  return behave("erp", ordinary_trouble().at("erp"));
}

Story::Result Story::lost_payments(std::size_t first, std::size_t last) {
  say("The payment adapter is killed (pid " + std::to_string(world_.adapter_pid("payments")) +
      "). Orders reserve their stock and wait.");
  world_.kill_adapter("payments");
  send(first, last);
  progress_.wait_until([](const Progress& p) { return p.with_status_locked("reserved") >= 5; },
                       patience_for(last - first));
  say("The payment adapter is started again; what waited goes on.");
  return world_.start_adapter("payments");
}

Story::Result Story::killed_orchestrator(std::size_t first, std::size_t last) {
  const std::size_t before = progress_.started();
  std::thread channel([&] { send(first, last); });
  progress_.wait_until(
      [&](const Progress& p) { return p.started_locked() >= before + (last - first) / 3; },
      kPhasePatience);
  say("kill -9 of the orchestrator (pid " + std::to_string(world_.orchestrator_pid()) +
      ") while orders come in. Channels get no answer and ask again.");
  world_.kill_orchestrator();
  const auto restarted = Clock::now();
  auto started = world_.start_orchestrator();
  if (started) {
    const auto took = std::chrono::duration_cast<milliseconds>(Clock::now() - restarted).count();
    server_ = std::make_unique<Server>(world_.http_url());
    say("The orchestrator is back after " + std::to_string(took) + " ms (pid " +
        std::to_string(world_.orchestrator_pid()) + "), with every order it had accepted.");
  }
  channel.join();
  return started;
}

Story::Result Story::wait_until_quiet() {
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
      return tl::unexpected(std::to_string(*count) + " sagas do not end; see `weft list --server " +
                            world_.http_url() + "`");
    }
    // Nothing to wait for but time: ask again after every change, at most twice a second.
    progress_.wait_until([](const Progress&) { return false; }, milliseconds(500));
  }
}

Story::Result Story::give_back() {
  // The month brings its own returns; a day without any gets a few.
  if (business_.returns.empty()) {
    for (std::size_t i = 0; i < business_.orders.size(); i += business_.orders.size() / 12 + 1) {
      const auto& order = business_.orders[i];
      business_.returns.push_back({"R-" + order.order_id, i, {order.lines.front()}, false});
    }
  }
  say("Customers send goods back.");
  // What was shipped can come back, and nothing else: a line may have been left out, an order may
  // never have been shipped.
  for (auto& given_back : business_.returns) {
    const auto& order = business_.orders[given_back.order];
    const auto saga =
        server_->get("/sagas/" + percent_encode(std::string(kFulfilment) + ":" + order.key()));
    if (!saga) return tl::unexpected(saga.error());
    std::map<std::pair<std::string, std::string>, std::int64_t> shipped;
    for (const auto& step : saga->value("steps", json::array())) {
      if (step.value("step", "") != "ship" || step.value("state", "") != "succeeded") continue;
      for (const auto& line : step.at("output").value("lines", json::array())) {
        shipped[{line.at("sku"), line.at("location")}] += line.at("qty").get<std::int64_t>();
      }
    }
    std::vector<OrderLine> lines;
    for (auto line : given_back.lines) {
      auto& left = shipped[{line.sku, line.location}];
      line.qty = std::min(line.qty, left);
      left -= line.qty;
      if (line.qty > 0) lines.push_back(line);
    }
    given_back.lines = std::move(lines);
    if (value_minor(given_back.lines) == 0) {
      ++not_returned_;
      continue;
    }
    const auto document = to_json(given_back, order);
    // A whole order comes back as a cancellation that is too late, and becomes a return by itself.
    const auto started =
        given_back.whole_order
            ? client_->start(kCancellation,
                             {{"cancellation_id", given_back.return_id},
                              {"channel", order.channel},
                              {"order_id", order.order_id},
                              {"reason", "cancelled by invoice " + given_back.return_id},
                              {"return", document}},
                             kStartPatience)
            : client_->start(kReturns, document, kStartPatience);
    if (!started) {
      return tl::unexpected("return " + given_back.return_id +
                            " was refused: " + started.error().message);
    }
    ++returned_;
  }
  return wait_until_quiet();
}

std::vector<const Order*> Story::without_stock() {
  std::map<std::string, const Order*> by_key;
  for (const auto& order : business_.orders) by_key[order.key()] = &order;
  std::vector<const Order*> found;
  const auto listed =
      server_->list("workflow=" + std::string(kFulfilment) + "&state=failed", [&](const json& row) {
        const auto known = by_key.find(row.value("key", ""));
        if (known == by_key.end() || found.size() == kBackorders) return;
        const auto saga = server_->get("/sagas/" + row.value("saga", ""));
        if (!saga || !saga->contains("error") || !saga->at("error").is_object()) return;
        if (saga->at("error").value("code", "") == "out_of_stock") found.push_back(known->second);
      });
  return listed ? found : std::vector<const Order*>{};
}

// The purchasing department books goods in. Like every caller of a fenced adapter it has a key, so
// that a lost answer is no reason to book them twice.
Story::Result Story::book_in(const Order& order) {
  constexpr int kAttempts = 5;
  std::string problem;
  for (int attempt = 1; attempt <= kAttempts; ++attempt) {
    const auto booked = client_->ask(
        "weft.task.inventory.receive", {{"order_id", ""}, {"lines", to_json(order.lines)}},
        {{"Weft-Protocol", "1"},
         {"Weft-Idempotency-Key", "purchase/" + in_hex(order.order_id)},
         {"Weft-Attempt", std::to_string(attempt)}},
        seconds(5));
    if (booked) return {};
    problem = booked.error().message;
    if (booked.error().status != 0) break;
  }
  return tl::unexpected("inventory does not take goods: " + problem);
}

Story::Result Story::new_goods() {
  const auto waiting = without_stock();
  say("New goods arrive: " + std::to_string(waiting.size()) +
      " orders that found no stock waited for them. Channels hear what may be sold.");
  std::set<std::string> moved;
  for (const Order* order : waiting) {
    const auto started = client_->start(
        kBackorder, {{"order", to_json(*order)}, {"awaited_sku", order->lines.front().sku}},
        kStartPatience);
    if (!started)
      return tl::unexpected("back-order " + order->key() + ": " + started.error().message);
    if (auto booked = book_in(*order); !booked) return booked;
    for (const auto& line : order->lines) moved.insert(line.sku);
  }
  for (const auto& sku : moved) {
    const auto told = client_->tell("stock.arrived", {{"sku", sku}}, "arrived-" + sku, seconds(30));
    if (!told) return tl::unexpected("stock.arrived: " + told.error().message);
    for (int i = 0; i < kChangesInARow; ++i) {
      const auto id = "change-" + sku + "-" + std::to_string(i);
      const auto changed =
          client_->tell("stock.changed", {{"change_id", id}, {"sku", sku}}, id, seconds(30));
      if (!changed) return tl::unexpected("stock.changed: " + changed.error().message);
    }
  }
  return wait_until_quiet();
}

Story::Result Story::print_outcomes() {
  std::map<std::string, std::map<std::pair<std::string, std::string>, std::size_t>> table;
  std::size_t exceptions = 0;
  const auto listed = server_->list("", [&](const json& row) {
    const auto status = row.find("status");
    ++table[row.value("workflow", "?")]
           [{row.value("state", "?"),
             status != row.end() && status->is_string() ? status->get<std::string>() : "-"}];
    if (row.value("state", "") == "stuck" || row.value("state", "") == "terminated") ++exceptions;
  });
  if (!listed) return listed;
  say("What became of them");
  std::printf("  %-26s %-13s %-22s %6s\n", "workflow", "state", "status", "sagas");
  for (const auto& [workflow, rows] : table) {
    for (const auto& [outcome, count] : rows) {
      std::printf("  %-26s %-13s %-22s %6zu\n", workflow.c_str(), outcome.first.c_str(),
                  outcome.second.c_str(), count);
    }
  }
  const auto starts = progress_.starts();
  std::printf(
      "  %zu orders accepted, %zu repeats recognised, %zu starts asked again after no answer,\n"
      "  %zu refused; %zu showed pending-allocation, %zu were shipped in part;\n"
      "  %zu cancellations, %zu returns (%zu more found nothing shipped)\n",
      starts.accepted, starts.repeated, starts.asked_again, starts.refused,
      progress_.ever_with_status("pending-allocation"),
      progress_.ever_with_status("partially-allocated"), cancelled_, returned_, not_returned_);
  std::fflush(stdout);
  if (exceptions > 0 || starts.refused > 0) {
    all_ended_well_ = false;
    say(std::to_string(exceptions) + " sagas are stuck and " + std::to_string(starts.refused) +
        " orders were refused:");
    if (const auto stuck = run({world_.program("weft").string(), "stuck", "--server",
                                world_.http_url(), "-o", "table"})) {
      std::fputs(stuck->output.c_str(), stdout);
    }
  }
  return {};
}

void Story::print_timeline(const std::string& title, const std::string& saga) {
  say(title);
  if (saga.empty()) {
    std::printf("  (none today)\n");
    return;
  }
  const auto shown = run({world_.program("weft").string(), "show", saga, "--server",
                          world_.http_url(), "-o", "table"});
  std::fputs(shown ? shown->output.c_str() : shown.error().c_str(), stdout);
  std::fflush(stdout);
}

tl::expected<bool, std::string> Story::account() {
  if (auto printed = print_outcomes(); !printed) return tl::unexpected(printed.error());

  // One saga of each kind; of the completed ones, one in which something went wrong on the way, of
  // the compensated ones that with the longest history: it had most to undo.
  const auto partial = progress_.sagas_with_status("partially-allocated");
  const auto waited = progress_.sagas_with_status("pending-allocation");
  std::string completed, shipped_in_part, compensated;
  std::int64_t longest = 0;
  const auto listed = server_->list("workflow=" + std::string(kFulfilment), [&](const json& row) {
    const auto saga = row.value("saga", "");
    const auto state = row.value("state", "");
    const bool in_part = partial.contains(saga);
    // A back-order's second try has its parent's key, not an order's.
    const bool own = !row.value("key", "").ends_with("/again");
    if (own && state == "compensated" && row.value("revision", std::int64_t{0}) > longest) {
      longest = row.value("revision", std::int64_t{0});
      compensated = saga;
    }
    if (state != "completed") return;
    if (in_part && shipped_in_part.empty()) shipped_in_part = saga;
    if (!in_part && (completed.empty() || waited.contains(saga))) completed = saga;
  });
  if (!listed) return tl::unexpected(listed.error());
  print_timeline("One that was completed", completed);
  print_timeline("One that was shipped in part", shipped_in_part);
  print_timeline("One that was compensated", compensated);

  say("The books, read from the adapters' own databases");
  std::fflush(stdout);
  const auto balance =
      run({world_.program("weft-example-balance").string(), world_.places().data.string()});
  if (!balance) return tl::unexpected(balance.error());
  std::fputs(balance->output.c_str(), stdout);
  return balance->status == 0 && all_ended_well_;
}

}  // namespace weft::retail
