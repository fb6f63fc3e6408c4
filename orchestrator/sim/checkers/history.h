#pragma once  // orchestrator/sim/checkers/history.h

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "orchestrator/core/event.h"
#include "orchestrator/core/saga_state.h"
#include "orchestrator/sim/sim_store.h"

namespace weft::sim {

/// What the disk says of one saga, folded by the watcher itself and by nobody else.
struct SagaRecord {
  core::SagaId id;
  core::SagaState state;
  std::uint64_t first_position = 0;  ///< Of its first event.
  std::int64_t last_at_ms = 0;
};

/// A durable event together with its place.
struct RecordedEvent {
  std::uint64_t position = 0, version = 0;
  core::Event event;
};

/// The durable truth of a virtual world: reads the disk as it grows, past every crash. It knows
/// nothing of the engine's memory, so it can be compared with it.
class History final {
 public:
  struct Watcher {
    /// Each durable event, before and after it is folded into the record.
    std::function<void(const SagaRecord&, const RecordedEvent&)> before, after;
    std::function<void(const std::string&)> broken;  ///< The disk itself makes no sense.
  };
  explicit History(Watcher watcher) : watcher_(std::move(watcher)) {}

  /// Takes in what became durable since the last call.
  void read(const SimDisk& disk);
  [[nodiscard]] const std::map<core::SagaId, SagaRecord>& sagas() const { return sagas_; }
  [[nodiscard]] const SagaRecord* find(const core::SagaId& saga) const;
  [[nodiscard]] std::uint64_t events() const { return events_; }
  [[nodiscard]] std::uint64_t position() const { return position_; }
  /// Over every event ever read: two equal worlds have equal ones.
  [[nodiscard]] std::uint64_t digest() const { return digest_; }

 private:
  void take(const store::EventRecord& stored);

  Watcher watcher_;
  std::map<core::SagaId, SagaRecord> sagas_;
  std::uint64_t position_ = 0, events_ = 0, digest_ = 0xcbf29ce484222325;
};

/// FNV-1a, continued: for comparing runs, not a storage format.
[[nodiscard]] std::uint64_t mix(std::uint64_t digest, std::string_view bytes);

}  // namespace weft::sim
