#include "orchestrator/core/decider.h"

#include "orchestrator/core/decide.h"
#include "orchestrator/core/planted.h"

namespace weft::core {

const char* rejection_name(Rejection::Code code) {
  switch (code) {
    case Rejection::Code::kMalformed: return "malformed";
    case Rejection::Code::kSchema: return "schema";
    case Rejection::Code::kUnknownSaga: return "unknown_saga";
    case Rejection::Code::kUnknownStep: return "unknown_step";
    case Rejection::Code::kKeyConflict: return "key_conflict";
    case Rejection::Code::kPastPivot: return "past_pivot";
    case Rejection::Code::kStale: return "stale";
    case Rejection::Code::kClosed: return "closed";
    case Rejection::Code::kNotAllowed: return "not_allowed";
    case Rejection::Code::kSettled: return "settled";
  }
  return "not_allowed";
}

const char* direction_name(Direction direction) {
  switch (direction) {
    case Direction::kForward: return "forward";
    case Direction::kCompensation: return "compensation";
    case Direction::kProbe: return "probe";
  }
  return "forward";
}

Decision decide(const dsl::SagaGraph& graph, SagaState& state, const Command& command,
                const DecideContext& context) {
  return Decider(graph, state, command, context).run();
}

bool returns_to_queue(const Judgement& judgement) {
  return judgement.outcome == Outcome::kUnavailable || judgement.outcome == Outcome::kInProgress;
}

Decision Decider::run() {
  const auto done = std::visit(
      [this](const auto& c) -> Refusal {
        using C = std::decay_t<decltype(c)>;
        if constexpr (std::is_same_v<C, StartSaga>) {
          return start(c);
        } else {
          if (!s_.exists()) return reject(Rejection::Code::kUnknownSaga, "there is no such saga");
        }
        if constexpr (std::is_same_v<C, RunSaga>) {
          if (s_.phase == Phase::kQueued) run_queued();
        } else if constexpr (std::is_same_v<C, SupersedeSaga>) {
          if (s_.phase == Phase::kQueued) {
            finish_failed({"business", "superseded", "saga " + c.by.str() + " took its place", "", ""},
                          false);
          }
        } else if constexpr (std::is_same_v<C, ReportReply>) {
          return report(c);
        } else if constexpr (std::is_same_v<C, ReportWaiting>) {
          const Node* n = s_.find(c.path);
          if (n == nullptr || is_settled(*n) || n->waiting || n->attempts != c.attempt) return {};
          emit(StepWaiting{c.path});
          const dsl::Step* step = step_of(*n);
          if (step != nullptr && step->call && !step->call->on_wait_status.empty()) {
            emit(StatusChanged{step->call->on_wait_status, s_.status, true, c.path});
          }
        } else if constexpr (std::is_same_v<C, ReportWaitEnded>) {
          const Node* n = s_.find(c.path);
          if (n != nullptr && n->waiting && !is_settled(*n)) end_overlay(*n);
        } else if constexpr (std::is_same_v<C, FireTimer>) {
          return fire_timer(c.timer);
        } else if constexpr (std::is_same_v<C, DeliverEvent>) {
          return deliver_event(c);
        } else if constexpr (std::is_same_v<C, DeliverSignal>) {
          return deliver_signal(c);
        } else if constexpr (std::is_same_v<C, ReportChildStarted>) {
          return child_started(c);
        } else if constexpr (std::is_same_v<C, ReportChildRefused>) {
          return child_refused(c);
        } else if constexpr (std::is_same_v<C, ReportChildEnded>) {
          return child_ended(c);
        } else if constexpr (std::is_same_v<C, UndoAsChild>) {
          return undo_as_child(c);
        } else if constexpr (std::is_same_v<C, QuarantineSaga>) {
          if (!s_.ended() && !is_quarantined(s_)) {
            emit(SagaStuck{StepPath(), "saga", invalid_error(c.code, c.message, ""), Effect::kNone, {}, {}, {}});
            announce_end(g_.on_stuck, {}, invalid_error(c.code, c.message, ""), "stuck");
          }
        } else if constexpr (std::is_same_v<C, CancelSaga>) {
          return cancel(c);
        } else if constexpr (std::is_same_v<C, RetryStep>) {
          return retry(c);
        } else if constexpr (std::is_same_v<C, SkipStep>) {
          return skip(c);
        } else if constexpr (std::is_same_v<C, ResumeStep>) {
          return resume(c);
        } else if constexpr (std::is_same_v<C, MarkUndone>) {
          return mark_undone(c.step, "resume");
        } else if constexpr (std::is_same_v<C, ResolveStep>) {
          return resolve(c);
        } else if constexpr (std::is_same_v<C, TerminateSaga>) {
          return terminate();
        } else if constexpr (std::is_same_v<C, MoveSaga>) {
          return move(c);
        }
        return {};
      },
      command_.body);
  if (!done) {
    invariant(out_.events.empty(), "a command is refused before it has any consequence");
    return tl::unexpected(done.error());
  }
  settle_work();
  return std::move(out_);
}

void Decider::emit(EventBody body) {
  Event event{now(), command_.actor, out_.events.empty() ? command_.reason : std::string(),
              std::move(body)};
  evolve(s_, event);
  react(g_, s_, event, out_.effects);
  out_.events.push_back(std::move(event));
}

void Decider::settle_work() {
  while (!work_.empty()) {
    Work w = std::move(work_.front());
    work_.pop_front();
    if (s_.ended()) continue;
    switch (w.kind) {
      case Work::Kind::kEnter: enter(w.place); break;
      case Work::Kind::kEnded: ended(w.id); break;
      case Work::Kind::kError: step_error(w.id, w.error); break;
      case Work::Kind::kScope: check_scope(w.scope); break;
      case Work::Kind::kComplete: maybe_complete(); break;
      case Work::Kind::kItems: start_items(w.id); break;
    }
  }
}

tl::unexpected<Rejection> Decider::reject(Rejection::Code code, std::string reason,
                                          dsl::Value details) const {
  return tl::unexpected(Rejection{code, std::move(reason), std::move(details)});
}

/// Refused as stale if the saga's state or the named step has changed since its author looked.
Decider::Refusal Decider::check_revision(const StepPath& step) const {
  if (!command_.revision) return {};
  const std::uint64_t seen = *command_.revision;
  for (const StepPath& what : {StepPath(), step}) {
    auto touched = s_.touched.find(what);
    if (touched != s_.touched.end() && touched->second > seen) {
      return reject(Rejection::Code::kStale,
                    (what.empty() ? std::string("the saga") : "step `" + what.str() + "`") +
                        " has changed since revision " + std::to_string(seen) +
                        "; look again and repeat the action if it is still wanted");
    }
  }
  return {};
}

/// Timers do not outlive what they are for.
void Decider::close_timers(const Node& n) {
  if (PLANTED(18)) return;  // timers outlive their scope
  const std::string& path = n.path.str();
  if (n.next_attempt) cancel_timer((n.probing ? "probe:" : "retry:") + path, n.next_attempt);
  cancel_timer("within:" + path, n.within);
  if (n.due && (n.kind == "wait" || n.kind == "listen")) cancel_timer("due:" + path, n.due);
  if (n.due && n.kind == "repeat") cancel_timer("round:" + path, n.due);
}

NodeId Decider::id_of(const StepPath& path) const {
  auto found = s_.by_path.find(path);
  return found == s_.by_path.end() ? kNoNode : found->second;
}

const dsl::Step* Decider::step_of(const Node& n) const {
  return n.path.empty() ? nullptr : g_.find_step(step_name(n.path));
}

Environment Decider::environment(NodeId id) const {
  const Node& n = s_.nodes[id];
  return {s_, n.parent, n.slot};
}

namespace {

bool list_is_left(const SagaState& state, NodeId parent, Slot slot) {
  if (state.ended() || state.finishing) return true;
  for (NodeId id = parent; id != kNoNode;) {
    const Node& owner = state.nodes[id];
    if (owner.rollback) return true;
    const auto list = owner.slots.find(slot);
    if (list != owner.slots.end() && (list->second.rollback || list->second.ended)) return true;
    slot = owner.slot;
    id = owner.parent;
  }
  return false;
}

}  // namespace

bool is_being_left(const SagaState& state, const StepPath& path) {
  const Node* n = state.find(path);
  if (n == nullptr) return false;
  return n->rollback.has_value() || list_is_left(state, n->parent, n->slot) ||
         (n->pivot && (state.cancel_requested || state.deadline_passed));
}

bool is_quarantined(const SagaState& state) {
  const auto mark = state.stuck.find(StepPath());
  if (mark == state.stuck.end() || mark->second.place != "saga") return false;
  const std::string& code = mark->second.error.code;
  return code == "crash_loop" || code == "invariant_broken" || code == "missing_graph";
}

bool Decider::leaving(NodeId parent, Slot slot) const { return list_is_left(s_, parent, slot); }

bool Decider::in_rollback(NodeId id) const {
  for (NodeId at = id; at != kNoNode; at = s_.nodes[at].parent) {
    const Node& n = s_.nodes[at];
    if (n.rollback) return true;
    if (n.parent == kNoNode) continue;
    const auto& lists = s_.nodes[n.parent].slots;
    const auto list = lists.find(n.slot);
    if (list != lists.end() && list->second.rollback) return true;
  }
  return false;
}

bool Decider::leaving(NodeId id) const {
  const Node& n = s_.nodes[id];
  return n.rollback.has_value() || leaving(n.parent, n.slot);
}

}  // namespace weft::core
