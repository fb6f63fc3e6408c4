#include "dsl/lowering.h"

#include <algorithm>
#include <utility>

#include "dsl/digest.h"

namespace weft::dsl {
namespace {

std::optional<Template> template_of(const std::optional<TemplateSyntax>& syntax) {
  if (!syntax) return std::nullopt;
  return syntax->value;
}

std::optional<Expression> expression_of(const std::optional<ExpressionSyntax>& syntax) {
  if (!syntax) return std::nullopt;
  return syntax->expression;
}

std::string text_of(const std::optional<Word>& word) { return word ? word->text : std::string(); }

std::optional<std::int64_t> ms_of(const std::optional<Length>& length) {
  if (!length) return std::nullopt;
  return length->ms;
}

std::optional<Emit> emit_of(const std::optional<EmitSyntax>& syntax) {
  if (!syntax) return std::nullopt;
  return Emit{syntax->name.text, template_of(syntax->with)};
}

Announcement announcement_of(const std::optional<AnnouncementSyntax>& syntax) {
  if (!syntax) return {};
  return {text_of(syntax->status), emit_of(syntax->emit)};
}

std::vector<ResourceMovement> movements_of(const std::vector<MovementSyntax>& syntax) {
  std::vector<ResourceMovement> out;
  for (const MovementSyntax& movement : syntax) {
    out.push_back({movement.resource.text, template_of(movement.items)});
  }
  return out;
}

/// `business` (how it is declared) and `permanent` (what it becomes) name one class: whoever
/// compares words finds either.
std::vector<std::string> classes_and_codes(const std::vector<Word>& words) {
  std::vector<std::string> out;
  const auto add = [&out](const std::string& text) {
    if (std::find(out.begin(), out.end(), text) == out.end()) out.push_back(text);
  };
  for (const Word& word : words) {
    add(word.text);
    if (word.text == "business") add("permanent");
    if (word.text == "permanent") add("business");
  }
  return out;
}

class Lowering final {
 public:
  Lowering(Unit& unit, const Catalogue& catalogue, const CompileOptions& options)
      : unit_(unit), syntax_(*unit.workflow), catalogue_(catalogue), options_(options) {}

  std::shared_ptr<const SagaGraph> run() {
    graph_ = std::make_shared<SagaGraph>();
    identity();
    outcomes();
    list(syntax_.steps, kNoStep, Block::Role::kTop, 0, {}, false);
    graph_->digest = sha256_hex(graph_->canonical_form().to_canonical_json());
    return std::move(graph_);
  }

 private:
  void identity();
  void outcomes();
  BlockId list(const StepList& steps, StepId owner, Block::Role role, std::uint32_t index,
               const std::string& name, bool after_pivot);
  StepId step(const StepSyntax& syntax, BlockId block, std::uint32_t place, bool after_pivot);
  void kind(const StepSyntax& syntax, StepId id, bool after_pivot);
  CallSpec call(const StepSyntax& syntax, bool after_pivot);
  ProbeSpec probe(const ProbeSyntax& syntax, const RetryPolicy& step_retry);
  CompensationSpec compensation(const CompensateSyntax& syntax);
  ChoiceSpec choice(const StepSyntax& syntax, StepId id, bool after_pivot);
  TimeoutAction timeout_action(const TimeoutSyntax& syntax, StepId id, bool after_pivot);
  std::vector<ErrorRoute> routes(const StepSyntax& syntax, StepId id, bool after_pivot);
  CallTarget target(const TargetSyntax& syntax);
  void use_adapter(const std::string& name);
  std::optional<SchemaReference> schema(const std::optional<Word>& file);

  Unit& unit_;
  const WorkflowSyntax& syntax_;
  const Catalogue& catalogue_;
  const CompileOptions& options_;
  std::shared_ptr<SagaGraph> graph_;
};

void Lowering::identity() {
  SagaGraph& graph = *graph_;
  graph.workflow = syntax_.workflow.text;
  graph.version = syntax_.version.text;
  graph.title = syntax_.title;
  graph.description = syntax_.description;
  graph.owner = syntax_.owner;
  graph.lifecycle = syntax_.lifecycle;
  graph.input_schema = schema(syntax_.input_schema);
  for (const Word& path : syntax_.sensitive) graph.sensitive.push_back(path.text);
  graph.key = template_of(syntax_.key);
  graph.ordering_key = template_of(syntax_.ordering_key);
  graph.ordering = syntax_.ordering;
  for (const LabelSyntax& label : syntax_.labels) {
    graph.labels.emplace_back(label.name.text, label.value.value);
  }
  graph.deadline_ms = ms_of(syntax_.deadline);
  for (const Word& status : syntax_.statuses) graph.statuses.push_back(status.text);
  for (const ErrorSyntax& error : syntax_.errors) {
    graph.errors[error.code.text] = error.declaration;
  }
  for (const ResourceSyntax& resource : syntax_.resources) {
    graph.resources.push_back(resource.definition);
  }
  for (const TriggerSyntax& trigger : syntax_.triggers) {
    Trigger out = trigger.trigger;
    out.when = expression_of(trigger.when);
    out.input = template_of(trigger.input);
    graph.triggers.push_back(std::move(out));
  }
  if (syntax_.cancelled_by) {
    const CancelledBySyntax& by = *syntax_.cancelled_by;
    graph.cancelled_by = CancelledBy{by.event.text, by.correlate.event.value,
                                     by.correlate.equals.value, expression_of(by.filter)};
  }
  graph.after_pivot = text_of(syntax_.after_pivot);
  graph.definition_digest = syntax_.definition_digest;
  graph.source = unit_.source.text();
}

void Lowering::outcomes() {
  SagaGraph& graph = *graph_;
  graph.leftovers_error = syntax_.leftovers_error;
  graph.output = template_of(syntax_.output);
  graph.on_completed = announcement_of(syntax_.on_completed);
  graph.on_compensated = announcement_of(syntax_.on_compensated);
  graph.on_cancelled = announcement_of(syntax_.on_cancelled);
  graph.on_stuck = announcement_of(syntax_.on_stuck);
  for (const SloSyntax& slo : syntax_.slos) {
    graph.slos.push_back({slo.name.text, slo.from.text, slo.to.text, slo.within_ms, slo.objective});
  }
  for (const KpiSyntax& kpi : syntax_.kpis) {
    KpiDefinition out{kpi.name.text, text_of(kpi.age_of), text_of(kpi.count), text_of(kpi.at), {}};
    for (const Word& word : kpi.by) out.by.push_back(word.text);
    graph.kpis.push_back(std::move(out));
  }
  graph.retention_completed_ms = syntax_.retention_completed_ms;
  graph.retention_compensated_ms = syntax_.retention_compensated_ms;
}

std::optional<SchemaReference> Lowering::schema(const std::optional<Word>& file) {
  if (!file) return std::nullopt;
  const SchemaReference* loaded = load_schema(unit_, *file, options_);
  if (loaded == nullptr) return std::nullopt;
  return *loaded;
}

BlockId Lowering::list(const StepList& steps, StepId owner, Block::Role role, std::uint32_t index,
                       const std::string& name, bool after_pivot) {
  const auto id = static_cast<BlockId>(graph_->blocks.size());
  Block block;
  block.id = id;
  block.owner = owner;
  block.role = role;
  block.index = index;
  block.name = name;
  graph_->blocks.push_back(std::move(block));
  std::uint32_t place = 0;
  for (const StepSyntax& syntax : steps) {
    const StepId made = step(syntax, id, place++, after_pivot);
    graph_->blocks[id].steps.push_back(made);
    if (role == Block::Role::kTop && syntax.pivot) {
      graph_->pivot = made;
      after_pivot = true;
    }
  }
  return id;
}

StepId Lowering::step(const StepSyntax& syntax, BlockId block, std::uint32_t place,
                      bool after_pivot) {
  const auto id = static_cast<StepId>(graph_->steps.size());
  Step out;
  out.id = id;
  out.name = syntax.name.text;
  out.kind = syntax.kind;
  out.block = block;
  out.place = place;
  out.position = syntax.at;
  out.description = syntax.description;
  out.when = expression_of(syntax.when);
  out.status = text_of(syntax.status);
  out.on_success = announcement_of(syntax.on_success);
  out.after_pivot = after_pivot;
  graph_->step_by_name[out.name] = id;
  graph_->steps.push_back(std::move(out));
  kind(syntax, id, after_pivot);
  auto on_error = routes(syntax, id, after_pivot);
  graph_->steps[id].on_error = std::move(on_error);
  return id;
}

/// Inner lists add steps, so a step is only touched by its number, and after they are done.
void Lowering::kind(const StepSyntax& syntax, StepId id, bool after_pivot) {
  const auto body = [&] { return list(syntax.body, id, Block::Role::kBody, 0, {}, after_pivot); };
  switch (syntax.kind) {
    case StepKind::kCall:
      graph_->steps[id].call = call(syntax, after_pivot);
      break;
    case StepKind::kSet:
      graph_->steps[id].set = SetSpec{syntax.values->value};
      break;
    case StepKind::kDo: {
      const BlockId block = body();
      graph_->steps[id].do_ = DoSpec{block};
      break;
    }
    case StepKind::kChoice: {
      ChoiceSpec spec = choice(syntax, id, after_pivot);
      graph_->steps[id].choice = std::move(spec);
      break;
    }
    case StepKind::kParallel: {
      ParallelSpec spec;
      spec.race = syntax.race;
      std::uint32_t index = 0;
      for (const ParallelBranchSyntax& branch : syntax.parallel) {
        spec.branches.push_back(
            list(branch.steps, id, Block::Role::kBranch, index++, branch.name.text, after_pivot));
      }
      graph_->steps[id].parallel = std::move(spec);
      break;
    }
    case StepKind::kForeach: {
      ForeachSpec spec;
      spec.items = Template::expression(*syntax.items->expression);
      if (syntax.as) spec.as = syntax.as->text;
      spec.at_once = syntax.at_once;
      if (syntax.tolerate) {
        Tolerance tolerance;
        tolerance.codes = classes_and_codes(syntax.tolerate->codes);
        tolerance.count = syntax.tolerate->count;
        tolerance.percent = syntax.tolerate->percent;
        spec.tolerate = std::move(tolerance);
      }
      spec.body = body();
      graph_->steps[id].foreach = std::move(spec);
      break;
    }
    case StepKind::kRepeat: {
      RepeatSpec spec{kNoBlock, *syntax.until->expression, syntax.rounds_max, syntax.every_ms,
                      std::nullopt};
      spec.body = body();
      if (syntax.on_timeout) spec.on_timeout = timeout_action(*syntax.on_timeout, id, after_pivot);
      graph_->steps[id].repeat = std::move(spec);
      break;
    }
    case StepKind::kListen: {
      ListenSpec spec;
      spec.event = syntax.target.text;
      if (syntax.correlate) {
        spec.correlate_event = syntax.correlate->event.value;
        spec.correlate_equals = syntax.correlate->equals.value;
      }
      spec.filter = expression_of(syntax.filter);
      if (syntax.keep_ms) spec.keep_ms = *syntax.keep_ms;
      spec.timeout_ms = ms_of(syntax.timeout);
      if (syntax.on_timeout) spec.on_timeout = timeout_action(*syntax.on_timeout, id, after_pivot);
      graph_->steps[id].listen = std::move(spec);
      break;
    }
    case StepKind::kWait:
      graph_->steps[id].wait = WaitSpec{ms_of(syntax.wait), template_of(syntax.wait_until)};
      break;
    case StepKind::kEmit:
      graph_->steps[id].emit = EmitSpec{{syntax.target.text, template_of(syntax.with)}};
      break;
    case StepKind::kSaga:
      graph_->steps[id].saga = ChildSpec{syntax.target.text, syntax.major, template_of(syntax.with),
                                         syntax.detach, syntax.pivot};
      break;
    case StepKind::kRaise:
      graph_->steps[id].raise = RaiseSpec{syntax.target.text, template_of(syntax.values)};
      break;
    case StepKind::kFinish:
      graph_->steps[id].finish = FinishSpec{syntax.values->value};
      break;
  }
}

CallSpec Lowering::call(const StepSyntax& syntax, bool after_pivot) {
  CallSpec out;
  const AdapterDefinition adapter = catalogue_.adapter(syntax.call.adapter);
  out.target = target(syntax.call);
  out.with = template_of(syntax.with);
  out.timeout_ms = timeout_of(syntax.timeout, syntax.call, syntax_, catalogue_);
  out.schedule_timeout_ms =
      ms_of(syntax.schedule_timeout ? syntax.schedule_timeout : syntax_.default_schedule_timeout);
  out.on_wait_after_ms = ms_of(syntax.on_wait_after);
  out.on_wait_status = text_of(syntax.on_wait_status);
  out.retry = allowed_retry(retry_of(syntax.retry, syntax_.default_retry, syntax_, after_pivot),
                            adapter.guarantee, syntax.probe.has_value());
  if (syntax.probe) out.probe = probe(*syntax.probe, out.retry);
  if (syntax.compensate) out.compensate = compensation(*syntax.compensate);
  out.pivot = syntax.pivot;
  if (const auto* operation = adapter.find_operation(syntax.call.operation)) {
    out.reply_schema = operation->reply;
    out.input_schema = operation->input;
  }
  if (syntax.reply_schema) out.reply_schema = schema(syntax.reply_schema);
  out.completes = syntax.completes;
  out.completes_within_ms = ms_of(syntax.completes_within);
  out.heartbeat_ms = ms_of(syntax.heartbeat);
  out.holds = movements_of(syntax.holds);
  out.releases = movements_of(syntax.releases);
  out.consumes = movements_of(syntax.consumes);
  return out;
}

ProbeSpec Lowering::probe(const ProbeSyntax& syntax, const RetryPolicy& step_retry) {
  ProbeSpec out;
  out.target = target(syntax.call);
  out.with = template_of(syntax.with);
  out.timeout_ms = timeout_of(std::nullopt, syntax.call, syntax_, catalogue_);
  out.retry = step_retry;
  if (syntax.retry) out.retry = retry_of(syntax.retry, std::nullopt, syntax_, false);
  return out;
}

CompensationSpec Lowering::compensation(const CompensateSyntax& syntax) {
  CompensationSpec out;
  out.kind = syntax.kind;
  if (syntax.kind != CompensationSpec::Kind::kCall) return out;
  out.target = target(syntax.call);
  out.with = template_of(syntax.with);
  out.timeout_ms = timeout_of(syntax.timeout, syntax.call, syntax_, catalogue_);
  out.retry = allowed_retry(retry_of(syntax.retry, syntax_.default_retry, syntax_, false),
                            catalogue_.adapter(syntax.call.adapter).guarantee, true);
  out.continue_on_failure = syntax.continue_on_failure;
  return out;
}

ChoiceSpec Lowering::choice(const StepSyntax& syntax, StepId id, bool after_pivot) {
  ChoiceSpec spec;
  std::uint32_t index = 0;
  for (const BranchSyntax& branch : syntax.branches) {
    ChoiceBranch out;
    out.when = expression_of(branch.when);
    out.status = text_of(branch.status);
    if (branch.body) {
      out.body = list(*branch.body, id, Block::Role::kBranch, index, {}, after_pivot);
    }
    out.raise = text_of(branch.raise);
    out.raise_message = branch.raise_message;
    spec.branches.push_back(std::move(out));
    ++index;
  }
  return spec;
}

TimeoutAction Lowering::timeout_action(const TimeoutSyntax& syntax, StepId id, bool after_pivot) {
  TimeoutAction out;
  out.kind = syntax.kind;
  out.raise = text_of(syntax.raise);
  out.raise_message = syntax.raise_message;
  if (syntax.body) {
    out.body = list(*syntax.body, id, Block::Role::kTimeout, 0, {}, after_pivot);
  }
  return out;
}

std::vector<ErrorRoute> Lowering::routes(const StepSyntax& syntax, StepId id, bool after_pivot) {
  std::vector<ErrorRoute> out;
  std::uint32_t index = 0;
  for (const RouteSyntax& route : syntax.on_error) {
    ErrorRoute lowered;
    lowered.errors = classes_and_codes(route.errors);
    if (route.body) {
      lowered.body = list(*route.body, id, Block::Role::kRoute, index, {}, after_pivot);
    }
    lowered.result = template_of(route.result);
    lowered.then = route.then;
    out.push_back(std::move(lowered));
    ++index;
  }
  return out;
}

CallTarget Lowering::target(const TargetSyntax& syntax) {
  use_adapter(syntax.adapter);
  return {syntax.adapter, syntax.operation};
}

void Lowering::use_adapter(const std::string& name) {
  if (graph_->adapters.contains(name)) return;
  const AdapterDefinition definition = catalogue_.adapter(name);
  graph_->adapters[name] = definition;
  for (const std::string& routed : definition.route_targets) use_adapter(routed);
  if (!definition.shadow.empty()) use_adapter(definition.shadow);
}

}  // namespace

std::shared_ptr<const SagaGraph> lower_workflow(Unit& unit, const Catalogue& catalogue,
                                                const CompileOptions& options) {
  return Lowering(unit, catalogue, options).run();
}

}  // namespace weft::dsl
