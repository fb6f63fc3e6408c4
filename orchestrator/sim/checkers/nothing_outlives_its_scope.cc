#include <algorithm>

#include "orchestrator/engine/tables.h"
#include "orchestrator/sim/checkers/checkers.h"
#include "orchestrator/sim/checkers/disk_rows.h"

namespace weft::sim {
namespace {

/// A saga that has ended and repairs nothing owns no timer, no open task and no listener.
class NothingOutlivesItsScope final : public Checker {
 public:
  [[nodiscard]] std::string_view name() const override { return "I15 nothing outlives its scope"; }

  void on_look(const Scene& scene) override { check(scene); }
  void on_end(const Scene& scene) override { check(scene); }

 private:
  /// A row's id for a person: its numbers are bytes (engine/outbox_row.h).
  static std::string named(const std::string& id) {
    std::string text = "outbox row ";
    for (const char c : id) {
      text += c > ' ' ? std::string(1, c) : "<" + std::to_string(static_cast<int>(c)) + ">";
    }
    return text;
  }
  void check(const Scene& scene) const {
    const SimDisk& disk = scene.world.disk();
    auto read = each_timer(disk, [&](const store::Timer& timer) {
      if (engine::is_saga_stream(timer.stream)) owner_lives(scene, timer.stream, "timer " + timer.id);
    });
    if (!read) return broken("timers can not be read: " + read.error().message);
    read = each_outbox_row(disk, [&](const store::OutboxRow& row) {
      if (!engine::is_saga_stream(row.stream) || row.id.empty() || row.id[0] == 'e') return;
      owner_lives(scene, row.stream, named(row.id));
    });
    if (!read) broken("the outbox can not be read: " + read.error().message);
  }

  void owner_lives(const Scene& scene, const store::StreamId& stream, const std::string& what) const {
    const SagaRecord* saga = scene.history.find(engine::saga_of(stream));
    if (saga == nullptr) return broken(what + " of " + stream.name + " belongs to no saga");
    if (!saga->state.ended()) return;
    const bool repairs =
        std::any_of(saga->state.nodes.begin(), saga->state.nodes.end(), [](const core::Node& node) {
          using State = core::CompensationState::State;
          return node.compensation.repair && (node.compensation.state == State::kRunning ||
                                              node.compensation.state == State::kRetrying ||
                                              node.compensation.state == State::kStuck);
        });
    expect(repairs, [&] { return place_of(*saga) + " has ended and still owns a " + what; });
  }
};

}  // namespace
std::unique_ptr<Checker> nothing_outlives_its_scope() {
  return std::make_unique<NothingOutlivesItsScope>();
}
}  // namespace weft::sim
