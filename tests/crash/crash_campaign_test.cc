// The campaigns of tests/crash/run, as large as every change can bear.

#include <cerrno>
#include <chrono>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/crash/crash_matrix.h"
#include "tests/crash/damage.h"
#include "tests/crash/failing_disk.h"

namespace weft::test {
namespace {

using testing::IsEmpty;

constexpr int kSagas = 5;

// As many workloads as there is time for, and at least one.
class Budget {
 public:
  [[nodiscard]] bool is_left() const { return std::chrono::steady_clock::now() < end_; }

 private:
  std::chrono::steady_clock::time_point end_ =
      std::chrono::steady_clock::now() + std::chrono::seconds(30);
};

TEST(CrashCampaignTest, NoCrashLosesWhatWasAcknowledged) {
  CrashReport report;
  const Budget time;
  for (std::uint64_t seed = 1; report.points < 2000 && (seed == 1 || time.is_left()); ++seed) {
    const Workload workload = make_workload(seed, kSagas);
    ASSERT_EQ(workload.failure, "");
    try_points(workload, 300, seed, report, [] {});
    ASSERT_THAT(report.failures, IsEmpty());
  }
  // A campaign that reached nothing would prove nothing.
  EXPECT_GT(report.twice, report.points / 10);
  EXPECT_GT(report.lost_unacknowledged, 0U);
  EXPECT_GT(report.backups, 0U);
  for (const char* step : {"write", "sync", "rename", "create", "remove", "sync directory"}) {
    EXPECT_GT(report.by_step[step], 0U) << step;
  }
  RecordProperty("points", static_cast<int>(report.points));
}

TEST(CrashCampaignTest, NoDamageIsSilent) {
  DamageReport report;
  const Budget time;
  for (std::uint64_t seed = 100; report.damages < 2000 && (seed == 100 || time.is_left()); ++seed) {
    const Workload workload = make_workload(seed, kSagas);
    ASSERT_EQ(workload.failure, "");
    try_damages(workload, 500, seed, report, [] {});
    ASSERT_THAT(report.silent, IsEmpty());
  }
  EXPECT_GT(report.identical, report.damages / 20);
  EXPECT_GT(report.refused, report.damages / 4);
  RecordProperty("damages", static_cast<int>(report.damages));
}

TEST(CrashCampaignTest, AFailingDiskIsTheEndAndLosesNothing) {
  FailingReport report;
  const Workload workload = make_workload(200, kSagas);
  ASSERT_EQ(workload.failure, "");
  // Until the workload has no such step any more.
  for (std::uint64_t n = 1; report.not_reached < 2 && n <= 600; n += 2) {
    try_failing(workload, n, n % 4 == 1 ? ENOSPC : EIO, n % 8 < 4, n % 5 == 0, report);
    ASSERT_THAT(report.failures, IsEmpty());
  }
  EXPECT_GT(report.ended, 15U);
  EXPECT_GT(report.at_opening, 5U);
}

}  // namespace
}  // namespace weft::test
