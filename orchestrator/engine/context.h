#pragma once  // orchestrator/engine/context.h: private to the engine's own files.

#include <optional>
#include <string>

#include "orchestrator/core/planted.h"
#include "orchestrator/engine/commit_queue.h"
#include "orchestrator/engine/dispatcher.h"
#include "orchestrator/engine/engine.h"
#include "orchestrator/engine/objectives.h"
#include "orchestrator/engine/ordering.h"
#include "orchestrator/engine/partition.h"
#include "orchestrator/engine/projections.h"
#include "orchestrator/engine/registry.h"
#include "orchestrator/engine/restored_sagas.h"
#include "orchestrator/engine/saga_repository.h"
#include "orchestrator/engine/status_ages.h"
#include "orchestrator/engine/timer_queue.h"

namespace weft::engine {

/// What the parts of one engine share. Owned by Engine; used on its thread.
struct Context {
  Context(EngineConfig configuration, store::EventStore& event_store,
          messaging::MessageBus& message_bus, Clock& system_clock, Executor executor,
          std::string store_secret, Dispatcher::Hooks tasks, Partition::Hooks commands);

  EngineConfig config;
  store::EventStore& store;
  messaging::MessageBus& bus;
  Clock& clock;
  Executor post;
  const Limits& limits;
  std::string secret;               ///< Of the store: tokens are signed with it.

  Metrics metrics;
  EngineTime time;
  Moment now;                       ///< Read at the beginning of every call from outside.
  CommitQueue commits;
  Registry registry;
  SagaRepository sagas;
  Projections projections;
  Objectives objectives;
  StatusAges ages;
  RestoredSagas restored;
  Ordering ordering;
  TimerQueue timers;
  Dispatcher dispatcher;
  Partition partition;

  bool recovered = false, draining = false, connected = false, failed = false;
  bool paused = false;              ///< The whole engine, by a person.
  bool disk_full = false;           ///< The store's reserve is in use: tasks are held as if paused.
  store::StoreStats store_stats;    ///< Refreshed every second.
  std::string overlap;              ///< A stream that captures our subjects: not ready.

  void refresh() { now = time.read(clock); }
  /// Asks the store how it is, and holds or releases tasks by the room it has.
  void refresh_store();
  /// The disk has less free than `store.reserve`.
  [[nodiscard]] bool below_reserve() const;
  void log(LogLevel level, std::string_view message, const LogFields& fields = {}) const {
    if (config.log) config.log(level, message, fields);
  }
  /// Gives `response` to `reply` once everything decided so far is durable.
  void answer(Reply reply, Response response) {
    if (!reply) return;
    if (PLANTED(2)) return reply(std::move(response));  // answered before it is durable
    commits.after_durable([reply = std::move(reply), response = std::move(response)] {
      reply(response);
    });
  }
  /// Why no new work is taken now, if so.
  [[nodiscard]] std::optional<Response> refusal_of_new_work() const;
  /// A saga by id or `workflow:key`; nothing if the text is neither.
  [[nodiscard]] std::optional<core::SagaId> saga_named(std::string_view name) const;
};

inline core::Actor engine_actor() { return {}; }

/// For JSON in rows of our own: it was within the limits when it came, and is wrapped a little.
[[nodiscard]] inline dsl::JsonLimits row_json_limits() {
  dsl::JsonLimits limits;
  limits.bytes_max = std::size_t{4} * 1024 * 1024;
  limits.depth_max = 80;
  return limits;
}

}  // namespace weft::engine
