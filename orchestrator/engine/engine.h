#pragma once  // orchestrator/engine/engine.h

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "adapters/messaging/message_bus.h"
#include "dsl/compile_cache.h"
#include "orchestrator/core/ids.h"
#include "orchestrator/engine/clock.h"
#include "orchestrator/engine/limits.h"
#include "orchestrator/engine/log.h"
#include "orchestrator/engine/metrics.h"
#include "orchestrator/engine/request.h"
#include "store/event_store.h"

namespace weft::engine {

/// One durable event of a saga, as it is told to the world (`weft.changed`, `/api/v1/changes`).
struct Change {
  std::uint64_t position = 0;
  std::string type, workflow;
  std::string event;  ///< INTERFACES.md, JSON shapes, event: as JSON text.
};

struct EngineConfig {
  Limits limits;
  std::string inbox_prefix = "_INBOX.weft";  ///< nats.inbox
  std::string notify_stream;  ///< nats.stream: wait for this stream's PubAck; empty: no.
  std::string version = "0.1.0";             ///< Of the program, for status and metrics.
  std::string commit;                        ///< What it was built from.
  /// How often the store is asked how full it is. A world without a clock of its own may ask less.
  std::int64_t store_facts_every_ms = 1000;
  /// That many unpredictable bytes: random saga ids, and once the store's secret.
  std::function<std::string(std::size_t)> random_bytes;
  /// The value of a webhook trigger's `secret`; nothing if it is not set.
  std::function<std::optional<std::string>(std::string_view name)> secret;
  /// Called before each decision with the saga's id and afterwards with an empty one, so that an
  /// abnormal exit can be blamed on the right saga. May be empty.
  std::function<void(const core::SagaId&)> turn_marker;
  /// Sagas that were being decided at three abnormal exits: quarantined by recover().
  std::vector<core::SagaId> crashed_in;
  /// Every durable change, in order; must only put it on a queue. May be empty.
  std::function<void(const Change&)> on_change;
  /// The store failed for good: the process must end. Called once.
  std::function<void(const store::StoreError&)> on_fatal;
  /// Compiles definitions; empty: dsl::compile. For who starts many engines on the same ones.
  dsl::Compile compile;
  LogSink log;
  bool log_debug = false;  ///< Somebody reads debug lines: every event of every saga is one.
};

/// Gives a piece of work back to the engine's thread, where it must run before the next turn().
/// Called from any thread (the store's committer, the bus). In simulation: a queue of the world.
using Executor = std::function<void(std::function<void()>)>;

/// What the engine wants to hear. With an empty queue group each engine gets every message.
struct Subscription {
  messaging::SubjectPattern pattern;
  std::string queue_group;
};

/// The orchestrator without threads, sockets and clocks: passive, it is called. The server and the
/// simulator create exactly this.
///
/// Threads: every function on one thread, the engine's loop. A loop looks like this:
///
///   engine.recover(); subscribe to engine.subscriptions(); engine.on_bus_state(bus.connected());
///   for (;;) {
///     wait until there is input, or engine.next_wake_ms() has passed;
///     for (input : at most a few hundred) on_message / request / posted work;
///     engine.turn();   // decides, submits one batch, sends, flushes the bus once
///   }
///
/// Replies of request() may be called within it, or in any later turn.
class Engine final {
 public:
  Engine(EngineConfig config, store::EventStore& store, messaging::MessageBus& bus, Clock& clock,
         Executor post);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Reads the registry, the open effects and the timers. Call once, before anything else. The
  /// error is a sentence for the operator.
  [[nodiscard]] tl::expected<void, std::string> recover();

  /// `weft serve --workflows`: registers definitions before ready, as actor `serve`. Unlike the
  /// request Deploy it answers at once; the registration is durable after the next flush.
  [[nodiscard]] dsl::CompileResult register_definitions(
      const std::vector<dsl::SourceFile>& files, const std::vector<dsl::SourceFile>& attachments);

  [[nodiscard]] std::vector<Subscription> subscriptions() const;
  void on_message(messaging::Received message);
  void on_bus_state(bool connected);
  void request(Request request, Reply reply);

  /// Does what is due. Must be called after input, and at the latest when next_wake_ms() has
  /// passed.
  void turn();
  /// Milliseconds until turn() has something to do without input: 0 = now, nothing = only on input.
  [[nodiscard]] std::optional<std::int64_t> next_wake_ms();

  /// No new work: starts and events are refused with 503 and nothing new is sent. Answers to what
  /// was sent are awaited.
  void begin_drain();
  /// Nothing is in flight any more: not at an adapter, not in the store.
  [[nodiscard]] bool drained() const;

  [[nodiscard]] MetricsSnapshot metrics();
  /// A restored store, or an operator's pause: nothing is dispatched.
  [[nodiscard]] bool paused() const;
  /// The store reported a failure: nothing more will be acknowledged.
  [[nodiscard]] bool failed() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

/// "busy, retry after": what to answer to a message that finds the input queue full. Nothing if
/// nobody waits for an answer. From any thread.
[[nodiscard]] std::optional<messaging::Message> busy_answer(const messaging::Received& message,
                                                            const Limits& limits);

}  // namespace weft::engine
