#include "orchestrator/core/saga_state.h"

#include <optional>
#include <string>
#include <utility>

#include "orchestrator/core/waiting.h"

namespace weft::core {
namespace {

/// What an open step waits for; nothing if somebody is at work on it.
std::optional<Wait> wait_of(const Node& node) {
  const auto wait = [&node](const char* what, std::string name, std::optional<Timestamp> until) {
    return Wait{.what = what, .name = std::move(name), .since = node.started_at, .until = until};
  };
  const std::string step(step_name(node.path));
  if (node.kind == "listen") return wait("event", node.event, node.due);
  if (node.kind == "wait" || node.kind == "repeat") return wait("timer", step, node.due);
  if (node.kind != "call") return std::nullopt;
  if (node.pending) return wait("completion", step, node.within);
  if (node.waiting) return wait("adapter", node.adapter, std::nullopt);
  if (!node.task_open && node.next_attempt) return wait("timer", step, node.next_attempt);
  return std::nullopt;
}

/// Visits what is open below `node`; false as soon as something is being worked on. Costs what is
/// open, not the size of the saga: the sums tell which branches to leave out.
bool only_waits(const SagaState& state, const Node& node, std::optional<Wait>& longest) {
  if (node.own_open) {
    std::optional<Wait> wait = wait_of(node);
    if (!wait) return false;
    if (!longest || wait->since < longest->since) longest = std::move(wait);
  }
  for (const auto& [slot, list] : node.slots) {
    if (list.open == 0) continue;
    for (const NodeId child : list.children) {
      const Node& below = state.nodes[child];
      if (below.open > 0 && !only_waits(state, below, longest)) return false;
    }
  }
  return true;
}

}  // namespace

const char* step_state_name(StepState state) {
  switch (state) {
    case StepState::kPending: return "pending";
    case StepState::kWaiting: return "waiting";
    case StepState::kRunning: return "running";
    case StepState::kSucceeded: return "succeeded";
    case StepState::kFailed: return "failed";
    case StepState::kInDoubt: return "in_doubt";
    case StepState::kSkipped: return "skipped";
  }
  return "pending";
}

SagaState::SagaState() {
  Node root;
  root.kind = "do";
  nodes.push_back(std::move(root));
  by_path.emplace(StepPath(), kRoot);
}

const Node* SagaState::find(const StepPath& path) const {
  const auto found = by_path.find(path);
  return found == by_path.end() ? nullptr : &nodes[found->second];
}

Node* SagaState::find(const StepPath& path) {
  const auto found = by_path.find(path);
  return found == by_path.end() ? nullptr : &nodes[found->second];
}

std::optional<Wait> waiting_for(const SagaState& state) {
  if (state.phase == Phase::kQueued) {
    return Wait{.what = "ordering", .name = state.birth.ordering_key, .since = state.accepted_at,
                .until = {}};
  }
  const Node& root = state.nodes[kRoot];
  if (state.phase != Phase::kForward || !state.stuck.empty() || root.undoing > 0) {
    return std::nullopt;
  }
  std::optional<Wait> longest;
  return only_waits(state, root, longest) ? longest : std::nullopt;
}

std::string engine_state(const SagaState& state) {
  switch (state.phase) {
    case Phase::kCompleted: return "completed";
    case Phase::kCompensated: return "compensated";
    case Phase::kFailed: return "failed";
    case Phase::kTerminated: return "terminated";
    case Phase::kNew:
    case Phase::kQueued:
    case Phase::kForward:
    case Phase::kBackward: break;
  }
  if (!state.stuck.empty()) return "stuck";
  if (state.phase == Phase::kBackward) return "compensating";
  if (state.phase != Phase::kForward) return "queued";
  return waiting_for(state) ? "waiting" : "running";
}

}  // namespace weft::core
