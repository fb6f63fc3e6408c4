#include "orchestrator/engine/saga_repository.h"

#include <chrono>
#include <utility>

#include "orchestrator/core/decider.h"
#include "orchestrator/core/event_codec.h"
#include "orchestrator/engine/tables.h"

namespace weft::engine {
namespace {

constexpr std::size_t kEventsPerRead = 500;
// A saga that waits for a person or for tomorrow takes five times its stored bytes while it is here.
// Beyond this much, whoever was not spoken of for so long is folded again when his time comes; a
// saga at work hears from an adapter sooner.
constexpr std::size_t kIdleBytesMax = std::size_t{8} * 1024 * 1024;
constexpr std::chrono::seconds kIdleAfter{2};

store::StoreError damaged(const core::SagaId& saga, std::uint64_t version, const std::string& why) {
  return {store::StoreError::Kind::kDamaged,
          "saga " + saga.str() + ", event " + std::to_string(version) + ": " + why};
}

}  // namespace

SagaRepository::SagaRepository(const store::EventStore& store, GraphLookup graphs,
                               std::size_t sagas_max, std::size_t bytes_max)
    : store_(store), graphs_(std::move(graphs)), sagas_max_(sagas_max), bytes_max_(bytes_max) {}

store::Result<SagaEntry*> SagaRepository::load(const core::SagaId& saga) {
  const auto found = entries_.find(saga);
  if (found != entries_.end()) {
    recent_.splice(recent_.begin(), recent_, found->second.place);
    found->second.used = now_;
    SagaEntry& known = *found->second.entry;
    if (!known.graph && known.state.exists()) {  // It may have been deployed again since.
      known.graph = graphs_(known.state.birth.workflow, known.state.birth.graph_digest);
    }
    return &known;
  }
  auto entry = read(saga, 0);
  if (!entry) return tl::unexpected(entry.error());
  bytes_ += entry->bytes;
  recent_.push_front(saga);
  Slot slot{std::make_unique<SagaEntry>(std::move(*entry)), recent_.begin(), now_};
  return entries_.emplace(saga, std::move(slot)).first->second.entry.get();
}

store::Result<SagaEntry> SagaRepository::read(const core::SagaId& saga,
                                              std::uint64_t revision) const {
  const store::StreamId stream = saga_stream(saga);
  SagaEntry entry;
  auto snapshot = store_.load_snapshot(stream);
  if (!snapshot) return tl::unexpected(snapshot.error());
  if (*snapshot && (revision == 0 || (*snapshot)->version <= revision)) {
    // A snapshot is a cache: one that cannot be read is passed over.
    if (auto state = core::decode_state((*snapshot)->data);
        state && state->revision == (*snapshot)->version) {
      entry.state = std::move(*state);
      entry.snapshot_revision = (*snapshot)->version;
      entry.bytes = (*snapshot)->data.size();
    }
  }
  for (;;) {
    const std::uint64_t from = entry.state.revision + 1;
    std::size_t wanted = kEventsPerRead;
    if (revision > 0) {
      if (from > revision) break;
      wanted = std::min<std::size_t>(wanted, revision - from + 1);
    }
    auto records = store_.read_stream(stream, from, wanted);
    if (!records) return tl::unexpected(records.error());
    for (const store::EventRecord& record : *records) {
      entry.bytes += record.header.size() + record.payload.size();
      auto event = core::decode(
          {record.type, record.format, record.at_ms, record.header, record.payload});
      if (!event) return tl::unexpected(damaged(saga, record.version, event.error()));
      try {
        core::evolve(entry.state, *event);
      } catch (const core::InvariantBroken& broken) {
        return tl::unexpected(damaged(saga, record.version, broken.what()));
      }
    }
    if (records->size() < wanted) break;
  }
  if (entry.state.exists()) {
    entry.graph = graphs_(entry.state.birth.workflow, entry.state.birth.graph_digest);
    entry.row_state = core::engine_state(entry.state);
    entry.row_status = entry.state.status;
    entry.row_known = true;
  }
  return entry;
}

void SagaRepository::drop(const core::SagaId& saga) {
  if (const auto found = entries_.find(saga); found != entries_.end()) forget(found);
}

void SagaRepository::forget(Entries::iterator found) {
  bytes_ -= found->second.entry->bytes;
  recent_.erase(found->second.place);
  entries_.erase(found);
}

void SagaRepository::evict(std::uint64_t durable_batch, Clock::Instant now) {
  now_ = now;
  while (!retired_.empty()) {
    const auto found = entries_.find(retired_.front());
    if (found != entries_.end()) {
      if (found->second.entry->last_batch > durable_batch) break;
      if (found->second.entry->state.ended()) forget(found);
    }
    retired_.pop_front();
  }
  auto place = recent_.end();
  std::size_t looked_at = 0;
  // What is not durable yet is few and recent; a bounded look keeps this constant work.
  while (place != recent_.begin() && looked_at++ < sagas_max_) {
    const bool beyond = entries_.size() > sagas_max_ || bytes_ > bytes_max_;
    if (!beyond && bytes_ <= kIdleBytesMax) return;
    --place;
    const auto found = entries_.find(*place);
    if (!beyond && found->second.used + kIdleAfter > now) return;
    if (found->second.entry->last_batch > durable_batch) continue;
    ++place;
    forget(found);
  }
}

}  // namespace weft::engine
