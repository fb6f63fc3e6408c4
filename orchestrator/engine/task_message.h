#pragma once  // orchestrator/engine/task_message.h

#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "adapters/messaging/contract.h"
#include "adapters/messaging/message.h"
#include "orchestrator/core/outcome.h"
#include "orchestrator/engine/limits.h"
#include "orchestrator/engine/task.h"

namespace weft::engine {

/// What a message needs that the task does not hold.
struct WireContext {
  std::string inbox_prefix, store;
  core::Timestamp now;
};

/// The subject a task is sent on; an error names what is wrong with its names.
[[nodiscard]] tl::expected<std::string, messaging::InvalidText> subject_of(
    const core::TaskDispatch& dispatch);
/// The request of INTERFACES.md, "Request headers of a task". `shadow`: the same on weft.dryrun,
/// without a token, answered to `reply_token`.
[[nodiscard]] tl::expected<messaging::Message, messaging::InvalidText> task_message(
    const Task& task, const WireContext& context);
[[nodiscard]] tl::expected<messaging::Message, messaging::InvalidText> shadow_message(
    const Task& task, const WireContext& context, std::string_view reply_token);

/// A message on a task's inbox, as the core wants it. Never throws; what cannot be read is
/// kInvalid.
[[nodiscard]] core::TaskReply read_reply(messaging::Received message, const Limits& limits);
/// The bodies of `weft.complete.<token>` and `weft.fail.<token>`.
[[nodiscard]] core::TaskReply read_completion(std::string_view body,
                                              const messaging::Headers& headers,
                                              const Limits& limits);
[[nodiscard]] core::TaskReply read_failure(std::string_view body, const messaging::Headers& headers,
                                           const Limits& limits);

[[nodiscard]] dsl::JsonLimits json_limits(const Limits& limits);

}  // namespace weft::engine
