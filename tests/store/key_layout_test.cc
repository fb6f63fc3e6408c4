#include "store/key_layout.h"

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "store/byte_codec.h"

namespace weft::test {
namespace {

using store::StreamId;

const std::vector<std::string> kNames = {std::string(1, '\0'),
                                         std::string("\0\x01", 2),
                                         std::string("\0\xff", 2),
                                         "\x01",
                                         "a",
                                         std::string("a\0", 2),
                                         std::string("a\0\0", 3),
                                         std::string("a\0\x01", 3),
                                         std::string("a\0\xff", 3),
                                         "a\x01",
                                         "aa",
                                         "ab",
                                         "b",
                                         "\xff",
                                         "\xff\xff"};

TEST(KeyLayoutTest, KeysOfStreamsStandInOrderOfPartitionAndName) {
  ASSERT_TRUE(std::is_sorted(kNames.begin(), kNames.end()));
  std::vector<std::string> keys;
  for (const int partition : {0, 1, 127, 128, 255}) {
    for (const std::string& name : kNames) {
      const StreamId stream{static_cast<std::uint8_t>(partition), name};
      for (const std::uint64_t version : {1ULL, 2ULL, 255ULL, 256ULL, ~0ULL}) {
        keys.push_back(store::event_key(stream, version));
        const auto parsed = store::parse_event_key(keys.back());
        ASSERT_TRUE(parsed);
        EXPECT_EQ(parsed->stream, stream);
        EXPECT_EQ(parsed->version, version);
      }
    }
  }
  EXPECT_TRUE(std::is_sorted(keys.begin(), keys.end()));
  EXPECT_EQ(std::adjacent_find(keys.begin(), keys.end()), keys.end());
}

TEST(KeyLayoutTest, TheRangeOfAStreamHoldsItsKeysAndNoOthers) {
  for (const std::string& name : kNames) {
    const std::string lower = store::stream_key({5, name});
    const std::string upper = store::after_prefix(lower);
    for (const std::string& other : kNames) {
      const std::string key = store::event_key({5, other}, ~0ULL);
      EXPECT_EQ(key >= lower && key < upper, name == other);
    }
  }
}

TEST(KeyLayoutTest, TimersStandInOrderOfTime) {
  std::string before;
  for (const std::int64_t due :
       {std::numeric_limits<std::int64_t>::min(), std::int64_t{-1}, std::int64_t{0},
        std::int64_t{1}, std::numeric_limits<std::int64_t>::max()}) {
    const std::string key = store::timer_key(due, {200, "saga/x"}, "id");
    EXPECT_LT(before, key);
    EXPECT_LE(store::timers_from(due), key);
    const auto parsed = store::parse_timer_key(key);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->due_ms, due);
    EXPECT_EQ(parsed->stream, (StreamId{200, "saga/x"}));
    EXPECT_EQ(parsed->id, "id");
    before = key;
  }
}

TEST(KeyLayoutTest, AfterPrefixIsTheFirstKeyBehind) {
  EXPECT_EQ(store::after_prefix("a"), "b");
  EXPECT_EQ(store::after_prefix("a\xff\xff"), "b");
  EXPECT_EQ(store::after_prefix("\xff"), "");
  EXPECT_EQ(store::after_prefix(""), "");
}

TEST(KeyLayoutTest, BytesThatAreNoKeyAreRefused) {
  EXPECT_FALSE(store::parse_event_key(""));
  EXPECT_FALSE(store::parse_event_key("\x05name without end"));
  EXPECT_FALSE(store::parse_event_key(std::string("\x05n\0\x02", 4) + std::string(8, 'v')));
  EXPECT_FALSE(store::parse_event_key(store::event_key({1, "n"}, 0)));
  EXPECT_FALSE(store::parse_event_key(store::event_key({1, "n"}, 1) + "x"));
  EXPECT_FALSE(store::parse_outbox_key(store::stream_key({1, "n"})));
  EXPECT_FALSE(store::parse_position_key("short"));
  EXPECT_FALSE(store::parse_position_row("\x01\x05name"));
  EXPECT_FALSE(store::parse_number(std::string(11, '\xff')));
  EXPECT_FALSE(store::parse_number(""));
}

TEST(KeyLayoutTest, NumbersSurviveTheirEncoding) {
  for (const std::uint64_t number : {0ULL, 1ULL, 127ULL, 128ULL, 16383ULL, 16384ULL, ~0ULL}) {
    EXPECT_EQ(store::parse_number(store::encode_number(number)), number);
  }
  for (const std::int64_t number :
       {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1},
        std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()}) {
    EXPECT_EQ(store::unzigzag(store::zigzag(number)), number);
  }
}

TEST(KeyLayoutTest, NamesAreDescribedInPrintableText) {
  EXPECT_EQ(store::describe({3, std::string("a\n'\0", 4)}), "'a\\x0a\\x27\\x00' of partition 3");
}

}  // namespace
}  // namespace weft::test
