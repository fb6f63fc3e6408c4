// What passes between the parts of an engine: decisions on their way to the disk and to the world,
// answers on their way back, and all that after a restart.

#include <algorithm>
#include <chrono>
#include <type_traits>
#include <utility>
#include <variant>

#include "orchestrator/core/planted.h"
#include "orchestrator/core/reached.h"
#include "orchestrator/engine/engine_parts.h"
#include "orchestrator/engine/event_log.h"
#include "orchestrator/engine/outbox_row.h"
#include "orchestrator/engine/tables.h"

namespace weft::engine {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kOutboxRowsPerRead = 1'000;
constexpr milliseconds kOverlapEvery{5'000};

}  // namespace

Engine::Parts::Parts(EngineConfig config, store::EventStore& store, messaging::MessageBus& bus,
                     Clock& clock, Executor post, std::string secret)
    : context(std::move(config), store, bus, clock, std::move(post), std::move(secret),
              task_hooks(), command_hooks()),
      dead_letter(context),
      correlation(context, dead_letter),
      queries(context, dead_letter),
      operations(context),
      intake(context, operations, correlation, queries),
      children(context, intake),
      controls(context, dead_letter, correlation),
      requester(bus),
      notifications(context, correlation, requester),
      triggers(context, intake, dead_letter),
      builtin(context, intake, operations, correlation, queries) {
  intake.set_builtin([this](const messaging::Received& message, const Reply& reply) {
    return builtin.on_message(message, reply);
  });
  operations.set_finder([this](const std::string& where, std::size_t max,
                               std::vector<std::string>& sagas, Response& refused) {
    return queries.find(where, max, sagas, refused);
  });
  queries.set_paused_workflow([this](const std::string& workflow) {
    return controls.paused_workflows().contains(workflow);
  });
  correlation.set_starter([this](const std::string& name, const dsl::Value& data,
                                 const std::string& id) {
    return triggers.on_event(name, data, id);
  });
  controls.set_restart([this](const DeadLetter::Letter& letter, const std::string& id,
                              const dsl::Value& data, const core::Actor& actor,
                              const Reply& reply) {
    triggers.again(letter, id, data, actor, reply);
  });
  controls.set_registered([this] { triggers.refresh(); });
}

// ---- Hooks --------------------------------------------------------------------------------------

Dispatcher::Hooks Engine::Parts::task_hooks() {
  Dispatcher::Hooks hooks;
  hooks.report = [this](const Task& task, core::TaskReply reply) {
    report(task, std::move(reply));
  };
  hooks.judge = [this](const Task& task, core::TaskReply& reply) {
    const auto entry = context.sagas.load(task.key.saga);
    if (entry && (*entry)->graph) {
      check_reply_schema(**entry, task.key.path, task.key.direction, reply);
      return core::judge(*(*entry)->graph, (*entry)->graph->adapter(task.dispatch.adapter), reply);
    }
    static const dsl::SagaGraph kNoGraph;
    static const dsl::AdapterDefinition kNoAdapter;
    return core::judge(kNoGraph, kNoAdapter, reply);
  };
  hooks.unwanted = [this](const Task& task) {
    const auto entry = context.sagas.load(task.key.saga);
    return entry && core::is_being_left((*entry)->state, task.key.path);
  };
  hooks.waiting = [this](const Task& task) {
    Envelope envelope;
    envelope.saga = task.key.saga;
    envelope.command.body = core::ReportWaiting{task.key.path, task.key.attempt};
    context.partition.submit(std::move(envelope));
  };
  hooks.wait_ended = [this](const Task& task) {
    Envelope envelope;
    envelope.saga = task.key.saga;
    envelope.command.body = core::ReportWaitEnded{task.key.path, task.key.attempt};
    context.partition.submit(std::move(envelope));
  };
  hooks.heartbeat_missed = [this](const TaskKey& key) {
    core::TaskReply reply;
    reply.kind = core::TaskReply::Kind::kHeartbeatMissed;
    Envelope envelope;
    envelope.saga = key.saga;
    envelope.command.body =
        core::ReportReply{key.path, key.direction, key.attempt, key.round, std::move(reply), false};
    envelope.settles.push_back({saga_stream(key.saga), heartbeat_row_id(key.path)});
    context.partition.submit(std::move(envelope));
  };
  return hooks;
}

Partition::Hooks Engine::Parts::command_hooks() {
  Partition::Hooks hooks;
  hooks.decided = [this](SagaEntry& entry, const core::Decided& decided,
                         std::uint64_t revision_before, store::Commit& commit,
                         std::uint64_t place) {
    this->decided(entry, decided, revision_before, commit);
    notifications.decided(entry, decided, revision_before, place);
  };
  hooks.at_once = [this](const core::SagaId& saga, const core::SagaEffect& effect) {
    at_once(saga, effect);
  };
  hooks.release = [this](const core::SagaId& saga, EffectRows::Released& released) {
    release(saga, released.effect, &released.row, released.row_id, false);
  };
  hooks.unwatch = [this](const core::SagaId& saga, const core::StepPath& path) {
    return context.dispatcher.unwatch(saga, path);
  };
  hooks.admit = [this](core::StartSaga& start, const dsl::SagaGraph& graph) {
    return admit(start, graph);
  };
  hooks.turn_marker = [this](const core::SagaId& saga) {
    if (context.config.turn_marker) context.config.turn_marker(saga);
  };
  hooks.log = [this](LogLevel level, std::string_view message, const LogFields& fields) {
    context.log(level, message, fields);
  };
  return hooks;
}

std::optional<core::Rejection> Engine::Parts::admit(core::StartSaga& start,
                                                    const dsl::SagaGraph& graph) {
  const core::Birth& birth = start.birth;
  if (birth.ordering_key.empty() ||
      !context.ordering.occupied(birth.workflow, birth.ordering_key)) {
    return std::nullopt;
  }
  if (graph.ordering == dsl::Ordering::kReject) {
    REACHED("a start is refused while another of its queue lives");
    const auto head = context.ordering.head(birth.workflow, birth.ordering_key);
    return core::Rejection{
        core::Rejection::Code::kNotAllowed,
        "another saga with ordering key \"" + birth.ordering_key + "\" is still running",
        dsl::Value::object({{"head", head ? head->str() : std::string()}})};
  }
  if (PLANTED(14)) return std::nullopt;  // two of one queue at a time
  REACHED("a start waits behind its ordering key");
  start.queued = true;
  return std::nullopt;
}

void Engine::Parts::decided(SagaEntry& entry, const core::Decided& decided,
                            std::uint64_t revision_before, store::Commit& commit) {
  context.ages.decided(entry, decided, revision_before, commit);
  context.restored.decided(entry, revision_before, commit);
  context.projections.decided(entry, decided, revision_before, commit);
  context.objectives.decided(entry, decided);
  log_events(context, entry.state, decided, revision_before + 1);
  const core::SagaState& state = entry.state;
  if (state.birth.ordering_key.empty()) return;
  if (revision_before == 0) {
    const bool queued = state.phase == core::Phase::kQueued;
    context.ordering.join(state.birth, queued, commit);
    if (queued && entry.graph && entry.graph->ordering == dsl::Ordering::kSupersede) {
      for (const core::SagaId& old : context.ordering.superseded_by(state.birth)) {
        context.commits.after_durable([this, old, by = state.birth.saga] {
          Envelope envelope;
          envelope.saga = old;
          envelope.command.body = core::SupersedeSaga{by};
          context.partition.submit(std::move(envelope));
        });
      }
    }
  }
  if (state.ended()) {
    if (const auto next = context.ordering.leave(state.birth, commit)) run_next(*next);
  }
}

void Engine::Parts::run_next(const core::SagaId& saga) {
  context.commits.after_durable([this, saga] {
    Envelope envelope;
    envelope.saga = saga;
    envelope.command.body = core::RunSaga{};
    context.partition.submit(std::move(envelope));
  });
}

void Engine::Parts::report(const Task& task, core::TaskReply reply) {
  Envelope envelope;
  envelope.saga = task.key.saga;
  envelope.command.body = core::ReportReply{
      task.key.path,    task.key.direction, task.key.attempt,
      task.key.round,   std::move(reply),   false,
      std::chrono::duration_cast<milliseconds>(task.waited).count()};
  envelope.done = [this, key = task.key](const CommandResult& result) {
    // The decider settles the task's row with its outcome. A task that concerns nobody any more
    // (its saga is gone or ended meanwhile) must not stay in the outbox for ever.
    if (!context.dispatcher.knows(key) || result.entry == nullptr) return;
    context.dispatcher.settle(key);
    context.commits.open().outbox_settle.push_back(
        {saga_stream(key.saga), task_row_id(key.path, key.direction, key.attempt, key.round)});
  };
  context.partition.submit(std::move(envelope));
}

void Engine::Parts::at_once(const core::SagaId& saga, const core::SagaEffect& effect) {
  if (const auto* settled = std::get_if<core::TaskSettled>(&effect)) {
    context.dispatcher.settle(
        {saga, settled->path, settled->direction, settled->attempt, settled->round});
  } else if (const auto* cancel = std::get_if<core::TimerCancel>(&effect)) {
    context.timers.remove({saga_stream(saga), cancel->due.ms, cancel->timer});
  }
}

void Engine::Parts::release(const core::SagaId& saga, const core::SagaEffect& effect,
                            const OutboxRowData* row, const std::string& row_id, bool resent) {
  const auto key = [&] { return store::OutboxKey{saga_stream(saga), row_id}; };
  std::visit(
      [&](const auto& e) {
        using E = std::decay_t<decltype(e)>;
        if constexpr (std::is_same_v<E, core::TaskDispatch>) {
          OutboxRowData task = *row;
          task.effect = e;
          if (PLANTED(7)) context.commits.open().outbox_settle.push_back(key());  // gone when sent
          context.dispatcher.add(saga, std::move(task), resent, context.now);
        } else if constexpr (std::is_same_v<E, core::TaskWithdraw>) {
          context.dispatcher.withdraw({saga, e.path, e.direction, e.attempt, e.round}, context.now);
        } else if constexpr (std::is_same_v<E, core::HeartbeatWatch>) {
          context.dispatcher.watch(saga, e, context.now);
        } else if constexpr (std::is_same_v<E, core::TimerSet>) {
          context.timers.add({saga_stream(saga), e.due.ms, e.timer});
        } else if constexpr (std::is_same_v<E, core::ListenerSet>) {
          correlation.listener_set(saga, e);
        } else if constexpr (std::is_same_v<E, core::PublishEvent>) {
          notifications.publish(saga, e, key());
        } else if constexpr (std::is_same_v<E, core::ChildStart>) {
          children.start(saga, e, key());
        } else if constexpr (std::is_same_v<E, core::ChildCommand>) {
          children.command(saga, e, key());
        } else if constexpr (std::is_same_v<E, core::ParentNotify>) {
          children.notify(saga, e, key());
        }
        // TaskSettled, TimerCancel, ListenerClear: done with the commit. QueueJoin, QueueLeave: the
        // place follows the saga's state (decided, above).
      },
      effect);
}

// ---- Recovery -----------------------------------------------------------------------------------

tl::expected<void, std::string> Engine::Parts::recover_outbox() {
  if (PLANTED(6)) return {};  // effects owed at a crash are forgotten
  store::Bytes cursor;
  for (;;) {
    const auto page = context.store.scan_outbox({}, cursor, kOutboxRowsPerRead);
    if (!page) return tl::unexpected("the outbox can not be read: " + page.error().message);
    for (const store::OutboxRow& row : page->rows) {
      context.commits.found_in_outbox(row.stream, row.id);
      if (Correlation::is_event_stream(row.stream)) {
        correlation.redeliver(row);
        continue;
      }
      auto data = decode_row(row.data);
      if (!data || !is_saga_stream(row.stream)) {
        context.log(LogLevel::kError, "an outbox row can not be read; it is left as it is",
                    {{"code", "outbox_row"}, {"stream", row.stream.name}});
        continue;
      }
      const core::SagaEffect effect = data->effect;
      release(saga_of(row.stream), effect, &*data, row.id, true);
    }
    if (page->complete) return {};
    cursor = page->cursor;
  }
}

void Engine::Parts::recover_queues() {
  for (const auto& [name, queue] : context.ordering.queues()) {
    if (queue.places.front().queued) {
      REACHED("recovery begins the head of a queue");
      Envelope envelope;
      envelope.saga = queue.places.front().saga;
      envelope.command.body = core::RunSaga{};
      context.partition.submit(std::move(envelope));
    }
    const auto graph = context.registry.current(queue.workflow);
    if (!graph || graph->ordering != dsl::Ordering::kSupersede) continue;
    for (std::size_t i = 1; i + 1 < queue.places.size(); ++i) {
      Envelope envelope;
      envelope.saga = queue.places[i].saga;
      envelope.command.body = core::SupersedeSaga{queue.places.back().saga};
      context.partition.submit(std::move(envelope));
    }
  }
}

// A stream that captures our subjects answers our requests with its PubAck.
void Engine::Parts::check_overlap() {
  overlap_next = context.clock.steady() + kOverlapEvery;
  messaging::find_overlapping_streams(
      requester, context.clock.steady() + milliseconds(2000),
      [this](tl::expected<std::vector<std::string>, std::string> found) {
        context.post([this, found = std::move(found)] {
          if (!found) return;
          const std::string before = context.overlap;
          context.overlap = found->empty() ? std::string() : found->front();
          if (found->empty() && !before.empty()) {
            context.log(LogLevel::kInfo, "stream " + before + " no longer captures our subjects");
          }
          if (!found->empty() && context.overlap != before) {
            context.log(LogLevel::kError,
                        "stream " + found->front() + " captures subjects of weft: not ready",
                        {{"code", "stream_overlap"}});
          }
        });
      });
}

void Engine::Parts::fire_timers() {
  std::int64_t lag_ms = 0;
  const auto due = context.timers.due(
      context.now.time, static_cast<std::size_t>(context.limits.timers_per_turn), lag_ms);
  if (!due.empty()) {
    context.metrics.gauge("weft_timer_lag_seconds", {}, static_cast<double>(lag_ms) / 1000.0);
  }
  for (const store::TimerKey& timer : due) {
    Envelope envelope;
    envelope.saga = saga_of(timer.stream);
    envelope.command.body = core::FireTimer{timer.id};
    envelope.timers.push_back(timer);
    envelope.done = [this, timer](const CommandResult&) {
      context.commits.after_durable([this, timer] { context.timers.settled(timer); });
    };
    context.partition.submit(std::move(envelope));
  }
}

}  // namespace weft::engine
