#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "orchestrator/sim/checkers/checkers.h"

namespace weft::sim {
namespace {

/// A late reply is recorded once per attempt and direction, however often it comes; and a success
/// that reached the orchestrator is not forgotten, whenever it came. (The modelled adapters say in
/// each reply for which saga and step it is.)
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

  void on_received(const Scene& scene, const messaging::Received& message) override {
    if (!message.subject.starts_with("_INBOX.") || message.status != 0) return;
    if (message.body.find("\"for_saga\"") == std::string::npos) return;
    const auto reply = dsl::Value::parse(message.body);
    if (!reply || reply->find("for_saga") == nullptr) return;  // a probe's answer quotes it
    const auto place = std::pair{core::SagaId(reply->string_or("for_saga", "")),
                                 core::StepPath(reply->string_or("for_step", ""))};
    heard_.emplace(place, scene.world.steady_ms());
  }
  void on_death() override { heard_.clear(); }
  void on_look(const Scene& scene) override { remembers(scene); }
  void on_end(const Scene& scene) override { remembers(scene); }

 private:
  void remembers(const Scene& scene) {
    for (auto at = heard_.begin(); at != heard_.end();) {
      // A minute for a sync that takes half of one.
      if (scene.world.steady_ms() - at->second < 60'000) {
        ++at;
        continue;
      }
      const auto& [saga_id, path] = at->first;
      const SagaRecord* saga = scene.history.find(saga_id);
      const core::Node* node = saga == nullptr ? nullptr : saga->state.find(path);
      const bool known = node != nullptr && (node->effect == core::Effect::kHappened || !node->late.empty());
      expect(known || saga == nullptr || saga->state.phase == core::Phase::kTerminated, [&, &step = path] {
        return place_of(*saga, step) + " succeeded, its adapter's answer came, and nothing tells of it";
      });
      at = heard_.erase(at);
    }
  }
  std::map<std::pair<core::SagaId, core::StepPath>, std::int64_t> heard_;  ///< First at.
  std::set<std::tuple<core::SagaId, core::StepPath, std::int64_t, std::string>> told_;
};

}  // namespace
std::unique_ptr<Checker> late_replies_are_told_once() {
  return std::make_unique<LateRepliesAreToldOnce>();
}
}  // namespace weft::sim
