#pragma once  // orchestrator/app/http_api.h

#include <functional>
#include <string>
#include <vector>

#include "orchestrator/app/change_feed.h"
#include "orchestrator/app/http_guard.h"
#include "orchestrator/app/http_server.h"
#include "orchestrator/engine/metrics.h"
#include "orchestrator/engine/request.h"

namespace weft::app {

/// What the API stands on; functions, so that tests put anything there. All are called from several
/// threads at once.
struct ApiBackend {
  std::function<engine::Response(engine::Request)> ask;
  std::function<engine::MetricsSnapshot()> metrics;
  std::function<bool()> alive;
  /// The checks of the last /readyz that the engine's loop made by itself, for /healthz to show;
  /// null before the first. Waits for nothing.
  std::function<dsl::Value()> last_checks;
  /// Copies the store to a folder on the server, online: 200 {"dir","bytes","ms"}.
  std::function<engine::Response(const std::string& dir)> backup;
};

struct ApiOptions {
  GuardOptions guard;
  std::string token;  ///< Content of DATA/admin.token.
  /// Off on loopback unless configured: then who gives no token acts unverified. On: everything but
  /// /healthz, /readyz and webhooks (which are signed) needs it.
  bool require_token = true;
  std::size_t streams_max = 8;  ///< Of /api/v1/changes: each holds a thread of the server.
};

/// INTERFACES.md, HTTP: routes to requests of the engine and back. Thread-safe.
class HttpApi final {
 public:
  HttpApi(ApiOptions options, ApiBackend backend, ChangeFeed& changes);
  ~HttpApi();
  HttpApi(const HttpApi&) = delete;
  HttpApi& operator=(const HttpApi&) = delete;

  [[nodiscard]] HttpResponse handle(const HttpRequest& request);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// The OpenAPI 3.1 description of these routes (openapi.cc).
[[nodiscard]] const std::string& openapi_document();

}  // namespace weft::app
