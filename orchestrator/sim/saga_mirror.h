#pragma once  // orchestrator/sim/saga_mirror.h

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "orchestrator/core/event.h"
#include "orchestrator/core/saga_state.h"
#include "orchestrator/sim/world.h"

namespace weft::sim {

/// What the world's sagas did, read from the durable events alone: what an observer may believe.
class SagaMirror final {
 public:
  struct Seen {
    core::SagaId saga;
    std::uint64_t revision = 0;
    std::int64_t at_ms = 0;  ///< Steady time when it was seen.
    core::Event event;
  };
  /// Called for each event, after it was folded.
  using Listener = std::function<void(const Seen&, const core::SagaState& after)>;

  explicit SagaMirror(World& world) : world_(world) {}

  void set_listener(Listener listener) { listener_ = std::move(listener); }
  /// Reads what has become durable since. The error is a sentence: an event that does not decode or
  /// does not fold.
  [[nodiscard]] tl::expected<void, std::string> poll();

  [[nodiscard]] const core::SagaState* find(const core::SagaId& saga) const;
  [[nodiscard]] const std::map<core::SagaId, core::SagaState>& sagas() const { return sagas_; }
  /// In order of durability.
  [[nodiscard]] const std::vector<Seen>& events() const { return events_; }

 private:
  World& world_;
  std::uint64_t position_ = 0;
  std::map<core::SagaId, core::SagaState> sagas_;
  std::vector<Seen> events_;
  Listener listener_;
};

}  // namespace weft::sim
