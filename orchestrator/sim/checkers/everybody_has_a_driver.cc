#include <set>

#include "orchestrator/engine/tables.h"
#include "orchestrator/sim/checkers/checkers.h"
#include "orchestrator/sim/checkers/disk_rows.h"

namespace weft::sim {
namespace {

/// Every living saga has something on the disk that will drive it on: an effect still owed, a
/// timer, an event it waits for, a child or a saga before it in its queue that lives, or a mark for
/// a person. Looked at on the disk alone, so a crash at this very moment would lose nothing.
class EverybodyHasADriver final : public Checker {
 public:
  [[nodiscard]] std::string_view name() const override { return "L1 everybody has a driver"; }

  void on_look(const Scene& scene) override { check(scene); }
  void on_end(const Scene& scene) override { check(scene); }

 private:
  void check(const Scene& scene) {
    std::set<std::string> driven;  // names of streams with a row of their own
    const SimDisk& disk = scene.world.disk();
    auto read = each_timer(disk, [&](const store::Timer& timer) { driven.insert(timer.stream.name); });
    if (read) {
      read = each_outbox_row(disk,
                             [&](const store::OutboxRow& row) { driven.insert(row.stream.name); });
    }
    if (!read) return broken("the disk can not be read: " + read.error().message);
    std::set<std::string> queues;  // with somebody who will call the next one
    for (const auto& [id, saga] : scene.history.sagas()) {
      const bool owes = driven.contains(engine::saga_stream(id).name);
      if (saga.state.birth.ordering_key.empty()) continue;
      if ((!saga.state.ended() && saga.state.phase != core::Phase::kQueued) || owes) {
        queues.insert(saga.state.birth.workflow + '\0' + saga.state.birth.ordering_key);
      }
    }
    // The head of a queue that has not begun yet is begun by recovery.
    const SimRows rows(disk);
    const auto places = store::queries::scan_index(rows, engine::table::kQueuePlaces, "", "", 100'000);
    if (!places) return broken("the queues can not be read: " + places.error().message);
    std::string last_queue;
    for (const auto& row : *places) {
      const std::string queue = row.key.substr(0, 16);
      if (queue == last_queue) continue;
      last_queue = queue;
      const auto place = dsl::Value::parse(row.value);
      if (!place || !place->boolean_or("queued", false)) continue;
      queues.insert(place->string_or("workflow", "") + '\0' + place->string_or("key", ""));
    }
    for (const auto& [id, saga] : scene.history.sagas()) {
      if (saga.state.ended() || !saga.state.stuck.empty()) continue;
      if (driven.contains(engine::saga_stream(id).name)) continue;
      if (saga.state.phase == core::Phase::kQueued &&
          queues.contains(saga.state.birth.workflow + '\0' + saga.state.birth.ordering_key)) {
        continue;
      }
      if (waits_for_somebody(scene, saga.state, driven)) continue;
      broken(place_of(saga) + ", " + core::engine_state(saga.state) +
             ", has nothing on the disk that would drive it on");
    }
  }

  static bool waits_for_somebody(const Scene& scene, const core::SagaState& state,
                                 const std::set<std::string>& driven) {
    for (const core::Node& node : state.nodes) {
      if (!node.own_open && !node.own_undoing) continue;
      if (node.kind == "listen" || node.pending || node.compensation.pending) return true;
      if (node.kind == "saga") {
        const SagaRecord* child = scene.history.find(node.child);
        if (child != nullptr && !child->state.ended()) return true;
        // Its start or its end is on its way as an effect of one of the two streams.
        if (driven.contains(engine::saga_stream(node.child).name)) return true;
      }
    }
    return false;
  }
};

}  // namespace
std::unique_ptr<Checker> everybody_has_a_driver() { return std::make_unique<EverybodyHasADriver>(); }
}  // namespace weft::sim
