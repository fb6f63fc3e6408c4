#include <map>
#include <set>

#include "orchestrator/sim/checkers/checkers.h"

namespace weft::sim {
namespace {

/// Sagas of one ordering key run one after another, in the order of their acceptance.
class QueuesKeepTheirOrder final : public Checker {
 public:
  [[nodiscard]] std::string_view name() const override { return "I14 queues keep their order"; }

  void after_event(const Scene& scene, const SagaRecord& saga, const RecordedEvent& recorded) override {
    const core::Birth& birth = saga.state.birth;
    if (birth.ordering_key.empty() || (!birth.parent.empty() && !birth.detached)) return;
    Queue& queue = queues_[birth.workflow + '\0' + birth.ordering_key];
    if (std::holds_alternative<core::SagaQueued>(recorded.event.body)) {
      queue.waiting[recorded.position] = saga.id;
      queue.place[saga.id] = recorded.position;
    } else if (std::holds_alternative<core::SagaStarted>(recorded.event.body)) {
      const bool free = scene.handled_by_people(saga.id);
      for (const core::SagaId& other : queue.running) {
        expect(free || scene.handled_by_people(other), [&] {
          return place_of(saga) + " begins while " + other.str() + " of the same queue `" +
                 birth.ordering_key + "` runs";
        });
      }
      const auto place = queue.place.find(saga.id);
      const std::uint64_t mine = place == queue.place.end() ? recorded.position : place->second;
      for (const auto& [position, other] : queue.waiting) {
        if (position >= mine) break;
        expect(free || scene.handled_by_people(other), [&] {
          return place_of(saga) + " begins before " + other.str() + ", which was accepted earlier";
        });
      }
      queue.waiting.erase(mine);
      queue.running.insert(saga.id);
    } else if (saga.state.ended()) {
      queue.running.erase(saga.id);
      if (const auto place = queue.place.find(saga.id); place != queue.place.end()) {
        queue.waiting.erase(place->second);
      }
    }
  }

 private:
  struct Queue {
    std::map<std::uint64_t, core::SagaId> waiting;  ///< By position of acceptance.
    std::map<core::SagaId, std::uint64_t> place;
    std::set<core::SagaId> running;
  };
  std::map<std::string, Queue> queues_;
};

}  // namespace
std::unique_ptr<Checker> queues_keep_their_order() { return std::make_unique<QueuesKeepTheirOrder>(); }
}  // namespace weft::sim
