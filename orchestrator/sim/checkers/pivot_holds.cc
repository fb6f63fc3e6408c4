#include <algorithm>

#include "orchestrator/sim/checkers/checkers.h"

namespace weft::sim {
namespace {

/// After the pivot nothing before it is undone, save leftovers and repairs; and as long as nobody
/// knows what became of the pivot, neither direction is taken.
class PivotHolds final : public Checker {
 public:
  [[nodiscard]] std::string_view name() const override { return "I10 the pivot holds"; }

  void before_event(const Scene&, const SagaRecord& saga, const RecordedEvent& recorded) override {
    const auto* undo = std::get_if<core::CompensationScheduled>(&recorded.event.body);
    if (undo == nullptr) return;
    const bool as_child = saga.state.phase == core::Phase::kBackward &&
                          !saga.state.birth.parent.empty();
    if (saga.state.pivot_reached && !undo->leftover && !undo->repair && !as_child) {
      const core::Node* node = saga.state.find(undo->path);
      const core::Node* pivot = pivot_of(saga.state);
      // A block after the pivot may still take back its own steps where a race or a route asks for it.
      if (node != nullptr && pivot != nullptr && node->order < pivot->order) {
        broken(place_of(saga, undo->path) + " is undone although the pivot was passed");
      }
    }
    const core::Node* pivot = pivot_of(saga.state);
    if (pivot == nullptr || saga.state.pivot_reached || undo->repair) return;
    if (saga.state.phase != core::Phase::kBackward) return;
    expect(pivot->effect != core::Effect::kPerhaps, [&] {
      return place_of(saga, undo->path) + " is undone while nobody knows whether the pivot happened";
    });
  }

 private:
  static const core::Node* pivot_of(const core::SagaState& state) {
    const auto found = std::find_if(state.nodes.begin(), state.nodes.end(),
                                    [](const core::Node& node) { return node.pivot; });
    return found == state.nodes.end() ? nullptr : &*found;
  }
};

}  // namespace
std::unique_ptr<Checker> pivot_holds() { return std::make_unique<PivotHolds>(); }
}  // namespace weft::sim
