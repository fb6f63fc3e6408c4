#include "orchestrator/sim/checkers/knowledge_is_true.h"

#include <algorithm>

#include "orchestrator/core/ids.h"

namespace weft::sim {
namespace {

using core::CompensationState;
using core::Effect;

class KnowledgeIsTrue final : public Checker {
 public:
  explicit KnowledgeIsTrue(std::vector<const SimAdapter*> adapters) : adapters_(std::move(adapters)) {}
  [[nodiscard]] std::string_view name() const override { return "D2 knowledge is true"; }

  void on_end(const Scene& scene) override {
    for (const auto& [id, saga] : scene.history.sagas()) {
      if (scene.handled_by_people(id)) continue;
      for (const core::Node& node : saga.state.nodes) {
        if (node.kind == "call") compare(saga, node);
      }
    }
  }

 private:
  void compare(const SagaRecord& saga, const core::Node& node) const {
    const auto adapter = std::find_if(adapters_.begin(), adapters_.end(), [&](const SimAdapter* one) {
      return one->name() == node.adapter;
    });
    if (adapter == adapters_.end()) return;
    const auto& truths = (*adapter)->truth();
    const std::string key = core::idempotency_key(saga.state.birth.saga, node.path).str();
    const auto found = truths.find(key);
    const KeyTruth truth = found == truths.end() ? KeyTruth{} : found->second;
    if (truth.lied) return;
    expect(!truth.other_body, [&] {
      return place_of(saga, node.path) + " was sent with two different bodies under one key";
    });
    expect(truth.given_back <= truth.taken, [&] {
      return place_of(saga, node.path) + " took " + std::to_string(truth.taken) + " units and gave " +
             std::to_string(truth.given_back) + " back";
    });
    // Without a fence a request that comes after its undo is executed; the engine can know only if
    // the answer reaches it, and then owes a repair.
    const bool told_late = !node.late.empty() && node.effect == Effect::kHappened;
    if ((truth.done_after_undo > 0 || truth.done_after_refusal) && !told_late) return;
    expect(truth.done <= 1 + truth.done_after_undo, [&] {
      return place_of(saga, node.path) + " happened " + std::to_string(truth.done) + " times";
    });
    const bool undone = node.compensation.state == CompensationState::State::kDone;
    // An undo that was begun and not seen to end, or given up: nobody claims to know.
    if (!undone && node.compensation.attempts > 0) return;
    if (undone || node.effect == Effect::kNotHappened) {
      // A leftover's undo gives back what is still held, not the whole step.
      expect(!truth.present || node.compensation.leftover, [&] {
        return place_of(saga, node.path) + " is said " +
               (undone ? "to be undone" : "not to have happened") + ", and its effect stands (done " +
               std::to_string(truth.done) + ", undone " + std::to_string(truth.undone) + ")";
      });
    } else if (node.effect == Effect::kHappened) {
      expect(truth.present || truth.undone > 0, [&] {
        return place_of(saga, node.path) + " is said to have happened, and it never did";
      });
      expect(truth.present, [&] {
        return place_of(saga, node.path) + " is said to stand, and it has been undone";
      });
    }
  }

  std::vector<const SimAdapter*> adapters_;
};

}  // namespace

std::unique_ptr<Checker> knowledge_is_true(std::vector<const SimAdapter*> adapters) {
  return std::make_unique<KnowledgeIsTrue>(std::move(adapters));
}

}  // namespace weft::sim
