// The way forward: what follows when a step has ended well, up to the end of the saga.

#include <algorithm>
#include <utility>

#include "orchestrator/core/decide.h"

namespace weft::core {

using dsl::StepKind;
using dsl::Value;

// ---- A step ended -----------------------------------------------------------------------------

/// After StepSucceeded: what the author wants told, the pivot, and then what follows.
void Decider::succeeded(NodeId id) {
  // What succeeds while its scope is being left goes no further and is not announced.
  if (leaving(id) && !node(id).pivot) return check_scopes_of(id);
  const dsl::Step* step = step_of(node(id));
  if (step != nullptr) announce(step->on_success, id, node(id).output);
  if (node(id).pivot && !s_.pivot_reached) {
    const bool deadline_passed = s_.deadline_passed;
    emit(PivotReached{node(id).path});
    if (deadline_passed) {
      stuck(kRoot, "saga", {"business", "deadline_exceeded",
                            "the deadline passed while the pivot was under way", "", ""});
    }
  }
  then_ended(id);
}

void Decider::ended(NodeId id) {
  if (leaving(id)) return check_scopes_of(id);
  const Node& n = node(id);
  const dsl::Step* step = step_of(n);
  invariant(step != nullptr, "a running step is missing in the graph");
  const dsl::Block& block = g_.block(step->block);
  if (step->place + 1 < block.steps.size()) {
    return then_enter({step->block, n.parent, n.slot, step->place + 1});
  }
  list_ended(n.parent, n.slot, n.path);
}

void Decider::list_ended(NodeId parent, Slot slot, const StepPath& last) {
  if (parent == kRoot) return then_complete();
  const Node& owner = node(parent);
  const auto role = static_cast<dsl::Block::Role>(slot.role);
  if (role == dsl::Block::Role::kRoute) return route_done(parent);
  StepSucceeded done;
  done.path = owner.path;
  done.derived = true;
  done.result_of = last;
  if (role == dsl::Block::Role::kTimeout) {
    if (owner.kind == "repeat") {
      auto round = owner.slots.find(Slot{kBodySlot.role, owner.round - 1});
      done.result_of = round == owner.slots.end() ? StepPath() : round->second.result_of;
    } else {
      done.derived = false;  // A listen that heard nothing yields null.
    }
  } else if (owner.kind == "parallel") {
    const dsl::Step* step = step_of(owner);
    ScopeEnded ended{owner.path, slot, g_.block(step->parallel->branches[slot.index]).name, true,
                     last, {}, {}, false};
    emit(std::move(ended));
    if (step->parallel->race) return race_decided(parent);
    const auto& slots = node(parent).slots;
    for (std::uint32_t i = 0; i < step->parallel->branches.size(); ++i) {
      auto branch = slots.find(branch_slot(i));
      if (branch == slots.end() || !branch->second.ended) return;
    }
  } else if (owner.kind == "foreach") {
    emit(ScopeEnded{owner.path, slot, "", true, last, {}, {}, false});
    return item_ended(parent, slot);
  } else if (owner.kind == "repeat") {
    return round_ended(parent, slot, last);
  }
  emit(std::move(done));
  succeeded(parent);
}

/// First success wins; the others are settled and undone; then the race is over. `last`: the error
/// of the branch that has just ended; a race that nobody wins fails with it.
void Decider::race_decided(NodeId id, const Error& last) {
  const dsl::Step* step = step_of(node(id));
  const auto count = static_cast<std::uint32_t>(step->parallel->branches.size());
  std::optional<std::uint32_t> winner;
  for (std::uint32_t i = 0; i < count && !winner; ++i) {
    auto branch = node(id).slots.find(branch_slot(i));
    if (branch != node(id).slots.end() && branch->second.ended && branch->second.succeeded) winner = i;
  }
  bool all_ended = true;
  for (std::uint32_t i = 0; i < count; ++i) {
    const SlotState& branch = node(id).slots[branch_slot(i)];
    if (branch.ended) continue;
    all_ended = false;
    // A second branch that succeeds meanwhile is a loser too; it is settled by now.
    if (winner && !branch.rollback) {
      settle({node(id).path, branch_slot(i)}, "race",
             {"business", "cancelled", "another branch won the race", node(id).path.str(), ""});
    }
  }
  if (!all_ended) return;
  if (!winner) return step_error(id, last);
  const SlotState& won = node(id).slots[branch_slot(*winner)];
  const Node* result = s_.find(won.result_of);
  StepSucceeded done;
  done.path = node(id).path;
  done.output = Value::object({{"winner", won.name},
                               {"output", result != nullptr && result->output_known
                                              ? result->output
                                              : Value()}});
  emit(std::move(done));
  succeeded(id);
}

/// Starts items while there is room. Long lists of steps that end at once are cut into turns, so
/// that no saga holds up the others.
void Decider::start_items(NodeId id) {
  const dsl::Step* step = step_of(node(id));
  if (is_settled(node(id)) || leaving(id)) return;
  const auto active = static_cast<std::int64_t>(node(id).items_begun) -
                      static_cast<std::int64_t>(node(id).items_ended);
  if (node(id).items_begun >= node(id).items.size() || active >= node(id).at_once) return;
  if (turn_is_long()) return set_timer("go:" + node(id).path.str(), now());
  const std::uint32_t index = node(id).items_begun;
  enter({step->foreach->body, id, Slot{kBodySlot.role, index}, 0});
  if (node(id).items_begun > index) then_items(id);
}

void Decider::item_ended(NodeId id, Slot slot) {
  const Node& n = node(id);
  const SlotState& item = n.slots.at(slot);
  if (!item.succeeded && !tolerated(n, item.error)) return step_error(id, item.error);
  if (n.items_ended < n.items.size()) return then_items(id);
  StepSucceeded done;
  done.path = n.path;
  done.derived = true;
  emit(std::move(done));
  succeeded(id);
}

/// Is one failure more, with this error, still within `tolerate`?
bool Decider::tolerated(const Node& n, const Error& error) const {
  const auto& tolerate = step_of(n)->foreach->tolerate;
  if (!tolerate) return false;
  const auto failed = static_cast<std::int64_t>(n.items_failed);
  const auto total = static_cast<std::int64_t>(n.items.size());
  return std::find(tolerate->codes.begin(), tolerate->codes.end(), error.code) !=
             tolerate->codes.end() ||
         (tolerate->count && failed <= *tolerate->count) ||
         (tolerate->percent && failed * 100 <= *tolerate->percent * total);
}

void Decider::begin_round(NodeId id, std::uint32_t index) {
  then_enter({step_of(node(id))->repeat->body, id, Slot{kBodySlot.role, index}, 0});
}

void Decider::round_ended(NodeId id, Slot slot, const StepPath& last) {
  const StepPath path = node(id).path;
  const dsl::RepeatSpec& repeat = *step_of(node(id))->repeat;
  Environment env(s_, id, slot);
  const auto until = repeat.until.evaluate(env);
  if (!until) {
    return stuck(id, "forward",
                 invalid_error("expression_error", "`until`: " + until.error().message, path.str()));
  }
  ScopeEnded ended{path, slot, "", true, last, {}, {}, until->truthy()};
  if (!ended.until && static_cast<std::int64_t>(slot.index) + 1 < repeat.rounds_max) {
    if (repeat.every_ms > 0 || turn_is_long()) {
      ended.next = later(repeat.every_ms);
      set_timer("round:" + path.str(), *ended.next);
    }
    const bool pauses = ended.next.has_value();
    emit(std::move(ended));
    if (!pauses) begin_round(id, slot.index + 1);
    return;
  }
  const bool held = ended.until;
  emit(std::move(ended));
  if (!held) return timed_out(id, repeat.on_timeout, "exhausted");
  StepSucceeded done;
  done.path = path;
  done.derived = true;
  done.result_of = last;
  emit(std::move(done));
  succeeded(id);
}

/// A listen's time or a repeat's rounds are spent.
void Decider::timed_out(NodeId id, const std::optional<dsl::TimeoutAction>& action,
                        const char* code) {
  const StepPath path = node(id).path;
  using Kind = dsl::TimeoutAction::Kind;
  if (action && action->kind == Kind::kDo) {
    return then_enter({action->body, id, timeout_slot(), 0});
  }
  if (action && action->kind == Kind::kContinue) {
    StepSucceeded done;
    done.path = path;
    if (node(id).kind == "repeat" && node(id).round > 0) {
      done.derived = true;
      done.result_of = node(id).slots[Slot{kBodySlot.role, node(id).round - 1}].result_of;
    }
    emit(std::move(done));
    return succeeded(id);
  }
  Error error{"business", code, "", path.str(), ""};
  if (action && action->kind == Kind::kRaise) {
    error.code = action->raise;
    error.message = action->raise_message;
  }
  step_error(id, error);
}

// ---- The end ----------------------------------------------------------------------------------

void Decider::maybe_complete() {
  if (s_.phase != Phase::kForward || node(kRoot).rollback) return;
  const auto& top = g_.block(dsl::kTopBlock).steps;
  const StepPath last_path(top.empty() ? std::string() : g_.step(top.back()).name);
  const Node* last = s_.find(last_path);
  if (!s_.finishing) {
    const bool over = top.empty() || (last != nullptr && (last->state == StepState::kSucceeded ||
                                                          last->state == StepState::kSkipped));
    if (!over) return;
  }
  const bool child = !s_.birth.parent.empty() && !s_.birth.detached;
  if (!child) {
    bool waits = false;
    for (NodeId id = 0; id < s_.nodes.size(); ++id) {
      if (s_.nodes[id].own_undoing || s_.nodes[id].compensation.state == CompensationState::State::kStuck) {
        waits = true;
        continue;
      }
      if (!holds_anything(s_.nodes[id])) continue;
      if (g_.leftovers_error) {
        if (s_.stuck.contains(StepPath())) return;
        return stuck(kRoot, "saga", invalid_error("leftovers", "step `" + node(id).path.str() +
                                                  "` still holds something at the end", ""));
      }
      schedule_leftover(id);
      waits = waits || node(id).own_undoing || node(id).stuck.has_value();
    }
    if (waits) return;
  }
  Value output = s_.output;
  if (!s_.finishing) {
    output = last != nullptr && last->output_known ? last->output : Value();
    if (g_.output) {
      Environment env(s_, kRoot, kBodySlot);
      auto rendered = g_.output->evaluate(env);
      if (!rendered) {
        return stuck(kRoot, "saga",
                     invalid_error("expression_error", "`output`: " + rendered.error().message, ""));
      }
      output = std::move(*rendered);
    }
  }
  if (s_.stuck.contains(StepPath())) emit(SagaResumed{StepPath(), "resume"});
  announce_end(g_.on_completed, output, {}, "completed");
  emit(SagaCompleted{std::move(output)});
  close_saga("completed");
}

}  // namespace weft::core
