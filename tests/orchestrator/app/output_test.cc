#include "orchestrator/app/output.h"

#include <gtest/gtest.h>

namespace weft::app {
namespace {

using dsl::Value;

TEST(OutputTest, YamlIsReadBackAsWritten) {
  const auto value = Value::parse(
      R"({"state":"stuck","key":"web/1001","on":"yes","n":5,"list":[{"a":1,"b":[2]},3,[]],"e":{},"t":"a: b"})");
  ASSERT_TRUE(value);
  EXPECT_EQ(yaml_text(*value),
            "state: stuck\n"
            "key: web/1001\n"
            "\"on\": \"yes\"\n"
            "\"n\": 5\n"
            "list:\n"
            "  - a: 1\n"
            "    b:\n"
            "      - 2\n"
            "  - 3\n"
            "  - []\n"
            "e: {}\n"
            "t: \"a: b\"\n");
}

TEST(OutputTest, CellsShowTextsAsTheyAre) {
  const Value text("x"), number(5), nothing;
  EXPECT_EQ(cell_text(&text), "x");
  EXPECT_EQ(cell_text(&number), "5");
  EXPECT_EQ(cell_text(&nothing), "");
  EXPECT_EQ(cell_text(nullptr), "");
}

}  // namespace
}  // namespace weft::app
