// Steps that hold steps, as stories: parallel, race, foreach, repeat, error routes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/orchestrator/core/order_story.h"

namespace weft::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// ---- Parallel, race, foreach, repeat ----------------------------------------------------------

const std::string kParallel = kHead + R"(steps:
  - {step: first, call: a.first, compensate: {call: a.undo}}
  - step: both
    parallel:
      left:
        - {step: l1, call: a.l1, compensate: {call: a.undo}}
        - {step: l2, call: a.l2, compensate: {call: a.undo}}
      right:
        - {step: r1, call: a.r1, compensate: {call: a.undo}}
  - {step: final, call: a.final, compensate: none}
)";

TEST(Decider, ParallelBranchesRunTogetherAndYieldAnObject) {
  Story s(kParallel);
  s.start().reply("first");
  EXPECT_THAT(s.asked(), UnorderedElementsAre("l1", "r1"));
  s.reply("r1", R"({"r":1})").reply("l1").reply("l2", R"({"l":2})");
  EXPECT_EQ(s.output("both").to_json(), R"({"left":{"l":2},"right":{"r":1}})");
  EXPECT_THAT(s.asked(), ElementsAre("final"));
}

// Branches are undone together, each newest first, and only then what precedes them.
TEST(Decider, ParallelIsUndoneByBranchThenWhatPrecedesIt) {
  Story s(kParallel);
  s.start().reply("first").reply("l1").reply("l2").reply("r1").refuse("final", "declined");
  EXPECT_THAT(s.asked(), UnorderedElementsAre("undo l2", "undo r1"));
  s.undo("l2");
  EXPECT_THAT(s.asked(), UnorderedElementsAre("undo r1", "undo l1"));
  s.undo("l1");
  EXPECT_THAT(s.asked(), ElementsAre("undo r1"));
  s.undo("r1").undo("first");
  EXPECT_EQ(s.state(), "compensated");
}

TEST(Decider, ErrorInOneBranchWaitsForTheOtherAndUndoesBoth) {
  Story s(kParallel);
  s.start().reply("first").reply("l1").refuse("r1", "declined");
  EXPECT_THAT(s.asked(), ElementsAre("l2"));
  s.reply("l2");
  EXPECT_THAT(s.asked(), ElementsAre("undo l2"));
  s.undo("l2").undo("l1").undo("first");
  EXPECT_EQ(s.state(), "compensated");
}

// Independent undos go on while one is stuck.
TEST(Decider, StuckUndoOfOneBranchDoesNotStopTheOther) {
  Story s(kParallel);
  s.start().reply("first").reply("l1").reply("l2").reply("r1").refuse("final", "declined");
  s.undo_fails("r1");
  EXPECT_EQ(s.state(), "stuck");
  s.undo("l2").undo("l1");
  EXPECT_THAT(s.asked(), IsEmpty()) << "first precedes both branches and waits";
  s.command(core::RetryStep{}).undo("r1").undo("first");
  EXPECT_EQ(s.state(), "compensated");
}

TEST(Decider, RaceIsWonOnceAndItsLosersAreUndone) {
  Story s(kHead + R"(steps:
  - step: quote
    race: true
    parallel:
      - {step: dhl, call: a.dhl, compensate: {call: a.undo}}
      - {step: ups, call: a.ups, compensate: {call: a.undo}}
  - {step: final, call: a.final, compensate: none}
)");
  s.start().reply("dhl", R"({"p":5})");
  EXPECT_TRUE(s.withdrawn("ups"));
  EXPECT_THAT(s.asked(), ElementsAre("ups"));
  s.reply("ups");
  EXPECT_THAT(s.asked(), ElementsAre("undo ups"));
  s.undo("ups");
  EXPECT_THAT(s.asked(), ElementsAre("final"));
  EXPECT_EQ(s.output("quote").to_json(), R"({"winner":"dhl","output":{"p":5}})");
  s.refuse("final", "declined");
  EXPECT_THAT(s.asked(), ElementsAre("undo dhl"));
}

TEST(Decider, RaceFailsWithItsLastError) {
  Story s(kHead + R"(steps:
  - step: quote
    race: true
    parallel:
      - {step: dhl, call: a.dhl, compensate: {call: a.undo}}
      - {step: ups, call: a.ups, compensate: {call: a.undo}}
)");
  s.start().refuse("ups", "declined").refuse("dhl", "half_done");
  EXPECT_THAT(s.asked(), ElementsAre("undo dhl"));
  s.undo("dhl");
  EXPECT_EQ(s.state(), "compensated");
  EXPECT_EQ(s.saga().error.code, "half_done");
}

const std::string kForeach = kHead + R"(steps:
  - step: pick_all
    foreach: ${ .lines }
    as: line
    at_once: 2
    tolerate: [declined]
    do:
      - step: pick
        call: wms.pick
        with: {sku: '${ $line.sku }', place: '${ $index }'}
        compensate: {call: wms.put_back}
  - {step: final, call: a.final, with: {n: '${ $pick_all | length }'}, compensate: none}
)";

TEST(Decider, ForeachRunsAtMostSoManyAtOnceAndToleratesADeclaredCode) {
  Story s(kForeach, R"({"lines":[{"sku":"a"},{"sku":"b"},{"sku":"c"}]})");
  s.start();
  EXPECT_THAT(s.asked(), ElementsAre("pick_all[0]/pick", "pick_all[1]/pick"));
  EXPECT_EQ(s.task_input("pick_all[1]/pick"), R"({"sku":"b","place":1})");
  s.refuse("pick_all[1]/pick", "declined");
  EXPECT_THAT(s.asked(), ElementsAre("pick_all[0]/pick", "pick_all[2]/pick"));
  s.reply("pick_all[2]/pick", R"({"ok":1})").reply("pick_all[0]/pick", R"({"ok":0})");
  EXPECT_THAT(s.asked(), ElementsAre("final"));
  const dsl::Value rows = s.output("pick_all");
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows.as_array()[0].string_or("outcome", ""), "succeeded");
  EXPECT_EQ(rows.as_array()[1].string_or("outcome", ""), "failed");
  EXPECT_EQ(rows.as_array()[1].find("error")->string_or("code", ""), "declined");
  s.refuse("final", "declined");
  EXPECT_THAT(s.asked(), UnorderedElementsAre("undo pick_all[0]/pick", "undo pick_all[2]/pick"));
}

TEST(Decider, ForeachThatExceedsItsToleranceFailsAtOnce) {
  Story s(kForeach, R"({"lines":[{"sku":"a"},{"sku":"b"},{"sku":"c"}]})");
  s.start().refuse("pick_all[0]/pick", "half_done");
  s.undo("pick_all[0]/pick");
  EXPECT_THAT(s.asked(), ElementsAre("pick_all[1]/pick")) << "awaited; the third is never begun";
  s.reply("pick_all[1]/pick").undo("pick_all[1]/pick");
  EXPECT_EQ(s.state(), "compensated");
}

TEST(Decider, EmptyForeachYieldsAnEmptyList) {
  Story s(kForeach, R"({"lines":[]})");
  s.start();
  EXPECT_EQ(s.task_input("final"), R"({"n":0})");
}

TEST(Decider, LongForeachOfStepsWithoutWorkIsCutIntoTurns) {
  Story s(kHead + R"(steps:
  - step: all
    foreach: ${ [range(3000)] }
    do:
      - {step: twice, set: {v: '${ $item * 2 }'}}
)");
  s.start();
  EXPECT_EQ(s.state(), "running");
  EXPECT_LT(s.last().events.size(), 1100u);
  s.after(0);
  EXPECT_EQ(s.state(), "completed");
  EXPECT_EQ(s.output("all").as_array()[2999].find("output")->integer_or("v", 0), 5998);
}

TEST(Decider, RepeatRunsUntilItsConditionHolds) {
  Story s(kHead + R"(steps:
  - step: poll
    repeat:
      do:
        - {step: ask, call: a.ask, with: {round: '${ $index }', before: '${ $last.n // 0 }'}, compensate: none}
      until: ${ $ask.ready }
      at_most: 3
      every: 10s
    on_timeout: {raise: exhausted}
)");
  s.start();
  EXPECT_EQ(s.task_input("poll[0]/ask"), R"({"round":0,"before":0})");
  s.reply("poll[0]/ask", R"({"ready":false,"n":4})");
  EXPECT_THAT(s.asked(), IsEmpty());
  s.after(10'000);
  EXPECT_EQ(s.task_input("poll[1]/ask"), R"({"round":1,"before":4})");
  s.reply("poll[1]/ask", R"({"ready":true,"n":5})");
  EXPECT_EQ(s.state(), "completed");
  EXPECT_EQ(s.saga().output.to_json(), R"({"ready":true,"n":5})");
}

TEST(Decider, RepeatThatIsSpentRaisesExhausted) {
  Story s(kHead + R"(steps:
  - step: poll
    repeat:
      do:
        - {step: ask, call: a.ask, compensate: {call: a.undo}}
      until: ${ false }
      at_most: 2
    on_timeout: {raise: exhausted}
)");
  s.start().reply("poll[0]/ask").reply("poll[1]/ask");
  EXPECT_THAT(s.asked(), ElementsAre("undo poll[1]/ask"));
  s.undo("poll[1]/ask").undo("poll[0]/ask");
  EXPECT_EQ(s.saga().error.code, "exhausted");
}

// ---- on_error ---------------------------------------------------------------------------------

TEST(Decider, ErrorRouteContinuesWithItsResult) {
  Story s(kHead + R"(steps:
  - {step: first, call: a.first, compensate: {call: a.undo}}
  - step: extra
    call: a.extra
    compensate: {call: a.undo}
    on_error:
      - {errors: [declined], result: '${ {used: false, why: $error.code} }', then: continue}
  - {step: final, call: a.final, with: {x: '${ $extra.why }'}, compensate: none}
)");
  s.start().reply("first").refuse("extra", "declined");
  EXPECT_EQ(s.task_input("final"), R"({"x":"declined"})");
}

// Undone first, then the route: an error route never sees half a block.
TEST(Decider, BlockIsUndoneBeforeItsErrorRouteRuns) {
  Story s(kHead + R"(steps:
  - {step: first, call: a.first, compensate: {call: a.undo}}
  - step: block
    do:
      - {step: b1, call: a.b1, compensate: {call: a.undo}}
      - {step: b2, call: a.b2, compensate: {call: a.undo}}
    on_error:
      - errors: [any]
        do:
          - {step: instead, call: a.instead, compensate: {call: a.undo}}
        then: continue
  - {step: final, call: a.final, compensate: none}
)");
  s.start().reply("first").reply("b1").refuse("b2", "declined");
  EXPECT_THAT(s.asked(), ElementsAre("undo b1"));
  s.undo("b1");
  EXPECT_THAT(s.asked(), ElementsAre("instead"));
  s.reply("instead");
  EXPECT_THAT(s.asked(), ElementsAre("final"));
  s.refuse("final", "declined");
  EXPECT_THAT(s.asked(), ElementsAre("undo instead")) << "the route's own work is owed as well";
  s.undo("instead").undo("first");
  EXPECT_EQ(s.state(), "compensated");
}

TEST(Decider, InDoubtCallIsUndoneBeforeItsRoute) {
  Story s(kHead + R"(steps:
  - step: extra
    call: a.extra
    compensate: {call: a.undo}
    on_error:
      - {errors: [unknown], result: '${ null }', then: continue}
  - {step: final, call: a.final, compensate: none}
)");
  s.start().time_out("extra").after(1000).time_out("extra");
  EXPECT_THAT(s.asked(), ElementsAre("undo extra"));
  s.undo("extra");
  EXPECT_THAT(s.asked(), ElementsAre("final"));
}

}  // namespace
}  // namespace weft::test
