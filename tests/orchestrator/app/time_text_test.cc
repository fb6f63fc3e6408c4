#include "orchestrator/app/time_text.h"

#include <gtest/gtest.h>

namespace weft::app {
namespace {

TEST(TimeTextTest, ReadsDurations) {
  EXPECT_EQ(parse_duration_ms("200ms"), 200);
  EXPECT_EQ(parse_duration_ms("30s"), 30'000);
  EXPECT_EQ(parse_duration_ms("10m"), 600'000);
  EXPECT_EQ(parse_duration_ms("6h"), 21'600'000);
  EXPECT_EQ(parse_duration_ms("3d"), 259'200'000);
  EXPECT_EQ(parse_duration_ms("0s"), 0);
}

TEST(TimeTextTest, RefusesWhatIsNoDuration) {
  for (const char* text : {"", "s", "10", "-1s", "1.5h", "10 s", "10w", "99999999999999999999s",
                           "9223372036854775807d"}) {
    EXPECT_FALSE(parse_duration_ms(text)) << text;
  }
}

TEST(TimeTextTest, WritesTheTwoLargestUnits) {
  EXPECT_EQ(format_duration(0), "0ms");
  EXPECT_EQ(format_duration(999), "999ms");
  EXPECT_EQ(format_duration(1500), "1s");
  EXPECT_EQ(format_duration(61'000), "1m 1s");
  EXPECT_EQ(format_duration(3'600'000), "1h");
  EXPECT_EQ(format_duration(273'600'000), "3d 4h");
  EXPECT_EQ(format_duration(-61'000), "-1m 1s");
}

TEST(TimeTextTest, ReadsAndWritesTimestamps) {
  EXPECT_EQ(parse_timestamp_ms("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(parse_timestamp_ms("2026-03-29T01:00:00.250Z"), 1'774'746'000'250);
  EXPECT_EQ(parse_timestamp_ms("2026-03-29T03:00:00+02:00"),
            parse_timestamp_ms("2026-03-29T01:00:00Z"));
  EXPECT_EQ(format_timestamp(1'774'746'000'250), "2026-03-29T01:00:00.250Z");
  EXPECT_EQ(format_timestamp(-1), "1969-12-31T23:59:59.999Z");
  for (const char* text :
       {"", "2026-03-29", "2026-02-30T00:00:00Z", "2026-03-29T24:00:00Z", "2026-03-29T01:00:00",
        "2026-03-29T01:00:00.Z", "2026-03-29T01:00:00Zx"}) {
    EXPECT_FALSE(parse_timestamp_ms(text)) << text;
  }
}

TEST(TimeTextTest, TellsAges) {
  EXPECT_EQ(format_age("1970-01-01T00:00:10Z", 15'000), "5s ago");
  EXPECT_EQ(format_age("1970-01-01T00:00:10Z", 5'000), "in 5s");
  EXPECT_EQ(format_age("", 0), "-");
}

}  // namespace
}  // namespace weft::app
