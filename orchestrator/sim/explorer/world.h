#pragma once  // orchestrator/sim/explorer/world.h

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "dsl/saga_graph.h"
#include "orchestrator/core/decider.h"
#include "orchestrator/sim/explorer/bounds.h"
#include "orchestrator/sim/explorer/invention.h"
#include "orchestrator/sim/explorer/move.h"

namespace weft::explorer {

/// What stays the same on all paths of one exploration.
struct Arena {
  const dsl::SagaGraph& graph;  ///< Bounded.
  const Inventor& inventor;
  Bounds bounds;
};

/// A task that an adapter has and has not answered.
struct Task {
  core::StepPath path;
  core::Direction direction = core::Direction::kForward;
  std::int64_t attempt = 1, round = 1;
  std::string adapter, operation;
  dsl::Value input;
  std::optional<std::int64_t> schedule_timeout_ms;
  std::int64_t timeout_ms = 0;
  bool withdrawn = false;
  bool sent_before = false;  ///< A restart has sent it again: it can not be taken back.
  bool accepted = false;     ///< A pending answer came; the result comes by token.
};

/// An answer that is on its way although nobody waits for it any more.
struct LateAnswer {
  core::StepPath path;
  core::Direction direction = core::Direction::kForward;
  std::int64_t attempt = 1, round = 1;
  core::TaskReply reply;
  bool fenced = false;  ///< Its adapter lets nothing happen after an undo.
};

/// What truly became of one idempotency key, whatever Weft knows of it.
struct Truth {
  int done = 0;             ///< How often the effect took place.
  int undone = 0;           ///< How often it was taken back.
  bool stands = false;      ///< It is there now.
  bool fenced_off = false;  ///< A fenced adapter has seen the undo and refuses the call for ever.
  int variant = 0;          ///< Which of the invented replies it gave.
  /// What the answers to each attempt prove, by attempt - 1. Nothing is certain of an attempt that
  /// is open or was answered by silence.
  enum class Proof : std::uint8_t { kOpen, kUnknown, kNothing, kDone };
  std::vector<Proof> proofs;
  std::optional<core::TaskReply> answer;  ///< The last one, to be repeated.
  std::int64_t answered_attempt = 0;
  core::Direction answered_direction = core::Direction::kForward;
  std::int64_t answered_round = 1;

  /// By what was answered, nothing can have happened under this key.
  [[nodiscard]] bool certainly_not() const;
  void prove(std::int64_t attempt, Proof proof);
};

/// A sub-saga, from outside.
struct Child {
  bool cancel_asked = false, undo_asked = false;
  bool stands = false;  ///< Completed and not undone.
};

/// One saga and the world around it at one moment: what Weft knows, and what is true.
class World {
 public:
  core::SagaState saga;
  core::Timestamp now{1'767'225'600'000};  ///< 2026-01-01T00:00:00Z
  int input = 0;
  std::vector<Task> tasks;
  std::vector<LateAnswer> late;
  std::map<std::string, core::Timestamp> timers;
  std::map<core::StepPath, Truth> truths;
  std::map<core::StepPath, Child> children;
  std::set<core::StepPath> excused;  ///< A person took over: skipped, or undone by hand.
  bool terminated = false;
  int faults = 0;  ///< Spent so far.

  /// What one move led to.
  struct Result {
    std::vector<core::Event> events;
    std::vector<core::SagaEffect> effects;
    std::optional<core::Rejection> refused;
    std::string broken;  ///< The core found its own logic broken.
  };
  /// Makes the move. The move must be one that moves_of() gave for this very world.
  Result make(const Arena& arena, const Move& move);

  [[nodiscard]] const Truth* truth(const core::StepPath& path) const;
  /// True where this late answer can only be put on record: its step has ended, and what it says is
  /// known or no longer of weight. It is offered once, when that becomes so, and then forgotten.
  [[nodiscard]] bool is_harmless(const LateAnswer& answer) const;

 private:
  Result decide(const Arena& arena, core::CommandBody body, const std::string& reason = "");
  void settle(const core::SagaEffect& effect);
  Result start(const Arena& arena, const Move& move);
  Result answer(const Arena& arena, const Move& move);
  Result answer_undo(const Arena& arena, const Move& move, const Task& task);
  Result answer_forward(const Arena& arena, const Move& move, const Task& task);
  Result answer_probe(const Arena& arena, const Move& move, const Task& task);
  Result crash(const Arena& arena, const Move& move);
  Result late_answer(const Arena& arena, const Move& move);
  Result contradict(const Arena& arena, const Move& move);
  Result operate(const Arena& arena, const Move& move);
  Result child(const Arena& arena, const Move& move);
  Result report(const Arena& arena, const Task& task, core::TaskReply reply, bool by_token);
  void execute(const Arena& arena, const Task& task, int variant);
  void execute_undo(const Arena& arena, const Task& task);
  [[nodiscard]] core::TaskReply success_of(const Arena& arena, const Task& task) const;
};

/// The guarantee of the adapter that works on a task.
[[nodiscard]] dsl::Guarantee guarantee_of(const Arena& arena, const std::string& adapter);
/// After a restart, is an open task sent again? Otherwise it counts as unknown.
[[nodiscard]] bool is_sent_again(dsl::Guarantee guarantee, core::Direction direction);
[[nodiscard]] const dsl::Step* step_of(const Arena& arena, const core::StepPath& path);

}  // namespace weft::explorer
