#include <map>

#include "orchestrator/core/decider.h"
#include "orchestrator/core/event_codec.h"
#include "orchestrator/sim/checkers/checkers.h"

namespace weft::sim {
namespace {

/// What the engine shows of a saga - from memory, from a snapshot and its tail, after a restart at
/// any event - is the fold of the disk's events from the first on, byte for byte.
class MemoryIsTheFold final : public Checker {
 public:
  [[nodiscard]] std::string_view name() const override { return "I7 memory is the fold of the disk"; }

  // A few at each look, all of them in time.
  void on_look(const Scene& scene) override {
    const auto& sagas = scene.history.sagas();
    if (sagas.empty()) return;
    auto at = sagas.upper_bound(next_);
    for (int i = 0; i < 5; ++i, ++at) {
      if (at == sagas.end()) at = sagas.begin();
      next_ = at->first;
      compare(scene, at->second);
    }
  }
  void on_end(const Scene& scene) override {
    for (const auto& [id, saga] : scene.history.sagas()) {
      // The second end of a world, after people freed what was stuck, repeats nothing.
      const auto seen = seen_at_end_.find(id);
      if (seen != seen_at_end_.end() && seen->second == saga.state.revision) continue;
      seen_at_end_[id] = saga.state.revision;
      compare(scene, saga);
    }
  }

 private:
  void compare(const Scene& scene, const SagaRecord& saga) const {
    const std::string folded = core::encode_state(saga.state);
    const auto again = core::decode_state(folded);
    expect(again && core::encode_state(*again) == folded,
           [&] { return place_of(saga) + " changes when it is stored as a snapshot"; });
    if (!scene.world.running() || scene.world.fatal()) return;
    const std::uint64_t position = scene.history.position();
    const auto shown = scene.world.ask(engine::ShowSaga{saga.id.str(), saga.state.revision});
    if (!shown || !shown->ok() || scene.history.position() != position) return;
    const auto* graph = scene.graph(saga.state.birth.graph_digest);
    if (graph == nullptr) return;
    const dsl::Value expected = core::show(graph, saga.state);
    for (const char* member : {"state", "steps", "ledger", "error", "waiting", "status", "stuck"}) {
      const auto* left = expected.find(member);
      const auto* right = shown->body.find(member);
      expect(left != nullptr && right != nullptr && *left == *right, [&] {
        return place_of(saga) + " is shown with another `" + member + "`: " +
               (right == nullptr ? "none" : right->to_json()) + " instead of " +
               (left == nullptr ? "none" : left->to_json());
      });
    }
  }
  core::SagaId next_;
  std::map<core::SagaId, std::uint64_t> seen_at_end_;  ///< With the revision.
};

}  // namespace
std::unique_ptr<Checker> memory_is_the_fold() { return std::make_unique<MemoryIsTheFold>(); }
}  // namespace weft::sim
