#include "orchestrator/sim/explorer/properties.h"

#include <algorithm>
#include <functional>
#include <optional>

#include "orchestrator/core/ledger.h"
#include "orchestrator/sim/explorer/moves.h"

namespace weft::explorer {
namespace {

using core::Effect;
using core::kNoNode;
using core::Node;
using core::NodeId;
using core::Phase;
using dsl::Value;
using UndoState = core::CompensationState::State;

constexpr auto kRoute = static_cast<std::uint8_t>(dsl::Block::Role::kRoute);
constexpr auto kTimeout = static_cast<std::uint8_t>(dsl::Block::Role::kTimeout);

std::string named(const Node& node) { return "`" + node.path.str() + "`"; }

bool undo_over(const Node& node) {
  return node.compensation.state == UndoState::kDone ||
         node.compensation.state == UndoState::kSkipped;
}

std::string amounts_text(const Value& items) {
  std::string text;
  for (const Value& item : items.as_array()) {
    text += (text.empty() ? "" : ", ") + item.to_json();
  }
  return text;
}

/// Lists of `resource`'s units anywhere inside a document, added up: what a request is about.
void collect_units(const Value& value, const dsl::ResourceDefinition& resource, Value& sum) {
  if (value.is_array()) {
    for (const Value& item : value.as_array()) collect_units(item, resource, sum);
    return;
  }
  if (!value.is_object()) return;
  if (auto units = core::normalise_items(resource, Value::array({value}))) {
    sum = core::add_items(sum, *units, resource.quantity, false);
    return;
  }
  for (const dsl::Member& member : value.as_object()) collect_units(member.value, resource, sum);
}

/// True where `more` has units that `held` does not cover.
bool exceeds(const Value& more, const Value& held, const dsl::ResourceDefinition& resource) {
  for (const Value& item : more.as_array()) {
    const Value plain = item.with(resource.quantity, Value(1));
    const auto same =
        std::find_if(held.as_array().begin(), held.as_array().end(), [&](const Value& other) {
          return other.with(resource.quantity, Value(1)).to_canonical_json() ==
                 plain.to_canonical_json();
        });
    if (same == held.as_array().end()) return true;
    if (item.find(resource.quantity)->as_decimal() > same->find(resource.quantity)->as_decimal()) {
      return true;
    }
  }
  return false;
}

Value holding_of(const Node& node, const std::string& resource) {
  const auto items = node.holdings.find(resource);
  return items == node.holdings.end() || !items->second.is_array() ? Value::array({})
                                                                   : items->second;
}

bool holds_any(const core::SagaState& saga, const std::string& resource) {
  return std::any_of(saga.nodes.begin(), saga.nodes.end(),
                     [&](const Node& node) { return holding_of(node, resource).size() > 0; });
}

/// Ancestors of a node, itself first, as (node, slot it stands in of the next).
std::vector<NodeId> line_of(const core::SagaState& saga, const Node& node) {
  std::vector<NodeId> line;
  const auto found = saga.by_path.find(node.path);
  for (NodeId id = found->second; id != kNoNode; id = saga.nodes[id].parent) line.push_back(id);
  return line;
}

/// Did the scope that this step stands in fail, or lose? Then its undo is part of going forward.
bool inside_failure(const core::SagaState& saga, const Node& node) {
  NodeId id = saga.by_path.at(node.path);
  for (; id != kNoNode; id = saga.nodes[id].parent) {
    const Node& at = saga.nodes[id];
    if (at.state == core::StepState::kFailed || at.state == core::StepState::kInDoubt ||
        at.route >= 0 || at.rollback) {
      return true;
    }
    if (at.parent == kNoNode) break;
    const Node& owner = saga.nodes[at.parent];
    const auto slot = owner.slots.find(at.slot);
    if (slot == owner.slots.end()) continue;
    if (slot->second.rollback || (slot->second.ended && !slot->second.succeeded)) return true;
    const bool race = owner.kind == "parallel" && owner.output.is_object() &&
                      owner.output.find("winner") != nullptr &&
                      owner.output.string_or("winner", "") != slot->second.name;
    if (race) return true;
  }
  return false;
}

}  // namespace

const char* property_name(Property property) {
  switch (property) {
    case Property::kEnds:
      return "ends";
    case Property::kUndone:
      return "undone";
    case Property::kDoubt:
      return "doubt";
    case Property::kOrder:
      return "order";
    case Property::kPivot:
      return "pivot";
    case Property::kOnce:
      return "once";
    case Property::kKept:
      return "kept";
    case Property::kLedger:
      return "ledger";
    case Property::kStatus:
      return "status";
    case Property::kReached:
      return "reached";
  }
  return "ends";
}

const char* property_sentence(Property property) {
  switch (property) {
    case Property::kEnds:
      return "every path ends, or is stuck for a true reason";
    case Property::kUndone:
      return "nothing that happened stays behind a saga that went back";
    case Property::kDoubt:
      return "nothing is undone that certainly never happened";
    case Property::kOrder:
      return "what was done later is undone earlier";
    case Property::kPivot:
      return "nothing is undone after the pivot, and a pivot in doubt is not guessed";
    case Property::kOnce:
      return "every effect and every undo happens at most once";
    case Property::kKept:
      return "a completed saga keeps what it did";
    case Property::kLedger:
      return "nothing is held at any end";
    case Property::kStatus:
      return "the business status never goes backwards";
    case Property::kReached:
      return "every step can be entered";
  }
  return "";
}

bool precedes(const core::SagaState& saga, const Node& a, const Node& b) {
  const std::vector<NodeId> line_a = line_of(saga, a);
  const std::vector<NodeId> line_b = line_of(saga, b);
  // The innermost common ancestor, and the two children below it.
  for (std::size_t i = 0; i < line_a.size(); ++i) {
    const auto common = std::find(line_b.begin(), line_b.end(), line_a[i]);
    if (common == line_b.end()) continue;
    if (i == 0 || common == line_b.begin()) return false;  // One holds the other.
    const Node& owner = saga.nodes[line_a[i]];
    const Node& below_a = saga.nodes[line_a[i - 1]];
    const Node& below_b = saga.nodes[*(common - 1)];
    if (below_a.slot == below_b.slot) {
      const auto& list = owner.slots.at(below_a.slot).children;
      return std::find(list.begin(), list.end(), line_a[i - 1]) <
             std::find(list.begin(), list.end(), *(common - 1));
    }
    const bool a_aside = below_a.slot.role >= kRoute, b_aside = below_b.slot.role >= kRoute;
    static_cast<void>(kTimeout);
    if (a_aside != b_aside) return b_aside;  // Error routes and timeouts run after the body.
    return owner.kind == "repeat" && below_a.slot.index < below_b.slot.index;
  }
  return false;
}

Rules::Rules(const Arena& arena) : arena_(arena), guessed_(arena.inventor.guessed()) {
  for (const dsl::Step& step : arena.graph.steps) {
    if (!step.call || step.call->compensate.kind != dsl::CompensationSpec::Kind::kCall) continue;
    const dsl::CallTarget& undo = step.call->compensate.target;
    const dsl::CallTarget& own = step.call->target;
    if (undo.adapter == own.adapter && undo.operation == own.operation) continue;
    undo_operations_[undo.adapter + "." + undo.operation].push_back(step.name);
  }
}

std::vector<Violation> Rules::broken_by(const World& before, const World& after,
                                        const World::Result& result) const {
  std::vector<Violation> found;
  if (!result.broken.empty()) {
    found.push_back({Property::kEnds, "the saga's own logic broke: " + result.broken, {}, false});
    return found;
  }
  for (const core::Event& e : result.events) event(before, after, e, found);
  for (const auto& [path, truth] : after.truths) {
    const Node* node = after.saga.find(path);
    const Truth* was = before.truth(path);
    const int done = was == nullptr ? 0 : was->done, undone = was == nullptr ? 0 : was->undone;
    // A repair undoes what came in after the undo: as often undone as done.
    if (truth.done > done && truth.done - truth.undone > 1) {
      found.push_back({Property::kOnce,
                       "`" + path.str() + "` took effect " + std::to_string(truth.done) +
                           " times under one key; adapter `" + (node ? node->adapter : "") +
                           "` promises only `" +
                           dsl::guarantee_name(guarantee_of(arena_, node ? node->adapter : "")) +
                           "`",
                       path, false});
    }
    if (truth.undone > undone && truth.undone > truth.done) {
      found.push_back({Property::kOnce,
                       "`" + path.str() + "` was undone " + std::to_string(truth.undone) +
                           " times although it happened " + std::to_string(truth.done) + " times",
                       path, false});
    }
  }
  if (after.saga.ended()) {
    const bool repairing =
        std::any_of(after.saga.nodes.begin(), after.saga.nodes.end(), [](const Node& node) {
          return node.own_undoing || node.compensation.state == UndoState::kStuck ||
                 (node.own_owed && node.compensation.state == UndoState::kOwed);
        });
    if (!repairing) end(after, found);
  } else if (after.saga.exists() && after.saga.stuck.empty() && !driven(after)) {
    found.push_back({Property::kEnds,
                     "the saga is " + core::engine_state(after.saga) +
                         " and nothing drives it on: no task, timer, event or person",
                     {},
                     false});
  }
  return found;
}

void Rules::event(const World& before, const World& after, const core::Event& event,
                  std::vector<Violation>& found) const {
  if (const auto* e = std::get_if<core::CompensationScheduled>(&event.body)) {
    return compensation(after, *e, found);
  }
  if (const auto* e = std::get_if<core::StepScheduled>(&event.body)) {
    if (!e->probe && e->kind == "call" && e->attempt == 1) hand_written(after, *e, found);
    return;
  }
  if (const auto* e = std::get_if<core::SagaStuck>(&event.body)) return stuck(after, *e, found);
  if (const auto* e = std::get_if<core::StepInDoubt>(&event.body)) {
    const Truth* truth = after.truth(e->path);
    if (truth != nullptr && truth->certainly_not()) {
      found.push_back(
          {Property::kDoubt,
           "`" + e->path.str() +
               "` counts as in doubt although its adapter has said that nothing happened",
           e->path, false});
    }
    return;
  }
  if (const auto* e = std::get_if<core::StatusChanged>(&event.body)) {
    const auto& order = arena_.graph.statuses;
    const auto place = [&](const std::string& status) {
      return std::find(order.begin(), order.end(), status) - order.begin();
    };
    const auto& g = arena_.graph;
    const bool free = e->overlay || before.saga.overlay || after.saga.overlay ||
                      e->status == g.on_compensated.status || e->status == g.on_cancelled.status ||
                      e->status == g.on_stuck.status || e->from == g.on_stuck.status ||
                      e->from.empty();
    if (!free && place(e->status) < place(e->from)) {
      found.push_back({Property::kStatus,
                       "the status goes back from `" + e->from + "` to `" + e->status + "`",
                       {},
                       false});
    }
  }
}

// ---- Undo -------------------------------------------------------------------------------------

void Rules::compensation(const World& after, const core::CompensationScheduled& e,
                         std::vector<Violation>& found) const {
  const Node& node = *after.saga.find(e.path);
  const Truth* truth = after.truth(e.path);
  const bool aside = e.leftover || e.repair;
  if (after.saga.pivot_reached && !aside) {
    found.push_back({Property::kPivot,
                     named(node) + " is undone although the saga is past its pivot", e.path,
                     false});
  }
  if (e.attempt > 1 || e.child) return;
  // What went into doubt stays there: an answer that comes later does not take its undo back.
  if (truth != nullptr && truth->certainly_not() && node.state != core::StepState::kInDoubt) {
    found.push_back({Property::kDoubt,
                     named(node) + " is undone although its adapter has said that nothing happened",
                     e.path, false});
  }
  if (!aside) order_of_undo(after, node, found);
  amounts(after, node, e, found);
}

void Rules::order_of_undo(const World& after, const Node& node,
                          std::vector<Violation>& found) const {
  for (const Node& later : after.saga.nodes) {
    const Truth* truth = after.truth(later.path);
    if (later.undo != core::Undo::kCall || truth == nullptr || !truth->stands) continue;
    if (undo_over(later) || after.excused.contains(later.path)) continue;
    if (!precedes(after.saga, node, later)) continue;
    found.push_back(
        {Property::kOrder,
         named(node) + " is undone while " + named(later) + ", done after it, still stands",
         node.path, false});
  }
}

/// What an undo gives back, as far as its request says so, against what its step still holds.
void Rules::amounts(const World& after, const Node& node, const core::CompensationScheduled& e,
                    std::vector<Violation>& found) const {
  for (const dsl::ResourceDefinition& resource : arena_.graph.resources) {
    if (!node.holdings.contains(resource.name)) continue;
    Value units = Value::array({});
    collect_units(e.input, resource, units);
    const Value held = holding_of(node, resource.name);
    if (units.size() == 0 || !exceeds(units, held, resource)) continue;
    found.push_back({Property::kOnce,
                     "the undo of " + named(node) + " gives back " + amounts_text(units) + " of `" +
                         resource.name + "`, but the step holds only " +
                         (held.size() == 0 ? std::string("nothing") : amounts_text(held)) +
                         " any more: the rest has been given back or used before",
                     node.path, is_guess(node.path)});
  }
  // A step on the way forward that already did what this undo does, and says so nowhere.
  const auto undo = undo_operations_.find(e.adapter + "." + e.operation);
  if (undo == undo_operations_.end()) return;
  for (const Node& other : after.saga.nodes) {
    if (other.kind != "call" || &other == &node || other.adapter != e.adapter ||
        other.operation != e.operation) {
      continue;
    }
    const Truth* truth = after.truth(other.path);
    if (truth == nullptr || !truth->stands || !precedes(after.saga, node, other)) continue;
    const dsl::Step* step = step_of(arena_, other.path);
    if (step == nullptr || !step->call->releases.empty()) continue;
    found.push_back({Property::kOnce,
                     named(other) + " has called `" + e.adapter + "." + e.operation +
                         "` on the way forward, and the undo of " + named(node) +
                         " calls it again: given back twice. Say `releases:` at " + named(other),
                     node.path, false});
  }
}

/// A call in an error route that gives something back is an undo written by hand: it has to keep
/// the rules that declared compensations keep by themselves.
void Rules::hand_written(const World& after, const core::StepScheduled& e,
                         std::vector<Violation>& found) const {
  const Node& node = *after.saga.find(e.path);
  const dsl::Step* step = step_of(arena_, e.path);
  if (step == nullptr || step->call->releases.empty() || !on_error_route(after.saga, node)) return;
  for (const dsl::ResourceMovement& movement : step->call->releases) {
    if (!holds_any(after.saga, movement.resource)) {
      found.push_back({Property::kDoubt,
                       named(node) + " gives back `" + movement.resource +
                           "` although nothing of it was taken: the step that takes it has failed "
                           "for certain, or never ran",
                       node.path, false});
      continue;
    }
    for (const Node& holder : after.saga.nodes) {
      if (holding_of(holder, movement.resource).size() == 0) continue;
      for (const Node& later : after.saga.nodes) {
        if (!precedes(after.saga, holder, later) || &later == &node) continue;
        for (const auto& [other, items] : later.holdings) {
          if (other == movement.resource || !items.is_array() || items.size() == 0) continue;
          found.push_back({Property::kOrder,
                           named(node) + " gives back the `" + movement.resource + "` of " +
                               named(holder) + " while " + named(later) +
                               ", done after it, still holds `" + other + "`",
                           node.path, false});
        }
      }
    }
  }
}

bool Rules::on_error_route(const core::SagaState& saga, const Node& node) const {
  for (const Node* at = &node; at->parent != kNoNode; at = &saga.nodes[at->parent]) {
    if (at->slot.role == kRoute) return true;
  }
  return false;
}

// ---- Ends -------------------------------------------------------------------------------------

void Rules::end(const World& after, std::vector<Violation>& found) const {
  const core::SagaState& saga = after.saga;
  const std::string ended = core::engine_state(saga);
  for (const auto& [resource, totals] : saga.ledger) {
    for (const auto& [dimensions, amount] : totals.held) {
      const auto of = [&](const std::map<std::string, dsl::Decimal>& column) {
        const auto found_amount = column.find(dimensions);
        return found_amount == column.end() ? dsl::Decimal{} : found_amount->second;
      };
      const dsl::Decimal lost = of(totals.written_off);
      const auto gone = dsl::Decimal::add(of(totals.consumed), of(totals.released));
      const auto all = gone ? dsl::Decimal::add(*gone, lost) : gone;
      if (!all || !(*all == amount)) {
        found.push_back({Property::kLedger,
                         "the ledger of `" + resource + "` does not add up at `" + ended +
                             "`: held " + amount.to_string() + ", gone " +
                             (all ? all->to_string() : "?"),
                         {},
                         false});
      }
      const bool decided = after.terminated || !after.excused.empty() || saga.exceptions > 0;
      if (lost > dsl::Decimal{} && !decided) {
        std::string holders;
        for (const Node& node : saga.nodes) {
          const dsl::Step* step = step_of(arena_, node.path);
          if (step == nullptr || !step->call) continue;
          for (const dsl::ResourceMovement& movement : step->call->holds) {
            if (movement.resource == resource)
              holders += (holders.empty() ? "" : ", ") + named(node);
          }
        }
        found.push_back({Property::kLedger,
                         "the saga ends `" + ended + "` and " + lost.to_string() + " of `" +
                             resource + "` " + dimensions + " held by " + holders +
                             " are written off: nothing gives them back",
                         {},
                         false});
      }
    }
  }
  if (after.terminated) return;
  const bool back = saga.phase == Phase::kCompensated || saga.phase == Phase::kFailed;
  for (const Node& node : saga.nodes) {
    const Truth* truth = after.truth(node.path);
    if (after.excused.contains(node.path)) continue;
    const auto child = after.children.find(node.path);
    const bool child_stands = child != after.children.end() && child->second.stands;
    const bool stands = (truth != nullptr && truth->stands) || child_stands;
    if (back && node.pivot && stands) {
      found.push_back(
          {Property::kPivot,
           "the pivot " + named(node) + " has happened, and the saga ends `" + ended + "`",
           node.path, false});
    } else if (back && stands && node.undo != core::Undo::kNone &&
               node.compensation.state != UndoState::kSkipped) {
      found.push_back(
          {Property::kUndone,
           named(node) + " has happened and was never undone, and the saga ends `" + ended + "`",
           node.path, false});
    }
    if (saga.phase == Phase::kCompleted && undo_over(node) && !node.compensation.leftover &&
        !node.compensation.repair && !inside_failure(saga, node)) {
      found.push_back({Property::kKept, named(node) + " was undone, and the saga ends `completed`",
                       node.path, false});
    }
    if (saga.phase == Phase::kCompleted && node.kind == "call" &&
        node.state == core::StepState::kSucceeded && truth != nullptr && !truth->stands &&
        truth->undone == 0 && !inside_failure(saga, node)) {
      found.push_back({Property::kKept, named(node) + " counts as done, but it never happened",
                       node.path, false});
    }
  }
}

bool Rules::is_guess(const core::StepPath& path) const {
  const dsl::Step* step = step_of(arena_, path);
  if (step == nullptr) return !guessed_.empty();
  // Any guessed answer that this step's expressions read makes its failure a guess too.
  bool guess = false;
  const auto read = [&](const dsl::Expression& expression) {
    for (const dsl::Reference& reference : expression.references()) {
      const dsl::Step* other = arena_.graph.find_step(reference.name);
      if (reference.name == "." && !arena_.graph.input_schema) guess = true;
      if (reference.name == "reply" && guessed_.contains(step->name)) guess = true;
      if (reference.name == "event" || (other != nullptr && guessed_.contains(other->name)))
        guess = true;
      // What other steps computed or collected may rest on a guess in turn.
      if (other != nullptr && !other->call && !guessed_.empty()) guess = true;
      if (other == nullptr && reference.name != "." && reference.name != "reply" &&
          reference.name != "with" && !guessed_.empty()) {
        guess = true;
      }
    }
  };
  const auto maybe = [&](const std::optional<dsl::Template>& text) {
    if (text) text->each_expression(read);
  };
  if (step->when) read(*step->when);
  if (step->call) {
    maybe(step->call->with);
    maybe(step->call->compensate.with);
    for (const auto* list : {&step->call->holds, &step->call->consumes, &step->call->releases}) {
      for (const dsl::ResourceMovement& movement : *list) maybe(movement.items);
    }
  }
  if (step->set) step->set->values.each_expression(read);
  if (step->foreach) step->foreach->items.each_expression(read);
  if (step->choice) {
    for (const dsl::ChoiceBranch& branch : step->choice->branches) {
      if (branch.when) read(*branch.when);
    }
  }
  if (step->repeat) read(step->repeat->until);
  if (step->wait) maybe(step->wait->until);
  if (step->emit) maybe(step->emit->emit.with);
  if (step->saga) maybe(step->saga->with);
  if (step->finish) step->finish->output.each_expression(read);
  return guess;
}

/// Stuck is an end for people only where something outside went wrong.
void Rules::stuck(const World& after, const core::SagaStuck& e,
                  std::vector<Violation>& found) const {
  const std::string where = e.path.empty() ? "the saga" : "`" + e.path.str() + "`";
  if (e.error.code.empty()) {
    found.push_back({Property::kEnds, where + " is stuck without saying why", e.path, false});
    return;
  }
  static const std::set<std::string> own = {
      "expression_error", "no_branch", "input_schema", "resource_error",  "route_error",
      "route_missing",    "leftovers", "limit",        "no_compensation", "undeclared_pending"};
  const bool of_definition = own.contains(e.error.code);
  if (!of_definition && (after.faults > 0 || e.error.code == "manual")) return;
  if (of_definition && !after.excused.empty()) return;  // After what a person put in its place.
  found.push_back(
      {Property::kEnds,
       where + " is stuck by the definition itself (" + e.error.code + "): " + e.error.message,
       e.path, e.error.code != "no_compensation" && is_guess(e.path)});
}

}  // namespace weft::explorer
