#include "orchestrator/sim/checkers/checkers.h"

namespace weft::sim {
namespace {

/// A saga's history grows with what happens to it and not with time: no timer or retry runs wild.
class HistoriesStayShort final : public Checker {
 public:
  [[nodiscard]] std::string_view name() const override { return "L4 histories stay short"; }

  void after_event(const Scene&, const SagaRecord& saga, const RecordedEvent&) override {
    // The generator's largest workflows write some hundred events, with every retry a thousand;
    // days without an adapter after the pivot add one attempt a minute at most.
    expect(saga.state.revision < 20'000, [&] { return place_of(saga) + " has an endless history"; });
  }
};

}  // namespace
std::unique_ptr<Checker> histories_stay_short() { return std::make_unique<HistoriesStayShort>(); }
}  // namespace weft::sim
