#pragma once  // orchestrator/sim/placement_watch.h

#include <map>
#include <set>
#include <string>

#include "orchestrator/sim/placement.h"
#include "orchestrator/sim/saga_mirror.h"

namespace weft::sim {

/// Notes which placements a run came to, from the sagas' events; what adapters do they say
/// themselves (ScriptedAdapters).
class PlacementWatch final {
 public:
  PlacementWatch(const Definitions& definitions,
                 std::map<std::string, std::set<Placement>>& reached)
      : definitions_(definitions), reached_(reached) {}

  void reached(const std::string& workflow, Placement placement);
  void saw(const SagaMirror::Seen& seen, const core::SagaState& state);
  /// Somebody sends an event or signal now.
  void sends_event(const std::string& name, const std::string& id, const core::SagaState& state);

 private:
  void saw_step(const SagaMirror::Seen& seen, const core::SagaState& state,
                const dsl::SagaGraph& graph);
  void saw_saga(const SagaMirror::Seen& seen, const core::SagaState& state,
                const dsl::SagaGraph& graph);

  const Definitions& definitions_;
  std::map<std::string, std::set<Placement>>& reached_;
  std::set<std::string> timed_out_;  ///< saga NUL path of a listen.
  std::map<std::string, std::set<std::string>>
      early_;  ///< Event id -> saga NUL step not listening yet.
};

}  // namespace weft::sim
