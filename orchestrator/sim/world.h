#pragma once  // orchestrator/sim/world.h

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "adapters/messaging/contract.h"
#include "adapters/messaging/subjects.h"
#include "orchestrator/engine/clock.h"
#include "orchestrator/engine/engine.h"
#include "orchestrator/sim/sim_bus.h"
#include "orchestrator/sim/sim_clock.h"
#include "orchestrator/sim/sim_store.h"

namespace weft::sim {

/// One task request as an adapter receives it.
struct AdapterTask {
  std::string adapter, operation, body;
  std::string reply;  ///< Where the answer goes.
  messaging::Headers headers;
  bool dry_run = false;
  [[nodiscard]] std::string header(std::string_view name) const {
    return std::string(headers.get(name));
  }
  /// An answer addressed to the asker, to be given now or later (World::answer).
  [[nodiscard]] messaging::Message success(const std::string& json = "{}") const;
  [[nodiscard]] messaging::Message failure(const messaging::ServiceError& error) const;
};

/// What came back from a request over the wire.
struct WireAnswer {
  dsl::Value body;
  int code = 0;  ///< Nats-Service-Error-Code, or the broker's status; 0: success.
};

/// One orchestrator in a virtual world: the engine as the server runs it, on virtual time, disk and
/// network, with adapters and clients around it. No threads, no waiting: time moves only in
/// run_for() and run_until(), and equal seeds and equal calls give equal worlds.
///
/// The order of one instant is fixed: what the process received, one turn of the engine, the sync
/// (unless it is delayed), what was planned with at(), the broker's deliveries.
class World {
 public:
  struct Options {
    std::uint64_t seed = 7;
    std::int64_t wall_ms = 1'790'000'000'000;  ///< What the wall clock says first: September 2026.
  };
  /// Answers a task at once; nothing: silence, or a later answer().
  using Handler = std::function<std::optional<messaging::Message>(const AdapterTask& task)>;

  World();
  explicit World(Options options);
  virtual ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // --- What one sets before start(); changes of `config` need a restart.

  engine::EngineConfig config;
  std::vector<dsl::SourceFile> files, attachments;
  /// A YAML definition; another under the same path replaces it.
  void define(const std::string& path, const std::string& yaml);
  /// How long the sync takes that the first waiting commit begins. Empty: none of the time.
  std::function<std::int64_t()> sync_delay;
  /// False: nothing is synced but by store().sync_group().
  bool sync_automatically = true;
  /// Told of everything that the engine hands to the stores opened from now on. May be empty.
  std::function<void(const std::vector<store::Commit>& batch)> on_submit;
  /// Told of every message before the engine reads it. May be empty.
  std::function<void(const messaging::Received&)> on_received;
  /// Whatever should not be: an engine that does not come to rest. One sentence.
  std::function<void(const std::string&)> on_trouble;

  // --- The process.

  /// Opens the store, recovers, registers `files`, subscribes, settles. The error says why the
  /// program would refuse to start; wrong definitions are one.
  [[nodiscard]] tl::expected<void, std::string> start();
  /// The process dies; disk, broker, adapters and clients live on.
  void crash(SimStore::Fault in_flight = SimStore::Fault::kNothingWritten);
  [[nodiscard]] bool running() const { return engine_ != nullptr; }
  /// The store failed: production ends the process here, so the world should crash() it. Nothing:
  /// it runs.
  [[nodiscard]] const std::optional<std::string>& fatal() const { return fatal_; }

  // --- Time.

  /// Everything that is due up to then happens.
  void run_for(std::int64_t ms);
  /// Until `done`, at most so long; false: it did not become true.
  bool run_until(const std::function<bool()>& done, std::int64_t at_most_ms);
  /// Until nothing more can happen at this instant.
  void settle();
  /// `work` happens at that instant of steady time (now, if it is past), in order of planning.
  void at(std::int64_t steady_ms, std::function<void()> work);
  void after(std::int64_t ms, std::function<void()> work) {
    at(clock_.steady_ms() + ms, std::move(work));
  }

  // --- Adapters and clients.

  /// A running program that answers the adapter's tasks; another call replaces it.
  void adapter(const std::string& name, Handler handler);
  void stop_adapter(const std::string& name) { adapters_.erase(name); }
  [[nodiscard]] bool has_adapter(const std::string& name) const { return adapters_.contains(name); }
  [[nodiscard]] bool adapter_connected(const std::string& name) const {
    return adapters_.contains(name) && adapters_.at(name).bus->connected();
  }
  /// A late answer of an adapter; lost if it has stopped meanwhile.
  void answer(const std::string& adapter, messaging::Message message);

  /// Asks the engine as the HTTP API does. The reply comes when it is durable, in some later
  /// instant; after a crash never.
  void request(engine::RequestBody body, engine::Reply reply, const std::string& actor = "ann");
  /// The same, and settles; nothing: no answer in this instant.
  [[nodiscard]] std::optional<engine::Response> ask(engine::RequestBody body,
                                                    const std::string& actor = "ann");
  /// A request over the wire, as any client sends it; the answer comes through the broker, perhaps
  /// never, perhaps twice.
  void call(messaging::Message message, std::function<void(WireAnswer)> answered = {});

  // --- What there is.

  engine::Engine& engine() { return *engine_; }
  SimClock& clock() { return clock_; }
  SimNetwork& network() { return network_; }
  SimStore& store() { return *store_; }
  SimDisk& disk() { return *disk_; }
  SimBus& client() { return *client_; }
  [[nodiscard]] std::int64_t steady_ms() const { return clock_.steady_ms(); }
  /// The time that programs without a fault of their own clock agree upon with the engine.
  [[nodiscard]] core::Timestamp civil_time() { return civil_.read(clock_).time; }

 protected:
  void trouble(const std::string& what) const {
    if (on_trouble) on_trouble(what);
  }

 private:
  [[nodiscard]] tl::expected<void, std::string> begin();
  bool step();
  void sync_if_due();
  [[nodiscard]] std::int64_t next_instant(std::int64_t latest);
  void receive_task(const std::string& adapter, bool dry_run, messaging::Received message);

  SimClock clock_;
  SimNetwork network_;
  std::shared_ptr<SimDisk> disk_ = std::make_shared<SimDisk>();
  std::unique_ptr<SimStore> store_;
  std::unique_ptr<SimBus> bus_, client_;
  std::unique_ptr<engine::Engine> engine_;
  std::deque<std::function<void()>> posted_;
  engine::EngineTime civil_;
  std::optional<std::int64_t> sync_at_;
  std::optional<std::string> fatal_;
  std::map<std::pair<std::int64_t, std::uint64_t>, std::function<void()>> planned_;
  std::uint64_t planned_count_ = 0;
  struct Adapter {
    std::unique_ptr<SimBus> bus;
    Handler handler;
  };
  std::map<std::string, Adapter> adapters_;
  std::map<std::string, std::function<void(WireAnswer)>> calls_;
  std::uint64_t call_count_ = 0;
  std::uint64_t random_;
  std::uint64_t seed_;
};

}  // namespace weft::sim
