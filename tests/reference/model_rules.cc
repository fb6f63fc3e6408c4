// The rules of SEMANTICS.md, applied until nothing changes.

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/reference/model_tree.h"

namespace weft::test {

using Kind = Plan::Kind;

void Model::settle_down() {
  do {
    changed_ = false;
    if (cancel_wanted_ && cancellable() && !pivot_may_have_run()) {
      root_->state = Step::State::kLeaving;
      changed_ = true;
    }
    for (Step* step : all()) resolve_paused(*step);
    if (state_ == "running" && !finishing_) look_at(*root_);
    if (late_ && past_pivot_) {
      stuck_ = true;
      late_ = false;
    }
    for (Step* step : all()) {
      const bool over = step->undo == Step::Undo::kDone || step->undo == Step::Undo::kSkipped;
      const bool nobody =
          step->plan->undo == Plan::Undo::kNone || step->is_saga() || (over && !step->again);
      if (finishing_ && state_ == "running" && nobody) give_up_held(*step, ledger_.written_off);
    }
    // Nothing depends on a deadline that has passed: what can still be done is done.
    if (finishing_ && leftovers().empty() && repairs().empty()) {
      state_ = "completed";
      stuck_ = false;
    }
  } while (changed_);
}

/// In a scope that is being left nothing is tried again: what is known now is what is owed.
void Model::resolve_paused(Step& step) {
  if (!leaving(step)) return;
  step.resting = false;
  if (step.fact != Step::Fact::kOpen) return;
  if (!step.acts() && !step.waits()) return;
  if (step.is_saga()) return settle_child(step);
  if (step.sent || step.probe_sent || step.stuck || step.again_by_hand) return;
  changed_ = true;
  if (step.unknown > 0 || step.said_done) return doubt(step);
  step.fact = Step::Fact::kNotHappened;
}

void Model::begin(List& list, const std::vector<Plan>& plans, Step* owner,
                  const std::string& prefix) {
  list.owner = owner;
  list.plans = &plans;
  list.prefix = prefix;
  list.begun = true;
  changed_ = true;
}

void Model::look_at(List& list) {
  if (list.leaving && !open(list) && !owed(list)) {
    list.leaving = false;
    list.failed = changed_ = true;
  }
  if (!list.begun || list.leaving || list.failed || list.succeeded) return;
  if (!list.steps.empty()) {
    Step& last = *list.steps.back();
    look_at(last);
    if (last.state == Step::State::kFailed && list.error.empty()) {
      list.error = last.error;
      changed_ = true;
    }
    if (last.state != Step::State::kSucceeded) return;
  }
  if (list.steps.size() == list.plans->size()) {
    list.succeeded = changed_ = true;
    return;
  }
  auto next = std::make_unique<Step>();
  next->plan = &(*list.plans)[list.steps.size()];
  next->around = &list;
  next->path = list.prefix + next->plan->name;
  list.steps.push_back(std::move(next));
  changed_ = true;
}

/// The step and what was in it are undone: only now `on_error` or the list around see the error.
void Model::fail(Step& step) {
  changed_ = true;
  if (&step == root_.get()) {
    state_ = undid_ ? "compensated" : "failed";
    step.state = Step::State::kFailed;
    for (Step* holder : all()) give_up_held(*holder, ledger_.written_off);
    return;
  }
  const auto& routes = step.plan->routes;
  if (!step.routed && !routes.empty() &&
      (routes[0].error == "any" || routes[0].error == step.error)) {
    step.routed = true;
    step.state = Step::State::kRouting;
    begin(step.route, routes[0].body, &step, step.around->prefix);
    return;
  }
  step.state = Step::State::kFailed;
}

void Model::look_at(Step& step) {
  const auto becomes = [&](Step::State state) {
    step.state = state;
    changed_ = true;
  };
  switch (step.state) {
    case Step::State::kActive:
      if (step.waits()) {
        if (step.fact == Step::Fact::kHappened) becomes(Step::State::kSucceeded);
        return;
      }
      if (step.plan->kind == Kind::kRepeat) return look_at_rounds(step);
      if (!step.acts()) return look_inside(step);
      if (step.fact == Step::Fact::kHappened) {
        becomes(Step::State::kSucceeded);
      } else if (step.fact == Step::Fact::kNotHappened) {
        fail(step);
      } else if (step.fact == Step::Fact::kInDoubt) {
        becomes(Step::State::kLeaving);
      }
      return;
    case Step::State::kLeaving:
      if (!open(step) && !owed(step)) fail(step);
      return;
    case Step::State::kTimedOut:
      look_at(step.on_timeout);
      if (!step.on_timeout.error.empty()) {
        step.error = step.on_timeout.error;
        becomes(Step::State::kLeaving);
      } else if (step.on_timeout.succeeded) {
        becomes(Step::State::kSucceeded);
      }
      return;
    case Step::State::kRouting:
      look_at(step.route);
      if (!step.route.error.empty()) {
        step.error = step.route.error;
        becomes(Step::State::kLeaving);
      } else if (step.route.succeeded) {
        const bool goes_on = step.plan->routes[0].then == Plan::Then::kContinue;
        becomes(goes_on ? Step::State::kSucceeded : Step::State::kFailed);
      }
      return;
    case Step::State::kSucceeded:
    case Step::State::kFailed: return;
  }
}

void Model::look_inside(Step& step) {
  const Plan& plan = *step.plan;
  const bool loop = plan.kind == Kind::kForeach, race = plan.kind == Kind::kRace;
  const std::string prefix = step.around == nullptr ? "" : step.around->prefix;
  const std::size_t wanted = loop ? static_cast<std::size_t>(plan.items) : plan.lists.size();
  int active = 0, failed = 0, succeeded = 0;
  bool error = false;
  for (const auto& list : step.lists) {
    const bool failed_before = list->failed;
    look_at(*list);
    // An item and a race's branch are scopes of their own; any other list fails the whole step.
    if (!list->error.empty() && (loop || race) && !list->leaving && !list->failed) {
      list->leaving = changed_ = true;
      look_at(*list);
    }
    const bool seen = loop || race ? list->failed && !failed_before : !list->error.empty();
    if (seen && !list->error.empty()) step.error = list->error;
    error = error || seen;
    failed += list->failed ? 1 : 0;
    succeeded += list->succeeded ? 1 : 0;
    active += list->failed || list->succeeded ? 0 : 1;
  }
  const auto leave = [&] {
    step.state = Step::State::kLeaving;
    changed_ = true;
  };
  if (race) {
    // The first success wins; the others are settled and undone. Its error is its last.
    for (const auto& list : step.lists) {
      if (succeeded > 0 && !list->succeeded && !list->failed && !list->leaving) {
        list->leaving = changed_ = true;
      }
    }
    if (step.lists.size() == wanted && active == 0 && succeeded == 0) return leave();
  } else if (error && (!loop || failed > plan.tolerate)) {
    return leave();
  }
  if (step.lists.size() < wanted && (!loop || active < plan.at_once)) {
    const std::string index = "[" + std::to_string(step.lists.size()) + "]/";
    step.lists.push_back(std::make_unique<List>());
    begin(*step.lists.back(), plan.lists[loop ? 0 : step.lists.size() - 1], &step,
          loop ? prefix + plan.name + index : prefix);
    return;
  }
  if (step.lists.size() == wanted && active == 0) {
    step.state = Step::State::kSucceeded;
    changed_ = true;
    finishing_ = &step == root_.get();
  }
}

}  // namespace weft::test
