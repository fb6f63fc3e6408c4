// Rules 1 and 3: what is done before the pivot can be undone, what comes after it goes forward.
#include <algorithm>
#include <string>

#include "dsl/names.h"
#include "dsl/validator_context.h"

namespace weft::dsl {
namespace {

class PivotCheck final {
 public:
  explicit PivotCheck(ValidatorContext& context)
      : context_(context), workflow_(context.workflow), reporter_(context.reporter) {}

  void run() {
    find_pivot();
    bool after = false;
    for (const StepSyntax& step : workflow_.steps) {
      check(step, nullptr, after);
      if (&step == pivot_) after = true;
    }
  }

 private:
  void find_pivot();
  void check(const StepSyntax& step, const Trail* trail, bool after);
  void check_before(const StepSyntax& step);
  void check_after(const StepSyntax& step, const Trail* trail);
  void check_child(const StepSyntax& step, bool after);
  void business_errors(const StepSyntax& step);
  [[nodiscard]] ErrorClass class_of(const std::string& code,
                                    const AdapterDefinition& adapter) const;
  void raises(const StepSyntax& step, const Trail* trail);
  void raise(Position at, const std::string& code, const Trail* trail);

  ValidatorContext& context_;
  const WorkflowSyntax& workflow_;
  Reporter& reporter_;
  const StepSyntax* pivot_ = nullptr;
};

void PivotCheck::find_pivot() {
  each_step(workflow_.steps, nullptr, [this](const StepSyntax& step, const Trail* trail) {
    if (!step.pivot) return;
    const Position at = step.key("pivot").value_or(step.kind_at);
    if (trail != nullptr) {
      reporter_.error(at, "pivot.place",
                      "the pivot must stand in the top list of `steps`, not inside " +
                          quoted(trail->owner->name.text),
                      "move the step to the top list");
      return;
    }
    if (pivot_ != nullptr) {
      reporter_.error(at, "pivot.second",
                      "a workflow has one pivot, and " + quoted(pivot_->name.text) + " (" +
                          shown(pivot_->key("pivot").value_or(pivot_->kind_at)) + ") already is it",
                      "keep the later of the two, or none");
      return;
    }
    pivot_ = &step;
  });
  if (pivot_ == nullptr) return;
  const StepSyntax& pivot = *pivot_;
  const Position marked = pivot.key("pivot").value_or(pivot.kind_at);
  for (const char* key : {"when", "compensate"}) {
    const auto other = pivot.key(key);
    if (!other) continue;
    const bool later = before(marked, *other);
    reporter_.error(later ? *other : marked, std::string("pivot.") + key,
                    std::string("the pivot cannot have `") + key + "`" +
                        (later ? " (`pivot` stands at " + shown(marked) + ")"
                               : " (it stands at " + shown(*other) + ")"),
                    key == std::string("when")
                        ? "the saga must pass its pivot; put the condition on other steps"
                        : "once the pivot succeeded nothing is undone: remove `compensate`");
  }
  for (const RouteSyntax& route : pivot.on_error) {
    if (route.then != Then::kContinue && route.then != Then::kStuck) continue;
    reporter_.error(route.then_at.value_or(route.at), "pivot.route",
                    "a route of the pivot may only `compensate` or `finish`",
                    "without the pivot there is nothing to go on with: write `then: compensate`");
  }
}

void PivotCheck::check(const StepSyntax& step, const Trail* trail, bool after) {
  if (step.kind == StepKind::kSaga) check_child(step, after);
  if (after) {
    check_after(step, trail);
  } else if (step.kind == StepKind::kCall && !step.pivot) {
    check_before(step);
  }
  for (const OwnedList& list : lists_of(step)) {
    const Trail inner{trail, &step, list.role, list.route};
    for (const StepSyntax& nested : *list.steps) check(nested, &inner, after);
  }
}

void PivotCheck::check_before(const StepSyntax& step) {
  if (step.compensate) return;
  reporter_.error(step.kind_at, "compensate.missing",
                  "the call " + quoted(step.name.text) + " does not say how it is undone",
                  "add `compensate: {call: " + step.call.adapter +
                      ".OPERATION}`, `compensate: none` if there is nothing to undo, or "
                      "`compensate: manual` if a person undoes it");
}

void PivotCheck::check_after(const StepSyntax& step, const Trail* trail) {
  if (const auto at = step.key("compensate")) {
    reporter_.error(*at, "pivot.compensate",
                    "nothing is undone after the pivot " + quoted(pivot_->name.text) + " (" +
                        shown(pivot_->kind_at) + ")",
                    "remove `compensate`, or move the step before the pivot");
  }
  if (step.kind == StepKind::kParallel && step.race) {
    bool calls = false;
    for (const ParallelBranchSyntax& branch : step.parallel) {
      each_step(branch.steps, nullptr, [&](const StepSyntax& inner, const Trail*) {
        calls = calls || inner.kind == StepKind::kCall || inner.kind == StepKind::kSaga;
      });
    }
    if (calls) {
      reporter_.error(step.key("race").value_or(step.kind_at), "pivot.race",
                      "a race undoes its losers, and nothing is undone after the pivot (" +
                          shown(pivot_->kind_at) + ")",
                      "run the branches together without `race`, or move them before the pivot");
    }
  }
  for (const RouteSyntax& route : step.on_error) {
    if (route.then != Then::kCompensate) continue;
    reporter_.error(route.then_at.value_or(route.at), "pivot.route",
                    "after the pivot (" + shown(pivot_->kind_at) + ") a route cannot compensate" +
                        (route.then_at ? "" : ", which is what it does without `then`"),
                    "write `then: continue`, `then: finish` or `then: stuck`");
  }
  if (step.kind == StepKind::kCall) business_errors(step);
  raises(step, trail);
}

/// Business refusals are foreseeable: after the pivot each needs an answer at its own call.
void PivotCheck::business_errors(const StepSyntax& step) {
  const AdapterDefinition adapter = context_.catalogue.adapter(step.call.adapter);
  std::vector<std::string> adapters{step.call.adapter};
  adapters.insert(adapters.end(), adapter.route_targets.begin(), adapter.route_targets.end());
  for (const std::string& name : adapters) {
    const AdapterDefinition definition = context_.catalogue.adapter(name);
    const OperationDefinition* operation = definition.find_operation(step.call.operation);
    if (operation == nullptr) continue;
    for (const std::string& code : operation->errors) {
      if (class_of(code, definition) != ErrorClass::kBusiness) continue;
      const bool routed =
          std::any_of(step.on_error.begin(), step.on_error.end(), [&](const RouteSyntax& route) {
            return std::any_of(route.errors.begin(), route.errors.end(), [&](const Word& word) {
              return word.text == code || word.text == "any" || word.text == "business" ||
                     word.text == "permanent";
            });
          });
      if (routed) continue;
      reporter_.error(
          step.kind_at, "pivot.unrouted",
          "after the pivot (" + shown(pivot_->kind_at) + ") the refusal " + quoted(code) + " of " +
              quoted(step.call.adapter + "." + step.call.operation) + " has no route at its call",
          "add `on_error: [{errors: [" + code + "], do: [steps], then: continue}]`");
    }
  }
}

/// As the engine classes it: the workflow's own word beats the adapter's.
ErrorClass PivotCheck::class_of(const std::string& code, const AdapterDefinition& adapter) const {
  for (const ErrorSyntax& error : workflow_.errors) {
    if (error.code.text == code) return error.declaration.error_class;
  }
  const auto declared = adapter.errors.find(code);
  return declared == adapter.errors.end() ? ErrorClass::kBusiness : declared->second.error_class;
}

void PivotCheck::raises(const StepSyntax& step, const Trail* trail) {
  if (step.kind == StepKind::kRaise) raise(step.kind_at, step.target.text, trail);
  const Trail here{trail, &step, ListRole::kBody, nullptr};
  for (const BranchSyntax& branch : step.branches) {
    if (branch.raise) raise(branch.raise->at, branch.raise->text, &here);
  }
  if (step.on_timeout && step.on_timeout->raise) {
    raise(step.on_timeout->raise->at, step.on_timeout->raise->text, &here);
  }
}

void PivotCheck::raise(Position at, const std::string& code, const Trail* trail) {
  for (const Trail* above = trail; above != nullptr; above = above->above) {
    if (above->role == ListRole::kRoute) {
      if (above->owner->kind == StepKind::kCall) {
        reporter_.error(at, "pivot.raise",
                        "after the pivot (" + shown(pivot_->kind_at) +
                            ") a call's route cannot raise: nothing can be undone any more",
                        "end the route with `then: continue`, `then: finish` or `then: stuck`");
        return;
      }
      continue;  // A route's own step does not catch what its route raises.
    }
    for (const RouteSyntax& route : above->owner->on_error) {
      for (const Word& word : route.errors) {
        if (word.text == code || word.text == "any" || word.text == "business" ||
            word.text == "permanent") {
          return;
        }
      }
    }
    if (above->owner->kind == StepKind::kForeach && above->owner->tolerate) return;
  }
  reporter_.warning(at, "pivot.raise",
                    "after the pivot (" + shown(pivot_->kind_at) +
                        ") this leaves the saga stuck: nothing can be undone any more",
                    "route the code on an enclosing step, or leave it to an operator on purpose");
}

void PivotCheck::check_child(const StepSyntax& step, bool after) {
  const WorkflowSyntax* child = child_of(step, context_.catalogue);
  const bool child_has_pivot = child != nullptr && pivot_of(*child) != nullptr;
  if (child_has_pivot && !step.pivot && !step.detach) {
    reporter_.error(step.target.at, "pivot.child",
                    "the workflow " + quoted(step.target.text) +
                        " has a pivot, so it cannot be undone with its parent",
                    "make this step the pivot (`pivot: true`), or start it with `detach: true`");
  } else if (after && !step.detach && step.on_error.empty()) {
    reporter_.warning(
        step.kind_at, "pivot.child",
        "a child that fails after the pivot (" + shown(pivot_->kind_at) + ") leaves the saga stuck",
        "route its codes with `on_error`, or start it with `detach: true`");
  }
}

}  // namespace

void check_pivot(ValidatorContext& context) { PivotCheck(context).run(); }

}  // namespace weft::dsl
