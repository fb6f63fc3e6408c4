// The start, and the entering of steps: what each kind does first.

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
    SagaQueued queued;
    queued.birth = c.birth;
    if (g_.deadline_ms) queued.deadline = later(*g_.deadline_ms);
    emit(std::move(queued));
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
  started.deadline = s_.deadline;  // Of the whole saga: it runs since the acceptance.
  if (!started.deadline && g_.deadline_ms) started.deadline = later(*g_.deadline_ms);
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
/// The error, code and message, is for the place that needs it.
tl::expected<std::string, Error> Decider::choose_target(const std::string& adapter) {
  const dsl::AdapterDefinition& definition = g_.adapter(adapter);
  if (!definition.route_choose) {
    if (!definition.shadow.empty() && !s_.shadows.contains(adapter)) {
      emit(RouteChosen{adapter, adapter, definition.shadow});
    }
    return adapter;
  }
  if (auto chosen = s_.routes.find(adapter); chosen != s_.routes.end()) return chosen->second;
  Environment env(s_, kRoot, kBodySlot);
  env.only_saga();
  const auto choice = definition.route_choose->evaluate(env);
  if (!choice || !choice->is_string()) {
    return tl::unexpected(invalid_error(
        "route_error",
        "route of adapter `" + adapter + "`: " +
            (choice ? "must yield an adapter's name" : choice.error().message),
        ""));
  }
  const auto& targets = definition.route_targets;
  if (std::find(targets.begin(), targets.end(), choice->as_string()) == targets.end()) {
    return tl::unexpected(invalid_error("route_missing",
                                        "route of adapter `" + adapter + "` yields `" +
                                            choice->as_string() + "`, which is none of its targets",
                                        ""));
  }
  emit(RouteChosen{adapter, choice->as_string(), definition.shadow});
  return choice->as_string();
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
  auto target = choose_target(call.target.adapter);
  if (!target) {
    return stuck_at_entry(path, place, kind, target.error().code, target.error().message);
  }
  e.adapter = *std::move(target);
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

}  // namespace weft::core
