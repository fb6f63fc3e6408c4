#include "orchestrator/app/graph_drawing.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "dsl/compiler.h"

namespace weft::app {
namespace {

constexpr const char* kWorkflow = R"(weft: 1
workflow: shop.order
version: 1.0.0
owner: team@shop.example
deadline: 1h
errors:
  out_of_stock: {class: business}
steps:
  - step: reserve
    call: inventory.reserve
    compensate: {call: inventory.release}
  - step: both
    parallel:
      - {step: charge, call: payments.charge, compensate: {call: payments.refund}}
      - {step: print, call: printer.print, compensate: none}
  - step: choose
    choice:
      - when: ${ .fast }
        do:
          - {step: fast, call: wms.fast, compensate: {call: wms.undo_fast}}
      - otherwise: {raise: out_of_stock}
  - step: ship
    pivot: true
    call: wms.ship
)";

class GraphDrawingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto compiled = dsl::compile({{"order.yaml", kWorkflow}}, {});
    for (const auto& diagnostic : compiled.diagnostics) {
      if (diagnostic.severity == dsl::Diagnostic::Severity::kError) {
        ADD_FAILURE() << dsl::format_diagnostic(diagnostic, kWorkflow);
      }
    }
    ASSERT_EQ(compiled.workflows.size(), 1U);
    graph_ = compiled.workflows[0];
    drawing_ = draw(*graph_);
  }

  bool edge(const std::string& from, const std::string& to, Drawing::Edge::Kind kind) const {
    return std::any_of(drawing_.edges.begin(), drawing_.edges.end(), [&](const auto& candidate) {
      return candidate.from == from && candidate.to == to && candidate.kind == kind;
    });
  }

  std::shared_ptr<const dsl::SagaGraph> graph_;
  Drawing drawing_;
};

TEST_F(GraphDrawingTest, StepsFollowEachOther) {
  using Kind = Drawing::Edge::Kind;
  EXPECT_TRUE(edge("start", "s_reserve", Kind::kForward));
  EXPECT_TRUE(edge("s_reserve", "s_both", Kind::kForward));
  EXPECT_TRUE(edge("s_both", "s_charge", Kind::kForward));
  EXPECT_TRUE(edge("s_print", "s_both_join", Kind::kForward));
  EXPECT_TRUE(edge("s_both_join", "s_choose", Kind::kForward));
  EXPECT_TRUE(edge("s_choose", "s_fast", Kind::kForward));
  EXPECT_TRUE(edge("s_fast", "s_ship", Kind::kForward));
  EXPECT_TRUE(edge("s_ship", "completed", Kind::kForward));
}

// Undo walks the same graph backwards.
TEST_F(GraphDrawingTest, CompensationsFollowEachOtherBackwards) {
  using Kind = Drawing::Edge::Kind;
  EXPECT_TRUE(edge("s_reserve", "c_reserve", Kind::kCompensates));
  EXPECT_TRUE(edge("c_fast", "c_charge", Kind::kUndoOrder));
  EXPECT_TRUE(edge("c_charge", "c_reserve", Kind::kUndoOrder));
  EXPECT_TRUE(edge("c_reserve", "compensated", Kind::kUndoOrder));
  EXPECT_FALSE(edge("c_reserve", "c_charge", Kind::kUndoOrder));
}

TEST_F(GraphDrawingTest, EveryFormatNamesEveryNode) {
  const std::string mermaid = mermaid_text(*graph_, drawing_), dot = dot_text(*graph_, drawing_);
  for (const auto& node : drawing_.nodes) {
    EXPECT_NE(mermaid.find("  " + node.id), std::string::npos) << node.id;
    EXPECT_NE(dot.find("  " + node.id + " ["), std::string::npos) << node.id;
  }
  const dsl::Value json = drawing_value(*graph_, drawing_);
  EXPECT_EQ(json.string_or("pivot", ""), "ship");
  EXPECT_EQ(json.find("nodes")->size(), drawing_.nodes.size());
  EXPECT_EQ(json.find("edges")->size(), drawing_.edges.size());
}

TEST_F(GraphDrawingTest, EveryEdgeJoinsNodesThatAreThere) {
  for (const auto& candidate : drawing_.edges) {
    for (const std::string& end : {candidate.from, candidate.to}) {
      EXPECT_TRUE(std::any_of(drawing_.nodes.begin(), drawing_.nodes.end(), [&](const auto& node) {
        return node.id == end;
      })) << end;
    }
  }
}

}  // namespace
}  // namespace weft::app
