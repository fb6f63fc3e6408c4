#pragma once  // orchestrator/engine/controls.h

#include <functional>
#include <set>
#include <string>

#include <tl/expected.hpp>

#include "orchestrator/engine/context.h"
#include "orchestrator/engine/dead_letter.h"
#include "orchestrator/engine/event_correlation.h"

namespace weft::engine {

/// What operators do that concerns no single saga: each an event of the stream `system`.
class Controls final {
 public:
  Controls(Context& context, DeadLetter& dead_letter, Correlation& correlation);
  [[nodiscard]] tl::expected<void, std::string> recover();

  void deploy(const Deploy& order, const core::Actor& actor, const Reply& reply);
  [[nodiscard]] dsl::CompileResult register_definitions(
      const std::vector<dsl::SourceFile>& files, const std::vector<dsl::SourceFile>& attachments);
  void choose(const ChooseVersion& order, const core::Actor& actor, const Reply& reply);
  void set_limits(const SetAdapterLimits& order, const core::Actor& actor, const Reply& reply);
  void pause(const Pause& order, const core::Actor& actor, const Reply& reply);
  void let_pass(const LetPass& order, const core::Actor& actor, const Reply& reply);
  void resolve(const ResolveUnmatched& order, const core::Actor& actor, const Reply& reply);
  void prune(const Prune& order, const core::Actor& actor, const Reply& reply);

  [[nodiscard]] const std::set<std::string>& paused_workflows() const { return paused_workflows_; }
  /// Offers a rejected document again, as `data`, by the way it came.
  using Restart = std::function<void(const DeadLetter::Letter& letter, const std::string& id,
                                     const dsl::Value& data, const core::Actor&, const Reply&)>;
  void set_restart(Restart restart) {
    restart_ = std::move(restart);
  }
  /// Called after definitions changed.
  void set_registered(std::function<void()> registered) { registered_ = std::move(registered); }

 private:
  [[nodiscard]] Response unknown_adapter(const std::string& name) const;
  void record(const std::string& action, dsl::Value data, const core::Actor& actor,
              const std::string& reason);
  void apply_limits();
  [[nodiscard]] bool may_prune(const SagaEntry& entry) const;
  [[nodiscard]] bool prune_one(const core::SagaId& saga, bool dry_run);

  Context& context_;
  DeadLetter& dead_letter_;
  Correlation& correlation_;
  std::set<std::string> paused_workflows_;
  Restart restart_;
  std::function<void()> registered_;
};

}  // namespace weft::engine
