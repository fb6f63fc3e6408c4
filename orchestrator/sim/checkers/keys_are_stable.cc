#include <map>

#include "orchestrator/core/ids.h"
#include "orchestrator/sim/checkers/checkers.h"

namespace weft::sim {
namespace {

/// One step instance has one idempotency key over all attempts and restarts, and shares it with
/// nobody.
class KeysAreStable final : public Checker {
 public:
  [[nodiscard]] std::string_view name() const override { return "I11 keys are stable"; }

  void on_sent(const Scene&, const SentTask& sent) override {
    const std::string expected = core::idempotency_key(sent.saga, sent.path).str();
    expect(sent.key == expected, [&] {
      return "attempt " + std::to_string(sent.attempt) + " of saga " + sent.saga.str() + " step " +
             sent.path.str() + " went out under the key " + sent.key + ", not " + expected;
    });
    const auto [owner, fresh] = owners_.try_emplace(sent.key, std::pair{sent.saga, sent.path});
    expect(fresh || owner->second == std::pair{sent.saga, sent.path}, [&] {
      return "key " + sent.key + " is used by step " + sent.path.str() + " of saga " +
             sent.saga.str() + " and by step " + owner->second.second.str() + " of saga " +
             owner->second.first.str();
    });
  }

 private:
  std::map<std::string, std::pair<core::SagaId, core::StepPath>> owners_;
};

}  // namespace
std::unique_ptr<Checker> keys_are_stable() { return std::make_unique<KeysAreStable>(); }
}  // namespace weft::sim
