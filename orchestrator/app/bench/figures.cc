#include "orchestrator/app/bench/figures.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace weft::app::bench {
namespace {

using dsl::Value;

/// The number after `name` in `line`; negative if it is not there.
double number_after(const std::string& line, const std::string& name) {
  const std::size_t at = line.find(name);
  return at == std::string::npos ? -1 : std::strtod(line.c_str() + at + name.size(), nullptr);
}

double as_double(const Value& value) {
  return std::strtod(value.as_decimal().to_string().c_str(), nullptr);
}

}  // namespace

Value rounded(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return Value::parse(text).value_or(Value());
}

Value::Object figures_of(const Workload& workload, Measured measured, const Reading& before,
                         const Reading& after) {
  const double sagas = measured.sagas == 0 ? 1 : static_cast<double>(measured.sagas);
  const double seconds = measured.seconds > 0 ? measured.seconds : 1;
  const double rate = static_cast<double>(measured.sagas) / seconds;
  const auto each_us = [&](const ProcessUse& from, const ProcessUse& to) {
    return rounded((to.cpu_seconds - from.cpu_seconds) * 1e6 / sagas, 1);
  };
  const double syncs = static_cast<double>(after.syncs - before.syncs) / sagas;
  // Of the whole device: on a quiet machine these are ours.
  const bool known = before.device_flushes >= 0 && after.device_flushes >= 0;
  const double flushes =
      known ? static_cast<double>(after.device_flushes - before.device_flushes) / sagas : syncs;
  auto& latency = measured.latency_ms;
  auto& acceptance = measured.acceptance_ms;
  return {
      {"seconds", rounded(measured.seconds, 2)},
      {"sagas", static_cast<std::int64_t>(measured.sagas)},
      {"refused_starts", static_cast<std::int64_t>(measured.refused)},
      {"sagas_per_s", rounded(rate, 1)},
      {"steps_per_s", rounded(rate * workload.steps, 1)},
      {"p50_ms", rounded(Measured::percentile(latency, 0.5), 3)},
      {"p90_ms", rounded(Measured::percentile(latency, 0.9), 3)},
      {"p99_ms", rounded(Measured::percentile(latency, 0.99), 3)},
      {"p999_ms", rounded(Measured::percentile(latency, 0.999), 3)},
      {"accept_p50_ms", rounded(Measured::percentile(acceptance, 0.5), 3)},
      {"accept_p99_ms", rounded(Measured::percentile(acceptance, 0.99), 3)},
      {"flushes_per_saga", rounded(flushes, 3)},
      {"syncs_per_saga", rounded(syncs, 3)},
      {"bytes_written_per_saga", rounded(static_cast<double>(after.orchestrator.bytes_written -
                                                             before.orchestrator.bytes_written) /
                                             sagas,
                                         0)},
      {"cpu_us_per_saga", each_us(before.orchestrator, after.orchestrator)},
      {"nats_cpu_us_per_saga", each_us(before.nats, after.nats)},
      {"adapter_cpu_us_per_saga", each_us(before.adapter, after.adapter)},
      {"client_cpu_us_per_saga", each_us(before.client, after.client)},
      {"rss_mb", rounded(static_cast<double>(after.orchestrator.rss_bytes) / kMegabyte, 1)}};
}

Value ratios(const Value& now, const Value& before) {
  Value::Object found;
  if (!now.is_object()) return Value::object({});
  for (const dsl::Member& member : now.as_object()) {
    const Value* former = before.find(member.key);
    if (former == nullptr || !former->is_number() || !member.value.is_number()) continue;
    if (as_double(*former) == 0) continue;
    found.push_back({member.key, rounded(as_double(member.value) / as_double(*former), 3)});
  }
  return Value::object(std::move(found));
}

std::optional<Value> floor_from(const std::string& command, std::uint64_t in_flight,
                                double sagas_per_s, double p50_ms) {
  std::FILE* const output = popen(command.c_str(), "r");
  if (output == nullptr) return std::nullopt;
  std::string text;
  char bytes[4096];
  while (const std::size_t got = std::fread(bytes, 1, sizeof bytes, output))
    text.append(bytes, got);
  pclose(output);
  std::optional<Value> found;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t end = std::min(text.find('\n', from), text.size());
    const std::string line = text.substr(from, end - from);
    from = end + 1;
    const double rate = number_after(line, "sagas="), p50 = number_after(line, "p50=");
    const bool mode =
        line.find("mode=") == std::string::npos || line.find("mode=flush") != std::string::npos;
    if (!mode || number_after(line, "outstanding=") != static_cast<double>(in_flight)) continue;
    if (rate <= 0 || p50 <= 0) continue;
    found = Value::object({{"sagas_per_s", rounded(rate, 1)},
                           {"p50_ms", rounded(p50, 3)},
                           {"sagas_per_s_ratio", rounded(sagas_per_s / rate, 3)},
                           {"p50_ratio", rounded(p50_ms / p50, 3)}});
  }
  return found;
}

}  // namespace weft::app::bench
