#pragma once  // orchestrator/engine/restored_sagas.h

#include <cstdint>
#include <optional>

#include <tl/expected.hpp>

#include "dsl/value.h"
#include "orchestrator/core/saga_state.h"
#include "orchestrator/engine/commit_queue.h"
#include "orchestrator/engine/saga_repository.h"
#include "store/event_store.h"

namespace weft::engine {

/// The sagas whose effects may be ahead of what a restored store knows: all that had not ended when
/// its backup was taken, until they end. Accepting the store (`weft unpause engine`) lets them go
/// on; they stay on the list, so that one can see them off it.
///
/// They are told by the time they were accepted: engine time never goes back, and in a restored
/// store it goes on after the last event of the backup. So the list is a part of the ordinary list
/// rows, and all that is kept is how many they are.
class RestoredSagas final {
 public:
  explicit RestoredSagas(const store::EventStore& store) : store_(store) {}

  /// Notes a restored store at its first start, and reads what was noted.
  [[nodiscard]] tl::expected<void, std::string> recover(CommitQueue& commits);
  /// Fresh events of one saga, before the other read models have heard of them (Projections).
  void decided(const SagaEntry& entry, std::uint64_t revision_before, store::Commit& commit);

  /// May the effects of a saga in this state, accepted then, be ahead?
  [[nodiscard]] bool holds(core::Timestamp accepted_at, std::string_view state) const;
  /// When the backup's last event was; nothing if there is no such saga (any more).
  [[nodiscard]] std::optional<core::Timestamp> until() const;
  /// For `weft status`: null where the store is no restored one, or was accepted and none is left.
  [[nodiscard]] dsl::Value to_value() const;

 private:
  struct Mark {
    store::RestoredFrom from;
    core::Timestamp last_event;
    std::int64_t unfinished = 0;
  };
  void write(store::Commit& commit) const;

  const store::EventStore& store_;
  std::optional<Mark> mark_;
};

/// How many sagas of a store have not ended, by its own counts.
[[nodiscard]] tl::expected<std::int64_t, std::string> unfinished_sagas(
    const store::EventStore& store);

}  // namespace weft::engine
