#include <map>

#include "orchestrator/sim/checkers/checkers.h"

namespace weft::sim {
namespace {

/// What somebody was told is on the disk when he is told, and still there after every crash.
class AcknowledgedIsDurable final : public Checker {
 public:
  [[nodiscard]] std::string_view name() const override { return "I1 what is acknowledged is durable"; }

  void on_acknowledged(const Scene& scene, const Acknowledged& told) override {
    check(scene, told, "was acknowledged before it was durable");
    auto& last = told_[told.saga];
    if (told.revision >= last.revision) last = told;
  }
  void on_end(const Scene& scene) override {
    for (const auto& [saga, told] : told_) check(scene, told, "was acknowledged and is gone");
  }

 private:
  void check(const Scene& scene, const Acknowledged& told, const char* how) const {
    const SagaRecord* record = scene.history.find(told.saga);
    const std::uint64_t durable = record == nullptr ? 0 : record->state.revision;
    expect(durable >= told.revision && durable > 0, [&] {
      return told.what + " of saga " + told.saga.str() + " at revision " +
             std::to_string(told.revision) + " " + how + ": the disk has " + std::to_string(durable);
    });
  }
  std::map<core::SagaId, Acknowledged> told_;
};

}  // namespace
std::unique_ptr<Checker> acknowledged_is_durable() { return std::make_unique<AcknowledgedIsDurable>(); }
}  // namespace weft::sim
