// What a saga holds of the one resource: DSL.md, Resources.

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/reference/model_tree.h"

namespace weft::test {
namespace {

/// Adds `amount` of `what`; what is used up is not kept.
void add(Items& items, const std::string& what, int amount) {
  if ((items[what] += amount) == 0) items.erase(what);
}

}  // namespace

/// The call answered that it is done. Taking more than is held makes it stuck, and moves nothing.
void Model::succeed(Step& step, const Items& reply) {
  step.again_by_hand = false;
  step.said_done = true;
  step.stuck = !move(step, reply);
  if (step.stuck) return;
  step.fact = Step::Fact::kHappened;
  past_pivot_ = past_pivot_ || step.plan->pivot;
}

/// Nobody knows whether it happened. A pivot is never guessed, nor what was given away.
void Model::doubt(Step& step) {
  if (step.plan->pivot || step.plan->gives_away()) {
    step.stuck = true;
    return;
  }
  step.fact = Step::Fact::kInDoubt;
  hold(step, step.plan->holds);
}

void Model::hold(Step& step, const Items& items) {
  step.said = items;
  for (const auto& [what, amount] : items) {
    add(step.held, what, amount);
    add(ledger_.held, what, amount);
  }
}

/// It holds what the reply says; then parts that are named, then all of the rest are taken.
bool Model::move(Step& step, const Items& reply) {
  std::vector<Step*> oldest = all();
  std::sort(oldest.begin(), oldest.end(), [](Step* a, Step* b) { return a->age < b->age; });
  Items wanted = step.plan->consumes, there = reply;
  for (const auto& [what, amount] : step.plan->releases) add(wanted, what, amount);
  for (const Step* holder : oldest) {
    for (const auto& [what, amount] : holder->held) add(there, what, amount);
  }
  for (const auto& [what, amount] : wanted) {
    if (there[what] < amount) return false;
  }
  hold(step, reply);
  const auto take = [&](const std::string& what, int left, bool consumed) {
    for (Step* holder : oldest) {
      const auto found = holder->held.find(what);
      const int part = found == holder->held.end() ? 0 : std::min(found->second, left);
      if (part == 0) continue;
      left -= part;
      add(holder->held, what, -part);
      add(consumed ? ledger_.consumed : ledger_.released, what, part);
      if (!consumed && holder != &step) step.released.push_back({holder, {{what, part}}});
    }
  };
  for (const auto& [what, amount] : step.plan->consumes) take(what, amount, true);
  for (const auto& [what, amount] : step.plan->releases) take(what, amount, false);
  for (const auto& [what, amount] : there) {
    if (step.plan->rest == Plan::Rest::kStays) continue;
    take(what, amount, step.plan->rest == Plan::Rest::kConsumed);
  }
  return true;
}

/// A success told at last holds what it says, and not what was feared.
void Model::correct(Step& step, const Items& reply) {
  Items more = reply;
  for (const auto& [what, amount] : step.said) add(more, what, -amount);
  step.said = reply;
  for (const auto& [what, amount] : more) {
    const int less = std::min(-amount, step.held[what]);
    add(step.held, what, amount > 0 ? amount : -less);
    if (amount > 0) {
      add(ledger_.held, what, amount);
    } else if (less > 0) {
      add(ledger_.released, what, less);
    }
  }
}

void Model::give_up_held(Step& step, Items& where_to) {
  for (const auto& [what, amount] : step.held) add(where_to, what, amount);
  step.held.clear();
}

/// A round of undo is over. Done, it has given back what the step held, and what the step released
/// is held again by those it took it from; passed over, what the step held is written off.
void Model::undo_over(Step& step, bool done) {
  step.undo = done ? Step::Undo::kDone : Step::Undo::kSkipped;
  if (!done) ++exceptions_;
  for (const auto& [holder, items] : step.released) {
    for (const auto& [what, amount] : done ? items : Items()) {
      add(holder->held, what, amount);
      add(ledger_.released, what, -amount);
    }
  }
  step.released.clear();
  give_up_held(step, done ? ledger_.released : ledger_.written_off);
  if (step.again) hold(step, std::exchange(step.held_later, {}));
}

Items Model::held_by(const std::string& path) const { return at(path).held; }

std::map<std::string, Items> Model::holders() const {
  std::map<std::string, Items> holders;
  for (const Step* step : all()) {
    if (!step->held.empty()) holders[step->path] = step->held;
  }
  return holders;
}

}  // namespace weft::test
