#include "orchestrator/sim/placement_watch.h"

#include <utility>

namespace weft::sim {
namespace {

const core::Node* pivot_of(const core::SagaState& state) {
  for (const core::Node& node : state.nodes) {
    if (node.pivot) return &node;
  }
  return nullptr;
}

std::string place_key(const core::SagaId& saga, std::string_view step) {
  return saga.str() + '\0' + std::string(step);
}

}  // namespace

void PlacementWatch::reached(const std::string& workflow, Placement placement) {
  // A refusal with a code is also a refusal.
  const std::string refused = std::string(way::kRefused) + ": ";
  if (placement.what.starts_with(refused)) {
    reached_[workflow].insert({placement.step, std::string(way::kRefused)});
  }
  reached_[workflow].insert(std::move(placement));
}

void PlacementWatch::saw(const SagaMirror::Seen& seen, const core::SagaState& state) {
  const dsl::SagaGraph* graph = definitions_.find(state.birth.workflow + "@" + state.birth.version);
  if (graph == nullptr) return;
  saw_saga(seen, state, *graph);
  saw_step(seen, state, *graph);
}

void PlacementWatch::saw_saga(const SagaMirror::Seen& seen, const core::SagaState& state,
                              const dsl::SagaGraph& graph) {
  const auto note = [&](std::string_view what) {
    reached(graph.workflow, {"", std::string(what)});
  };
  const bool has_pivot = graph.pivot != dsl::kNoStep;
  if (std::holds_alternative<core::CancelRequested>(seen.event.body)) {
    const core::Node* pivot = pivot_of(state);
    const bool at_work =
        pivot != nullptr && (pivot->task_open || pivot->pending || !pivot->child.empty()) &&
        pivot->state != core::StepState::kFailed && pivot->state != core::StepState::kSucceeded;
    if (!has_pivot)
      note(way::kCancelled);
    else if (state.pivot_reached)
      note(way::kCancelledLate);
    else
      note(at_work ? way::kCancelledAtPivot : way::kCancelledEarly);
  } else if (std::holds_alternative<core::DeadlinePassed>(seen.event.body)) {
    if (!has_pivot)
      note(way::kDeadline);
    else
      note(state.pivot_reached ? way::kDeadlineLate : way::kDeadlineEarly);
  }
}

void PlacementWatch::saw_step(const SagaMirror::Seen& seen, const core::SagaState& state,
                              const dsl::SagaGraph& graph) {
  const core::StepPath path = core::path_of(seen.event);
  const dsl::Step* step = path.empty() ? nullptr : graph.find_step(core::step_name(path));
  if (step == nullptr) return;
  const auto note = [&](const std::string& what) { reached(graph.workflow, {step->name, what}); };
  const auto note_way = [&](std::string_view what) { note(std::string(what)); };
  const core::Node* node = state.find(path);
  const auto& body = seen.event.body;

  if (std::holds_alternative<core::StepInDoubt>(body)) {
    note_way(way::kInDoubt);
  } else if (const auto* stuck = std::get_if<core::SagaStuck>(&body)) {
    if (stuck->place == "forward" && stuck->effect == core::Effect::kPerhaps)
      note_way(way::kInDoubt);
  } else if (const auto* failed = std::get_if<core::StepFailed>(&body)) {
    if (failed->error.code == "unavailable") note_way(way::kUnavailableTooLong);
    if (step->raise) note_way(way::kRaised);
    if (step->foreach && step->foreach->tolerate && failed->error.code != "invalid")
      note_way(way::kNotTolerated);
    if (step->repeat && failed->error.code == "exhausted") note_way(way::kRoundsSpent);
  } else if (const auto* settling = std::get_if<core::ScopeSettling>(&body)) {
    if (step->foreach && step->foreach->tolerate && settling->cause == "error" &&
        !settling->scope.slot) {
      note_way(way::kNotTolerated);
    }
  } else if (std::holds_alternative<core::StepSucceeded>(body)) {
    if (step->foreach && step->foreach->tolerate && node != nullptr && node->items_failed > 0) {
      note_way(way::kTolerated);
    }
  } else if (const auto* scheduled = std::get_if<core::StepScheduled>(&body)) {
    if (step->choice) note(std::string(way::kBranch) + std::to_string(scheduled->branch + 1));
  } else if (const auto* ended = std::get_if<core::ScopeEnded>(&body)) {
    if (step->repeat && ended->succeeded && !ended->until && !ended->next)
      note_way(way::kRoundsSpent);
  } else if (const auto* route = std::get_if<core::RouteTaken>(&body)) {
    std::string codes;
    if (route->route < step->on_error.size()) {
      for (const std::string& code : step->on_error[route->route].errors) {
        codes += (codes.empty() ? "" : ", ") + code;
      }
    }
    note(std::string(way::kRoute) + std::to_string(route->route + 1) + " (" + codes + ")");
  } else if (const auto* fired = std::get_if<core::TimerFired>(&body)) {
    if (!step->listen || !fired->timer.starts_with("due:")) return;
    note_way(way::kEventNever);
    timed_out_.insert(place_key(seen.saga, step->name));
  } else if (const auto* event = std::get_if<core::EventReceived>(&body)) {
    const auto sent = early_.find(event->event_id);
    const bool early =
        sent != early_.end() && sent->second.contains(place_key(seen.saga, step->name));
    if (step->listen) note_way(early ? way::kEventEarly : way::kEventTaken);
  } else if (const auto* child = std::get_if<core::ChildEnded>(&body)) {
    if (child->state != "completed" && (node == nullptr || node->compensation.attempts == 0)) {
      note_way(way::kChildFailed);
    }
  } else if (const auto* undone = std::get_if<core::CompensationScheduled>(&body)) {
    if (undone->child) note_way(way::kChildUndone);
  }
}

void PlacementWatch::sends_event(const std::string& name, const std::string& id,
                                 const core::SagaState& state) {
  const dsl::SagaGraph* graph = definitions_.find(state.birth.workflow + "@" + state.birth.version);
  if (graph == nullptr) return;
  for (const dsl::Step& step : graph->steps) {
    if (!step.listen || step.listen->event != name) continue;
    bool begun = false;
    for (const core::Node& node : state.nodes) {
      begun = begun || (!node.path.empty() && core::step_name(node.path) == step.name);
    }
    const std::string key = place_key(state.birth.saga, step.name);
    if (!begun) early_[id].insert(key);
    if (timed_out_.contains(key))
      reached(graph->workflow, {step.name, std::string(way::kEventLate)});
  }
}

}  // namespace weft::sim
