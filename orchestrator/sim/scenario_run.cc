#include "orchestrator/sim/scenario_run.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "orchestrator/core/decider.h"
#include "orchestrator/core/environment.h"
#include "orchestrator/sim/placement_watch.h"
#include "orchestrator/sim/saga_mirror.h"

namespace weft::sim {

using messaging::Message;
using Action = TimelineEntry::Kind;

namespace {

constexpr std::int64_t kMinute = 60'000;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kDay = 24 * kHour;

// What a saga without a deadline may wait for: longer than any wait of the shipped workflows.
constexpr std::int64_t kHorizonMs = 400 * kDay;
// A stuck saga in which nothing has moved for so long is waiting for a person.
constexpr std::int64_t kStuckQuietMs = kHour;
// An ended saga is watched for so long: late answers and repairs come yet.
constexpr std::int64_t kEndedQuietMs = kMinute;
// `is: running`: the task has reached the adapter, which has not answered yet
// (scripted_answers.cc).
constexpr std::int64_t kAtWorkMs = 5;
constexpr std::int64_t kInstantsMax = 3'000'000;

class Run {
 public:
  Run(const Scenario& scenario, const Definitions& definitions)
      : scenario_(scenario),
        mirror_(world_),
        adapters_(world_, definitions, mirror_, scenario),
        watch_(definitions, result_.reached),
        definitions_(definitions) {}

  ScenarioResult take(const std::function<void(World&, const core::SagaId&)>& at_end) {
    prepare();
    if (auto started = world_.start(); !started) return broken(started.error());
    adapters_.start();
    for (const Given& given : scenario_.given) run_given(given);
    if (result_.broken.empty()) run_saga();
    if (at_end && world_.running()) at_end(world_, main_);
    finish();
    return std::move(result_);
  }

 private:
  struct Planned {
    const TimelineEntry* entry = nullptr;
    bool due = false, done = false;
  };

  ScenarioResult broken(std::string why) {
    result_.broken = std::move(why);
    return std::move(result_);
  }

  void prepare() {
    world_.files = definitions_.files;
    world_.attachments = definitions_.attachments;
    // A message takes a moment, so that "while the step runs" is one.
    BusFaults faults;
    faults.delay_ms_min = faults.delay_ms_max = 1;
    world_.network().set_faults(faults);
    world_.on_trouble = [this](const std::string& what) {
      if (result_.broken.empty()) result_.broken = what;
    };
    world_.config.on_fatal = [this](const store::StoreError& error) {
      if (result_.broken.empty()) result_.broken = error.message;
    };
    adapters_.set_listener([this](const std::string& workflow, const Placement& placement) {
      watch_.reached(workflow, placement);
    });
    adapters_.set_teller([this](const std::string& text) { tell(text); });
    mirror_.set_listener([this](const SagaMirror::Seen& seen, const core::SagaState& state) {
      adapters_.saw(seen);
      watch_.saw(seen, state);
      last_event_ms_ = seen.at_ms;
      if (main_seen_ && seen.saga == main_) saw_main(seen);
    });
  }

  void tell(std::string text) {
    if (started_ms_ < 0) return;
    result_.story.push_back({world_.steady_ms() - started_ms_, std::move(text)});
  }

  // --- Sagas ---

  void start(const std::string& workflow, const dsl::Value& input, const std::string& key,
             std::function<void(const WireAnswer&)> answered) {
    const auto subject = messaging::start_subject(workflow);
    if (!subject) {
      result_.broken = subject.error().message;
      return;
    }
    Message message(*subject, input.to_json());
    if (!key.empty()) message.headers.set_known(messaging::header::kKey, key);
    world_.call(std::move(message), std::move(answered));
  }

  void run_given(const Given& given) {
    std::optional<core::SagaId> saga;
    start(given.workflow, given.input, given.key, [&](const WireAnswer& answer) {
      if (answer.code == 0)
        saga = core::SagaId(answer.body.string_or("saga", ""));
      else
        result_.broken = "the given saga of " + given.workflow + " is refused: " +
                         answer.body.string_or("detail", std::to_string(answer.code));
    });
    run(
        [&] {
          if (!result_.broken.empty()) return true;
          if (!saga) return false;
          const core::SagaState* state = mirror_.find(*saga);
          return !given.run_ms && state != nullptr && at_rest(*state);
        },
        given.run_ms.value_or(kHorizonMs));
  }

  void run_saga() {
    started_ms_ = world_.steady_ms();
    for (const TimelineEntry& entry : scenario_.timeline) {
      planned_.push_back({&entry, false, false});
      if (!entry.anchor.step.empty() || !entry.anchor.saga.empty()) continue;
      plan(planned_.size() - 1, entry.anchor.after_ms);
    }
    start(scenario_.workflow, scenario_.input, scenario_.key, [this](const WireAnswer& answer) {
      if (answer.code == 0) {
        main_ = core::SagaId(answer.body.string_or("saga", ""));
        return;
      }
      result_.outcome = "refused";
      result_.refused_code = answer.body.string_or("code", std::to_string(answer.code));
      tell("the start is refused: " + answer.body.string_or("detail", result_.refused_code));
    });
    run([this] { return finished(); }, scenario_.run_for_ms.value_or(kHorizonMs));
  }

  /// Polls after each instant; `done` is asked then.
  void run(const std::function<bool()>& done, std::int64_t at_most_ms) {
    std::int64_t instants = 0;
    (void)world_.run_until(
        [&] {
          catch_up();
          if (++instants > kInstantsMax) result_.broken = "the scenario does not come to an end";
          return !result_.broken.empty() || done();
        },
        at_most_ms);
    catch_up();
  }

  void catch_up() {
    if (auto read = mirror_.poll(); !read) {
      result_.broken = read.error();
      return;
    }
    if (!main_.empty() && !main_seen_) {
      // Events before the answer to the start: seen while we did not know whose they are.
      main_seen_ = true;
      for (const auto& seen : mirror_.events()) {
        if (seen.saga == main_) saw_main(seen);
      }
    }
    check_anchors();
    keep_awake();
  }

  /// Rest is seen by looking: in the hour after an event the world wakes once a minute.
  void keep_awake() {
    const std::int64_t now = world_.steady_ms();
    if (awake_until_ms_ > now || now - last_event_ms_ > kStuckQuietMs + kMinute) return;
    awake_until_ms_ = now + kEndedQuietMs;
    world_.after(kEndedQuietMs, [] {});
  }

  bool at_rest(const core::SagaState& state) const {
    if (!world_.running()) return false;
    const std::int64_t quiet = world_.steady_ms() - last_event_ms_;
    if (state.ended()) return quiet >= kEndedQuietMs && state.nodes[0].undoing == 0;
    return !state.stuck.empty() && quiet >= kStuckQuietMs;
  }

  bool finished() const {
    if (result_.outcome == "refused") return true;
    const core::SagaState* state = main_.empty() ? nullptr : mirror_.find(main_);
    if (state == nullptr || scenario_.run_for_ms || adapters_.owed() > 0) return false;
    for (const Planned& planned : planned_) {
      const bool timed = planned.entry->anchor.step.empty() && planned.entry->anchor.saga.empty();
      if ((timed || planned.due) && !planned.done) return false;
    }
    if (!at_rest(*state)) return false;
    return std::all_of(mirror_.sagas().begin(), mirror_.sagas().end(),
                       [&](const auto& saga) { return at_rest(saga.second); });
  }

  void saw_main(const SagaMirror::Seen& seen) {
    const core::Event& event = seen.event;
    result_.history.emplace_back(core::type_name(event));
    if (const auto* status = std::get_if<core::StatusChanged>(&event.body)) {
      if (!status->status.empty()) result_.status_path.push_back(status->status);
    } else if (const auto* undone = std::get_if<core::CompensationSucceeded>(&event.body)) {
      result_.undone.push_back(undone->path.str());
    } else if (const auto* emitted = std::get_if<core::Emitted>(&event.body)) {
      result_.emitted.push_back(emitted->name);
    }
    const std::string words = event_words(event);
    if (!words.empty()) {
      std::string who =
          event.actor.via == "engine" || event.actor.name.empty() ? "" : " by " + event.actor.name;
      result_.story.push_back({seen.at_ms - started_ms_, words + who});
    }
  }

  // --- The timeline ---

  bool holds(const Anchor& anchor, const core::SagaState& state) const {
    if (!anchor.saga.empty()) return core::engine_state(state) == anchor.saga;
    return std::any_of(state.nodes.begin(), state.nodes.end(), [&](const core::Node& node) {
      if (node.path.empty()) return false;
      if (node.path.str() != anchor.step && core::step_name(node.path) != anchor.step) return false;
      using Undo = core::CompensationState::State;
      if (anchor.is == "undoing") {
        return node.compensation.state == Undo::kRunning ||
               node.compensation.state == Undo::kRetrying;
      }
      if (anchor.is == "undone") return node.compensation.state == Undo::kDone;
      if (anchor.is == "stuck") return state.stuck.contains(node.path);
      if (anchor.is == "waiting" && node.waiting) return true;
      return anchor.is == core::step_state_name(node.state);
    });
  }

  void check_anchors() {
    const core::SagaState* state = main_.empty() ? nullptr : mirror_.find(main_);
    if (state == nullptr) return;
    for (std::size_t i = 0; i < planned_.size(); ++i) {
      const Anchor& anchor = planned_[i].entry->anchor;
      if (planned_[i].due || (anchor.step.empty() && anchor.saga.empty())) continue;
      if (!holds(anchor, *state)) continue;
      planned_[i].due = true;
      const bool at_work =
          !anchor.step.empty() && (anchor.is == "running" || anchor.is == "undoing");
      plan(i, anchor.after_ms + (at_work ? kAtWorkMs : 1));
    }
  }

  void plan(std::size_t index, std::int64_t ms) {
    world_.after(ms, [this, index] { happen(index); });
  }

  /// What needs the engine waits until it is there.
  bool needs_engine(Action kind) const {
    return kind != Action::kAdapterDown && kind != Action::kBrokerDown && kind != Action::kCrash &&
           kind != Action::kClockForward && kind != Action::kClockBack;
  }

  void happen(std::size_t index) {
    const TimelineEntry& entry = *planned_[index].entry;
    if (needs_engine(entry.kind) && (!world_.running() || main_.empty())) {
      world_.after(50, [this, index] { happen(index); });
      return;
    }
    planned_[index].done = true;
    switch (entry.kind) {
      case Action::kAdapterDown:
        tell("adapter " + entry.name + " is down");
        adapters_.stop_adapter(entry.name);
        if (entry.for_ms) {
          world_.after(*entry.for_ms, [this, &entry] {
            tell("adapter " + entry.name + " is back");
            adapters_.start_adapter(entry.name);
          });
        }
        return;
      case Action::kBrokerDown:
        tell("the broker is down");
        world_.network().set_broker_running(false);
        world_.after(*entry.for_ms, [this] {
          tell("the broker is back");
          world_.network().set_broker_running(true);
        });
        return;
      case Action::kCrash:
        if (!world_.running()) return;
        tell("the orchestrator crashes");
        world_.crash();
        world_.after(std::max<std::int64_t>(entry.for_ms.value_or(1), 1), [this] {
          if (world_.running()) return;
          tell("the orchestrator is back");
          if (auto started = world_.start(); !started) result_.broken = started.error();
        });
        return;
      case Action::kClockForward:
        world_.clock().jump_wall(*entry.for_ms);
        return tell("the wall clock is set forward");
      case Action::kClockBack:
        world_.clock().jump_wall(-*entry.for_ms);
        return tell("the wall clock is set back");
      case Action::kCancel:
        return act(entry, "cancel", entry.reason.empty() ? "as the scenario says" : entry.reason);
      case Action::kOperator:
        return act(entry, entry.name, entry.reason.empty() ? "as the scenario says" : entry.reason);
      case Action::kEvent:
      case Action::kSignal:
        return send_event(entry);
      case Action::kPause:
      case Action::kUnpause: {
        engine::Pause pause{entry.name, entry.target,
                            entry.reason.empty() ? "as the scenario says" : entry.reason,
                            entry.kind == Action::kPause};
        tell(std::string(pause.paused ? "paused: " : "unpaused: ") + pause.kind + " " + pause.name);
        world_.request(pause,
                       [this](const engine::Response& response) { answered("pause", response); });
        return;
      }
      case Action::kStart: {
        tell("another saga of " + entry.target + " is started");
        start(entry.target, *entry.data->constant(), entry.id, [this](const WireAnswer& answer) {
          if (answer.code != 0)
            tell("its start is refused: " + answer.body.string_or("detail", "?"));
        });
        return;
      }
    }
  }

  std::optional<dsl::Value> rendered(const std::optional<dsl::Template>& value) {
    if (!value) return std::nullopt;
    if (const dsl::Value* fixed = value->constant()) return *fixed;
    dsl::MapBindings names;
    if (const core::SagaState* state = mirror_.find(main_)) {
      names.set(".", state->birth.input);
      names.set("saga", core::saga_value(*state));
    }
    auto made = value->evaluate(names);
    if (made) return *made;
    result_.broken = "the scenario's `data` cannot be worked out: " + made.error().message;
    return std::nullopt;
  }

  void answered(const std::string& what, const engine::Response& response) {
    if (response.ok()) return;
    const std::string code = response.body.string_or("code", "");
    if (code == "past_pivot")
      watch_.reached(scenario_.workflow, {"", std::string(way::kCancelledLate)});
    tell(what + " is refused (" + code + "): " + response.body.string_or("detail", ""));
  }

  void act(const TimelineEntry& entry, const std::string& action, const std::string& reason) {
    engine::Act act;
    act.action = action;
    act.saga = main_.str();
    act.step = entry.target;
    act.reason = reason;
    act.to_version = entry.version;
    act.as = entry.as;
    if (auto output = rendered(entry.data)) act.output = output->to_json();
    if (act.step.empty() && act.action != "cancel" && act.action != "compensate" &&
        act.action != "terminate" && act.action != "move") {
      const core::SagaState* state = mirror_.find(main_);
      if (state != nullptr && !state->stuck.empty()) act.step = state->stuck.begin()->first.str();
    }
    tell("operator: " + action + (act.step.empty() ? "" : " " + act.step));
    world_.request(
        act, [this, action](const engine::Response& response) { answered(action, response); },
        entry.by.empty() ? "operator" : entry.by);
  }

  void send_event(const TimelineEntry& entry) {
    const bool signal = entry.kind == Action::kSignal;
    const auto subject = signal ? messaging::signal_subject(main_.str(), entry.name)
                                : messaging::event_subject(entry.name);
    if (!subject) {
      result_.broken = subject.error().message;
      return;
    }
    const dsl::Value data = rendered(entry.data).value_or(dsl::Value::empty_object());
    const std::string id =
        entry.id.empty() ? "scenario-" + std::to_string(++events_sent_) : entry.id;
    tell(std::string(signal ? "signal " : "event ") + entry.name + " arrives");
    if (const core::SagaState* state = mirror_.find(main_)) {
      watch_.sends_event(entry.name, id, *state);
    }
    Message message(*subject, data.to_json());
    message.headers.set_known(messaging::header::kMessageId, id);
    world_.call(std::move(message), [this, name = entry.name](const WireAnswer& answer) {
      if (answer.code != 0) tell(name + " is refused: " + answer.body.string_or("detail", "?"));
    });
  }

  // --- The end ---

  void finish() {
    result_.saga = main_;
    result_.virtual_ms = world_.steady_ms();
    result_.calls = adapters_.calls();
    if (const core::SagaState* state = main_.empty() ? nullptr : mirror_.find(main_)) {
      result_.state = *state;
      result_.outcome = core::engine_state(*state);
      for (const auto& [resource, totals] : state->ledger) {
        dsl::Decimal sum;
        for (const auto& [dimensions, amount] : totals.held)
          sum = dsl::Decimal::add(sum, amount).value_or(sum);
        for (const auto* gone : {&totals.consumed, &totals.released, &totals.written_off}) {
          for (const auto& [dimensions, amount] : *gone) {
            sum = dsl::Decimal::subtract(sum, amount).value_or(sum);
          }
        }
        result_.balance[resource] = sum;
      }
    }
    std::stable_sort(result_.story.begin(), result_.story.end(),
                     [](const StoryLine& a, const StoryLine& b) { return a.at_ms < b.at_ms; });
    if (result_.broken.empty() && result_.outcome.empty()) {
      result_.broken = "the start was never answered";
    }
    if (result_.broken.empty()) judge_scenario(scenario_, mirror_.sagas(), result_);
  }

  const Scenario& scenario_;
  ScenarioResult result_;
  World world_;
  SagaMirror mirror_;
  ScriptedAdapters adapters_;
  PlacementWatch watch_;
  const Definitions& definitions_;
  core::SagaId main_;
  bool main_seen_ = false;
  std::int64_t started_ms_ = -1;
  std::int64_t last_event_ms_ = 0;
  std::int64_t awake_until_ms_ = 0;
  std::vector<Planned> planned_;
  std::uint64_t events_sent_ = 0;
};

}  // namespace

ScenarioResult run_scenario(const Scenario& scenario, const Definitions& definitions,
                            const std::function<void(World&, const core::SagaId&)>& at_end) {
  return Run(scenario, definitions).take(at_end);
}

}  // namespace weft::sim
