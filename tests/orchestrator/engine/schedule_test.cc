#include "orchestrator/engine/schedule.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "orchestrator/core/decider.h"

namespace weft::engine {
namespace {

core::Timestamp at(const char* text) { return core::parse_time(text).value(); }

std::vector<std::string> runs(const char* cron, const char* zone, const char* after, int count) {
  const auto schedule = Schedule::parse(cron, zone);
  EXPECT_TRUE(schedule) << schedule.error();
  std::vector<std::string> out;
  core::Timestamp from = at(after);
  for (int i = 0; i < count; ++i) {
    const auto next = schedule->next(from);
    if (!next) break;
    out.push_back(core::format_time(*next));
    from = *next;
  }
  return out;
}

using Times = std::vector<std::string>;

TEST(ScheduleTest, EveryQuarterOfAnHour) {
  EXPECT_EQ(runs("*/15 * * * *", "UTC", "2026-01-31T23:40:00.000Z", 3),
            (Times{"2026-01-31T23:45:00.000Z", "2026-02-01T00:00:00.000Z",
                   "2026-02-01T00:15:00.000Z"}));
}

TEST(ScheduleTest, ListsRangesAndNames) {
  EXPECT_EQ(runs("30 8,17 * jan-feb mon-fri", "UTC", "2026-02-27T09:00:00.000Z", 2),
            (Times{"2026-02-27T17:30:00.000Z", "2027-01-01T08:30:00.000Z"}));
}

// As cron has it: where both are given, either may hold.
TEST(ScheduleTest, DayOrWeekday) {
  EXPECT_EQ(runs("0 0 13 * 5", "UTC", "2026-03-10T00:00:00.000Z", 3),
            (Times{"2026-03-13T00:00:00.000Z", "2026-03-20T00:00:00.000Z",
                   "2026-03-27T00:00:00.000Z"}));
}

// Lisbon, 2026-03-29: at 01:00 clocks go to 02:00, so 01:30 does not exist. The run happens at the
// change, once, and the next day at its own time.
TEST(ScheduleTest, TheSkippedHourOfLisbon) {
  EXPECT_EQ(runs("30 1 * * *", "Europe/Lisbon", "2026-03-28T12:00:00.000Z", 2),
            (Times{"2026-03-29T01:00:00.000Z", "2026-03-30T00:30:00.000Z"}));
  EXPECT_EQ(runs("*/20 1 * * *", "Europe/Lisbon", "2026-03-28T12:00:00.000Z", 2),
            (Times{"2026-03-29T01:00:00.000Z", "2026-03-30T00:00:00.000Z"}));
}

// Lisbon, 2026-10-25: at 02:00 clocks go back to 01:00, so 01:30 comes twice. It runs in the first
// pass only.
TEST(ScheduleTest, TheRepeatedHourOfLisbon) {
  EXPECT_EQ(runs("30 1 * * *", "Europe/Lisbon", "2026-10-24T12:00:00.000Z", 2),
            (Times{"2026-10-25T00:30:00.000Z", "2026-10-26T01:30:00.000Z"}));
  EXPECT_EQ(runs("0 3 * * *", "Europe/Lisbon", "2026-10-24T12:00:00.000Z", 2),
            (Times{"2026-10-25T03:00:00.000Z", "2026-10-26T03:00:00.000Z"}));
}

TEST(ScheduleTest, TheLocalDateIsTheZones) {
  const auto schedule = Schedule::parse("0 0 * * *", "Asia/Tokyo");
  ASSERT_TRUE(schedule);
  EXPECT_EQ(schedule->local_date(at("2026-05-01T15:00:00.000Z")), "2026-05-02");
}

TEST(ScheduleTest, SaysWhatIsWrong) {
  EXPECT_FALSE(Schedule::parse("* * * *", "UTC"));
  EXPECT_FALSE(Schedule::parse("60 * * * *", "UTC"));
  EXPECT_FALSE(Schedule::parse("*/0 * * * *", "UTC"));
  EXPECT_FALSE(Schedule::parse("5-1 * * * *", "UTC"));
  EXPECT_FALSE(Schedule::parse("1,,2 * * * *", "UTC"));
  EXPECT_FALSE(Schedule::parse("* * * * *", "Europe/Atlantis"));
  EXPECT_FALSE(Schedule::parse("99999999999 * * * *", "UTC"));
}

TEST(ScheduleTest, ADateThatNeverComesIsRefused) {
  EXPECT_FALSE(Schedule::parse("0 0 30 2 *", "UTC"));
}

TEST(ScheduleTest, ALeapDayIsFoundYearsAhead) {
  EXPECT_EQ(runs("0 0 29 2 *", "UTC", "2096-03-01T00:00:00.000Z", 1),
            (Times{"2104-02-29T00:00:00.000Z"}));
}

}  // namespace
}  // namespace weft::engine
