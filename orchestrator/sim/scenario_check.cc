// Names of a scenario, looked up in the definitions.
#include <algorithm>
#include <set>
#include <utility>

#include "dsl/names.h"
#include "orchestrator/core/ids.h"
#include "orchestrator/sim/scenario_run.h"

namespace weft::sim {
namespace {

class Check {
 public:
  Check(const Scenario& scenario, const Definitions& definitions)
      : scenario_(scenario), definitions_(definitions) {}

  std::vector<dsl::Diagnostic> take() {
    graph_ = definitions_.find(scenario_.workflow);
    if (graph_ == nullptr) {
      std::vector<std::string> names;
      for (const auto& graph : definitions_.workflows) names.push_back(graph->workflow);
      std::sort(names.begin(), names.end());
      names.erase(std::unique(names.begin(), names.end()), names.end());
      error(scenario_.workflow_at, "scenario.workflow",
            "no definition among the given files is of workflow " + dsl::quoted(scenario_.workflow),
            dsl::suggestion(scenario_.workflow, names));
      return std::move(out_);
    }
    gather_steps();
    const bool refused = scenario_.expect.outcome == "refused";
    if (graph_->input_schema && !refused) {
      if (const auto wrong = dsl::validate_schema(*graph_->input_schema, scenario_.input)) {
        error(scenario_.at, "scenario.input",
              "the input breaks " + graph_->input_schema->file + " at `" + wrong->pointer +
                  "`: " + wrong->message,
              "mend the input, or expect `outcome: refused`");
      }
    }
    for (const auto* scripts : {&scenario_.scripts, &scenario_.common}) {
      for (const auto& [operation, entries] : *scripts) check_script(operation, entries);
    }
    for (const TimelineEntry& entry : scenario_.timeline) check_entry(entry);
    check_expectations();
    return std::move(out_);
  }

 private:
  void error(dsl::Position at, std::string rule, std::string message, std::string instead = {}) {
    out_.push_back({dsl::Diagnostic::Severity::kError, scenario_.file, at, std::move(rule),
                    std::move(message), std::move(instead)});
  }

  void gather_steps() {
    for (const dsl::Step& step : graph_->steps) steps_.push_back(step.name);
    for (const auto& graph : definitions_.workflows) {
      for (const dsl::Step& step : graph->steps) all_steps_.insert(step.name);
      for (const auto& [name, adapter] : graph->adapters) adapters_.insert(name);
    }
    for (const auto& [name, adapter] : definitions_.adapters) adapters_.insert(name);
  }

  void check_step(const std::string& path, dsl::Position at, bool any_workflow) {
    if (path.empty()) return;
    const std::string name(core::step_name(core::StepPath(path)));
    if (std::find(steps_.begin(), steps_.end(), name) != steps_.end()) return;
    if (any_workflow && all_steps_.contains(name)) return;
    error(at, "scenario.step", graph_->workflow + " has no step " + dsl::quoted(name),
          dsl::suggestion(name, steps_));
  }

  void check_operation(const std::string& operation, dsl::Position at) {
    const std::string adapter = operation.substr(0, operation.find('.'));
    const std::string name = operation.substr(adapter.size() + 1);
    if (adapter == "weft") {
      return error(at, "scenario.adapter",
                   "adapter `weft` is the orchestrator itself; it cannot be scripted",
                   "say what there is with `given`");
    }
    if (!adapters_.contains(adapter)) {
      return error(at, "scenario.adapter", "no workflow calls an adapter " + dsl::quoted(adapter),
                   dsl::suggestion(adapter, {adapters_.begin(), adapters_.end()}));
    }
    std::set<std::string> known;
    const auto add = [&](const dsl::CallTarget& target) {
      if (target.adapter == adapter) known.insert(target.operation);
    };
    for (const auto& graph : definitions_.workflows) {
      for (const dsl::Step& step : graph->steps) {
        if (!step.call) continue;
        add(step.call->target);
        if (step.call->probe) add(step.call->probe->target);
        if (step.call->compensate.kind == dsl::CompensationSpec::Kind::kCall)
          add(step.call->compensate.target);
      }
      // A route's targets answer what is asked of the routed adapter.
      for (const auto& [routed, definition] : graph->adapters) {
        const auto& targets = definition.route_targets;
        if (std::find(targets.begin(), targets.end(), adapter) == targets.end()) continue;
        for (const dsl::Step& step : graph->steps) {
          if (step.call && step.call->target.adapter == routed)
            known.insert(step.call->target.operation);
        }
      }
    }
    const auto defined = definitions_.adapters.find(adapter);
    if (defined != definitions_.adapters.end()) {
      for (const auto& each : defined->second->operations) known.insert(each.name);
    }
    if (known.contains(name)) return;
    error(at, "scenario.operation", "nobody asks " + adapter + " for " + dsl::quoted(name),
          dsl::suggestion(name, {known.begin(), known.end()}));
  }

  void check_script(const std::string& operation, const std::vector<ScriptEntry>& entries) {
    if (entries.empty()) return;
    check_operation(operation, entries.front().at);
    for (const ScriptEntry& entry : entries) check_step(entry.step, entry.at, true);
  }

  void check_entry(const TimelineEntry& entry) {
    check_step(entry.anchor.step, entry.at, false);
    using Kind = TimelineEntry::Kind;
    if (entry.kind == Kind::kOperator) check_step(entry.target, entry.at, false);
    const bool adapter =
        entry.kind == Kind::kAdapterDown || (entry.name == "adapter" && !entry.target.empty());
    const std::string& name = entry.kind == Kind::kAdapterDown ? entry.name : entry.target;
    if (adapter && !adapters_.contains(name)) {
      error(entry.at, "scenario.adapter", "no workflow calls an adapter " + dsl::quoted(name),
            dsl::suggestion(name, {adapters_.begin(), adapters_.end()}));
    }
    if (entry.kind == Kind::kStart && definitions_.find(entry.target) == nullptr) {
      error(entry.at, "scenario.workflow", "there is no workflow " + dsl::quoted(entry.target));
    }
  }

  dsl::Position place(const char* key) const {
    const auto found = scenario_.expect.places.find(key);
    return found == scenario_.expect.places.end() ? scenario_.expect.at : found->second;
  }

  void check_status(const std::string& status, const char* key) {
    if (status.empty()) return;
    std::vector<std::string> known = graph_->statuses;
    for (const auto* announcement : {&graph_->on_completed, &graph_->on_compensated,
                                     &graph_->on_cancelled, &graph_->on_stuck}) {
      if (!announcement->status.empty()) known.push_back(announcement->status);
    }
    if (std::find(known.begin(), known.end(), status) != known.end()) return;
    error(place(key), "scenario.status", graph_->workflow + " has no status " + dsl::quoted(status),
          dsl::suggestion(status, known));
  }

  void check_expectations() {
    const Expectations& expect = scenario_.expect;
    for (const auto& [operation, wanted] : expect.called) check_operation(operation, wanted.second);
    for (const auto& [operation, at] : expect.not_called) check_operation(operation, at);
    for (const auto& [step, wanted] : expect.steps) check_step(step, wanted.at, false);
    check_step(expect.stuck_step, place("stuck"), false);
    check_status(expect.status, "status");
    for (const std::string& status : expect.status_path.value_or(std::vector<std::string>{})) {
      check_status(status, "status_path");
    }
    for (const std::string& step : expect.undone.value_or(std::vector<std::string>{})) {
      check_step(step, place("undone"), false);
    }
    for (const auto& [resource, amount] : expect.balance) {
      if (graph_->find_resource(resource) != nullptr) continue;
      std::vector<std::string> known;
      for (const auto& each : graph_->resources) known.push_back(each.name);
      error(place("balance"), "scenario.resource",
            graph_->workflow + " has no resource " + dsl::quoted(resource),
            dsl::suggestion(resource, known));
    }
  }

  const Scenario& scenario_;
  const Definitions& definitions_;
  const dsl::SagaGraph* graph_ = nullptr;
  std::vector<std::string> steps_;
  std::set<std::string> all_steps_, adapters_;
  std::vector<dsl::Diagnostic> out_;
};

}  // namespace

std::vector<dsl::Diagnostic> check_scenario(const Scenario& scenario,
                                            const Definitions& definitions) {
  return Check(scenario, definitions).take();
}

}  // namespace weft::sim
