#pragma once  // orchestrator/app/api_requests.h

#include <string>
#include <variant>

#include <tl/expected.hpp>

#include "orchestrator/app/http_server.h"
#include "orchestrator/engine/request.h"

namespace weft::app {

/// What an address asks the engine for, or why it asks for nothing (400, 404, 405, 428).
/// `request.path` begins behind /api/v1.
[[nodiscard]] tl::expected<engine::RequestBody, engine::Response> read_api_request(
    const HttpRequest& request);

}  // namespace weft::app
