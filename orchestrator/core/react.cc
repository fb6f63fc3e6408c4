#include <algorithm>
#include <utility>

#include "orchestrator/core/decider.h"
#include "orchestrator/core/ledger.h"

namespace weft::core {
namespace {

/// Effects of one fresh event; events without a member here have none.
class Reactor {
 public:
  Reactor(const dsl::SagaGraph& graph, const SagaState& state, std::vector<SagaEffect>& effects)
      : g_(graph), s_(state), out_(effects) {}

  void operator()(const SagaQueued& e) const {
    if (e.deadline) out_.push_back(TimerSet{"deadline", *e.deadline});
  }
  void operator()(const SagaStarted& e) const {
    if (e.deadline) out_.push_back(TimerSet{"deadline", *e.deadline});
  }

  void operator()(const StepScheduled& e) const {
    if (e.kind == "call") return task(e);
    const dsl::Step* step = g_.find_step(step_name(e.path));
    if (step == nullptr) return;
    if (e.kind == "saga") {
      const bool detached = step->saga->detach;
      out_.push_back(ChildStart{e.path, e.child, e.child_workflow, step->saga->major,
                                idempotency_key(s_.birth.saga, e.path).str(), e.input, detached});
    } else if (e.kind == "listen" && e.correlated) {
      out_.push_back(ListenerSet{e.path, e.event, e.correlation, step->listen->keep_ms,
                                 s_.find(e.path)->started_at, false});
    }
  }

  void operator()(const StepPending& e) const {
    const dsl::Step* step = g_.find_step(step_name(e.path));
    if (step != nullptr && step->call && step->call->heartbeat_ms) {
      out_.push_back(HeartbeatWatch{e.path, e.attempt, *step->call->heartbeat_ms});
    }
  }

  void operator()(const CompensationScheduled& e) const {
    const Node* n = s_.find(e.path);
    if (e.child) {
      out_.push_back(ChildCommand{e.path, n->child, "undo", all_of(*n, Movement::Kind::kHeld)});
      return;
    }
    TaskDispatch dispatch;
    dispatch.path = e.path;
    dispatch.direction = Direction::kCompensation;
    dispatch.attempt = e.attempt;
    dispatch.round = e.round;
    dispatch.adapter = e.adapter;
    dispatch.operation = e.operation;
    dispatch.subject = e.subject;
    dispatch.input = e.input;
    dispatch.timeout_ms = e.timeout_ms;
    dispatch.traceparent = s_.birth.traceparent;
    out_.push_back(std::move(dispatch));
  }

  void operator()(const Emitted& e) const {
    out_.push_back(PublishEvent{e.name, e.data,
                                s_.birth.saga.str() + "/" + std::to_string(s_.revision)});
  }

  template <class Other>
  void operator()(const Other&) const {}

 private:
  void task(const StepScheduled& e) const {
    TaskDispatch dispatch;
    dispatch.path = e.path;
    dispatch.direction = e.probe ? Direction::kProbe : Direction::kForward;
    dispatch.attempt = e.attempt;
    dispatch.round = e.probe ? e.probe_attempt : 1;
    dispatch.adapter = e.adapter;
    dispatch.operation = e.operation;
    dispatch.subject = e.subject;
    dispatch.input = e.input;
    dispatch.timeout_ms = e.timeout_ms;
    dispatch.traceparent = s_.birth.traceparent;
    const dsl::Step* step = g_.find_step(step_name(e.path));
    // After the pivot steps wait for their adapter without limit; before it for the sum of all
    // attempts and probes.
    if (step != nullptr && step->call && step->call->schedule_timeout_ms && !s_.pivot_reached) {
      dispatch.schedule_timeout_ms = std::max<std::int64_t>(
          0, *step->call->schedule_timeout_ms - s_.find(e.path)->waited_ms);
    }
    if (step != nullptr && step->call && !e.probe) {
      const std::string& named = step->call->target.adapter;
      if (named != e.adapter) dispatch.routed_from = named;
      if (auto shadow = s_.shadows.find(named); shadow != s_.shadows.end()) {
        dispatch.shadow = shadow->second;
      }
      dispatch.on_wait_after_ms = step->call->on_wait_after_ms;
      dispatch.heartbeat_ms = step->call->heartbeat_ms;
    }
    out_.push_back(std::move(dispatch));
  }

  const dsl::SagaGraph& g_;
  const SagaState& s_;
  std::vector<SagaEffect>& out_;
};

}  // namespace

void react(const dsl::SagaGraph& graph, const SagaState& state, const Event& event,
           std::vector<SagaEffect>& effects) {
  std::visit(Reactor(graph, state, effects), event.body);
}

}  // namespace weft::core
