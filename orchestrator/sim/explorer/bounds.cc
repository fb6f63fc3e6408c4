#include "orchestrator/sim/explorer/bounds.h"

#include <algorithm>

namespace weft::explorer {
namespace {

void shorten(dsl::RetryPolicy& policy, int attempts) {
  const bool ends = policy.attempts_max > 0 || policy.elapsed_max_ms.has_value();
  policy.attempts_max = !ends ? 0
                        : policy.attempts_max > 0
                            ? std::min<std::int64_t>(policy.attempts_max, attempts)
                            : attempts;
  policy.elapsed_max_ms.reset();
  policy.jitter = dsl::RetryPolicy::Jitter::kNone;
}

}  // namespace

dsl::SagaGraph bounded(const dsl::SagaGraph& graph, const Bounds& bounds) {
  dsl::SagaGraph small = graph;
  for (dsl::Step& step : small.steps) {
    if (step.call) {
      shorten(step.call->retry, bounds.attempts);
      if (step.call->probe) shorten(step.call->probe->retry, bounds.attempts);
      shorten(step.call->compensate.retry, bounds.attempts);
    }
    if (step.repeat) {
      step.repeat->rounds_max = std::min<std::int64_t>(step.repeat->rounds_max, bounds.rounds);
    }
  }
  for (auto& [_, adapter] : small.adapters) adapter.idempotency_window_ms.reset();
  return small;
}

}  // namespace weft::explorer
