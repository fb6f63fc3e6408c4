#include "orchestrator/sim/checkers/checkers.h"

namespace weft::sim {
namespace {

/// For each request on the wire its scheduling is on the disk; and once an undo of a step is
/// scheduled, its forward call is never sent again.
class SentIsDurable final : public Checker {
 public:
  [[nodiscard]] std::string_view name() const override {
    return "I2 nothing is sent before it is durable";
  }

  void on_sent(const Scene& scene, const SentTask& sent) override {
    if (sent.dry_run) return;
    const SagaRecord* record = scene.history.find(sent.saga);
    const core::Node* node = record == nullptr ? nullptr : record->state.find(sent.path);
    const auto where = [&] {
      return sent.adapter + "." + sent.operation + " attempt " + std::to_string(sent.attempt) +
             " round " + std::to_string(sent.round) + " of saga " + sent.saga.str() + " step " +
             sent.path.str();
    };
    if (node == nullptr) return broken(where() + " was sent, and the disk knows no such step");
    if (sent.compensation) {
      expect(node->compensation.round >= sent.round && node->compensation.attempts >= sent.attempt,
             [&] { return "undo " + where() + " was sent before it was scheduled durably"; });
      return;
    }
    expect(node->attempts >= sent.attempt,
           [&] { return where() + " was sent before it was scheduled durably"; });
    if (sent.probe) return;
    using Undo = core::CompensationState::State;
    const bool being_undone = node->compensation.state == Undo::kRunning ||
                              node->compensation.state == Undo::kRetrying ||
                              node->compensation.state == Undo::kDone;
    expect(!being_undone || node->compensation.leftover,
           [&] { return where() + " was sent although its undo has been scheduled"; });
  }
};

}  // namespace
std::unique_ptr<Checker> sent_is_durable() { return std::make_unique<SentIsDurable>(); }
}  // namespace weft::sim
