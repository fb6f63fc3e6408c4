#include "orchestrator/sim/checkers/checkers.h"

namespace weft::sim {
namespace {

/// What is said to one saga changes only that one: an answer ends up in the step it was given for.
/// The modelled adapters say in each reply for whom it is.
class SagasStayApart final : public Checker {
 public:
  [[nodiscard]] std::string_view name() const override { return "I19 sagas stay apart"; }

  void after_event(const Scene&, const SagaRecord& saga, const RecordedEvent& recorded) override {
    if (const auto* done = std::get_if<core::StepSucceeded>(&recorded.event.body)) {
      const core::Node* node = saga.state.find(done->path);
      if (node == nullptr || node->kind != "call" || done->substituted || done->derived) return;
      meant(saga, done->path, done->output);
    } else if (const auto* late = std::get_if<core::LateReplyRecorded>(&recorded.event.body)) {
      meant(saga, late->path, late->output);
    }
  }

 private:
  void meant(const SagaRecord& saga, const core::StepPath& path, const dsl::Value& reply) const {
    if (!reply.is_object() || reply.find("for_saga") == nullptr) return;
    const std::string for_saga = reply.string_or("for_saga", ""), for_step = reply.string_or("for_step", "");
    expect(for_saga == saga.id.str() && for_step == path.str(), [&] {
      return place_of(saga, path) + " took the reply for step " + for_step + " of saga " + for_saga;
    });
  }
};

}  // namespace
std::unique_ptr<Checker> sagas_stay_apart() { return std::make_unique<SagasStayApart>(); }
}  // namespace weft::sim
