#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "orchestrator/core/decider.h"
#include "orchestrator/core/event_codec.h"
#include "tests/reference/model.h"
#include "tests/reference/plan.h"

// The decider and the reference model see the same answers, silences, cancellations and operators
// in the same random order. After each of them both must agree on what is on its way, what is being
// undone, what is stuck and how it ends.
namespace weft::test {
namespace {

using core::Direction;
using dsl::Value;
using Plans = std::vector<Plan>;

struct Task {
  std::string path;
  Direction direction = Direction::kForward;
  std::int64_t attempt = 1, round = 1;
  bool withdrawn = false;
};

std::string joined(const Model::Paths& paths) {
  std::string text = "{";
  for (const std::string& path : paths) text += (text.size() > 1 ? ", " : "") + path;
  return text + "}";
}

/// One saga lived through by both.
class Life {
 public:
  Life(const Plans& plan, std::uint64_t seed)
      : random_(seed), graph_(graph_of(plan)), fenced_(random_() % 4 == 0),
        model_(plan, fenced_), cancels_(random_() % 2 == 0),
        listens_(std::any_of(graph_.steps.begin(), graph_.steps.end(),
                             [](const dsl::Step& step) { return step.listen.has_value(); })) {
    if (fenced_) graph_.adapters["world"].guarantee = dsl::Guarantee::kFenced;
    if (random_() % 3 == 0) graph_.deadline_ms = 3'600'000;
  }

  /// What they disagree on; nothing if they agree to the end.
  std::optional<std::string> disagreement() {
    try {
      live();
    } catch (const core::InvariantBroken& broken) {
      fail(std::string("the decider broke an invariant: ") + broken.what());
    }
    return problem_;
  }
  [[nodiscard]] const std::string& history() const { return history_; }
  [[nodiscard]] const core::SagaState& state() const { return state_; }
  [[nodiscard]] bool heard_early() const { return early_; }

 private:
  static constexpr int kInputsMax = 2'000;  // Far beyond what any generated saga needs.

  std::uint64_t below(std::uint64_t n) { return random_() % n; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  void fail(std::string why) {
    if (!problem_) problem_ = std::move(why);
  }
  void note(const std::string& line) { history_ += line + "\n"; }

  void live() {
    core::StartRequest start;
    start.input = Value::empty_object();
    start.header_key = "1";
    const auto birth = core::prepare_start(graph_, start);
    if (!birth) return fail("the start was refused: " + birth.error().reason);
    tell("start", core::StartSaga{.birth = *birth, .queued = false});
    // After the end only undos of what succeeded too late are left.
    for (int inputs = 0; !problem_ && (!state_.ended() || !tasks_.empty()); ++inputs) {
      if (inputs == kInputsMax) return fail("the saga does not end");
      one_input();
      if (one_in(6)) restart();
    }
    if (!problem_) check_the_end();
  }

  /// Chooses something that may happen now, and lets it happen to both.
  void one_input() {
    if (cancels_ && one_in(25) && model_.cancellable()) {
      model_.cancel();
      return tell("cancel", core::CancelSaga{});
    }
    if (!late_.empty() && one_in(5)) return answer_late();
    if (listens_ && !state_.ended() && one_in(8)) {
      const char* name = one_in(2) ? "paid" : "packed";
      const bool signal = one_in(2), stranger = !signal && one_in(4);
      return something_happens({name, !one_in(3), ""}, signal, stranger);
    }
    const auto stuck = model_.stuck();
    const auto listeners = open_listeners();
    const std::size_t choices =
        tasks_.size() + timers_.size() + stuck.size() + listeners.size() + children_.size();
    if (choices == 0) return fail("nothing can happen any more, and the saga has not ended");
    std::size_t chosen = below(choices);
    if (chosen < tasks_.size()) return answer(chosen);
    chosen -= tasks_.size();
    if (chosen < timers_.size()) {
      const auto timer = *std::next(timers_.begin(), static_cast<std::ptrdiff_t>(chosen));
      if (now_.ms + 1 < timer.second.ms && one_in(8)) {  // Never early.
        return tell("too early " + timer.first, core::FireTimer{timer.first});
      }
      const bool deadline = timer.first == "deadline";
      if (deadline && (model_.finishing() || !one_in(4)))
        return;  // Rare, and never at the very end.
      if (deadline) model_.deadline();
      if (const auto path = path_of_wait(timer.first)) model_.time_over(*path);
      timers_.erase(timer.first);
      now_ = std::max(now_, timer.second);
      return tell("timer " + timer.first, core::FireTimer{timer.first});
    }
    chosen -= timers_.size();
    if (chosen < listeners.size()) {
      const core::Node& listener = *listeners[chosen];
      return something_happens({listener.event, true, ""}, !listener.correlated || one_in(2),
                               false);
    }
    chosen -= listeners.size();
    if (chosen < children_.size()) {
      return child_ends(*std::next(children_.begin(), static_cast<std::ptrdiff_t>(chosen)));
    }
    chosen -= children_.size();
    operate(*std::next(stuck.begin(), static_cast<std::ptrdiff_t>(chosen)));
  }

  void child_ends(const std::string path) {
    const core::Node& node = *state_.find(core::StepPath(path));
    const dsl::Step& step = *graph_.find_step(core::step_name(node.path));
    if (step.saga->detach) {
      children_.erase(path);
      cancelled_.erase(path);
      model_.child_ended(path, "completed", {});
      return tell("begun " + path, core::ReportChildStarted{node.path, node.child});
    }
    core::ReportChildEnded ended;
    ended.path = node.path;
    ended.child = node.child;
    const bool undoing = undone_children_.contains(path);
    ended.state = terminated_.contains(path)       ? "terminated"
                  : undoing                        ? (one_in(4)   ? "terminated"
                                                      : one_in(4) ? "completed"
                                                                  : "compensated")
                  : one_in(8)                      ? "terminated"
                  : !step.after_pivot && one_in(3) ? (one_in(2) ? "failed" : "compensated")
                                                   : "completed";
    if (ended.state == "terminated") terminated_.insert(path);
    Items holdings;
    if (ended.state == "completed") holdings = held(path);
    if (!holdings.empty()) {
      ended.holdings.push_back({core::Movement::Kind::kHeld, "stock", core::StepPath("inner"),
                                value_of(holdings), "qty"});
    }
    if (ended.state != "completed") ended.error = {"business", "refused", "", "", ""};
    if (!undoing || ended.state != "completed") {
      children_.erase(path);
      cancelled_.erase(path);
    }
    model_.child_ended(path, ended.state, holdings);
    tell("child " + path + ": " + ended.state, ended);
    // The word may come twice, but not once it is asked something new.
    if (!problem_ && !children_.contains(path) && one_in(4) && !state_.ended()) {
      tell("once more child " + path, ended);
    }
  }

  void command_child(const core::ChildCommand& command) {
    const std::string path = command.path.str();
    note("    -> child " + path + ": " + command.action);
    if (command.action == "cancel") {
      if (!children_.contains(path)) return fail("cancels " + path + ", which does not run");
      cancelled_.insert(path);
      return;
    }
    if (!model_.may_undo().contains(path)) return fail("undoes " + path + " too early");
    Items sent;
    for (const core::Movement& movement : command.held) sent = items_of(movement.items);
    if (sent != model_.held_by(path)) {
      return fail("undoes" + describe(sent) + " of " + path + ", but it holds" +
                  describe(model_.held_by(path)));
    }
    model_.undo_sent(path);
    children_.insert(path);
    undone_children_.insert(path);
  }

  struct Happening { std::string name; bool big; std::string id; };

  /// An event or, sent to this saga, a signal. `stranger`: it is of another order.
  void something_happens(Happening event, bool signal, bool stranger) {
    event.id = "event-" + std::to_string(++happened_);
    const bool taken = !stranger && model_.happens(event.name, event.big, signal);
    deliver(event, signal, stranger, taken);
    if (!taken && !signal && !stranger) kept_.push_back(event);
    if (!problem_ && !state_.ended() && (taken || signal) && one_in(4)) {
      deliver(event, signal, stranger, false);  // Once per id.
    }
    if (!kept_.empty() && one_in(20)) kept_.erase(kept_.begin());  // Its time is over.
  }

  void deliver(const Happening& event, bool signal, bool stranger, bool taken) {
    const Value data = Value::object({{"big", event.big}});
    const std::string what = event.id + " " + event.name + (event.big ? " big" : "") +
                             (stranger ? " of another order" : "");
    if (signal) {
      tell("signal " + what, core::DeliverSignal{event.name, event.id, data});
    } else {
      const std::string order = stranger ? "another" : kCorrelation;
      tell("event " + what, core::DeliverEvent{event.name, order, event.id, data});
    }
    if (matched_ != taken) fail(what + (taken ? " was not taken" : " was taken"));
  }

  /// As the engine does for each new listener: what came early is still there, oldest first.
  void deliver_kept() {
    fresh_listener_ = false;
    for (std::size_t i = 0; i < kept_.size() && !problem_ && !state_.ended(); ++i) {
      const Happening event = kept_[i];
      const bool taken = model_.happens(event.name, event.big, false);
      if (!taken) continue;
      kept_.erase(kept_.begin() + static_cast<std::ptrdiff_t>(i));
      early_ = true;
      return deliver(event, false, false, true);  // Whoever listens next asks again.
    }
  }

  [[nodiscard]] std::vector<const core::Node*> open_listeners() const {
    std::vector<const core::Node*> listeners;
    for (const core::Node& node : state_.nodes) {
      if (node.kind == "listen" && node.own_open) listeners.push_back(&node);
    }
    return listeners;
  }

  static std::optional<std::string> path_of_wait(const std::string& timer) {
    if (timer.starts_with("due:")) return timer.substr(4);
    if (timer.starts_with("round:")) return timer.substr(6);
    return std::nullopt;
  }

  /// What was given up succeeds after all; an attempt more than was needed says anything.
  void answer_late() {
    const std::size_t chosen = below(late_.size());
    const Task task = late_[chosen];
    late_.erase(late_.begin() + static_cast<std::ptrdiff_t>(chosen));
    const auto is_in = [&task](const Model::Paths& paths) { return paths.contains(task.path); };
    // Contradictions of what an adapter or a person said for sure are stories of their own.
    if (is_in(model_.refused()) || is_in(model_.undo_given_up()) || skipped_.contains(task.path))
      return;
    if (graph_.find_step(core::step_name(core::StepPath(task.path)))->call->compensate.kind ==
        dsl::CompensationSpec::Kind::kManual) return;
    core::ReportReply report;
    report.path = core::StepPath(task.path);
    report.attempt = task.attempt;
    const bool open = is_in(model_.on_their_way()) || is_in(model_.being_probed()) ||
                      is_in(model_.pausing()) || is_in(model_.stuck());
    const bool succeeds = open || !task.withdrawn || one_in(2);
    report.reply = reply(succeeds ? Verdict::kOk : Verdict::kRefused, task.path);
    if (succeeds) {
      done_.insert(task.path);
      model_.answer_late(task.path, held(task.path));
    }
    for (std::size_t i = 0; i < tasks_.size() && succeeds; ++i) {
      if (tasks_[i].path != task.path || tasks_[i].direction == Direction::kCompensation) continue;
      if (tasks_[i].direction == Direction::kForward) {
        late_.push_back(tasks_[i]);
        late_.back().withdrawn = true;  // Here: may answer anything.
      }
      tasks_.erase(tasks_.begin() + static_cast<std::ptrdiff_t>(i));
      break;
    }
    tell("late " + task.path + " #" + std::to_string(task.attempt) +
             (succeeds ? ": ok" : ": refused"),
         report);
  }

  void answer(std::size_t chosen) {
    const Task task = tasks_[chosen];
    tasks_.erase(tasks_.begin() + static_cast<std::ptrdiff_t>(chosen));
    core::ReportReply report;
    report.path = core::StepPath(task.path);
    report.direction = task.direction;
    report.attempt = task.attempt;
    report.round = task.round;
    const std::string who = std::string(core::direction_name(task.direction)) + " " + task.path;
    if (task.direction == Direction::kCompensation) {
      const bool done = state_.ended() || !one_in(4);
      report.reply =
          reply(done ? Verdict::kOk : one_in(2) ? Verdict::kUnknown : Verdict::kTransient);
      model_.undo_answered(task.path, done);
      last_ = report;
      return tell(who + (done ? ": done" : ": failed"), report);
    }
    if (task.direction == Direction::kProbe) {
      static constexpr const char* kStates[] = {"done", "not_done", "undone", "in_progress"};
      const std::size_t state = done_.contains(task.path) ? (one_in(2) ? 3 : 0) : below(4);
      report.reply = reply(Verdict::kOk, task.path);
      report.reply.body = Value::object({{"state", kStates[state]}, {"reply", report.reply.body}});
      if (state == 3 && one_in(2))
        report.reply = reply(one_in(2) ? Verdict::kUnknown : Verdict::kRefused);
      model_.answer_probe(task.path, static_cast<Found>(state), held(task.path));
      if (state == 0) {
        done_.insert(task.path);  // The probe has told what this attempt's own answer could only repeat.
        std::erase_if(late_, [&](const Task& late) {
          return late.path == task.path && late.attempt == task.attempt;
        });
      }
      last_ = report;
      return tell(who + ": " + kStates[state], report);
    }
    const dsl::Step* step = graph_.find_step(core::step_name(report.path));
    const Verdict verdict = choose_verdict(task, step->after_pivot && !step->call->pivot);
    report.reply = reply(verdict, task.path);
    model_.answer(task.path, verdict, held(task.path));
    if (verdict == Verdict::kOk) done_.insert(task.path);
    if (verdict == Verdict::kUnknown)
      late_.push_back({task.path, task.direction, task.attempt, 1, false});
    last_ = report;
    static constexpr const char* kNames[] = {"ok",        "refused", "refused for sure",
                                             "transient", "unknown", "not sent"};
    tell(who + " #" + std::to_string(task.attempt) + ": " + kNames[static_cast<int>(verdict)],
         report);
  }

  Verdict choose_verdict(const Task& task, bool after_pivot) {
    if (task.withdrawn && one_in(2)) return Verdict::kNotSent;
    if (!one_in(3)) return Verdict::kOk;
    if (done_.contains(task.path)) return Verdict::kUnknown;  // It can not be taken back.
    if (after_pivot) return one_in(2) ? Verdict::kUnknown : Verdict::kTransient;
    switch (below(4)) {
      case 0: return Verdict::kRefused;
      case 1: return Verdict::kRefusedForSure;
      case 2: return Verdict::kTransient;
      default: return Verdict::kUnknown;
    }
  }

  /// What a call really holds, whatever it asked for: the same each time it is asked.
  const Items& held(const std::string& path) {
    const auto [found, fresh] = held_.try_emplace(path);
    if (!fresh) return found->second;
    const dsl::Step* step = graph_.find_step(core::step_name(core::StepPath(path)));
    const dsl::Template& asks = step->call ? *step->call->with : *step->saga->with;
    const Value with = *asks.evaluate(dsl::MapBindings());
    for (const auto& [what, asked] : items_of(*with.find("lines"))) {
      const int amount = asked + static_cast<int>(below(3)) - 1;
      if (amount > 0) found->second[what] = amount;
    }
    return found->second;
  }

  core::TaskReply reply(Verdict verdict, const std::string& path = "") {
    core::TaskReply reply;
    reply.kind = core::TaskReply::Kind::kFailure;
    switch (verdict) {
      case Verdict::kOk:
        reply.kind = core::TaskReply::Kind::kSuccess;
        reply.body = Value::empty_object();
        if (!path.empty()) reply.body = Value::object({{"lines", value_of(held(path))}});
        break;
      case Verdict::kRefusedForSure:
        reply.effect = core::EffectClaim::kNone;
        [[fallthrough]];
      case Verdict::kRefused:
        reply.service_code = 400;
        reply.code = "refused";
        break;
      case Verdict::kTransient:
        reply.service_code = 500;
        reply.effect = core::EffectClaim::kNone;
        break;
      case Verdict::kUnknown: reply.kind = core::TaskReply::Kind::kTimeout; break;
      case Verdict::kNotSent: reply.kind = core::TaskReply::Kind::kNotSent; break;
    }
    return reply;
  }

  void operate(const std::string& path) {
    const core::StepPath step(path);
    last_.reset();  // Told once more, it may now help.
    if (path.empty()) {
      if (model_.stuck().size() > 1) return;  // Without a name it must be the only place.
      model_.resume();
      return tell("resume", core::ResumeStep{step});
    }
    const dsl::Step* defined = graph_.find_step(core::step_name(step));
    const bool forward = state_.stuck.at(step).place == "forward";
    const bool manual = !forward && defined->call &&
                        defined->call->compensate.kind == dsl::CompensationSpec::Kind::kManual;
    const std::uint64_t action = below(3);
    if (action == 0 && !manual) {
      model_.retry(path);
      tell("retry " + path, core::RetryStep{step});
    } else if (action == 1 && !forward) {
      model_.mark_done(path);
      tell("mark undone " + path, core::MarkUndone{step});
    } else {
      model_.skip(path, held(path));
      skipped_.insert(path);
      tell("skip " + path, core::SkipStep{.step = step, .output = reply(Verdict::kOk, path).body});
    }
  }

  /// A restart folds from a snapshot; nothing may depend on what only memory held.
  void restart() {
    auto restored = core::decode_state(core::encode_state(state_));
    if (!restored) return fail("the snapshot does not decode: " + restored.error());
    state_ = *std::move(restored);
    // To a place that took too much it may help: by then there may be enough.
    if (last_ && !state_.stuck.contains(last_->path) && one_in(2)) {
      const std::string what = "once more: " + last_->path.str();
      tell(what, *last_);
    }
  }

  void tell(const std::string& what, core::CommandBody body) {
    note("> " + what);
    now_.ms += 1;
    core::Command command;
    command.body = std::move(body);
    command.reason = "test";
    auto decided = core::decide(graph_, state_, command, core::DecideContext{.now = now_});
    if (!decided) {
      return fail("`" + what + "` was refused (" + core::rejection_name(decided.error().code) +
                  "): " + decided.error().reason);
    }
    matched_ = false;  // Of what is told in between.
    const bool matched = decided->matched;
    for (const core::Event& event : decided->events) {
      const std::string path = core::path_of(event).str();
      note("    " + std::string(core::type_name(event)) + " " + path);
      events_.push_back(event);
      if (const auto* heard = std::get_if<core::EventReceived>(&event.body)) {
        const bool told = std::holds_alternative<core::DeliverEvent>(command.body) ||
                          std::holds_alternative<core::DeliverSignal>(command.body);
        early_ = early_ || (!told && !heard->path.empty());
      }
      if (!std::holds_alternative<core::StepScheduled>(event.body)) continue;
      if (!model_.entered(path)) return fail("enters " + path + " too early");
      model_.began(path);
    }
    for (const core::Event& event : decided->events) {
      if (const auto* stuck = std::get_if<core::SagaStuck>(&event.body)) asked_a_person(*stuck);
    }
    for (const core::SagaEffect& effect : decided->effects) follow(effect);
    if (!problem_) compare(what);
    while (fresh_listener_ && !problem_) deliver_kept();
    matched_ = matched;
  }

  void follow(const core::SagaEffect& effect) {
    if (const auto* set = std::get_if<core::TimerSet>(&effect)) {
      timers_[set->timer] = set->due;
    } else if (const auto* cancelled = std::get_if<core::TimerCancel>(&effect)) {
      timers_.erase(cancelled->timer);
    } else if (const auto* child = std::get_if<core::ChildStart>(&effect)) {
      children_.insert(child->path.str());
    } else if (const auto* command = std::get_if<core::ChildCommand>(&effect)) {
      command_child(*command);
    } else if (const auto* listens = std::get_if<core::ListenerSet>(&effect)) {
      listeners_.insert(listens->path.str());
      fresh_listener_ = true;
    } else if (const auto* clear = std::get_if<core::ListenerClear>(&effect)) {
      listeners_.erase(clear->path.str());
    } else if (const auto* withdraw = std::get_if<core::TaskWithdraw>(&effect)) {
      for (Task& task : tasks_) {
        if (task.path == withdraw->path.str() && task.direction == withdraw->direction) {
          task.withdrawn = true;
        }
      }
    } else if (const auto* task = std::get_if<core::TaskDispatch>(&effect)) {
      dispatched(*task);
    }
  }

  void asked_a_person(const core::SagaStuck& stuck) {
    const std::string path = stuck.path.str();
    if (stuck.place != "compensation" || model_.stuck().contains(path)) return;
    if (!model_.may_undo().contains(path))
      return fail("asks a person to undo " + path + " too early");
    model_.undo_by_hand(path);
  }

  void dispatched(const core::TaskDispatch& task) {
    const std::string path = task.path.str();
    note("    -> " + std::string(core::direction_name(task.direction)) + " " + path + " #" +
         std::to_string(task.attempt));
    if (task.direction == Direction::kForward) {
      const auto allowed = task.attempt == 1 ? model_.to_send() : model_.pausing();
      if (!allowed.contains(path)) {
        return fail("sent " + path + ", but only " + joined(allowed) + " may be sent");
      }
      model_.sent(path);
    } else if (task.direction == Direction::kProbe) {
      const auto allowed = model_.may_probe();
      if (!allowed.contains(path))
        return fail("probes " + path + ", but only " + joined(allowed) + " may be");
      model_.probe_sent(path);
    } else {
      const auto allowed = model_.may_undo();
      if (!allowed.contains(path)) {
        return fail("undoes " + path + ", but only " + joined(allowed) + " may be undone now");
      }
      const Items sent = items_of(*task.input.find("lines")), owed = model_.held_by(path);
      // Tried again it is the same request.
      if (task.round > std::exchange(rounds_[path], task.round) && sent != owed) {
        return fail("undoes" + describe(sent) + " of " + path + ", but it holds" + describe(owed));
      }
      model_.undo_sent(path);
    }
    tasks_.push_back({path, task.direction, task.attempt, task.round, false});
  }

  void compare(const std::string& after) {
    const auto same = [&](const char* what, const Model::Paths& decider,
                          const Model::Paths& model) {
      if (decider != model) {
        fail(std::string(what) + " after `" + after + "`: decider " + joined(decider) + ", model " +
             joined(model));
      }
    };
    Model::Paths on_their_way, stuck, succeeded, in_doubt, undone;
    for (const Task& task : tasks_) {
      if (task.direction == Direction::kForward) on_their_way.insert(task.path);
    }
    for (const auto& [path, place] : state_.stuck) stuck.insert(path.str());
    for (const core::Node& node : state_.nodes) {
      if (node.kind != "call" && node.kind != "saga") continue;
      const std::string& path = node.path.str();
      if (node.effect == core::Effect::kHappened) succeeded.insert(path);
      if (node.effect == core::Effect::kPerhaps && !node.own_open) in_doubt.insert(path);
      if (node.compensation.state == core::CompensationState::State::kDone) undone.insert(path);
    }
    Model::Paths facts = model_.succeeded();
    for (const std::string& path : skipped_) {  // A skip keeps the knowledge.
      if (!succeeded.contains(path)) facts.erase(path);
      if (!model_.in_doubt().contains(path)) in_doubt.erase(path);
    }
    same("not sent", {}, model_.to_send());
    same("not probed", {}, model_.must_probe());
    same("not being undone", {}, model_.must_undo());
    Model::Paths waiting;
    for (const auto& [timer, due] : timers_) {
      if (const auto path = path_of_wait(timer)) waiting.insert(*path);
    }
    same("waiting", waiting, model_.waiting());
    Model::Paths running, cancelled = model_.cancelled();
    std::set_difference(children_.begin(), children_.end(), undone_children_.begin(),
                        undone_children_.end(), std::inserter(running, running.end()));
    same("running children", running, model_.children());
    same("cancelled children", cancelled_, cancelled);
    same("listening", listeners_, model_.listening());
    same("on their way", on_their_way, model_.on_their_way());
    same("stuck", stuck, model_.stuck());
    same("happened", succeeded, facts);
    same("in doubt", in_doubt, model_.in_doubt());
    same("undone", undone, model_.undone());
    const std::string now = state_.ended() ? core::engine_state(state_) : "running";
    if (now != model_.state()) {
      fail("after `" + after + "` the decider is " + now + ", the model " + model_.state());
    }
    compare_ledger(after);
    if (state_.exceptions != model_.exceptions()) {
      fail("exceptions after `" + after + "`: decider " + std::to_string(state_.exceptions) +
           ", model " + std::to_string(model_.exceptions()));
    }
  }

  void compare_ledger(const std::string& after) {
    const auto same = [&](const std::string& what, const Items& decider, const Items& model) {
      if (decider == model) return;
      fail(what + " after `" + after + "`: decider" + describe(decider) + ", model" +
           describe(model));
    };
    // What nobody can give back is written off some time before the end.
    if (model_.finishing() && !state_.ended()) return;
    std::map<std::string, Items> holders = model_.holders();
    for (const core::Node& node : state_.nodes) {
      const auto stock = node.holdings.find("stock");
      same("held by " + node.path.str(),
           stock == node.holdings.end() ? Items() : items_of(stock->second),
           holders[node.path.str()]);
    }
    const auto items = [](const std::map<std::string, dsl::Decimal>& column) {
      Items sum;
      for (const auto& [dimensions, amount] : column) {
        if (amount.is_zero()) continue;
        sum[Value::parse(dimensions)->find("sku")->as_string()] =
            static_cast<int>(*amount.to_integer());
      }
      return sum;
    };
    const auto column = state_.ledger.find("stock");
    const core::Totals totals = column == state_.ledger.end() ? core::Totals() : column->second;
    same("held in all", items(totals.held), model_.ledger().held);
    same("consumed", items(totals.consumed), model_.ledger().consumed);
    same("released", items(totals.released), model_.ledger().released);
    same("written off", items(totals.written_off), model_.ledger().written_off);
  }

  void check_the_end() {
    if (!model_.holders().empty()) fail("something is held after the end");
    core::SagaState folded;
    for (const core::Event& event : events_) {
      const auto stored = core::decode(core::encode(event));
      if (!stored) return fail("an event does not decode: " + stored.error());
      core::evolve(folded, *stored);
    }
    if (core::encode_state(folded) != core::encode_state(state_)) {
      fail("folding the stored events gives another state than the one in memory");
    }
  }

  std::mt19937_64 random_;
  dsl::SagaGraph graph_;
  core::SagaState state_;
  bool fenced_;
  Model model_;
  bool cancels_, listens_;
  core::Timestamp now_{1'700'000'000'000};
  std::vector<Task> tasks_;
  std::vector<Task> late_;  ///< Attempts whose answer may still come.
  std::map<std::string, core::Timestamp> timers_;
  std::set<std::string> skipped_;
  std::set<std::string> done_;  ///< Whose adapter said so once.
  std::map<std::string, Items> held_;
  std::map<std::string, std::int64_t> rounds_;  ///< Of their undo.
  std::set<std::string> children_;              ///< Of whom an answer is awaited.
  std::set<std::string> cancelled_, undone_children_, terminated_;
  std::set<std::string> listeners_;
  std::vector<Happening> kept_;  ///< Events that nobody has taken yet.
  int happened_ = 0;
  bool matched_ = false, fresh_listener_ = false, early_ = false;
  std::optional<core::ReportReply> last_;
  std::vector<core::Event> events_;
  std::string history_;
  std::optional<std::string> problem_;
};

/// The smallest workflow near `plan` on which some schedule still disagrees, told as a story.
std::string shrunk(Plans plan, std::uint64_t schedule) {
  constexpr std::uint64_t kSchedules = 400;
  for (bool smaller = true; smaller;) {
    smaller = false;
    for (const Plans& candidate : smaller_plans(plan)) {
      for (std::uint64_t seed = 0; seed < kSchedules && !smaller; ++seed) {
        if (Life(candidate, seed).disagreement()) {
          plan = candidate;
          schedule = seed;
          smaller = true;
        }
      }
      if (smaller) break;
    }
  }
  std::string problem, story;
  for (std::uint64_t seed = 0; seed < 4 * kSchedules; ++seed) {  // The shortest of its histories.
    Life run(plan, seed == 0 ? schedule : seed);
    const auto found = run.disagreement();
    if (found && (story.empty() || run.history().size() < story.size())) {
      problem = *found;
      story = run.history();
    }
  }
  return problem + "\n" + describe(plan) + story;
}

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// WEFT_SEED tries one seed, WEFT_SEEDS more or fewer of them.
TEST(AgreementTest, DeciderAndReferenceModelAgreeOnGeneratedSagas) {
  const std::uint64_t first = setting("WEFT_SEED", 1);
  const std::uint64_t seeds =
      setting("WEFT_SEEDS", std::getenv("WEFT_SEED") != nullptr ? 1 : 2'000);
  constexpr int kSchedulesEach = 3;
  std::map<std::string, int> met;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    std::mt19937_64 random(seed);
    const Plans plan = generate_plan(random, 2 + static_cast<int>(random() % 14));
    for (int i = 0; i < kSchedulesEach; ++i) {
      const std::uint64_t schedule = random();
      Life run(plan, schedule);
      const auto problem = run.disagreement();
      ASSERT_FALSE(problem.has_value())
          << "seed " << seed << ": " << *problem << "\nshrunk to: " << shrunk(plan, schedule);
      ++met[core::engine_state(run.state())];
      if (run.state().exceptions > 0) ++met["with exceptions"];
      if (run.heard_early()) ++met["heard early"];
      const auto stock = run.state().ledger.find("stock");
      if (stock != run.state().ledger.end()) {
        ++met[stock->second.consumed.empty() ? "held" : "consumed"];
        ++met[stock->second.written_off.empty() ? "balanced" : "written off"];
      }
      for (const core::Node& node : run.state().nodes) {
        if (node.probes > 0) ++met["probed"];
        if (node.compensation.round > 1) ++met["undone again"];
        if (node.compensation.leftover) ++met["given back at the end"];
        if (node.effect == core::Effect::kPerhaps) ++met["in doubt"];
        if (node.round > 1) ++met["another round"];
        if (node.kind == "saga" && node.compensation.attempts > 0) ++met["child undone"];
        if (node.child_state == "terminated") ++met["child terminated"];
        if (node.kind != "listen") continue;
        ++met[node.output.is_object() ? "heard" : "not heard"];
      }
    }
  }
  if (seeds < 1'000) return;
  for (const char* thing :
       {"completed", "compensated", "failed", "with exceptions", "probed", "undone again",
        "given back at the end", "in doubt", "held", "consumed", "written off", "another round",
        "heard", "not heard", "heard early", "child undone", "child terminated"}) {
    EXPECT_GT(met[thing], static_cast<int>(seeds / 100))
        << thing << ": met too seldom to prove much";
  }
}

}  // namespace
}  // namespace weft::test
