#pragma once  // orchestrator/engine/children.h

#include <functional>

#include "orchestrator/engine/context.h"
#include "orchestrator/engine/intake.h"

namespace weft::engine {

/// Parents and children are different sagas, perhaps of different partitions: what one wants of the
/// other is a row of its outbox, settled by the commit in which the other takes it. Repeats are
/// harmless: starts by their key, commands and reports by the receiver's state.
class Children final {
 public:
  Children(Context& context, Intake& intake) : context_(context), intake_(intake) {}

  void start(const core::SagaId& parent, const core::ChildStart& effect, store::OutboxKey row);
  void command(const core::SagaId& parent, const core::ChildCommand& effect, store::OutboxKey row);
  void notify(const core::SagaId& child, const core::ParentNotify& effect, store::OutboxKey row);

 private:
  [[nodiscard]] int depth_of(core::SagaId saga) const;
  void tell_parent(const core::SagaId& parent, core::CommandBody body, store::OutboxKey row);

  Context& context_;
  Intake& intake_;
};

}  // namespace weft::engine
