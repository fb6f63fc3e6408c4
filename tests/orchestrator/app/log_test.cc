#include "orchestrator/app/log.h"

#include <gtest/gtest.h>

#include "dsl/value.h"

namespace weft::app {
namespace {

// What callers and adapters wrote ends up in messages; a line must stay one JSON document.
TEST(LogTest, AnyBytesGiveValidJson) {
  std::string nasty = "quote \" back \\ line\nend \x01 del \x7f null ";
  nasty += '\0';
  nasty += "\xff\xc3(\xe2\x82\xed\xa0\x80 \xf0\x9f\x98\x80";
  const std::string line = json_log_line(0, "info", nasty, {{"saga", nasty}});
  const auto parsed = dsl::Value::parse(line);
  ASSERT_TRUE(parsed) << line;
  EXPECT_EQ(parsed->string_or("ts", ""), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(parsed->string_or("level", ""), "info");
  EXPECT_EQ(parsed->string_or("msg", ""), parsed->string_or("saga", "x"));
  EXPECT_NE(parsed->string_or("msg", "").find("\xf0\x9f\x98\x80"), std::string::npos);
  EXPECT_EQ(line.find('\n'), std::string::npos);
}

TEST(LogTest, TextCannotForgeALineOrSteerTheTerminal) {
  const std::string line = text_log_line(0, "warn", "first\nsecond \x1b[2J", {{"code", "a\rb"}});
  EXPECT_EQ(line, "00:00:00.000 warn  first second  [2J  code=a b");
}

TEST(LogTest, FieldsKeepTheirOrder) {
  EXPECT_EQ(
      json_log_line(1, "error", "m", {{"saga", "s"}, {"step", "a/b"}}),
      R"({"ts":"1970-01-01T00:00:00.001Z","level":"error","msg":"m","saga":"s","step":"a/b"})");
}

}  // namespace
}  // namespace weft::app
