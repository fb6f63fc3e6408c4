#include "orchestrator/sim/checkers/checkers.h"
#include "store/queries.h"

namespace weft::sim {
namespace {

/// No gap, no double, every link of the hash chain holds. (Gaps are found by History itself.)
class StreamsAreWhole final : public Checker {
 public:
  [[nodiscard]] std::string_view name() const override { return "I3 streams have no gap"; }

  void on_look(const Scene& scene) override { verify(scene, 8); }
  // All of it, and at the second end of a world what was not there at the first.
  void on_end(const Scene& scene) override {
    const std::uint64_t events = scene.history.events();
    verify(scene, verified_ == 0 ? 1'000'000 : events - verified_ + 64);
    verified_ = events;
  }

 private:
  std::uint64_t verified_ = 0;  ///< Events.

  void verify(const Scene& scene, std::size_t appends) const {
    const SimRows rows(scene.world.disk());
    const auto whole = store::queries::verify_tail(rows, appends);
    expect(whole.has_value(), [&] { return "the chain is broken: " + whole.error().message; });
  }
};

}  // namespace
std::unique_ptr<Checker> streams_are_whole() { return std::make_unique<StreamsAreWhole>(); }
}  // namespace weft::sim
