#pragma once  // orchestrator/sim/checkers/checker.h

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/saga_graph.h"
#include "orchestrator/sim/checkers/history.h"
#include "orchestrator/sim/world.h"

namespace weft::sim {

/// A task request as the broker accepted it from the orchestrator.
struct SentTask {
  core::SagaId saga;
  core::StepPath path;
  std::string key, adapter, operation, token;
  std::int64_t attempt = 1, round = 1;
  bool compensation = false, dry_run = false, probe = false;
};

/// A promise the orchestrator gave somebody: it speaks of this revision of this saga.
struct Acknowledged {
  std::string what;  ///< "start", "cancel", ...
  core::SagaId saga;
  std::uint64_t revision = 0;
};

/// What checkers may look at.
struct Scene {
  World& world;
  const History& history;
  /// The compiled workflow behind a digest; null: unknown.
  std::function<const dsl::SagaGraph*(const std::string& digest)> graph;
  /// People let this saga pass its queue, or undid, skipped or terminated something in it: rules
  /// of order and completeness do not bind it.
  std::function<bool(const core::SagaId&)> handled_by_people;
  /// Since when nothing goes wrong any more; negative: things still do.
  std::int64_t calm_since_ms = -1;
};

/// One invariant, watched over a whole run. docs/reliability.md lists them.
class Checker {
 public:
  virtual ~Checker() = default;
  /// "I2 nothing is sent before it is durable".
  [[nodiscard]] virtual std::string_view name() const = 0;

  virtual void before_event(const Scene&, const SagaRecord&, const RecordedEvent&) {}
  virtual void after_event(const Scene&, const SagaRecord&, const RecordedEvent&) {}
  virtual void on_sent(const Scene&, const SentTask&) {}
  /// Somebody - the adapter, or the broker for want of one - said that it did not take the task.
  virtual void on_returned(const std::string&, std::int64_t) {}
  virtual void on_acknowledged(const Scene&, const Acknowledged&) {}
  /// The orchestrator is about to read this message.
  virtual void on_received(const Scene&, const messaging::Received&) {}
  /// The process died: what it had read and not stored is lost.
  virtual void on_death() {}
  /// The process has come up, once more, and settled; and from time to time while it runs.
  virtual void on_look(const Scene&) {}
  /// The faults are over, everything had its time.
  virtual void on_end(const Scene&) {}

  using Report = std::function<void(std::string_view checker, const std::string& what)>;
  void set_report(Report report) { report_ = std::move(report); }

 protected:
  void broken(const std::string& what) const { report_(name(), what); }
  void expect(bool holds, const std::function<std::string()>& what) const {
    if (!holds) report_(name(), what());
  }

 private:
  Report report_;
};

/// "saga xyz (workflow:key) step a/b".
[[nodiscard]] std::string place_of(const SagaRecord& saga, const core::StepPath& path = {});

/// Every invariant that needs nothing but the world.
[[nodiscard]] std::vector<std::unique_ptr<Checker>> all_checkers();

}  // namespace weft::sim
