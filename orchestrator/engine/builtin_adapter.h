#pragma once  // orchestrator/engine/builtin_adapter.h

#include <string>
#include <string_view>

#include "orchestrator/engine/context.h"
#include "orchestrator/engine/event_correlation.h"
#include "orchestrator/engine/intake.h"
#include "orchestrator/engine/operations.h"
#include "orchestrator/engine/queries.h"

namespace weft::engine {

/// Adapter `weft`: what workflows may ask of the orchestrator itself. It is asked over the bus like
/// every other adapter, so waiting, retries and several nodes need nothing special.
///
///   start   {workflow, input?, key?}                   key: default the task's idempotency key
///   cancel  {saga | workflow, key; reason?}            answers when it is certain that the pivot
///                                                      will not be passed, or `past_pivot`
///   signal  {saga | workflow, key; name, data?}
///   query   {saga | workflow, key}
class BuiltinAdapter final {
 public:
  static constexpr std::string_view kName = "weft";

  BuiltinAdapter(Context& context, Intake& intake, Operations& operations, Correlation& correlation,
                 Queries& queries)
      : context_(context),
        intake_(intake),
        operations_(operations),
        correlation_(correlation),
        queries_(queries) {}

  /// True: the message was a task for this adapter.
  bool on_message(const messaging::Received& message, const Reply& reply);

 private:
  void start(const dsl::Value& input, const messaging::TaskHeaders& task, const core::Actor& actor,
             const Reply& reply);
  void cancel(const std::string& saga, const std::string& reason, const core::Actor& actor,
              const Reply& reply);
  [[nodiscard]] Response cancelled(const core::SagaState& state) const;

  Context& context_;
  Intake& intake_;
  Operations& operations_;
  Correlation& correlation_;
  Queries& queries_;
};

}  // namespace weft::engine
