// What a saga tells the world, and what the world tells it besides answers: events, signals, time.

#include <algorithm>
#include <utility>

#include "orchestrator/core/decide.h"
#include "orchestrator/core/reached.h"

namespace weft::core {

using dsl::StepKind;
using dsl::Value;

// ---- Telling ----------------------------------------------------------------------------------

void Decider::set_status(const std::string& status) {
  if (status == s_.status && !s_.overlay) return;
  emit(StatusChanged{status, s_.status, false, {}});
  // What another step sets lies under the status of a wait that lasts.
  const auto waiter = std::find_if(s_.nodes.begin(), s_.nodes.end(),
                                   [this](const Node& n) { return !on_wait_status(n).empty(); });
  if (waiter == s_.nodes.end() || s_.ended()) return;
  emit(StatusChanged{on_wait_status(*waiter), s_.status, true, StepPath(waiter->path)});
}

/// What a step that waits lays over the status; empty if it does not wait, or lays nothing.
std::string Decider::on_wait_status(const Node& n) const {
  const dsl::Step* step = n.waiting && !is_settled(n) ? step_of(n) : nullptr;
  return step != nullptr && step->call ? step->call->on_wait_status : std::string();
}

/// The wait is over: the status under it is published again.
void Decider::end_overlay(const Node& n) {
  if (!n.waiting) return;
  if (s_.overlay) return uncover(StepPath(n.path));
  // A history in which another step's status has taken the overlay away: the wait ends all the
  // same.
  emit(StatusChanged{s_.status, s_.status, false, StepPath(n.path)});
}

void Decider::uncover(const StepPath& path) {
  const std::string* other = other_overlay(path);
  if (other == nullptr) return emit(StatusChanged{s_.overlay_from, s_.status, false, path});
  const Node* n = s_.find(path);
  // Nobody sees a change; but the wait of a step that goes on is ended by this event.
  if (*other == s_.status && (n == nullptr || !n->waiting)) return;
  emit(StatusChanged{std::string(*other), s_.status, false, path});
}

/// What another step, which still waits, lays over the status: what is shown now, if that is one.
const std::string* Decider::other_overlay(const StepPath& path) const {
  const std::string* found = nullptr;
  for (const Node& n : s_.nodes) {
    if (!n.waiting || n.path == path) continue;
    const dsl::Step* step = step_of(n);
    if (step == nullptr || !step->call || step->call->on_wait_status.empty()) continue;
    if (step->call->on_wait_status == s_.status) return &step->call->on_wait_status;
    found = &step->call->on_wait_status;
  }
  return found;
}

void Decider::emit_named(const StepPath& path, const std::string& name, Value data) {
  emit(Emitted{path, name, std::move(data)});
}

void Decider::announce(const dsl::Announcement& announcement, NodeId id, const Value& result) {
  if (!announcement.status.empty()) set_status(announcement.status);
  if (!announcement.emit) return;
  const StepPath path = node(id).path;
  Value data = result;
  if (announcement.emit->with) {
    Environment env = environment(id);
    env.set("with", node(id).input);
    if (node(id).output_known) env.set("reply", node(id).output);
    auto rendered = announcement.emit->with->evaluate(env);
    if (!rendered) {
      emit(AnomalyRecorded{path, "emit", "`emit.with`: " + rendered.error().message});
      return;
    }
    data = std::move(*rendered);
  }
  emit_named(path, announcement.emit->name, std::move(data));
}

void Decider::announce_end(const dsl::Announcement& announcement, const Value& output,
                           const Error& error, const char* phase_status) {
  if (!announcement.status.empty()) set_status(announcement.status);
  if (!announcement.emit) return;
  Value data = Value::object({{"saga", s_.birth.saga.str()},
                              {"key", s_.birth.key},
                              {"status", s_.status.empty() ? phase_status : s_.status},
                              {"output", output},
                              {"error", error.code.empty() ? Value() : error_value(error)}});
  if (announcement.emit->with) {
    Environment env(s_, kRoot, kBodySlot);
    if (!error.code.empty()) env.set_error(error);
    auto rendered = announcement.emit->with->evaluate(env);
    if (!rendered) {
      emit(AnomalyRecorded{{}, "emit", "`emit.with`: " + rendered.error().message});
      return;
    }
    data = std::move(*rendered);
  }
  emit_named(StepPath(), announcement.emit->name, std::move(data));
}

// ---- Events, signals, timers ------------------------------------------------------------------

bool Decider::take_event(NodeId id, const std::string& name, const std::string& event_id,
                         const Value& data, bool signal) {
  const dsl::Step* step = step_of(node(id));
  if (step == nullptr || !step->listen) return false;
  if (step->listen->filter) {
    Environment env = environment(id);
    env.set("event", data);
    auto holds = step->listen->filter->evaluate(env);
    // A filter that fails on somebody else's event does not stop the saga: it does not hold.
    if (!holds || !holds->truthy()) return false;
  }
  emit(EventReceived{node(id).path, name, event_id, data, signal});
  listen_done(id, data);
  return true;
}

void Decider::listen_done(NodeId id, const Value& data) {
  close_timers(node(id));
  if (node(id).correlated) {
    effect(ListenerClear{node(id).path, node(id).event, node(id).correlation, false});
  }
  StepSucceeded done;
  done.path = node(id).path;
  done.output = data;
  emit(std::move(done));
  succeeded(id);
}

Decider::Refusal Decider::deliver_event(const DeliverEvent& e) {
  if (!e.event_id.empty() && s_.events_seen.contains(e.event_id)) {
    REACHED("an event comes twice");
    out_.duplicate = true;
    return {};
  }
  if (s_.ended()) REACHED("an event comes after the end");
  if (s_.ended()) return {};
  if (g_.cancelled_by && g_.cancelled_by->event == e.name && !s_.pivot_reached &&
      s_.phase != Phase::kBackward) {
    Environment env(s_, kRoot, kBodySlot);
    const auto equals = g_.cancelled_by->correlate_equals.evaluate(env);
    const bool same = equals && (equals->is_string() ? equals->as_string()
                                                     : equals->to_canonical_json()) == e.correlation;
    bool wanted = same;
    if (same && g_.cancelled_by->filter) {
      env.set("event", e.data);
      const auto holds = g_.cancelled_by->filter->evaluate(env);
      wanted = holds && holds->truthy();
    }
    if (wanted) {
      auto cancelled = cancel(CancelSaga{true, "cancel"});
      out_.matched = cancelled.has_value();
      return cancelled;
    }
  }
  if (s_.phase == Phase::kQueued) return {};
  std::vector<NodeId> waiting;
  for (NodeId id = 0; id < s_.nodes.size(); ++id) {
    const Node& n = s_.nodes[id];
    if (n.own_open && n.kind == "listen" && n.event == e.name && n.correlated &&
        n.correlation == e.correlation && !leaving(id)) {
      waiting.push_back(id);
    }
  }
  std::sort(waiting.begin(), waiting.end(),
            [&](NodeId a, NodeId b) { return node(a).order < node(b).order; });
  for (NodeId id : waiting) {
    if (take_event(id, e.name, e.event_id, e.data, false)) {
      out_.matched = true;
      return {};
    }
  }
  return {};
}

Decider::Refusal Decider::deliver_signal(const DeliverSignal& e) {
  if (!e.event_id.empty() && s_.events_seen.contains(e.event_id)) {
    out_.duplicate = true;
    return {};
  }
  if (s_.ended()) {
    return reject(Rejection::Code::kClosed, "the saga has ended (" + engine_state(s_) +
                                                "); a signal can not reach it any more");
  }
  for (NodeId id = 0; id < s_.nodes.size(); ++id) {
    const Node& n = s_.nodes[id];
    if (n.own_open && n.kind == "listen" && n.event == e.name && !leaving(id) &&
        take_event(id, e.name, e.event_id, e.data, true)) {
      out_.matched = true;
      return {};
    }
  }
  REACHED("a signal is kept until somebody waits for it");
  emit(EventReceived{StepPath(), e.name, e.event_id, e.data, true});
  return {};
}

/// Timers that speak of something already over change nothing.
Decider::Refusal Decider::fire_timer(const std::string& timer) {
  if (s_.ended() && !timer.starts_with("comp:")) return {};
  if (timer == "deadline") {
    if (!s_.deadline) return {};
    if (now() < *s_.deadline) {
      set_timer(timer, *s_.deadline);
      return {};
    }
    const bool past_pivot = s_.pivot_reached;
    emit(DeadlinePassed{});
    if (s_.phase == Phase::kBackward) return {};
    if (s_.phase == Phase::kQueued) {
      finish_failed({"business", "deadline_exceeded",
                     "the saga's deadline passed while it waited its turn", "", ""}, false);
    } else if (past_pivot) {
      stuck(kRoot, "saga", {"business", "deadline_exceeded",
                            "the saga's deadline passed after the pivot", "", ""});
    } else {
      begin_cancel_if_possible();
    }
    return {};
  }
  const auto colon = timer.find(':');
  const std::string kind = timer.substr(0, colon);
  const StepPath path(colon == std::string::npos ? std::string() : timer.substr(colon + 1));
  const NodeId id = id_of(path);
  if (id == kNoNode) return {};
  const Node& n = node(id);
  auto due = [&](const std::optional<Timestamp>& at) {
    if (!at) return false;
    if (now() >= *at) return true;
    set_timer(timer, *at);  // Never early.
    return false;
  };
  if (kind == "comp") {
    if (n.compensation.state != CompensationState::State::kRetrying || !due(n.compensation.next)) return {};
    schedule_compensation(id);
  } else if (kind == "retry") {
    if (n.probing || is_settled(n) || !due(n.next_attempt)) return {};
    schedule_attempt(id);
  } else if (kind == "probe") {
    if (!n.probing || is_settled(n) || n.task_open || !due(n.next_attempt)) return {};
    begin_probe(id);
  } else if (kind == "within") {
    if (is_settled(n) || !due(n.within)) return {};
    REACHED("a completion does not come within its time");
    const bool pending = n.pending;
    emit(TimerFired{timer, path});
    if (!pending) return {};  // Another attempt is under way; "pending" will be no answer to it.
    ReportReply spent;
    spent.attempt = n.attempts;
    attempt_unknown(id, spent, {"unknown", "timeout", "no completion within the time allowed",
                                path.str(), n.adapter}, {});
  } else if (kind == "due") {
    if (is_settled(n) || !n.own_open || n.stuck || !due(n.due)) return {};
    const bool listening = n.kind == "listen";
    emit(TimerFired{timer, path});
    if (!listening) {
      listen_done(id, Value());
    } else {
      REACHED("an event does not come");
      if (n.correlated) effect(ListenerClear{path, n.event, n.correlation, false});
      timed_out(id, step_of(node(id))->listen->on_timeout, "timeout");
    }
  } else if (kind == "round") {
    if (is_settled(n) || !due(n.due)) return {};
    const std::uint32_t round = n.round;
    emit(TimerFired{timer, path});
    begin_round(id, round);
  } else if (kind == "go") {
    REACHED("a long loop goes on in another turn");
    start_items(id);
  }
  return {};
}

}  // namespace weft::core
