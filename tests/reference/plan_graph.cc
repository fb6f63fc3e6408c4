#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "dsl/expression.h"
#include "tests/reference/plan.h"

// The saga graph is made by hand: the model must not depend on how YAML is compiled.
namespace weft::test {
namespace {

using dsl::Block;
using dsl::BlockId;
using dsl::StepId;
using dsl::Template;
using dsl::Value;
using List = std::vector<Plan>;

class Builder {
 public:
  dsl::SagaGraph build(const List& top) {
    graph_.workflow = "generated";
    graph_.version = "1.0.0";
    graph_.owner = "tests";
    graph_.digest = "generated";
    dsl::ErrorDeclaration refused;
    refused.code = "refused";
    graph_.errors["refused"] = refused;
    graph_.resources.push_back({"stock", {"sku"}, "qty"});
    graph_.adapters["world"].name = "world";
    list(top, dsl::kNoStep, Block::Role::kTop, 0);
    return std::move(graph_);
  }

 private:
  BlockId list(const List& plans, StepId owner, Block::Role role, std::uint32_t index) {
    const auto id = static_cast<BlockId>(graph_.blocks.size());
    Block& block = graph_.blocks.emplace_back();
    block.id = id;
    block.owner = owner;
    block.role = role;
    block.index = index;
    block.name = "branch" + std::to_string(index);
    for (const Plan& plan : plans) {
      const StepId step = add(plan, id);
      graph_.blocks[id].steps.push_back(step);
    }
    return id;
  }

  StepId add(const Plan& plan, BlockId block) {
    const auto id = static_cast<StepId>(graph_.steps.size());
    dsl::Step& fresh = graph_.steps.emplace_back();
    fresh.id = id;
    fresh.name = plan.name;
    fresh.block = block;
    fresh.place = static_cast<std::uint32_t>(graph_.blocks[block].steps.size());
    fresh.after_pivot = past_pivot_;
    graph_.step_by_name[plan.name] = id;
    dsl::Step step = fresh;  // `list` grows the vector that `fresh` lives in.
    switch (plan.kind) {
      case Plan::Kind::kCall: call(plan, step); break;
      case Plan::Kind::kDo:
        step.kind = dsl::StepKind::kDo;
        step.do_.emplace().body = list(plan.lists[0], id, Block::Role::kBody, 0);
        break;
      case Plan::Kind::kChoice: {
        step.kind = dsl::StepKind::kChoice;
        dsl::ChoiceBranch otherwise;
        otherwise.body = list(plan.lists[0], id, Block::Role::kBranch, 0);
        step.choice.emplace().branches.push_back(std::move(otherwise));
        break;
      }
      case Plan::Kind::kParallel:
      case Plan::Kind::kRace: {
        step.kind = dsl::StepKind::kParallel;
        dsl::ParallelSpec parallel;
        parallel.race = plan.kind == Plan::Kind::kRace;
        for (std::uint32_t i = 0; i < plan.lists.size(); ++i) {
          parallel.branches.push_back(list(plan.lists[i], id, Block::Role::kBranch, i));
        }
        step.parallel = std::move(parallel);
        break;
      }
      case Plan::Kind::kForeach: {
        step.kind = dsl::StepKind::kForeach;
        Value::Array items;
        for (int i = 0; i < plan.items; ++i) items.emplace_back(i);
        step.foreach = dsl::ForeachSpec{.items = Template::literal(Value::array(std::move(items))),
                                        .as = "item",
                                        .at_once = plan.at_once,
                                        .tolerate = {},
                                        .body = list(plan.lists[0], id, Block::Role::kBody, 0)};
        if (plan.tolerate > 0) step.foreach->tolerate.emplace().count = plan.tolerate;
        break;
      }
      case Plan::Kind::kWait:
        step.kind = dsl::StepKind::kWait;
        step.wait.emplace().duration_ms = plan.wait_ms;
        break;
      case Plan::Kind::kSaga: {
        step.kind = dsl::StepKind::kSaga;
        dsl::ChildSpec child;
        child.workflow = "generated.child";
        child.with = Template::literal(Value::object({{"lines", value_of(plan.holds)}}));
        child.detach = plan.detached;
        step.saga = std::move(child);
        break;
      }
      case Plan::Kind::kListen: {
        step.kind = dsl::StepKind::kListen;
        dsl::ListenSpec listen;
        listen.event = plan.event;
        if (!plan.signals_only) {
          listen.correlate_event = expression("$event.order");
          listen.correlate_equals = Template::literal(Value(kCorrelation));
        }
        if (plan.picky) listen.filter = *dsl::Expression::compile("$event.big");
        if (plan.impatient) listen.timeout_ms = 60'000;
        if (plan.impatient) listen.on_timeout = on_timeout(plan, id);
        step.listen = std::move(listen);
        break;
      }
      case Plan::Kind::kRepeat: {
        step.kind = dsl::StepKind::kRepeat;
        const std::string until = "$index >= " + std::to_string(plan.until_round);
        const BlockId body = list(plan.lists[0], id, Block::Role::kBody, 0);
        step.repeat = dsl::RepeatSpec{.body = body,
                                      .until = *dsl::Expression::compile(until),
                                      .rounds_max = plan.rounds_max,
                                      .every_ms = plan.wait_ms,
                                      .on_timeout = on_timeout(plan, id)};
        break;
      }
    }
    for (std::uint32_t i = 0; i < plan.routes.size(); ++i) {
      const Plan::Route& route = plan.routes[i];
      dsl::ErrorRoute out;
      out.errors = {route.error};
      out.then =
          route.then == Plan::Then::kContinue ? dsl::Then::kContinue : dsl::Then::kCompensate;
      if (!route.body.empty()) out.body = list(route.body, id, Block::Role::kRoute, i);
      step.on_error.push_back(std::move(out));
    }
    graph_.steps[id] = std::move(step);
    return id;
  }

  dsl::TimeoutAction on_timeout(const Plan& plan, StepId owner) {
    using Way = dsl::TimeoutAction::Kind;
    dsl::TimeoutAction action;
    action.kind = plan.spent == Plan::Spent::kDo         ? Way::kDo
                  : plan.spent == Plan::Spent::kContinue ? Way::kContinue
                                                         : Way::kRaise;
    const char* code = plan.kind == Plan::Kind::kRepeat ? "exhausted" : "timeout";
    if (action.kind == Way::kRaise) action.raise = plan.raises.empty() ? code : plan.raises;
    if (action.kind == Way::kDo) {
      action.body = list(plan.lists.back(), owner, Block::Role::kTimeout, 0);
    }
    return action;
  }

  static Template expression(const char* text) {
    return Template::expression(*dsl::Expression::compile(text));
  }

  void call(const Plan& plan, dsl::Step& step) {
    step.kind = dsl::StepKind::kCall;
    dsl::CallSpec& call = step.call.emplace();
    call.target = {"world", "act"};
    call.pivot = plan.pivot;
    call.retry.attempts_max = plan.attempts_max;
    call.retry.given = plan.attempts_max > 0;
    call.with = Template::literal(Value::object({{"lines", value_of(plan.holds)}}));
    if (!plan.holds.empty()) {
      call.holds.push_back({"stock", expression("($reply // $with).lines")});
    }
    const auto some = [](const Items& items) {
      return dsl::ResourceMovement{"stock", Template::literal(value_of(items))};
    };
    if (!plan.consumes.empty()) call.consumes.push_back(some(plan.consumes));
    if (!plan.releases.empty()) call.releases.push_back(some(plan.releases));
    if (plan.rest == Plan::Rest::kConsumed) call.consumes.push_back({"stock", {}});
    if (plan.rest == Plan::Rest::kReleased) call.releases.push_back({"stock", {}});
    if (plan.probes_max > 0) {
      dsl::ProbeSpec& probe = call.probe.emplace();
      probe.target = {"world", "find"};
      probe.retry.attempts_max = plan.probes_max;
      probe.retry.given = true;
    }
    dsl::CompensationSpec& undo = call.compensate;
    undo.kind = plan.undo == Plan::Undo::kCall     ? dsl::CompensationSpec::Kind::kCall
                : plan.undo == Plan::Undo::kManual ? dsl::CompensationSpec::Kind::kManual
                                                   : dsl::CompensationSpec::Kind::kNone;
    if (past_pivot_ || plan.pivot) undo.kind = dsl::CompensationSpec::Kind::kAbsent;
    undo.target = {"world", "undo"};
    undo.with = Template::object({{"lines", expression("$held.stock")}});
    undo.retry.attempts_max = plan.undo_attempts_max;
    undo.retry.given = true;
    undo.continue_on_failure = plan.undo_goes_on;
    if (plan.pivot) {
      graph_.pivot = step.id;
      past_pivot_ = true;
    }
  }

  dsl::SagaGraph graph_;
  bool past_pivot_ = false;
};

}  // namespace

Value value_of(const Items& items) {
  Value::Array lines;
  for (const auto& [what, amount] : items) {
    lines.push_back(Value::object({{"sku", what}, {"qty", amount}}));
  }
  return Value::array(std::move(lines));
}

Items items_of(const Value& value) {
  Items items;
  for (const Value& line : value.as_array()) {
    items[line.find("sku")->as_string()] +=
        static_cast<int>(*line.find("qty")->as_decimal().to_integer());
  }
  return items;
}

dsl::SagaGraph graph_of(const List& top) { return Builder().build(top); }

}  // namespace weft::test
