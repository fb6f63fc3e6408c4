#pragma once  // orchestrator/engine/problem.h

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/messaging/message.h"
#include "dsl/value.h"
#include "orchestrator/core/decider.h"
#include "orchestrator/engine/request.h"
#include "store/store_error.h"

namespace weft::engine {

/// 200 with `body`.
[[nodiscard]] Response success(dsl::Value body);
/// A refusal as a problem document; `members` are added to it.
[[nodiscard]] Response problem(int status, std::string_view code, std::string_view detail,
                               dsl::Value::Object members = {});
[[nodiscard]] Response busy(std::string_view code, std::string_view detail,
                            std::int64_t retry_after_ms);
/// With the names that come close.
[[nodiscard]] Response unknown_name(std::string_view code, std::string_view what,
                                    std::string_view name, const std::vector<std::string>& known);
[[nodiscard]] Response from_rejection(const core::Rejection& rejection);
[[nodiscard]] Response from_json_error(const dsl::JsonError& error);
[[nodiscard]] Response from_store_error(const store::StoreError& error);

/// Up to three of `known` that a person may have meant by `name`, the closest first.
[[nodiscard]] std::vector<std::string> near_matches(std::string_view name,
                                                    const std::vector<std::string>& known);

/// The response as a message: micro error headers where it is a refusal.
[[nodiscard]] messaging::Message to_message(messaging::Subject to, const Response& response);

/// One refused thing inside an answer about many: {"status","code","detail"}.
[[nodiscard]] dsl::Value short_problem(const Response& response);

}  // namespace weft::engine
