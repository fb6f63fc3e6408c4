#include "orchestrator/sim/checkers/checkers.h"

namespace weft::sim {
namespace {

/// With the world calm, every saga ends or is stuck, and where it is stuck there is a reason: a
/// place, an error and an owner.
class EverythingEnds final : public Checker {
 public:
  [[nodiscard]] std::string_view name() const override { return "L2 everything ends"; }

  void on_end(const Scene& scene) override {
    for (const auto& [id, saga] : scene.history.sagas()) {
      if (saga.state.ended()) continue;
      if (saga.state.stuck.empty() && waits_behind_stuck(scene, saga)) continue;
      expect(!saga.state.stuck.empty(), [&] {
        return place_of(saga) + " is " + core::engine_state(saga.state) +
               " although the world has been calm for long";
      });
      for (const auto& [path, stuck] : saga.state.stuck) {
        // What an author raises may have nothing to say but its code.
        const bool raised = stuck.error.error_class == "business" && stuck.error.adapter.empty();
        expect(!stuck.error.error_class.empty() && !stuck.error.code.empty() &&
                   (raised || !stuck.error.message.empty()) && !saga.state.birth.owner.empty(),
               [&] { return place_of(saga, path) + " is stuck without a class, code, message or owner"; });
      }
    }
  }

 private:
  /// Somebody it waits for is stuck: the head of its queue, or a child, or whom those wait for.
  static bool waits_behind_stuck(const Scene& scene, const SagaRecord& saga, int depth = 0) {
    if (!saga.state.stuck.empty()) return true;
    if (depth > 10 || saga.state.ended()) return false;
    if (saga.state.phase == core::Phase::kQueued) {
      const SagaRecord* head = nullptr;
      for (const auto& [id, other] : scene.history.sagas()) {
        if (other.state.birth.workflow != saga.state.birth.workflow || other.state.ended() ||
            other.state.birth.ordering_key != saga.state.birth.ordering_key) {
          continue;
        }
        if (other.state.phase != core::Phase::kQueued) head = &other;
      }
      return head != nullptr && waits_behind_stuck(scene, *head, depth + 1);
    }
    for (const core::Node& node : saga.state.nodes) {
      if (node.kind != "saga" || node.child.empty()) continue;
      const SagaRecord* child = scene.history.find(node.child);
      if (child != nullptr && !child->state.ended() && waits_behind_stuck(scene, *child, depth + 1)) {
        return true;
      }
    }
    return false;
  }
};

}  // namespace
std::unique_ptr<Checker> everything_ends() { return std::make_unique<EverythingEnds>(); }
}  // namespace weft::sim
