// Sub-sagas seen from both sides: the parent's step, and the child that is undone by its parent.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/story.h"

namespace weft::test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::string kParent = R"(weft: 1
workflow: shop.parent
version: 1.0.0
owner: team@shop.example
errors: {declined: {class: business}}
resources: {stock: {by: [sku]}}
steps:
  - {step: first, call: a.first, compensate: {call: a.undo}}
  - {step: part, saga: shop.child@1, with: {n: 1}}
  - {step: final, call: a.final, compensate: none}
---
weft: 1
workflow: shop.child
version: 1.0.0
owner: team@shop.example
resources: {stock: {by: [sku]}}
steps:
  - {step: hold, call: b.hold, holds: {stock: '${ [{sku: "x", qty: 2}] }'}, compensate: {call: b.free, with: {lines: '${ $held.stock }'}}}
)";

core::Movement units(std::int64_t quantity) {
  return {core::Movement::Kind::kHeld, "stock", core::StepPath("hold"),
          dsl::Value::array({dsl::Value::object({{"sku", "x"}, {"qty", quantity}})}), "qty"};
}

core::ReportChildEnded ended(const Story& s, const std::string& state,
                             std::vector<core::Movement> holdings = {}) {
  const core::Node* part = s.saga().find(core::StepPath("part"));
  core::ReportChildEnded report;
  report.path = core::StepPath("part");
  report.child = part->child;
  report.state = state;
  report.output = dsl::Value::object({{"done", true}});
  if (state != "completed") report.error = {"business", "declined", "no", "", ""};
  report.holdings = std::move(holdings);
  return report;
}

std::vector<std::string> child_commands(const Story& s) {
  std::vector<std::string> actions;
  for (const core::SagaEffect& e : s.effects()) {
    if (const auto* c = std::get_if<core::ChildCommand>(&e)) actions.push_back(c->action);
  }
  return actions;
}

TEST(Child, CompletedChildHandsItsHoldingsToTheStep) {
  Story s(kParent);
  s.start().reply("first");
  EXPECT_THAT(s.asked(), IsEmpty());
  s.command(ended(s, "completed", {units(2)}), "");
  EXPECT_THAT(s.asked(), ElementsAre("final"));
  EXPECT_EQ(s.saga().find(core::StepPath("part"))->holdings.at("stock").size(), 1u);
}

TEST(Child, FailedChildFailsTheStepWithItsCode) {
  Story s(kParent);
  s.start().reply("first").command(ended(s, "compensated"), "");
  EXPECT_THAT(s.asked(), ElementsAre("undo first"));
  s.undo("first");
  EXPECT_EQ(s.saga().error.code, "declined");
}

TEST(Child, TerminatedChildMakesTheStepStuck) {
  Story s(kParent);
  s.start().reply("first").command(ended(s, "terminated"), "");
  EXPECT_EQ(s.state(), "stuck");
}

// A crash between the parent's commit and the settling of the word lets it be told again.
TEST(Child, TheEndOfATerminatedChildIsToldTwiceAndTakenOnce) {
  Story s(kParent);
  s.start().reply("first").command(ended(s, "terminated"), "");
  ASSERT_EQ(s.state(), "stuck");
  const auto before = s.saga().revision;
  s.command(ended(s, "terminated"), "");
  EXPECT_EQ(s.saga().revision, before);
  EXPECT_EQ(s.state(), "stuck");
}

// What it left behind nobody knows, so its undo waits for a person; but it has ended, and is not
// waited for. Found by seed 107: the parent went back and nothing ever drove it on.
TEST(Child, GoingBackDoesNotWaitForATerminatedChild) {
  Story s(kParent);
  s.start().reply("first").command(ended(s, "terminated"), "").command(core::CancelSaga{});
  EXPECT_THAT(child_commands(s), ElementsAre("undo"));
  s.command(ended(s, "terminated"), "");
  EXPECT_EQ(s.state(), "stuck") << "a person is asked what is left of the child";
  s.command(core::MarkUndone{core::StepPath("part")});
  EXPECT_THAT(s.asked(), ElementsAre("undo first"));
  s.undo("first");
  EXPECT_EQ(s.state(), "compensated");
}

// A completed child is undone by its parent's command before what precedes it.
TEST(Child, CompletedChildIsUndoneWithItsParent) {
  Story s(kParent);
  s.start().reply("first").command(ended(s, "completed", {units(2)}), "").refuse("final", "declined");
  EXPECT_THAT(child_commands(s), ElementsAre("undo"));
  EXPECT_THAT(s.asked(), IsEmpty());
  s.command(ended(s, "compensated"), "");
  EXPECT_THAT(s.asked(), ElementsAre("undo first"));
  s.undo("first");
  EXPECT_EQ(s.state(), "compensated");
  EXPECT_TRUE(s.ledger_empty());
}

// Its undo is tried again; that it had completed is known all the same.
TEST(Child, ARetriedUndoDoesNotForgetThatTheChildCompleted) {
  Story s(kParent);
  s.start()
      .reply("first")
      .command(ended(s, "completed", {units(2)}), "")
      .refuse("final", "declined");
  s.command(ended(s, "terminated"), "").command(core::RetryStep{});
  EXPECT_THAT(child_commands(s), ElementsAre("undo", "undo"));
  EXPECT_EQ(s.saga().find(core::StepPath("part"))->effect, core::Effect::kHappened);
}

TEST(Child, RunningChildIsCancelledWithItsParent) {
  Story s(kParent);
  s.start().reply("first").command(core::CancelSaga{});
  EXPECT_THAT(child_commands(s), ElementsAre("cancel"));
  EXPECT_EQ(s.state(), "compensating");
  s.command(ended(s, "compensated"), "");
  EXPECT_THAT(s.asked(), ElementsAre("undo first"));
}

// It completed before the cancel reached it: then it is undone.
TEST(Child, ChildThatCompletesWhileItIsCancelledIsUndone) {
  Story s(kParent);
  s.start().reply("first").command(core::CancelSaga{}).command(ended(s, "completed", {units(2)}), "");
  EXPECT_THAT(child_commands(s), ElementsAre("cancel", "undo"));
}

const std::string kChild = R"(weft: 1
workflow: shop.child
version: 1.0.0
owner: team@shop.example
resources: {stock: {by: [sku]}}
steps:
  - {step: hold, call: b.hold, holds: {stock: '${ [{sku: "x", qty: 5}] }'}, compensate: {call: b.free, with: {lines: '${ $held.stock }'}}}
)";

Story child() { return Story(kChild); }

Story& start_as_child(Story& s) {
  core::StartRequest request;
  request.input = dsl::Value::empty_object();
  request.forced_key = "parent/part";
  request.parent = core::SagaId("aaaaaaaaaaaaaaaaaaaaaaaaaa");
  request.parent_path = core::StepPath("part");
  auto birth = core::prepare_start(s.graph(), request);
  EXPECT_TRUE(birth.has_value());
  return s.command(core::StartSaga{*birth, false}, "");
}

std::vector<std::string> told_parent(const Story& s) {
  std::vector<std::string> states;
  for (const core::SagaEffect& e : s.effects()) {
    if (const auto* n = std::get_if<core::ParentNotify>(&e)) states.push_back(n->state);
  }
  return states;
}

// Its leftovers are the parent's now; nothing is given back at its completion.
TEST(Child, KeepsWhatItHoldsWhenItCompletes) {
  Story s = child();
  start_as_child(s).reply("hold");
  EXPECT_EQ(s.state(), "completed");
  EXPECT_THAT(s.asked(), IsEmpty());
  EXPECT_THAT(told_parent(s), ElementsAre("completed"));
}

// The parent has used three of five units: only two are given back.
TEST(Child, UndoneByItsParentGivesBackOnlyWhatTheParentStillHolds) {
  Story s = child();
  start_as_child(s).reply("hold");
  s.command(core::UndoAsChild{{units(2)}}, "");
  EXPECT_EQ(s.state(), "compensating");
  EXPECT_EQ(s.task_input("undo hold"), R"({"lines":[{"sku":"x","qty":2}]})");
  s.undo("hold");
  EXPECT_EQ(s.state(), "compensated");
  EXPECT_TRUE(s.ledger_empty());
  EXPECT_THAT(told_parent(s), ElementsAre("completed", "compensated"));
}

TEST(Child, AskedTwiceToUndoAnswersTwiceAndUndoesOnce) {
  Story s = child();
  start_as_child(s).reply("hold").command(core::UndoAsChild{{units(5)}}, "");
  s.command(core::UndoAsChild{{units(5)}}, "");
  EXPECT_THAT(s.asked(), ElementsAre("undo hold"));
  s.undo("hold").command(core::UndoAsChild{{units(5)}}, "");
  EXPECT_THAT(told_parent(s), ElementsAre("completed", "compensated", "compensated"));
}

// Its start was refused, and a person has asked for it again: it may be running, so a cancel waits
// for its end as for any pivot.
TEST(Child, ACancelWaitsForAPivotChildThatWasAskedForAgain) {
  Story s(R"(weft: 1
workflow: shop.parent
version: 1.0.0
owner: team@shop.example
steps:
  - {step: first, call: a.first, compensate: {call: a.undo}}
  - {step: part, saga: shop.child@1, pivot: true}
---
weft: 1
workflow: shop.child
version: 1.0.0
owner: team@shop.example
steps:
  - {step: work, call: b.work, compensate: none}
)");
  s.start().reply("first");
  s.command(core::ReportChildRefused{core::StepPath("part"), "retired", "no new starts"});
  EXPECT_EQ(s.state(), "stuck");
  s.command(core::RetryStep{core::StepPath("part")}).command(core::CancelSaga{});
  EXPECT_THAT(s.asked(), IsEmpty()) << "nothing is undone while the child may run";
  EXPECT_THAT(child_commands(s), ElementsAre("cancel"));
  s.command(ended(s, "completed"));
  EXPECT_EQ(s.state(), "completed");
}

}  // namespace
}  // namespace weft::test
