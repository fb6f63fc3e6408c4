#include <algorithm>
#include <map>
#include <tuple>

#include "orchestrator/sim/checkers/checkers.h"

namespace weft::sim {
namespace {

/// In a calm world a task that is due goes out soon, whatever else is going on: no other saga, no
/// breaker and no queue keeps it for ever.
class NobodyStarves final : public Checker {
 public:
  [[nodiscard]] std::string_view name() const override { return "L3 nobody starves"; }

  void after_event(const Scene& scene, const SagaRecord& saga, const RecordedEvent& recorded) override {
    const std::int64_t now = scene.world.steady_ms();
    if (const auto* call = std::get_if<core::StepScheduled>(&recorded.event.body); call != nullptr && call->kind == "call") {
      due_[{saga.id, call->path, false}] = now;
    } else if (const auto* undo = std::get_if<core::CompensationScheduled>(&recorded.event.body);
               undo != nullptr && !undo->child) {
      due_[{saga.id, undo->path, true}] = now;
    }
  }
  void on_sent(const Scene& scene, const SentTask& sent) override {
    const auto due = due_.find({sent.saga, sent.path, sent.compensation});
    if (due == due_.end() || sent.dry_run) return;
    late(scene, due->first, due->second);
    due_.erase(due);
  }
  void on_end(const Scene& scene) override {
    for (const auto& [task, since] : due_) {
      const SagaRecord* saga = scene.history.find(std::get<0>(task));
      const core::Node* node = saga == nullptr ? nullptr : saga->state.find(std::get<1>(task));
      if (node == nullptr || saga->state.ended()) continue;
      const bool open = std::get<2>(task) ? node->compensation.state == core::CompensationState::State::kRunning
                                          : node->task_open;
      if (open) late(scene, task, since);
    }
  }

 private:
  using Task = std::tuple<core::SagaId, core::StepPath, bool>;

  void late(const Scene& scene, const Task& task, std::int64_t since) const {
    // A minute for what is left of the trouble: backing off, cooling down, requests still running.
    if (scene.calm_since_ms < 0) return;
    const std::int64_t from = std::max(since, scene.calm_since_ms + 60'000);
    const std::int64_t waited = scene.world.steady_ms() - from;
    expect(waited <= 600'000, [&] {
      return std::string(std::get<2>(task) ? "the undo of " : "") + "step " + std::get<1>(task).str() + " of saga " +
             std::get<0>(task).str() + " waited " + std::to_string(waited / 1000) + " s to be sent, in a calm world";
    });
  }
  std::map<Task, std::int64_t> due_;
};

}  // namespace
std::unique_ptr<Checker> nobody_starves() { return std::make_unique<NobodyStarves>(); }
}  // namespace weft::sim
