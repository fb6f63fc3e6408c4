#pragma once  // orchestrator/sim/sim_adapter.h

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/saga_graph.h"
#include "orchestrator/sim/chance.h"
#include "orchestrator/sim/fault_plan.h"
#include "orchestrator/sim/world.h"

namespace weft::sim {

/// What really became of one idempotency key in the outside world. The orchestrator never sees it.
struct KeyTruth {
  int done = 0;                 ///< Forward executions.
  int undone = 0;               ///< Executed undos that found something to undo.
  int done_after_undo = 0;      ///< Executions that an earlier undo should have prevented.
  bool present = false;         ///< The effect stands.
  bool tombstone = false;       ///< Fenced: undone before, and refused from then on.
  bool working = false;         ///< Being executed.
  bool lied = false;            ///< Its answers were wrong (a planned contradiction or garbage).
  std::int64_t taken = 0, given_back = 0;  ///< Units of `take`, and of undos that found them there.
  bool other_body = false;      ///< Two forward calls with different bodies.
  std::int64_t undo_round = 0;  ///< The highest executed.
  bool undo_found_something = false;
  std::int64_t refused_attempt = 0;  ///< The last forward attempt that was refused.
  std::string returned_send, taken_send;  ///< The last request sent back untouched, and taken.
  std::int64_t denied_attempt = 0;   ///< The last of which a probe was told: not done.
  bool done_after_refusal = false;   ///< Of two deliveries of one request one was refused and one done.
  std::string body, reply;
  std::vector<AdapterTask> waiting;  ///< Repeats that came while it worked.
};

/// What an outside system does, besides keeping the guarantee it claims.
struct Trade {
  /// A call is executed, once; the reply.
  std::function<std::string(const AdapterTask&)> done = [](const AdapterTask&) { return std::string("{}"); };
  /// Its undo finds it and takes it back. `forward`: the body of the call.
  std::function<void(const AdapterTask& undo, const std::string& forward)> undone;
  /// The code of a refusal it has reasons for, found when its turn comes; nothing is done then.
  std::function<std::optional<std::string>(const AdapterTask&)> refuses;
  /// The code of a refusal without a reason; empty: this operation is never refused so.
  std::function<std::string(const std::string& operation)> whim = [](const std::string& operation) {
    return std::string(operation == "push" ? "" : "refused");
  };
  /// May answer pending, and complete by token.
  std::function<bool(const std::string& operation)> takes_long = [](const std::string& operation) {
    return operation == "work";
  };
};

/// A modelled outside system with a hidden true state. It keeps exactly the guarantee it claims and
/// no more: fenced, idempotent, queryable or unsafe (DSL.md, Adapter definition).
///
/// Operations: names that begin with `find` are probes; any other is done or refused as its trade
/// says. Compensations are told by their header.
class SimAdapter final {
 public:
  SimAdapter(World& world, std::string name, dsl::Guarantee guarantee, Chance chance,
             const FaultPlan& faults, FaultCounts& counts, Trade trade = {});

  void go_up();
  /// The program dies: what it worked at is not done. What it knows is on its own disk.
  void go_down();
  /// From here on it makes no trouble.
  void calm() { calm_ = true; }

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] dsl::Guarantee guarantee() const { return guarantee_; }
  [[nodiscard]] const std::map<std::string, KeyTruth>& truth() const { return truth_; }
  [[nodiscard]] bool up() const { return up_; }
  /// Told of each forward call that is sent back untouched.
  std::function<void(const std::string& key, std::int64_t attempt)> on_returned;

 private:
  [[nodiscard]] bool happens(FaultKind kind);
  void receive(const AdapterTask& task);
  void forward(const AdapterTask& task);
  void execute(const AdapterTask& task);
  void undo(const AdapterTask& task);
  void execute_undo(const AdapterTask& task);
  void probe(const AdapterTask& task);
  /// Sends an answer, unless it gets lost, comes twice or comes very late.
  void answer(const AdapterTask& task, const messaging::Message& message);
  void answer_success(const AdapterTask& task, const std::string& json,
                      messaging::EffectClaim claim = messaging::EffectClaim::kAbsent);
  void answer_failure(const AdapterTask& task, int code, const std::string& name,
                      messaging::EffectClaim claim = messaging::EffectClaim::kAbsent,
                      std::int64_t retry_after_ms = -1);
  void complete(const std::string& token, const std::string& body, int tries);
  /// It came too late to be begun (Weft-Deadline): answered, nothing done.
  [[nodiscard]] bool too_late(const AdapterTask& task, bool claim_none);
  /// `work` later, unless the program dies before.
  void later(std::int64_t ms, std::function<void()> work);
  [[nodiscard]] std::int64_t working_time(const AdapterTask& task);

  World& world_;
  std::string name_;
  dsl::Guarantee guarantee_;
  Chance chance_;
  const FaultPlan& faults_;
  FaultCounts& counts_;
  Trade trade_;
  std::map<std::string, KeyTruth> truth_;
  std::uint64_t life_ = 0;  ///< Counts its deaths.
  bool up_ = false, calm_ = false;
};

}  // namespace weft::sim
