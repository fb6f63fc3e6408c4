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

  void call(const Plan& plan, dsl::Step& step) {
    step.kind = dsl::StepKind::kCall;
    dsl::CallSpec& call = step.call.emplace();
    call.target = {"world", "act"};
    call.pivot = plan.pivot;
    call.retry.attempts_max = plan.attempts_max;
    call.retry.given = plan.attempts_max > 0;
    if (plan.holds) {
      const Value items = *Value::parse(R"([{"sku":"A","qty":1}])");
      call.holds.push_back({"stock", Template::literal(items)});
    }
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

dsl::SagaGraph graph_of(const List& top) { return Builder().build(top); }

}  // namespace weft::test
