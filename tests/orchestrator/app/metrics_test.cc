#include "orchestrator/app/metrics.h"

#include <gtest/gtest.h>

namespace weft::app {
namespace {

TEST(MetricsTest, LabelsAreEscaped) {
  engine::Metrics metrics;
  metrics.count("weft_sagas_started_total", {{"workflow", "a\"b\\c\nd"}}, 3);
  const std::string text = prometheus_text(metrics.snapshot());
  EXPECT_NE(text.find("# HELP weft_sagas_started_total Sagas accepted since this process began.\n"
                      "# TYPE weft_sagas_started_total counter\n"
                      "weft_sagas_started_total{workflow=\"a\\\"b\\\\c\\nd\"} 3\n"),
            std::string::npos)
      << text;
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

// An alert on a name that does not exist is silent for ever.
TEST(MetricsTest, FamiliesWithoutSamplesAreAnnounced) {
  engine::MetricFamily family;
  family.name = "empty";
  family.help = "Nothing yet.";
  EXPECT_EQ(prometheus_text({{family}}), "# HELP empty Nothing yet.\n# TYPE empty counter\n");
  const std::string all = prometheus_text(engine::Metrics().snapshot());
  for (const char* line : {"# TYPE weft_stuck_sagas gauge", "# TYPE weft_attempts_total counter",
                           "# TYPE weft_saga_duration_seconds histogram",
                           "# TYPE weft_nats_reconnects_total counter"}) {
    EXPECT_NE(all.find(line), std::string::npos) << line;
  }
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
