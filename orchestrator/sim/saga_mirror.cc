#include "orchestrator/sim/saga_mirror.h"

#include <utility>

#include "orchestrator/core/decider.h"
#include "orchestrator/core/event_codec.h"
#include "orchestrator/engine/tables.h"

namespace weft::sim {

tl::expected<void, std::string> SagaMirror::poll() {
  constexpr std::size_t kPerRead = 500;
  if (!world_.running()) return {};
  while (world_.store().head_position() > position_) {
    auto records = world_.store().read_all(position_, kPerRead);
    if (!records) return tl::unexpected(records.error().message);
    if (records->empty()) return {};
    for (const store::EventRecord& record : *records) {
      position_ = record.position;
      if (!engine::is_saga_stream(record.stream)) continue;
      const core::SagaId saga = engine::saga_of(record.stream);
      auto event =
          core::decode({record.type, record.format, record.at_ms, record.header, record.payload});
      if (!event) return tl::unexpected("saga " + saga.str() + ": " + event.error());
      core::SagaState& state = sagas_[saga];
      try {
        core::evolve(state, *event);
      } catch (const core::InvariantBroken& broken) {
        return tl::unexpected("saga " + saga.str() + ", event " + std::to_string(record.version) +
                              ": " + broken.what());
      }
      events_.push_back({saga, record.version, world_.steady_ms(), std::move(*event)});
      if (listener_) listener_(Seen(events_.back()), state);
    }
  }
  return {};
}

const core::SagaState* SagaMirror::find(const core::SagaId& saga) const {
  const auto found = sagas_.find(saga);
  return found == sagas_.end() ? nullptr : &found->second;
}

}  // namespace weft::sim
