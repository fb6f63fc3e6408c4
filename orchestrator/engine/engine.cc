#include "orchestrator/engine/engine.h"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <type_traits>
#include <utility>
#include <variant>

#include "adapters/messaging/contract.h"
#include "adapters/messaging/requester.h"
#include "adapters/messaging/subjects.h"
#include "orchestrator/engine/builtin_adapter.h"
#include "orchestrator/engine/children.h"
#include "orchestrator/engine/context.h"
#include "orchestrator/engine/controls.h"
#include "orchestrator/engine/dead_letter.h"
#include "orchestrator/engine/event_correlation.h"
#include "orchestrator/engine/intake.h"
#include "orchestrator/engine/notifications.h"
#include "orchestrator/engine/operations.h"
#include "orchestrator/engine/outbox_row.h"
#include "orchestrator/engine/problem.h"
#include "orchestrator/engine/queries.h"
#include "orchestrator/engine/tables.h"
#include "orchestrator/engine/triggers.h"

namespace weft::engine {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kStatsEvery{1000};
constexpr milliseconds kRequesterEvery{200};
constexpr std::size_t kOutboxRowsPerRead = 1'000;

std::string read_secret(store::EventStore& store) {
  const auto stored = store.get_index(table::kMeta, "secret");
  return stored && *stored ? **stored : std::string();
}

}  // namespace

struct Engine::Parts {
  Parts(EngineConfig config, store::EventStore& store, messaging::MessageBus& bus, Clock& clock,
        Executor post, std::string secret)
      : context(std::move(config), store, bus, clock, std::move(post), std::move(secret), task_hooks(),
                command_hooks()),
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
    controls.set_restart([this](const std::string& workflow, const dsl::Value& data,
                                const core::Actor& actor, const Reply& reply) {
      StartOrder order;
      order.workflow = workflow;
      order.input = data;
      order.actor = actor;
      order.via = "unmatched";
      intake.start(std::move(order), reply);
    });
    controls.set_registered([this] { triggers.refresh(); });
  }

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
  void refresh_gauges();
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
  Clock::Instant stats_next{}, requester_next{};
};

// ---- Hooks --------------------------------------------------------------------------------------

Dispatcher::Hooks Engine::Parts::task_hooks() {
  Dispatcher::Hooks hooks;
  hooks.report = [this](const Task& task, core::TaskReply reply) { report(task, std::move(reply)); };
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
                         std::uint64_t revision_before, store::Commit& commit, std::uint64_t) {
    this->decided(entry, decided, revision_before, commit);
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
    const auto head = context.ordering.head(birth.workflow, birth.ordering_key);
    return core::Rejection{
        core::Rejection::Code::kNotAllowed,
        "another saga with ordering key \"" + birth.ordering_key + "\" is still running",
        dsl::Value::object({{"head", head ? head->str() : std::string()}})};
  }
  start.queued = true;
  return std::nullopt;
}

void Engine::Parts::decided(SagaEntry& entry, const core::Decided& decided,
                            std::uint64_t revision_before, store::Commit& commit) {
  context.projections.decided(entry, decided, revision_before, commit);
  context.objectives.decided(entry, decided);
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
  envelope.command.body = core::ReportReply{task.key.path,  task.key.direction, task.key.attempt,
                                            task.key.round, std::move(reply),   false};
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
          context.dispatcher.add(saga, task, resent, context.now);
        } else if constexpr (std::is_same_v<E, core::TaskWithdraw>) {
          context.dispatcher.withdraw({saga, e.path, e.direction, e.attempt, 1}, context.now);
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
  store::Bytes cursor;
  for (;;) {
    const auto page = context.store.scan_outbox({}, cursor, kOutboxRowsPerRead);
    if (!page) return tl::unexpected("the outbox can not be read: " + page.error().message);
    for (const store::OutboxRow& row : page->rows) {
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
  messaging::find_overlapping_streams(
      requester, context.clock.steady() + milliseconds(2000),
      [this](tl::expected<std::vector<std::string>, std::string> found) {
        context.post([this, found = std::move(found)] {
          if (!found) return;
          context.overlap = found->empty() ? std::string() : found->front();
          if (!found->empty()) {
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
      context.commits.after_durable([this, timer] { context.timers.remove(timer); });
    };
    context.partition.submit(std::move(envelope));
  }
}

void Engine::Parts::refresh_gauges() {
  Metrics& metrics = context.metrics;
  metrics.clear("weft_sagas");
  for (const auto& [key, count] : context.projections.counts()) {
    metrics.gauge("weft_sagas", {{"workflow", key.first}, {"state", key.second}},
                  static_cast<double>(count));
  }
  metrics.clear("weft_stuck_sagas");
  metrics.clear("weft_stuck_oldest_timestamp_seconds");
  std::map<MetricLabels, double> stuck;
  std::map<std::string, std::int64_t> oldest;
  for (const auto& [saga, places] : context.projections.stuck()) {
    for (const StuckPlace& place : places) {
      ++stuck[{{"workflow", place.workflow},
               {"step", place.step},
               {"class", place.error_class},
               {"code", place.code},
               {"adapter", place.adapter}}];
      auto& at = oldest.emplace(place.workflow, place.since.ms).first->second;
      at = std::min(at, place.since.ms);
    }
  }
  for (const auto& [labels, count] : stuck) metrics.gauge("weft_stuck_sagas", labels, count);
  for (const auto& [workflow, at] : oldest) {
    metrics.gauge("weft_stuck_oldest_timestamp_seconds", {{"workflow", workflow}},
                  static_cast<double>(at) / 1000.0);
  }
  metrics.clear("weft_paused");
  if (context.paused) metrics.gauge("weft_paused", {{"kind", "engine"}, {"name", ""}}, 1);
  for (const std::string& workflow : controls.paused_workflows()) {
    metrics.gauge("weft_paused", {{"kind", "workflow"}, {"name", workflow}}, 1);
  }
  metrics.clear("weft_adapter_queued_oldest_timestamp_seconds");
  for (const auto& [name, line] : context.dispatcher.lines()) {
    const MetricLabels labels = {{"adapter", name}};
    metrics.gauge("weft_adapter_queued", labels, static_cast<double>(line->waiting()));
    metrics.gauge("weft_adapter_in_flight", labels, static_cast<double>(line->in_flight));
    metrics.gauge("weft_adapter_breaker_open", labels,
                  line->breaker.state() == Breaker::State::kClosed ? 0 : 1);
    if (const auto at = line->oldest()) {
      metrics.gauge("weft_adapter_queued_oldest_timestamp_seconds", labels,
                    static_cast<double>(at->ms) / 1000.0);
    }
    if (line->paused) metrics.gauge("weft_paused", {{"kind", "adapter"}, {"name", name}}, 1);
  }
  metrics.clear("weft_ordering_blocked_keys");
  for (const auto& [workflow, count] : context.ordering.blocked_by_workflow()) {
    metrics.gauge("weft_ordering_blocked_keys", {{"workflow", workflow}}, static_cast<double>(count));
  }
  for (const char* kind : {"event", "rejected"}) {
    metrics.gauge("weft_unmatched", {{"kind", kind}}, static_cast<double>(dead_letter.count(kind)));
  }
  const auto& stats = context.store_stats;
  metrics.gauge("weft_outbox_pending", {}, static_cast<double>(context.dispatcher.open()));
  metrics.gauge("weft_store_sync_duration_seconds", {}, static_cast<double>(stats.last_sync_us) / 1e6);
  metrics.gauge("weft_store_commit_sagas", {},
                stats.groups == 0 ? 0 : static_cast<double>(stats.commits) /
                                            static_cast<double>(stats.groups));
  metrics.gauge("weft_store_bytes", {}, static_cast<double>(stats.bytes));
  metrics.gauge("weft_store_free_bytes", {}, static_cast<double>(stats.free_bytes));
  metrics.gauge("weft_nats_connected", {}, context.connected ? 1 : 0);
  const auto connects = context.bus.stats().connects;
  metrics.gauge("weft_nats_reconnects_total", {},
                connects == 0 ? 0 : static_cast<double>(connects - 1));
  metrics.gauge("weft_build_info", {{"version", context.config.version}}, 1);
}

// ---- The engine ---------------------------------------------------------------------------------

Engine::Engine(EngineConfig config, store::EventStore& store, messaging::MessageBus& bus,
               Clock& clock, Executor post) {
  std::string secret = read_secret(store);
  const bool fresh = secret.empty();
  if (fresh) secret = config.random_bytes(32);
  parts_ = std::make_unique<Parts>(std::move(config), store, bus, clock, std::move(post), secret);
  if (fresh) {
    // In force before the first token leaves: nothing is sent before its batch is durable.
    parts_->context.commits.open().index_put.push_back({table::kMeta, "secret", secret});
  }
}

Engine::~Engine() = default;

tl::expected<void, std::string> Engine::recover() {
  Parts& parts = *parts_;
  Context& context = parts.context;
  core::Timestamp last_durable;
  if (const std::uint64_t head = context.store.head_position(); head > 0) {
    const auto last = context.store.read_all(head - 1, 1);
    if (!last) return tl::unexpected("the last event can not be read: " + last.error().message);
    if (!last->empty()) last_durable.ms = last->back().at_ms;
  }
  context.time.start(last_durable, context.clock);
  context.refresh();
  context.connected = context.bus.connected();
  context.store_stats = context.store.stats();
  for (const auto& step :
       {std::function<tl::expected<void, std::string>()>([&] { return context.registry.recover(); }),
        std::function<tl::expected<void, std::string>()>([&] { return parts.controls.recover(); }),
        std::function<tl::expected<void, std::string>()>([&] { return context.projections.recover(); }),
        std::function<tl::expected<void, std::string>()>([&] { return context.ordering.recover(); }),
        std::function<tl::expected<void, std::string>()>([&] { return parts.notifications.recover(); }),
        std::function<tl::expected<void, std::string>()>([&] { return parts.recover_outbox(); })}) {
    if (auto done = step(); !done) return done;
  }
  parts.recover_queues();
  for (const core::SagaId& saga : context.config.crashed_in) {
    Envelope envelope;
    envelope.saga = saga;
    envelope.command.body = core::QuarantineSaga{
        "crash_loop", "it was being decided at three abnormal exits of the orchestrator"};
    context.partition.submit(std::move(envelope));
  }
  parts.triggers.refresh();
  context.recovered = true;
  return {};
}

dsl::CompileResult Engine::register_definitions(const std::vector<dsl::SourceFile>& files,
                                                const std::vector<dsl::SourceFile>& attachments) {
  parts_->context.refresh();
  return parts_->controls.register_definitions(files, attachments);
}

std::vector<Subscription> Engine::subscriptions() const {
  std::vector<Subscription> out;
  for (auto& pattern : messaging::intake_patterns()) {
    out.push_back({std::move(pattern), std::string(messaging::kQueueGroup)});
  }
  auto own_tasks = messaging::task_pattern(BuiltinAdapter::kName);
  assert(own_tasks);
  out.push_back({std::move(*own_tasks), std::string(messaging::kQueueGroup)});
  auto inbox = messaging::inbox_pattern(parts_->context.config.inbox_prefix,
                                        parts_->context.store.facts().id);
  assert(inbox);
  out.push_back({std::move(*inbox), {}});
  return out;
}

void Engine::on_message(messaging::Received message) {
  parts_->context.refresh();
  parts_->intake.on_message(std::move(message));
}

void Engine::on_bus_state(bool connected) {
  Parts& parts = *parts_;
  parts.context.refresh();
  parts.context.connected = connected;
  if (connected) {
    parts.context.dispatcher.on_connected(parts.context.now);
    parts.notifications.on_connected();
    parts.check_overlap();
  } else {
    parts.context.dispatcher.on_disconnected();
  }
}

void Engine::request(Request request, Reply reply) {
  Parts& parts = *parts_;
  Context& context = parts.context;
  context.refresh();
  const core::Actor& actor = request.actor;
  std::visit(
      [&](auto& body) {
        using Body = std::decay_t<decltype(body)>;
        if constexpr (std::is_same_v<Body, StartWorkflow>) {
          StartOrder order;
          order.workflow = body.workflow;
          order.key = body.key;
          order.traceparent = body.traceparent;
          order.actor = actor;
          order.via = actor.via;
          parts.intake.start_bytes(std::move(order), body.input, reply);
        } else if constexpr (std::is_same_v<Body, Act>) {
          parts.operations.act(std::move(body), actor, reply);
        } else if constexpr (std::is_same_v<Body, ActOnMany>) {
          parts.operations.act_on_many(body, actor, reply);
        } else if constexpr (std::is_same_v<Body, BulkProgress>) {
          parts.operations.progress(body, reply);
        } else if constexpr (std::is_same_v<Body, BulkStop>) {
          parts.operations.stop(body, reply);
        } else if constexpr (std::is_same_v<Body, SendSignal>) {
          parts.correlation.signal(body, actor, reply);
        } else if constexpr (std::is_same_v<Body, SendEvent>) {
          parts.correlation.receive(body, actor, reply);
        } else if constexpr (std::is_same_v<Body, Webhook>) {
          parts.triggers.on_webhook(body, actor, reply);
        } else if constexpr (std::is_same_v<Body, ShowSaga>) {
          parts.queries.show(body, reply);
        } else if constexpr (std::is_same_v<Body, ListSagas>) {
          context.answer(reply, parts.queries.list(body));
        } else if constexpr (std::is_same_v<Body, ReadEvents>) {
          context.answer(reply, parts.queries.events(body));
        } else if constexpr (std::is_same_v<Body, ListStuck>) {
          context.answer(reply, parts.queries.stuck());
        } else if constexpr (std::is_same_v<Body, ListAdapters>) {
          context.answer(reply, parts.queries.adapters(body));
        } else if constexpr (std::is_same_v<Body, SetAdapterLimits>) {
          parts.controls.set_limits(body, actor, reply);
        } else if constexpr (std::is_same_v<Body, ListWorkflows>) {
          context.answer(reply, parts.queries.workflows(body));
        } else if constexpr (std::is_same_v<Body, Deploy>) {
          parts.controls.deploy(body, actor, reply);
        } else if constexpr (std::is_same_v<Body, ChooseVersion>) {
          parts.controls.choose(body, actor, reply);
        } else if constexpr (std::is_same_v<Body, Pause>) {
          parts.controls.pause(body, actor, reply);
        } else if constexpr (std::is_same_v<Body, ListOrdering>) {
          context.answer(reply, parts.queries.ordering(body));
        } else if constexpr (std::is_same_v<Body, LetPass>) {
          parts.controls.let_pass(body, actor, reply);
        } else if constexpr (std::is_same_v<Body, ListUnmatched>) {
          context.answer(reply, parts.dead_letter.list(body));
        } else if constexpr (std::is_same_v<Body, ResolveUnmatched>) {
          parts.controls.resolve(body, actor, reply);
        } else if constexpr (std::is_same_v<Body, ReadAudit>) {
          context.answer(reply, parts.queries.audit(body));
        } else if constexpr (std::is_same_v<Body, VerifyAudit>) {
          context.answer(reply, parts.queries.verify(body));
        } else if constexpr (std::is_same_v<Body, ExportSaga>) {
          context.answer(reply, parts.queries.export_saga(body));
        } else if constexpr (std::is_same_v<Body, Prune>) {
          parts.controls.prune(body, actor, reply);
        } else if constexpr (std::is_same_v<Body, GetStatus>) {
          context.answer(reply, parts.queries.status());
        } else if constexpr (std::is_same_v<Body, GetHealth>) {
          // The one answer that waits for nothing: it must come when the disk hangs.
          if (reply) reply(parts.queries.health(body));
        }
      },
      request.body);
}

void Engine::turn() {
  Parts& parts = *parts_;
  Context& context = parts.context;
  if (context.failed) return;
  context.refresh();
  if (context.now.steady >= parts.requester_next) {
    parts.requester_next = context.now.steady + kRequesterEvery;
    parts.requester.tick(context.now.steady);
    parts.triggers.tick_consumers();
  }
  if (context.now.steady >= parts.stats_next) {
    parts.stats_next = context.now.steady + kStatsEvery;
    context.store_stats = context.store.stats();
  }
  if (context.recovered) {
    // Timers wait in the store while commands wait here: neither may flood the other.
    if (context.partition.queued() < static_cast<std::size_t>(context.limits.commands_per_turn)) {
      parts.fire_timers();
    }
    context.dispatcher.tick(context.now);
    parts.correlation.tick();
    if (!context.draining) {
      parts.triggers.tick_schedules();
      parts.operations.tick();
    }
    parts.notifications.tick();
    if (context.commits.has_room()) context.partition.run(context.now);
  }
  if (context.projections.counts_changed()) {
    context.projections.write_counts(context.commits.open());
  }
  context.commits.submit();
  if (context.recovered) context.dispatcher.pump(context.now);
  context.sagas.evict(context.commits.durable());
  context.bus.flush();
}

std::optional<std::int64_t> Engine::next_wake_ms() {
  Parts& parts = *parts_;
  Context& context = parts.context;
  if (context.failed) return std::nullopt;
  context.refresh();
  std::optional<std::int64_t> next;
  const auto consider = [&next](std::int64_t ms) {
    ms = std::max<std::int64_t>(ms, 0);
    next = next ? std::min(*next, ms) : ms;
  };
  const auto consider_steady = [&](Clock::Instant at) {
    // Rounded up: a turn before the moment has come would find nothing to do.
    consider(std::chrono::ceil<milliseconds>(at - context.now.steady).count());
  };
  const auto consider_time = [&](core::Timestamp at) { consider(at.ms - context.now.time.ms); };
  if (context.commits.has_commits() || context.commits.has_actions()) consider(0);
  if (context.partition.queued() > 0 && context.commits.has_room()) consider(0);
  if (!context.recovered) return next;
  if (context.partition.queued() < static_cast<std::size_t>(context.limits.commands_per_turn)) {
    if (const auto at = context.timers.next()) consider_time(*at);
  }
  if (const auto at = context.dispatcher.next_wake(context.now)) consider_steady(*at);
  if (const auto at = parts.correlation.next_wake()) consider_time(*at);
  if (const auto at = parts.operations.next_wake()) consider_steady(*at);
  if (const auto at = parts.triggers.next_schedule()) consider_time(*at);
  if (context.connected && parts.notifications.behind()) consider(parts.notifications.pace_ms());
  if (parts.requester.pending() > 0 || parts.triggers.has_consumers()) {
    consider_steady(parts.requester_next);
  }
  consider_steady(parts.stats_next);
  return next;
}

void Engine::begin_drain() {
  Parts& parts = *parts_;
  parts.context.draining = true;
  parts.context.dispatcher.drain();
  parts.triggers.drain();
}

bool Engine::drained() const {
  const Context& context = parts_->context;
  return context.draining && context.dispatcher.in_flight() == 0 &&
         context.partition.queued() == 0 && context.commits.idle();
}

MetricsSnapshot Engine::metrics() {
  parts_->refresh_gauges();
  return parts_->context.metrics.snapshot();
}

bool Engine::paused() const { return parts_->context.paused; }
bool Engine::failed() const { return parts_->context.failed; }

std::optional<messaging::Message> busy_answer(const messaging::Received& message,
                                              const Limits& limits) {
  if (message.reply.empty()) return std::nullopt;
  auto to = messaging::reply_subject(message.reply);
  if (!to) return std::nullopt;
  return to_message(std::move(*to), busy("busy", "the orchestrator's input queue is full; ask again",
                                         limits.busy_retry_after_ms));
}

}  // namespace weft::engine
