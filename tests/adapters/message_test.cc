#include "adapters/messaging/message.h"

#include <gtest/gtest.h>

#include <string>

#include "adapters/messaging/subjects.h"

namespace weft::messaging {
namespace {

// CR and LF end a header line on the wire; NUL ends a C string. Neither may come from a value.
TEST(HeadersTest, ValuesThatCouldEndTheLineAreRefused) {
  Headers headers;
  for (const std::string& value :
       {std::string("a\r\nX: b"), std::string("a\n"), std::string("a\0b", 3), std::string("\x7f"),
        std::string("\x01")}) {
    EXPECT_FALSE(headers.add("Weft-Step", value));
  }
  EXPECT_TRUE(headers.empty());
  EXPECT_TRUE(headers.add("Weft-Step", "grün [2]/pick"));
}

TEST(HeadersTest, NamesAreTokens) {
  Headers headers;
  for (const char* name : {"", "two words", "colon:", "line\r\n", "umlaut\xc3\xbc", "tab\t"}) {
    EXPECT_FALSE(headers.add(name, "x")) << name;
  }
  EXPECT_FALSE(headers.add(std::string(129, 'a'), "x"));
  EXPECT_TRUE(headers.add(std::string(128, 'a'), "x"));
}

TEST(HeadersTest, AnEmptyValueIsNone) {
  Headers headers;
  EXPECT_TRUE(headers.add("Weft-Step", ""));
  EXPECT_TRUE(headers.empty());
}

TEST(HeadersTest, SizeAndNumberAreBounded) {
  Headers headers;
  const MessageLimits limits;
  EXPECT_TRUE(headers.add("X-Long", std::string(limits.header_value_bytes_max, 'x')));
  EXPECT_FALSE(headers.add("X-Longer", std::string(limits.header_value_bytes_max + 1, 'x')));
  while (headers.size() < limits.headers_max) ASSERT_TRUE(headers.add("X", "1"));
  EXPECT_FALSE(headers.add("X", "1"));
}

// Clients of other languages rewrite the case of names.
TEST(HeadersTest, NamesAreFoundInAnyCase) {
  Headers headers;
  headers.set_known("Weft-Pending", "true");
  EXPECT_EQ(headers.get("weft-pending"), "true");
  EXPECT_EQ(headers.get("Weft-Other", "none"), "none");
  EXPECT_EQ(headers.find("Weft"), nullptr);
}

TEST(SubjectPatternTest, MatchesAsTheBrokerDoes) {
  const auto matches = [](const std::string& pattern, const std::string& subject) {
    return any_pattern(pattern)->matches(subject);
  };
  EXPECT_TRUE(matches("a.b", "a.b"));
  EXPECT_FALSE(matches("a.b", "a.b.c"));
  EXPECT_FALSE(matches("a.b.c", "a.b"));
  EXPECT_TRUE(matches("a.*.c", "a.b.c"));
  EXPECT_FALSE(matches("a.*", "a.b.c"));
  EXPECT_FALSE(matches("a.*", "a"));
  EXPECT_TRUE(matches("a.>", "a.b"));
  EXPECT_TRUE(matches("a.>", "a.b.c"));
  EXPECT_FALSE(matches("a.>", "a"));
  EXPECT_TRUE(matches(">", "a"));
  EXPECT_FALSE(matches("*", "a.b"));
  EXPECT_FALSE(matches("a.*", "a."));
  EXPECT_FALSE(matches("ab", "a"));
}

}  // namespace
}  // namespace weft::messaging
