#include <algorithm>

#include "dsl/decimal.h"
#include "orchestrator/sim/checkers/checkers.h"

namespace weft::sim {
namespace {

/// held = consumed + released + written off at every end; and only where people skipped or ended
/// something is anything written off.
class LedgersBalance final : public Checker {
 public:
  [[nodiscard]] std::string_view name() const override { return "D1 ledgers balance"; }

  void on_end(const Scene& scene) override {
    for (const auto& [id, saga] : scene.history.sagas()) {
      if (saga.state.ended()) balance(scene, saga);
    }
  }

 private:
  /// Holdings that nothing can give back: of a child, of a step without an undo, of an undo that
  /// failed and may be passed over.
  static bool gave_something_up(const core::SagaState& state) {
    return std::any_of(state.nodes.begin(), state.nodes.end(), [](const core::Node& node) {
      return node.kind == "saga" || (node.undo != core::Undo::kCall && !node.quantity_names.empty()) ||
             (node.compensation.attempts > 0 &&
              node.compensation.state != core::CompensationState::State::kDone);
    });
  }
  /// What came late is being undone after the end, or waits for a person.
  static bool repairs(const core::SagaState& state) {
    using State = core::CompensationState::State;
    return std::any_of(state.nodes.begin(), state.nodes.end(), [](const core::Node& node) {
      return node.compensation.repair && node.compensation.state != State::kDone && node.compensation.state != State::kSkipped;
    });
  }
  void balance(const Scene& scene, const SagaRecord& saga) const {
    if (repairs(saga.state)) return;
    // What a completed child held belongs to its parent's step from then on.
    if (!saga.state.birth.parent.empty() && !saga.state.birth.detached) return;
    for (const auto& [resource, totals] : saga.state.ledger) {
      for (const auto& [item, held] : totals.held) {
        dsl::Decimal gone;
        for (const auto* column : {&totals.consumed, &totals.released, &totals.written_off}) {
          if (const auto found = column->find(item); found != column->end()) {
            gone = dsl::Decimal::add(gone, found->second).value_or(gone);
          }
        }
        expect(gone == held, [&] {
          return place_of(saga) + " ended with " + held.to_string() + " " + resource + " " + item +
                 " held and " + gone.to_string() + " accounted for";
        });
      }
      const bool alone = saga.state.phase != core::Phase::kTerminated && saga.state.exceptions == 0 &&
                         !scene.handled_by_people(saga.id) && !gave_something_up(saga.state);
      for (const auto& [item, written_off] : totals.written_off) {
        expect(!alone || written_off == dsl::Decimal{}, [&] {
          return place_of(saga) + " wrote off " + written_off.to_string() + " " + resource + " " +
                 item + " by itself";
        });
      }
    }
  }
};

}  // namespace
std::unique_ptr<Checker> ledgers_balance() { return std::make_unique<LedgersBalance>(); }
}  // namespace weft::sim
