// Rules 5 and 7: codes are declared, and a retry needs a guarantee that allows it. Adapters.
#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "dsl/names.h"
#include "dsl/validator_context.h"

namespace weft::dsl {
namespace {

bool contains(const std::vector<std::string_view>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

class CodeCheck final {
 public:
  explicit CodeCheck(ValidatorContext& context)
      : context_(context), workflow_(context.workflow), reporter_(context.reporter) {
    collect(workflow_, 0);
  }

  void run() {
    for (const auto& [name, retry] : workflow_.retries) retried(retry);
    if (workflow_.default_retry) retried(*workflow_.default_retry);
    each_step(workflow_.steps, nullptr,
              [this](const StepSyntax& step, const Trail*) { check(step); });
    for (const KpiSyntax& kpi : workflow_.kpis) {
      if (!kpi.count || !kpi.count->text.starts_with("error.")) continue;
      const std::string code = kpi.count->text.substr(6);
      if (!known(code) && !contains(reserved_codes(), code)) undeclared({code, kpi.count->at});
    }
  }

 private:
  /// Codes of the workflow, of the adapters it calls, and of its children.
  void collect(const WorkflowSyntax& workflow, int depth) {
    for (const ErrorSyntax& error : workflow.errors) codes_[error.code.text] = &error.declaration;
    each_step(workflow.steps, nullptr, [&](const StepSyntax& step, const Trail*) {
      if (step.kind == StepKind::kCall) collect_adapter(step.call.adapter);
      if (step.kind != StepKind::kSaga) return;
      const WorkflowSyntax* child = child_of(step, context_.catalogue);
      if (child == nullptr) {
        open_ = true;  // A child we cannot see may fail with any code.
      } else if (depth < 8) {
        collect(*child, depth + 1);
      }
    });
  }

  void collect_adapter(const std::string& name) {
    if (!adapters_.insert(name).second) return;
    const auto found = context_.catalogue.adapters().find(name);
    if (found == context_.catalogue.adapters().end()) return;
    for (const auto& [code, declaration] : found->second.errors) {
      codes_.emplace(code, &declaration);
    }
    for (const std::string& target : found->second.route_targets) collect_adapter(target);
  }

  [[nodiscard]] bool known(const std::string& code) const {
    return open_ || codes_.contains(code) || is_service_code(code);
  }

  void undeclared(const Word& code) {
    std::vector<std::string> names;
    for (const auto& [name, declaration] : codes_) names.push_back(name);
    for (const auto& name : reserved_codes()) names.emplace_back(name);
    const auto near = nearest(code.text, names);
    reporter_.error(code.at, "codes.undeclared",
                    "the code " + quoted(code.text) + " is not declared",
                    near ? "did you mean " + quoted(*near) + "?"
                         : "declare it: `errors: {" + code.text + ": {class: business}}`");
  }

  void raised(const std::optional<Word>& code, std::string_view allowed) {
    if (!code || code->text == allowed) return;
    if (contains(reserved_codes(), code->text)) {
      reporter_.error(code->at, "codes.reserved",
                      "the code " + quoted(code->text) + " is raised by the engine itself",
                      "declare a code of your own and raise that");
    } else if (contains(routable_classes(), code->text) || code->text == "any" ||
               code->text == "invalid") {
      reporter_.error(code->at, "codes.class",
                      quoted(code->text) + " is a class of errors, not a code",
                      "raise a code that `errors` declares");
    } else if (!codes_.contains(code->text)) {
      undeclared(*code);
    }
  }

  void routed(const std::vector<Word>& errors, std::map<std::string, Position>& seen) {
    for (const Word& error : errors) {
      if (error.text == "invalid") {
        reporter_.error(error.at, "codes.class",
                        "`invalid` is never routed: it is a fault that somebody must mend",
                        "remove it; the saga is stuck there and its owner is told");
        continue;
      }
      if (const auto any = seen.find("any"); any != seen.end()) {
        reporter_.warning(
            error.at, "routes.order",
            "this route is never taken: `any` (" + shown(any->second) + ") stands before it",
            "move it before that route");
      } else if (const auto first = seen.find(error.text); first != seen.end()) {
        reporter_.warning(error.at, "routes.order",
                          quoted(error.text) + " is already routed at " + shown(first->second),
                          "keep one of the two");
      }
      seen.emplace(error.text, error.at);
      if (error.text == "any" || contains(routable_classes(), error.text) ||
          contains(reserved_codes(), error.text) || known(error.text)) {
        continue;
      }
      undeclared(error);
    }
  }

  void retried(const RetrySyntax& retry) {
    if (!retry.errors) return;
    for (const Word& error : *retry.errors) {
      if (error.text == "transient" || error.text == "unknown") continue;
      if (error.text == "unavailable") {
        reporter_.error(error.at, "retry.errors",
                        "`unavailable` is not retried: the step waits in the adapter's queue",
                        "remove it; `schedule_timeout` limits that wait");
      } else if (error.text == "permanent" || error.text == "business" || error.text == "any" ||
                 error.text == "invalid") {
        reporter_.error(error.at, "retry.errors",
                        quoted(error.text) + " cannot be retried as a whole class",
                        "name the codes that are worth another attempt");
      } else if (contains(reserved_codes(), error.text)) {
        reporter_.error(error.at, "retry.errors",
                        quoted(error.text) + " is raised by the engine, not answered by an adapter",
                        error.text == "timeout" ? "a call that times out is `unknown`: write that"
                                                : "remove it");
      } else if (const auto found = codes_.find(error.text);
                 found != codes_.end() && found->second->effect_perhaps) {
        reporter_.error(error.at, "retry.errors",
                        quoted(error.text) +
                            " may have left something (`effect: perhaps`), so it "
                            "is never retried",
                        "remove it, and route it with `on_error`");
      } else if (!known(error.text)) {
        undeclared(error);
      }
    }
  }

  void check(const StepSyntax& step) {
    if (step.kind == StepKind::kRaise) raised(step.target, {});
    for (const BranchSyntax& branch : step.branches) raised(branch.raise, {});
    if (step.on_timeout) {
      raised(step.on_timeout->raise, step.kind == StepKind::kRepeat ? "exhausted" : "timeout");
    }
    std::map<std::string, Position> seen;
    for (const RouteSyntax& route : step.on_error) routed(route.errors, seen);
    if (step.tolerate) {
      for (const Word& code : step.tolerate->codes) {
        if (contains(routable_classes(), code.text) || contains(reserved_codes(), code.text) ||
            known(code.text)) {
          continue;
        }
        if (code.text == "any" || code.text == "invalid") {
          reporter_.error(
              code.at, "codes.class",
              "`tolerate` lists codes and classes, and " + quoted(code.text) + " is neither",
              "to tolerate whatever fails write a share: `tolerate: 100%`");
          continue;
        }
        undeclared(code);
      }
    }
    if (step.retry) retried(*step.retry);
    if (step.probe && step.probe->retry) retried(*step.probe->retry);
    if (step.compensate && step.compensate->retry) retried(*step.compensate->retry);
  }

  ValidatorContext& context_;
  const WorkflowSyntax& workflow_;
  Reporter& reporter_;
  std::map<std::string, const ErrorDeclaration*> codes_;
  std::set<std::string> adapters_;
  bool open_ = false;
};

class AdapterCheck final {
 public:
  explicit AdapterCheck(ValidatorContext& context)
      : context_(context), workflow_(context.workflow), reporter_(context.reporter) {}

  void run() {
    each_step(workflow_.steps, nullptr, [this](const StepSyntax& step, const Trail*) {
      if (step.kind == StepKind::kCall) call(step);
      if (step.kind == StepKind::kSaga) child(step);
    });
  }

 private:
  void target(const TargetSyntax& call) {
    const auto found = context_.catalogue.adapters().find(call.adapter);
    if (found == context_.catalogue.adapters().end()) {
      if (!seen_.insert(call.adapter).second) return;
      std::string instead = "its defaults hold: idempotent, no limits";
      if (const auto near = nearest(call.adapter, context_.catalogue.adapter_names())) {
        instead = "did you mean " + quoted(*near) + "?";
      }
      reporter_.note(
          call.at, "adapter.unknown",
          "no definition of the adapter " + quoted(call.adapter) + " is among the files given",
          std::move(instead));
      return;
    }
    operation(call, found->second);
    labels(call, found->second);
  }

  void operation(const TargetSyntax& call, const AdapterDefinition& adapter) {
    if (adapter.find_operation(call.operation) != nullptr) return;
    std::vector<std::string> names;
    for (const OperationDefinition& known : adapter.operations) names.push_back(known.name);
    const auto near = nearest(call.operation, names);
    if (call.adapter == "weft") {
      reporter_.error(call.at, "adapter.operation",
                      "the built-in adapter `weft` has no operation " + quoted(call.operation),
                      "write one of " + any_of_words(names));
    } else if (near) {
      reporter_.warning(call.at, "adapter.operation",
                        "the definition of " + quoted(call.adapter) + " lists no operation " +
                            quoted(call.operation),
                        "did you mean " + quoted(*near) + "?");
    }
  }

  /// A routed adapter reads labels of the saga: each must be there.
  void labels(const TargetSyntax& call, const AdapterDefinition& adapter) {
    if (!adapter.route_choose || !routed_.insert(call.adapter).second) return;
    for (const Reference& reference : adapter.route_choose->references()) {
      if (reference.name != "saga" || reference.path.size() < 2 || reference.path[0] != "labels" ||
          reference.forgiven) {
        continue;
      }
      const std::string& label = reference.path[1];
      const bool declared =
          std::any_of(workflow_.labels.begin(), workflow_.labels.end(),
                      [&](const LabelSyntax& known) { return known.name.text == label; });
      if (declared) continue;
      reporter_.error(call.at, "adapter.label",
                      "the adapter " + quoted(call.adapter) + " is routed by the label " +
                          quoted(label) + ", which this workflow does not declare",
                      "add `labels: {" + label + ": '${ … }'}`");
    }
  }

  void guarantee(const std::optional<RetrySyntax>& retry, const TargetSyntax& call,
                 bool has_probe) {
    if (!retry) return;
    // A single attempt asks for nothing that the adapter would have to allow.
    if (retry_of(retry, std::nullopt, workflow_, false).attempts_max == 1) return;
    const Guarantee guarantee = context_.catalogue.adapter(call.adapter).guarantee;
    const RetryPolicy policy = retry_of(retry, std::nullopt, workflow_, false);
    const Position at = retry->policy ? retry->policy->at : retry->at;
    if (guarantee == Guarantee::kUnsafe) {
      reporter_.error(at, "retry.guarantee",
                      "the adapter " + quoted(call.adapter) +
                          " is `unsafe`: repeating a call could do it twice",
                      "write `retry: none`, and add a `probe` if it can be asked what happened");
    }
    if (guarantee == Guarantee::kQueryable && !has_probe &&
        std::find(policy.errors.begin(), policy.errors.end(), "unknown") != policy.errors.end()) {
      reporter_.error(at, "retry.guarantee",
                      "the adapter " + quoted(call.adapter) +
                          " is `queryable`: `unknown` may only be retried after asking it",
                      "add `probe: {call: " + call.adapter +
                          ".OPERATION}`, or leave `unknown` out of `errors`");
    }
  }

  void call(const StepSyntax& step) {
    target(step.call);
    guarantee(step.retry, step.call, step.probe.has_value());
    if (step.probe) target(step.probe->call);
    if (!step.compensate || step.compensate->kind != CompensationSpec::Kind::kCall) return;
    const TargetSyntax& undo = step.compensate->call;
    target(undo);
    guarantee(step.compensate->retry, undo, true);
    if (undo.adapter == step.call.adapter) return;
    for (const std::string& name : {step.call.adapter, undo.adapter}) {
      if (context_.catalogue.adapter(name).guarantee != Guarantee::kFenced ||
          !context_.catalogue.adapters().contains(name)) {
        continue;
      }
      reporter_.error(undo.at, "adapter.fence",
                      "the compensation is on " + quoted(undo.adapter) + ", the call (" +
                          shown(step.call.at) + ") on " + quoted(step.call.adapter) +
                          ": the fence of " + quoted(name) + " cannot join the two",
                      "undo on the adapter that did it");
      return;
    }
  }

  void child(const StepSyntax& step) {
    const WorkflowSyntax* child = child_of(step, context_.catalogue);
    const std::string name = step.target.text + "@" + std::to_string(step.major);
    if (child == nullptr) {
      std::string instead;
      if (context_.catalogue.has_workflow(step.target.text)) {
        instead = "another major version of it is there";
      } else if (const auto near = nearest(step.target.text, context_.catalogue.workflow_names())) {
        instead = "did you mean " + quoted(*near) + "?";
      }
      const std::string message = "the workflow " + quoted(name) + " is not among the files given";
      if (context_.catalogue.complete()) {
        reporter_.error(step.target.at, "saga.unknown", message,
                        instead.empty() ? "give its file too" : instead);
      } else {
        reporter_.note(step.target.at, "saga.unknown", message, instead);
      }
      return;
    }
    if (child->lifecycle == Lifecycle::kRetired) {
      reporter_.error(step.target.at, "saga.retired",
                      "the workflow " + quoted(name) + " is retired: its starts are refused",
                      "start another one");
    } else if (child->lifecycle == Lifecycle::kDeprecated) {
      reporter_.warning(step.target.at, "saga.deprecated",
                        "the workflow " + quoted(name) + " is deprecated");
    }
  }

  ValidatorContext& context_;
  const WorkflowSyntax& workflow_;
  Reporter& reporter_;
  std::set<std::string> seen_, routed_;
};

}  // namespace

void check_codes(ValidatorContext& context) { CodeCheck(context).run(); }
void check_adapters(ValidatorContext& context) { AdapterCheck(context).run(); }

}  // namespace weft::dsl
