// What takes time and rounds: waits, events that come early, late or never, loops.

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "tests/reference/model_tree.h"

namespace weft::test {

/// A step has begun: from here on it holds or listens. What came before it was entered is kept.
void Model::began(const std::string& path) {
  Step& step = at(path);
  if (step.age == 0) step.age = ++sent_;
  if (step.plan->kind != Plan::Kind::kListen || step.fact != Step::Fact::kOpen) return;
  for (auto kept = signals_.begin(); kept != signals_.end(); ++kept) {
    if (!hears(step, kept->name, kept->big)) continue;
    signals_.erase(kept);
    step.fact = Step::Fact::kHappened;
    break;
  }
  settle_down();
}

bool Model::hears(const Step& step, const std::string& name, bool big) const {
  return step.plan->kind == Plan::Kind::kListen && step.fact == Step::Fact::kOpen &&
         step.age > 0 && step.plan->event == name && (big || !step.plan->picky);
}

/// The longest-waiting step whose filter holds takes it. A signal stays until it is taken.
bool Model::happens(const std::string& name, bool big, bool signal) {
  Step* first = nullptr;
  for (Step* step : all()) {
    if (!hears(*step, name, big) || (step->plan->signals_only && !signal)) continue;
    if (first == nullptr || step->age < first->age) first = step;
  }
  if (first == nullptr) {
    if (signal) signals_.push_back({name, big});
    return false;
  }
  first->fact = Step::Fact::kHappened;
  settle_down();
  return true;
}

void Model::time_over(const std::string& path) {
  Step& step = at(path);
  if (step.plan->kind == Plan::Kind::kWait) {
    step.fact = Step::Fact::kHappened;
  } else if (step.plan->kind == Plan::Kind::kListen) {
    step.fact = Step::Fact::kNotHappened;
    spent(step, "timeout");
  } else {
    step.resting = false;
    step.rested = true;
  }
  settle_down();
}

/// A listen's time or a repeat's rounds are.
void Model::spent(Step& step, const std::string& code) {
  const Plan& plan = *step.plan;
  changed_ = true;
  switch (plan.spent) {
    case Plan::Spent::kContinue: step.state = Step::State::kSucceeded; return;
    case Plan::Spent::kDo:
      step.state = Step::State::kTimedOut;
      return begin(step.on_timeout, plan.lists.back(), &step, step.around->prefix);
    case Plan::Spent::kRaise:
      step.error = plan.raises.empty() ? code : plan.raises;
      step.state = Step::State::kLeaving;
      return;
  }
}

void Model::look_at_rounds(Step& step) {
  const Plan& plan = *step.plan;
  const int rounds = static_cast<int>(step.lists.size());
  if (rounds > 0) {
    List& round = *step.lists.back();
    look_at(round);
    if (!round.error.empty()) {
      step.error = round.error;
      step.state = Step::State::kLeaving;
      changed_ = true;
    }
    if (!round.succeeded || step.resting) return;
    if (rounds - 1 >= plan.until_round) {
      step.state = Step::State::kSucceeded;
      changed_ = true;
      return;
    }
    if (rounds == plan.rounds_max) return spent(step, "exhausted");
    if (plan.wait_ms > 0 && !step.rested) {
      step.resting = true;
      return;
    }
    step.rested = false;
  }
  step.lists.push_back(std::make_unique<List>());
  begin(*step.lists.back(), plan.lists[0], &step,
        step.around->prefix + plan.name + "[" + std::to_string(rounds) + "]/");
}

/// Timers that must be set.
Model::Paths Model::waiting() const {
  Paths paths;
  for (const Step* step : all()) {
    const bool timed = step->plan->kind == Plan::Kind::kWait || step->plan->impatient;
    if (step->waits() && timed && step->fact == Step::Fact::kOpen) paths.insert(step->path);
    if (step->resting) paths.insert(step->path);
  }
  return paths;
}

Model::Paths Model::listening() const {
  Paths paths;
  for (const Step* step : all()) {
    const bool listens = step->plan->kind == Plan::Kind::kListen && !step->plan->signals_only;
    if (listens && step->fact == Step::Fact::kOpen) paths.insert(step->path);
  }
  return paths;
}

}  // namespace weft::test
