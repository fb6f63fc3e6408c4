#pragma once  // orchestrator/engine/metrics.h

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weft::engine {

/// Label names and values in the order of INTERFACES.md, Metrics.
using MetricLabels = std::vector<std::pair<std::string, std::string>>;

struct MetricSample {
  MetricLabels labels;
  double value = 0;
};
struct HistogramSample {
  MetricLabels labels;
  std::vector<std::uint64_t> buckets;  ///< Not cumulative; one more than `bounds`: above them.
  std::uint64_t count = 0;
  double sum = 0;
};
/// One family with all its samples: what the app prints in Prometheus' text format.
struct MetricFamily {
  enum class Kind : std::uint8_t { kCounter, kGauge, kHistogram };
  std::string name, help;
  Kind kind = Kind::kCounter;
  std::vector<MetricSample> samples;        ///< Counter, gauge.
  std::vector<double> bounds;               ///< Histogram: upper bounds in seconds, ascending.
  std::vector<HistogramSample> histograms;
};
struct MetricsSnapshot {
  std::vector<MetricFamily> families;  ///< Ordered by name.
};

/// Counts and times of one process. Not durable: counters start at 0 with the process.
class Metrics final {
 public:
  Metrics();

  void count(std::string_view name, const MetricLabels& labels, double by = 1);
  /// A count that is kept elsewhere.
  void total(std::string_view name, const MetricLabels& labels, double value);
  void gauge(std::string_view name, const MetricLabels& labels, double value);
  /// Forgets all samples of a gauge, before it is filled anew.
  void clear(std::string_view name);
  void observe(std::string_view name, const MetricLabels& labels, double seconds);
  [[nodiscard]] MetricsSnapshot snapshot() const;
  /// The present value of one sample; 0 if there is none.
  [[nodiscard]] double value(std::string_view name, const MetricLabels& labels) const;

 private:
  struct Family {
    std::string help;
    MetricFamily::Kind kind = MetricFamily::Kind::kCounter;
    std::map<MetricLabels, double> samples;
    std::map<MetricLabels, HistogramSample> histograms;
  };
  Family& family(std::string_view name, MetricFamily::Kind kind);
  std::map<std::string, Family, std::less<>> families_;
};

}  // namespace weft::engine
