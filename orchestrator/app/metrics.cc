#include "orchestrator/app/metrics.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cmath>
#include <fstream>
#include <sstream>
#include <utility>

namespace weft::app {
namespace {

using engine::MetricFamily;

/// Label values escape backslash, quote and line feed; help texts do not escape the quote.
void append_escaped(std::string& out, const std::string& text, bool quotes) {
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quotes) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
}

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  std::array<char, 64> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() ? std::string(text.data(), end) : "NaN";
}

void append_sample(std::string& out, const std::string& name, const engine::MetricLabels& labels,
                   const std::string& bound, const std::string& value) {
  out += name;
  if (!labels.empty() || !bound.empty()) {
    out += '{';
    bool first = true;
    const auto label = [&](const std::string& key, const std::string& text) {
      if (!first) out += ',';
      first = false;
      out += key + "=\"";
      append_escaped(out, text, true);
      out += '"';
    };
    for (const auto& [key, text] : labels) label(key, text);
    if (!bound.empty()) label("le", bound);
    out += '}';
  }
  out += ' ' + value + '\n';
}

void append_family(std::string& out, const MetricFamily& family) {
  static constexpr std::array<const char*, 3> kTypes{"counter", "gauge", "histogram"};
  out += "# HELP " + family.name + ' ';
  append_escaped(out, family.help, false);
  out += "\n# TYPE " + family.name + ' ' + kTypes[static_cast<std::size_t>(family.kind)] + '\n';
  for (const engine::MetricSample& sample : family.samples) {
    append_sample(out, family.name, sample.labels, {}, number(sample.value));
  }
  for (const engine::HistogramSample& sample : family.histograms) {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < family.bounds.size() && i < sample.buckets.size(); ++i) {
      sum += sample.buckets[i];
      append_sample(out, family.name + "_bucket", sample.labels, number(family.bounds[i]),
                    std::to_string(sum));
    }
    append_sample(out, family.name + "_bucket", sample.labels, "+Inf",
                  std::to_string(sample.count));
    append_sample(out, family.name + "_sum", sample.labels, {}, number(sample.sum));
    append_sample(out, family.name + "_count", sample.labels, {}, std::to_string(sample.count));
  }
}

MetricFamily single(std::string name, std::string help, MetricFamily::Kind kind, double value) {
  MetricFamily family;
  family.name = std::move(name);
  family.help = std::move(help);
  family.kind = kind;
  family.samples.push_back({{}, value});
  return family;
}

double open_files() {
  DIR* folder = opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  double count = 0;
  while (readdir(folder) != nullptr) ++count;  // NOLINT(concurrency-mt-unsafe): our own stream.
  closedir(folder);
  return count - 3;  // ".", ".." and the folder itself.
}

/// Seconds since 1970 at which the kernel started us: boot time plus field 22 of /proc/self/stat.
double start_time() {
  double boot = 0;
  std::ifstream stat("/proc/stat");
  for (std::string line; std::getline(stat, line);) {
    if (line.rfind("btime ", 0) == 0) boot = std::strtod(line.c_str() + 6, nullptr);
  }
  std::ifstream self("/proc/self/stat");
  std::string text;
  std::getline(self, text);
  const std::size_t name_end = text.rfind(')');  // The name may contain blanks.
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(text.substr(name_end + 1));
  std::string field;
  for (int i = 3; i <= 22; ++i) fields >> field;
  return boot + std::strtod(field.c_str(), nullptr) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace

std::string prometheus_text(const engine::MetricsSnapshot& snapshot) {
  std::string out;
  for (const MetricFamily& family : snapshot.families) {
    append_family(out, family);
  }
  return out;
}

engine::MetricsSnapshot process_metrics() {
  using Kind = MetricFamily::Kind;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  std::ifstream memory("/proc/self/statm");
  double virtual_pages = 0, resident_pages = 0;
  memory >> virtual_pages >> resident_pages;
  const auto page = static_cast<double>(sysconf(_SC_PAGESIZE));
  return {{
      single("process_cpu_seconds_total", "Processor time used.", Kind::kCounter,
             seconds(usage.ru_utime) + seconds(usage.ru_stime)),
      single("process_max_fds", "Files that may be open.", Kind::kGauge,
             static_cast<double>(files.rlim_cur)),
      single("process_open_fds", "Files that are open.", Kind::kGauge, open_files()),
      single("process_resident_memory_bytes", "Memory in use.", Kind::kGauge,
             resident_pages * page),
      single("process_start_time_seconds", "When the process began.", Kind::kGauge, start_time()),
      single("process_virtual_memory_bytes", "Address space in use.", Kind::kGauge,
             virtual_pages * page),
  }};
}

}  // namespace weft::app
