#include "orchestrator/engine/context.h"

#include <utility>

#include "orchestrator/engine/problem.h"
#include "orchestrator/engine/tables.h"

namespace weft::engine {

Context::Context(EngineConfig configuration, store::EventStore& event_store,
                 messaging::MessageBus& message_bus, Clock& system_clock, Executor executor,
                 std::string store_secret, Dispatcher::Hooks tasks, Partition::Hooks commands)
    : config(std::move(configuration)),
      store(event_store),
      bus(message_bus),
      clock(system_clock),
      post(std::move(executor)),
      limits(config.limits),
      secret(std::move(store_secret)),
      commits(store, post, static_cast<std::size_t>(limits.batches_in_flight),
              [this](const store::StoreError& error) {
                failed = true;
                log(LogLevel::kError, "the store failed: " + error.message,
                    {{"code", "store_failed"}});
                if (config.on_fatal) config.on_fatal(error);
              }),
      registry(store, commits, config.log, config.compile),
      sagas(store,
            [this](const std::string& workflow, const std::string& digest) {
              return registry.graph(workflow, digest);
            },
            static_cast<std::size_t>(limits.sagas_in_memory),
            static_cast<std::size_t>(limits.sagas_in_memory_bytes)),
      projections(store, metrics),
      objectives(store, metrics, limits.label_values),
      ages(store, metrics, limits.label_values),
      restored(store),
      ordering(store),
      timers(store, static_cast<std::size_t>(limits.timers_in_memory)),
      dispatcher(bus, limits, {config.inbox_prefix, store.facts().id, secret}, std::move(tasks),
                 metrics),
      partition(sagas, commits, limits, std::move(commands)) {}

bool Context::below_reserve() const {
  const auto percent = static_cast<std::uint64_t>(limits.store_reserve_percent);
  return disk_full || (store_stats.device_bytes > 0 &&
                       store_stats.free_bytes < store_stats.device_bytes / 100 * percent);
}

void Context::refresh_store() {
  const std::uint64_t damages = store_stats.damages;
  const bool low = below_reserve();
  store_stats = store.stats();
  if (store_stats.damages > damages) {
    log(LogLevel::kError,
        "the store is damaged: " + store_stats.damage +
            "; what is damaged is refused, the rest goes on: stop it, run `weft fsck`, restore a "
            "backup",
        {{"code", "store_damaged"}});
  }
  if (store_stats.reserve_in_use != disk_full) {
    disk_full = store_stats.reserve_in_use;
    dispatcher.pause_all(paused || disk_full, now);
    log(disk_full ? LogLevel::kError : LogLevel::kInfo,
        disk_full
            ? "the disk of the store is full: its reserve is in use, tasks are held; make room"
            : "the disk of the store has room again; tasks go on",
        {{"code", "store_full"}});
  }
  if (below_reserve() != low && !disk_full) {
    log(low ? LogLevel::kInfo : LogLevel::kWarning,
        low ? "the disk of the store is above its reserve again; starts are taken"
            : "the disk of the store is below its reserve: starts are refused, running sagas go on",
        {{"code", "store_low"}});
  }
}

std::optional<Response> Context::refusal_of_new_work() const {
  if (failed) return busy("store_failed", "the store failed; this process is about to end", 1000);
  if (!recovered) return busy("not_ready", "the orchestrator is still recovering", 500);
  if (draining) {
    return busy("draining", "the orchestrator is shutting down; ask again, with the same key",
                1000);
  }
  if (below_reserve()) {
    return busy("store_low", "the store's disk is below its reserve; running sagas go on", 30'000);
  }
  if (partition.full() || dispatcher.open() >= static_cast<std::size_t>(limits.tasks_queued) ||
      dispatcher.open_bytes() >= static_cast<std::size_t>(limits.tasks_queued_bytes)) {
    return busy("busy", "the orchestrator's queues are full", limits.busy_retry_after_ms);
  }
  return std::nullopt;
}

std::optional<core::SagaId> Context::saga_named(std::string_view name) const {
  if (core::is_saga_id(name)) return core::SagaId(name);
  const std::size_t colon = name.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == name.size())
    return std::nullopt;
  return core::saga_id(name.substr(0, colon), name.substr(colon + 1));
}

}  // namespace weft::engine
