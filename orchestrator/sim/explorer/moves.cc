#include "orchestrator/sim/explorer/moves.h"

#include <algorithm>
#include <utility>

#include "dsl/names.h"

namespace weft::explorer {
namespace {

using core::AttemptFate;
using core::Direction;
using core::Node;
using core::Phase;
using Kind = Move::Kind;
using UndoState = core::CompensationState::State;

bool is_class(const std::string& word) {
  const auto& classes = dsl::routable_classes();
  return word == "any" || word == "permanent" ||
         std::find(classes.begin(), classes.end(), word) != classes.end();
}

bool is_reserved(const std::string& word) {
  const auto& codes = dsl::reserved_codes();
  return std::find(codes.begin(), codes.end(), word) != codes.end();
}

/// Codes that a step's own routes name.
std::vector<std::string> routed_codes(const dsl::Step& step) {
  std::vector<std::string> codes;
  for (const dsl::ErrorRoute& route : step.on_error) {
    for (const std::string& code : route.errors) {
      if (!is_class(code)) codes.push_back(code);
    }
  }
  return codes;
}

class Enumerator {
 public:
  Enumerator(const Arena& arena, const World& world, int faults_left)
      : arena_(arena), world_(world), left_(faults_left) {}

  std::vector<Move> run() {
    if (!world_.saga.exists()) {
      for (std::size_t i = 0; i < arena_.inventor.inputs().size(); ++i) {
        add({.kind = Kind::kStart, .variant = static_cast<int>(i)});
      }
      return sorted();
    }
    if (world_.saga.phase == Phase::kQueued) {
      add({.kind = Kind::kRun});
      if (arena_.graph.ordering == dsl::Ordering::kSupersede) {
        add({.kind = Kind::kSupersede, .cost = 1});
      }
    }
    for (std::size_t i = 0; i < world_.tasks.size(); ++i) task(i);
    timers();
    for (const Node& node : world_.saga.nodes) {
      if (node.own_open && node.kind == "listen" && !node.stuck) event(node);
      if (node.kind == "saga") child(node);
    }
    for (std::size_t i = 0; i < world_.late.size(); ++i) {
      if (world_.is_harmless(world_.late[i])) continue;
      add({.kind = Kind::kLate,
           .subject = i,
           .path = world_.late[i].path,
           .direction = world_.late[i].direction});
    }
    if (left_ > 0) faults();
    return sorted();
  }

 private:
  void add(Move move) {
    if (move.cost <= left_) moves_.push_back(std::move(move));
  }

  std::vector<Move> sorted() {
    std::stable_sort(moves_.begin(), moves_.end(),
                     [](const Move& a, const Move& b) { return a.cost < b.cost; });
    return std::move(moves_);
  }

  Move of_task(Kind kind, std::size_t i, int cost = 0) const {
    Move move;
    move.kind = kind;
    move.subject = i;
    move.path = world_.tasks[i].path;
    move.direction = world_.tasks[i].direction;
    move.cost = cost;
    return move;
  }
  void add_task(Kind kind, std::size_t i, int cost, bool effect = false, std::string code = {},
                int variant = 0) {
    Move move = of_task(kind, i, cost);
    move.effect = effect;
    move.code = std::move(code);
    move.variant = variant;
    add(std::move(move));
  }

  void task(std::size_t i) {
    const Task& task = world_.tasks[i];
    const Node& node = *world_.saga.find(task.path);
    switch (task.direction) {
      case Direction::kForward:
        return forward(i, task, node);
      case Direction::kCompensation:
        return undo(i, task, node);
      case Direction::kProbe:
        add_task(Kind::kProbeAnswer, i, 0);
        // An adapter that knows nothing goes on knowing nothing: one fault, not one per question.
        add_task(Kind::kProbeNothing, i, node.probes > 1 ? 0 : 1);
        return;
    }
  }

  void forward(std::size_t i, const Task& task, const Node& node) {
    const dsl::Step* step = step_of(arena_, task.path);
    const Truth* truth = world_.truth(task.path);
    const dsl::Guarantee guarantee = guarantee_of(arena_, task.adapter);
    const bool fenced = guarantee == dsl::Guarantee::kFenced;
    const bool remembers = fenced || guarantee == dsl::Guarantee::kIdempotent;
    const bool is_done = truth != nullptr && truth->stands;
    // Has the attempt before this one met the same trouble? An outage is one fault.
    const auto before = task.attempt >= 2 &&
                                node.fates.size() + 1 >= static_cast<std::size_t>(task.attempt) &&
                                task.attempt - node.attempts_base >= 2 &&
                                task.attempt - node.attempts_base <= arena_.bounds.attempts
                            ? std::optional(node.fates[static_cast<std::size_t>(task.attempt - 2)])
                            : std::nullopt;
    const int silence_cost = before == AttemptFate::kUnknown && !task.accepted ? 0 : 1;
    const int transient_cost = before == AttemptFate::kNotHappened && !task.accepted ? 0 : 1;

    if (task.accepted && !node.pending) return abandoned(i, task, is_done);
    if (fenced && is_at_work(task)) {
      // Answered 425 as long as the first of them is at work: it waits in its queue.
      if (task.withdrawn && !task.sent_before) add_task(Kind::kNotSent, i, 0);
      if (task.schedule_timeout_ms) add_task(Kind::kUnavailable, i, 1);
      return;
    }
    if (fenced && truth != nullptr && truth->fenced_off) {
      add_task(Kind::kRefusal, i, 0, false, "fenced");
      return;
    }
    if (is_done && remembers) {
      add_task(Kind::kSuccess, i, 0, false, {}, truth->variant);
    } else {
      const auto& replies = arena_.inventor.replies(*step, task.input, world_.saga);
      for (std::size_t v = 0; v < std::max<std::size_t>(1, replies.size()); ++v) {
        add_task(Kind::kSuccess, i, 0, false, {}, static_cast<int>(v));
      }
    }
    if (task.withdrawn && !task.sent_before && !task.accepted) add_task(Kind::kNotSent, i, 0);
    if (step->call->completes && !task.accepted && !node.stuck && node.attempts == task.attempt &&
        !node.pending) {
      add_task(Kind::kPending, i, 0);
    }
    if (!(is_done && remembers)) {
      for (const std::string& code : refusals_of(arena_.graph, *step)) {
        const dsl::ErrorDeclaration* declared = arena_.graph.find_error(task.adapter, code);
        const bool transient =
            declared != nullptr && declared->error_class == dsl::ErrorClass::kTransient;
        const Kind kind = transient ? Kind::kTransient : Kind::kRefusal;
        const int cost = transient ? transient_cost : 1;
        add_task(kind, i, cost, false, code);
        const bool leaves = declared != nullptr && declared->effect_perhaps;
        if (leaves || (transient && !fenced)) add_task(kind, i, cost, true, code);
      }
      if (fenced) add_task(Kind::kTransient, i, transient_cost, false, "service_500");
      if (task.schedule_timeout_ms && !task.accepted) add_task(Kind::kUnavailable, i, 1);
    }
    if (step->call->on_wait_after_ms && !node.waiting && !task.accepted) {
      add_task(Kind::kWaiting, i, 1);
    }
    if (task.accepted) {
      if (step->call->heartbeat_ms && node.pending) {
        if (!is_done) add_task(Kind::kFellSilent, i, 1, false);
        add_task(Kind::kFellSilent, i, 1, true);
      }
      return;
    }
    if (!is_done) add_task(Kind::kSilence, i, silence_cost, false);
    add_task(Kind::kSilence, i, silence_cost, true);
    if (!is_done) add_task(Kind::kInvalid, i, 1, false);
    add_task(Kind::kInvalid, i, 1, true);
    if (!is_done) add_task(Kind::kCrash, i, 1, true);
    if (!is_sent_again(guarantee, task.direction)) add_task(Kind::kCrash, i, 1, false);
    if (!task.sent_before && task.withdrawn) add_task(Kind::kCrash, i, 1, false);
  }

  /// Accepted long ago, and Weft has stopped waiting: it ends some day, one way or another.
  void abandoned(std::size_t i, const Task& task, bool is_done) {
    const Truth* truth = world_.truth(task.path);
    if (!(truth != nullptr && truth->fenced_off)) {
      add_task(Kind::kSuccess, i, 0, false, {}, truth == nullptr ? 0 : truth->variant);
    }
    if (!is_done) add_task(Kind::kFellSilent, i, 0, false);
  }

  /// Does the adapter still work on an accepted task of the same key?
  [[nodiscard]] bool is_at_work(const Task& task) const {
    return std::any_of(world_.tasks.begin(), world_.tasks.end(), [&](const Task& other) {
      return other.accepted && other.path == task.path && &other != &task;
    });
  }

  void undo(std::size_t i, const Task& task, const Node& node) {
    if (guarantee_of(arena_, task.adapter) == dsl::Guarantee::kFenced && is_at_work(task)) return;
    const Truth* truth = world_.truth(task.path);
    const bool is_there = truth != nullptr && truth->stands;
    const bool again =
        node.compensation.attempts - node.compensation.attempts_base >= 2 &&
        node.compensation.attempts - node.compensation.attempts_base <= arena_.bounds.attempts &&
        node.compensation.error.code == "timeout";
    add_task(Kind::kSuccess, i, 0);
    add_task(Kind::kRefusal, i, 1, false, "refused");
    add_task(Kind::kSilence, i, again ? 0 : 1, false);
    if (is_there) add_task(Kind::kSilence, i, again ? 0 : 1, true);
    add_task(Kind::kInvalid, i, 1, false);
    if (is_there) add_task(Kind::kCrash, i, 1, true);
    if (!is_sent_again(guarantee_of(arena_, task.adapter), task.direction)) {
      add_task(Kind::kCrash, i, 1, false);
    }
  }

  /// Timers fire in the order in which they are due, except those that mean that something did not
  /// happen in time: everything else may take arbitrarily long.
  void timers() {
    const std::pair<const std::string, core::Timestamp>* first = nullptr;
    for (const auto& timer : world_.timers) {
      if (is_omission(timer.first)) {
        add_timer(timer.first, 1);
      } else if (first == nullptr || timer.second < first->second) {
        first = &timer;
      }
    }
    if (first == nullptr) return;
    for (const auto& timer : world_.timers) {
      if (!is_omission(timer.first) && timer.second == first->second) add_timer(timer.first, 0);
    }
  }

  [[nodiscard]] bool is_omission(const std::string& timer) const {
    if (timer == "deadline" || timer.starts_with("within:")) return true;
    if (!timer.starts_with("due:")) return false;
    const Node* node = world_.saga.find(core::StepPath(timer.substr(4)));
    return node != nullptr && node->kind == "listen";
  }

  void add_timer(const std::string& timer, int cost) {
    Move move;
    move.kind = timer == "deadline" ? Kind::kDeadline : Kind::kTimer;
    move.code = timer;
    const auto colon = timer.find(':');
    if (colon != std::string::npos) move.path = core::StepPath(timer.substr(colon + 1));
    move.cost = cost;
    add(std::move(move));
  }

  void event(const Node& node) {
    const auto& contents = arena_.inventor.events(*step_of(arena_, node.path), node.correlation);
    for (std::size_t v = 0; v < contents.size(); ++v) {
      add({.kind = Kind::kEvent, .path = node.path, .variant = static_cast<int>(v)});
    }
  }

  void child(const Node& node) {
    const dsl::Step* step = step_of(arena_, node.path);
    const auto found = world_.children.find(node.path);
    if (found == world_.children.end()) return;
    const Child& child = found->second;
    const auto add_child = [&](Kind kind, int cost, std::string code = {}, int variant = 0) {
      add({.kind = kind,
           .path = node.path,
           .code = std::move(code),
           .variant = variant,
           .cost = cost});
    };
    if (node.compensation.state == UndoState::kRunning) {
      add_child(Kind::kChildUndone, 0);
      add_child(Kind::kChildTerminated, 1);
      return;
    }
    if (!node.own_open || node.attempts == 0) return;
    if (step->saga->detach) {
      if (node.stuck) return;
      add_child(Kind::kChildStarted, 0);
      add_child(Kind::kChildRefused, 1);
      return;
    }
    const auto& outputs = arena_.inventor.outputs(*step, node.input);
    for (std::size_t v = 0; v < outputs.size(); ++v) {
      add_child(Kind::kChildCompleted, 0, {}, static_cast<int>(v));
    }
    if (child.cancel_asked) add_child(Kind::kChildFailed, 0, "cancelled");
    for (const std::string& code : failures_of(*step)) add_child(Kind::kChildFailed, 1, code);
    if (node.stuck) return;
    add_child(Kind::kChildTerminated, 1);
    if (!child.cancel_asked) add_child(Kind::kChildRefused, 1);
  }

  void faults() {
    const core::SagaState& saga = world_.saga;
    for (const auto& [path, truth] : world_.truths) {
      if (!truth.answer) continue;
      add({.kind = Kind::kRepeat, .path = path, .direction = truth.answered_direction, .cost = 1});
      const Node* node = saga.find(path);
      if (truth.answered_direction != Direction::kForward || node == nullptr) continue;
      if (std::any_of(world_.tasks.begin(), world_.tasks.end(),
                      [&path = path](const Task& task) { return task.path == path; })) {
        continue;
      }
      const bool was_success = truth.answer->kind == core::TaskReply::Kind::kSuccess;
      const bool can_turn = !was_success && node->undo == core::Undo::kCall && !truth.stands &&
                            !truth.fenced_off && truth.answer->code != "fenced";
      if (was_success || can_turn) add({.kind = Kind::kContradiction, .path = path, .cost = 1});
    }
    if (!saga.ended() && !saga.pivot_reached && !saga.cancel_requested &&
        saga.phase != Phase::kBackward) {
      add({.kind = Kind::kCancel, .cost = 1});
      if (arena_.graph.cancelled_by) add({.kind = Kind::kCancel, .variant = 1, .cost = 1});
    }
    for (const dsl::Step& step : arena_.graph.steps) {
      if (!step.listen || step.listen->correlate_equals || saga.ended()) continue;
      const bool buffered =
          std::any_of(saga.signals.begin(), saga.signals.end(),
                      [&](const auto& s) { return s.name == step.listen->event; });
      if (!buffered && saga.find(core::StepPath(step.name)) == nullptr) {
        add({.kind = Kind::kEarlySignal,
             .path = core::StepPath(step.name),
             .code = step.listen->event,
             .cost = 1});
      }
    }
    if (saga.ended()) return;
    for (const auto& [path, mark] : saga.stuck) operators(path, mark);
  }

  /// What a person may do at a stuck place; nobody says that something happened which did not.
  void operators(const core::StepPath& path, const core::SagaStuck& mark) {
    const auto add_action = [&](Kind kind) { add({.kind = kind, .path = path, .cost = 1}); };
    const Node* node = world_.saga.find(path);
    const Truth* truth = world_.truth(path);
    const bool is_there = truth != nullptr && truth->stands;
    if (path.empty()) {
      add_action(Kind::kResume);
    } else if (mark.place == "compensation") {
      if (node->undo != core::Undo::kManual) add_action(Kind::kRetry);
      add_action(Kind::kMarkUndone);
      add_action(Kind::kSkip);
    } else {
      add_action(Kind::kRetry);
      if (node->kind == "call" && node->attempts > 0) {
        add_action(is_there ? Kind::kResolveDone : Kind::kResolveNotDone);
      } else {
        add_action(Kind::kSkip);
      }
    }
    add_action(Kind::kTerminate);
  }

  const Arena& arena_;
  const World& world_;
  int left_;
  std::vector<Move> moves_;
};

std::string words_of(const Move& move, const std::string& step, Direction direction) {
  const std::string who = direction == Direction::kCompensation ? "undo of " + step
                          : direction == Direction::kProbe      ? "probe of " + step
                                                                : step;
  const char* effect = move.effect ? ", done" : ", not done";
  switch (move.kind) {
    case Kind::kRefusal:
      return who + ": refused, " + move.code + (move.effect ? ", something left" : "");
    case Kind::kTransient:
      return who + ": fails for a moment, " + move.code;
    case Kind::kUnavailable:
      return who + ": not reachable";
    case Kind::kWaiting:
      return who + ": kept waiting";
    case Kind::kSilence:
      return who + ": silence" + effect;
    case Kind::kInvalid:
      return who + ": invalid answer" + effect;
    case Kind::kPending:
      return who + ": pending";
    case Kind::kFellSilent:
      return who + ": fell silent" + effect;
    case Kind::kProbeNothing:
      return who + ": tells nothing";
    case Kind::kCrash:
      return who + ": restart" + effect;
    case Kind::kLate:
      return who + ": late answer";
    case Kind::kRepeat:
      return who + ": repeated answer";
    case Kind::kContradiction:
      return who + ": contradictory answer";
    case Kind::kEarlySignal:
      return who + ": early event";
    case Kind::kChildRefused:
      return who + ": child refused";
    case Kind::kChildFailed:
      return who + ": child failed, " + move.code;
    case Kind::kChildTerminated:
      return who + ": child terminated";
    case Kind::kTimer:
      if (move.code.starts_with("within:")) return who + ": not completed in time";
      if (move.code.starts_with("due:") && move.cost > 0) return who + ": event never comes";
      return "";
    case Kind::kDeadline:
      return "the deadline passes";
    case Kind::kCancel:
      return move.variant == 1 ? "cancelled by event" : "cancelled";
    case Kind::kSupersede:
      return "superseded";
    default:
      return "";
  }
}

}  // namespace

std::vector<Move> moves_of(const Arena& arena, const World& world, int faults_left) {
  return Enumerator(arena, world, faults_left).run();
}

std::vector<Move> last_words(const World& before, const World& after) {
  std::vector<Move> moves;
  for (std::size_t i = 0; i < after.late.size(); ++i) {
    const LateAnswer& answer = after.late[i];
    if (!after.is_harmless(answer)) continue;
    const bool known =
        std::any_of(before.late.begin(), before.late.end(), [&](const LateAnswer& b) {
          return b.path == answer.path && b.attempt == answer.attempt &&
                 b.direction == answer.direction && b.round == answer.round &&
                 before.is_harmless(b);
        });
    if (known) continue;
    Move move;
    move.kind = Kind::kLate;
    move.subject = i;
    move.path = answer.path;
    move.direction = answer.direction;
    moves.push_back(std::move(move));
  }
  return moves;
}

bool driven(const World& world) {
  if (world.saga.phase == Phase::kQueued) return true;
  if (!world.timers.empty()) {
    const bool only_deadline =
        world.timers.size() == 1 && world.timers.begin()->first == "deadline";
    if (!only_deadline) return true;
  }
  if (std::any_of(world.tasks.begin(), world.tasks.end(),
                  [](const Task& task) { return !task.accepted; })) {
    return true;
  }
  return std::any_of(world.saga.nodes.begin(), world.saga.nodes.end(), [](const Node& node) {
    if (node.pending) return true;
    if (node.kind == "saga" && (node.own_open || node.own_undoing)) return true;
    return node.kind == "listen" && node.own_open;
  });
}

std::vector<std::string> refusals_of(const dsl::SagaGraph& graph, const dsl::Step& step) {
  std::vector<std::string> codes;
  const auto add = [&](const std::string& code) {
    if (std::find(codes.begin(), codes.end(), code) == codes.end()) codes.push_back(code);
  };
  const dsl::AdapterDefinition& adapter = graph.adapter(step.call->target.adapter);
  const dsl::OperationDefinition* operation = adapter.find_operation(step.call->target.operation);
  if (operation != nullptr && operation->errors_listed) {
    for (const std::string& code : operation->errors) add(code);
  } else {
    for (const auto& [code, _] : adapter.errors) add(code);
  }
  for (const std::string& code : routed_codes(step)) {
    // What Weft itself raises is met by the moves that cause it.
    if (!is_reserved(code) || code == "past_pivot") add(code);
  }
  for (const std::string& code : step.call->retry.errors) {
    if (!is_class(code) && !is_reserved(code)) add(code);
  }
  // An item's tolerated codes are those of the calls inside.
  for (dsl::StepId at = graph.parent(step.id); at != dsl::kNoStep; at = graph.parent(at)) {
    const dsl::Step& around = graph.step(at);
    if (!adapter.defined && around.foreach && around.foreach->tolerate) {
      for (const std::string& code : around.foreach->tolerate->codes) add(code);
    }
    if (!adapter.defined) {
      for (const std::string& code : routed_codes(around)) {
        if (!is_reserved(code)) add(code);
      }
    }
  }
  add("refused");  // Any other refusal, not declared by anybody.
  return codes;
}

std::vector<std::string> failures_of(const dsl::Step& step) {
  std::vector<std::string> codes;
  for (const std::string& code : routed_codes(step)) {
    if (!is_reserved(code)) codes.push_back(code);
  }
  codes.emplace_back("refused");
  return codes;
}

std::string placement_of(const Move& move) {
  return words_of(move, std::string(core::step_name(move.path)), move.direction);
}

std::set<std::string> placements(const dsl::SagaGraph& graph) {
  std::set<std::string> all;
  const auto add = [&](Kind kind, const dsl::Step& step, Direction direction, bool effect = false,
                       std::string code = {}) {
    Move move;
    move.kind = kind;
    move.effect = effect;
    move.code = std::move(code);
    move.cost = 1;
    all.insert(words_of(move, step.name, direction));
  };
  for (const dsl::Step& step : graph.steps) {
    if (step.call) {
      const dsl::AdapterDefinition& adapter = graph.adapter(step.call->target.adapter);
      for (const std::string& code : refusals_of(graph, step)) {
        const dsl::ErrorDeclaration* declared = graph.find_error(step.call->target.adapter, code);
        const bool transient =
            declared != nullptr && declared->error_class == dsl::ErrorClass::kTransient;
        add(transient ? Kind::kTransient : Kind::kRefusal, step, Direction::kForward, false, code);
        if (declared != nullptr && declared->effect_perhaps) {
          add(Kind::kRefusal, step, Direction::kForward, true, code);
        }
      }
      if (adapter.guarantee == dsl::Guarantee::kFenced) {
        add(Kind::kTransient, step, Direction::kForward, false, "service_500");
      }
      for (const bool effect : {false, true}) {
        add(Kind::kSilence, step, Direction::kForward, effect);
        add(Kind::kInvalid, step, Direction::kForward, effect);
        if (step.call->heartbeat_ms) add(Kind::kFellSilent, step, Direction::kForward, effect);
      }
      add(Kind::kCrash, step, Direction::kForward, true);
      if (!is_sent_again(adapter.guarantee, Direction::kForward)) {
        add(Kind::kCrash, step, Direction::kForward, false);
      }
      add(Kind::kLate, step, Direction::kForward);
      add(Kind::kRepeat, step, Direction::kForward);
      add(Kind::kContradiction, step, Direction::kForward);
      if (step.call->schedule_timeout_ms && !step.after_pivot) {
        add(Kind::kUnavailable, step, Direction::kForward);
      }
      if (step.call->on_wait_after_ms) add(Kind::kWaiting, step, Direction::kForward);
      if (step.call->completes) add(Kind::kPending, step, Direction::kForward);
      if (step.call->completes_within_ms) {
        add(Kind::kTimer, step, Direction::kForward, false, "within:");
      }
      if (step.call->probe) add(Kind::kProbeNothing, step, Direction::kProbe);
      if (step.call->compensate.kind == dsl::CompensationSpec::Kind::kCall) {
        add(Kind::kRefusal, step, Direction::kCompensation, false, "refused");
        add(Kind::kSilence, step, Direction::kCompensation, false);
        add(Kind::kSilence, step, Direction::kCompensation, true);
        add(Kind::kInvalid, step, Direction::kCompensation, false);
        add(Kind::kCrash, step, Direction::kCompensation, true);
        add(Kind::kRepeat, step, Direction::kCompensation);
        add(Kind::kLate, step, Direction::kCompensation);
      }
    }
    if (step.listen && step.listen->timeout_ms) {
      add(Kind::kTimer, step, Direction::kForward, false, "due:");
    }
    if (step.listen && !step.listen->correlate_equals && graph.parent(step.id) == dsl::kNoStep) {
      add(Kind::kEarlySignal, step, Direction::kForward);
    }
    if (step.saga) {
      add(Kind::kChildRefused, step, Direction::kForward);
      if (!step.saga->detach) {
        for (const std::string& code : failures_of(step)) {
          add(Kind::kChildFailed, step, Direction::kForward, false, code);
        }
        add(Kind::kChildTerminated, step, Direction::kForward);
      }
    }
  }
  if (graph.deadline_ms) all.insert("the deadline passes");
  all.insert("cancelled");
  if (graph.cancelled_by) all.insert("cancelled by event");
  if (graph.ordering == dsl::Ordering::kSupersede && graph.ordering_key) all.insert("superseded");
  return all;
}

}  // namespace weft::explorer
