#include "orchestrator/sim/checkers/checkers.h"

namespace weft::sim {
namespace {

/// Engine time never goes back in the log, and nothing that was to wait for a time comes before it.
class TimersAreNeverEarly final : public Checker {
 public:
  [[nodiscard]] std::string_view name() const override { return "I9 timers are never early"; }

  void before_event(const Scene& scene, const SagaRecord& saga, const RecordedEvent& recorded) override {
    const core::Timestamp at = recorded.event.at;
    expect(at.ms >= last_.ms, [&] {
      return place_of(saga) + ": " + core::type_name(recorded.event) + " is " +
             std::to_string(last_.ms - at.ms) + " ms before the event before it";
    });
    last_ = at;
    const auto& body = recorded.event.body;
    if (std::holds_alternative<core::DeadlinePassed>(body)) {
      const auto& deadline = saga.state.deadline;
      expect(deadline && at >= *deadline, [&] { return place_of(saga) + " passed its deadline early"; });
    } else if (const auto* again = std::get_if<core::StepScheduled>(&body);
               again != nullptr && !again->probe && again->attempt > 1) {
      const core::Node* node = saga.state.find(again->path);
      if (node == nullptr || !node->next_attempt || scene.handled_by_people(saga.id)) return;
      expect(at >= *node->next_attempt,
             [&] { return place_of(saga, again->path) + " was tried again before its delay was over"; });
    } else if (const auto* done = std::get_if<core::StepSucceeded>(&body)) {
      const core::Node* node = saga.state.find(done->path);
      if (node == nullptr || node->kind != "wait" || !node->due || done->substituted) return;
      expect(at >= *node->due,
             [&] { return place_of(saga, done->path) + " did not wait as long as it should"; });
    }
  }

 private:
  core::Timestamp last_;
};

}  // namespace
std::unique_ptr<Checker> timers_are_never_early() { return std::make_unique<TimersAreNeverEarly>(); }
}  // namespace weft::sim
