#include "orchestrator/sim/placement.h"

#include <algorithm>

namespace weft::sim {
namespace {

using dsl::SagaGraph;
using dsl::Step;
using dsl::StepKind;

class Lister {
 public:
  explicit Lister(const SagaGraph& graph) : graph_(graph) {}

  std::vector<Placement> take() {
    for (const Step& step : graph_.steps) list(step);
    list_saga();
    return std::move(out_);
  }

 private:
  void add(const Step& step, std::string_view what) {
    out_.push_back({step.name, std::string(what)});
  }
  void add(std::string_view what) { out_.push_back({"", std::string(what)}); }

  void list(const Step& step) {
    if (step.call && step.call->target.adapter != "weft") list_call(step);
    if (step.listen) list_listen(step);
    if (step.saga) {
      if (!step.saga->detach) add(step, way::kChildFailed);
      if (!step.saga->detach && !step.saga->pivot && !step.after_pivot)
        add(step, way::kChildUndone);
    }
    if (step.foreach && step.foreach->tolerate) {
      add(step, way::kTolerated);
      add(step, way::kNotTolerated);
    }
    if (step.repeat) add(step, way::kRoundsSpent);
    if (step.raise) add(step, way::kRaised);
    if (step.choice) {
      for (std::size_t i = 0; i < step.choice->branches.size(); ++i) {
        add(step, std::string(way::kBranch) + std::to_string(i + 1));
      }
    }
    for (std::size_t i = 0; i < step.on_error.size(); ++i) {
      std::string codes;
      for (const std::string& code : step.on_error[i].errors)
        codes += (codes.empty() ? "" : ", ") + code;
      add(step, std::string(way::kRoute) + std::to_string(i + 1) + " (" + codes + ")");
    }
  }

  void list_call(const Step& step) {
    const dsl::CallSpec& call = *step.call;
    const dsl::AdapterDefinition& adapter = graph_.adapter(call.target.adapter);
    const auto* operation = adapter.find_operation(call.target.operation);
    bool named = false;
    if (operation != nullptr && operation->errors_listed) {
      for (const std::string& code : operation->errors) {
        const auto* declared = graph_.find_error(call.target.adapter, code);
        if (declared != nullptr && declared->error_class == dsl::ErrorClass::kTransient) continue;
        add(step, std::string(way::kRefused) + ": " + code);
        named = true;
      }
    }
    // An outside system that lists nothing may still refuse with anything.
    if (!named) add(step, way::kRefused);
    add(step, way::kTransient);
    add(step, way::kUnavailable);
    if (call.schedule_timeout_ms && !step.after_pivot && !call.pivot)
      add(step, way::kUnavailableTooLong);
    add(step, way::kUnknown);
    add(step, way::kUnknownHappened);
    add(step, way::kLate);
    const bool limited = call.retry.attempts_max > 0 && (call.retry.given || !step.after_pivot);
    if (limited || adapter.guarantee == dsl::Guarantee::kUnsafe) add(step, way::kInDoubt);
    if (call.completes) {
      add(step, way::kPendingFailed);
      add(step, way::kPendingSilent);
    }
    if (call.probe) {
      for (const char* state : {"done", "not_done", "in_progress", "unknown"}) {
        add(step, std::string(way::kProbe) + state);
      }
    }
    if (call.compensate.kind != dsl::CompensationSpec::Kind::kCall) return;
    for (const std::string_view what : {way::kRefused, way::kTransient, way::kUnavailable,
                                        way::kUnknown, way::kUnknownHappened, way::kLate}) {
      add(step, std::string(way::kUndo) + std::string(what));
    }
  }

  void list_listen(const Step& step) {
    const dsl::ListenSpec& listen = *step.listen;
    add(step, way::kEventTaken);
    if (!listen.correlate_event || listen.keep_ms > 0) add(step, way::kEventEarly);
    if (!listen.timeout_ms) return;
    add(step, way::kEventNever);
    add(step, way::kEventLate);
  }

  void list_saga() {
    const Step* pivot = graph_.pivot == dsl::kNoStep ? nullptr : &graph_.step(graph_.pivot);
    const bool anything_later = std::any_of(graph_.steps.begin(), graph_.steps.end(),
                                            [](const Step& step) { return step.after_pivot; });
    if (pivot == nullptr) {
      add(way::kCancelled);
      if (graph_.deadline_ms) add(way::kDeadline);
      return;
    }
    if (pivot->place > 0) add(way::kCancelledEarly);
    add(way::kCancelledAtPivot);
    if (anything_later) add(way::kCancelledLate);
    if (!graph_.deadline_ms) return;
    add(way::kDeadlineEarly);
    if (anything_later) add(way::kDeadlineLate);
  }

  const SagaGraph& graph_;
  std::vector<Placement> out_;
};

/// Newer versions are larger: number by number.
bool older(const std::string& a, const std::string& b) {
  std::size_t at_a = 0, at_b = 0;
  while (at_a < a.size() && at_b < b.size()) {
    const std::size_t end_a = std::min(a.find('.', at_a), a.size());
    const std::size_t end_b = std::min(b.find('.', at_b), b.size());
    const std::string part_a = a.substr(at_a, end_a - at_a), part_b = b.substr(at_b, end_b - at_b);
    if (part_a != part_b) {
      return part_a.size() != part_b.size() ? part_a.size() < part_b.size() : part_a < part_b;
    }
    at_a = end_a + 1;
    at_b = end_b + 1;
  }
  return false;
}

}  // namespace

const dsl::SagaGraph* Definitions::find(std::string_view workflow) const {
  const dsl::SagaGraph* found = nullptr;
  for (const auto& graph : workflows) {
    if (graph->id() == workflow) return graph.get();
    if (graph->workflow != workflow) continue;
    if (found == nullptr || older(found->version, graph->version)) found = graph.get();
  }
  return found;
}

std::vector<Placement> placements_of(const dsl::SagaGraph& graph) { return Lister(graph).take(); }

}  // namespace weft::sim
