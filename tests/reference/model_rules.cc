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

// ---- Searches over the tree -------------------------------------------------------------------

std::vector<Model::Step*> Model::all() const {
  std::vector<Step*> found;
  const std::function<void(Step&)> visit = [&](Step& step) {
    found.push_back(&step);
    for (const auto& list : step.lists) {
      for (const auto& inner : list->steps) visit(*inner);
    }
    for (const auto& inner : step.route.steps) visit(*inner);
  };
  visit(*root_);
  return found;
}

Model::Step& Model::at(const std::string& path) const {
  for (Step* step : all()) {
    if (step != root_.get() && step->path == path) return *step;
  }
  assert(false && "the model never entered this step");
  return *root_;
}

Model::Paths Model::where(bool (*holds)(const Step&)) const {
  Paths paths;
  for (const Step* step : all()) {
    if (step->is_call() && holds(*step)) paths.insert(step->path);
  }
  return paths;
}

/// Something in it may still change forward.
bool Model::open(const Step& step) const {
  if (step.is_call() && step.fact == Step::Fact::kOpen) return true;
  return open(step.route) || std::any_of(step.lists.begin(), step.lists.end(),
                                         [this](const auto& list) { return open(*list); });
}
bool Model::open(const List& list) const {
  return std::any_of(list.steps.begin(), list.steps.end(),
                     [this](const auto& step) { return open(*step); });
}

/// Owed are exactly the steps that happened or are in doubt, as far as there is an undo for them.
bool Model::owes_itself(const Step& step) const {
  const bool perhaps = step.fact == Step::Fact::kHappened || step.fact == Step::Fact::kInDoubt;
  const bool over = step.undo == Step::Undo::kDone || step.undo == Step::Undo::kSkipped;
  if (step.again) return true;
  return step.is_call() && perhaps && !over && !past_pivot_ && step.plan->undo != Plan::Undo::kNone;
}
bool Model::owed(const Step& step) const {
  return owes_itself(step) || owed(step.route) ||
         std::any_of(step.lists.begin(), step.lists.end(),
                     [this](const auto& list) { return owed(*list); });
}
bool Model::owed(const List& list) const {
  return std::any_of(list.steps.begin(), list.steps.end(),
                     [this](const auto& step) { return owed(*step); });
}

/// An undo in it is on its way or tried again; one that is stuck holds up nobody else.
bool Model::being_undone(const Step& step) const {
  return step.undo == Step::Undo::kSent || step.undo == Step::Undo::kPause ||
         being_undone(step.route) ||
         std::any_of(step.lists.begin(), step.lists.end(),
                     [this](const auto& list) { return being_undone(*list); });
}
bool Model::being_undone(const List& list) const {
  return std::any_of(list.steps.begin(), list.steps.end(),
                     [this](const auto& step) { return being_undone(*step); });
}

/// Some scope around the step is being left.
bool Model::leaving(const Step& step) const {
  for (const List* list = step.around; list != nullptr; list = list->owner->around) {
    if (list->leaving || list->failed || list->owner->state == Step::State::kLeaving) return true;
  }
  return false;
}

/// The outermost scope being left around the step waits for nothing any more.
bool Model::settled(const Step& step) const {
  bool settled = step.state == Step::State::kLeaving;
  for (const List* list = step.around; list != nullptr; list = list->owner->around) {
    if (list->leaving) settled = !open(*list);
    if (list->owner->state == Step::State::kLeaving) settled = !open(*list->owner);
  }
  return settled;
}

/// A waits for B if A precedes B in the innermost list that holds both; foreach items are undone at
/// most `at_once` at a time. An item at work may go on although others were let in (a repair, an
/// operator's retry); it need not.
bool Model::in_turn(const Step& step, bool may) const {
  if (owed(step.route)) return false;
  const Step* inner = &step;
  for (const List* list = step.around; list != nullptr; list = inner->around) {
    bool later = false;
    for (const auto& other : list->steps) {
      if (later && owed(*other)) return false;
      later = later || other.get() == inner;
    }
    const Step& owner = *list->owner;
    const bool together = owner.state == Step::State::kLeaving || leaving(owner);
    if (together && owner.plan->kind == Kind::kForeach && list != &owner.route) {
      int others = 0;
      for (const auto& item : owner.lists) {
        others += item.get() != list && being_undone(*item) ? 1 : 0;
      }
      if (others >= owner.plan->at_once && !(may && being_undone(*list))) return false;
    }
    // What was done by an error route came after what it repairs.
    if (list != &owner.route && owed(owner.route)) return false;
    inner = &owner;
  }
  return true;
}

// ---- Rules, applied until nothing changes -----------------------------------------------------

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
    // Nothing depends on a deadline that has passed: what can still be done is done.
    if (finishing_ && leftovers().empty() && repairs().empty()) {
      state_ = "completed";
      stuck_ = false;
    }
  } while (changed_);
}

/// In a scope that is being left nothing is tried again: what is known now is what is owed.
void Model::resolve_paused(Step& step) {
  if (!step.is_call() || step.fact != Step::Fact::kOpen || !leaving(step)) return;
  if (step.sent || step.probe_sent) return;
  step.fact = step.unknown > 0 ? Step::Fact::kInDoubt : Step::Fact::kNotHappened;
  changed_ = true;
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
      if (!step.is_call()) return look_inside(step);
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
