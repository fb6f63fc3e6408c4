#include <algorithm>
#include <vector>

#include "orchestrator/sim/checkers/checkers.h"

namespace weft::sim {
namespace {

using core::CompensationState;
using core::Node;
using core::NodeId;

/// A step is undone only when everything that came after it in the innermost list that holds both
/// has been undone; in rounds of a repeat, the later round first.
class UndoRunsBackwards final : public Checker {
 public:
  [[nodiscard]] std::string_view name() const override { return "I5 undo runs backwards"; }

  void before_event(const Scene& scene, const SagaRecord& saga, const RecordedEvent& recorded) override {
    const auto* undo = std::get_if<core::CompensationScheduled>(&recorded.event.body);
    if (undo == nullptr || undo->leftover || undo->repair || undo->round > 1) return;
    if (scene.handled_by_people(saga.id)) return;
    const auto found = saga.state.by_path.find(undo->path);
    if (found == saga.state.by_path.end()) {
      return broken(place_of(saga, undo->path) + " is undone and was never scheduled");
    }
    const Node& undone = saga.state.nodes[found->second];
    if (undone.compensation.attempts > 0) return;  // its own retry
    expect(undone.effect == core::Effect::kHappened || undone.effect == core::Effect::kPerhaps, [&] {
      return place_of(saga, undo->path) + " is undone although its effect is " +
             core::effect_name(undone.effect);
    });
    for (NodeId id = 1; id < saga.state.nodes.size(); ++id) {
      const Node& other = saga.state.nodes[id];
      if (id == found->second || !still_owed(other)) continue;
      if (!precedes(saga.state, found->second, id)) continue;
      broken(place_of(saga, undo->path) + " is undone before " + other.path.str() +
             ", which came after it");
    }
  }

 private:
  static bool still_owed(const Node& node) {
    if (node.kind != "call" && node.kind != "saga") return false;
    if (node.effect != core::Effect::kHappened && node.effect != core::Effect::kPerhaps) return false;
    if (node.undo != core::Undo::kCall && node.undo != core::Undo::kChild) return false;
    if (node.kind == "saga" && node.state != core::StepState::kSucceeded) return false;
    using State = CompensationState::State;
    if (node.compensation.state == State::kNotOwed && !node.own_owed) return false;
    return node.compensation.state != State::kDone && node.compensation.state != State::kSkipped;
  }

  /// Does `a` come before `b` in the innermost list that holds both?
  static bool precedes(const core::SagaState& state, NodeId a, NodeId b) {
    const std::vector<NodeId> up_a = ancestry(state, a), up_b = ancestry(state, b);
    for (std::size_t i = 0; i < up_a.size() && i < up_b.size(); ++i) {
      if (up_a[i] == up_b[i]) continue;
      const Node& first = state.nodes[up_a[i]];
      const Node& second = state.nodes[up_b[i]];
      const Node& around = state.nodes[first.parent];
      if (first.slot == second.slot) {
        const auto& children = around.slots.at(first.slot).children;
        return std::find(children.begin(), children.end(), up_a[i]) <
               std::find(children.begin(), children.end(), up_b[i]);
      }
      return around.kind == "repeat" && first.slot.role == second.slot.role &&
             first.slot.index < second.slot.index;
    }
    return false;
  }

  static std::vector<NodeId> ancestry(const core::SagaState& state, NodeId id) {
    std::vector<NodeId> up;
    for (; id != core::kRoot && id != core::kNoNode; id = state.nodes[id].parent) up.push_back(id);
    std::reverse(up.begin(), up.end());
    return up;
  }
};

}  // namespace
std::unique_ptr<Checker> undo_runs_backwards() { return std::make_unique<UndoRunsBackwards>(); }
}  // namespace weft::sim
