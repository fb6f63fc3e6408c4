#pragma once  // orchestrator/engine/ordering.h

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "dsl/saga_graph.h"
#include "orchestrator/core/event.h"
#include "orchestrator/core/ids.h"
#include "store/event_store.h"

namespace weft::engine {

/// Sagas of one ordering key, one after another in order of acceptance. A place is a row written in
/// the commit that accepts the saga and removed in the commit that ends it, so place and saga are
/// durable together and a crash loses neither; whose turn it is follows from the rows alone.
class Ordering final {
 public:
  struct Place {
    std::uint64_t number = 0;
    core::SagaId saga;
    bool queued = false;  ///< It had to wait: when it becomes the head it must be told to run.
  };
  struct Queue {
    std::string workflow, key;
    std::deque<Place> places;          ///< The head runs.
    std::uint64_t next_place = 1;
  };

  explicit Ordering(const store::EventStore& store) : store_(store) {}
  [[nodiscard]] tl::expected<void, std::string> recover();

  [[nodiscard]] bool occupied(const std::string& workflow, const std::string& key) const;
  [[nodiscard]] std::optional<core::SagaId> head(const std::string& workflow,
                                                 const std::string& key) const;
  /// Takes the last place.
  void join(const core::Birth& birth, bool queued, store::Commit& commit);
  /// Gives the place up. The saga that becomes the head, if it does.
  std::optional<core::SagaId> leave(const core::Birth& birth, store::Commit& commit);
  /// Sagas between the head and `newest`: what `supersede` ends.
  [[nodiscard]] std::vector<core::SagaId> superseded_by(const core::Birth& newest) const;

  /// Queues in which somebody waits, or all whose key is `key`.
  [[nodiscard]] std::vector<const Queue*> blocked(const std::string& key) const;
  [[nodiscard]] std::map<std::string, std::int64_t> blocked_by_workflow() const;
  [[nodiscard]] const std::map<std::string, Queue>& queues() const { return queues_; }

 private:
  static std::string name_of(const std::string& workflow, const std::string& key);
  const store::EventStore& store_;
  std::map<std::string, Queue> queues_;  ///< By 16 bytes of digest.
  std::set<std::string> waiting_;        ///< Those with more than one place.
};

}  // namespace weft::engine
