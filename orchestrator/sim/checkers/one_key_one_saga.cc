#include <map>
#include <utility>

#include "orchestrator/sim/checkers/checkers.h"

namespace weft::sim {
namespace {

/// One workflow and key is one saga, however often and by whatever way it was asked for. What
/// clients are answered is compared where they ask.
class OneKeyOneSaga final : public Checker {
 public:
  [[nodiscard]] std::string_view name() const override { return "I13 one key, one saga"; }

  void after_event(const Scene&, const SagaRecord& saga, const RecordedEvent& recorded) override {
    if (recorded.version != 1 || saga.state.birth.key.empty()) return;
    const auto [owner, fresh] = owners_.try_emplace({saga.state.birth.workflow, saga.state.birth.key}, saga.id);
    expect(fresh || owner->second == saga.id, [&] {
      return place_of(saga) + " has the key of saga " + owner->second.str();
    });
  }

 private:
  std::map<std::pair<std::string, std::string>, core::SagaId> owners_;
};

}  // namespace
std::unique_ptr<Checker> one_key_one_saga() { return std::make_unique<OneKeyOneSaga>(); }
}  // namespace weft::sim
