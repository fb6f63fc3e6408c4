#include "orchestrator/sim/checkers/checkers.h"

namespace weft::sim {
namespace {

using core::CompensationState;

/// An end says what is so: `compensated` leaves nothing to undo, `failed` had nothing to undo,
/// `completed` left nothing open.
class EndsAreHonest final : public Checker {
 public:
  [[nodiscard]] std::string_view name() const override { return "I6 ends are honest"; }

  void after_event(const Scene& scene, const SagaRecord& saga, const RecordedEvent& recorded) override {
    const auto& body = recorded.event.body;
    if (scene.handled_by_people(saga.id)) return;
    if (const auto* end = std::get_if<core::SagaCompensated>(&body)) {
      if (end->exceptions == 0) nothing_owed(saga, "compensated");
    } else if (std::holds_alternative<core::SagaFailed>(body)) {
      nothing_owed(saga, "failed");
      for (const core::Node& node : saga.state.nodes) {
        expect(node.compensation.state != CompensationState::State::kDone || node.rollback ||
                   inside_rollback(saga.state, node),
               [&] { return place_of(saga, node.path) + " was undone in a saga that ended `failed`"; });
      }
    } else if (std::holds_alternative<core::SagaCompleted>(body)) {
      for (const core::Node& node : saga.state.nodes) {
        expect(!node.task_open && !node.pending && !node.stuck, [&] {
          return place_of(saga, node.path) + " is still open in a saga that ended `completed`";
        });
      }
    }
  }

 private:
  static bool inside_rollback(const core::SagaState& state, const core::Node& node) {
    for (const core::Node* at = &node; at->parent != core::kNoNode;) {
      const core::Node& around = state.nodes[at->parent];
      if (around.rollback) return true;
      const auto slot = around.slots.find(at->slot);
      if (slot != around.slots.end() && slot->second.rollback) return true;
      at = &around;
    }
    return true;  // a step's own error undoes it: the mark is gone with it
  }
  void nothing_owed(const SagaRecord& saga, const char* end) const {
    for (const core::Node& node : saga.state.nodes) {
      if (node.kind != "call" || node.undo != core::Undo::kCall) continue;
      if (node.effect != core::Effect::kHappened && node.effect != core::Effect::kPerhaps) continue;
      const auto state = node.compensation.state;
      expect(state == CompensationState::State::kDone || state == CompensationState::State::kSkipped, [&] {
        return place_of(saga, node.path) + " has effect " + core::effect_name(node.effect) +
               " and was not undone in a saga that ended `" + end + "`";
      });
    }
  }
};

}  // namespace
std::unique_ptr<Checker> ends_are_honest() { return std::make_unique<EndsAreHonest>(); }
}  // namespace weft::sim
