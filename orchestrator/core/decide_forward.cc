// The way forward: entering steps, and what follows when one ends well.

#include <algorithm>
#include <utility>

#include "orchestrator/core/decide.h"

namespace weft::core {

using dsl::StepKind;
using dsl::Value;

Decider::Refusal Decider::start(const StartSaga& c) {
  if (s_.exists()) {
    auto same = check_duplicate(s_, c.birth);
    if (!same) return same;
    out_.duplicate = true;
    return {};
  }
  if (c.queued) {
    emit(SagaQueued{c.birth});
    effect(QueueJoin{c.birth.ordering_key});
    arm_cancel(true);
    if (!g_.statuses.empty()) set_status(g_.statuses.front());
    return {};
  }
  SagaStarted started;
  started.birth = c.birth;
  if (g_.deadline_ms) started.deadline = later(*g_.deadline_ms);
  emit(std::move(started));
  arm_cancel(true);
  if (!g_.statuses.empty()) set_status(g_.statuses.front());
  then_enter({dsl::kTopBlock, kRoot, kBodySlot, 0});
  return {};
}

/// `cancelled_by`: this saga is filed under its correlation value while it lives.
void Decider::arm_cancel(bool set) {
  if (!g_.cancelled_by) return;
  Environment env(s_, kRoot, kBodySlot);
  const auto equals = g_.cancelled_by->correlate_equals.evaluate(env);
  if (!equals) {
    if (set) emit(AnomalyRecorded{{}, "cancelled_by", "`equals`: " + equals.error().message});
    return;
  }
  const std::string value = equals->is_string() ? equals->as_string() : equals->to_canonical_json();
  if (set) {
    effect(ListenerSet{{}, g_.cancelled_by->event, value, 0, now(), true});
  } else {
    effect(ListenerClear{{}, g_.cancelled_by->event, value, true});
  }
}

void Decider::run_queued() {
  SagaStarted started;
  if (g_.deadline_ms) started.deadline = later(*g_.deadline_ms);
  emit(std::move(started));
  then_enter({dsl::kTopBlock, kRoot, kBodySlot, 0});
}

// ---- Entering a step --------------------------------------------------------------------------

void Decider::enter(const Place& place) {
  if (leaving(place.parent, place.slot)) return;
  const dsl::Block& block = g_.block(place.block);
  if (place.index >= block.steps.size()) {
    list_ended(place.parent, place.slot, StepPath());
    return;
  }
  const dsl::Step& step = g_.step(block.steps[place.index]);
  enter_step(step, place, StepPath(path_prefix(s_, place.parent, place.slot) + step.name));
}

void Decider::stuck_at_entry(const StepPath& path, const Place& place, const std::string& kind,
                             std::string code, std::string message) {
  Error error = invalid_error(std::move(code), std::move(message), path.str());
  emit(SagaStuck{path, "forward", error, Effect::kNone, s_.nodes[place.parent].path, place.slot, kind});
  announce_end(g_.on_stuck, {}, error, "stuck");
}

void Decider::enter_step(const dsl::Step& step, const Place& place, const StepPath& path) {
  Environment env(s_, place.parent, place.slot);
  const StepPath parent = s_.nodes[place.parent].path;
  const std::string kind = dsl::step_kind_name(step.kind);
  auto fault = [&](const dsl::ExpressionError& error, const char* what) {
    stuck_at_entry(path, place, kind, "expression_error",
                   std::string("`") + what + "` of `" + step.name + "`: " + error.message);
  };

  if (step.when) {
    const auto holds = step.when->evaluate(env);
    if (!holds) return fault(holds.error(), "when");
    if (!holds->truthy()) {
      emit(StepSkipped{path, parent, place.slot, kind});
      then_ended(id_of(path));
      return;
    }
  }
  if (!step.status.empty()) set_status(step.status);

  StepScheduled e;
  e.path = path;
  e.parent = parent;
  e.slot = place.slot;
  e.kind = kind;
  // A step that does its work in the decision itself needs one event only.
  auto at_once = [&](Value output, bool finishes) {
    StepSucceeded done;
    done.path = path;
    done.output = std::move(output);
    done.finishes = finishes;
    done.parent = parent;
    done.slot = place.slot;
    done.kind = kind;
    emit(std::move(done));
  };

  switch (step.kind) {
    case StepKind::kCall:
      return enter_call(step, place, path, env);
    case StepKind::kSet: {
      auto values = step.set->values.evaluate(env);
      if (!values) return fault(values.error(), "set");
      at_once(std::move(*values), false);
      return succeeded(id_of(path));
    }
    case StepKind::kEmit: {
      Value data = Value::empty_object();
      if (step.emit->emit.with) {
        auto rendered = step.emit->emit.with->evaluate(env);
        if (!rendered) return fault(rendered.error(), "with");
        data = std::move(*rendered);
      }
      at_once(data, false);
      emit_named(path, step.emit->emit.name, std::move(data));
      return succeeded(id_of(path));
    }
    case StepKind::kRaise: {
      Error error{"business", step.raise->code, "", path.str(), ""};
      if (step.raise->message) {
        auto text = step.raise->message->evaluate(env);
        if (!text) return fault(text.error(), "message");
        error.message = text->is_string() ? text->as_string() : text->to_json();
      }
      StepFailed failed;
      failed.path = path;
      failed.error = error;
      failed.parent = parent;
      failed.slot = place.slot;
      failed.kind = kind;
      emit(std::move(failed));
      then_error(id_of(path), error);
      return;
    }
    case StepKind::kFinish: {
      auto output = step.finish->output.evaluate(env);
      if (!output) return fault(output.error(), "finish");
      at_once(std::move(*output), true);
      return then_complete();
    }
    case StepKind::kDo:
      emit(std::move(e));
      return then_enter({step.do_->body, id_of(path), kBodySlot, 0});
    case StepKind::kChoice: {
      std::uint32_t index = 0;
      for (const dsl::ChoiceBranch& branch : step.choice->branches) {
        if (branch.when) {
          auto holds = branch.when->evaluate(env);
          if (!holds) return fault(holds.error(), "choice.when");
          if (!holds->truthy()) {
            ++index;
            continue;
          }
        }
        e.branch = index;
        emit(std::move(e));
        if (!branch.status.empty()) set_status(branch.status);
        const NodeId id = id_of(path);
        if (!branch.raise.empty()) {
          Error error{"business", branch.raise, branch.raise_message, path.str(), ""};
          emit(StepFailed{path, 0, error, {}, {}, {}, {}});
          return then_error(id, error);
        }
        if (branch.body != dsl::kNoBlock) {
          return then_enter({branch.body, id, branch_slot(index), 0});
        }
        StepSucceeded done;
        done.path = path;
        emit(std::move(done));
        return succeeded(id);
      }
      return stuck_at_entry(path, place, kind, "no_branch",
                            "no branch of `" + step.name + "` holds and there is no `otherwise`");
    }
    case StepKind::kParallel:
      return enter_parallel(step, std::move(e));
    case StepKind::kForeach:
      return enter_foreach(step, std::move(e), env);
    case StepKind::kRepeat: {
      emit(std::move(e));
      return begin_round(id_of(path), 0);
    }
    case StepKind::kListen:
      return enter_listen(step, std::move(e), env);
    case StepKind::kWait:
      return enter_wait(step, std::move(e), env);
    case StepKind::kSaga:
      return enter_saga(step, std::move(e), env);
  }
}

/// The target of a routed adapter is chosen once per saga, so that the undo goes where the do went.
bool Decider::choose_target(const std::string& adapter, const StepPath& path, const Place& place,
                            const std::string& kind, std::string& target) {
  const dsl::AdapterDefinition& definition = g_.adapter(adapter);
  target = adapter;
  if (!definition.route_choose) {
    if (!definition.shadow.empty() && !s_.shadows.contains(adapter)) {
      emit(RouteChosen{adapter, adapter, definition.shadow});
    }
    return true;
  }
  if (auto chosen = s_.routes.find(adapter); chosen != s_.routes.end()) {
    target = chosen->second;
    return true;
  }
  Environment env(s_, kRoot, kBodySlot);
  env.only_saga();
  const auto choice = definition.route_choose->evaluate(env);
  if (!choice || !choice->is_string()) {
    stuck_at_entry(path, place, kind, "route_error",
                   "route of adapter `" + adapter + "`: " +
                       (choice ? "must yield an adapter's name" : choice.error().message));
    return false;
  }
  const auto& targets = definition.route_targets;
  if (std::find(targets.begin(), targets.end(), choice->as_string()) == targets.end()) {
    stuck_at_entry(path, place, kind, "route_missing",
                   "route of adapter `" + adapter + "` yields `" + choice->as_string() +
                       "`, which is none of its targets");
    return false;
  }
  target = choice->as_string();
  emit(RouteChosen{adapter, target, definition.shadow});
  return true;
}

void Decider::enter_call(const dsl::Step& step, const Place& place, const StepPath& path,
                         Environment& env) {
  const dsl::CallSpec& call = *step.call;
  const std::string kind = "call";
  env.set_task(idempotency_key(s_.birth.saga, path), 1);
  Value input = Value::empty_object();
  if (call.with) {
    auto rendered = call.with->evaluate(env);
    if (!rendered) {
      return stuck_at_entry(path, place, kind, "expression_error",
                            "`with` of `" + step.name + "`: " + rendered.error().message);
    }
    input = std::move(*rendered);
  }
  if (call.input_schema) {
    if (auto wrong = dsl::validate_schema(*call.input_schema, input)) {
      return stuck_at_entry(path, place, kind, "input_schema",
                            "the input of `" + step.name + "` breaks " + call.input_schema->file +
                                " at `" + wrong->pointer + "`: " + wrong->message);
    }
  }
  StepScheduled e;
  if (!choose_target(call.target.adapter, path, place, kind, e.adapter)) return;
  e.path = path;
  e.parent = s_.nodes[place.parent].path;
  e.slot = place.slot;
  e.kind = kind;
  e.pivot = call.pivot;
  e.operation = call.target.operation;
  if (const auto* operation = g_.adapter(e.adapter).find_operation(e.operation)) {
    e.subject = operation->subject;
  }
  if (!s_.pivot_reached) {
    if (call.compensate.kind == dsl::CompensationSpec::Kind::kCall) e.undo = Undo::kCall;
    if (call.compensate.kind == dsl::CompensationSpec::Kind::kManual) e.undo = Undo::kManual;
  }
  e.input = std::move(input);
  e.timeout_ms = call.timeout_ms;
  emit(std::move(e));
}

/// The next attempt of a call: same input, same key.
void Decider::schedule_attempt(NodeId id) {
  const Node& n = node(id);
  const dsl::Step* step = step_of(n);
  invariant(step != nullptr && step->call.has_value(), "only calls have attempts");
  StepScheduled e;
  e.path = n.path;
  e.parent = s_.nodes[n.parent].path;
  e.slot = n.slot;
  e.kind = n.kind;
  e.attempt = n.attempts + 1;
  e.undo = n.undo;
  e.pivot = n.pivot;
  e.adapter = n.adapter;
  e.operation = n.operation;
  e.subject = n.subject;
  e.input = n.input;
  e.timeout_ms = step->call->timeout_ms;
  emit(std::move(e));
}

void Decider::enter_parallel(const dsl::Step& step, StepScheduled e) {
  const StepPath path = e.path;
  emit(std::move(e));
  const NodeId id = id_of(path);
  for (std::uint32_t i = 0; i < step.parallel->branches.size(); ++i) {
    then_enter({step.parallel->branches[i], id, branch_slot(i), 0});
  }
}

void Decider::enter_foreach(const dsl::Step& step, StepScheduled e, Environment& env) {
  constexpr std::size_t kItemsMax = 10'000;  // SEMANTICS.md, Limits.
  const Place place{step.block, id_of(e.parent), e.slot, step.place};
  auto items = step.foreach->items.evaluate(env);
  if (!items) {
    return stuck_at_entry(e.path, place, e.kind, "expression_error",
                          "`foreach` of `" + step.name + "`: " + items.error().message);
  }
  if (!items->is_array()) {
    return stuck_at_entry(e.path, place, e.kind, "expression_error",
                          "`foreach` of `" + step.name + "` needs a list, got " +
                              Value::kind_name(items->kind()));
  }
  if (items->size() > kItemsMax) {
    return stuck_at_entry(e.path, place, e.kind, "limit",
                          "`" + step.name + "` has " + std::to_string(items->size()) +
                              " items; at most 10000 are allowed");
  }
  const bool empty = items->size() == 0;
  const StepPath path = e.path;
  e.input = std::move(*items);
  e.at_once = step.foreach->at_once;
  e.as = step.foreach->as;
  emit(std::move(e));
  const NodeId id = id_of(path);
  if (!empty) return then_items(id);
  StepSucceeded done;
  done.path = path;
  done.derived = true;
  emit(std::move(done));
  succeeded(id);
}

void Decider::enter_wait(const dsl::Step& step, StepScheduled e, Environment& env) {
  const Place place{step.block, id_of(e.parent), e.slot, step.place};
  Timestamp due = now();
  if (step.wait->duration_ms) {
    due = later(*step.wait->duration_ms);
  } else {
    auto until = step.wait->until->evaluate(env);
    std::optional<Timestamp> at;
    if (until && until->is_string()) at = parse_time(until->as_string());
    if (!at) {
      return stuck_at_entry(e.path, place, e.kind, "expression_error",
                            "`wait.until` of `" + step.name + "`: " +
                                (until ? "needs an RFC 3339 time, got " + until->to_json()
                                       : until.error().message));
    }
    due = *at;
  }
  const StepPath path = e.path;
  e.due = due;
  emit(std::move(e));
  set_timer("due:" + path.str(), due);
}

void Decider::enter_listen(const dsl::Step& step, StepScheduled e, Environment& env) {
  const dsl::ListenSpec& listen = *step.listen;
  const Place place{step.block, id_of(e.parent), e.slot, step.place};
  e.event = listen.event;
  if (listen.correlate_equals) {
    auto value = listen.correlate_equals->evaluate(env);
    if (!value) {
      return stuck_at_entry(e.path, place, e.kind, "expression_error",
                            "`correlate.equals` of `" + step.name + "`: " + value.error().message);
    }
    e.correlated = true;
    e.correlation = value->is_string() ? value->as_string() : value->to_canonical_json();
  }
  if (listen.timeout_ms) e.due = later(*listen.timeout_ms);
  const StepPath path = e.path;
  const auto due = e.due;
  emit(std::move(e));
  const NodeId id = id_of(path);
  if (due) set_timer("due:" + path.str(), *due);
  for (std::size_t i = 0; i < s_.signals.size(); ++i) {
    const BufferedSignal signal = s_.signals[i];
    if (signal.name == listen.event &&
        take_event(id, signal.name, signal.event_id, signal.data, true)) {
      return;
    }
  }
}

void Decider::enter_saga(const dsl::Step& step, StepScheduled e, Environment& env) {
  const dsl::ChildSpec& child = *step.saga;
  const Place place{step.block, id_of(e.parent), e.slot, step.place};
  const IdempotencyKey key = idempotency_key(s_.birth.saga, e.path);
  env.set_task(key, 1);
  Value input = Value::empty_object();
  if (child.with) {
    auto rendered = child.with->evaluate(env);
    if (!rendered) {
      return stuck_at_entry(e.path, place, e.kind, "expression_error",
                            "`with` of `" + step.name + "`: " + rendered.error().message);
    }
    input = std::move(*rendered);
  }
  e.pivot = child.pivot;
  e.undo = child.detach || child.pivot || s_.pivot_reached ? Undo::kNone : Undo::kChild;
  e.child = saga_id(child.workflow, key.str());
  e.child_workflow = child.workflow;
  e.input = std::move(input);
  emit(std::move(e));
}

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

// ---- Telling ----------------------------------------------------------------------------------

void Decider::set_status(const std::string& status) {
  if (status == s_.status && !s_.overlay) return;
  emit(StatusChanged{status, s_.status, false});
}

/// The wait is over: the former status is published again.
void Decider::end_overlay(const Node& n) {
  if (!n.waiting || !s_.overlay) return;
  emit(StatusChanged{s_.overlay_from, s_.status, false});
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
    out_.duplicate = true;
    return {};
  }
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
      out_.matched = true;
      return cancel(CancelSaga{true, "cancel"});
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
    if (past_pivot) {
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
    emit(TimerFired{timer, path});
    attempt_unknown(id, n.attempts, {"unknown", "timeout", "no completion within the time allowed",
                                     path.str(), n.adapter});
  } else if (kind == "due") {
    if (is_settled(n) || !n.own_open || n.stuck || !due(n.due)) return {};
    const bool listening = n.kind == "listen";
    emit(TimerFired{timer, path});
    if (!listening) {
      listen_done(id, Value());
    } else {
      if (n.correlated) effect(ListenerClear{path, n.event, n.correlation, false});
      timed_out(id, step_of(node(id))->listen->on_timeout, "timeout");
    }
  } else if (kind == "round") {
    if (is_settled(n) || !due(n.due)) return {};
    const std::uint32_t round = n.round;
    emit(TimerFired{timer, path});
    begin_round(id, round);
  } else if (kind == "go") {
    start_items(id);
  }
  return {};
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
