#pragma once  // orchestrator/core/decide.h: private to the decide_*.cc files.

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "dsl/compiler.h"
#include "orchestrator/core/decider.h"
#include "orchestrator/core/environment.h"
#include "orchestrator/core/ledger.h"

namespace weft::core {

/// One call of decide(): emits events, folding each into the live state at once, and follows their
/// consequences through a queue of places to look at next (no recursion, so no depth to exhaust).
class Decider {
 public:
  Decider(const dsl::SagaGraph& graph, SagaState& state, const Command& command,
          const DecideContext& context)
      : g_(graph), s_(state), command_(command), context_(context) {}

  Decision run();

 private:
  // ---- decider.cc: the frame ----
  void emit(EventBody body);
  void effect(SagaEffect e) { out_.effects.push_back(std::move(e)); }
  void settle_work();
  tl::unexpected<Rejection> reject(Rejection::Code code, std::string reason,
                                   dsl::Value details = {}) const;
  using Refusal = tl::expected<void, Rejection>;
  [[nodiscard]] Refusal check_revision(const StepPath& step) const;
  void set_timer(const std::string& timer, Timestamp due) { effect(TimerSet{timer, due}); }
  void cancel_timer(const std::string& timer, const std::optional<Timestamp>& due) {
    if (due) effect(TimerCancel{timer, *due});
  }
  void close_timers(const Node& n);
  [[nodiscard]] Timestamp now() const { return context_.now; }
  [[nodiscard]] Timestamp later(std::int64_t ms) const { return {context_.now.ms + ms}; }
  [[nodiscard]] bool turn_is_long() const {
    return out_.events.size() >= context_.events_per_turn;
  }

  // ---- places ----
  [[nodiscard]] NodeId id_of(const StepPath& path) const;
  Node& node(NodeId id) { return s_.nodes[id]; }
  [[nodiscard]] const dsl::Step* step_of(const Node& n) const;
  [[nodiscard]] Environment environment(NodeId id) const;
  /// Is any scope around this list being left (or the saga over)?
  [[nodiscard]] bool leaving(NodeId parent, Slot slot) const;
  [[nodiscard]] bool leaving(NodeId id) const;
  /// Is this step in a scope that is being settled or undone right now?
  [[nodiscard]] bool in_rollback(NodeId id) const;

  // ---- decide_enter.cc ----
  struct Place {  ///< Where a step is entered.
    dsl::BlockId block;
    NodeId parent;
    Slot slot;
    std::uint32_t index;
  };
  Refusal start(const StartSaga& c);
  void run_queued();
  void arm_cancel(bool set);
  void enter(const Place& place);
  void enter_step(const dsl::Step& step, const Place& place, const StepPath& path);
  void enter_call(const dsl::Step& step, const Place& place, const StepPath& path,
                  Environment& env);
  void enter_foreach(const dsl::Step& step, StepScheduled e, Environment& env);
  void enter_listen(const dsl::Step& step, StepScheduled e, Environment& env);
  void enter_wait(const dsl::Step& step, StepScheduled e, Environment& env);
  void enter_saga(const dsl::Step& step, StepScheduled e, Environment& env);
  void enter_parallel(const dsl::Step& step, StepScheduled e);
  tl::expected<std::string, Error> choose_target(const std::string& adapter);
  void stuck_at_entry(const StepPath& path, const Place& place, const std::string& kind,
                      std::string code, std::string message);
  void schedule_attempt(NodeId id);

  // ---- decide_forward.cc ----
  void succeeded(NodeId id);        ///< After StepSucceeded: announcements, pivot, next.
  void ended(NodeId id);            ///< Ended well or skipped: what follows in the list.
  void list_ended(NodeId parent, Slot slot, const StepPath& last);
  void start_items(NodeId id);
  void item_ended(NodeId id, Slot slot);
  [[nodiscard]] bool tolerated(const Node& n, const Error& error) const;
  void round_ended(NodeId id, Slot slot, const StepPath& last);
  void begin_round(NodeId id, std::uint32_t index);
  void timed_out(NodeId id, const std::optional<dsl::TimeoutAction>& action, const char* code);
  void race_decided(NodeId id, const Error& last = {});
  void maybe_complete();

  // ---- decide_events.cc ----
  void announce(const dsl::Announcement& announcement, NodeId id, const dsl::Value& result);
  void announce_end(const dsl::Announcement& announcement, const dsl::Value& output,
                    const Error& error, const char* phase_status);
  void emit_named(const StepPath& path, const std::string& name, dsl::Value data);
  void set_status(const std::string& status);
  [[nodiscard]] std::string on_wait_status(const Node& n) const;
  void end_overlay(const Node& n);
  void uncover(const StepPath& path);
  [[nodiscard]] const std::string* other_overlay(const StepPath& path) const;
  bool take_event(NodeId id, const std::string& name, const std::string& event_id,
                  const dsl::Value& data, bool signal);
  void listen_done(NodeId id, const dsl::Value& data);
  Refusal fire_timer(const std::string& timer);
  Refusal deliver_event(const DeliverEvent& e);
  Refusal deliver_signal(const DeliverSignal& e);

  // ---- decide_reply.cc ----
  Refusal report(const ReportReply& r);
  void report_forward(NodeId id, const ReportReply& r, Judgement j);
  void late_reply(NodeId id, const ReportReply& r, const Judgement& j);
  void clear_stuck_by_reply(NodeId id, const ReportReply& r, const Judgement& j);
  void succeed_call(NodeId id, std::int64_t attempt, dsl::Value output);
  void give_up(NodeId id, Error error, bool not_happened);
  void not_sent(NodeId id, std::int64_t attempt);
  void attempt_unknown(NodeId id, const ReportReply& r, const Error& error,
                       const std::optional<std::int64_t>& retry_after_ms);
  void retry_or_fail(NodeId id, const ReportReply& r, const Judgement& j, const Error& error);
  /// Does it consume or release what others hold?
  [[nodiscard]] static bool gives_away(const dsl::Step& step);
  std::optional<std::vector<Movement>> movements_of(const dsl::Step& step, NodeId id,
                                                    const dsl::Value* reply, std::string& why,
                                                    bool holds_only = false) const;
  [[nodiscard]] std::vector<Movement> late_holds(NodeId id, const dsl::Value& reply,
                                                 bool undo_begun) const;

  // ---- decide_retry.cc ----
  [[nodiscard]] bool other_attempt_unknown(const Node& n, std::int64_t attempt) const;
  [[nodiscard]] bool later_attempt_unknown(const Node& n, std::int64_t attempt) const;
  [[nodiscard]] static bool lists(const dsl::RetryPolicy& policy, const std::string& error_class,
                                  const std::string& code);
  [[nodiscard]] bool may_repeat(const std::string& adapter) const;
  /// `proven_undone`: of `unknown`; whatever the attempts so far were to do has not been done.
  [[nodiscard]] bool may_retry(const Node& n, const dsl::RetryPolicy& policy,
                               const std::string& error_class, const std::string& code,
                               std::int64_t attempts, std::int64_t delay_ms,
                               bool proven_undone = false) const;
  [[nodiscard]] Error unavailable_error(const Node& n, const std::string& message) const;
  [[nodiscard]] std::int64_t delay_of(const dsl::RetryPolicy& policy, const std::string& salt,
                                      std::int64_t attempt,
                                      const std::optional<std::int64_t>& retry_after_ms) const;
  [[nodiscard]] const dsl::AdapterDefinition& adapter_of(const std::string& name) const;
  [[nodiscard]] Error error_of(const Node& n, const Judgement& j) const;

  // ---- decide_probe.cc ----
  void begin_probe(NodeId id);
  void report_probe(NodeId id, const ReportReply& r, const Judgement& j);
  void probe_again(NodeId id, const Error& error, const ReportReply& r, const Judgement& j);

  // ---- decide_child.cc ----
  Refusal child_started(const ReportChildStarted& r);
  Refusal child_refused(const ReportChildRefused& r);
  Refusal child_ended(const ReportChildEnded& r);
  Refusal child_not_done(NodeId id);
  Refusal undo_as_child(const UndoAsChild& c);

  // ---- decide_undo.cc ----
  bool undo_node(NodeId id);
  bool undo_slot(NodeId id, Slot slot);
  void schedule_compensation(NodeId id, bool leftover = false);
  void report_compensation(NodeId id, const ReportReply& r, Judgement j);
  void compensation_succeeded(NodeId id, const std::string& effect);
  void compensation_failed(NodeId id, const Error& error);
  void compensation_over(NodeId id);
  void schedule_leftover(NodeId id);

  // ---- decide_backward.cc ----
  void step_error(NodeId id, const Error& error);
  void leave_with_error(NodeId id, const Error& error);  ///< Undone: on_error, else outwards.
  void route_done(NodeId id);
  void propagate(NodeId id, const Error& error);
  void settle(const Scope& scope, const std::string& cause, const Error& error,
              std::vector<Movement> movements = {});
  void close_leaf(NodeId id);
  [[nodiscard]] static TaskWithdraw withdrawal(const Node& n);
  void check_scopes_of(NodeId id);
  void check_scope(const Scope& scope);
  void scope_undone(const Scope& scope);
  void begin_cancel_if_possible();
  [[nodiscard]] bool pivot_may_have_run() const;
  void end_backward();
  void finish_failed(const Error& error, bool cancelled);
  void close_saga(const char* state);
  void close_tasks();
  void stuck(NodeId id, const char* place, Error error, Effect effect = Effect::kNone);

  // ---- decide_operator.cc ----
  Refusal cancel(const CancelSaga& c);
  Refusal retry(const RetryStep& c);
  /// `how`, here and below: what SagaResumed says was decided.
  Refusal skip(const SkipStep& c, const char* how = "skip");
  Refusal resume(const ResumeStep& c);
  Refusal mark_undone(const StepPath& step, const char* how);
  Refusal resolve(const ResolveStep& c);
  [[nodiscard]] tl::expected<std::vector<Movement>, Rejection> movements_of_skipped(
      NodeId id, const SkipStep& c) const;
  Refusal terminate();
  Refusal move(const MoveSaga& c);
  [[nodiscard]] tl::expected<StepPath, Rejection> stuck_place(const StepPath& named) const;
  [[nodiscard]] tl::unexpected<Rejection> unknown_step(const StepPath& step) const;

  const dsl::SagaGraph& g_;
  SagaState& s_;
  const Command& command_;
  const DecideContext& context_;
  Decided out_;

  /// Places to look at next, first in first out.
  struct Work {
    enum class Kind { kEnter, kEnded, kError, kScope, kComplete, kItems };
    Kind kind = Kind::kEnter;
    Place place{};
    NodeId id = kNoNode;
    Error error;
    Scope scope;
  };
  std::deque<Work> work_;
  Work& push(Work::Kind kind) {
    work_.emplace_back();
    work_.back().kind = kind;
    return work_.back();
  }
  void then_enter(const Place& place) { push(Work::Kind::kEnter).place = place; }
  void then_ended(NodeId id) { push(Work::Kind::kEnded).id = id; }
  void then_error(NodeId id, Error error) {
    Work& work = push(Work::Kind::kError);
    work.id = id;
    work.error = std::move(error);
  }
  void then_scope(Scope scope) { push(Work::Kind::kScope).scope = std::move(scope); }
  void then_complete() { push(Work::Kind::kComplete); }
  void then_items(NodeId id) { push(Work::Kind::kItems).id = id; }
};

inline constexpr Slot kBodySlot{static_cast<std::uint8_t>(dsl::Block::Role::kBody), 0};
inline Slot branch_slot(std::uint32_t index) {
  return {static_cast<std::uint8_t>(dsl::Block::Role::kBranch), index};
}
inline Slot route_slot(std::uint32_t index) {
  return {static_cast<std::uint8_t>(dsl::Block::Role::kRoute), index};
}
inline Slot timeout_slot() { return {static_cast<std::uint8_t>(dsl::Block::Role::kTimeout), 0}; }
inline Error invalid_error(std::string code, std::string message, std::string step,
                           std::string adapter = {}) {
  return {"invalid", std::move(code), std::move(message), std::move(step), std::move(adapter)};
}
inline bool is_settled(const Node& n) {
  return n.state == StepState::kSucceeded || n.state == StepState::kFailed ||
         n.state == StepState::kInDoubt || n.state == StepState::kSkipped;
}

}  // namespace weft::core
