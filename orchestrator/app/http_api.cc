#include "orchestrator/app/http_api.h"

#include <atomic>
#include <chrono>
#include <utility>

#include "orchestrator/app/api_requests.h"
#include "orchestrator/app/log.h"
#include "orchestrator/app/metrics.h"
#include "orchestrator/engine/problem.h"

namespace weft::app {
namespace {

using dsl::Value;

// A proxy in between closes silent connections; most do so after a minute.
constexpr std::chrono::seconds kHeartbeatEvery{10};
constexpr std::chrono::milliseconds kStreamWait{500};
constexpr std::size_t kChangesPerPiece = 256;

HttpResponse render(const engine::Response& response, std::string content_type = {}) {
  HttpResponse out;
  out.status = response.status;
  if (content_type.empty()) {
    content_type = response.ok() ? "application/json" : "application/problem+json";
  }
  out.content_type = std::move(content_type);
  out.body = response.body.to_json();
  if (response.revision)
    out.headers.emplace_back("ETag", "\"" + std::to_string(*response.revision) + "\"");
  if (const auto ms = response.body.integer_or("retry_after_ms", 0);
      response.status == 503 && ms > 0) {
    out.headers.emplace_back("Retry-After", std::to_string((ms + 999) / 1000));
  }
  // RFC 9110, 15.5.6: whoever is refused a method is told which ones there are.
  if (response.status == 405) {
    out.headers.emplace_back("Allow", response.body.string_or("allow", "GET"));
  }
  out.headers.emplace_back("Cache-Control", "no-store");
  out.headers.emplace_back("X-Content-Type-Options", "nosniff");
  return out;
}

HttpResponse refuse(int status, std::string_view code, std::string_view detail) {
  return render(engine::problem(status, code, detail));
}

HttpResponse only_posted(std::string_view detail) {
  return render(engine::problem(405, "wrong_method", detail, {{"allow", "POST"}}));
}

/// Names of actors stand in logs, events and on screens for ever.
bool good_actor(const std::string& name) {
  if (name.size() > 100) return false;
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return false;
  }
  std::string quoted;
  append_json_string(quoted, name);
  return quoted.find("\xEF\xBF\xBD") == std::string::npos;  // It was UTF-8.
}

}  // namespace

struct HttpApi::State : std::enable_shared_from_this<State> {
  State(ApiOptions given, ApiBackend stands_on, ChangeFeed& feed)
      : options(std::move(given)), backend(std::move(stands_on)), changes(feed) {}

  ApiOptions options;
  ApiBackend backend;
  ChangeFeed& changes;
  std::atomic<std::size_t> streams{0};

  HttpResponse health(bool ready) const;
  Value known_checks() const;
  HttpResponse open_stream(const HttpRequest& request);
  HttpResponse api(HttpRequest request, const core::Actor& actor);
  HttpResponse hook(const HttpRequest& request, const core::Actor& actor) const;
};

namespace {

/// /api/v1/changes: what happens from now on, or after an event that the reader names.
class ChangeStream final : public HttpStream {
 public:
  struct Filter {
    std::string saga, workflow, type;
  };
  ChangeStream(ChangeFeed& changes, std::function<engine::Response(engine::Request)> ask,
               std::uint64_t after, Filter filter, std::function<void()> closed)
      : changes_(changes),
        ask_(std::move(ask)),
        after_(after),
        filter_(std::move(filter)),
        closed_(std::move(closed)) {
    changes_.reader_came();
  }
  ~ChangeStream() override {
    changes_.reader_left();
    closed_();
  }

  std::optional<std::string> next() override {
    std::string out;
    if (!greeted_) {
      // Makes the headers leave at once, and tells browsers how soon to come back.
      out = "retry: 1000\n\n";
      greeted_ = true;
      return out;
    }
    ChangeFeed::Batch batch = changes_.wait(after_, kStreamWait, kChangesPerPiece);
    if (batch.closed) return std::nullopt;
    if (batch.missed) return catch_up();
    for (const engine::Change& change : batch.changes) {
      after_ = change.position;
      append(out, change);
    }
    const auto now = std::chrono::steady_clock::now();
    if (!out.empty()) {
      spoke_at_ = now;
    } else if (now - spoke_at_ >= kHeartbeatEvery) {
      spoke_at_ = now;
      out = ": still here\n\n";
    }
    return out;
  }

 private:
  void append(std::string& out, const engine::Change& change) const {
    if ((!filter_.workflow.empty() && change.workflow != filter_.workflow) ||
        (!filter_.type.empty() && change.type != filter_.type)) {
      return;
    }
    if (!filter_.saga.empty()) {
      const auto event = Value::parse(change.event);
      if (!event || event->string_or("saga", "") != filter_.saga) return;
    }
    out += "id: " + std::to_string(change.position) + "\nevent: " + change.type + "\ndata: ";
    out += change.event;  // One line: JSON escapes line ends.
    out += "\n\n";
  }

  /// Reads what the feed no longer holds from the store.
  std::optional<std::string> catch_up() {
    engine::Request request;
    request.actor.via = "http";
    request.body = engine::ReadEvents{"", after_, static_cast<std::int64_t>(kChangesPerPiece)};
    const engine::Response response = ask_(std::move(request));
    const Value* items = response.body.find("items");
    if (!response.ok() || items == nullptr || !items->is_array()) return std::nullopt;
    std::string out;
    for (const Value& item : items->as_array()) {
      append(out, {static_cast<std::uint64_t>(item.integer_or("position", 0)),
                   item.string_or("type", ""), item.string_or("workflow", ""), item.to_json()});
    }
    const auto next = static_cast<std::uint64_t>(response.body.integer_or("next", 0));
    // Nothing after it, although the feed counts further: those are no events of sagas.
    after_ = next > after_ ? next : changes_.head();
    return out;
  }

  ChangeFeed& changes_;
  std::function<engine::Response(engine::Request)> ask_;
  std::uint64_t after_;
  Filter filter_;
  std::function<void()> closed_;
  bool greeted_ = false;
  std::chrono::steady_clock::time_point spoke_at_ = std::chrono::steady_clock::now();
};

}  // namespace

HttpResponse HttpApi::State::health(bool ready) const {
  const bool alive = backend.alive();
  if (!alive || !ready) {
    // No dependency is asked: a server that waits for its disk is not to be killed for it. What
    // was last known of them is shown, and does not count.
    const char* engine = alive ? "pass" : "fail";
    const Value body =
        Value::object({{"status", engine}, {"checks", known_checks().with("engine", engine)}});
    return render({alive ? 200 : 503, body, {}}, "application/health+json");
  }
  engine::Request request;
  request.actor.via = "http";
  request.body = engine::GetHealth{true};
  const engine::Response response = backend.ask(std::move(request));
  if (response.body.find("checks") != nullptr) return render(response, "application/health+json");
  const Value body = Value::object({{"status", "fail"},
                                    {"checks", known_checks().with("engine", "fail")},
                                    {"output", response.body.string_or("detail", "no answer")}});
  return render({503, body, {}}, "application/health+json");
}

/// Nothing is known well before the engine's first turn.
Value HttpApi::State::known_checks() const {
  const Value last = backend.last_checks ? backend.last_checks() : Value();
  if (last.is_object()) return last;
  return Value::object({{"store", "warn"}, {"nats", "warn"}, {"disk", "warn"}, {"engine", "warn"}});
}

HttpResponse HttpApi::State::open_stream(const HttpRequest& request) {
  std::uint64_t after = changes.head();
  std::string from = request.header("Last-Event-ID");
  if (from.empty()) from = request.parameter("after").value_or("");
  if (!from.empty()) {
    if (from.size() > 18 || from.find_first_not_of("0123456789") != std::string::npos) {
      return refuse(400, "bad_parameter", "`after` is to be the id of an event, a whole number");
    }
    after = std::stoull(from);
  }
  if (streams.fetch_add(1) >= options.streams_max) {
    streams.fetch_sub(1);
    return render(engine::busy("too_many_streams",
                               "as many readers follow the changes as this server serves; read "
                               "/api/v1/events?after= instead",
                               5000));
  }
  HttpResponse response;
  response.content_type = "text/event-stream";
  response.headers.emplace_back("Cache-Control", "no-store");
  response.headers.emplace_back("X-Accel-Buffering", "no");
  response.stream = std::make_shared<ChangeStream>(
      changes, backend.ask, after,
      ChangeStream::Filter{request.parameter("saga").value_or(""),
                           request.parameter("workflow").value_or(""),
                           request.parameter("type").value_or("")},
      [self = shared_from_this()] { self->streams.fetch_sub(1); });
  return response;
}

HttpResponse HttpApi::State::hook(const HttpRequest& request, const core::Actor& actor) const {
  if (request.method != "POST") return only_posted("webhooks are posted");
  engine::Webhook webhook;
  for (std::size_t i = 1; i < request.path.size(); ++i) {
    webhook.path += (i == 1 ? "" : "/") + request.path[i];
  }
  webhook.body = request.body;
  webhook.headers = request.headers;
  engine::Request asked;
  asked.actor = actor;
  asked.body = std::move(webhook);
  return render(backend.ask(std::move(asked)));
}

HttpResponse HttpApi::State::api(HttpRequest request, const core::Actor& actor) {
  request.path.erase(request.path.begin(), request.path.begin() + 2);
  const std::string first = request.path.empty() ? "" : request.path.front();
  if (request.method == "GET" && request.path.size() == 1) {
    if (first == "openapi.json") {
      HttpResponse response;
      response.body = openapi_document();
      return response;
    }
    if (first == "changes") return open_stream(request);
  }
  if (first == "backup" && request.path.size() == 1) {
    if (request.method != "POST") return only_posted("a backup is posted");
    auto body = Value::parse(request.body);
    const std::string dir = body && body->is_object() ? body->string_or("dir", "") : "";
    if (dir.empty() || dir.front() != '/') {
      return refuse(400, "missing_member", "`dir` is to be an absolute path on the server");
    }
    return render(backend.backup(dir));
  }
  auto asked = read_api_request(request);
  if (!asked) return render(asked.error());
  engine::Request message;
  message.actor = actor;
  message.body = std::move(*asked);
  return render(backend.ask(std::move(message)));
}

HttpApi::HttpApi(ApiOptions options, ApiBackend backend, ChangeFeed& changes)
    : state_(std::make_shared<State>(std::move(options), std::move(backend), changes)) {}
HttpApi::~HttpApi() = default;

HttpResponse HttpApi::handle(const HttpRequest& request) {
  const ApiOptions& options = state_->options;
  const std::string first = request.path.empty() ? "" : request.path.front();
  const bool alone = request.path.size() == 1;
  if (const auto refusal =
          check_origin(options.guard, request.header("Host"), request.header("Origin"),
                       request.header("Sec-Fetch-Site"))) {
    return refuse(refusal->status, refusal->code, refusal->detail);
  }
  if (alone && request.method == "GET" && (first == "healthz" || first == "readyz")) {
    return state_->health(first == "readyz");
  }
  core::Actor actor;
  actor.name = request.header("Weft-Actor");
  actor.via = request.header("Weft-Via") == "cli" ? "cli" : "http";
  if (!good_actor(actor.name)) {
    return refuse(400, "bad_actor", "Weft-Actor is to be a name of at most 100 visible characters");
  }
  const std::string authorization = request.header("Authorization");
  if (!authorization.empty()) {
    constexpr std::string_view kBearer = "Bearer ";
    const bool right =
        authorization.rfind(kBearer, 0) == 0 && !options.token.empty() &&
        same_secret(std::string_view(authorization).substr(kBearer.size()), options.token);
    // A webhook's sender may have an Authorization of its own; its signature is what counts.
    if (!right && first != "hooks") {
      HttpResponse response = refuse(401, "bad_token", "this token is not known here");
      response.headers.emplace_back("WWW-Authenticate", "Bearer");
      return response;
    }
    actor.verified = right;
    if (right) actor.role = "admin";
  }
  if (first == "hooks" && request.path.size() > 1) return state_->hook(request, actor);
  if (options.require_token && !actor.verified) {
    HttpResponse response =
        refuse(401, "token_needed",
               "this server asks for a token: Authorization: Bearer, or --token-file");
    response.headers.emplace_back("WWW-Authenticate", "Bearer");
    return response;
  }
  if (alone && first == "metrics" && request.method == "GET") {
    HttpResponse response;
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    response.body = prometheus_text(state_->backend.metrics()) + prometheus_text(process_metrics());
    return response;
  }
  if (request.path.size() >= 2 && first == "api" && request.path[1] == "v1") {
    return state_->api(request, actor);
  }
  return refuse(404, "unknown_address",
                "the API is described in /api/v1/openapi.json; /metrics, /healthz and /readyz are "
                "here, too");
}

}  // namespace weft::app
