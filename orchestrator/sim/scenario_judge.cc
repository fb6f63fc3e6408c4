// What a scenario expects, against what came.
#include <algorithm>
#include <utility>

#include "dsl/durations.h"
#include "orchestrator/core/decider.h"
#include "orchestrator/sim/scenario_run.h"

namespace weft::sim {
namespace {

std::string listed(const std::vector<std::string>& items) {
  std::string out;
  for (const std::string& item : items) out += (out.empty() ? "" : " → ") + item;
  return out.empty() ? "nothing" : out;
}

std::string error_words(const core::Error& error) {
  if (error.code.empty()) return "no error";
  std::string out = error.code;
  if (!error.error_class.empty()) out += " (" + error.error_class + ")";
  if (!error.step.empty()) out += " at " + error.step;
  return out;
}

bool subsequence(const std::vector<std::string>& wanted, const std::vector<std::string>& all) {
  auto at = all.begin();
  for (const std::string& each : wanted) {
    at = std::find(at, all.end(), each);
    if (at == all.end()) return false;
    ++at;
  }
  return true;
}

/// Objects: every member wanted is there; all else is equal.
bool contains_value(const dsl::Value& actual, const dsl::Value& wanted) {
  if (!wanted.is_object()) return actual == wanted;
  if (!actual.is_object()) return false;
  const auto& members = wanted.as_object();
  return std::all_of(members.begin(), members.end(), [&](const dsl::Member& member) {
    const dsl::Value* found = actual.find(member.key);
    return found != nullptr && contains_value(*found, member.value);
  });
}

/// The first place where two documents differ, for the message.
std::string difference(const dsl::Value& actual, const dsl::Value& wanted,
                       const std::string& path) {
  if (wanted.is_object() && actual.is_object()) {
    for (const dsl::Member& member : wanted.as_object()) {
      const dsl::Value* found = actual.find(member.key);
      const std::string inner = path + "." + member.key;
      if (found == nullptr) return inner + " is missing";
      if (!contains_value(*found, member.value)) return difference(*found, member.value, inner);
    }
  }
  return path + " is " + actual.to_json();
}

const char* undo_word(core::CompensationState::State state) {
  using State = core::CompensationState::State;
  switch (state) {
    case State::kNotOwed:
      return "none";
    case State::kOwed:
      return "pending";
    case State::kRunning:
    case State::kRetrying:
      return "running";
    case State::kDone:
      return "done";
    case State::kStuck:
      return "stuck";
    case State::kSkipped:
      return "skipped";
  }
  return "none";
}

class Judge {
 public:
  Judge(const Scenario& scenario, const std::map<core::SagaId, core::SagaState>& sagas,
        ScenarioResult& result)
      : expect_(scenario.expect), sagas_(sagas), result_(result) {}

  void judge() {
    judge_end();
    judge_calls();
    judge_ledger();
    for (const auto& [name, step] : expect_.steps) judge_step(name, step);
    judge_others();
  }

 private:
  void fail(const std::string& key, const std::string& what, std::string expected,
            std::string actual) {
    const auto place = expect_.places.find(key);
    result_.failures.push_back({place == expect_.places.end() ? expect_.at : place->second, what,
                                std::move(expected), std::move(actual)});
  }

  std::string stuck_words() const {
    std::string out;
    for (const auto& [path, stuck] : result_.state.stuck) {
      if (!out.empty()) out += ", ";
      out += (stuck.place == "compensation" ? "the undo of " : "") +
             (path.empty() ? "the saga" : path.str()) + ": " + stuck.error.code;
      if (!stuck.error.message.empty()) out += " (" + stuck.error.message + ")";
    }
    return out;
  }

  void judge_end() {
    const core::SagaState& state = result_.state;
    if (!expect_.outcome.empty() && expect_.outcome != result_.outcome) {
      std::string actual = result_.outcome;
      if (!result_.refused_code.empty()) actual += ": " + result_.refused_code;
      if (!state.stuck.empty())
        actual += ", stuck at " + stuck_words();
      else if (!state.error.code.empty())
        actual += ": " + error_words(state.error);
      fail("outcome", "outcome", expect_.outcome, actual);
    }
    if (!expect_.status.empty() && expect_.status != state.status) {
      fail("status", "status", expect_.status, state.status.empty() ? "none" : state.status);
    }
    judge_list("status_path", expect_.status_path, result_.status_path);
    judge_list("undone", expect_.undone, result_.undone);
    judge_list("emitted", expect_.emitted, result_.emitted);
    if (expect_.history && !subsequence(*expect_.history, result_.history)) {
      fail("history", "history", listed(*expect_.history) + " (in this order)",
           listed(result_.history));
    }
    if (expect_.within_ms) {
      const std::int64_t took = state.ended_at.ms - state.accepted_at.ms;
      if (!state.ended()) {
        fail("within", "within", "an end within " + dsl::format_duration(*expect_.within_ms),
             "no end");
      } else if (took > *expect_.within_ms) {
        fail("within", "within", "at most " + dsl::format_duration(*expect_.within_ms),
             dsl::format_duration(took));
      }
    }
    judge_count("exceptions", expect_.exceptions, state.exceptions);
    judge_count("anomalies", expect_.anomalies, state.anomalies);
    judge_error();
    if (expect_.output && !contains_value(state.output, *expect_.output)) {
      fail("output", "output", expect_.output->to_json(),
           difference(state.output, *expect_.output, ""));
    }
    judge_stuck();
  }

  void judge_count(const char* key, const std::optional<std::int64_t>& wanted,
                   std::int64_t actual) {
    if (wanted && *wanted != actual)
      fail(key, key, std::to_string(*wanted), std::to_string(actual));
  }

  void judge_list(const char* key, const std::optional<std::vector<std::string>>& wanted,
                  const std::vector<std::string>& actual) {
    if (wanted && *wanted != actual) fail(key, key, listed(*wanted), listed(actual));
  }

  void judge_error() {
    const core::Error& error = result_.state.error;
    const std::string& code = result_.outcome == "refused" ? result_.refused_code : error.code;
    if (expect_.no_error && !code.empty()) fail("error", "error", "none", error_words(error));
    const bool wrong = (!expect_.error_code.empty() && expect_.error_code != code) ||
                       (!expect_.error_class.empty() && expect_.error_class != error.error_class) ||
                       (!expect_.error_step.empty() && expect_.error_step != error.step);
    if (!wrong) return;
    core::Error wanted;
    wanted.code = expect_.error_code.empty() ? "any code" : expect_.error_code;
    wanted.error_class = expect_.error_class;
    wanted.step = expect_.error_step;
    fail("error", "error", error_words(wanted),
         result_.outcome == "refused" ? result_.refused_code : error_words(error));
  }

  void judge_stuck() {
    if (!expect_.stuck) return;
    const auto& stuck = result_.state.stuck;
    const bool found = std::any_of(stuck.begin(), stuck.end(), [&](const auto& place) {
      return (expect_.stuck_step.empty() || place.first.str() == expect_.stuck_step ||
              core::step_name(place.first) == expect_.stuck_step) &&
             (expect_.stuck_code.empty() || place.second.error.code == expect_.stuck_code);
    });
    if (found) return;
    fail("stuck", "stuck",
         (expect_.stuck_step.empty() ? "any step" : expect_.stuck_step) +
             (expect_.stuck_code.empty() ? "" : ": " + expect_.stuck_code),
         stuck.empty() ? "not stuck" : stuck_words());
  }

  void judge_calls() {
    std::map<std::string, std::int64_t> counts;
    std::vector<std::string> names;
    for (const AdapterCall& call : result_.calls) {
      ++counts[call.name()];
      names.push_back(call.name());
    }
    for (const auto& [operation, wanted] : expect_.called) {
      const CountRange& range = wanted.first;
      const std::int64_t count = counts[operation];
      if (count >= range.at_least && count <= range.at_most) continue;
      std::string expected = std::to_string(range.at_least);
      if (range.at_most != range.at_least) expected += " to " + std::to_string(range.at_most);
      result_.failures.push_back(
          {wanted.second, "called " + operation, expected, std::to_string(count)});
    }
    for (const auto& [operation, at] : expect_.not_called) {
      if (counts[operation] == 0) continue;
      result_.failures.push_back(
          {at, "not_called " + operation, "0", std::to_string(counts[operation])});
    }
    if (expect_.order && !subsequence(*expect_.order, names)) {
      fail("order", "order", listed(*expect_.order), listed(names));
    }
  }

  void judge_ledger() {
    for (const auto& [resource, wanted] : expect_.balance) {
      const auto found = result_.balance.find(resource);
      const dsl::Value actual =
          found == result_.balance.end() ? dsl::Value(0) : dsl::Value(found->second);
      if (actual != wanted)
        fail("balance", "balance of " + resource, wanted.to_json(), actual.to_json());
    }
  }

  void judge_step(const std::string& name, const StepExpectation& wanted) {
    bool any = false;
    for (const core::Node& node : result_.state.nodes) {
      if (node.path.empty()) continue;
      if (node.path.str() != name && core::step_name(node.path) != name) continue;
      any = true;
      judge_node(node, wanted);
    }
    if (!any && wanted.state != "absent") {
      result_.failures.push_back({wanted.at, "step " + name,
                                  wanted.state.empty() ? "begun" : wanted.state, "never begun"});
    }
  }

  void judge_node(const core::Node& node, const StepExpectation& wanted) {
    const auto differ = [&](const std::string& what, const std::string& expected,
                            const std::string& actual) {
      if (expected.empty() || expected == actual) return;
      result_.failures.push_back({wanted.at, "step " + node.path.str() + what, expected, actual});
    };
    differ("", wanted.state, core::step_state_name(node.state));
    differ(", effect", wanted.effect, core::effect_name(node.effect));
    differ(", undo", wanted.compensation, undo_word(node.compensation.state));
    differ(", code", wanted.code, node.error.code);
    if (wanted.attempts)
      differ(", attempts", std::to_string(*wanted.attempts), std::to_string(node.attempts));
    if (wanted.output && !contains_value(node.output, *wanted.output)) {
      differ(", output", wanted.output->to_json(), difference(node.output, *wanted.output, ""));
    }
  }

  void judge_others() {
    for (const auto& [workflow, wanted] : expect_.sagas) {
      bool any = false;
      for (const auto& [id, state] : sagas_) {
        if (id == result_.saga || state.birth.workflow != workflow) continue;
        any = true;
        const std::string actual = core::engine_state(state);
        if (!wanted.first.empty() && wanted.first != actual) {
          fail("sagas", "saga of " + workflow, wanted.first,
               actual + " (" + error_words(state.error) + ")");
        }
        if (!wanted.second.empty() && wanted.second != state.status) {
          fail("sagas", "status of " + workflow, wanted.second, state.status);
        }
      }
      if (!any) fail("sagas", "saga of " + workflow, wanted.first, "there is none");
    }
  }

  const Expectations& expect_;
  const std::map<core::SagaId, core::SagaState>& sagas_;
  ScenarioResult& result_;
};

}  // namespace

void judge_scenario(const Scenario& scenario, const std::map<core::SagaId, core::SagaState>& sagas,
                    ScenarioResult& result) {
  Judge(scenario, sagas, result).judge();
}

std::string event_words(const core::Event& event) {
  const std::string step = core::path_of(event).str();
  const auto words = [&](const auto& e) -> std::string {
    using E = std::decay_t<decltype(e)>;
    if constexpr (std::is_same_v<E, core::SagaQueued>)
      return "accepted; waits its turn";
    else if constexpr (std::is_same_v<E, core::SagaStarted>)
      return "the saga starts";
    else if constexpr (std::is_same_v<E, core::StepScheduled>) {
      if (e.kind == "call") {
        return std::string(e.probe ? "probe of " : "") + step + ": asks " + e.adapter + "." +
               e.operation +
               (e.attempt > 1 && !e.probe ? ", attempt " + std::to_string(e.attempt) : "");
      }
      if (e.kind == "listen") return step + ": listens for " + e.event;
      if (e.kind == "wait") return step + ": waits";
      if (e.kind == "saga") return step + ": starts " + e.child_workflow;
      return "";
    } else if constexpr (std::is_same_v<E, core::StepPending>)
      return step + ": accepted, the result comes later";
    else if constexpr (std::is_same_v<E, core::StepSucceeded>) {
      return step + (e.substituted ? ": passed over" : ": succeeded");
    } else if constexpr (std::is_same_v<E, core::StepFailed>)
      return step + ": failed with " + error_words(e.error);
    else if constexpr (std::is_same_v<E, core::StepInDoubt>)
      return step + ": in doubt, " + error_words(e.error);
    else if constexpr (std::is_same_v<E, core::StepSkipped>)
      return step + ": skipped";
    else if constexpr (std::is_same_v<E, core::AttemptFailed>) {
      return std::string(e.direction == "compensation" ? "undo of "
                         : e.direction == "probe"      ? "probe of "
                                                       : "") +
             step + ": attempt " + std::to_string(e.attempt) + " " + e.outcome + " (" +
             e.error.code + ")";
    } else if constexpr (std::is_same_v<E, core::StepWaiting>)
      return step + ": waits for its adapter";
    else if constexpr (std::is_same_v<E, core::TaskNotSent>)
      return step + ": withdrawn before it was sent";
    else if constexpr (std::is_same_v<E, core::RouteTaken>)
      return step + ": on_error takes over";
    else if constexpr (std::is_same_v<E, core::PivotReached>)
      return step + ": the pivot is passed";
    else if constexpr (std::is_same_v<E, core::StatusChanged>) {
      return e.status.empty() ? "status: as before" : "status: " + e.status;
    } else if constexpr (std::is_same_v<E, core::EventReceived>) {
      return (step.empty() ? "" : step + ": ") + "takes " + e.name;
    } else if constexpr (std::is_same_v<E, core::TimerFired>) {
      return e.timer.starts_with("due:") ? step + ": its time is up" : "";
    } else if constexpr (std::is_same_v<E, core::Emitted>)
      return "emits " + e.name;
    else if constexpr (std::is_same_v<E, core::ChildEnded>)
      return step + ": its child is " + e.state;
    else if constexpr (std::is_same_v<E, core::CancelRequested>)
      return e.kind + " is asked for";
    else if constexpr (std::is_same_v<E, core::DeadlinePassed>)
      return "the deadline passes";
    else if constexpr (std::is_same_v<E, core::ScopeSettling>) {
      return (step.empty() ? "the saga" : step) + " goes back (" + e.cause +
             (e.error.code.empty() ? "" : ": " + error_words(e.error)) + ")";
    } else if constexpr (std::is_same_v<E, core::CompensationScheduled>) {
      return "undo of " + step + ": asks " +
             (e.child ? "the child" : e.adapter + "." + e.operation) +
             (e.attempt > 1 ? ", attempt " + std::to_string(e.attempt) : "") +
             (e.repair ? " (repair)" : "");
    } else if constexpr (std::is_same_v<E, core::CompensationSucceeded>)
      return "undo of " + step + ": done";
    else if constexpr (std::is_same_v<E, core::CompensationFailed>) {
      return "undo of " + step + ": failed with " + error_words(e.error);
    } else if constexpr (std::is_same_v<E, core::CompensationSkipped>)
      return "undo of " + step + ": skipped";
    else if constexpr (std::is_same_v<E, core::WrittenOff>)
      return "what is left is written off";
    else if constexpr (std::is_same_v<E, core::LateReplyRecorded>)
      return step + ": a late reply (" + e.outcome + ")";
    else if constexpr (std::is_same_v<E, core::AnomalyRecorded>)
      return step + ": anomaly, " + e.message;
    else if constexpr (std::is_same_v<E, core::SagaStuck>) {
      return "stuck at " + std::string(e.place == "compensation" ? "the undo of " : "") +
             (step.empty() ? "the saga" : step) + ": " + error_words(e.error) +
             (e.error.message.empty() ? "" : ", " + e.error.message);
    } else if constexpr (std::is_same_v<E, core::SagaResumed>)
      return (step.empty() ? "the saga" : step) + ": no longer stuck (" + e.how + ")";
    else if constexpr (std::is_same_v<E, core::SagaCompleted>)
      return "the saga is completed";
    else if constexpr (std::is_same_v<E, core::SagaCompensated>)
      return "the saga is compensated: " + error_words(e.error);
    else if constexpr (std::is_same_v<E, core::SagaFailed>)
      return "the saga has failed: " + error_words(e.error);
    else if constexpr (std::is_same_v<E, core::SagaTerminated>)
      return "the saga is terminated";
    else if constexpr (std::is_same_v<E, core::SagaMoved>)
      return "moved to version " + e.version;
    else
      return "";
  };
  return std::visit(words, event.body);
}

}  // namespace weft::sim
