#pragma once  // orchestrator/engine/partition.h

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "orchestrator/core/command.h"
#include "orchestrator/core/decider.h"
#include "orchestrator/engine/clock.h"
#include "orchestrator/engine/commit_queue.h"
#include "orchestrator/engine/effect_rows.h"
#include "orchestrator/engine/limits.h"
#include "orchestrator/engine/log.h"
#include "orchestrator/engine/saga_repository.h"
#include "store/commit.h"

namespace weft::engine {

/// What became of one command. Not durable yet: an answer made from it must go through
/// CommitQueue::after_durable.
struct CommandResult {
  const SagaEntry* entry = nullptr;       ///< Null: the saga could not be read.
  const core::Decision& decision;
  std::uint64_t revision_before = 0;
};

/// A command on its way to one saga.
struct Envelope {
  core::SagaId saga;
  core::Command command;
  std::shared_ptr<const dsl::SagaGraph> graph = {};   ///< StartSaga: the one it is pinned to.
  std::vector<store::OutboxKey> settles =
      {};  ///< What this command hands over; goes with its commit.
  std::vector<store::TimerKey> timers = {};    ///< Fired; likewise.
  std::function<void(const CommandResult&)> done = {};  ///< Right after the decision. May be empty.
  std::size_t bytes = 0;                       ///< What a start's document weighs while it waits.
};

/// Commands for a share of the sagas, decided one after another: LAYOUT.md, steps 3 to 7. Today one
/// for all 256; a saga's commands, timers and outbox rows never need another.
class Partition final {
 public:
  struct Hooks {
    /// Fresh events of one saga: read models, ordering and notifications add their rows.
    std::function<void(SagaEntry&, const core::Decided&, std::uint64_t revision_before,
                       store::Commit&, std::uint64_t place_in_batch)> decided;
    /// Before the commit: memory that must not outlive the decision (open tasks, timers).
    std::function<void(const core::SagaId&, const core::SagaEffect&)> at_once;
    /// Durable: hand it to whoever does it.
    std::function<void(const core::SagaId&, EffectRows::Released&)> release;
    /// A step of a pending call has ended: was it watched?
    std::function<bool(const core::SagaId&, const core::StepPath&)> unwatch;
    /// A start of what does not exist yet: its place in the queue, or why it is refused.
    std::function<std::optional<core::Rejection>(core::StartSaga&, const dsl::SagaGraph&)> admit;
    std::function<void(const core::SagaId&)> turn_marker;
    LogSink log;
  };

  Partition(SagaRepository& sagas, CommitQueue& commits, const Limits& limits, Hooks hooks);

  void submit(Envelope envelope) {
    queued_bytes_ += envelope.bytes;
    queue_.push_back(std::move(envelope));
  }
  /// Decides what waits, at most a turn's worth. Returns how many.
  std::size_t run(const Moment& now);
  [[nodiscard]] std::size_t queued() const { return queue_.size(); }
  [[nodiscard]] bool full() const {
    return queue_.size() >= static_cast<std::size_t>(limits_.commands_queued) ||
           queued_bytes_ >= static_cast<std::size_t>(limits_.commands_queued_bytes);
  }
  /// Reads a saga without deciding anything.
  [[nodiscard]] store::Result<SagaEntry*> load(const core::SagaId& saga) {
    return sagas_.load(saga);
  }

 private:
  void execute(Envelope& envelope, const Moment& now);
  /// False: it waits until a person takes the quarantine off.
  bool admitted(SagaEntry& entry, Envelope& envelope, const Moment& now);
  void hold(Envelope envelope);
  void release_held(const SagaEntry& entry, const core::SagaId& saga);
  core::Decision decide(SagaEntry*& entry, Envelope& envelope, bool& broke, const Moment& now);
  core::Decision missing_graph(SagaEntry*& entry, const core::SagaId& saga, const Moment& now);
  core::Decision quarantine(SagaEntry*& entry, const core::SagaId& saga, const char* code,
                            const std::string& why, const Moment& now);
  void commit(SagaEntry& entry, const Envelope& envelope, core::Decided& decided,
              std::uint64_t revision_before, const Moment& now);
  void write_effects(SagaEntry& entry, const core::SagaId& saga,
                     std::vector<core::SagaEffect> effects, store::Commit& commit,
                     const Moment& now);
  void log(LogLevel level, const core::SagaId& saga, std::string_view message,
           const std::string& code) const;

  SagaRepository& sagas_;
  CommitQueue& commits_;
  const Limits& limits_;
  Hooks hooks_;
  std::deque<Envelope> queue_;
  /// What came for quarantined sagas. Nothing of it is settled: a restart brings it again.
  std::unordered_map<core::SagaId, std::vector<Envelope>> held_;
  std::size_t queued_bytes_ = 0;
};

}  // namespace weft::engine
