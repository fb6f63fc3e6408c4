#include "orchestrator/app/table.h"

#include <gtest/gtest.h>

namespace weft::app {
namespace {

TEST(TableTest, ColumnsAreAlignedAndLinesDoNotEndInBlanks) {
  Table table({"NAME", "COUNT", "NOTE"}, {1});
  table.add({{"a"}, {"5"}, {}});
  table.add({{"longer"}, {"120"}, {"x"}});
  EXPECT_EQ(table.text(false),
            "NAME    COUNT  NOTE\n"
            "a           5\n"
            "longer    120  x\n");
}

TEST(TableTest, EmptyColumnsAreLeftOut) {
  Table table({"A", "B", "C"});
  table.add({{"1"}, {}, {"3"}});
  EXPECT_EQ(table.text(false, 2), "  A  C\n  1  3\n");
}

TEST(TableTest, WidthCountsCodePoints) {
  Table table({"KEY", "B"});
  table.add({{"größe"}, {"x"}});
  table.add({{"abcde"}, {"y"}});
  EXPECT_EQ(table.text(false), "KEY    B\ngröße  x\nabcde  y\n");
}

// Keys and messages come from callers: an escape sequence in them must not reach the terminal.
TEST(TableTest, EscapeSequencesAreTakenOut) {
  EXPECT_EQ(printable("a\x1b[31mb\r\n\xc2\x9b"
                      "c"),
            "a [31mb   c");
  Table table({"A"});
  table.add({{"x\x1b]0;title\x07"}});
  EXPECT_EQ(table.text(false).find('\x1b'), std::string::npos);
}

// A key that turns the direction of writing could look like another one.
TEST(TableTest, NothingTurnsTheDirectionOfWriting) {
  EXPECT_EQ(printable("a\xe2\x80\xae" "b\xe2\x81\xa6" "c\xe2\x80\x8f" "d\xe2\x80\xa6"), "a b c d…");
}

TEST(TableTest, LongCellsAreCut) {
  Table table({"A"});
  table.add({{std::string(200, 'x')}});
  EXPECT_EQ(table.text(false), "A\n" + std::string(59, 'x') + "…\n");
}

TEST(TableTest, ColoursOnlyWhereWanted) {
  EXPECT_EQ(painted("x", Colour::kRed, false), "x");
  EXPECT_EQ(painted("x", Colour::kRed, true), "\x1b[31mx\x1b[0m");
}

}  // namespace
}  // namespace weft::app
