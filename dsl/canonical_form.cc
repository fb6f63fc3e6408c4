// The graph as JSON: what its digest is taken over, and what `weft graph --format json` shows.
// A member that was not written is absent, so a new optional key of the language changes no digest.
#include "dsl/canonical_form.h"

#include <string>
#include <utility>
#include <vector>

namespace weft::dsl {
namespace {

/// Gathers members; the `maybe` forms leave out what is not there.
class Form {
 public:
  Form& add(const char* key, Value value) {
    members_.push_back({key, std::move(value)});
    return *this;
  }
  Form& maybe(const char* key, const std::string& text) {
    return text.empty() ? *this : add(key, Value(text));
  }
  Form& maybe(const char* key, const std::optional<std::int64_t>& number) {
    return number ? add(key, Value(*number)) : *this;
  }
  Form& maybe(const char* key, bool flag) { return flag ? add(key, Value(true)) : *this; }
  Form& maybe(const char* key, const std::optional<Template>& value) {
    return value ? add(key, value->canonical()) : *this;
  }
  Form& maybe(const char* key, const std::optional<Expression>& value) {
    return value ? add(key, Value(value->canonical())) : *this;
  }
  Form& maybe(const char* key, Value value) {  // An empty object or list is left out.
    return value.is_null() || ((value.is_object() || value.is_array()) && value.size() == 0)
               ? *this
               : add(key, std::move(value));
  }
  [[nodiscard]] Value done() { return Value::object(std::move(members_)); }

 private:
  Value::Object members_;
};

template <typename Range, typename Make>
Value list(const Range& range, Make make) {
  Value::Array items;
  for (const auto& item : range) items.push_back(make(item));
  return Value::array(std::move(items));
}

Value words(const std::vector<std::string>& texts) {
  return list(texts, [](const std::string& text) { return Value(text); });
}

const char* then_name(Then then) {
  switch (then) {
    case Then::kCompensate:
      return "compensate";
    case Then::kContinue:
      return "continue";
    case Then::kFinish:
      return "finish";
    case Then::kStuck:
      return "stuck";
  }
  return "";
}

Value target(const CallTarget& call) { return Value(call.adapter + "." + call.operation); }

Value retry(const RetryPolicy& policy) {
  Form form;
  form.add("errors", words(policy.errors));
  form.add("max_attempts", Value(policy.attempts_max));
  form.add("delay_ms", Value(policy.delay_ms));
  form.add("backoff", Value(policy.backoff));
  form.add("max_delay_ms", Value(policy.delay_max_ms));
  switch (policy.jitter) {
    case RetryPolicy::Jitter::kFull:
      form.add("jitter", "full");
      break;
    case RetryPolicy::Jitter::kNone:
      form.add("jitter", "none");
      break;
    case RetryPolicy::Jitter::kShare:
      form.add("jitter", Value(policy.jitter_percent));
      break;
  }
  form.maybe("max_elapsed_ms", policy.elapsed_max_ms);
  form.maybe("given", policy.given);
  return form.done();
}

Value error_declarations(const std::map<std::string, ErrorDeclaration>& errors) {
  Form form;
  for (const auto& [code, error] : errors) {
    Form entry;
    entry.add("class", error.error_class == ErrorClass::kBusiness ? "business" : "transient");
    if (error.effect_perhaps) entry.add("effect", "perhaps");
    entry.maybe("service_codes",
                list(error.service_codes, [](std::int64_t number) { return Value(number); }));
    form.add(code.c_str(), entry.done());
  }
  return form.done();
}

Value emit(const Emit& event) {
  return Form().add("name", Value(event.name)).maybe("with", event.with).done();
}

Value announcement(const Announcement& said) {
  Form form;
  form.maybe("status", said.status);
  if (said.emit) form.add("emit", emit(*said.emit));
  return form.done();
}

Value movements(const std::vector<ResourceMovement>& moved) {
  Form form;
  for (const ResourceMovement& movement : moved) {
    form.add(movement.resource.c_str(),
             movement.items ? movement.items->canonical() : Value("all"));
  }
  return form.done();
}

Value compensation(const CompensationSpec& compensate) {
  switch (compensate.kind) {
    case CompensationSpec::Kind::kAbsent:
      return {};
    case CompensationSpec::Kind::kNone:
      return "none";
    case CompensationSpec::Kind::kManual:
      return "manual";
    case CompensationSpec::Kind::kCall:
      break;
  }
  return Form()
      .add("call", target(compensate.target))
      .maybe("with", compensate.with)
      .add("timeout_ms", Value(compensate.timeout_ms))
      .add("retry", retry(compensate.retry))
      .add("on_failure", compensate.continue_on_failure ? "continue" : "stuck")
      .done();
}

/// Steps and blocks refer to each other by number; the form nests them as the author did.
class GraphForm {
 public:
  explicit GraphForm(const SagaGraph& graph) : graph_(graph) {}

  [[nodiscard]] Value block(BlockId id) const {
    return list(graph_.block(id).steps,
                [this](StepId step_id) { return step(graph_.step(step_id)); });
  }

 private:
  void call(Form& form, const CallSpec& spec) const {
    form.add("call", target(spec.target)).maybe("with", spec.with);
    form.add("timeout_ms", Value(spec.timeout_ms));
    form.maybe("schedule_timeout_ms", spec.schedule_timeout_ms);
    if (spec.on_wait_after_ms) {
      form.add("on_wait", Form()
                              .add("after_ms", Value(*spec.on_wait_after_ms))
                              .add("status", Value(spec.on_wait_status))
                              .done());
    }
    form.add("retry", retry(spec.retry));
    if (spec.probe) {
      form.add("probe", Form()
                            .add("call", target(spec.probe->target))
                            .maybe("with", spec.probe->with)
                            .add("timeout_ms", Value(spec.probe->timeout_ms))
                            .add("retry", retry(spec.probe->retry))
                            .done());
    }
    form.maybe("compensate", compensation(spec.compensate)).maybe("pivot", spec.pivot);
    if (spec.reply_schema) form.add("reply_schema", spec.reply_schema->schema);
    if (spec.input_schema) form.add("input_schema", spec.input_schema->schema);
    if (spec.completes) {
      form.add("completes", Form()
                                .maybe("within_ms", spec.completes_within_ms)
                                .maybe("heartbeat_ms", spec.heartbeat_ms)
                                .done());
    }
    form.maybe("holds", movements(spec.holds)).maybe("releases", movements(spec.releases));
    form.maybe("consumes", movements(spec.consumes));
  }

  void timeout_action(Form& form, const std::optional<TimeoutAction>& action) const {
    if (!action) return;
    switch (action->kind) {
      case TimeoutAction::Kind::kContinue:
        form.add("on_timeout", "continue");
        return;
      case TimeoutAction::Kind::kDo:
        form.add("on_timeout", Form().add("do", block(action->body)).done());
        return;
      case TimeoutAction::Kind::kRaise:
        form.add("on_timeout", Form()
                                   .add("raise", Value(action->raise))
                                   .maybe("message", action->raise_message)
                                   .done());
        return;
    }
  }

  [[nodiscard]] Value choice(const ChoiceSpec& spec) const {
    return list(spec.branches, [this](const ChoiceBranch& branch) {
      Form form;
      form.maybe("when", branch.when).maybe("status", branch.status);
      if (branch.body != kNoBlock) form.add("do", block(branch.body));
      return form.maybe("raise", branch.raise).maybe("message", branch.raise_message).done();
    });
  }

  void foreach (Form& form, const ForeachSpec& spec) const {
    form.add("foreach", spec.items.canonical()).add("as", Value(spec.as));
    form.add("at_once", Value(spec.at_once));
    if (spec.tolerate) {
      form.add(
          "tolerate",
          Form()
              .maybe("codes", words(spec.tolerate->codes))
              .maybe("count", spec.tolerate->count)
              .maybe("percent", spec.tolerate->percent ? Value(*spec.tolerate->percent) : Value())
              .done());
    }
    form.add("do", block(spec.body));
  }

  void listen(Form& form, const ListenSpec& spec) const {
    form.add("listen", Value(spec.event));
    if (spec.correlate_event && spec.correlate_equals) {
      form.add("correlate", Form()
                                .add("event", spec.correlate_event->canonical())
                                .add("equals", spec.correlate_equals->canonical())
                                .done());
    }
    form.maybe("filter", spec.filter).add("keep_ms", Value(spec.keep_ms));
    form.maybe("timeout_ms", spec.timeout_ms);
    timeout_action(form, spec.on_timeout);
  }

  void kind(Form& form, const Step& step) const {
    if (step.call) call(form, *step.call);
    if (step.set) form.add("set", step.set->values.canonical());
    if (step.do_) form.add("do", block(step.do_->body));
    if (step.choice) form.add("choice", choice(*step.choice));
    if (step.parallel) {
      form.add(
          "parallel", list(step.parallel->branches, [this](BlockId id) {
            return Form().add("name", Value(graph_.block(id).name)).add("do", block(id)).done();
          }));
      form.maybe("race", step.parallel->race);
    }
    if (step.foreach)
      foreach (form, *step.foreach)
        ;
    if (step.repeat) {
      form.add("repeat", Form()
                             .add("do", block(step.repeat->body))
                             .add("until", Value(step.repeat->until.canonical()))
                             .add("at_most", Value(step.repeat->rounds_max))
                             .add("every_ms", Value(step.repeat->every_ms))
                             .done());
      timeout_action(form, step.repeat->on_timeout);
    }
    if (step.listen) listen(form, *step.listen);
    if (step.wait) {
      form.add("wait", step.wait->duration_ms ? Value(*step.wait->duration_ms)
                                              : Form().maybe("until", step.wait->until).done());
    }
    if (step.emit) form.add("emit", emit(step.emit->emit));
    if (step.saga) {
      form.add("saga", Value(step.saga->workflow + "@" + std::to_string(step.saga->major)));
      form.maybe("with", step.saga->with).maybe("detach", step.saga->detach);
      form.maybe("pivot", step.saga->pivot);
    }
    if (step.raise)
      form.add("raise", Value(step.raise->code)).maybe("message", step.raise->message);
    if (step.finish) form.add("finish", step.finish->output.canonical());
  }

  [[nodiscard]] Value step(const Step& step) const {
    Form form;
    form.add("step", Value(step.name)).maybe("when", step.when).maybe("status", step.status);
    kind(form, step);
    form.maybe("on_success", announcement(step.on_success));
    form.maybe(
        "on_error", list(step.on_error, [this](const ErrorRoute& route) {
          Form entry;
          entry.add("errors", words(route.errors));
          if (route.body != kNoBlock) entry.add("do", block(route.body));
          return entry.maybe("result", route.result).add("then", then_name(route.then)).done();
        }));
    return form.done();
  }

  const SagaGraph& graph_;
};

Value trigger(const Trigger& way) {
  Form form;
  switch (way.kind) {
    case Trigger::Kind::kSchedule:
      form.add("schedule", Form()
                               .add("cron", Value(way.cron))
                               .add("zone", Value(way.zone))
                               .add("missed", way.missed == Trigger::Missed::kAll    ? "all"
                                              : way.missed == Trigger::Missed::kOnce ? "once"
                                                                                     : "skip")
                               .done());
      break;
    case Trigger::Kind::kJetStream:
      form.add("jetstream", Form()
                                .add("stream", Value(way.stream))
                                .add("subject", Value(way.subject))
                                .add("durable", Value(way.durable))
                                .done());
      break;
    case Trigger::Kind::kWebhook:
      form.add("webhook", Form()
                              .maybe("path", way.path)
                              .add("signature", Value(way.signature))
                              .add("secret", Value(way.secret))
                              .done());
      break;
    case Trigger::Kind::kEvent:
      form.add("event", Value(way.event));
      break;
  }
  return form.maybe("when", way.when).maybe("input", way.input).done();
}

void measures(Form& form, const SagaGraph& graph) {
  Form slos, kpis;
  for (const SloDefinition& slo : graph.slos) {
    slos.add(slo.name.c_str(), Form()
                                   .add("from", Value(slo.from))
                                   .add("to", Value(slo.to))
                                   .add("within_ms", Value(slo.within_ms))
                                   .add("objective", Value(slo.objective))
                                   .done());
  }
  for (const KpiDefinition& kpi : graph.kpis) {
    kpis.add(kpi.name.c_str(), Form()
                                   .maybe("age_of", kpi.age_of)
                                   .maybe("count", kpi.count)
                                   .maybe("at", kpi.at)
                                   .maybe("by", words(kpi.by))
                                   .done());
  }
  form.maybe("slo", slos.done()).maybe("kpi", kpis.done());
}

}  // namespace

Value canonical_adapter(const AdapterDefinition& adapter) {
  Form operations;
  for (const OperationDefinition& operation : adapter.operations) {
    Form form;
    form.maybe("timeout_ms", operation.timeout_ms).maybe("subject", operation.subject);
    if (operation.input) form.add("input", operation.input->schema);
    if (operation.reply) form.add("reply", operation.reply->schema);
    if (operation.errors_listed) form.add("errors", words(operation.errors));
    operations.add(operation.name.c_str(), form.done());
  }
  return Form()
      .add("adapter", Value(adapter.name))
      .add("guarantee", guarantee_name(adapter.guarantee))
      .maybe("idempotency_window_ms", adapter.idempotency_window_ms)
      .maybe("choose", adapter.route_choose)
      .maybe("targets", words(adapter.route_targets))
      .maybe("shadow", adapter.shadow)
      .maybe("operations", operations.done())
      .maybe("errors", error_declarations(adapter.errors))
      .done();
}

Value SagaGraph::canonical_form() const {
  Form form;
  form.add("workflow", Value(workflow)).add("version", Value(version)).add("owner", Value(owner));
  if (lifecycle != Lifecycle::kActive) {
    form.add("lifecycle", lifecycle == Lifecycle::kDeprecated ? "deprecated" : "retired");
  }
  if (input_schema) form.add("input_schema", input_schema->schema);
  form.maybe("sensitive", words(sensitive)).maybe("key", key);
  form.maybe("ordering_key", ordering_key);
  if (ordering != Ordering::kFifo) {
    form.add("ordering", ordering == Ordering::kSupersede ? "supersede" : "reject");
  }
  Form label_form;
  for (const auto& [name, value] : labels) label_form.add(name.c_str(), value.canonical());
  form.maybe("labels", label_form.done()).maybe("deadline_ms", deadline_ms);
  form.maybe("statuses", words(statuses)).maybe("errors", error_declarations(errors));
  Form resource_form;
  for (const ResourceDefinition& resource : resources) {
    resource_form.add(
        resource.name.c_str(),
        Form().add("by", words(resource.by)).add("quantity", Value(resource.quantity)).done());
  }
  form.maybe("resources", resource_form.done()).maybe("triggers", list(triggers, trigger));
  if (cancelled_by) {
    form.add("cancelled_by",
             Form()
                 .add("event", Value(cancelled_by->event))
                 .add("correlate", Form()
                                       .add("event", cancelled_by->correlate_event.canonical())
                                       .add("equals", cancelled_by->correlate_equals.canonical())
                                       .done())
                 .maybe("filter", cancelled_by->filter)
                 .done());
  }
  form.maybe("after_pivot", after_pivot);
  form.add("steps", GraphForm(*this).block(kTopBlock));
  form.maybe("output", output);
  if (leftovers_error) form.add("leftovers", "error");
  form.maybe("on_completed", announcement(on_completed));
  form.maybe("on_compensated", announcement(on_compensated));
  form.maybe("on_cancelled", announcement(on_cancelled));
  form.maybe("on_stuck", announcement(on_stuck));
  measures(form, *this);
  form.maybe("retention_completed_ms", retention_completed_ms);
  form.maybe("retention_compensated_ms", retention_compensated_ms);
  Form used;
  for (const auto& [name, definition] : adapters) {
    used.add(name.c_str(), canonical_adapter(definition));
  }
  return form.maybe("adapters", used.done()).done();
}

}  // namespace weft::dsl
