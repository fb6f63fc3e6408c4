#include "dsl/cron.h"

#include <string>

#include <gtest/gtest.h>

namespace weft::dsl {
namespace {

TEST(CronTest, FieldsAreListsOfNumbersRangesAndSteps) {
  const auto cron = parse_cron("0,30 8-10 */10 jan,MAR-apr 1-5/2");
  ASSERT_TRUE(cron) << cron.error().message;
  EXPECT_EQ(cron->minutes.count(), 2U);
  EXPECT_TRUE(cron->hours.test(10));
  EXPECT_EQ(cron->days.count(), 4U) << "1, 11, 21, 31";
  EXPECT_TRUE(cron->months.test(1) && cron->months.test(3) && cron->months.test(4));
  EXPECT_EQ(cron->months.count(), 3U);
  EXPECT_TRUE(cron->weekdays.test(1) && cron->weekdays.test(3) && cron->weekdays.test(5));
  EXPECT_TRUE(parse_cron("* * * * 7")->weekdays.test(0)) << "7 is Sunday, as 0 is";
  EXPECT_EQ(parse_cron("50/5 * * * *")->minutes.count(), 2U) << "from 50 on: 50, 55";
  EXPECT_TRUE(parse_cron("  0\t6 * * *\n")) << "a block scalar ends in a line end";
}

// Where day and weekday are both given, either may hold; else both must.
TEST(CronTest, DayAndWeekday) {
  EXPECT_TRUE(parse_cron("0 0 13 * 5")->on(3, 20, 5));
  EXPECT_FALSE(parse_cron("0 0 13 * *")->on(3, 20, 5));
  EXPECT_FALSE(parse_cron("0 0 13 3 5")->on(4, 13, 5));
}

TEST(CronTest, WhatCannotBeIsRefusedWithARemedy) {
  for (const char* text : {"",
                           "* * * *",
                           "0 * * * * *",
                           "@daily",
                           "60 * * * *",
                           "* 24 * * *",
                           "* * 0 * *",
                           "* * 32 * *",
                           "* * * 13 *",
                           "* * * * 8",
                           "*/0 * * * *",
                           "5-1 * * * *",
                           "1,,2 * * * *",
                           "-1 * * * *",
                           "1-2-3 * * * *",
                           "1/2/3 * * * *",
                           "x * * * *",
                           "99999999999 * * * *",
                           "0 0 30 feb *",
                           "0 0 31 4,6,9,11 *"}) {
    const auto cron = parse_cron(text);
    ASSERT_FALSE(cron) << text;
    EXPECT_FALSE(cron.error().message.empty()) << text;
    EXPECT_FALSE(cron.error().instead.empty()) << text;
  }
  EXPECT_TRUE(parse_cron("0 0 29 feb *")) << "in leap years";
  EXPECT_TRUE(parse_cron("0 0 31 2 mon")) << "either may hold, and February has Mondays";
  EXPECT_NE(parse_cron("0 0 * * * *").error().instead.find("seconds"), std::string::npos);
}

}  // namespace
}  // namespace weft::dsl
