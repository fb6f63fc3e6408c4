#include <map>
#include <set>

#include "orchestrator/sim/checkers/checkers.h"

namespace weft::sim {
namespace {

/// Attempts are numbered without a gap, and there are no more of them than the policy allows;
/// crashes give none back.
class AttemptsStayInBudget final : public Checker {
 public:
  [[nodiscard]] std::string_view name() const override { return "I12 attempts stay in their budget"; }

  void before_event(const Scene& scene, const SagaRecord& saga, const RecordedEvent& recorded) override {
    const auto* again = std::get_if<core::StepScheduled>(&recorded.event.body);
    if (again == nullptr || again->kind != "call" || again->probe) return;
    const core::Node* node = saga.state.find(again->path);
    const std::int64_t before = node == nullptr ? 0 : node->attempts;
    expect(again->attempt == before + 1, [&] {
      return place_of(saga, again->path) + ": attempt " + std::to_string(again->attempt) +
             " follows attempt " + std::to_string(before);
    });
    const auto* graph = scene.graph(saga.state.birth.graph_digest);
    if (graph == nullptr || node == nullptr) return;
    const auto step = graph->step_by_name.find(std::string(core::step_name(again->path)));
    if (step == graph->step_by_name.end() || !graph->steps[step->second].call) return;
    const std::int64_t most = graph->steps[step->second].call->retry.attempts_max;
    expect(most == 0 || again->attempt - node->attempts_base <= most, [&] {
      return place_of(saga, again->path) + ": attempt " + std::to_string(again->attempt) +
             ", and the policy allows " + std::to_string(most) + " after " +
             std::to_string(node->attempts_base);
    });
  }
  // Who asks an unsafe adapter twice orders twice.
  void on_sent(const Scene& scene, const SentTask& sent) override {
    if (sent.compensation || sent.probe || sent.dry_run) return;
    const SagaRecord* saga = scene.history.find(sent.saga);
    const auto* graph = saga == nullptr ? nullptr : scene.graph(saga->state.birth.graph_digest);
    if (graph == nullptr || graph->adapter(sent.adapter).guarantee != dsl::Guarantee::kUnsafe) return;
    const int times = ++sent_[{sent.key, sent.attempt}];
    // What was bounced or put back untouched may be sent again by the same process.
    const core::Node* node = saga->state.find(sent.path);
    expect(times == 1 || returned_.contains({sent.key, sent.attempt}) || node == nullptr, [&] {
      return place_of(*saga, sent.path) + " went out to an unsafe adapter " + std::to_string(times) +
             " times in attempt " + std::to_string(sent.attempt);
    });
  }
  void on_returned(const std::string& key, std::int64_t attempt) override {
    returned_.insert({key, attempt});
  }

 private:
  std::map<std::pair<std::string, std::int64_t>, int> sent_;
  std::set<std::pair<std::string, std::int64_t>> returned_;
};

}  // namespace
std::unique_ptr<Checker> attempts_stay_in_budget() { return std::make_unique<AttemptsStayInBudget>(); }
}  // namespace weft::sim
