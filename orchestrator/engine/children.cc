#include "orchestrator/engine/children.h"

#include <memory>
#include <utility>

#include "orchestrator/core/planted.h"

namespace weft::engine {

// The row is settled by the parent's commit, not the child's: a crash in between starts the child
// again by its key, finds it there, and tells the parent once more.
void Children::tell_parent(const core::SagaId& parent, core::CommandBody body,
                           store::OutboxKey row) {
  Envelope envelope;
  envelope.saga = parent;
  envelope.command.body = std::move(body);
  envelope.settles.push_back(std::move(row));
  context_.partition.submit(std::move(envelope));
}

void Children::start(const core::SagaId& parent, const core::ChildStart& effect,
                     store::OutboxKey row) {
  if (depth_of(parent) >= context_.limits.child_depth) {
    tell_parent(parent,
                core::ReportChildRefused{effect.path, "child_depth",
                                         "sagas nest at most " +
                                             std::to_string(context_.limits.child_depth) + " deep"},
                std::move(row));
    return;
  }
  StartOrder order;
  order.workflow = effect.workflow;
  order.major = effect.major;
  order.key = effect.key;
  order.input = effect.input;
  order.via = "child";
  order.parent = parent;
  order.parent_path = effect.path;
  order.detached = effect.detached;
  if (const auto entry = context_.sagas.load(parent); entry && (*entry)->state.exists()) {
    order.trace = (*entry)->state.birth.traceparent;
  }
  order.decided = [this, parent, path = effect.path, child = effect.child,
                   row = std::move(row)](const Response& response) {
    if (response.ok()) {
      const core::SagaId started(response.body.string_or("saga", child.str()));
      // Heard only when the child is durable.
      context_.commits.after_durable([this, parent, path, started, row] {
        tell_parent(parent, core::ReportChildStarted{path, started}, row);
      });
      return;
    }
    const std::string code = response.body.string_or("code", "refused");
    tell_parent(parent, core::ReportChildRefused{path, code, response.body.string_or("detail", "")},
                row);
  };
  intake_.start(std::move(order), {});
}

void Children::command(const core::SagaId& parent, const core::ChildCommand& effect,
                       store::OutboxKey row) {
  Envelope envelope;
  envelope.saga = effect.child;
  envelope.settles.push_back(row);
  if (effect.action == "undo") {
    envelope.command.body = core::UndoAsChild{effect.held};
  } else {
    envelope.command.body = core::CancelSaga{false, "cancel"};
  }
  envelope.command.reason = "its parent saga " + parent.str() + " goes back";
  envelope.done = [this, parent, effect, row](const CommandResult& result) {
    if (result.decision) return;
    if (result.decision.error().code == core::Rejection::Code::kUnknownSaga) {
      // Nothing was ever started, so there is nothing to undo: the parent may go on.
      core::ReportChildEnded ended;
      ended.path = effect.path;
      ended.child = effect.child;
      ended.state = "failed";
      ended.error = {"business", "cancelled", "it was never started", "", ""};
      tell_parent(parent, std::move(ended), row);
      return;
    }
    context_.log(LogLevel::kWarning, "a child refused its parent's command",
                 {{"saga", effect.child.str()}, {"code", core::rejection_name(
                                                             result.decision.error().code)}});
  };
  context_.partition.submit(std::move(envelope));
}

void Children::notify(const core::SagaId& child, const core::ParentNotify& effect,
                      store::OutboxKey row) {
  if (PLANTED(25)) {  // the parent never hears of its child's end
    context_.commits.open().outbox_settle.push_back(row);
    return;
  }
  core::ReportChildEnded ended;
  ended.path = effect.parent_path;
  ended.child = child;
  ended.state = effect.state;
  ended.output = effect.output;
  ended.error = effect.error;
  ended.holdings = effect.holdings;
  tell_parent(effect.parent, std::move(ended), std::move(row));
}

int Children::depth_of(core::SagaId saga) const {
  int depth = 1;
  while (depth <= context_.limits.child_depth) {
    auto entry = context_.sagas.load(saga);
    if (!entry || (*entry)->state.birth.parent.empty()) return depth;
    saga = (*entry)->state.birth.parent;
    ++depth;
  }
  return depth;
}

}  // namespace weft::engine
