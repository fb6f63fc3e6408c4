#pragma once  // orchestrator/app/graph_drawing.h

#include <string>
#include <vector>

#include "dsl/saga_graph.h"

namespace weft::app {

/// A saga graph as boxes and arrows: what every drawing format needs, and nothing of any of them.
struct Drawing {
  struct Node {
    enum class Shape { kStep, kPivot, kChoice, kBar, kWait, kUndo, kEnd };
    std::string id;     ///< [a-z0-9_]+, unique.
    std::string label;  ///< Lines separated by \n.
    Shape shape = Shape::kStep;
    std::string step;  ///< Name of the step it stands for; empty for start, end and joins.
    std::string kind;  ///< step_kind_name, "compensation", "start", "end" or "join".
  };
  struct Edge {
    enum class Kind { kForward, kError, kCompensates, kUndoOrder };
    std::string from, to, label;
    Kind kind = Kind::kForward;
  };
  std::vector<Node> nodes;
  std::vector<Edge> edges;
};

[[nodiscard]] Drawing draw(const dsl::SagaGraph& graph);

[[nodiscard]] std::string mermaid_text(const dsl::SagaGraph& graph, const Drawing& drawing);
[[nodiscard]] std::string dot_text(const dsl::SagaGraph& graph, const Drawing& drawing);
/// {"workflow","version","digest","pivot","nodes":[…],"edges":[…]}
[[nodiscard]] dsl::Value drawing_value(const dsl::SagaGraph& graph, const Drawing& drawing);
[[nodiscard]] const char* edge_kind_name(Drawing::Edge::Kind kind);

}  // namespace weft::app
