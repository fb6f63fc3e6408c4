// Names: of steps, statuses, resources, policies; and what objectives and metrics refer to.
#include <algorithm>
#include <map>
#include <string>

#include "dsl/declared_codes.h"
#include "dsl/names.h"
#include "dsl/validator_context.h"

namespace weft::dsl {
namespace {

std::vector<std::string> texts(const std::vector<Word>& words) {
  std::vector<std::string> out;
  for (const Word& word : words) out.push_back(word.text);
  return out;
}

class NameCheck final {
 public:
  explicit NameCheck(ValidatorContext& context)
      : context_(context), workflow_(context.workflow), reporter_(context.reporter) {}

  void run() {
    collect_steps();
    check_declared_codes(workflow_.errors, reporter_);
    resources();
    policies();
    key();
    each_step(workflow_.steps, nullptr,
              [this](const StepSyntax& step, const Trail* trail) { check(step, trail); });
    for (const auto* said : {&workflow_.on_completed, &workflow_.on_compensated,
                             &workflow_.on_cancelled, &workflow_.on_stuck}) {
      if (*said) status((*said)->status);
    }
    after_pivot();
  }

 private:
  void collect_steps();
  void resources();
  void policies();
  void key();
  void check(const StepSyntax& step, const Trail* trail);
  void check_as(const StepSyntax& step, const Trail* trail);
  void finish_place(const StepSyntax& step, const Trail* trail);
  void status(const std::optional<Word>& word);
  void policy(const std::optional<RetrySyntax>& retry);
  void delays(const RetrySyntax& retry);
  void movements(const std::vector<MovementSyntax>& moved);
  void after_pivot();

  ValidatorContext& context_;
  const WorkflowSyntax& workflow_;
  Reporter& reporter_;
  std::map<std::string, Position> steps_;
};

void NameCheck::collect_steps() {
  each_step(workflow_.steps, nullptr, [this](const StepSyntax& step, const Trail*) {
    const Word& name = step.name;
    if (is_reserved_name(name.text)) {
      reporter_.error(name.at, "names.reserved",
                      "`$" + name.text + "` already means something in expressions",
                      "give the step another name");
    }
    const auto [found, added] = steps_.emplace(name.text, name.at);
    if (added) return;
    const Position first = before(found->second, name.at) ? found->second : name.at;
    const Position later = before(found->second, name.at) ? name.at : found->second;
    found->second = first;
    reporter_.error(later, "names.duplicate",
                    "the step " + quoted(name.text) + " is already defined at " + shown(first),
                    "a step's name is unique in the whole file: give this one another");
  });
}

void NameCheck::resources() {
  for (const ResourceSyntax& resource : workflow_.resources) {
    const auto& by = resource.definition.by;
    if (std::find(by.begin(), by.end(), resource.definition.quantity) != by.end()) {
      reporter_.error(resource.name.at, "resources.quantity",
                      "the quantity of " + quoted(resource.name.text) + ", " +
                          quoted(resource.definition.quantity) + ", is also one of its dimensions",
                      "name the quantity with `quantity: NAME`, or leave it out of `by`");
    }
  }
}

void NameCheck::delays(const RetrySyntax& retry) {
  if (retry.delay && retry.delay_max && retry.delay_max->ms < retry.delay->ms) {
    reporter_.error(retry.delay_max->at, "retry.delay",
                    "`max_delay` (" + format_duration(retry.delay_max->ms) +
                        ") is shorter than `delay` (" + format_duration(retry.delay->ms) + ")",
                    "make it at least as long");
  }
}

void NameCheck::policies() {
  for (const auto& [name, retry] : workflow_.retries) delays(retry);
  policy(workflow_.default_retry);
}

void NameCheck::key() {
  if (!workflow_.key || workflow_.key->value.constant() == nullptr) return;
  reporter_.warning(workflow_.key->at, "key.constant",
                    "every start has this same key, so there will only ever be one saga",
                    "work it out from the input: `${ .order_id }`");
}

void NameCheck::policy(const std::optional<RetrySyntax>& retry) {
  if (!retry) return;
  delays(*retry);
  if (!retry->policy) return;
  std::vector<std::string> names{"none"};
  for (const auto& [name, definition] : workflow_.retries) {
    if (name.text == retry->policy->text) return;
    names.push_back(name.text);
  }
  std::string instead = suggestion(retry->policy->text, names);
  if (names.size() == 1 && instead.starts_with("write")) {
    instead = "define it under `retries`, or write the policy here";
  }
  reporter_.error(retry->policy->at, "retry.unknown",
                  "there is no retry policy " + quoted(retry->policy->text), std::move(instead));
}

void NameCheck::status(const std::optional<Word>& word) {
  if (!word) return;
  const std::vector<std::string> declared = texts(workflow_.statuses);
  if (std::find(declared.begin(), declared.end(), word->text) != declared.end()) return;
  std::string instead = declared.empty() ? "declare it: `statuses: [accepted, " + word->text + "]`"
                                         : suggestion(word->text, declared);
  if (instead.empty()) instead = "add it to `statuses`, in its legal order";
  reporter_.error(word->at, "status.undeclared",
                  "the status " + quoted(word->text) + " is not declared", std::move(instead));
}

void NameCheck::movements(const std::vector<MovementSyntax>& moved) {
  std::vector<std::string> names;
  for (const ResourceSyntax& resource : workflow_.resources) names.push_back(resource.name.text);
  for (const MovementSyntax& movement : moved) {
    if (std::find(names.begin(), names.end(), movement.resource.text) != names.end()) continue;
    std::string instead = suggestion(movement.resource.text, names);
    if (instead.empty()) {
      instead = "declare it: `resources: {" + movement.resource.text + ": {by: [sku]}}`";
    }
    reporter_.error(movement.resource.at, "resources.undeclared",
                    "the resource " + quoted(movement.resource.text) + " is not declared",
                    std::move(instead));
  }
}

void NameCheck::check_as(const StepSyntax& step, const Trail* trail) {
  if (!step.as) return;
  const Word& name = *step.as;
  if (name.text != "item" && is_reserved_name(name.text)) {
    reporter_.error(name.at, "names.reserved",
                    "`$" + name.text + "` already means something in expressions",
                    "give the item another name, or leave `as` out: it is `$item` then");
  } else if (const auto found = steps_.find(name.text); found != steps_.end()) {
    reporter_.error(
        name.at, "names.duplicate",
        quoted(name.text) + " is already the name of a step (" + shown(found->second) + ")",
        "give the item another name");
  }
  for (const Trail* above = trail; above != nullptr; above = above->above) {
    if (above->owner->kind != StepKind::kForeach || !above->owner->as) continue;
    if (above->role != ListRole::kBody || above->owner->as->text != name.text) continue;
    reporter_.error(name.at, "names.duplicate",
                    quoted(name.text) + " is already the item of the enclosing `foreach` (" +
                        shown(above->owner->as->at) + ")",
                    "give the inner item another name");
  }
}

void NameCheck::finish_place(const StepSyntax& step, const Trail* trail) {
  const StepSyntax* inner = &step;
  const auto check_finish = [&](Position at, const Trail* from) {
    for (const Trail* above = from; above != nullptr; above = above->above) {
      const StepKind kind = above->owner->kind;
      const bool inside = (kind == StepKind::kParallel && above->role == ListRole::kBranch) ||
                          (kind == StepKind::kForeach && above->role == ListRole::kBody);
      if (!inside) continue;
      reporter_.error(at, "finish.place",
                      std::string("a saga cannot finish inside a `") + step_kind_name(kind) +
                          "` (" + shown(above->owner->kind_at) + "): its other parts still run",
                      "let the block end, and finish after it");
      return;
    }
  };
  if (inner->kind == StepKind::kFinish) check_finish(inner->kind_at, trail);
  for (const RouteSyntax& route : inner->on_error) {
    if (route.then == Then::kFinish) check_finish(route.then_at.value_or(route.at), trail);
  }
}

void NameCheck::check(const StepSyntax& step, const Trail* trail) {
  status(step.status);
  if (step.on_success) status(step.on_success->status);
  status(step.on_wait_status);
  for (const BranchSyntax& branch : step.branches) status(branch.status);
  policy(step.retry);
  if (step.probe) policy(step.probe->retry);
  if (step.compensate) policy(step.compensate->retry);
  movements(step.holds);
  movements(step.releases);
  movements(step.consumes);
  check_as(step, trail);
  finish_place(step, trail);
  if (step.kind == StepKind::kListen && !step.timeout && !workflow_.deadline) {
    reporter_.warning(step.kind_at, "listen.endless",
                      "this step may wait for ever: neither it nor the saga has a limit",
                      "add `timeout` and `on_timeout` here, or a `deadline` to the saga");
  }
  if (!step.holds.empty() && step.compensate &&
      step.compensate->kind == CompensationSpec::Kind::kNone) {
    reporter_.warning(step.compensate->at, "resources.kept",
                      "this step holds resources, and nothing gives them back if the saga fails",
                      "name the call that releases them");
  }
  if (step.heartbeat && step.completes_within && step.heartbeat->ms >= step.completes_within->ms) {
    reporter_.warning(step.heartbeat->at, "completes.heartbeat",
                      "the heartbeat (" + format_duration(step.heartbeat->ms) +
                          ") is not shorter than `within` (" +
                          format_duration(step.completes_within->ms) + ")",
                      "make it shorter, or leave it out");
  }
  if (step.on_wait_after && step.schedule_timeout &&
      step.on_wait_after->ms >= step.schedule_timeout->ms) {
    reporter_.warning(
        step.on_wait_after->at, "on_wait.after",
        "the wait ends (`schedule_timeout: " + format_duration(step.schedule_timeout->ms) +
            "`) before this status would be shown",
        "make `after` shorter");
  }
}

void NameCheck::after_pivot() {
  if (!workflow_.after_pivot) return;
  const Word& name = *workflow_.after_pivot;
  const StepSyntax* pivot = pivot_of(workflow_);
  if (pivot == nullptr) {
    reporter_.warning(name.at, "pivot.after",
                      "`after_pivot` names a workflow, but no step is the pivot",
                      "mark the step after which there is no way back with `pivot: true`");
  }
  if (context_.catalogue.has_workflow(name.text)) return;
  std::string instead;
  if (const auto near = nearest(name.text, context_.catalogue.workflow_names())) {
    instead = "did you mean " + quoted(*near) + "?";
  }
  reporter_.note(name.at, "saga.unknown",
                 "the workflow " + quoted(name.text) + " is not among the files given",
                 std::move(instead));
}

/// What `slo` and `kpi` count: status.X, step.X, error.X.
class MeasureCheck final {
 public:
  explicit MeasureCheck(ValidatorContext& context)
      : workflow_(context.workflow), reporter_(context.reporter) {
    each_step(workflow_.steps, nullptr,
              [this](const StepSyntax& step, const Trail*) { steps_.push_back(step.name.text); });
    for (const Word& status : workflow_.statuses) statuses_.push_back(status.text);
    for (const LabelSyntax& label : workflow_.labels) dimensions_.push_back(label.name.text);
    for (const char* name : {"workflow", "version", "step", "class", "code", "adapter", "state",
                             "status", "outcome"}) {
      dimensions_.emplace_back(name);
    }
  }

  void run() {
    for (const SloSyntax& slo : workflow_.slos) {
      check(slo.from, {"start"}, {"status", "step"});
      std::vector<std::string> ends = kEnds;
      ends.emplace_back("durable");
      check(slo.to, ends, {"status", "step"});
      if (slo.to.text == "durable" && slo.from.text.find('.') != std::string::npos) {
        reporter_.error(slo.from.at, "measure.unknown",
                        "`durable` is when a start is stored, so it is measured from `start`",
                        "write `from: start`, or another `to`");
      }
    }
    for (const KpiSyntax& kpi : workflow_.kpis) {
      if (kpi.age_of) check(*kpi.age_of, {}, {"status"});
      std::vector<std::string> counted = kEnds;
      counted.emplace_back("error");
      if (kpi.count) check(*kpi.count, counted, {"error", "status", "step"});
      if (kpi.at) check(*kpi.at, {}, {"step"});
      for (const Word& word : kpi.by) dimension(word);
    }
  }

 private:
  // How a saga may end; `terminated` is nobody's objective.
  inline static const std::vector<std::string> kEnds{"completed", "compensated", "failed"};

  /// `word` is one of `words`, or a name of one of `kinds`: `status.NAME`, `step.NAME`.
  void check(const Word& word, const std::vector<std::string>& words,
             const std::vector<std::string>& kinds) {
    const std::size_t dot = word.text.find('.');
    const std::string what = word.text.substr(0, dot);
    const std::string name = dot == std::string::npos ? std::string() : word.text.substr(dot + 1);
    const bool fits = dot == std::string::npos
                          ? std::find(words.begin(), words.end(), what) != words.end()
                          : std::find(kinds.begin(), kinds.end(), what) != kinds.end();
    if (!fits) {
      std::vector<std::string> forms = words;
      for (const std::string& kind : kinds) {
        forms.push_back(kind + (kind == "error" ? ".CODE" : ".NAME"));
      }
      const auto near = nearest(what, words);
      reporter_.error(word.at, "measure.unknown", "nothing is measured at " + quoted(word.text),
                      near && dot == std::string::npos ? "did you mean " + quoted(*near) + "?"
                                                       : "write " + any_of_words(forms));
      return;
    }
    const std::vector<std::string>* known = what == "status" ? &statuses_
                                            : what == "step" ? &steps_
                                                             : nullptr;
    if (known == nullptr || dot == std::string::npos) return;
    if (std::find(known->begin(), known->end(), name) != known->end()) return;
    std::string instead = suggestion(name, *known);
    if (instead.empty()) instead = "name a " + what + " of this workflow";
    reporter_.error(word.at, "measure.unknown", "there is no " + what + " " + quoted(name),
                    std::move(instead));
  }

  void dimension(const Word& word) {
    if (std::find(dimensions_.begin(), dimensions_.end(), word.text) != dimensions_.end()) return;
    std::string instead = suggestion(word.text, dimensions_);
    if (instead.empty()) instead = "declare it under `labels`";
    reporter_.error(word.at, "measure.label", quoted(word.text) + " is no label of this workflow",
                    std::move(instead));
  }

  const WorkflowSyntax& workflow_;
  Reporter& reporter_;
  std::vector<std::string> steps_, statuses_, dimensions_;
};

}  // namespace

void check_names(ValidatorContext& context) { NameCheck(context).run(); }
void check_measures(ValidatorContext& context) { MeasureCheck(context).run(); }

}  // namespace weft::dsl
