#include <cstdint>
#include <string>

#include <gtest/gtest.h>

#include "orchestrator/core/decider.h"

namespace weft::core {
namespace {

TEST(TimeTextTest, TimesAreRfc3339InUtcWithMilliseconds) {
  EXPECT_EQ(format_time(Timestamp{0}), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(format_time(Timestamp{1'709'210'096'007}), "2024-02-29T12:34:56.007Z");
  EXPECT_EQ(format_time(Timestamp{-1}), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(format_time(Timestamp{951'782'400'000}), "2000-02-29T00:00:00.000Z");
}

TEST(TimeTextTest, TimesBeyondFourDigitYearsStayWithinThem) {
  EXPECT_EQ(format_time(Timestamp{INT64_MIN}), "0001-01-01T00:00:00.000Z");
  EXPECT_EQ(format_time(Timestamp{INT64_MAX}), "9999-12-31T23:59:59.999Z");
}

TEST(TimeTextTest, WhatIsPrintedIsReadBack) {
  for (std::int64_t ms = -62'135'596'800'000; ms < 253'402'300'799'999; ms += 97'654'321'012'3) {
    EXPECT_EQ(parse_time(format_time(Timestamp{ms})), Timestamp{ms});
  }
}

TEST(TimeTextTest, OffsetsAndFractionsAreUnderstood) {
  const Timestamp noon{1'709'208'000'000};
  EXPECT_EQ(parse_time("2024-02-29T12:00:00Z"), noon);
  EXPECT_EQ(parse_time("2024-02-29t12:00:00z"), noon);
  EXPECT_EQ(parse_time("2024-02-29T13:30:00+01:30"), noon);
  EXPECT_EQ(parse_time("2024-02-28T23:00:00.000-13:00"), noon);
  EXPECT_EQ(parse_time("2024-02-29T12:00:00.5Z"), Timestamp{noon.ms + 500});
  EXPECT_EQ(parse_time("2024-02-29T12:00:00.123999999Z"), Timestamp{noon.ms + 123});
}

TEST(TimeTextTest, WhatIsNoTimeIsRefused) {
  for (const char* text :
       {"", "2024", "2024-02-30T12:00:00Z", "2023-02-29T12:00:00Z", "2024-13-01T00:00:00Z",
        "2024-02-29T24:00:00Z", "2024-02-29T12:60:00Z", "2024-02-29T12:00:61Z",
        "2024-02-29T12:00:00", "2024-02-29T12:00:00.Z", "2024-02-29T12:00:00Zx",
        "2024-02-29T12:00:00+1:00", "2024-02-29T12:00:00+24:00", "0000-01-01T00:00:00Z",
        "+024-02-29T12:00:00Z", "2024-2-29T12:00:00Z"}) {
    EXPECT_FALSE(parse_time(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace weft::core
