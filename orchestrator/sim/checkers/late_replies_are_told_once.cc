#include <set>
#include <tuple>

#include "orchestrator/sim/checkers/checkers.h"

namespace weft::sim {
namespace {

/// A late reply is recorded once per attempt and direction, however often it comes.
class LateRepliesAreToldOnce final : public Checker {
 public:
  [[nodiscard]] std::string_view name() const override { return "I18 late replies are told once"; }

  void after_event(const Scene&, const SagaRecord& saga, const RecordedEvent& recorded) override {
    const auto* late = std::get_if<core::LateReplyRecorded>(&recorded.event.body);
    if (late == nullptr) return;
    // Twice only if it failed first and succeeded then.
    const std::int64_t attempt = late->outcome == "succeeded" ? -late->attempt : late->attempt;
    const bool fresh = told_.emplace(saga.id, late->path, attempt, late->direction).second;
    expect(fresh, [&] {
      return place_of(saga, late->path) + ": the late reply of attempt " +
             std::to_string(late->attempt) + " (" + late->direction + ") is recorded twice";
    });
  }

 private:
  std::set<std::tuple<core::SagaId, core::StepPath, std::int64_t, std::string>> told_;
};

}  // namespace
std::unique_ptr<Checker> late_replies_are_told_once() {
  return std::make_unique<LateRepliesAreToldOnce>();
}
}  // namespace weft::sim
