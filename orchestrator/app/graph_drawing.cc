#include "orchestrator/app/graph_drawing.h"

#include <utility>

namespace weft::app {
namespace {

using dsl::Block;
using dsl::BlockId;
using dsl::kNoBlock;
using dsl::SagaGraph;
using dsl::Step;
using dsl::StepKind;
using Node = Drawing::Node;
using Edge = Drawing::Edge;
using Ids = std::vector<std::string>;

/// One end that the next step is joined to, with what the arrow says.
struct Exit {
  std::string from, label;
  Edge::Kind kind = Edge::Kind::kForward;
};

/// What was drawn for a step or a list of them.
struct Part {
  Ids entries;  ///< Usually one; none: nothing was drawn.
  std::vector<Exit> exits;
  Ids undo_first;  ///< Compensations that run first when this part is undone,
  Ids undo_last;   ///< and those that run last.
};

class Drawer {
 public:
  explicit Drawer(const SagaGraph& graph) : graph_(graph) {}

  Drawing run() {
    add({"start", "start", Node::Shape::kEnd, "", "start"});
    Part top = block(dsl::kTopBlock);
    add({"completed", "completed", Node::Shape::kEnd, "", "end"});
    for (const std::string& entry : top.entries) edge("start", entry);
    join(top.entries.empty() ? std::vector<Exit>{{"start", ""}} : top.exits, "completed");
    if (!top.undo_last.empty()) {
      add({"compensated", "compensated", Node::Shape::kEnd, "", "end"});
      for (const std::string& last : top.undo_last) {
        edge(last, "compensated", "", Edge::Kind::kUndoOrder);
      }
    }
    for (const std::string& step : finishes_) edge(step, "completed", "finish");
    return std::move(drawing_);
  }

 private:
  void add(Node node) { drawing_.nodes.push_back(std::move(node)); }
  void edge(const std::string& from, const std::string& to, const std::string& label = {},
            Edge::Kind kind = Edge::Kind::kForward) {
    drawing_.edges.push_back({from, to, label, kind});
  }
  void join(const std::vector<Exit>& exits, const std::string& to) {
    for (const Exit& exit : exits) edge(exit.from, to, exit.label, exit.kind);
  }

  Part block(BlockId id) {
    Part whole;
    if (id == kNoBlock) return whole;
    for (const dsl::StepId step_id : graph_.block(id).steps) {
      Part part = step(graph_.step(step_id));
      if (whole.entries.empty()) {
        whole.entries = part.entries;
      } else {
        for (const std::string& entry : part.entries) join(whole.exits, entry);
      }
      whole.exits = std::move(part.exits);
      if (part.undo_first.empty()) continue;
      // What came later is undone first.
      for (const std::string& from : part.undo_last) {
        for (const std::string& to : whole.undo_first) edge(from, to, "", Edge::Kind::kUndoOrder);
      }
      if (whole.undo_last.empty()) whole.undo_last = part.undo_last;
      whole.undo_first = std::move(part.undo_first);
    }
    return whole;
  }

  static std::string node_id(const Step& step) { return "s_" + step.name; }

  Part step(const Step& step) {
    const std::string id = node_id(step);
    Node node{id, label(step), shape(step), step.name, dsl::step_kind_name(step.kind)};
    add(std::move(node));
    Part part;
    part.entries = {id};
    part.exits = {{id, ""}};
    switch (step.kind) {
      case StepKind::kCall:
        compensation(step, part);
        break;
      case StepKind::kDo:
        inside(step.do_->body, "", part);
        break;
      case StepKind::kForeach:
        inside(step.foreach->body, "each", part);
        break;
      case StepKind::kRepeat:
        repeat(step, part);
        break;
      case StepKind::kChoice:
        choice(step, part);
        break;
      case StepKind::kParallel:
        parallel(step, part);
        break;
      case StepKind::kListen:
        if (step.listen->on_timeout) timeout(id, *step.listen->on_timeout, part);
        break;
      case StepKind::kSaga:
        if (!step.saga->detach && !step.saga->pivot && !step.after_pivot) {
          undo_node(step, "undo " + step.saga->workflow, part);
        }
        break;
      case StepKind::kRaise:
        part.exits.clear();
        break;
      case StepKind::kFinish:
        finishes_.push_back(id);
        part.exits.clear();
        break;
      case StepKind::kSet:
      case StepKind::kWait:
      case StepKind::kEmit:
        break;
    }
    if (step.when) part.exits.push_back({id, "skipped"});
    routes(step, part);
    return part;
  }

  static Node::Shape shape(const Step& step) {
    if ((step.call && step.call->pivot) || (step.saga && step.saga->pivot)) {
      return Node::Shape::kPivot;
    }
    switch (step.kind) {
      case StepKind::kChoice:
        return Node::Shape::kChoice;
      case StepKind::kParallel:
        return Node::Shape::kBar;
      case StepKind::kWait:
      case StepKind::kListen:
        return Node::Shape::kWait;
      case StepKind::kRaise:
      case StepKind::kFinish:
        return Node::Shape::kEnd;
      default:
        return Node::Shape::kStep;
    }
  }

  static std::string label(const Step& step) {
    std::string text = step.name;
    switch (step.kind) {
      case StepKind::kCall:
        text += "\n" + step.call->target.adapter + "." + step.call->target.operation;
        if (step.call->pivot) text += "\npivot";
        break;
      case StepKind::kListen:
        text += "\nlisten " + step.listen->event;
        break;
      case StepKind::kEmit:
        text += "\nemit " + step.emit->emit.name;
        break;
      case StepKind::kSaga:
        text += "\nsaga " + step.saga->workflow;
        break;
      case StepKind::kRaise:
        text += "\nraise " + step.raise->code;
        break;
      case StepKind::kForeach:
        text += "\nforeach, " + std::to_string(step.foreach->at_once) + " at once";
        break;
      case StepKind::kParallel:
        text += step.parallel->race ? "\nrace" : "\nparallel";
        break;
      default:
        text += std::string("\n") + dsl::step_kind_name(step.kind);
        break;
    }
    if (step.when) text += "\nwhen " + step.when->text();
    return text;
  }

  void undo_node(const Step& step, const std::string& what, Part& part) {
    const std::string undo = "c_" + step.name;
    add({undo, what, Node::Shape::kUndo, step.name, "compensation"});
    edge(node_id(step), undo, "", Edge::Kind::kCompensates);
    part.undo_first = part.undo_last = {undo};
  }

  void compensation(const Step& step, Part& part) {
    const dsl::CompensationSpec& spec = step.call->compensate;
    if (spec.kind == dsl::CompensationSpec::Kind::kCall) {
      undo_node(step, spec.target.adapter + "." + spec.target.operation, part);
    } else if (spec.kind == dsl::CompensationSpec::Kind::kManual) {
      undo_node(step, "by hand", part);
    }
  }

  /// A list below a step: entered from it, and left to what follows.
  void inside(BlockId body, const std::string& entering, Part& part) {
    Part inner = block(body);
    if (inner.entries.empty()) return;
    for (const std::string& entry : inner.entries) edge(part.entries.front(), entry, entering);
    part.exits = std::move(inner.exits);
    part.undo_first = std::move(inner.undo_first);
    part.undo_last = std::move(inner.undo_last);
  }

  void repeat(const Step& step, Part& part) {
    inside(step.repeat->body, "", part);
    for (const Exit& exit : part.exits) edge(exit.from, part.entries.front(), "again");
    for (Exit& exit : part.exits) exit.label = "until " + step.repeat->until.text();
    if (step.repeat->on_timeout) timeout(part.entries.front(), *step.repeat->on_timeout, part);
  }

  void branch(const std::string& from, Part inner, const std::string& text, Part& part) {
    if (inner.entries.empty()) {
      part.exits.push_back({from, text});
      return;
    }
    for (const std::string& entry : inner.entries) edge(from, entry, text);
    append(part.exits, inner.exits);
    append(part.undo_first, inner.undo_first);
    append(part.undo_last, inner.undo_last);
  }

  void choice(const Step& step, Part& part) {
    const std::string id = node_id(step);
    part.exits.clear();
    std::size_t number = 0;
    for (const dsl::ChoiceBranch& one : step.choice->branches) {
      const std::string text = one.when ? one.when->text() : "otherwise";
      if (!one.raise.empty()) {
        const std::string raised = id + "_raise_" + std::to_string(number++);
        add({raised, "raise " + one.raise, Node::Shape::kEnd, step.name, "raise"});
        Part inner = block(one.body);
        if (inner.entries.empty()) {
          edge(id, raised, text);
        } else {
          for (const std::string& entry : inner.entries) edge(id, entry, text);
          join(inner.exits, raised);
        }
        continue;
      }
      branch(id, block(one.body), text, part);
    }
  }

  void parallel(const Step& step, Part& part) {
    const std::string id = node_id(step);
    part.exits.clear();
    for (const BlockId body : step.parallel->branches) {
      branch(id, block(body), graph_.block(body).name, part);
    }
    const std::string joined = id + "_join";
    add({joined, step.parallel->race ? "first" : "all", Node::Shape::kBar, step.name, "join"});
    join(part.exits, joined);
    part.exits = {{joined, ""}};
  }

  void timeout(const std::string& from, const dsl::TimeoutAction& action, Part& part) {
    switch (action.kind) {
      case dsl::TimeoutAction::Kind::kContinue:
        part.exits.push_back({from, "timeout"});
        break;
      case dsl::TimeoutAction::Kind::kDo:
        branch(from, block(action.body), "timeout", part);
        break;
      case dsl::TimeoutAction::Kind::kRaise: {
        const std::string raised = from + "_timeout";
        add({raised, "raise " + action.raise, Node::Shape::kEnd, from.substr(2), "raise"});
        edge(from, raised, "timeout", Edge::Kind::kError);
        break;
      }
    }
  }

  void routes(const Step& step, Part& part) {
    const std::string id = node_id(step);
    std::size_t number = 0;
    for (const dsl::ErrorRoute& route : step.on_error) {
      std::string errors;
      for (const std::string& error : route.errors) errors += (errors.empty() ? "" : ", ") + error;
      Part inner = block(route.body);
      for (const std::string& entry : inner.entries) edge(id, entry, errors, Edge::Kind::kError);
      std::vector<Exit> exits = std::move(inner.exits);
      if (inner.entries.empty()) exits = {{id, errors, Edge::Kind::kError}};
      append(part.undo_first, inner.undo_first);
      append(part.undo_last, inner.undo_last);
      const std::string end = id + "_route_" + std::to_string(number++);
      switch (route.then) {
        case dsl::Then::kContinue:
          append(part.exits, exits);
          break;
        case dsl::Then::kFinish:
          join(exits, "completed");
          break;
        case dsl::Then::kCompensate:
          add({end, "compensate", Node::Shape::kEnd, step.name, "route"});
          join(exits, end);
          break;
        case dsl::Then::kStuck:
          add({end, "stuck", Node::Shape::kEnd, step.name, "route"});
          join(exits, end);
          break;
      }
    }
  }

  template <class T>
  static void append(std::vector<T>& to, const std::vector<T>& from) {
    to.insert(to.end(), from.begin(), from.end());
  }

  const SagaGraph& graph_;
  Drawing drawing_;
  Ids finishes_;
};

/// Quotes, brackets and line ends are syntax in both languages.
std::string escaped(const std::string& text, bool mermaid) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') {
      out += mermaid ? "<br/>" : "\\n";
    } else if (mermaid && (c == '"' || c == '<' || c == '>' || c == '&' || c == '#' || c == '|')) {
      out += "#" + std::to_string(static_cast<int>(c)) + ";";
    } else if (!mermaid && (c == '"' || c == '\\')) {
      out += '\\';
      out += c;
    } else {
      out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return out;
}

}  // namespace

Drawing draw(const SagaGraph& graph) { return Drawer(graph).run(); }

const char* edge_kind_name(Edge::Kind kind) {
  switch (kind) {
    case Edge::Kind::kForward:
      return "forward";
    case Edge::Kind::kError:
      return "error";
    case Edge::Kind::kCompensates:
      return "compensates";
    case Edge::Kind::kUndoOrder:
      return "undo_order";
  }
  return "";
}

std::string mermaid_text(const SagaGraph& graph, const Drawing& drawing) {
  std::string out = "---\ntitle: " + graph.id() + "\n---\nflowchart TD\n";
  for (const Node& node : drawing.nodes) {
    const std::string text = "\"" + escaped(node.label, true) + "\"";
    std::string box;
    switch (node.shape) {
      case Node::Shape::kChoice:
        box = "{" + text + "}";
        break;
      case Node::Shape::kPivot:
        box = "[[" + text + "]]";
        break;
      case Node::Shape::kBar:
        box = "[/" + text + "/]";
        break;
      case Node::Shape::kWait:
        box = "{{" + text + "}}";
        break;
      case Node::Shape::kUndo:
        box = "(" + text + ")";
        break;
      case Node::Shape::kEnd:
        box = "([" + text + "])";
        break;
      case Node::Shape::kStep:
        box = "[" + text + "]";
        break;
    }
    out += "  " + node.id + box + (node.shape == Node::Shape::kUndo ? ":::undo" : "") + "\n";
  }
  for (const Edge& edge : drawing.edges) {
    const bool solid = edge.kind == Edge::Kind::kForward;
    out += "  " + edge.from + (solid ? " -->" : " -.->");
    if (!edge.label.empty()) out += "|\"" + escaped(edge.label, true) + "\"|";
    out += " " + edge.to + "\n";
  }
  return out + "  classDef undo stroke-dasharray: 4 3\n";
}

std::string dot_text(const SagaGraph& graph, const Drawing& drawing) {
  std::string out = "digraph \"" + escaped(graph.id(), false) + "\" {\n  node [shape=box];\n";
  for (const Node& node : drawing.nodes) {
    out += "  " + node.id + " [label=\"" + escaped(node.label, false) + "\"";
    switch (node.shape) {
      case Node::Shape::kChoice:
        out += ", shape=diamond";
        break;
      case Node::Shape::kPivot:
        out += ", peripheries=2";
        break;
      case Node::Shape::kBar:
        out += ", shape=parallelogram";
        break;
      case Node::Shape::kWait:
        out += ", shape=hexagon";
        break;
      case Node::Shape::kUndo:
        out += ", style=\"dashed,rounded\"";
        break;
      case Node::Shape::kEnd:
        out += ", shape=ellipse";
        break;
      case Node::Shape::kStep:
        break;
    }
    out += "];\n";
  }
  for (const Edge& edge : drawing.edges) {
    out += "  " + edge.from + " -> " + edge.to + " [label=\"" + escaped(edge.label, false) + "\"";
    if (edge.kind == Edge::Kind::kError) out += ", color=red";
    if (edge.kind == Edge::Kind::kCompensates) out += ", style=dotted, arrowhead=none";
    if (edge.kind == Edge::Kind::kUndoOrder) out += ", style=dashed, color=gray40";
    out += "];\n";
  }
  return out + "}\n";
}

dsl::Value drawing_value(const SagaGraph& graph, const Drawing& drawing) {
  using dsl::Value;
  Value::Array nodes, edges;
  for (const Node& node : drawing.nodes) {
    nodes.push_back(Value::object({{"id", node.id},
                                   {"label", node.label},
                                   {"kind", node.kind},
                                   {"step", node.step.empty() ? Value() : Value(node.step)},
                                   {"pivot", node.shape == Node::Shape::kPivot}}));
  }
  for (const Edge& edge : drawing.edges) {
    edges.push_back(Value::object({{"from", edge.from},
                                   {"to", edge.to},
                                   {"kind", edge_kind_name(edge.kind)},
                                   {"label", edge.label}}));
  }
  return Value::object(
      {{"workflow", graph.workflow},
       {"version", graph.version},
       {"digest", graph.digest},
       {"pivot", graph.pivot == dsl::kNoStep ? Value() : Value(graph.step(graph.pivot).name)},
       {"nodes", Value::array(std::move(nodes))},
       {"edges", Value::array(std::move(edges))}});
}

}  // namespace weft::app
