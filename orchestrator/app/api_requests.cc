#include "orchestrator/app/api_requests.h"

#include <algorithm>
#include <charconv>

#include "orchestrator/app/near_match.h"
#include "orchestrator/app/time_text.h"
#include "orchestrator/engine/problem.h"

namespace weft::app {
namespace {

using dsl::Value;
using engine::RequestBody;
using Result = tl::expected<RequestBody, engine::Response>;

// A deploy carries a folder of definitions and their schemas.
constexpr dsl::JsonLimits kBodyLimits{4 * 1024 * 1024, 64, 200'000};

tl::unexpected<engine::Response> not_here(const HttpRequest& request) {
  std::string path = "/api/v1";
  for (const std::string& part : request.path) path += "/" + part;
  return tl::unexpected(engine::problem(404, "unknown_address",
                                        "there is no " + request.method + " " + path +
                                            "; all addresses are listed in /api/v1/openapi.json"));
}

tl::unexpected<engine::Response> wrong_method(const HttpRequest& request,
                                              std::string_view allowed) {
  return tl::unexpected(
      engine::problem(405, "wrong_method",
                      "this address takes " + std::string(allowed) + ", not " + request.method,
                      {{"allow", std::string(allowed)}}));
}

/// Reads what a request says beside its address, remembering the first thing that is wrong.
class RequestReader {
 public:
  explicit RequestReader(const HttpRequest& request) : request_(request) {}

  /// The body must be a JSON object with no members but these; empty counts as {}.
  void body(std::initializer_list<std::string_view> known) {
    auto parsed = Value::parse(request_.body.empty() ? "{}" : request_.body, kBodyLimits);
    if (!parsed) {
      problem_ = engine::from_json_error(parsed.error());
      return;
    }
    body_ = std::move(*parsed);
    if (!body_.is_object()) return fail("bad_body", "the body is to be a JSON object");
    for (const dsl::Member& member : body_.as_object()) {
      if (std::find(known.begin(), known.end(), member.key) == known.end()) {
        std::vector<std::string> names(known.begin(), known.end());
        std::string detail = "unknown member `" + member.key + "`; known are";
        for (const std::string& name : names) detail += " " + name;
        return fail("unknown_member", detail);
      }
    }
  }
  [[nodiscard]] std::string text(std::string_view name) {
    const Value* value = body_.find(name);
    if (value == nullptr || value->is_null()) return {};
    if (!value->is_string()) fail("bad_member", "`" + std::string(name) + "` is to be a text");
    return value->is_string() ? value->as_string() : std::string();
  }
  [[nodiscard]] std::string required(std::string_view name) {
    std::string value = text(name);
    if (value.empty()) fail("missing_member", "`" + std::string(name) + "` is required");
    return value;
  }
  [[nodiscard]] std::optional<std::int64_t> integer(std::string_view name) {
    const Value* value = body_.find(name);
    if (value == nullptr || value->is_null()) return std::nullopt;
    if (!value->is_integer() || value->as_integer() < 0) {
      fail("bad_member", "`" + std::string(name) + "` is to be a whole number from 0");
      return std::nullopt;
    }
    return value->as_integer();
  }
  [[nodiscard]] bool flag(std::string_view name) {
    const Value* value = body_.find(name);
    if (value == nullptr || value->is_null()) return false;
    if (!value->is_boolean())
      fail("bad_member", "`" + std::string(name) + "` is to be true or false");
    return value->is_boolean() && value->as_boolean();
  }
  /// Any JSON, as text.
  [[nodiscard]] std::optional<std::string> json(std::string_view name) {
    const Value* value = body_.find(name);
    return value == nullptr ? std::nullopt : std::optional(value->to_json());
  }
  [[nodiscard]] std::vector<std::string> texts(std::string_view name) {
    std::vector<std::string> out;
    const Value* value = body_.find(name);
    if (value == nullptr || value->is_null()) return out;
    const bool list = value->is_array();
    if (!list) fail("bad_member", "`" + std::string(name) + "` is to be a list of texts");
    for (std::size_t i = 0; list && i < value->as_array().size(); ++i) {
      const Value& item = value->as_array()[i];
      if (!item.is_string()) {
        fail("bad_member", "`" + std::string(name) + "` is to be a list of texts");
        break;
      }
      out.push_back(item.as_string());
    }
    return out;
  }
  [[nodiscard]] std::vector<dsl::SourceFile> files(std::string_view name) {
    std::vector<dsl::SourceFile> out;
    const Value* value = body_.find(name);
    if (value == nullptr || value->is_null()) return out;
    const bool list = value->is_array();
    if (!list) fail("bad_member", "`" + std::string(name) + "` is to be a list of {path, text}");
    for (std::size_t i = 0; list && i < value->as_array().size(); ++i) {
      const Value& item = value->as_array()[i];
      const std::string path = item.string_or("path", "");
      if (path.empty() || item.find("text") == nullptr || !item.find("text")->is_string()) {
        fail("bad_member", "`" + std::string(name) + "` is to be a list of {path, text}");
        break;
      }
      out.push_back({path, item.string_or("text", "")});
    }
    return out;
  }

  [[nodiscard]] std::string parameter(std::string_view name) const {
    return request_.parameter(name).value_or("");
  }
  [[nodiscard]] std::optional<std::uint64_t> number(std::string_view name) {
    const auto text = request_.parameter(name);
    if (!text) return std::nullopt;
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
    if (error != std::errc() || end != text->data() + text->size() || value > INT64_MAX) {
      fail("bad_parameter",
           "`" + std::string(name) + "` is to be a whole number from 0, not `" + *text + "`");
      return std::nullopt;
    }
    return value;
  }
  [[nodiscard]] std::int64_t limit(std::int64_t otherwise) {
    const auto value = number("limit");
    if (value && *value == 0) fail("bad_parameter", "`limit` is to be 1 or more");
    return value ? static_cast<std::int64_t>(*value) : otherwise;
  }
  [[nodiscard]] std::optional<std::int64_t> duration(std::string_view name, std::string_view text) {
    if (text.empty()) return std::nullopt;
    const auto ms = parse_duration_ms(text);
    if (!ms) {
      fail("bad_parameter", "`" + std::string(name) +
                                "` is to be a duration such as 30s, 10m or 3d, not `" +
                                std::string(text) + "`");
    }
    return ms;
  }
  [[nodiscard]] std::optional<core::Timestamp> timestamp(std::string_view name) {
    const std::string text = parameter(name);
    if (text.empty()) return std::nullopt;
    if (const auto ms = parse_timestamp_ms(text)) return core::Timestamp{*ms};
    if (const auto ago = parse_duration_ms(text)) return core::Timestamp{wall_clock_ms() - *ago};
    fail("bad_parameter", "`" + std::string(name) +
                              "` is to be a time such as 2026-03-29T01:00:00Z or a duration back "
                              "from now, not `" +
                              text + "`");
    return std::nullopt;
  }
  /// If-Match: "12". `*` stands for any revision.
  [[nodiscard]] std::optional<std::uint64_t> revision(bool required) {
    std::string text = request_.header("If-Match");
    if (text == "*") return std::nullopt;
    if (text.empty()) {
      if (required) {
        problem_ = engine::problem(
            428, "revision_required",
            "say which revision you looked at: If-Match with the ETag of GET /api/v1/sagas/{saga}");
      }
      return std::nullopt;
    }
    if (text.size() > 2 && text.front() == '"' && text.back() == '"') {
      text = text.substr(1, text.size() - 2);
    }
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) {
      fail("bad_if_match", "If-Match is to be a revision in quotes, such as \"12\"");
      return std::nullopt;
    }
    return value;
  }

  void fail(std::string_view code, const std::string& detail) {
    if (!problem_) problem_ = engine::problem(400, code, detail);
  }
  [[nodiscard]] Result done(RequestBody body) {
    if (problem_) return tl::unexpected(*problem_);
    return body;
  }
  [[nodiscard]] const HttpRequest& request() const { return request_; }

 private:
  const HttpRequest& request_;
  Value body_;
  std::optional<engine::Response> problem_;
};

/// SEMANTICS.md, Where a saga can be.
const std::vector<std::string>& saga_states() {
  static const std::vector<std::string> kAll{"queued",       "running",     "waiting",
                                             "completed",    "compensating", "compensated",
                                             "failed",       "stuck",       "terminated"};
  return kAll;
}

bool needs_revision(const std::string& action) {
  return action == "retry" || action == "skip" || action == "resume" || action == "compensate" ||
         action == "move" || action == "mark_undone" || action == "resolve";
}

bool is_cloud_event(const HttpRequest& request) {
  return request.header("Content-Type").rfind("application/cloudevents+json", 0) == 0;
}

std::string message_id(const HttpRequest& request) {
  const std::string id = request.header("Nats-Msg-Id");
  return id.empty() ? request.header("Idempotency-Key") : id;
}

Result pause(RequestReader& reader, std::string kind, std::string name, const std::string& action) {
  reader.body({"reason"});
  return reader.done(
      engine::Pause{std::move(kind), std::move(name), reader.text("reason"), action == "pause"});
}

Result sagas(RequestReader& reader, const std::vector<std::string>& path) {
  const HttpRequest& request = reader.request();
  const bool get = request.method == "GET";
  if (path.size() == 1) {
    if (!get) return wrong_method(request, "GET");
    engine::ListSagas list;
    list.states = request.parameters("state");
    for (const std::string& state : list.states) {
      if (std::find(saga_states().begin(), saga_states().end(), state) == saga_states().end()) {
        reader.fail("bad_parameter",
                    "`state` `" + state + "` is none" + near_match_hint(state, saga_states()));
      }
    }
    list.status = reader.parameter("status");
    list.workflow = reader.parameter("workflow");
    list.key = reader.parameter("key");
    list.where = reader.parameter("where");
    for (const std::string& label : request.parameters("label")) {
      const std::size_t equals = label.find('=');
      if (equals == std::string::npos) reader.fail("bad_parameter", "`label` is to be NAME=VALUE");
      list.labels.emplace_back(label.substr(0, equals),
                               equals == std::string::npos ? "" : label.substr(equals + 1));
    }
    list.older_than_ms = reader.duration("older_than", reader.parameter("older_than"));
    list.since = reader.timestamp("since");
    list.limit = reader.limit(list.limit);
    list.cursor = reader.parameter("cursor");
    const std::string restored = reader.parameter("restored");
    if (!restored.empty() && restored != "true" && restored != "false") {
      reader.fail("bad_parameter", "`restored` is to be true or false");
    }
    list.restored = restored == "true";
    return reader.done(std::move(list));
  }
  const std::string& saga = path[1];
  if (path.size() == 2) {
    if (!get) return wrong_method(request, "GET");
    return reader.done(engine::ShowSaga{saga, reader.number("at")});
  }
  if (path.size() != 3) return not_here(request);
  const std::string& action = path[2];
  if (action == "events" || action == "export") {
    if (!get) return wrong_method(request, "GET");
    if (action == "export") return reader.done(engine::ExportSaga{saga});
    return reader.done(
        engine::ReadEvents{saga, reader.number("after").value_or(0), reader.limit(500)});
  }
  static const std::vector<std::string> kActions{"retry",  "skip",      "resume", "resolve",
                                                 "compensate", "cancel", "terminate", "move",
                                                 "mark_undone"};
  if (action == "signal") {
    if (request.method != "POST") return wrong_method(request, "POST");
    reader.body({"name", "data"});
    return reader.done(engine::SendSignal{saga, reader.required("name"), message_id(request),
                                          reader.json("data").value_or("null"), false});
  }
  if (std::find(kActions.begin(), kActions.end(), action) == kActions.end()) {
    return tl::unexpected(engine::unknown_name("unknown_action", "action", action, kActions));
  }
  if (request.method != "POST") return wrong_method(request, "POST");
  reader.body({"reason", "step", "output", "to", "version", "as"});
  engine::Act act;
  act.action = action;
  act.saga = saga;
  act.step = reader.text("step");
  act.reason = reader.text("reason");
  act.output = reader.json("output");
  act.to_version = reader.text("to");
  if (act.to_version.empty()) act.to_version = reader.text("version");
  act.as = reader.text("as");
  act.revision = reader.revision(needs_revision(action));
  return reader.done(std::move(act));
}

Result workflows(RequestReader& reader, const std::vector<std::string>& path) {
  const HttpRequest& request = reader.request();
  const bool post = request.method == "POST";
  if (path.size() == 1 && post) {
    reader.body({"files", "attachments", "dry_run"});
    engine::Deploy deploy{reader.files("files"), reader.files("attachments"),
                          reader.flag("dry_run")};
    if (deploy.files.empty()) reader.fail("missing_member", "`files` is required");
    return reader.done(std::move(deploy));
  }
  if (path.size() <= 2) {
    if (request.method != "GET")
      return wrong_method(request, path.size() == 1 ? "GET, POST" : "GET");
    return reader.done(engine::ListWorkflows{path.size() == 2 ? path[1] : ""});
  }
  const std::string& action = path[2];
  if (path.size() != 3) return not_here(request);
  if (!post) return wrong_method(request, "POST");
  if (action == "start") {
    std::string key = request.header("Idempotency-Key");
    if (key.empty()) key = request.header("Weft-Key");
    return reader.done(engine::StartWorkflow{path[1], request.body, std::move(key),
                                             request.header("traceparent"),
                                             request.header("tracestate")});
  }
  if (action == "current") {
    reader.body({"version", "reason"});
    return reader.done(
        engine::ChooseVersion{path[1], reader.required("version"), reader.text("reason")});
  }
  if (action == "pause" || action == "unpause") return pause(reader, "workflow", path[1], action);
  return not_here(request);
}

Result adapters(RequestReader& reader, const std::vector<std::string>& path) {
  const HttpRequest& request = reader.request();
  if (request.method == "GET" && path.size() <= 2) {
    return reader.done(engine::ListAdapters{path.size() == 2 ? path[1] : ""});
  }
  if (path.size() == 2 && (request.method == "POST" || request.method == "PATCH")) {
    reader.body({"rate_count", "rate_window_ms", "concurrency", "reason"});
    return reader.done(engine::SetAdapterLimits{
        path[1], reader.integer("rate_count"), reader.integer("rate_window_ms"),
        reader.integer("concurrency"), reader.text("reason")});
  }
  if (path.size() == 3 && (path[2] == "pause" || path[2] == "unpause")) {
    if (request.method != "POST") return wrong_method(request, "POST");
    return pause(reader, "adapter", path[1], path[2]);
  }
  return path.size() <= 2 ? Result(wrong_method(request, "GET, POST")) : Result(not_here(request));
}

Result bulk(RequestReader& reader, const std::vector<std::string>& path) {
  const HttpRequest& request = reader.request();
  if (path.size() == 2) {
    if (request.method == "DELETE") return reader.done(engine::BulkStop{path[1]});
    if (request.method != "GET") return wrong_method(request, "GET, DELETE");
    return reader.done(engine::BulkProgress{path[1], reader.number("after").value_or(0)});
  }
  if (path.size() != 1) return not_here(request);
  if (request.method != "POST") return wrong_method(request, "POST");
  reader.body({"action", "reason", "step", "to", "output", "as", "sagas", "where", "group",
               "expect", "dry_run", "rate"});
  engine::ActOnMany act;
  act.action = reader.required("action");
  act.reason = reader.text("reason");
  act.step = reader.text("step");
  act.to_version = reader.text("to");
  act.output = reader.json("output");
  act.as = reader.text("as");
  act.sagas = reader.texts("sagas");
  act.where = reader.text("where");
  act.group = reader.text("group");
  act.expect = reader.integer("expect");
  act.dry_run = reader.flag("dry_run");
  if (const std::string rate = reader.text("rate"); !rate.empty()) {
    // "20/s"
    const std::size_t slash = rate.find('/');
    std::int64_t count = 0;
    const char* last = rate.data() + std::min(slash, rate.size());
    const auto [end, error] = std::from_chars(rate.data(), last, count);
    const std::string unit = slash == std::string::npos ? "s" : rate.substr(slash + 1);
    const std::int64_t window =
        unit == "s" ? 1000 : parse_duration_ms(unit).value_or(unit == "m" ? 60'000 : 0);
    if (error != std::errc() || end != last || count <= 0 || window <= 0) {
      reader.fail("bad_member", "`rate` is to be like 20/s or 600/1m");
    } else {
      act.rate_per_second = static_cast<double>(count) * 1000.0 / static_cast<double>(window);
    }
  }
  return reader.done(std::move(act));
}

Result ordering(RequestReader& reader, const std::vector<std::string>& path) {
  const HttpRequest& request = reader.request();
  if (path.size() == 1) {
    if (request.method != "GET") return wrong_method(request, "GET");
    return reader.done(engine::ListOrdering{reader.parameter("key")});
  }
  if (path.size() != 2 || path[1] != "let-pass") return not_here(request);
  if (request.method != "POST") return wrong_method(request, "POST");
  reader.body({"key", "reason"});
  return reader.done(engine::LetPass{reader.required("key"), reader.text("reason")});
}

Result unmatched(RequestReader& reader, const std::vector<std::string>& path) {
  const HttpRequest& request = reader.request();
  if (path.size() == 1) {
    if (request.method != "GET") return wrong_method(request, "GET");
    return reader.done(engine::ListUnmatched{reader.limit(100), reader.parameter("cursor")});
  }
  if (path.size() != 3 || (path[2] != "deliver" && path[2] != "discard")) return not_here(request);
  if (request.method != "POST") return wrong_method(request, "POST");
  reader.body({"reason", "data"});
  return reader.done(engine::ResolveUnmatched{path[1], reader.text("reason"), path[2] == "discard",
                                              reader.json("data")});
}

}  // namespace

Result read_api_request(const HttpRequest& request) {
  const std::vector<std::string>& path = request.path;
  if (path.empty()) return not_here(request);
  RequestReader reader(request);
  const std::string& first = path[0];
  if (first == "sagas") return sagas(reader, path);
  if (first == "workflows") return workflows(reader, path);
  if (first == "adapters") return adapters(reader, path);
  if (first == "bulk") return bulk(reader, path);
  if (first == "ordering") return ordering(reader, path);
  if (first == "unmatched") return unmatched(reader, path);
  if (first == "engine" && path.size() == 2 && (path[1] == "pause" || path[1] == "unpause")) {
    if (request.method != "POST") return wrong_method(request, "POST");
    return pause(reader, "engine", "", path[1]);
  }
  if (first == "prune" && path.size() == 1) {
    if (request.method != "POST") return wrong_method(request, "POST");
    reader.body({"older_than", "dry_run"});
    const auto age = reader.duration("older_than", reader.required("older_than"));
    return reader.done(engine::Prune{age.value_or(0), reader.flag("dry_run")});
  }
  if (first == "events" && path.size() == 2) {
    if (request.method != "POST") return wrong_method(request, "POST");
    return reader.done(
        engine::SendEvent{path[1], message_id(request), request.body, is_cloud_event(request)});
  }
  if (request.method != "GET") {
    const bool known =
        first == "stuck" || first == "status" || first == "audit" || first == "events";
    return known ? Result(wrong_method(request, "GET")) : Result(not_here(request));
  }
  if (first == "events" && path.size() == 1) {
    return reader.done(engine::ReadEvents{reader.parameter("saga"),
                                          reader.number("after").value_or(0), reader.limit(500)});
  }
  if (first == "stuck" && path.size() == 1) return reader.done(engine::ListStuck{});
  if (first == "status" && path.size() == 1) return reader.done(engine::GetStatus{});
  if (first == "audit" && path.size() == 1) {
    return reader.done(engine::ReadAudit{reader.parameter("actor"), reader.parameter("saga"),
                                         reader.timestamp("since"), reader.limit(500),
                                         reader.parameter("cursor")});
  }
  if (first == "audit" && path.size() == 2 && path[1] == "verify") {
    return reader.done(engine::VerifyAudit{reader.parameter("cursor")});
  }
  return not_here(request);
}

}  // namespace weft::app
