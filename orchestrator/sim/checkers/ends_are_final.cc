#include "orchestrator/sim/checkers/checkers.h"

namespace weft::sim {
namespace {

/// Completed, compensated, failed and terminated are for ever. The one way out is a parent's undo
/// of a completed child.
class EndsAreFinal final : public Checker {
 public:
  [[nodiscard]] std::string_view name() const override { return "I4 an end is final"; }

  void before_event(const Scene&, const SagaRecord& saga, const RecordedEvent&) override {
    before_ = saga.state.phase;
  }
  void after_event(const Scene&, const SagaRecord& saga, const RecordedEvent& recorded) override {
    const core::Phase now = saga.state.phase;
    if (before_ < core::Phase::kCompleted || now == before_) return;
    const bool undone_by_parent = before_ == core::Phase::kCompleted &&
                                  !saga.state.birth.parent.empty() && !saga.state.birth.detached &&
                                  now == core::Phase::kBackward;
    expect(undone_by_parent, [&] {
      return place_of(saga) + " left its end by " + core::type_name(recorded.event);
    });
  }

 private:
  core::Phase before_ = core::Phase::kNew;
};

}  // namespace
std::unique_ptr<Checker> ends_are_final() { return std::make_unique<EndsAreFinal>(); }
}  // namespace weft::sim
