// Rules 2 and 4: which names an expression may read where it stands, and which of them may be
// absent there.
#include <string>
#include <utility>
#include <vector>

#include "dsl/names.h"
#include "dsl/validator_scope.h"

namespace weft::dsl {
namespace {

class ScopeCheck final {
 public:
  explicit ScopeCheck(ValidatorContext& context)
      : workflow_(context.workflow), references_(context) {
    each_step(workflow_.steps, nullptr, [this](const StepSyntax& step, const Trail*) {
      for (const RouteSyntax& route : step.on_error) has_finish_ |= route.then == Then::kFinish;
      has_finish_ |= step.kind == StepKind::kFinish;
    });
  }

  void run() {
    doors();
    Scope scope;
    list(workflow_.steps, scope);
    if (workflow_.output) uses(workflow_.output->uses, scope);
    Scope ended = scope;
    if (has_finish_) weaken(ended, "the saga may finish before it");
    announcement(workflow_.on_completed, ended);
    ended = scope;
    ended.error = true;
    weaken(ended, "the saga may end before it");
    announcement(workflow_.on_compensated, ended);
    announcement(workflow_.on_cancelled, ended);
    announcement(workflow_.on_stuck, ended);
  }

 private:
  static void weaken(Scope& scope, const std::string& why) {
    for (auto& [name, result] : scope.results.edit()) {
      if (result.absent.empty()) result.absent = why;
    }
  }

  void doors();
  void list(const StepList& steps, Scope& scope);
  void step(const StepSyntax& step, Scope& scope);
  void call(const StepSyntax& step, const Scope& scope);
  void bodies(const StepSyntax& step, Scope& scope, StepResult& result);
  void routes(const StepSyntax& step, Scope& scope, const std::vector<std::string>& inner,
              StepResult& result);
  void on_success(const StepSyntax& step, const Scope& scope, const StepResult& result);
  void announcement(const std::optional<AnnouncementSyntax>& said, const Scope& scope);
  /// Checks a list in a copy of the scope; its new names join `scope`, absent for `why` if given.
  std::vector<std::string> nested(const StepList& steps, const Scope& inner, Scope& outer,
                                  const std::string& why);
  /// The names in `after` that `inner` has not, into `outer`.
  static std::vector<std::string> join(const Scope& after, const Scope& inner, Scope& outer,
                                       const std::string& why);
  void uses(const std::vector<NameUse>& names, const Scope& scope) {
    references_.uses(names, scope);
  }

  const WorkflowSyntax& workflow_;
  ReferenceCheck references_;
  bool has_finish_ = false;
};

/// Expressions before there is a saga: keys, labels, triggers, what cancels.
void ScopeCheck::doors() {
  references_.sensitive();
  Scope start;
  start.saga = false;
  start.where = "the key";
  if (workflow_.key) uses(workflow_.key->uses, start);
  start.where = "the ordering key";
  if (workflow_.ordering_key) uses(workflow_.ordering_key->uses, start);
  start.where = "a label";
  for (const LabelSyntax& label : workflow_.labels) uses(label.value.uses, start);

  Scope arrival;
  arrival.input = false;
  arrival.saga = false;
  arrival.event = true;
  arrival.where = "a trigger";
  for (const TriggerSyntax& trigger : workflow_.triggers) {
    arrival.event_keys.clear();
    if (trigger.trigger.kind == Trigger::Kind::kSchedule) {
      arrival.event_keys = {"scheduled_at", "date"};
    }
    if (trigger.when) uses(trigger.when->uses, arrival);
    if (trigger.input) uses(trigger.input->uses, arrival);
  }
  if (!workflow_.cancelled_by) return;
  arrival.event_keys.clear();
  arrival.where = "`correlate.event`";
  uses(workflow_.cancelled_by->correlate.event.uses, arrival);
  Scope running;
  running.where = "`correlate.equals`";
  uses(workflow_.cancelled_by->correlate.equals.uses, running);
  running.event = true;
  running.where = "`filter`";
  if (workflow_.cancelled_by->filter) uses(workflow_.cancelled_by->filter->uses, running);
}

void ScopeCheck::list(const StepList& steps, Scope& scope) {
  for (const StepSyntax& each : steps) step(each, scope);
}

std::vector<std::string> ScopeCheck::join(const Scope& after, const Scope& inner, Scope& outer,
                                          const std::string& why) {
  std::vector<std::string> added;
  for (const auto& [name, result] : after.results.all()) {
    if (inner.results.all().contains(name)) continue;
    StepResult& joined = outer.results.edit()[name] = result;
    if (joined.absent.empty()) joined.absent = why;
    added.push_back(name);
  }
  return added;
}

std::vector<std::string> ScopeCheck::nested(const StepList& steps, const Scope& inner, Scope& outer,
                                            const std::string& why) {
  Scope after = inner;
  list(steps, after);
  const Scope before_it = inner;  // `inner` and `outer` may be one.
  return join(after, before_it, outer, why);
}

void ScopeCheck::step(const StepSyntax& step, Scope& scope) {
  if (step.when) uses(step.when->uses, scope);
  if (step.with) {
    Scope sending = scope;
    sending.task = step.kind == StepKind::kCall;
    uses(step.with->uses, sending);
  }
  if (step.kind == StepKind::kCall) call(step, scope);
  if (step.values) uses(step.values->uses, scope);
  if (step.items) uses(step.items->uses, scope);
  if (step.wait_until) uses(step.wait_until->uses, scope);
  if (step.correlate) {
    Scope arrival;
    arrival.input = false;
    arrival.saga = false;
    arrival.event = true;
    arrival.where = "`correlate.event`";
    uses(step.correlate->event.uses, arrival);
    uses(step.correlate->equals.uses, scope);
  }
  if (step.filter) {
    Scope filter = scope;
    filter.event = true;
    uses(step.filter->uses, filter);
  }
  StepResult result = references_.result_of(step);
  bodies(step, scope, result);
  scope.results.edit()[step.name.text] = std::move(result);
}

void ScopeCheck::call(const StepSyntax& step, const Scope& scope) {
  Scope answered = scope;
  answered.call = &step;
  answered.reply = true;
  for (const MovementSyntax& movement : step.releases) {
    if (movement.items) uses(movement.items->uses, answered);
  }
  for (const MovementSyntax& movement : step.consumes) {
    if (movement.items) uses(movement.items->uses, answered);
  }
  Scope uncertain = answered;
  uncertain.reply_uncertain = true;
  uncertain.where = "`holds`";
  for (const MovementSyntax& movement : step.holds) {
    if (movement.items) uses(movement.items->uses, uncertain);
  }
  if (step.probe && step.probe->with) {
    Scope probe = scope;
    probe.call = &step;
    probe.task = true;
    probe.where = "a probe";
    uses(step.probe->with->uses, probe);
  }
  if (step.compensate && step.compensate->with) {
    uncertain.where = "a compensation";
    uncertain.held = true;
    uncertain.task = true;
    uncertain.own = step.name.text;
    uses(step.compensate->with->uses, uncertain);
  }
}

void ScopeCheck::bodies(const StepSyntax& step, Scope& scope, StepResult& result) {
  std::vector<std::string> inner;
  const auto add = [&](const std::vector<std::string>& names) {
    inner.insert(inner.end(), names.begin(), names.end());
  };
  const std::string place = quoted(step.name.text) + " (" + shown(step.kind_at) + ")";
  switch (step.kind) {
    case StepKind::kDo: {
      add(nested(step.body, scope, scope, {}));
      if (!step.body.empty()) {  // Its result is its last step's.
        const auto& all = scope.results.all();
        const auto last = all.find(step.body.back().name.text);
        const std::string absent = result.absent;
        if (last != all.end() && last->second.absent.empty()) result = last->second;
        result.absent = absent;
      }
      if (step.when) {
        for (const std::string& name : inner) {
          StepResult& skipped = scope.results.edit()[name];
          if (skipped.absent.empty()) skipped.absent = result.absent;
        }
      }
      break;
    }
    case StepKind::kChoice: {
      const Scope at_choice = scope;
      for (const BranchSyntax& branch : step.branches) {
        if (branch.when) uses(branch.when->uses, at_choice);
        if (branch.body) {
          add(nested(*branch.body, at_choice, scope, "only one branch of " + place + " runs"));
        }
      }
      break;
    }
    case StepKind::kParallel: {
      const Scope at_fork = scope;
      std::string why = step.race ? "a race has one winner" : std::string();
      if (why.empty() && step.when) why = result.absent;
      for (const ParallelBranchSyntax& branch : step.parallel) {
        add(nested(branch.steps, at_fork, scope, why));
      }
      break;
    }
    case StepKind::kForeach: {
      Scope each = scope;
      each.items.insert(step.as ? step.as->text : "item");
      each.index = true;
      list(step.body, each);
      break;
    }
    case StepKind::kRepeat: {
      Scope round = scope;
      round.index = true;
      round.last = true;
      list(step.body, round);
      if (step.until) uses(step.until->uses, round);
      break;
    }
    default:
      break;
  }
  if (step.on_timeout && step.on_timeout->body) {
    const Scope spent = scope;
    nested(*step.on_timeout->body, spent, scope,
           "it runs only if the time of " + place + " is spent");
  }
  on_success(step, scope, result);
  routes(step, scope, inner, result);
}

void ScopeCheck::routes(const StepSyntax& step, Scope& scope, const std::vector<std::string>& inner,
                        StepResult& result) {
  if (step.on_error.empty()) return;
  Scope failed = scope;
  failed.error = true;
  const std::string place = quoted(step.name.text) + " (" + shown(step.kind_at) + ")";
  for (const std::string& name : inner) {
    StepResult& undone = failed.results.edit()[name];
    if (undone.absent.empty()) undone.absent = place + " failed";
  }
  for (const RouteSyntax& route : step.on_error) {
    Scope routed = failed;
    if (route.body) {
      list(*route.body, routed);
      join(routed, failed, scope, "it runs only if " + place + " fails");
    }
    if (route.result) uses(route.result->uses, routed);
    if (route.then != Then::kContinue) continue;
    for (const std::string& name : inner) {
      StepResult& passed = scope.results.edit()[name];
      if (passed.absent.empty()) {
        passed.absent =
            place + " may fail and go on (" + shown(route.then_at.value_or(route.at)) + ")";
      }
    }
    if (route.result) {
      const std::string absent = result.absent;
      result = StepResult{};
      result.absent = absent;
    } else if (result.absent.empty()) {
      result.absent = "it may fail and go on without a result (" +
                      shown(route.then_at.value_or(route.at)) + ")";
    }
  }
}

void ScopeCheck::on_success(const StepSyntax& step, const Scope& scope, const StepResult& result) {
  if (!step.on_success || !step.on_success->emit || !step.on_success->emit->with) return;
  Scope done = scope;
  done.call = step.kind == StepKind::kCall ? &step : nullptr;
  done.reply = step.kind == StepKind::kCall;
  StepResult certain = result;
  certain.absent.clear();
  done.results.edit()[step.name.text] = std::move(certain);
  announcement(step.on_success, done);
}

void ScopeCheck::announcement(const std::optional<AnnouncementSyntax>& said, const Scope& scope) {
  if (said && said->emit && said->emit->with) uses(said->emit->with->uses, scope);
}

}  // namespace

void check_scope(ValidatorContext& context) { ScopeCheck(context).run(); }

}  // namespace weft::dsl
