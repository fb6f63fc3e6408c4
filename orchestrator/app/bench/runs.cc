#include "orchestrator/app/bench/runs.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <iostream>
#include <utility>

#include "orchestrator/app/bench/figures.h"
#include "orchestrator/app/bench/load.h"
#include "orchestrator/app/time_text.h"

namespace weft::app::bench {
namespace {

using dsl::Value;
using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

constexpr milliseconds kTick{2};
constexpr milliseconds kTellEvery{2000};
constexpr double kDrainSeconds = 60;
// Few enough to queue behind each other, many enough not to be one single queue.
constexpr int kHotCustomers = 8;
constexpr int kCustomers = 100'000;
constexpr std::uint64_t kParkInFlight = 512;
constexpr double kParkSeconds = 3'600;
constexpr double kWakeSeconds = 60;
constexpr std::uint64_t kWoken = 1'000;  // Enough to show that what waited is all there.
constexpr std::int64_t kDueWithinMs = 60'000;
constexpr double kParkedPerSecond = 2'000;  // A guess; slower parking only meets the first timers.

/// Ticks the loads until `done`, or until so many seconds have passed. False at a signal or when a
/// process of the stage has ended; `trouble` says which.
class Driver final {
 public:
  Driver(Stage& stage, Signals& signals) : stage_(stage), signals_(signals) {}
  void add(Load& load) { loads_.push_back(&load); }
  void remove(const Load& load) { std::erase(loads_, &load); }

  [[nodiscard]] bool until(const std::function<bool()>& done, double seconds, const char* doing) {
    const auto began = Steady::now();
    const auto end = began + std::chrono::duration_cast<Steady::duration>(
                                 std::chrono::duration<double>(seconds));
    auto tell_at = began + kTellEvery;
    while (Steady::now() < end && !done()) {
      if (signals_.wait(-1, kTick) == Signals::Woken::kSignal) {
        trouble_ = "interrupted";
        return false;
      }
      if (!stage_.stands()) {
        trouble_ = "a process has ended by itself; see " + stage_.logs();
        return false;
      }
      for (Load* load : loads_) load->tick();
      if (Steady::now() < tell_at) continue;
      tell_at += kTellEvery;
      std::cerr << "weft bench: " << doing;
      for (const Load* load : loads_) {
        std::cerr << "  " << load->accepted() << " accepted, " << load->ended() << " ended";
      }
      std::cerr << '\n';
    }
    for (const Load* load : loads_) {
      if (load->trouble().empty()) continue;
      trouble_ = load->trouble();
      return false;
    }
    return true;
  }
  [[nodiscard]] bool pass(double seconds, const char* doing) {
    return until([] { return false; }, seconds, doing);
  }
  /// No further starts; waits for the ends of those under way.
  [[nodiscard]] bool drain(Load& load) {
    load.stop();
    if (!until([&] { return load.in_flight() == 0; }, kDrainSeconds, "waiting for the last")) {
      return false;
    }
    if (load.in_flight() == 0) return true;
    trouble_ =
        std::to_string(load.in_flight()) + " sagas did not end in time; see " + stage_.logs();
    return false;
  }
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

 private:
  Stage& stage_;
  Signals& signals_;
  std::vector<Load*> loads_;
  std::string trouble_;
};

void begin(Load& load, const Plan& plan) {
  if (plan.rate > 0) {
    load.start_at_rate(plan.rate);
  } else {
    load.keep_in_flight(plan.in_flight);
  }
}

/// Measures a load that is under way.
bool measure(Stage& stage, Driver& driver, Load& load, double seconds, const char* doing,
             const Workload& workload, Value::Object& figures) {
  load.begin_window();
  const Reading before = stage.read();
  if (!driver.pass(seconds, doing)) return false;
  Measured measured = load.end_window();
  const Reading after = stage.read();
  figures = figures_of(workload, std::move(measured), before, after);
  return true;
}

double number_in(const Value::Object& object, std::string_view key) {
  for (const dsl::Member& member : object) {
    if (member.key == key) return std::strtod(member.value.to_json().c_str(), nullptr);
  }
  return 0;
}

double seconds_since(Steady::time_point from) {
  return std::chrono::duration<double>(Steady::now() - from).count();
}

std::string short_of(const char* what, std::uint64_t is, std::uint64_t wanted) {
  return std::string(what) + ": " + std::to_string(is) + " of " + std::to_string(wanted);
}

/// A live load and sagas that wait: what the runs with waiting ones have in common.
class Company final {
 public:
  using Done = tl::expected<void, std::string>;
  Company(Stage& stage, const Workload& workload, const Plan& plan, Signals& signals)
      : driver(stage, signals),
        live(stage.bus(), linear, "live", kCustomers),
        waiting(stage.bus(), workload, "wait", kCustomers),
        stage_(stage),
        plan_(plan) {}

  /// The live load alone: warmed up, measured and ended.
  [[nodiscard]] Done measure_alone() {
    for (Load* load : {&live, &waiting}) {
      if (std::string error = load->subscribe(); !error.empty()) return tl::unexpected(error);
    }
    driver.add(live);
    begin(live, plan_);
    return done(driver.pass(plan_.warm_up_seconds, "warming up") &&
                measure(stage_, driver, live, plan_.seconds, "measuring alone", linear, alone) &&
                driver.drain(live));
  }
  /// Starts as many sagas as planned that wait, and nothing else.
  [[nodiscard]] Done park() {
    const auto began = Steady::now();
    driver.add(waiting);
    waiting.keep_in_flight(kParkInFlight, plan_.count);
    const auto all = [this] { return waiting.accepted() >= plan_.count; };
    if (!driver.until(all, kParkSeconds, "parking")) return done(false);
    parked_per_s = static_cast<double>(waiting.accepted()) / seconds_since(began);
    if (all()) return {};
    return tl::unexpected(short_of("parked in time", waiting.accepted(), plan_.count));
  }
  [[nodiscard]] Done done(bool well) const {
    if (well) return {};
    return tl::unexpected(driver.trouble());
  }
  [[nodiscard]] double live_ratio(const Value::Object& beside, std::string_view figure) const {
    return number_in(beside, figure) / std::max(number_in(alone, figure), 1.0);
  }

  const Workload& linear = *find_workload("linear5");
  Driver driver;
  Load live, waiting;
  Value::Object alone;
  double parked_per_s = 0;

 private:
  Stage& stage_;
  const Plan& plan_;
};

}  // namespace

tl::expected<Value::Object, std::string> run_steadily(Stage& stage, const Workload& workload,
                                                      const Plan& plan, Signals& signals) {
  Driver driver(stage, signals);
  Load load(stage.bus(), workload, "o",
            workload.name == "ordering_key" ? kHotCustomers : kCustomers);
  if (std::string error = load.subscribe(); !error.empty()) return tl::unexpected(error);
  driver.add(load);
  begin(load, plan);
  Value::Object figures;
  if (!driver.pass(plan.warm_up_seconds, "warming up") ||
      !measure(stage, driver, load, plan.seconds, "measuring", workload, figures) ||
      !driver.drain(load)) {
    return tl::unexpected(driver.trouble());
  }
  if (load.ended() == 0) return tl::unexpected<std::string>("no saga ended; see " + stage.logs());
  return figures;
}

tl::expected<Value::Object, std::string> run_parked(Stage& stage, const Workload& workload,
                                                    const Plan& plan, Signals& signals) {
  Company company(stage, workload, plan, signals);
  Driver& driver = company.driver;
  Load& live = company.live;
  Load& waiting = company.waiting;
  Value::Object beside;
  if (auto done = company.measure_alone(); !done) return tl::unexpected(done.error());
  const Reading idle = stage.read();
  if (auto done = company.park(); !done) return tl::unexpected(done.error());
  const Reading parked = stage.read();
  begin(live, plan);
  if (!driver.pass(plan.warm_up_seconds, "warming up") ||
      !measure(stage, driver, live, plan.seconds, "measuring beside them", company.linear,
               beside)) {
    return tl::unexpected(driver.trouble());
  }
  // With the live load under way: what it repeats is counted by the adapter.
  const std::int64_t repeats = stage.repeated_attempts();
  const auto killed = Steady::now();
  if (auto again = stage.crash_and_restart(); !again) return tl::unexpected(again.error());
  const double ready_s = seconds_since(killed);
  const std::uint64_t ended = live.ended();
  live.ask_again();
  if (!driver.until([&] { return live.ended() > ended; }, kWakeSeconds, "after kill -9")) {
    return tl::unexpected(driver.trouble());
  }
  const double first_end_s = seconds_since(killed);
  if (!driver.drain(live)) return tl::unexpected(driver.trouble());
  const Reading restarted = stage.read();
  const std::int64_t repeats_after = stage.repeated_attempts();
  const std::uint64_t woken = std::min(kWoken, plan.count);
  for (std::uint64_t i = 0; i < woken; ++i) waiting.wake(i * (plan.count / woken));
  if (!driver.until([&] { return waiting.ended() >= woken; }, kWakeSeconds, "waking some")) {
    return tl::unexpected(driver.trouble());
  }
  if (waiting.ended() < woken)
    return tl::unexpected(short_of("woken in time", waiting.ended(), woken));
  const auto megabytes = [](std::int64_t from, std::int64_t to) {
    return rounded(static_cast<double>(to - from) / kMegabyte, 1);
  };
  beside.insert(
      beside.begin(),
      {{"count", static_cast<std::int64_t>(plan.count)},
       {"live_ratio", rounded(company.live_ratio(beside, "sagas_per_s"), 3)},
       {"live_cpu_ratio", rounded(company.live_ratio(beside, "cpu_us_per_saga"), 3)},
       {"parked_per_s", rounded(company.parked_per_s, 0)},
       {"parked_mb", megabytes(idle.orchestrator.rss_bytes, parked.orchestrator.rss_bytes)},
       {"ready_s", rounded(ready_s, 3)},
       {"first_end_s", rounded(first_end_s, 3)},
       {"repeated_attempts",
        repeats < 0 || repeats_after < 0 ? Value() : Value(repeats_after - repeats)},
       {"restarted_rss_mb", megabytes(0, restarted.orchestrator.rss_bytes)},
       {"alone_sagas_per_s", rounded(number_in(company.alone, "sagas_per_s"), 1)}});
  return beside;
}

tl::expected<Value::Object, std::string> run_timers(Stage& stage, const Workload& workload,
                                                    const Plan& plan, Signals& signals) {
  Company company(stage, workload, plan, signals);
  Driver& driver = company.driver;
  Load& live = company.live;
  Load& waiting = company.waiting;
  Value::Object beside;
  if (auto done = company.measure_alone(); !done) return tl::unexpected(done.error());
  const std::int64_t first_ms =
      wall_clock_ms() + 5'000 +
      static_cast<std::int64_t>(static_cast<double>(plan.count) / kParkedPerSecond * 1000.0);
  waiting.come_due(first_ms, kDueWithinMs, plan.count);
  waiting.begin_window();
  if (auto done = company.park(); !done) return tl::unexpected(done.error());
  const auto until_due = static_cast<double>(first_ms - wall_clock_ms()) / 1000.0;
  if (until_due > 0 && !driver.pass(until_due, "waiting for the first")) {
    return tl::unexpected(driver.trouble());
  }
  begin(live, plan);
  if (!measure(stage, driver, live, static_cast<double>(kDueWithinMs) / 1000.0,
               "measuring while they fire", company.linear, beside) ||
      !driver.drain(live) ||
      !driver.until([&] { return waiting.ended() >= plan.count; }, kWakeSeconds,
                    "the last timers")) {
    return tl::unexpected(driver.trouble());
  }
  if (waiting.ended() != plan.count) {
    return tl::unexpected(short_of("timers fired once, in time", waiting.ended(), plan.count));
  }
  Measured fired = waiting.end_window();
  beside.insert(beside.begin(),
                {{"count", static_cast<std::int64_t>(plan.count)},
                 {"live_ratio", rounded(company.live_ratio(beside, "sagas_per_s"), 3)},
                 {"parked_per_s", rounded(company.parked_per_s, 0)},
                 {"late_p50_ms", rounded(Measured::percentile(fired.latency_ms, 0.5), 0)},
                 {"late_p99_ms", rounded(Measured::percentile(fired.latency_ms, 0.99), 0)},
                 {"late_max_ms", rounded(Measured::percentile(fired.latency_ms, 1.0), 0)},
                 {"alone_sagas_per_s", rounded(number_in(company.alone, "sagas_per_s"), 1)}});
  return beside;
}

}  // namespace weft::app::bench
