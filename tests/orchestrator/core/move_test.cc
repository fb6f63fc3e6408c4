// Which versions a running saga may be moved to (SEMANTICS.md, Versions).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/orchestrator/core/order_story.h"

namespace weft::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kTop = R"(weft: 1
workflow: shop.order
version: 1.1.0
owner: team@shop.example
errors: {declined: {class: business}}
steps:
)";
const std::string kMoveReserve =
    "  - {step: reserve, call: stock.reserve, compensate: {call: stock.release}}\n";
const std::string kBoth = R"(  - step: both
    parallel:
      left: [{step: charge, call: bank.charge, compensate: {call: bank.refund}}]
      right: [{step: label, call: wms.label, compensate: none}]
)";
const std::string kMoveShip = "  - {step: ship, call: wms.ship, pivot: true}\n";

/// Runs the first version up to the parallel, then asks whether the second one would do.
std::string why_not(const std::string& second) {
  Story s(kTop + kMoveReserve + kBoth + kMoveShip);
  s.start().reply("reserve");
  const Story to(kTop + second);
  return core::incompatibility(s.graph(), to.graph(), s.saga());
}

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  return text.replace(text.find(what), what.size(), with);
}

TEST(Move, WhatHasNotBeenEnteredMayChange) {
  EXPECT_THAT(why_not(kMoveReserve + kBoth + kMoveShip), IsEmpty());
  EXPECT_THAT(why_not(kMoveReserve + kBoth + "  - {step: weigh, call: wms.weigh, compensate: none}\n" + kMoveShip),
              IsEmpty());
  EXPECT_THAT(why_not(replaced(kMoveReserve, "stock.release", "stock.give_back") + kBoth + kMoveShip), IsEmpty())
      << "compensations not yet scheduled come from the new version";
  EXPECT_THAT(why_not(kMoveReserve + kBoth + replaced(kMoveShip, ", pivot: true", ", compensate: none")), IsEmpty());
}

TEST(Move, WhatWasEnteredStaysWhatItIs) {
  EXPECT_THAT(why_not(kBoth + kMoveShip), HasSubstr("`reserve` was entered, but is missing"));
  EXPECT_THAT(why_not(replaced(kMoveReserve, "call: stock.reserve", "call: stock.hold") + kBoth + kMoveShip),
              HasSubstr("calls `stock.hold`"));
  EXPECT_THAT(why_not("  - {step: reserve, set: {a: 1}}\n" + kBoth + kMoveShip), HasSubstr("another kind"));
  EXPECT_THAT(why_not("  - step: first\n    do:\n    " + replaced(kMoveReserve, "  -", "  -") + kBoth + kMoveShip),
              HasSubstr("inside other steps"));
}

TEST(Move, NothingNewPrecedesWhatWasEntered) {
  EXPECT_THAT(why_not("  - {step: greet, call: mail.send, compensate: none}\n" + kMoveReserve + kBoth + kMoveShip),
              HasSubstr("`greet` precedes"));
  EXPECT_THAT(why_not(kBoth + kMoveReserve + kMoveShip), HasSubstr("order"));
}

// All branches are entered together: one more would never be, and the parallel would wait for it.
TEST(Move, BranchesStayWhatTheyAre) {
  EXPECT_THAT(why_not(kMoveReserve + kBoth + "      more: [{step: box, call: wms.box, compensate: none}]\n" + kMoveShip),
              HasSubstr("number of branches"));
  const std::string swapped = R"(  - step: both
    parallel:
      right: [{step: label, call: wms.label, compensate: none}]
      left: [{step: charge, call: bank.charge, compensate: {call: bank.refund}}]
)";
  EXPECT_EQ(why_not(kMoveReserve + swapped + kMoveShip), "") << "the order of keys means nothing";
}

// Past the pivot a saga may only go forward: it can not become the pivot after the fact.
TEST(Move, ThePivotDoesNotMoveOverEnteredSteps) {
  EXPECT_THAT(why_not(replaced(kMoveReserve, ", compensate: {call: stock.release}", ", pivot: true") +
                      "  - step: both\n    parallel:\n"
                      "      left: [{step: charge, call: bank.charge}]\n"
                      "      right: [{step: label, call: wms.label}]\n"),
              HasSubstr("is the pivot"));
}

}  // namespace
}  // namespace weft::test
