#include "dsl/validator.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "dsl/names.h"
#include "dsl/validator_context.h"

namespace weft::dsl {
namespace {

constexpr int kChildDepthMax = 8;

void load_schemas(ValidatorContext& context) {
  if (context.workflow.input_schema) {
    (void)load_schema(context.unit, *context.workflow.input_schema, context.options);
  }
  each_step(context.workflow.steps, nullptr, [&](const StepSyntax& step, const Trail*) {
    if (step.reply_schema) (void)load_schema(context.unit, *step.reply_schema, context.options);
  });
}

}  // namespace

std::vector<OwnedList> lists_of(const StepSyntax& step) {
  std::vector<OwnedList> lists;
  if (!step.body.empty()) lists.push_back({&step.body, ListRole::kBody, nullptr});
  for (const BranchSyntax& branch : step.branches) {
    if (branch.body) lists.push_back({&*branch.body, ListRole::kBranch, nullptr});
  }
  for (const ParallelBranchSyntax& branch : step.parallel) {
    lists.push_back({&branch.steps, ListRole::kBranch, nullptr});
  }
  if (step.on_timeout && step.on_timeout->body) {
    lists.push_back({&*step.on_timeout->body, ListRole::kTimeout, nullptr});
  }
  for (const RouteSyntax& route : step.on_error) {
    if (route.body) lists.push_back({&*route.body, ListRole::kRoute, &route});
  }
  return lists;
}

void each_step(const StepList& steps, const Trail* trail,
               const std::function<void(const StepSyntax&, const Trail*)>& visit) {
  for (const StepSyntax& step : steps) {
    visit(step, trail);
    for (const OwnedList& list : lists_of(step)) {
      const Trail inner{trail, &step, list.role, list.route};
      each_step(*list.steps, &inner, visit);
    }
  }
}

const WorkflowSyntax* child_of(const StepSyntax& step, const Catalogue& catalogue) {
  const Unit* unit = catalogue.workflow(step.target.text, step.major);
  return unit == nullptr ? nullptr : &*unit->workflow;
}

const StepSyntax* pivot_of(const WorkflowSyntax& workflow) {
  const StepSyntax* pivot = nullptr;
  each_step(workflow.steps, nullptr, [&](const StepSyntax& step, const Trail*) {
    if (step.pivot && pivot == nullptr) pivot = &step;
  });
  return pivot;
}

void validate_workflow(Unit& unit, const Catalogue& catalogue, const CompileOptions& options) {
  ValidatorContext context{unit, *unit.workflow, catalogue, options, unit.reporter};
  load_schemas(context);
  check_names(context);
  check_measures(context);
  check_adapters(context);
  check_codes(context);
  check_pivot(context);
  check_scope(context);
  check_statuses(context);
  check_time(context);
}

void validate_children(const std::vector<Unit*>& workflows, const Catalogue& catalogue) {
  // Attached children only: a detached one lives by itself and may start its starter again.
  std::map<const WorkflowSyntax*, int> heights;  // Levels of children below, once known.
  for (Unit* unit : workflows) {
    std::vector<std::string> chain;
    std::set<const WorkflowSyntax*> above;
    bool reported = false;
    bool circular = false;
    const std::function<int(const WorkflowSyntax&, const StepSyntax*)> height =
        [&](const WorkflowSyntax& workflow, const StepSyntax* started_by) -> int {
      if (const auto known = heights.find(&workflow); known != heights.end()) return known->second;
      above.insert(&workflow);
      chain.push_back(workflow.workflow.text);
      int below = 0;
      each_step(workflow.steps, nullptr, [&](const StepSyntax& step, const Trail*) {
        if (step.kind != StepKind::kSaga || step.detach) return;
        const WorkflowSyntax* child = child_of(step, catalogue);
        if (child == nullptr) return;
        const StepSyntax* first = started_by != nullptr ? started_by : &step;
        if (above.contains(child)) {
          circular = true;
          if (child == &*unit->workflow && !reported) {
            std::string circle;
            for (const std::string& name : chain) circle += name + " → ";
            unit->reporter.error(
                first->target.at, "saga.cycle",
                "this saga would start itself again: " + circle + child->workflow.text,
                "break the circle, or start one of them with `detach: true`");
            reported = true;
          }
          return;
        }
        below = std::max(below, 1 + height(*child, first));
      });
      chain.pop_back();
      above.erase(&workflow);
      if (!circular) heights[&workflow] = below;
      return below;
    };
    if (height(*unit->workflow, nullptr) <= kChildDepthMax || reported) continue;
    each_step(unit->workflow->steps, nullptr, [&](const StepSyntax& step, const Trail*) {
      const WorkflowSyntax* child =
          step.kind == StepKind::kSaga && !step.detach ? child_of(step, catalogue) : nullptr;
      if (child == nullptr || reported) return;
      const auto found = heights.find(child);
      if (found == heights.end() || found->second + 1 <= kChildDepthMax) return;
      reported = true;
      unit->reporter.error(step.target.at, "limit.saga-depth",
                           "sub-sagas below this are " + std::to_string(found->second + 1) +
                               " levels deep; at most " + std::to_string(kChildDepthMax) +
                               " are allowed",
                           "start one of them with `detach: true`, or merge some");
    });
  }
}

}  // namespace weft::dsl
