#include <algorithm>
#include <string>

#include "orchestrator/core/decider.h"

namespace weft::core {
namespace {

/// The names of the steps around `id`, outermost first, and the step's own place below each.
std::vector<std::string> enclosing(const dsl::SagaGraph& graph, dsl::StepId id) {
  std::vector<std::string> names;
  for (dsl::StepId up = graph.parent(id); up != dsl::kNoStep; up = graph.parent(up)) {
    names.insert(names.begin(), graph.step(up).name);
  }
  return names;
}

std::string operation_of(const dsl::Step& step) {
  return step.call ? step.call->target.adapter + "." + step.call->target.operation : std::string();
}

bool is_pivot(const dsl::Step& step) {
  return (step.call && step.call->pivot) || (step.saga && step.saga->pivot);
}

bool same_list(const dsl::Block& a, const dsl::Block& b) {
  return a.role == b.role && a.index == b.index;
}

}  // namespace

/// Every entered step keeps name, kind, operation, enclosing steps and order, and no step not yet
/// entered precedes an entered one (SEMANTICS.md, Versions). Where it stands is also which branch it
/// stands in; all branches of a parallel are entered together; and the pivot parts the way back from
/// the way forward, so it can not move over steps that were entered.
std::string incompatibility(const dsl::SagaGraph& from, const dsl::SagaGraph& to,
                            const SagaState& state) {
  if (from.workflow != to.workflow) {
    return "`" + to.id() + "` is another workflow than `" + from.workflow + "`";
  }
  auto entered = [&](const std::string& name) {
    return std::any_of(state.nodes.begin(), state.nodes.end(), [&](const Node& n) {
      return !n.path.empty() && step_name(n.path) == name;
    });
  };
  for (const Node& n : state.nodes) {
    if (n.path.empty()) continue;
    const std::string name(step_name(n.path));
    const dsl::Step* before = from.find_step(name);
    const dsl::Step* after = to.find_step(name);
    if (before == nullptr) continue;
    if (after == nullptr) return "step `" + name + "` was entered, but is missing in " + to.id();
    if (before->kind != after->kind) return "step `" + name + "` is of another kind in " + to.id();
    if (operation_of(*before) != operation_of(*after)) {
      return "step `" + name + "` calls `" + operation_of(*after) + "` in " + to.id() +
             " instead of `" + operation_of(*before) + "`";
    }
    if (enclosing(from, before->id) != enclosing(to, after->id) ||
        !same_list(from.block(before->block), to.block(after->block))) {
      return "step `" + name + "` stands inside other steps in " + to.id();
    }
    if (is_pivot(*before) != is_pivot(*after)) {
      return "step `" + name + "` was entered, and " +
             (is_pivot(*after) ? "is the pivot" : "is not the pivot any more") + " in " + to.id();
    }
    if (before->parallel && before->parallel->branches.size() != after->parallel->branches.size()) {
      return "step `" + name + "` has another number of branches in " + to.id();
    }
    const auto& old_list = from.block(before->block).steps;
    const auto& new_list = to.block(after->block).steps;
    std::vector<std::string> old_before, new_before;
    for (dsl::StepId id : old_list) {
      if (id == before->id) break;
      if (entered(from.step(id).name)) old_before.push_back(from.step(id).name);
    }
    for (dsl::StepId id : new_list) {
      if (id == after->id) break;
      const std::string& other = to.step(id).name;
      if (!entered(other)) {
        return "step `" + other + "` precedes the entered step `" + name + "` in " + to.id();
      }
      new_before.push_back(other);
    }
    if (old_before != new_before) {
      return "the steps before `" + name + "` stand in another order in " + to.id();
    }
  }
  return {};
}

}  // namespace weft::core
