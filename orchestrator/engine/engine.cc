#include "orchestrator/engine/engine.h"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <type_traits>
#include <utility>
#include <variant>

#include "adapters/messaging/subjects.h"
#include "orchestrator/engine/engine_parts.h"
#include "orchestrator/engine/gauges.h"
#include "orchestrator/engine/problem.h"
#include "orchestrator/engine/tables.h"
#include "orchestrator/engine/trace_context.h"

namespace weft::engine {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kRequesterEvery{200};

std::string read_secret(store::EventStore& store) {
  const auto stored = store.get_index(table::kMeta, "secret");
  return stored && *stored ? **stored : std::string();
}

}  // namespace

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
  // So that what it accepts is told from what came with the backup (restored_sagas.h).
  if (context.store.facts().restored) ++last_durable.ms;
  context.time.start(last_durable, context.clock);
  context.refresh();
  context.connected = context.bus.connected();
  context.refresh_store();
  using Step = std::function<tl::expected<void, std::string>()>;
  for (const Step& step :
       {Step([&] { return context.registry.recover(); }),
        Step([&] { return parts.controls.recover(); }),
        Step([&] { return context.projections.recover(); }),
        Step([&] { return context.ages.recover(context.sagas, context.commits); }),
        Step([&] { return context.restored.recover(context.commits); }),
        Step([&] { return context.ordering.recover(); }),
        Step([&] { return parts.notifications.recover(); }),
        Step([&] { return parts.recover_outbox(); })}) {
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
          order.trace = kept_trace(body.traceparent, body.tracestate);
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
    parts.stats_next = context.now.steady + milliseconds{context.config.store_facts_every_ms};
    context.refresh_store();
  }
  if (!context.overlap.empty() && context.connected && context.now.steady >= parts.overlap_next) {
    parts.check_overlap();  // Whoever mends the stream need not restart us.
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
  context.sagas.evict(context.commits.durable(), context.now.steady);
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
  if (const auto at = parts.operations.next_wake(); at && !context.draining) consider_steady(*at);
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
  parts_->context.refresh();
  refresh_gauges(parts_->context, parts_->controls, parts_->dead_letter);
  return parts_->context.metrics.snapshot();
}

bool Engine::paused() const { return parts_->context.paused; }
bool Engine::failed() const { return parts_->context.failed; }

std::optional<messaging::Message> busy_answer(const messaging::Received& message,
                                              const Limits& limits) {
  if (message.reply.empty()) return std::nullopt;
  auto to = messaging::reply_subject(message.reply);
  if (!to) return std::nullopt;
  return to_message(std::move(*to),
                    busy("busy", "the orchestrator's input queue is full; ask again",
                         limits.busy_retry_after_ms));
}

}  // namespace weft::engine
