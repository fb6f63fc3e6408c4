#pragma once  // orchestrator/engine/adapter_line.h

#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <string>

#include "dsl/saga_graph.h"
#include "orchestrator/engine/breaker.h"
#include "orchestrator/engine/clock.h"
#include "orchestrator/engine/task.h"

namespace weft::engine {

/// What waits for one adapter: compensations first, each kind in order of arrival. Tasks that can
/// not be sent for a reason of their own (a paused workflow, a subject on which nobody listens)
/// step aside, so that they hold up nobody behind them.
class AdapterLine final {
 public:
  explicit AdapterLine(std::string adapter) : name(std::move(adapter)) {}

  struct Lane {  ///< One subject on which nobody listened.
    Clock::Instant next_try{};
    std::int64_t backoff_ms = 0;
    Task* trying = nullptr;           ///< Sent to see whether somebody listens now.
    std::list<Task*> compensations, forward;
    [[nodiscard]] bool empty() const { return compensations.empty() && forward.empty(); }
  };

  void push_back(Task* task);
  void push_front(Task* task);
  /// The next task in turn, still in its list; nullptr if there is none.
  [[nodiscard]] Task* head() const;
  void hold(Task* task, const std::string& workflow);
  void release_held(const std::string& workflow);
  void park(Task* task, Lane& lane);
  /// Everybody who waited for the subject goes back to the front, in order.
  void unpark(const std::string& subject);
  /// Out of whatever list it stands in.
  static void remove(Task* task);

  /// It refused one more task than it can take: from now on so many are in flight at most ...
  void refused();
  /// ... and slowly more again, as long as it answers. Without a refusal there is no such limit.
  void answered();
  [[nodiscard]] bool has_room() const;

  [[nodiscard]] std::size_t waiting() const;
  [[nodiscard]] std::optional<core::Timestamp> oldest() const;
  /// Calls `visit` for every waiting task.
  template <class Visit>
  void each(const Visit& visit) const {
    for (const auto* list : {&compensations_, &forward_}) {
      for (Task* task : *list) visit(task);
    }
    for (const auto& [workflow, tasks] : held_) {
      for (Task* task : tasks) visit(task);
    }
    for (const auto& [subject, lane] : lanes) {
      for (const auto* list : {&lane.compensations, &lane.forward}) {
        for (Task* task : *list) visit(task);
      }
    }
    for (Task* task : delayed) visit(task);
  }

  const std::string name;
  dsl::AdapterLimits limits;          ///< In force.
  std::optional<std::int64_t> concurrency_set, rate_count_set, rate_window_set;  ///< By a person.
  Breaker breaker;
  RateLimit rate;
  bool paused = false;
  std::int64_t in_flight = 0;
  Clock::Instant not_before{};        ///< The adapter asked us to wait.
  std::map<std::string, Lane> lanes;
  std::list<Task*> delayed;
  std::map<std::string, std::uint64_t> outcomes, codes;  ///< Since the process began.

 private:
  std::list<Task*>& list_for(const Task& task, std::list<Task*>& compensations,
                             std::list<Task*>& forward) const;
  std::list<Task*> compensations_, forward_;
  std::map<std::string, std::list<Task*>> held_;
  std::optional<double> window_;  ///< What it was seen to take at once.
  bool outage_ = false;           ///< It refused everything.
};

}  // namespace weft::engine
