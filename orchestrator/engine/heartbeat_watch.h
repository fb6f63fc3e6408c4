#pragma once  // orchestrator/engine/heartbeat_watch.h

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "orchestrator/core/effect.h"
#include "orchestrator/engine/clock.h"
#include "orchestrator/engine/task.h"

namespace weft::engine {

/// Pending attempts that must give a sign of life in time.
class HeartbeatWatches final {
 public:
  void watch(const core::SagaId& saga, const core::HeartbeatWatch& watch, const Moment& now);
  /// False: it was not watched.
  bool unwatch(const core::SagaId& saga, const core::StepPath& path);
  void heartbeat(const core::SagaId& saga, const core::StepPath& path, const Moment& now);
  /// Those that fell silent; they are watched no more.
  [[nodiscard]] std::vector<TaskKey> missed(const Moment& now);
  [[nodiscard]] std::optional<Clock::Instant> next() const;

 private:
  using Place = std::pair<core::SagaId, core::StepPath>;
  struct Watch {
    std::int64_t attempt = 1, interval_ms = 0;
    Clock::Instant due{};
  };
  void set_due(const Place& place, Watch& watch, const Moment& now);

  std::map<Place, Watch> watches_;
  std::set<std::pair<Clock::Instant, Place>> due_;
};

}  // namespace weft::engine
