#include "orchestrator/sim/checkers/history.h"

#include "orchestrator/core/decider.h"
#include "orchestrator/core/event_codec.h"
#include "orchestrator/engine/tables.h"
#include "store/queries.h"

namespace weft::sim {

std::uint64_t mix(std::uint64_t digest, std::string_view bytes) {
  for (const char c : bytes) {
    digest = (digest ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  return digest;
}

const SagaRecord* History::find(const core::SagaId& saga) const {
  const auto found = sagas_.find(saga);
  return found == sagas_.end() ? nullptr : &found->second;
}

void History::read(const SimDisk& disk) {
  const SimRows rows(disk);
  for (;;) {
    const auto stored = store::queries::read_all(rows, position_, 512);
    if (!stored) return watcher_.broken("the disk can not be read: " + stored.error().message);
    for (const auto& event : *stored) take(event);
    if (stored->size() < 512) return;
  }
}

void History::take(const store::EventRecord& stored) {
  if (stored.position <= position_) watcher_.broken("a position was given twice");
  position_ = stored.position;
  ++events_;
  digest_ = mix(mix(mix(digest_, stored.stream.name), stored.header), stored.payload);
  digest_ = mix(digest_, std::to_string(stored.at_ms));
  if (!engine::is_saga_stream(stored.stream)) return;
  const core::SagaId id = engine::saga_of(stored.stream);
  SagaRecord& record = sagas_[id];
  record.id = id;
  if (record.first_position == 0) record.first_position = stored.position;
  if (stored.version != record.state.revision + 1) {
    watcher_.broken("saga " + id.str() + " has event " + std::to_string(stored.version) +
                    " after event " + std::to_string(record.state.revision));
  }
  core::EncodedEvent bytes{stored.type, stored.format, stored.at_ms, stored.header, stored.payload};
  auto event = core::decode(bytes);
  if (!event) return watcher_.broken("an event does not decode: " + event.error());
  const RecordedEvent recorded{stored.position, stored.version, *std::move(event)};
  if (watcher_.before) watcher_.before(record, recorded);
  try {
    core::evolve(record.state, recorded.event);
  } catch (const core::InvariantBroken& broken) {
    watcher_.broken("event " + std::to_string(stored.version) + " of saga " + id.str() +
                    " does not fold: " + broken.what());
  }
  record.last_at_ms = stored.at_ms;
  if (watcher_.after) watcher_.after(record, recorded);
}

}  // namespace weft::sim
