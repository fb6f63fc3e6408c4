// Searches over the tree of what was entered.

#include <algorithm>
#include <cassert>
#include <functional>
#include <string>
#include <vector>

#include "tests/reference/model_tree.h"

namespace weft::test {

std::vector<Model::List*> Model::Step::inside() const {
  std::vector<List*> inside;
  for (const auto& list : lists) inside.push_back(list.get());
  inside.push_back(const_cast<List*>(&on_timeout));
  inside.push_back(const_cast<List*>(&route));
  return inside;
}

std::vector<Model::Step*> Model::all() const {
  std::vector<Step*> found;
  const std::function<void(Step&)> visit = [&](Step& step) {
    found.push_back(&step);
    for (const List* list : step.inside()) {
      for (const auto& inner : list->steps) visit(*inner);
    }
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
    if (step->acts() && holds(*step)) paths.insert(step->path);
  }
  return paths;
}

/// Something in it may still change forward.
bool Model::open(const Step& step) const {
  if ((step.acts() || step.waits()) && step.fact == Step::Fact::kOpen) return true;
  const auto inside = step.inside();
  return std::any_of(inside.begin(), inside.end(), [this](const List* l) { return open(*l); });
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
  return step.acts() && perhaps && !over && !past_pivot_ && step.plan->undo != Plan::Undo::kNone;
}
bool Model::owed(const Step& step) const {
  const auto inside = step.inside();
  return owes_itself(step) ||
         std::any_of(inside.begin(), inside.end(), [this](const List* l) { return owed(*l); });
}
bool Model::owed(const List& list) const {
  return std::any_of(list.steps.begin(), list.steps.end(),
                     [this](const auto& step) { return owed(*step); });
}

/// An undo in it is on its way or tried again; one that is stuck holds up nobody else.
bool Model::being_undone(const Step& step) const {
  const auto inside = step.inside();
  return step.undo == Step::Undo::kSent || step.undo == Step::Undo::kPause ||
         std::any_of(inside.begin(), inside.end(),
                     [this](const List* list) { return being_undone(*list); });
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
  for (const List* list : step.inside()) {
    if (owed(*list)) return false;
  }
  const Step* inner = &step;
  for (const List* list = step.around; list != nullptr; list = inner->around) {
    bool later = false;
    for (const auto& other : list->steps) {
      if (later && owed(*other)) return false;
      later = later || other.get() == inner;
    }
    later = false;
    const Step& owner = *list->owner;
    const bool together = owner.state == Step::State::kLeaving || leaving(owner);
    const bool on_error = list == &owner.route, on_timeout = list == &owner.on_timeout;
    if (together && owner.plan->kind == Plan::Kind::kForeach && !on_error) {
      int others = 0;
      for (const auto& item : owner.lists) {
        others += item.get() != list && being_undone(*item) ? 1 : 0;
      }
      if (others >= owner.plan->at_once && !(may && being_undone(*list))) return false;
    }
    // What was done on an error or a timeout came after what was done before, a round after those
    // before it.
    if (!on_error && owed(owner.route)) return false;
    if (!on_error && !on_timeout && owed(owner.on_timeout)) return false;
    for (const auto& other : owner.lists) {
      if (owner.plan->kind != Plan::Kind::kRepeat || on_error || on_timeout) break;
      later = later || other.get() == list;
      if (later && other.get() != list && owed(*other)) return false;
    }
    inner = &owner;
  }
  return true;
}

}  // namespace weft::test
