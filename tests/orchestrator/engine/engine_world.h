#pragma once  // tests/orchestrator/engine/engine_world.h

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/messaging/contract.h"
#include "adapters/messaging/subjects.h"
#include "orchestrator/engine/engine.h"
#include "orchestrator/sim/sim_bus.h"
#include "orchestrator/sim/sim_clock.h"
#include "orchestrator/sim/sim_store.h"

namespace weft::test {

/// One task request that an adapter of the test received.
struct TaskSeen {
  std::string operation, body, reply;
  messaging::Headers headers;
  bool dry_run = false;
  [[nodiscard]] std::string header(std::string_view name) const {
    return std::string(headers.get(name));
  }
};

/// The engine on virtual time, disk and network, with scripted adapters: no waiting, no threads.
class EngineWorld {
 public:
  /// Answers a task; nothing: silence.
  using Handler = std::function<std::optional<messaging::Message>(const TaskSeen& task,
                                                                  messaging::Subject reply)>;

  EngineWorld();
  ~EngineWorld();

  /// YAML texts that belong together; called before start() or for a later deployment.
  void define(const std::string& path, const std::string& yaml);
  /// Opens the store, recovers, registers what was defined, subscribes.
  void start();
  /// The process dies; the disk, the broker and the adapters live on.
  void crash(sim::SimStore::Fault in_flight = sim::SimStore::Fault::kNothingWritten);
  void restart() {
    crash();
    start();
  }
  /// Everything that is due up to then happens.
  void run_for(std::int64_t ms);
  /// Until nothing more can happen at this instant.
  void settle();

  /// An adapter that answers every operation by `handler`; its requests are kept in order.
  void adapter(const std::string& name, Handler handler);
  void stop_adapter(const std::string& name);
  [[nodiscard]] std::vector<TaskSeen>& seen(const std::string& adapter) { return seen_[adapter]; }
  /// "reserve charge ..." of one adapter, or of all in order of arrival.
  [[nodiscard]] std::string calls(const std::string& adapter = "") const;

  engine::Response ask(engine::RequestBody body, const std::string& actor = "ann");
  /// A request over the wire, as any client sends it.
  struct Answer {
    dsl::Value body;
    int code = 0;  ///< Nats-Service-Error-Code; 0: success.
    bool came = false;
  };
  Answer send(const std::string& subject, const std::string& body, const std::string& key = "",
              const std::string& message_id = "");
  Answer start_saga(const std::string& workflow, const std::string& input,
                    const std::string& key = "") {
    return send("weft.start." + workflow, input, key);
  }
  [[nodiscard]] dsl::Value show(const std::string& saga);
  [[nodiscard]] std::string state(const std::string& saga) {
    return show(saga).string_or("state", "?");
  }
  /// "SagaStarted StepScheduled ..." of one saga.
  [[nodiscard]] std::string history(const std::string& saga);
  /// Messages seen on `weft.out.>` and `weft.changed.>`.
  [[nodiscard]] const std::vector<std::string>& heard() const { return heard_; }

  engine::Engine& engine() { return *engine_; }
  sim::SimClock& clock() { return clock_; }
  sim::SimNetwork& network() { return network_; }
  sim::SimStore& store() { return *store_; }
  engine::EngineConfig config;
  std::vector<dsl::SourceFile> files, attachments;
  bool sync_automatically = true;
  std::vector<engine::Change> changes;
  std::vector<std::string> log;

 private:
  void deliver_posted();
  bool step();

  sim::SimClock clock_{1'790'000'000'000};  // September 2026
  sim::SimNetwork network_{7};
  std::shared_ptr<sim::SimDisk> disk_ = std::make_shared<sim::SimDisk>();
  std::unique_ptr<sim::SimStore> store_;
  std::unique_ptr<sim::SimBus> bus_, client_;
  std::unique_ptr<engine::Engine> engine_;
  std::deque<std::function<void()>> posted_;
  struct Stub {
    std::unique_ptr<sim::SimBus> bus;
    Handler handler;
  };
  std::map<std::string, Stub> stubs_;
  std::map<std::string, std::vector<TaskSeen>> seen_;
  std::vector<std::string> order_;
  std::vector<std::string> heard_;
  std::map<std::string, Answer> answers_;
  std::uint64_t random_ = 1;
  int questions_ = 0;
};

// Answers for handlers.
std::optional<messaging::Message> reply_ok(messaging::Subject to, const std::string& json = "{}");
std::optional<messaging::Message> reply_error(messaging::Subject to, int service_code,
                                              const std::string& code,
                                              std::optional<std::int64_t> retry_after_ms = {});
/// Every operation succeeds with {}.
EngineWorld::Handler always_ok();

}  // namespace weft::test
