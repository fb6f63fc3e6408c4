#include <charconv>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <sstream>

#include "orchestrator/app/bench/answering.h"
#include "orchestrator/app/bench/figures.h"
#include "orchestrator/app/bench/runs.h"
#include "orchestrator/app/bench/stage.h"
#include "orchestrator/app/bench/workload.h"
#include "orchestrator/app/commands/commands.h"
#include "orchestrator/app/near_match.h"
#include "orchestrator/app/output.h"

namespace weft::app {
namespace {

using dsl::Value;

/// The value of a numeric option, `fallback` where it is not given; nothing if it is no number
/// between `least` and `most`.
std::optional<double> number(const Invocation& invocation, const std::string& flag, double fallback,
                             double least, double most) {
  if (!invocation.has(flag)) return fallback;
  const std::string text = invocation.get(flag);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most) {
    return std::nullopt;
  }
  return value;
}

Failure wrong_usage(const std::string& detail) {
  return make_failure(kExitUsage, "usage", "the options make no sense", detail);
}

std::vector<std::string> workload_names() {
  std::vector<std::string> names;
  for (const bench::Workload& workload : bench::workloads()) names.push_back(workload.name);
  return names;
}

tl::expected<bench::Plan, Failure> plan_of(const Invocation& invocation) {
  bench::Plan plan;
  const auto in_flight = number(invocation, "--in-flight", 64, 1, 10'000);
  const auto rate = number(invocation, "--rate", 0, 0.1, 1'000'000);
  const auto seconds = number(invocation, "--seconds", 10, 0.5, 86'400);
  const auto warm_up = number(invocation, "--warm-up", 2, 0, 3'600);
  const auto count = number(invocation, "--count", 100'000, 1, 100'000'000);
  if (!in_flight) return tl::unexpected(wrong_usage("--in-flight: a number from 1 to 10000"));
  if (!rate) return tl::unexpected(wrong_usage("--rate: starts a second, from 0.1"));
  if (!seconds) return tl::unexpected(wrong_usage("--seconds: a number from 0.5"));
  if (!warm_up) return tl::unexpected(wrong_usage("--warm-up: seconds from 0"));
  if (!count) return tl::unexpected(wrong_usage("--count: a number from 1"));
  if (invocation.has("--rate") && invocation.has("--in-flight")) {
    return tl::unexpected(wrong_usage("either --in-flight (closed loop) or --rate (open loop)"));
  }
  plan.in_flight = static_cast<std::uint64_t>(*in_flight);
  plan.rate = *rate;
  plan.seconds = *seconds;
  plan.warm_up_seconds = *warm_up;
  plan.count = static_cast<std::uint64_t>(*count);
  return plan;
}

tl::expected<std::optional<Value>, Failure> former_result(const Invocation& invocation) {
  if (!invocation.has("--compare")) return std::nullopt;
  std::ifstream file(invocation.get("--compare"));
  std::ostringstream text;
  text << file.rdbuf();
  auto value = Value::parse(std::move(text).str());
  if (!file || !value || !value->is_object()) {
    return tl::unexpected(
        wrong_usage("--compare: " + invocation.get("--compare") +
                    " is to hold one object, as `weft bench … -o json` prints it"));
  }
  return std::optional<Value>(std::move(*value));
}

void print(const Output& output, const Value::Object& result) {
  if (output.structured()) return output.document(Value::object(result));
  for (const dsl::Member& member : result) {
    if (!member.value.is_object()) {
      output.text(member.key + ": " + cell_text(&member.value) + "\n");
      continue;
    }
    output.text(member.key + ":\n");
    for (const dsl::Member& inner : member.value.as_object()) {
      output.text("  " + inner.key + ": " + cell_text(&inner.value) + "\n");
    }
  }
}

int measure(const Invocation& invocation, const bench::Workload& workload, const bench::Plan& plan,
            const std::optional<Value>& former, Signals& signals) {
  const Output output(invocation.global);
  bench::Stage::Options options;
  options.folder = invocation.get("--dir");
  options.keep = invocation.has("--keep");
  if (workload.yaml.empty()) {
    options.shipped_workflows =
        invocation.has("--workflows") ? invocation.get("--workflows") : "workflows/retail";
  }
  auto stage = bench::Stage::set(options);
  if (!stage)
    return output.fail(
        make_failure(kExitFailed, "not_started", "nothing to measure", stage.error()));
  std::cerr << "weft bench: " << workload.name << ": " << workload.summary << "; store in "
            << (*stage)->folder() << '\n';
  auto figures = workload.waits_for_event  ? bench::run_parked(**stage, workload, plan, signals)
                 : workload.waits_for_time ? bench::run_timers(**stage, workload, plan, signals)
                                           : bench::run_steadily(**stage, workload, plan, signals);
  if (!figures) {
    return output.fail(
        make_failure(kExitFailed, "not_measured", "the run is worth nothing", figures.error()));
  }
  Value::Object result{{"workload", workload.name}};
  if (plan.rate > 0) {
    result.push_back({"rate", bench::rounded(plan.rate, 1)});
  } else {
    result.push_back({"in_flight", static_cast<std::int64_t>(plan.in_flight)});
  }
  for (dsl::Member& member : *figures) result.push_back(std::move(member));
  stage->reset();
  const Value whole = Value::object(result);
  if (former) result.push_back({"ratios", bench::ratios(whole, *former)});
  if (invocation.has("--floor")) {
    const auto number_of = [&](const char* key) {
      return std::strtod(whole.find(key)->to_json().c_str(), nullptr);
    };
    auto floor = bench::floor_from(invocation.get("--floor"), plan.in_flight,
                                   number_of("sagas_per_s"), number_of("p50_ms"));
    if (!floor) {
      return output.fail(make_failure(kExitFailed, "no_floor", "the probe printed no figure",
                                      "expected a line with outstanding=" +
                                          std::to_string(plan.in_flight) + " sagas=N/s p50=Nms"));
    }
    result.push_back({"floor", std::move(*floor)});
  }
  print(output, result);
  return kExitDone;
}

int run_bench(const Invocation& invocation) {
  const Output output(invocation.global);
  Signals signals;
  const std::string& name = invocation.arguments.front();
  if (name == bench::kAnsweringName) {
    if (!invocation.has("--nats"))
      return output.fail(wrong_usage("`weft bench adapter` needs --nats URL"));
    return bench::answer_tasks(invocation.get("--nats"), signals);
  }
  const bench::Workload* workload = bench::find_workload(name);
  if (workload == nullptr) {
    return output.fail(wrong_usage("there is no workload `" + name + "`" +
                                   near_match_hint(name, workload_names()) +
                                   "; `weft bench --help` lists them"));
  }
  const auto plan = plan_of(invocation);
  if (!plan) return output.fail(plan.error());
  const auto former = former_result(invocation);
  if (!former) return output.fail(former.error());
  return measure(invocation, *workload, *plan, *former, signals);
}

}  // namespace

CommandSpec bench_command() {
  CommandSpec spec;
  spec.name = "bench";
  spec.arguments = "WORKLOAD";
  spec.summary = "measures this computer: sagas a second, latency, what each costs";
  spec.details =
      "Starts a NATS server, an orchestrator with everything at its default and an adapter, each a"
      "\n"
      "process on loopback with a store of its own, sends them orders of 1.5 KB and measures from "
      "the\n"
      "request to the durable end. A closed loop keeps --in-flight sagas under way; an open loop\n"
      "starts --rate a second, whatever becomes of them. Workloads:\n";
  for (const bench::Workload& workload : bench::workloads()) {
    spec.details += "  " + workload.name + std::string(14 - workload.name.size(), ' ') +
                    workload.summary + "\n";
  }
  spec.details +=
      "cpu_us_per_saga and rss_mb are the orchestrator's. flushes_per_saga counts what the device "
      "was\n"
      "told by anybody, so measure on a quiet computer.";
  spec.example =
      "weft bench linear5 --in-flight 64 --seconds 10 -o json\n"
      "  weft bench linear5 --rate 1000 --seconds 30\n"
      "  weft bench compensate5 --in-flight 512 --compare before.json";
  spec.arguments_min = 1;
  spec.arguments_max = 1;
  spec.options = {
      {"--in-flight", "N", "closed loop: sagas under way at once (64)", false},
      {"--rate", "R", "open loop: starts a second", false},
      {"--seconds", "S", "how long to measure (10)", false},
      {"--warm-up", "S", "how long to run before that (2)", false},
      {"--count", "N", "parked, timers: sagas that wait (100000)", false},
      {"--dir", "DIR", "where the store is made, on the disk to measure (the temporary folder)",
       false},
      {"--keep", "", "leave the store and the logs there", false},
      {"--workflows", "DIR", "retail: the shipped definitions (workflows/retail)", false},
      {"--compare", "FILE", "a former result (-o json): adds the ratios to it", false},
      {"--floor", "COMMAND", "a probe of the bare disk and wire: adds the ratios to it", false},
      {"--nats", "URL", "adapter: the broker; `weft bench adapter` is the answering process",
       false}};
  spec.run = run_bench;
  return spec;
}

}  // namespace weft::app
