#include <algorithm>
#include <utility>

#include "orchestrator/core/decider.h"
#include "orchestrator/core/ledger.h"
#include "orchestrator/core/planted.h"
#include "orchestrator/core/saga_state.h"

namespace weft::core {
namespace {

using dsl::Value;

constexpr auto kBody = static_cast<std::uint8_t>(dsl::Block::Role::kBody);
constexpr auto kBranch = static_cast<std::uint8_t>(dsl::Block::Role::kBranch);

/// Folds one event; a member function per event type.
class Folder {
 public:
  Folder(SagaState& state, const Event& event) : s_(state), at_(event.at) {}

  // ---- Birth and end ----
  void operator()(const SagaQueued& e) {
    invariant(s_.phase == Phase::kNew, "a saga is born once");
    s_.birth = e.birth;
    s_.phase = Phase::kQueued;
    s_.accepted_at = at_;
    s_.deadline = e.deadline;
    changed();
  }
  void operator()(const SagaStarted& e) {
    invariant(s_.phase == Phase::kNew || s_.phase == Phase::kQueued, "a saga starts once");
    if (e.birth) {
      s_.birth = *e.birth;
      s_.accepted_at = at_;
    }
    s_.phase = Phase::kForward;
    s_.started_at = at_;
    s_.deadline = e.deadline;
    changed();
  }
  void operator()(const SagaCompleted& e) { end(Phase::kCompleted); s_.output = e.output; }
  void operator()(const SagaCompensated& e) {
    end(Phase::kCompensated);
    s_.error = e.error;
    s_.exceptions = e.exceptions;
  }
  void operator()(const SagaFailed& e) { end(Phase::kFailed); s_.error = e.error; }
  void operator()(const SagaTerminated&) {
    end(Phase::kTerminated);
    // Nobody is waited for any more. A repair that becomes stuck later has a mark of its own.
    s_.stuck.clear();
    s_.stuck_since.clear();
  }

  // ---- Forward ----
  void operator()(const StepScheduled& e) {
    if (e.probe) {
      Node& n = at(e.path);
      n.probing = true;
      n.task_open = true;
      n.next_attempt.reset();
      ++n.probes;
      touch(e.path);
      return;
    }
    Node& n = place(e.path, e.parent, e.slot, e.kind);
    n.attempts = e.attempt;
    n.state = StepState::kRunning;
    n.undo = e.undo;
    n.pivot = e.pivot;
    n.adapter = e.adapter;
    n.operation = e.operation;
    n.subject = e.subject;
    n.input = e.input;
    n.due = e.due;
    n.next_attempt.reset();
    n.probing = false;
    n.pending = false;
    if (n.policy_since.ms == 0) n.policy_since = at_;
    if (e.kind == "call") {
      if (n.fates.size() < static_cast<std::size_t>(e.attempt)) {
        n.fates.resize(static_cast<std::size_t>(e.attempt), AttemptFate::kOpen);
      }
      know(n, Effect::kPerhaps);
      n.task_open = true;
      open(n, true);
    } else if (e.kind == "saga") {
      n.child = e.child;
      n.child_workflow = e.child_workflow;
      n.effect = Effect::kPerhaps;
      open(n, true);
    } else if (e.kind == "listen") {
      n.event = e.event;
      n.correlation = e.correlation;
      n.correlated = e.correlated;
      n.state = StepState::kWaiting;
      open(n, true);
    } else if (e.kind == "wait") {
      n.state = StepState::kWaiting;
      open(n, true);
    } else {
      open(n, false);  // A block is its steps; it was a place of its own only while it was stuck.
      if (e.kind == "foreach") {
        n.items = e.input;
        n.input = Value();
        n.as = e.as;
        n.at_once = e.at_once;
      } else if (e.kind == "choice") {
        n.branch = e.branch;
      }
    }
    touch(e.path);
  }
  void operator()(const StepPending& e) {
    Node& n = at(e.path);
    n.pending = true;
    n.task_open = false;
    n.next_attempt.reset();
    n.state = StepState::kWaiting;
    if (e.within) n.within = e.within;
    touch(e.path);
  }
  void operator()(const StepSucceeded& e) {
    Node& n = e.kind.empty() ? at(e.path) : place(e.path, e.parent, e.slot, e.kind);
    n.output = e.derived ? derive(n, e.result_of) : e.output;
    n.output_known = true;
    n.state = StepState::kSucceeded;
    if (!e.substituted) n.error = {};  // What earlier attempts met is history.
    if (e.attempt > 0 && !e.substituted) {
      n.effect = Effect::kHappened;
      answered(n, e.attempt);
    }
    close(n);
    n.rollback.reset();
    apply_movements(s_, e.movements, &n);
    owe(n);
    if (e.finishes) {
      s_.finishing = true;
      s_.output = n.output;
    }
    touch(e.path);
  }
  void operator()(const StepFailed& e) {
    Node& n = e.kind.empty() ? at(e.path) : place(e.path, e.parent, e.slot, e.kind);
    n.state = StepState::kFailed;
    n.error = e.error;
    if (n.attempts > 0 && (n.kind == "call" || n.kind == "saga")) n.effect = Effect::kNotHappened;
    if (e.attempt > 0) answered(n, e.attempt);
    close(n);
    n.rollback.reset();
    owed(n, false);
    apply_movements(s_, e.movements, &n);
    touch(e.path);
  }
  void operator()(const StepInDoubt& e) {
    Node& n = at(e.path);
    n.state = StepState::kInDoubt;
    n.error = e.error;
    n.effect = Effect::kPerhaps;
    close(n);
    apply_movements(s_, e.movements, &n);
    owe(n);
    touch(e.path);
  }
  void operator()(const StepSkipped& e) {
    Node& n = place(e.path, e.parent, e.slot, e.kind);
    n.state = StepState::kSkipped;
    n.ended_at = at_;
    touch(e.path);
  }
  void operator()(const AttemptFailed& e) {
    Node& n = at(e.path);
    n.waited_ms += e.waited_ms;
    if (e.direction == "compensation") {
      CompensationState& c = n.compensation;
      c.state = CompensationState::State::kRetrying;
      c.error = e.error;
      c.next = e.next;
      c.pending = false;
    } else if (e.direction == "probe") {
      n.task_open = false;
      n.next_attempt = e.next;
    } else {
      n.task_open = false;
      n.pending = false;
      n.state = StepState::kRunning;
      n.error = e.error;
      n.next_attempt = e.next;
      know(n, e.effect);
      n.probing = e.follows == "probe";
      if (n.probing) {
        n.probes = 0;
        n.probing_since = at_;
      }
      auto& fate = n.fates.at(static_cast<std::size_t>(e.attempt - 1));
      fate = e.outcome == "unknown" ? AttemptFate::kUnknown : AttemptFate::kNotHappened;
      if (e.effect == Effect::kNotHappened) {  // Said of the key: earlier attempts are known too.
        std::replace_if(
            n.fates.begin(), n.fates.end(),
            [](AttemptFate known) { return known != AttemptFate::kAnswered; },
            AttemptFate::kNotHappened);
      }
    }
    touch(e.path);
  }
  void operator()(const StepWaiting& e) { at(e.path).waiting = true; touch(e.path); }
  void operator()(const TaskNotSent& e) {
    Node& n = at(e.path);
    if (e.direction == "forward") {
      n.fates.at(static_cast<std::size_t>(e.attempt - 1)) = AttemptFate::kNotHappened;
      if (n.attempts == 1) n.effect = Effect::kNotHappened;
    }
    n.task_open = false;
    touch(e.path);
  }
  void operator()(const ScopeEnded& e) {
    Node& n = at(e.path);
    SlotState& slot = n.slots[e.slot];
    slot.ended = true;
    slot.succeeded = e.succeeded;
    slot.name = e.name;
    slot.result_of = e.result_of;
    slot.error = e.error;
    slot.rollback.reset();
    if (n.kind == "foreach") {
      ++n.items_ended;
      if (!e.succeeded) ++n.items_failed;
    }
    if (n.kind == "repeat") {
      ++n.round;
      n.due = e.next;
      if (e.next) open(n, true);
    }
  }
  void operator()(const RouteTaken& e) {
    Node& n = at(e.path);
    n.route = static_cast<std::int32_t>(e.route);
    n.error = e.error;
    n.rollback.reset();
    touch(e.path);
  }
  void operator()(const PivotReached&) {
    s_.pivot_reached = true;
    s_.cancel_requested = s_.deadline_passed = false;
    // From here on nothing is owed: the saga may only go forward.
    for (Node& n : s_.nodes) owed(n, false);
    changed();
  }
  void operator()(const StatusChanged& e) {
    if (e.overlay) {
      if (!s_.overlay) s_.overlay_from = s_.status;
      s_.overlay = true;
    } else {
      if (!e.path.empty()) at(e.path).waiting = false;
      // Where another step waits, what that one says may lie there now.
      if (e.path.empty() || e.status == s_.overlay_from || !somebody_waits()) {
        s_.overlay = false;
        s_.overlay_from.clear();
      }
    }
    s_.status = e.status;
  }
  void operator()(const EventReceived& e) {
    if (!e.event_id.empty()) s_.events_seen.insert(e.event_id);
    if (e.path.empty()) {
      s_.signals.push_back({e.name, e.event_id, e.data, at_});
      return;
    }
    if (!e.signal) return;
    auto taken = std::find_if(s_.signals.begin(), s_.signals.end(), [&](const BufferedSignal& b) {
      return b.name == e.name && b.event_id == e.event_id;
    });
    if (taken != s_.signals.end()) s_.signals.erase(taken);
  }
  void operator()(const TimerFired& e) {
    if (e.path.empty()) return;
    Node& n = at(e.path);
    if (e.timer.starts_with("within:")) {
      n.within.reset();
      n.within_spent = true;
      return;
    }
    n.due.reset();
    if (n.kind == "repeat" || n.kind == "listen") open(n, false);
    if (n.kind == "listen") n.state = StepState::kRunning;
  }
  void operator()(const RouteChosen& e) {
    s_.routes[e.adapter] = e.target;
    if (!e.shadow.empty()) s_.shadows[e.adapter] = e.shadow;
  }
  void operator()(const Emitted&) {}
  void operator()(const ChildEnded& e) {
    Node& n = at(e.path);
    n.child_state = e.state;
    touch(e.path);
  }

  // ---- Backward ----
  void operator()(const CancelRequested& e) {
    if (s_.phase == Phase::kBackward || s_.cancel_requested) return;
    if (s_.pivot_reached && !PLANTED(13)) return;
    s_.cancel_requested = true;
    s_.cancel_kind = e.kind;
    changed();
  }
  void operator()(const DeadlinePassed&) {
    if (s_.phase == Phase::kForward && !s_.pivot_reached) s_.deadline_passed = true;
    s_.deadline.reset();
  }
  void operator()(const ScopeSettling& e) {
    Node& n = at(e.scope.path);
    Rollback rollback{false, e.cause, e.error};
    if (e.scope.slot) {
      SlotState& slot = n.slots[*e.scope.slot];
      for (NodeId child : slot.children) forget_rollbacks(s_.nodes[child]);
      slot.rollback = std::move(rollback);
    } else {
      forget_rollbacks(n);
      n.rollback = std::move(rollback);
    }
    if (e.scope.path.empty()) {
      if (s_.phase == Phase::kCompleted) reopen();
      s_.phase = Phase::kBackward;
      s_.error = e.error;
      s_.finishing = false;
      changed();
    }
    apply_movements(s_, e.movements, nullptr);
  }
  void operator()(const CompensationStarted& e) {
    Node& n = at(e.scope.path);
    auto& rollback = e.scope.slot ? n.slots[*e.scope.slot].rollback : n.rollback;
    invariant(rollback.has_value(), "an undo begins only in a scope that has settled");
    rollback->undoing = true;
  }
  void operator()(const CompensationScheduled& e) {
    Node& n = at(e.path);
    CompensationState& c = n.compensation;
    if (c.attempts == 0 || e.round != c.round) {  // Each round has its policy anew.
      c.first_at = at_;
      c.attempts_base = e.attempt - 1;
    }
    c.state = CompensationState::State::kRunning;
    c.attempts = e.attempt;
    c.round = e.round;
    c.adapter = e.adapter;
    c.operation = e.operation;
    c.subject = e.subject;
    c.input = e.input;
    c.timeout_ms = e.timeout_ms;
    c.child = e.child;
    c.leftover = e.leftover;
    c.repair = e.repair;
    c.next.reset();
    c.pending = false;
    undoing(n, true);
    ++s_.compensations;
    touch(e.path);
  }
  void operator()(const CompensationSucceeded& e) {
    Node& n = at(e.path);
    if (n.compensation.attempts == 0) ++s_.compensations;  // Done by hand.
    n.compensation.state = CompensationState::State::kDone;
    n.compensation.effect = e.effect;
    n.compensation.error = {};
    settle_undo(n, e.movements);
    touch(e.path);
  }
  void operator()(const CompensationFailed& e) {
    Node& n = at(e.path);
    n.compensation.error = e.error;
    n.compensation.next.reset();
    if (e.goes_on) {
      n.compensation.state = CompensationState::State::kSkipped;
      ++s_.exceptions;
      settle_undo(n, e.movements);
    } else {
      n.compensation.state = CompensationState::State::kStuck;
      undoing(n, false);
    }
    touch(e.path);
  }
  void operator()(const CompensationSkipped& e) {
    Node& n = at(e.path);
    n.compensation.state = CompensationState::State::kSkipped;
    n.compensation.again = false;  // Who skips knows what came late, and wants no more of it.
    n.compensation.late_holds.clear();
    ++s_.exceptions;
    settle_undo(n, {});
    touch(e.path);
  }
  void operator()(const WrittenOff& e) { apply_movements(s_, e.movements, nullptr); }

  // ---- Trouble ----
  void operator()(const LateReplyRecorded& e) {
    Node& n = at(e.path);
    CompensationState& c = n.compensation;
    n.late.insert(e.attempt);
    if (e.outcome == "succeeded") n.late.insert(-e.attempt);
    if (e.direction == "forward" && e.attempt > 0 && e.known) answered(n, e.attempt);
    // An undo that is under way, or waits for a person, is followed by another round.
    const bool later = e.repair && (n.own_undoing || c.state == CompensationState::State::kStuck);
    if (e.settles || e.repair) {
      n.effect = Effect::kHappened;
      if (!n.output_known) {
        n.output = e.output;
        n.output_known = true;
      }
      if (later) {
        c.late_holds = e.movements;  // Said of the same key: held once, however often it is said.
      } else {
        apply_movements(s_, e.movements, &n);
      }
    }
    if (e.settles) owe(n);
    if (e.repair) {
      c.repair = true;
      c.late_reply = e.output;
      if (later) {
        c.again = true;
      } else {
        c.state = CompensationState::State::kOwed;
        owed(n, true);
      }
    }
    touch(e.path);
  }
  void operator()(const AnomalyRecorded&) { ++s_.anomalies; }
  void operator()(const SagaStuck& e) {
    if (!e.path.empty()) {
      Node& n = e.kind.empty() ? at(e.path) : place(e.path, e.parent, e.slot, e.kind);
      if (e.place == "compensation") {
        n.compensation.state = CompensationState::State::kStuck;
        n.compensation.error = e.error;
        n.compensation.next.reset();
        undoing(n, false);
      } else {
        n.task_open = false;
        n.pending = false;
        n.next_attempt.reset();
        n.error = e.error;
        if (e.effect != Effect::kNone) know(n, e.effect);
        if (n.state != StepState::kInDoubt) n.state = StepState::kWaiting;
        open(n, true);
      }
      n.stuck = e;
      n.stuck_since = at_;
    }
    s_.stuck[e.path] = e;
    s_.stuck_since[e.path] = at_;
    touch(e.path);
    changed();
  }
  void operator()(const SagaResumed& e) {
    s_.stuck.erase(e.path);
    s_.stuck_since.erase(e.path);
    if (!e.path.empty()) {
      Node& n = at(e.path);
      n.stuck.reset();
      if (e.how == "retry") {
        // A child that could not be started is asked for again: it may run from here on.
        if (n.kind == "saga" && n.attempts > 0) know(n, Effect::kPerhaps);
        n.attempts_base = n.attempts;
        n.policy_since = at_;
        n.waited_ms = 0;
        n.within_spent = false;
        // Who is asked by `then: stuck` and tries again wants to be asked again.
        if (n.route >= 0 && !n.slots.contains(route_of(n))) n.route = -1;
        n.compensation.attempts_base = n.compensation.attempts;
        n.compensation.first_at = at_;
      }
    }
    touch(e.path);
    changed();
  }
  void operator()(const SagaMoved& e) {
    s_.birth.version = e.version;
    s_.birth.graph_digest = e.graph_digest;
  }

 private:
  Node& at(const StepPath& path) {
    Node* n = s_.find(path);
    invariant(n != nullptr, "an event names a step that was never entered");
    return *n;
  }
  /// The node at `path`, made if this is its first event.
  Node& place(const StepPath& path, const StepPath& parent, Slot slot, const std::string& kind) {
    if (Node* known = s_.find(path)) return *known;
    auto up = s_.by_path.find(parent);
    invariant(up != s_.by_path.end(), "a step is entered below one that was never entered");
    const auto id = static_cast<NodeId>(s_.nodes.size());
    Node n;
    n.path = path;
    n.kind = kind;
    n.parent = up->second;
    n.slot = slot;
    n.order = s_.order_next++;
    n.started_at = at_;
    Node& owner = s_.nodes[up->second];
    owner.slots[slot].children.push_back(id);
    if (owner.kind == "foreach" && slot.role == kBody) {
      owner.items_begun = std::max(owner.items_begun, slot.index + 1);
    }
    s_.nodes.push_back(std::move(n));
    s_.by_path.emplace(path, id);
    return s_.nodes.back();
  }
  void touch(const StepPath& path) { s_.touched[path] = s_.revision; }
  void changed() { s_.touched[StepPath()] = s_.revision; }
  void end(Phase phase) {
    s_.phase = phase;
    s_.ended_at = at_;
    changed();
  }
  void reopen() { s_.ended_at = {}; }

  void bump(Node& n, std::int32_t Node::*sum, std::int32_t SlotState::*slot_sum, bool Node::*own,
            bool value) {
    if (n.*own == value) return;
    n.*own = value;
    const std::int32_t by = value ? 1 : -1;
    n.*sum += by;
    for (const Node* child = &n; child->parent != kNoNode;) {
      Node& up = s_.nodes[child->parent];
      up.*sum += by;
      up.slots[child->slot].*slot_sum += by;
      child = &up;
    }
  }
  void open(Node& n, bool value) { bump(n, &Node::open, &SlotState::open, &Node::own_open, value); }
  void owed(Node& n, bool value) { bump(n, &Node::owed, &SlotState::owed, &Node::own_owed, value); }
  void undoing(Node& n, bool value) {
    bump(n, &Node::undoing, &SlotState::undoing, &Node::own_undoing, value);
  }
  [[nodiscard]] bool somebody_waits() const {
    return std::any_of(s_.nodes.begin(), s_.nodes.end(),
                       [](const Node& n) { return n.waiting; });
  }
  /// What its adapter said has happened is not in question again, whatever a retry meets.
  static void know(Node& n, Effect effect) {
    if (n.effect != Effect::kHappened) n.effect = effect;
  }
  /// The step's forward part is over.
  void close(Node& n) {
    n.task_open = false;
    n.pending = false;
    n.waiting = false;
    n.probing = false;
    n.next_attempt.reset();
    n.within.reset();
    n.due.reset();
    n.ended_at = at_;
    open(n, false);
  }
  /// Owed are exactly the steps that happened or are in doubt, before the pivot, not yet undone.
  void owe(Node& n) {
    const bool perhaps = n.effect == Effect::kHappened || n.effect == Effect::kPerhaps;
    const bool fresh = n.compensation.state == CompensationState::State::kNotOwed;
    if (n.undo == Undo::kNone || !perhaps || !fresh || s_.pivot_reached) return;
    owed(n, true);
  }
  /// One round of undo is over, for good or by decision; a repair asked for meanwhile stays owed.
  void settle_undo(Node& n, const std::vector<Movement>& movements) {
    undoing(n, false);
    for (const Movement& m : n.taken) put_back(m, n);
    n.taken.clear();
    apply_movements(s_, movements, nullptr);
    apply_movements(s_, std::exchange(n.compensation.late_holds, {}), &n);
    if (n.compensation.again) {
      n.compensation.again = false;
      n.compensation.state = CompensationState::State::kOwed;
      owed(n, true);  // A leftover after the pivot was not owed before.
    } else {
      owed(n, false);
    }
  }
  void put_back(const Movement& taken, const Node& n) {
    if (n.compensation.state != CompensationState::State::kDone) return;
    Movement back = taken;
    back.kind = Movement::Kind::kReturned;
    apply_movements(s_, {back}, nullptr);
  }
  static Slot route_of(const Node& n) {
    return {static_cast<std::uint8_t>(dsl::Block::Role::kRoute), static_cast<std::uint32_t>(n.route)};
  }
  static void answered(Node& n, std::int64_t attempt) {
    if (n.fates.size() >= static_cast<std::size_t>(attempt)) {
      n.fates[static_cast<std::size_t>(attempt - 1)] = AttemptFate::kAnswered;
    }
  }
  void forget_rollbacks(Node& n) {
    n.rollback.reset();
    for (auto& [slot, state] : n.slots) {
      state.rollback.reset();
      for (NodeId child : state.children) forget_rollbacks(s_.nodes[child]);
    }
  }

  const Value& result_at(const StepPath& path) const {
    static const Value null;
    const Node* n = path.empty() ? nullptr : s_.find(path);
    return n != nullptr && n->output_known ? n->output : null;
  }
  /// A block's result, from the steps inside (DSL.md, Steps, "its result").
  Value derive(const Node& n, const StepPath& result_of) const {
    if (n.kind == "parallel") {
      Value::Object members;
      for (const auto& [slot, state] : n.slots) {
        if (slot.role == kBranch) members.push_back({state.name, result_at(state.result_of)});
      }
      return Value::object(std::move(members));
    }
    if (n.kind == "foreach") {
      Value::Array results;
      results.reserve(n.items.size());
      for (std::uint32_t i = 0; i < n.items.size(); ++i) {
        Value::Object row{{"item", n.items.as_array()[i]}};
        auto slot = n.slots.find(Slot{kBody, i});
        const bool ended = slot != n.slots.end() && slot->second.ended;
        if (ended && slot->second.succeeded) {
          row.push_back({"outcome", "succeeded"});
          row.push_back({"output", result_at(slot->second.result_of)});
        } else {
          row.push_back({"outcome", "failed"});
          const Error error = ended ? slot->second.error : n.error;
          row.push_back({"error", Value::object({{"class", error.error_class},
                                                 {"code", error.code},
                                                 {"message", error.message},
                                                 {"step", error.step}})});
        }
        results.push_back(Value::object(std::move(row)));
      }
      return Value::array(std::move(results));
    }
    return result_at(result_of);
  }

  SagaState& s_;
  Timestamp at_;
};

}  // namespace

void evolve(SagaState& state, const Event& event) {
  ++state.revision;
  std::visit(Folder(state, event), event.body);
}

}  // namespace weft::core
