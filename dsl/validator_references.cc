// Which names one expression may read, and which paths into them.
#include <algorithm>
#include <string>
#include <utility>

#include "dsl/hints.h"
#include "dsl/names.h"
#include "dsl/schema_check.h"
#include "dsl/validator_scope.h"

namespace weft::dsl {
namespace {

std::string spelled(const Reference& reference) {
  std::string out = reference.name == "." ? "." : "$" + reference.name;
  for (const std::string& part : reference.path) {
    if (out != ".") out += ".";
    out += part;
  }
  return out;
}

const StepSyntax* enclosing_loop(const Trail* trail) {
  for (const Trail* above = trail; above != nullptr; above = above->above) {
    const StepKind kind = above->owner->kind;
    if (above->role == ListRole::kBody &&
        (kind == StepKind::kForeach || kind == StepKind::kRepeat)) {
      return above->owner;
    }
  }
  return nullptr;
}

/// Whether no path goes on behind the list: it raises or finishes without a condition.
bool ends_there(const StepList& steps) {
  return std::any_of(steps.begin(), steps.end(), [](const StepSyntax& step) {
    return (step.kind == StepKind::kRaise || step.kind == StepKind::kFinish) && !step.when &&
           step.on_error.empty();
  });
}

}  // namespace

ReferenceCheck::ReferenceCheck(ValidatorContext& context)
    : context_(context), workflow_(context.workflow), reporter_(context.reporter) {
  each_step(workflow_.steps, nullptr, [this](const StepSyntax& step, const Trail* trail) {
    places_.emplace(step.name.text, StepPlace{&step, enclosing_loop(trail)});
  });
  if (workflow_.input_schema) input_schema_ = schema(*workflow_.input_schema);
}

/// A misspelt path would mask nothing, and nobody would see.
void ReferenceCheck::sensitive() {
  if (input_schema_ == nullptr) return;
  for (const Word& path : workflow_.sensitive) {
    std::vector<std::string> parts;
    for (const char c : path.text) {
      if (c == '.') {
        parts.emplace_back();
      } else if (c == '[') {
        parts.emplace_back("[");
      } else if (!(parts.back().starts_with('[') && c >= '0' && c <= '9')) {
        parts.back().push_back(c);
      }
    }
    const SchemaPath found = follow_schema(*input_schema_, parts);
    if (found.verdict == SchemaPath::Verdict::kKnown || found.part >= parts.size()) continue;
    const std::string& part = parts[found.part];
    const std::string message =
        "the schema of the input has no " + quoted(part) + " at " + quoted(path.text);
    const std::string instead = suggestion_or(
        part, found.alternatives, "name a field that the schema has: another masks nothing");
    if (found.verdict == SchemaPath::Verdict::kImpossible) {
      reporter_.error(path.at, "scope.path", message, instead);
    } else if (nearest(part, found.alternatives)) {
      reporter_.warning(path.at, "scope.path", message, instead);
    }
  }
}

const Value* ReferenceCheck::schema(const Word& file) const {
  const auto found = context_.unit.schemas.find(file.text);
  return found == context_.unit.schemas.end() ? nullptr : &found->second.schema;
}

StepResult ReferenceCheck::result_of(const StepSyntax& step) const {
  StepResult result;
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
      if (step.on_timeout && step.on_timeout->kind != TimeoutAction::Kind::kRaise &&
          !(step.on_timeout->body && ends_there(*step.on_timeout->body))) {
        result.null = "no event may come before its `timeout`";
      }
      break;
    default:
      break;
  }
  return result;
}

void ReferenceCheck::uses(const std::vector<NameUse>& names, const Scope& scope) {
  for (const NameUse& name : names) {
    if (reporter_.full()) return;
    use(name, scope);
  }
}

void ReferenceCheck::use(const NameUse& use, const Scope& scope) {
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
  const StepResult& result = found->second;
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
bool ReferenceCheck::special(const NameUse& use, const Scope& scope) {
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
    if (must(scope.event, "it belongs to triggers, `correlate.event` and `filter`",
             "the event a `listen` step took is its result: `$STEP`") &&
        !scope.event_keys.empty()) {
      keys_path(use, scope.event_keys);
    }
    return true;
  }
  if (name == "index") {
    must(scope.index, "it belongs to the steps of `foreach` and `repeat`",
         "after the loop read its results: `$LOOP`");
    return true;
  }
  if (name == "last") {
    if (must(scope.last, "it belongs to the steps of `repeat`",
             "after the loop its last round is its result: `$LOOP`") &&
        !use.reference.forgiven && !use.reference.path.empty()) {
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
  if (name == "reply") return reply(use, scope);
  if (name == "held") {
    if (must(scope.held, "it belongs to a compensation's `with`",
             "name the resource under `holds` or `releases` of this step, or use `.`")) {
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

/// `$reply`: a call's own, and nothing to build on where the call may never have been answered.
bool ReferenceCheck::reply(const NameUse& use, const Scope& scope) {
  if (!scope.reply) {
    nowhere(use,
            "`$reply` does not exist " + (scope.where.empty() ? "here" : "in " + scope.where) +
                ": it is a call's own reply",
            "the result of an earlier step is `$STEP`");
  } else if (scope.reply_uncertain && !use.reference.forgiven) {
    const auto& path = use.reference.path;
    const auto& sent = scope.call->with;
    const bool in_input = !path.empty() && (!sent || !sent->is_mapping ||
                                            std::find(sent->keys.begin(), sent->keys.end(),
                                                      path.back()) != sent->keys.end());
    const std::string better =
        path.empty() ? std::string("($reply // $with)")
                     : spelled(use.reference) + (in_input && sent ? " // $with." + path.back()
                                                 : scope.where == "`holds`" ? " // []"
                                                                            : " // null");
    reporter_.error(use.at, scope.where == "`holds`" ? "holds.reply" : "compensate.reply",
                    quoted(spelled(use.reference)) +
                        " is unknown when no reply came, and the step must be undone then too",
                    "write " + quoted(better) + ", or use what was known before");
  } else {
    result_path(use, result_of(*scope.call));
  }
  return true;
}

void ReferenceCheck::missing(const NameUse& use, const Scope& scope) {
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

void ReferenceCheck::result_path(const NameUse& use, const StepResult& result) {
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

void ReferenceCheck::schema_path(const NameUse& use, const Value& schema) {
  if (use.reference.path.empty()) return;
  const SchemaPath found = follow_schema(schema, use.reference.path);
  if (found.verdict == SchemaPath::Verdict::kKnown) return;
  const std::string part =
      found.part < use.reference.path.size() ? use.reference.path[found.part] : std::string();
  const std::string instead =
      suggestion_or(part, found.alternatives,
                    "name what the schema has, or add it there; `// null` if it may be absent");
  const std::string message =
      "the schema has no " + quoted(part) + " at " + quoted(spelled(use.reference));
  if (found.verdict == SchemaPath::Verdict::kImpossible && !use.reference.forgiven) {
    reporter_.error(use.at, "scope.path", message, instead);
  } else if (nearest(part, found.alternatives)) {
    reporter_.warning(use.at, "scope.path", message, instead);
  }
}

void ReferenceCheck::keys_path(const NameUse& use, const std::vector<std::string>& keys) {
  if (use.reference.path.empty()) return;
  const std::string& part = use.reference.path[0];
  if (std::find(keys.begin(), keys.end(), part) != keys.end()) return;
  const std::string message = quoted("$" + use.reference.name) + " has no " + quoted(part);
  const std::string instead = suggestion_or(
      part, keys,
      use.reference.name == "held" ? "name it under `holds` or `releases` of this step, or use `.`"
      : use.reference.name == "with" ? "give it to the call's `with`, or use `.`"
                                     : "remove " + quoted(part));
  if (use.reference.forgiven) {
    reporter_.warning(use.at, "scope.path", message, instead);
  } else {
    reporter_.error(use.at, "scope.path", message, instead);
  }
}

}  // namespace weft::dsl
