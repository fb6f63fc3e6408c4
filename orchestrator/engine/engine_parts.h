#pragma once  // orchestrator/engine/engine_parts.h: private to engine.cc and engine_parts.cc.

#include <cstdint>
#include <optional>
#include <string>

#include "adapters/messaging/requester.h"
#include "orchestrator/engine/builtin_adapter.h"
#include "orchestrator/engine/children.h"
#include "orchestrator/engine/context.h"
#include "orchestrator/engine/controls.h"
#include "orchestrator/engine/dead_letter.h"
#include "orchestrator/engine/event_correlation.h"
#include "orchestrator/engine/intake.h"
#include "orchestrator/engine/notifications.h"
#include "orchestrator/engine/operations.h"
#include "orchestrator/engine/queries.h"
#include "orchestrator/engine/triggers.h"

namespace weft::engine {

/// Everything one engine is made of, and what passes between the parts.
struct Engine::Parts {
  Parts(EngineConfig config, store::EventStore& store, messaging::MessageBus& bus, Clock& clock,
        Executor post, std::string secret);

  Dispatcher::Hooks task_hooks();
  Partition::Hooks command_hooks();
  void decided(SagaEntry& entry, const core::Decided& decided, std::uint64_t revision_before,
               store::Commit& commit);
  std::optional<core::Rejection> admit(core::StartSaga& start, const dsl::SagaGraph& graph);
  void at_once(const core::SagaId& saga, const core::SagaEffect& effect);
  void release(const core::SagaId& saga, const core::SagaEffect& effect, const OutboxRowData* row,
               const std::string& row_id, bool resent);
  void report(const Task& task, core::TaskReply reply);
  void run_next(const core::SagaId& saga);
  void fire_timers();
  void check_overlap();
  [[nodiscard]] tl::expected<void, std::string> recover_outbox();
  void recover_queues();

  Context context;
  DeadLetter dead_letter;
  Correlation correlation;
  Queries queries;
  Operations operations;
  Intake intake;
  Children children;
  Controls controls;
  messaging::Requester requester;
  Notifications notifications;
  Triggers triggers;
  BuiltinAdapter builtin;
  Clock::Instant stats_next{}, requester_next{}, overlap_next{};
};

}  // namespace weft::engine
