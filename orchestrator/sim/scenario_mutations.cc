#include "orchestrator/sim/scenario_mutations.h"

#include <algorithm>
#include <optional>

namespace weft::sim {
namespace {

using dsl::Step;
using dsl::Value;

std::string operation_of(const dsl::CallTarget& target) {
  return target.adapter + "." + target.operation;
}

class Mutator {
 public:
  Mutator(const dsl::SagaGraph& graph, const Definitions& definitions,
          const std::vector<Scenario>& bases)
      : graph_(graph), definitions_(definitions), bases_(bases) {}

  std::vector<Mutation> of(const Placement& placement, const Scenario& base) const {
    if (placement.step.empty()) return saga_mutations(placement.what);
    const Step* step = graph_.find_step(placement.step);
    if (step == nullptr) return {};
    const std::string_view what = placement.what;
    if (step->call && what.starts_with(way::kUndo)) {
      return undo_mutations(*step, base, what.substr(way::kUndo.size()));
    }
    if (step->call && what.starts_with(way::kProbe)) {
      return probe_mutations(*step, base, what.substr(way::kProbe.size()));
    }
    if (step->call && what == way::kInDoubt) return {in_doubt(*step)};
    if (what.starts_with(way::kRoute)) return route_mutations(*step, what);
    if (step->call) {
      const auto said = answer(base, step->name, false, operation_of(step->call->target), what);
      if (!said) return {};
      Mutation plain{{{operation_of(step->call->target), *said}}, {}, {}};
      return {plain};
    }
    if (step->listen) return listen_mutations(*step, what);
    if (step->saga) return child_mutations(*step, what);
    if (step->foreach) return foreach_mutations(*step, what);
    return after_refusals(*step);
  }

 private:
  /// What the base lets this operation answer when all is well.
  Value usual_reply(const Scenario& base, const std::string& operation) const {
    for (const auto* scripts : {&base.scripts, &base.common, &base.folder}) {
      const auto found = scripts->find(operation);
      if (found == scripts->end()) continue;
      for (const ScriptEntry& entry : found->second) {
        const Value* reply = entry.written.find("reply");
        if (entry.kind == ScriptEntry::Kind::kReply && reply != nullptr) return *reply;
      }
    }
    return {};
  }

  Value entry(const std::string& step, bool undo, Value::Object what, bool once = true) const {
    Value::Object members{{"step", step}};
    if (undo) members.push_back({"undo", true});
    for (dsl::Member& member : what) members.push_back(std::move(member));
    if (once) members.push_back({"times", 1});
    return Value::object(std::move(members));
  }

  std::optional<Value> answer(const Scenario& base, const std::string& step, bool undo,
                              const std::string& operation, std::string_view what) const {
    const Value reply = usual_reply(base, operation);
    const auto with_reply = [&](Value::Object members) {
      if (!reply.is_null()) members.push_back({"reply", reply});
      return entry(step, undo, std::move(members));
    };
    if (what == way::kTransient) return entry(step, undo, {{"transient", true}});
    if (what == way::kUnavailable) return entry(step, undo, {{"unavailable", true}});
    if (what == way::kUnknown) return entry(step, undo, {{"unknown", true}});
    if (what == way::kUnknownHappened) return with_reply({{"unknown", true}, {"happened", true}});
    if (what == way::kLate) return with_reply({{"late", "1s"}});
    if (what == way::kRefused) return entry(step, undo, {{"fail", "refused"}});
    if (what.starts_with(way::kRefused)) {
      return entry(step, undo, {{"fail", std::string(what.substr(way::kRefused.size() + 2))}});
    }
    if (what == way::kPendingFailed)
      return entry(step, undo, {{"pending", "1m"}, {"fail", "refused"}});
    if (what == way::kPendingSilent)
      return entry(step, undo, {{"pending", "never"}, {"heartbeats", false}});
    if (what == way::kUnavailableTooLong) return entry(step, undo, {{"unavailable", "10m"}}, false);
    return std::nullopt;
  }

  /// A branch, a raise: some base may come there by itself, or because something was refused
  /// before.
  std::vector<Mutation> after_refusals(const Step& step) const {
    std::vector<Mutation> out{Mutation{}};
    for (const Step& earlier : graph_.steps) {
      if (earlier.id >= step.id || !earlier.call || earlier.call->target.adapter == "weft")
        continue;
      const auto* operation = graph_.adapter(earlier.call->target.adapter)
                                  .find_operation(earlier.call->target.operation);
      if (operation == nullptr) continue;
      for (const std::string& code : operation->errors) {
        out.push_back(
            {{{operation_of(earlier.call->target), entry(earlier.name, false, {{"fail", code}})}},
             {},
             {}});
      }
    }
    return out;
  }

  Mutation in_doubt(const Step& step) const {
    Mutation out;
    out.answers.emplace_back(operation_of(step.call->target),
                             entry(step.name, false, {{"unknown", true}}, false));
    if (step.call->probe) {
      out.answers.emplace_back(operation_of(step.call->probe->target),
                               entry(step.name, false, {{"state", "unknown"}}, false));
    }
    return out;
  }

  std::vector<Mutation> probe_mutations(const Step& step, const Scenario& base,
                                        std::string_view state) const {
    const std::string operation = operation_of(step.call->target);
    Mutation out;
    const auto lost = answer(base, step.name, false, operation,
                             state == "done" ? way::kUnknownHappened : way::kUnknown);
    out.answers.emplace_back(operation, *lost);
    if (state == "in_progress" || state == "unknown") {
      out.answers.emplace_back(operation_of(step.call->probe->target),
                               entry(step.name, false, {{"state", std::string(state)}}));
    }
    return {out};
  }

  /// What makes the saga go back after `step`: the pivot is refused, or somebody cancels.
  std::vector<Mutation> ways_back(const Step& step) const {
    std::vector<Mutation> out;
    if (graph_.pivot != dsl::kNoStep && graph_.step(graph_.pivot).call) {
      const Step& pivot = graph_.step(graph_.pivot);
      out.push_back(
          {{{operation_of(pivot.call->target), entry(pivot.name, false, {{"fail", "refused"}})}},
           {},
           {}});
    }
    for (dsl::StepId id = step.id + 1; id < graph_.steps.size(); ++id) {
      const Step& later = graph_.step(id);
      if (!later.call || later.after_pivot || later.call->pivot ||
          later.call->target.adapter == "weft")
        continue;
      out.push_back(
          {{{operation_of(later.call->target), entry(later.name, false, {{"fail", "refused"}})}},
           {},
           {}});
      break;
    }
    out.push_back(
        {{}, {Value::object({{"step", step.name}, {"is", "succeeded"}, {"cancel", true}})}, {}});
    return out;
  }

  std::vector<Mutation> undo_mutations(const Step& step, const Scenario& base,
                                       std::string_view what) const {
    const std::string operation = operation_of(step.call->compensate.target);
    const auto said = answer(base, step.name, true, operation, what);
    if (!said) return {};
    std::vector<Mutation> out = ways_back(step);
    out.insert(out.begin(), Mutation{});  // The run may go back already.
    for (Mutation& mutation : out) mutation.answers.emplace_back(operation, *said);
    return out;
  }

  std::vector<Mutation> route_mutations(const Step& step, std::string_view what) const {
    const std::size_t open = what.find('('), close = what.rfind(')');
    std::vector<Mutation> out;
    std::string codes(what.substr(open + 1, close - open - 1));
    while (!codes.empty()) {
      const std::size_t comma = codes.find(", ");
      const std::string code = codes.substr(0, comma);
      codes = comma == std::string::npos ? "" : codes.substr(comma + 2);
      for (const Step& inner : graph_.steps) {
        if (!inner.call || inner.call->target.adapter == "weft" || !within(inner, step)) continue;
        if (code == "unknown" || code == "any") out.push_back(in_doubt(inner));
        const bool any = code == "any" || code == "business" || code == "permanent";
        out.push_back({{{operation_of(inner.call->target),
                         entry(inner.name, false, {{"fail", any ? "refused" : code}})}},
                       {},
                       {}});
      }
    }
    out.push_back({});
    return out;
  }

  bool within(const Step& inner, const Step& outer) const {
    if (inner.id == outer.id) return true;
    for (dsl::StepId up = graph_.parent(inner.id); up != dsl::kNoStep; up = graph_.parent(up)) {
      if (up == outer.id) return true;
    }
    return false;
  }

  std::vector<Mutation> foreach_mutations(const Step& step, std::string_view what) const {
    std::vector<Mutation> out;
    for (const Step& inner : graph_.steps) {
      if (!inner.call || inner.call->target.adapter == "weft" || !within(inner, step)) continue;
      const auto& codes = step.foreach->tolerate->codes;
      const std::string operation = operation_of(inner.call->target);
      if (what == way::kTolerated && !codes.empty()) {
        out.push_back({{{operation, entry(inner.name, false, {{"fail", codes.front()}})}}, {}, {}});
      } else if (what == way::kTolerated) {
        out.push_back({{{operation, entry(inner.name, false, {{"fail", "refused"}})}}, {}, {}});
      } else {
        out.push_back(
            {{{operation, entry(inner.name, false, {{"fail", "refused"}}, false)}}, {}, {}});
      }
    }
    return out;
  }

  std::vector<Mutation> child_mutations(const Step& step, std::string_view what) const {
    if (what == way::kChildUndone) return ways_back(step);
    std::vector<Mutation> out;
    const dsl::SagaGraph* child = nullptr;
    for (const auto& graph : definitions_.workflows) {
      if (graph->workflow == step.saga->workflow &&
          dsl::major_version(graph->version) == step.saga->major)
        child = graph.get();
    }
    if (child == nullptr) return out;
    for (const Step& inner : child->steps) {
      if (!inner.call || inner.call->target.adapter == "weft" || inner.after_pivot) continue;
      out.push_back(
          {{{operation_of(inner.call->target), entry(inner.name, false, {{"fail", "refused"}})}},
           {},
           {}});
    }
    return out;
  }

  std::vector<Mutation> listen_mutations(const Step& step, std::string_view what) const {
    const std::string& event = step.listen->event;
    if (what == way::kEventNever) return {{{}, {}, event}};
    std::vector<Mutation> out;
    for (const Scenario& scenario : bases_) {
      for (const TimelineEntry& known : scenario.timeline) {
        if (known.name != event) continue;
        Value::Object members;
        if (what == way::kEventEarly) {
          const std::string earlier = call_before(step);
          if (earlier.empty()) continue;
          members.push_back({"step", earlier});
        }
        if (what == way::kEventTaken) {
          members.push_back({"step", step.name});
          members.push_back({"is", "waiting"});
        }
        if (what == way::kEventLate) {
          members.push_back({"step", step.name});
          members.push_back({"is", "failed"});
        }
        for (const char* key : {"event", "signal", "data"}) {
          if (const Value* found = known.written.find(key)) members.push_back({key, *found});
        }
        out.push_back({{}, {Value::object(std::move(members))}, event});
      }
    }
    return out;
  }

  /// The last call before `step`: while it runs, `step` does not listen yet.
  std::string call_before(const Step& step) const {
    std::string name;
    for (const Step& earlier : graph_.steps) {
      if (earlier.id < step.id && earlier.call && earlier.call->target.adapter != "weft")
        name = earlier.name;
    }
    return name;
  }

  /// Steps at which somebody may come in between: calls, before or after the pivot.
  std::vector<Mutation> at_each_call(bool after_pivot, const Value::Object& action) const {
    std::vector<Mutation> out;
    for (const Step& step : graph_.steps) {
      const bool slow = step.call || step.listen || step.wait || step.saga;
      const bool pivot = step.id == graph_.pivot;
      if (!slow || pivot || step.after_pivot != after_pivot) continue;
      for (const char* is : {"running", "waiting"}) {
        Value::Object members{{"step", step.name}, {"is", is}};
        members.insert(members.end(), action.begin(), action.end());
        out.push_back({{}, {Value::object(std::move(members))}, {}});
      }
    }
    return out;
  }

  std::vector<Mutation> saga_mutations(std::string_view what) const {
    if (what == way::kCancelledAtPivot) {
      std::vector<Mutation> out;
      for (const char* is : {"running", "waiting"}) {
        out.push_back(
            {{},
             {Value::object(
                 {{"step", graph_.step(graph_.pivot).name}, {"is", is}, {"cancel", true}})},
             {}});
      }
      return out;
    }
    const bool late = what == way::kCancelledLate || what == way::kDeadlineLate;
    if (what.starts_with("cancel")) return at_each_call(late, {{"cancel", true}});
    return at_each_call(late, {{"clock_forward", dsl_duration(*graph_.deadline_ms)}});
  }

  /// As one unit, which the language reads back.
  static std::string dsl_duration(std::int64_t ms) {
    if (ms % 3'600'000 == 0) return std::to_string(ms / 3'600'000) + "h";
    if (ms % 1'000 == 0) return std::to_string(ms / 1'000) + "s";
    return std::to_string(ms) + "ms";
  }

  const dsl::SagaGraph& graph_;
  const Definitions& definitions_;
  const std::vector<Scenario>& bases_;
};

}  // namespace

std::vector<Mutation> mutations_for(const Placement& placement, const Scenario& base,
                                    const dsl::SagaGraph& graph, const Definitions& definitions,
                                    const std::vector<Scenario>& bases) {
  return Mutator(graph, definitions, bases).of(placement, base);
}

}  // namespace weft::sim
