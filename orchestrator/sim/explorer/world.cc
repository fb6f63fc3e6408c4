#include "orchestrator/sim/explorer/world.h"

#include <algorithm>
#include <utility>

#include "orchestrator/core/environment.h"

namespace weft::explorer {

using core::Direction;
using core::TaskReply;
using dsl::Value;
using Proof = Truth::Proof;

namespace {

TaskReply failure(const std::string& code, std::int64_t number) {
  TaskReply reply;
  reply.kind = TaskReply::Kind::kFailure;
  reply.code = code;
  reply.service_code = number;
  return reply;
}

TaskReply silence(TaskReply::Kind kind) {
  TaskReply reply;
  reply.kind = kind;
  return reply;
}

bool remembers(dsl::Guarantee guarantee) {
  return guarantee == dsl::Guarantee::kFenced || guarantee == dsl::Guarantee::kIdempotent;
}

}  // namespace

bool Truth::certainly_not() const {
  return !proofs.empty() && std::all_of(proofs.begin(), proofs.end(),
                                        [](Proof proof) { return proof == Proof::kNothing; });
}

void Truth::prove(std::int64_t attempt, Proof proof) {
  const auto place = static_cast<std::size_t>(attempt);
  if (proofs.size() < place) proofs.resize(place, Proof::kOpen);
  proofs[place - 1] = proof;
}

dsl::Guarantee guarantee_of(const Arena& arena, const std::string& adapter) {
  return arena.graph.adapter(adapter).guarantee;
}

bool is_sent_again(dsl::Guarantee guarantee, Direction direction) {
  if (direction == Direction::kProbe) return true;
  if (guarantee == dsl::Guarantee::kQueryable) return direction == Direction::kCompensation;
  return guarantee != dsl::Guarantee::kUnsafe;
}

const dsl::Step* step_of(const Arena& arena, const core::StepPath& path) {
  return path.empty() ? nullptr : arena.graph.find_step(core::step_name(path));
}

const Truth* World::truth(const core::StepPath& path) const {
  const auto found = truths.find(path);
  return found == truths.end() ? nullptr : &found->second;
}

bool World::is_harmless(const LateAnswer& answer) const {
  using Undo = core::CompensationState::State;
  const core::Node* node = saga.find(answer.path);
  if (node == nullptr || node->stuck) return false;
  const Undo undo = node->compensation.state;
  const bool at_work = undo == Undo::kRunning || undo == Undo::kRetrying || undo == Undo::kStuck;
  if (at_work) return false;
  const bool undone = undo == Undo::kDone || undo == Undo::kSkipped;
  if (answer.direction == Direction::kCompensation) return undone;
  if (!answer.fenced) return false;
  const bool success = answer.reply.kind == TaskReply::Kind::kSuccess;
  return undone || node->state == core::StepState::kSucceeded ||
         (node->state == core::StepState::kFailed && !success);
}

World::Result World::make(const Arena& arena, const Move& move) {
  faults += move.cost;
  using Kind = Move::Kind;
  switch (move.kind) {
    case Kind::kStart:
      return start(arena, move);
    case Kind::kRun:
      return decide(arena, core::RunSaga{});
    case Kind::kSupersede:
      return decide(arena, core::SupersedeSaga{core::SagaId("newer")});
    case Kind::kSuccess:
    case Kind::kRefusal:
    case Kind::kTransient:
    case Kind::kUnavailable:
    case Kind::kSilence:
    case Kind::kInvalid:
    case Kind::kPending:
    case Kind::kFellSilent:
    case Kind::kNotSent:
    case Kind::kProbeAnswer:
    case Kind::kProbeNothing:
      return answer(arena, move);
    case Kind::kWaiting: {
      const Task& task = tasks[move.subject];
      return decide(arena, core::ReportWaiting{task.path, task.attempt});
    }
    case Kind::kCrash:
      return crash(arena, move);
    case Kind::kLate:
      return late_answer(arena, move);
    case Kind::kRepeat: {
      const Truth& truth = truths[move.path];
      return decide(arena,
                    core::ReportReply{move.path, truth.answered_direction, truth.answered_attempt,
                                      truth.answered_round, *truth.answer, false});
    }
    case Kind::kContradiction:
      return contradict(arena, move);
    case Kind::kTimer:
    case Kind::kDeadline: {
      const auto timer = timers.find(move.code);
      now = std::max(now, timer->second);
      timers.erase(timer);
      return decide(arena, core::FireTimer{move.code});
    }
    case Kind::kCancel:
      if (arena.graph.cancelled_by && move.variant == 1) {
        const auto& by = *arena.graph.cancelled_by;
        core::Environment names(saga, core::kRoot, {});
        const auto equals = by.correlate_equals.evaluate(names);
        const std::string value = !equals               ? ""
                                  : equals->is_string() ? equals->as_string()
                                                        : equals->to_canonical_json();
        return decide(arena,
                      core::DeliverEvent{by.event, value, "cancel-1", Value::empty_object()});
      }
      return decide(arena, core::CancelSaga{}, "no longer wanted");
    case Kind::kEvent: {
      const core::Node* node = saga.find(move.path);
      const auto& contents = arena.inventor.events(*step_of(arena, move.path), node->correlation);
      const Value& data = contents[static_cast<std::size_t>(move.variant)];
      truths[move.path].variant = move.variant;
      const std::string id = "event-" + move.path.str() + "-" + std::to_string(move.variant);
      if (node->correlated) {
        return decide(arena, core::DeliverEvent{node->event, node->correlation, id, data});
      }
      return decide(arena, core::DeliverSignal{node->event, id, data});
    }
    case Kind::kEarlySignal: {
      const auto& contents = arena.inventor.events(*arena.graph.find_step(move.path.str()), "");
      return decide(arena, core::DeliverSignal{move.code, "early-" + move.code, contents.front()});
    }
    case Kind::kChildStarted:
    case Kind::kChildRefused:
    case Kind::kChildCompleted:
    case Kind::kChildFailed:
    case Kind::kChildTerminated:
    case Kind::kChildUndone:
      return child(arena, move);
    case Kind::kRetry:
    case Kind::kSkip:
    case Kind::kResolveDone:
    case Kind::kResolveNotDone:
    case Kind::kMarkUndone:
    case Kind::kResume:
    case Kind::kTerminate:
      return operate(arena, move);
  }
  return {};
}

World::Result World::start(const Arena& arena, const Move& move) {
  input = move.variant;
  core::StartRequest request;
  request.input = arena.inventor.inputs()[static_cast<std::size_t>(move.variant)];
  request.random_id = "aaaaaaaaaaaaaaaaaaaaaaaaaa";
  auto birth = core::prepare_start(arena.graph, request);
  if (!birth) {
    Result result;
    result.refused = birth.error();
    return result;
  }
  const bool queued = !birth->ordering_key.empty();
  return decide(arena, core::StartSaga{*std::move(birth), queued});
}

World::Result World::decide(const Arena& arena, core::CommandBody body, const std::string& reason) {
  Result result;
  core::Command command;
  command.body = std::move(body);
  command.reason = reason;
  core::DecideContext context;
  context.now = now;
  try {
    auto decision = core::decide(arena.graph, saga, command, context);
    if (!decision) {
      result.refused = decision.error();
      return result;
    }
    result.events = std::move(decision->events);
    result.effects = std::move(decision->effects);
  } catch (const core::InvariantBroken& broken) {
    result.broken = broken.what();
    return result;
  }
  for (const core::SagaEffect& effect : result.effects) settle(effect);
  return result;
}

void World::settle(const core::SagaEffect& effect) {
  if (const auto* dispatch = std::get_if<core::TaskDispatch>(&effect)) {
    Task task;
    task.path = dispatch->path;
    task.direction = dispatch->direction;
    task.attempt = dispatch->attempt;
    task.round = dispatch->round;
    task.adapter = dispatch->adapter;
    task.operation = dispatch->operation;
    task.input = dispatch->input;
    task.schedule_timeout_ms = dispatch->schedule_timeout_ms;
    task.timeout_ms = dispatch->timeout_ms;
    if (task.direction == Direction::kForward) truths[task.path].prove(task.attempt, Proof::kOpen);
    tasks.push_back(std::move(task));
  } else if (const auto* settled = std::get_if<core::TaskSettled>(&effect)) {
    std::erase_if(tasks, [&](const Task& task) {
      return task.path == settled->path && task.direction == settled->direction &&
             task.attempt == settled->attempt && task.round == settled->round && !task.accepted;
    });
  } else if (const auto* withdraw = std::get_if<core::TaskWithdraw>(&effect)) {
    for (Task& task : tasks) {
      if (task.path == withdraw->path && task.direction == withdraw->direction)
        task.withdrawn = true;
    }
  } else if (const auto* set = std::get_if<core::TimerSet>(&effect)) {
    timers[set->timer] = set->due;
  } else if (const auto* cancel = std::get_if<core::TimerCancel>(&effect)) {
    const auto timer = timers.find(cancel->timer);
    if (timer != timers.end() && timer->second == cancel->due) timers.erase(timer);
  } else if (const auto* begun = std::get_if<core::ChildStart>(&effect)) {
    children[begun->path];
  } else if (const auto* ordered = std::get_if<core::ChildCommand>(&effect)) {
    Child& child = children[ordered->path];
    (ordered->action == "undo" ? child.undo_asked : child.cancel_asked) = true;
  }
}

World::Result World::report(const Arena& arena, const Task& task, TaskReply reply, bool by_token) {
  const Task copy = task;
  std::erase_if(tasks, [&](const Task& other) {
    return other.path == copy.path && other.direction == copy.direction &&
           other.attempt == copy.attempt && other.round == copy.round;
  });
  const bool answered =
      reply.kind == TaskReply::Kind::kSuccess || reply.kind == TaskReply::Kind::kFailure;
  if (answered && copy.direction != Direction::kProbe) {
    Truth& truth = truths[copy.path];
    truth.answer = reply;
    truth.answered_attempt = copy.attempt;
    truth.answered_direction = copy.direction;
    truth.answered_round = copy.round;
  }
  return decide(arena, core::ReportReply{copy.path, copy.direction, copy.attempt, copy.round,
                                         std::move(reply), by_token});
}

// ---- Adapters ---------------------------------------------------------------------------------

/// The forward effect, as far as the key's history allows it.
void World::execute(const Arena& arena, const Task& task, int variant) {
  Truth& truth = truths[task.path];
  const dsl::Guarantee guarantee = guarantee_of(arena, task.adapter);
  if (truth.fenced_off && guarantee == dsl::Guarantee::kFenced) return;
  if (truth.stands && remembers(guarantee)) return;
  ++truth.done;
  truth.stands = true;
  truth.variant = variant;
}

void World::execute_undo(const Arena& arena, const Task& task) {
  Truth& truth = truths[task.path];
  const dsl::Guarantee guarantee = guarantee_of(arena, task.adapter);
  if (guarantee == dsl::Guarantee::kFenced) truth.fenced_off = true;
  // Undoing a key again does nothing, unless nothing at all is promised.
  if (!truth.stands && (guarantee != dsl::Guarantee::kUnsafe || truth.done == 0)) return;
  ++truth.undone;
  truth.stands = false;
}

TaskReply World::success_of(const Arena& arena, const Task& task) const {
  TaskReply reply;
  if (task.direction != Direction::kForward) return reply;
  const Truth* truth = this->truth(task.path);
  const auto& replies = arena.inventor.replies(*step_of(arena, task.path), task.input, saga);
  const auto which = static_cast<std::size_t>(truth == nullptr ? 0 : truth->variant);
  if (!replies.empty()) reply.body = replies[std::min(which, replies.size() - 1)];
  return reply;
}

World::Result World::answer(const Arena& arena, const Move& move) {
  const Task task = tasks[move.subject];
  switch (task.direction) {
    case Direction::kForward:
      return answer_forward(arena, move, task);
    case Direction::kCompensation:
      return answer_undo(arena, move, task);
    case Direction::kProbe:
      return answer_probe(arena, move, task);
  }
  return {};
}

World::Result World::answer_forward(const Arena& arena, const Move& move, const Task& task) {
  using Kind = Move::Kind;
  Truth& truth = truths[task.path];
  const bool fenced = guarantee_of(arena, task.adapter) == dsl::Guarantee::kFenced;
  const auto refuse_for_sure = [&] {
    // What a fenced adapter refuses is known of the key: of all attempts.
    if (fenced) {
      std::fill(truth.proofs.begin(), truth.proofs.end(), Proof::kNothing);
    } else {
      truth.prove(task.attempt, Proof::kNothing);
    }
  };
  switch (move.kind) {
    case Kind::kSuccess:
      execute(arena, task, move.variant);
      truth.prove(task.attempt, Proof::kDone);
      return report(arena, task, success_of(arena, task), task.accepted);
    case Kind::kRefusal: {
      if (move.effect) execute(arena, task, 0);
      const auto* declared = arena.graph.find_error(task.adapter, move.code);
      if (declared != nullptr && declared->effect_perhaps) {
        truth.prove(task.attempt, Proof::kUnknown);
      } else {
        refuse_for_sure();
      }
      return report(arena, task, failure(move.code, 409), task.accepted);
    }
    case Kind::kTransient:
      if (move.effect) execute(arena, task, 0);
      if (fenced) {
        refuse_for_sure();
      } else {
        truth.prove(task.attempt, Proof::kUnknown);
      }
      return report(arena, task, failure(move.code, 500), task.accepted);
    case Kind::kUnavailable:
      truth.prove(task.attempt, Proof::kNothing);
      return report(arena, task, silence(TaskReply::Kind::kScheduleTimeout), false);
    case Kind::kNotSent:
      truth.prove(task.attempt, Proof::kNothing);
      return report(arena, task, silence(TaskReply::Kind::kNotSent), false);
    case Kind::kPending: {
      Result result =
          decide(arena, core::ReportReply{task.path, task.direction, task.attempt, task.round,
                                          silence(TaskReply::Kind::kPending), false});
      // The outbox row is gone; what remains is an adapter that will speak by token.
      const core::Node* node = saga.find(task.path);
      if (node != nullptr && node->pending) {
        Task accepted = task;
        accepted.accepted = true;
        tasks.push_back(std::move(accepted));
      }
      return result;
    }
    case Kind::kInvalid:
      if (move.effect) execute(arena, task, 0);
      truth.prove(task.attempt, Proof::kUnknown);
      return report(arena, task, silence(TaskReply::Kind::kInvalid), task.accepted);
    case Kind::kSilence:
    case Kind::kFellSilent: {
      const core::Node* waiting = saga.find(task.path);
      if (task.accepted && !waiting->pending) {  // Nobody waits for it: it ends and says nothing.
        std::erase_if(tasks, [&](const Task& other) {
          return other.accepted && other.path == task.path && other.attempt == task.attempt;
        });
        return {};
      }
      if (move.effect) execute(arena, task, 0);
      truth.prove(task.attempt, Proof::kUnknown);
      now.ms += task.timeout_ms;
      LateAnswer answer{task.path, task.direction, task.attempt, task.round, {}, fenced};
      answer.reply = truth.stands       ? success_of(arena, task)
                     : truth.fenced_off ? failure("fenced", 409)
                                        : failure("refused", 409);
      late.push_back(std::move(answer));
      return report(arena, task,
                    silence(move.kind == Kind::kSilence ? TaskReply::Kind::kTimeout
                                                        : TaskReply::Kind::kHeartbeatMissed),
                    false);
    }
    default:
      return {};
  }
}

World::Result World::answer_undo(const Arena& arena, const Move& move, const Task& task) {
  using Kind = Move::Kind;
  Truth& truth = truths[task.path];
  const bool fenced = guarantee_of(arena, task.adapter) == dsl::Guarantee::kFenced;
  const auto done = [&] {
    TaskReply reply;
    if (fenced) {
      reply.effect = truth.done > 0 ? core::EffectClaim::kUndone : core::EffectClaim::kNone;
    }
    return reply;
  };
  switch (move.kind) {
    case Kind::kSuccess:
      execute_undo(arena, task);
      return report(arena, task, done(), false);
    case Kind::kRefusal:
      return report(arena, task, failure(move.code, 409), false);
    case Kind::kInvalid:
      if (move.effect) execute_undo(arena, task);
      return report(arena, task, silence(TaskReply::Kind::kInvalid), false);
    case Kind::kSilence: {
      if (move.effect) execute_undo(arena, task);
      now.ms += task.timeout_ms;
      if (move.effect) {
        late.push_back({task.path, task.direction, task.attempt, task.round, done(), fenced});
      }
      return report(arena, task, silence(TaskReply::Kind::kTimeout), false);
    }
    default:
      return {};
  }
}

World::Result World::answer_probe(const Arena& arena, const Move& move, const Task& task) {
  Truth& truth = truths[task.path];
  TaskReply reply;
  if (move.kind == Move::Kind::kProbeNothing) {
    reply.body = Value::object({{"state", "unknown"}});
    return report(arena, task, std::move(reply), false);
  }
  const bool fenced = guarantee_of(arena, task.adapter) == dsl::Guarantee::kFenced;
  if (truth.stands) {
    Task forward = task;
    forward.direction = Direction::kForward;
    const core::Node* node = saga.find(task.path);
    forward.input = node->input;
    truth.prove(task.attempt, Proof::kDone);
    reply.body = Value::object({{"state", "done"}, {"reply", success_of(arena, forward).body}});
  } else if (truth.fenced_off) {
    std::fill(truth.proofs.begin(), truth.proofs.end(), Proof::kNothing);
    reply.body = Value::object({{"state", "undone"}});
  } else {
    if (fenced) {
      std::fill(truth.proofs.begin(), truth.proofs.end(), Proof::kNothing);
    } else {
      truth.prove(task.attempt, Proof::kNothing);
    }
    reply.body = Value::object({{"state", "not_done"}});
  }
  return report(arena, task, std::move(reply), false);
}

/// Weft stops after its last commit and starts again: every open row of the outbox is sent again,
/// except to adapters that must not be asked twice. `effect`: the first time it had been done.
World::Result World::crash(const Arena& arena, const Move& move) {
  const Task task = tasks[move.subject];
  const bool once = !is_sent_again(guarantee_of(arena, task.adapter), task.direction);
  if (move.effect) {
    if (task.direction == Direction::kForward) execute(arena, task, 0);
    if (task.direction == Direction::kCompensation) execute_undo(arena, task);
  }
  for (Task& open : tasks) open.sent_before = true;
  if (!once) return {};
  if (task.direction == Direction::kForward) truths[task.path].prove(task.attempt, Proof::kUnknown);
  return report(arena, task, silence(TaskReply::Kind::kNotResent), false);
}

World::Result World::late_answer(const Arena& arena, const Move& move) {
  LateAnswer answer = late[move.subject];
  late.erase(late.begin() + static_cast<std::ptrdiff_t>(move.subject));
  if (answer.direction == Direction::kForward) {
    Truth& truth = truths[answer.path];
    if (answer.reply.kind == TaskReply::Kind::kSuccess) {
      truth.prove(answer.attempt, Proof::kDone);
    } else {
      truth.prove(answer.attempt, Proof::kNothing);
    }
  }
  return decide(arena, core::ReportReply{answer.path, answer.direction, answer.attempt,
                                         answer.round, std::move(answer.reply), false});
}

/// First yes and then no changes nothing in the world; first no and then yes means that it was done
/// after all.
World::Result World::contradict(const Arena& arena, const Move& move) {
  Truth& truth = truths[move.path];
  const core::Node* node = saga.find(move.path);
  Task task;
  task.path = move.path;
  task.attempt = truth.answered_attempt;
  task.adapter = node->adapter;
  task.input = node->input;
  const bool was_success = truth.answer->kind == TaskReply::Kind::kSuccess;
  core::TaskReply reply = failure("refused", 409);
  if (!was_success) {
    ++truth.done;
    truth.stands = true;
    truth.prove(task.attempt, Proof::kDone);
    reply = success_of(arena, task);
  }
  if (!was_success) truth.answer = reply;
  return decide(arena, core::ReportReply{task.path, Direction::kForward, task.attempt, 1,
                                         std::move(reply), true});
}

// ---- Children and people ----------------------------------------------------------------------

World::Result World::child(const Arena& arena, const Move& move) {
  using Kind = Move::Kind;
  const core::Node* node = saga.find(move.path);
  Child& child = children[move.path];
  core::ReportChildEnded ended{move.path, node->child, "", {}, {}, {}};
  switch (move.kind) {
    case Kind::kChildStarted:
      return decide(arena, core::ReportChildStarted{move.path, node->child});
    case Kind::kChildRefused:
      return decide(arena, core::ReportChildRefused{move.path, "refused", "the start was refused"});
    case Kind::kChildCompleted: {
      child.stands = true;
      ended.state = "completed";
      const auto& outputs = arena.inventor.outputs(*step_of(arena, move.path), node->input);
      ended.output = outputs[static_cast<std::size_t>(move.variant)];
      truths[move.path].variant = move.variant;
      break;
    }
    case Kind::kChildFailed:
      ended.state = "compensated";
      ended.error = {"business", move.code, "", "", ""};
      break;
    case Kind::kChildTerminated:
      child.stands = false;
      ended.state = "terminated";
      break;
    default:
      child.stands = false;
      ended.state = "compensated";
      break;
  }
  return decide(arena, std::move(ended));
}

World::Result World::operate(const Arena& arena, const Move& move) {
  using Kind = Move::Kind;
  const std::string reason = "an operator decides";
  Truth& truth = truths[move.path];
  switch (move.kind) {
    case Kind::kRetry:
      return decide(arena, core::RetryStep{move.path}, reason);
    case Kind::kResume:
      return decide(arena, core::ResumeStep{move.path}, reason);
    case Kind::kResolveNotDone:
      return decide(arena, core::ResolveStep{move.path, false, {}}, reason);
    case Kind::kTerminate:
      terminated = true;
      return decide(arena, core::TerminateSaga{}, reason);
    case Kind::kMarkUndone:
      if (truth.stands) ++truth.undone;
      truth.stands = false;
      excused.insert(move.path);
      return decide(arena, core::MarkUndone{move.path}, reason);
    default: {
      excused.insert(move.path);
      std::optional<Value> output;
      const core::Node* node = saga.find(move.path);
      const dsl::Step* step = step_of(arena, move.path);
      if (step != nullptr && step->call && node != nullptr) {
        const auto& replies = arena.inventor.replies(*step, node->input, saga);
        if (!replies.empty()) output = replies.front();
      }
      if (move.kind == Kind::kSkip) return decide(arena, core::SkipStep{move.path, output}, reason);
      return decide(arena, core::ResolveStep{move.path, true, output}, reason);
    }
  }
}

}  // namespace weft::explorer
