#include "orchestrator/app/metrics.h"

#include <gtest/gtest.h>

namespace weft::app {
namespace {

TEST(MetricsTest, LabelsAreEscaped) {
  engine::Metrics metrics;
  metrics.count("weft_sagas_started_total", {{"workflow", "a\"b\\c\nd"}}, 3);
  EXPECT_EQ(prometheus_text(metrics.snapshot()),
            "# HELP weft_sagas_started_total Sagas accepted since this process began.\n"
            "# TYPE weft_sagas_started_total counter\n"
            "weft_sagas_started_total{workflow=\"a\\\"b\\\\c\\nd\"} 3\n");
}

TEST(MetricsTest, HistogramsAreCumulativeAndEndWithInfinity) {
  engine::MetricFamily family;
  family.name = "h";
  family.help = "help";
  family.kind = engine::MetricFamily::Kind::kHistogram;
  family.bounds = {0.1, 1};
  family.histograms.push_back({{{"via", "http"}}, {2, 3, 4}, 9, 12.5});
  EXPECT_EQ(prometheus_text({{family}}),
            "# HELP h help\n# TYPE h histogram\n"
            "h_bucket{via=\"http\",le=\"0.1\"} 2\n"
            "h_bucket{via=\"http\",le=\"1\"} 5\n"
            "h_bucket{via=\"http\",le=\"+Inf\"} 9\n"
            "h_sum{via=\"http\"} 12.5\n"
            "h_count{via=\"http\"} 9\n");
}

TEST(MetricsTest, FamiliesWithoutSamplesAreLeftOut) {
  engine::MetricFamily family;
  family.name = "empty";
  EXPECT_EQ(prometheus_text({{family}}), "");
}

TEST(MetricsTest, TheProcessIsMeasured) {
  const std::string text = prometheus_text(process_metrics());
  for (const char* name : {"process_cpu_seconds_total ", "process_resident_memory_bytes ",
                           "process_open_fds ", "process_start_time_seconds "}) {
    EXPECT_NE(text.find(std::string("\n") + name), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace weft::app
