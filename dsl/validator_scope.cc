// Rules 2 and 4: which names an expression may read where it stands, and which of them may be
// absent there.
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "dsl/names.h"
#include "dsl/schema_check.h"
#include "dsl/validator_context.h"

namespace weft::dsl {
namespace {

/// What is known about the result of a step that may be read.
struct Result {
  std::string absent;  ///< Why it may be absent; empty if it cannot be.
  std::string null;    ///< Why it may be null; empty if it cannot be.
  const Value* schema = nullptr;
  std::vector<std::string> keys;  ///< If `exact`, all that it has.
  bool exact = false;
  bool is_list = false;
};

/// The results that may be read. Copies share the table until one of them adds to it: every block
/// looks at its surroundings, few change them.
class Results {
 public:
  [[nodiscard]] const std::map<std::string, Result>& all() const { return *table_; }
  std::map<std::string, Result>& edit() {
    if (table_.use_count() > 1) table_ = std::make_shared<std::map<std::string, Result>>(*table_);
    return *table_;
  }

 private:
  std::shared_ptr<std::map<std::string, Result>> table_ =
      std::make_shared<std::map<std::string, Result>>();
};

/// What stands around an expression.
struct Scope {
  Results results;
  std::set<std::string> items;  ///< Names of enclosing foreach.
  bool input = true;            ///< `.`
  bool saga = true;
  bool index = false;
  bool last = false;
  bool error = false;
  bool event = false;
  bool task = false;
  const StepSyntax* call = nullptr;  ///< `$with` is its input.
  bool reply = false;                ///< `$reply` is its answer,
  bool reply_uncertain = false;      ///< which may never have come.
  bool held = false;
  std::string own;    ///< The step itself, readable like `$reply`.
  std::string where;  ///< "a compensation", for messages.
};

std::string spelled(const Reference& reference) {
  std::string out = reference.name == "." ? "." : "$" + reference.name;
  for (const std::string& part : reference.path) {
    if (out != ".") out += ".";
    out += part;
  }
  return out;
}

class ScopeCheck final {
 public:
  explicit ScopeCheck(ValidatorContext& context)
      : context_(context), workflow_(context.workflow), reporter_(context.reporter) {
    each_step(workflow_.steps, nullptr, [this](const StepSyntax& step, const Trail* trail) {
      places_.emplace(step.name.text, Place{&step, enclosing_loop(trail)});
      for (const RouteSyntax& route : step.on_error) has_finish_ |= route.then == Then::kFinish;
      has_finish_ |= step.kind == StepKind::kFinish;
    });
    if (workflow_.input_schema) input_schema_ = schema(*workflow_.input_schema);
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
  struct Place {
    const StepSyntax* step = nullptr;
    const StepSyntax* loop = nullptr;  ///< The foreach or repeat it is visible in only.
  };

  static const StepSyntax* enclosing_loop(const Trail* trail) {
    for (const Trail* above = trail; above != nullptr; above = above->above) {
      const StepKind kind = above->owner->kind;
      if (above->role == ListRole::kBody &&
          (kind == StepKind::kForeach || kind == StepKind::kRepeat)) {
        return above->owner;
      }
    }
    return nullptr;
  }

  const Value* schema(const Word& file) const {
    const auto found = context_.unit.schemas.find(file.text);
    return found == context_.unit.schemas.end() ? nullptr : &found->second.schema;
  }

  static void weaken(Scope& scope, const std::string& why) {
    for (auto& [name, result] : scope.results.edit()) {
      if (result.absent.empty()) result.absent = why;
    }
  }

  void doors();
  void list(const StepList& steps, Scope& scope);
  void step(const StepSyntax& step, Scope& scope);
  void call(const StepSyntax& step, const Scope& scope);
  void bodies(const StepSyntax& step, Scope& scope, Result& result);
  void routes(const StepSyntax& step, Scope& scope, const std::vector<std::string>& inner,
              Result& result);
  void on_success(const StepSyntax& step, const Scope& scope, const Result& result);
  void announcement(const std::optional<AnnouncementSyntax>& said, const Scope& scope);
  /// Checks a list in a copy of the scope; its new names join `scope`, absent for `why` if given.
  std::vector<std::string> nested(const StepList& steps, const Scope& inner, Scope& outer,
                                  const std::string& why);
  /// The names in `after` that `inner` has not, into `outer`.
  static std::vector<std::string> join(const Scope& after, const Scope& inner, Scope& outer,
                                       const std::string& why);
  Result result_of(const StepSyntax& step) const;

  void uses(const std::vector<NameUse>& uses, const Scope& scope);
  void use(const NameUse& use, const Scope& scope);
  bool special(const NameUse& use, const Scope& scope);
  void missing(const NameUse& use, const Scope& scope);
  void result_path(const NameUse& use, const Result& result);
  void schema_path(const NameUse& use, const Value& schema);
  void keys_path(const NameUse& use, const std::vector<std::string>& keys);
  void nowhere(const NameUse& use, std::string message, std::string instead) {
    reporter_.error(use.at, "scope.unknown", std::move(message), std::move(instead));
  }

  ValidatorContext& context_;
  const WorkflowSyntax& workflow_;
  Reporter& reporter_;
  std::map<std::string, Place> places_;
  const Value* input_schema_ = nullptr;
  bool has_finish_ = false;
};

/// Expressions before there is a saga: keys, labels, triggers, what cancels.
void ScopeCheck::doors() {
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
    if (trigger.when) uses(trigger.when->uses, arrival);
    if (trigger.input) uses(trigger.input->uses, arrival);
  }
  if (!workflow_.cancelled_by) return;
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
    Result& joined = outer.results.edit()[name] = result;
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

Result ScopeCheck::result_of(const StepSyntax& step) const {
  Result result;
  if (step.when) result.absent = "it has `when` (" + shown(step.when->at) + ")";
  switch (step.kind) {
    case StepKind::kCall: {
      if (step.reply_schema) {
        result.schema = schema(*step.reply_schema);
      } else if (const auto found = context_.catalogue.adapters().find(step.call.adapter);
                 found != context_.catalogue.adapters().end()) {
        const auto* operation = found->second.find_operation(step.call.operation);
        if (operation != nullptr && operation->reply) result.schema = &operation->reply->schema;
      }
      break;
    }
    case StepKind::kSet:
      if (step.values && step.values->is_mapping) {
        result.keys = step.values->keys;
        result.exact = true;
      }
      break;
    case StepKind::kParallel:
      result.exact = true;
      if (step.race) {
        result.keys = {"winner", "output"};
      } else {
        for (const ParallelBranchSyntax& branch : step.parallel) {
          result.keys.push_back(branch.name.text);
        }
      }
      break;
    case StepKind::kForeach:
      result.is_list = true;
      break;
    case StepKind::kSaga:
      if (step.detach) {
        result.exact = true;
        result.keys = {"saga"};
      }
      break;
    case StepKind::kListen:
      if (step.on_timeout && step.on_timeout->kind != TimeoutAction::Kind::kRaise) {
        result.null = "no event may come before its `timeout`";
      }
      break;
    default:
      break;
  }
  return result;
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
  Result result = result_of(step);
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

void ScopeCheck::bodies(const StepSyntax& step, Scope& scope, Result& result) {
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
          Result& skipped = scope.results.edit()[name];
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
                        Result& result) {
  if (step.on_error.empty()) return;
  Scope failed = scope;
  failed.error = true;
  const std::string place = quoted(step.name.text) + " (" + shown(step.kind_at) + ")";
  for (const std::string& name : inner) {
    Result& undone = failed.results.edit()[name];
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
      Result& passed = scope.results.edit()[name];
      if (passed.absent.empty()) {
        passed.absent =
            place + " may fail and go on (" + shown(route.then_at.value_or(route.at)) + ")";
      }
    }
    if (route.result) {
      const std::string absent = result.absent;
      result = Result{};
      result.absent = absent;
    } else if (result.absent.empty()) {
      result.absent = "it may fail and go on without a result (" +
                      shown(route.then_at.value_or(route.at)) + ")";
    }
  }
}

void ScopeCheck::on_success(const StepSyntax& step, const Scope& scope, const Result& result) {
  if (!step.on_success || !step.on_success->emit || !step.on_success->emit->with) return;
  Scope done = scope;
  done.call = step.kind == StepKind::kCall ? &step : nullptr;
  done.reply = step.kind == StepKind::kCall;
  Result certain = result;
  certain.absent.clear();
  done.results.edit()[step.name.text] = std::move(certain);
  announcement(step.on_success, done);
}

void ScopeCheck::announcement(const std::optional<AnnouncementSyntax>& said, const Scope& scope) {
  if (said && said->emit && said->emit->with) uses(said->emit->with->uses, scope);
}

void ScopeCheck::uses(const std::vector<NameUse>& names, const Scope& scope) {
  for (const NameUse& name : names) {
    if (reporter_.full()) return;
    use(name, scope);
  }
}

void ScopeCheck::use(const NameUse& use, const Scope& scope) {
  if (special(use, scope)) return;
  const std::string& name = use.reference.name;
  if (scope.items.contains(name)) return;
  if (!scope.own.empty() && name == scope.own) {
    if (!use.reference.forgiven) {
      reporter_.error(use.at, "compensate.reply",
                      quoted(spelled(use.reference)) +
                          " comes with the reply, and an unanswered call must be undone too",
                      "write " + quoted(spelled(use.reference) + " // …") +
                          ", or use `$with`, `$held` or earlier steps");
    }
    return;
  }
  const auto found = scope.results.all().find(name);
  if (found == scope.results.all().end()) {
    missing(use, scope);
    return;
  }
  const Result& result = found->second;
  if (!result.absent.empty() && !use.reference.forgiven) {
    reporter_.error(use.at, "scope.skipped",
                    quoted("$" + name) + " may be absent: " + result.absent,
                    "say what holds then: " + quoted(spelled(use.reference) + " // null"));
    return;
  }
  if (!result.null.empty() && !use.reference.forgiven && !use.reference.path.empty()) {
    reporter_.warning(use.at, "scope.null", quoted("$" + name) + " may be null: " + result.null,
                      "say what holds then: " + quoted(spelled(use.reference) + " // null"));
  }
  result_path(use, result);
}

/// The names that are no steps. True if `use` is one of them, right or wrong.
bool ScopeCheck::special(const NameUse& use, const Scope& scope) {
  const std::string& name = use.reference.name;
  const std::string here = scope.where.empty() ? "here" : "in " + scope.where;
  const auto must = [&](bool there, const char* message, const char* instead) {
    if (!there) {
      nowhere(use,
              quoted(name == "." ? name : "$" + name) + " does not exist " + here +
                  (message[0] == '\0' ? "" : std::string(": ") + message),
              instead);
    }
    return there;
  };
  if (name == ".") {
    if (must(scope.input, "no saga has started", "use `$event`") && input_schema_ != nullptr) {
      schema_path(use, *input_schema_);
    }
    return true;
  }
  if (name == "saga") {
    if (must(scope.saga, "there is no saga yet",
             scope.event ? "use `$event`" : "use `.`, the input")) {
      keys_path(use, {"id", "workflow", "version", "key", "labels", "bucket", "started_at"});
      if (use.reference.path.size() > 1 && use.reference.path[0] == "labels") {
        std::vector<std::string> labels;
        for (const LabelSyntax& label : workflow_.labels) labels.push_back(label.name.text);
        NameUse label = use;
        label.reference.path.erase(label.reference.path.begin());
        keys_path(label, labels);
      }
    }
    return true;
  }
  if (name == "task") {
    if (must(scope.task, "it belongs to a call's `with`", "use `$saga`")) {
      keys_path(use, {"key", "attempt"});
    }
    return true;
  }
  if (name == "error") {
    if (must(scope.error, "it belongs to the routes of `on_error`", "move this into a route")) {
      keys_path(use, {"class", "code", "message", "step"});
    }
    return true;
  }
  if (name == "event") {
    must(scope.event, "it belongs to triggers, `correlate.event` and `filter`",
         "the event a `listen` step took is its result: `$STEP`");
    return true;
  }
  if (name == "index") {
    must(scope.index, "it belongs to the steps of `foreach` and `repeat`", "");
    return true;
  }
  if (name == "last") {
    if (must(scope.last, "it belongs to the steps of `repeat`", "") && !use.reference.forgiven &&
        !use.reference.path.empty()) {
      reporter_.warning(use.at, "scope.null", "`$last` is null in the first round",
                        "say what holds then: " + quoted(spelled(use.reference) + " // null"));
    }
    return true;
  }
  if (name == "with") {
    if (must(scope.call != nullptr, "it is a call's own input, once rendered",
             "use what the input is made of") &&
        (!scope.call->with || scope.call->with->is_mapping)) {
      keys_path(use, scope.call->with ? scope.call->with->keys : std::vector<std::string>{});
    }
    return true;
  }
  if (name == "reply") {
    if (!must(scope.reply, "it is a call's own reply",
              "the result of an earlier step is `$STEP`")) {
      return true;
    }
    if (scope.reply_uncertain && !use.reference.forgiven) {
      const bool holds = scope.where == "`holds`";
      reporter_.error(
          use.at, holds ? "holds.reply" : "compensate.reply",
          quoted(spelled(use.reference)) +
              " is unknown when no reply came, and the step must be undone then too",
          std::string("write ") +
              quoted(use.reference.path.empty()
                         ? std::string("($reply // $with)")
                         : spelled(use.reference) + " // $with." + use.reference.path.back()) +
              ", or use what was known before");
      return true;
    }
    result_path(use, result_of(*scope.call));
    return true;
  }
  if (name == "held") {
    if (must(scope.held, "it belongs to a compensation's `with`", "")) {
      std::vector<std::string> held;
      for (const MovementSyntax& movement : scope.call->holds)
        held.push_back(movement.resource.text);
      for (const MovementSyntax& movement : scope.call->releases)
        held.push_back(movement.resource.text);
      keys_path(use, held);
    }
    return true;
  }
  if (name == "item" && !scope.items.contains("item")) {
    std::string instead = "it is an item only inside `foreach`";
    if (!scope.items.empty()) instead = "here the item is " + quoted("$" + *scope.items.rbegin());
    nowhere(use, "`$item` does not exist " + here, instead);
    return true;
  }
  return false;
}

void ScopeCheck::missing(const NameUse& use, const Scope& scope) {
  const std::string& name = use.reference.name;
  const auto found = places_.find(name);
  if (found == places_.end()) {
    std::vector<std::string> names(scope.items.begin(), scope.items.end());
    for (const auto& [step, result] : scope.results.all()) names.push_back(step);
    for (const char* known :
         {"saga", "reply", "with", "event", "error", "held", "last", "task", "index", "item"}) {
      names.emplace_back(known);
    }
    const auto near = nearest(name, names);
    nowhere(use, "there is no step " + quoted(name),
            near ? "did you mean " + quoted("$" + *near) + "?"
                 : "the workflow's input is `.`, an earlier step's result `$STEP`");
    return;
  }
  const StepSyntax& step = *found->second.step;
  const std::string place = quoted(name) + " (" + shown(step.kind_at) + ")";
  if (!scope.input || !scope.saga) {
    nowhere(use,
            "no step has run " +
                (scope.where.empty() ? "here" : "where " + scope.where + " is worked out"),
            scope.event ? "use `$event`" : "use `.`, the input");
  } else if (found->second.loop != nullptr) {
    const StepSyntax& loop = *found->second.loop;
    nowhere(use,
            place + " is visible only inside " + quoted(loop.name.text) + " (" +
                shown(loop.kind_at) + ")",
            loop.kind == StepKind::kForeach
                ? "after the loop read its results: " + quoted("$" + loop.name.text + "[].output")
                : "after the loop read its last round: " + quoted("$" + loop.name.text));
  } else if (before(use.at, step.kind_at)) {
    nowhere(use, place + " stands after this", "only earlier steps have a result");
  } else {
    nowhere(use, place + " has no result yet where this is worked out",
            "only steps that ended before have one, not the step itself, its blocks, nor what runs "
            "beside it");
  }
}

void ScopeCheck::result_path(const NameUse& use, const Result& result) {
  if (use.reference.path.empty()) return;
  if (result.is_list) {
    reporter_.error(use.at, "scope.path",
                    quoted("$" + use.reference.name) + " is a list, with an entry for each item",
                    "write " + quoted("$" + use.reference.name + "[]." + use.reference.path[0]) +
                        " inside `[ ]`, `all( )` or `any( )`");
  } else if (result.schema != nullptr) {
    schema_path(use, *result.schema);
  } else if (result.exact) {
    keys_path(use, result.keys);
  }
}

void ScopeCheck::schema_path(const NameUse& use, const Value& schema) {
  if (use.reference.path.empty()) return;
  const SchemaPath found = follow_schema(schema, use.reference.path);
  if (found.verdict == SchemaPath::Verdict::kKnown) return;
  const std::string part =
      found.part < use.reference.path.size() ? use.reference.path[found.part] : std::string();
  const std::string instead = suggestion(part, found.alternatives);
  const std::string message =
      "the schema has no " + quoted(part) + " at " + quoted(spelled(use.reference));
  if (found.verdict == SchemaPath::Verdict::kImpossible && !use.reference.forgiven) {
    reporter_.error(use.at, "scope.path", message, instead);
  } else if (nearest(part, found.alternatives)) {
    reporter_.warning(use.at, "scope.path", message, instead);
  }
}

void ScopeCheck::keys_path(const NameUse& use, const std::vector<std::string>& keys) {
  if (use.reference.path.empty()) return;
  const std::string& part = use.reference.path[0];
  if (std::find(keys.begin(), keys.end(), part) != keys.end()) return;
  const std::string message = quoted("$" + use.reference.name) + " has no " + quoted(part);
  const std::string instead = suggestion(part, keys);
  if (use.reference.forgiven) {
    reporter_.warning(use.at, "scope.path", message, instead);
  } else {
    reporter_.error(use.at, "scope.path", message, instead);
  }
}

}  // namespace

void check_scope(ValidatorContext& context) { ScopeCheck(context).run(); }

}  // namespace weft::dsl
