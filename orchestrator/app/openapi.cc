#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/value.h"
#include "orchestrator/app/http_api.h"
#include "orchestrator/app/version.h"

namespace weft::app {
namespace {

using dsl::Value;

struct Route {
  const char* path;  ///< Below /api/v1, or with a leading "!" as it is.
  const char* method;
  const char* summary;
  const char* query;  ///< Names with blanks between.
  const char* body;   ///< Members of the JSON body with blanks between; "*": any JSON.
  const char* done;   ///< Statuses of success with blanks between.
  const char* refused = "";  ///< Statuses of refusals beyond 400, 401, 403, 404, 503; likewise.
  const char* headers = "";  ///< Request headers; likewise.
  const char* type = "application/json";
};

constexpr std::array kRoutes{
    Route{"/workflows", "get", "What is deployed", "", "", "200"},
    Route{"/workflows", "post", "Register definitions", "", "files attachments dry_run", "200"},
    Route{"/workflows/{workflow}", "get", "One workflow", "", "", "200"},
    Route{"/workflows/{workflow}/start", "post",
          "Start a saga; a repeated key is answered 200 with the saga it started first", "", "*",
          "201 200", "409 410 413 422", "Idempotency-Key traceparent tracestate"},
    Route{"/workflows/{workflow}/current", "post", "Choose what new starts get", "",
          "version reason", "200"},
    Route{"/workflows/{workflow}/pause", "post", "Hold its tasks", "", "reason", "200"},
    Route{"/workflows/{workflow}/unpause", "post", "Let its tasks go", "", "reason", "200"},
    Route{"/sagas", "get", "Find sagas",
          "state status workflow key label where older_than since restored limit cursor", "",
          "200"},
    Route{"/sagas/{saga}", "get", "One saga; {saga} is its id or workflow:key", "at", "", "200"},
    Route{"/sagas/{saga}/events", "get", "Its events", "after limit", "", "200"},
    Route{"/sagas/{saga}/export", "get", "Its whole history", "", "", "200"},
    Route{"/sagas/{saga}/signal", "post", "Deliver an event to it", "", "name data", "200",
          "409 413", "Nats-Msg-Id Idempotency-Key"},
    Route{"/sagas/{saga}/{action}", "post",
          "retry skip resume resolve compensate cancel terminate move mark_undone; header If-Match "
          "with the revision seen, needed but for cancel and terminate; resolve takes as: done or "
          "not_done",
          "", "reason step output to as", "200", "409 412 428", "If-Match"},
    Route{"/bulk", "post", "Act on many sagas", "",
          "action sagas where group expect dry_run reason step output to as rate", "202 200",
          "409 413"},
    Route{"/bulk/{id}", "get", "How far it is", "after", "", "200"},
    Route{"/bulk/{id}", "delete", "Stop it", "", "", "200"},
    Route{"/stuck", "get", "Stuck places in groups", "", "", "200"},
    Route{"/adapters", "get", "Queues, breakers, limits", "", "", "200"},
    Route{"/adapters/{adapter}", "get", "One adapter", "", "", "200"},
    Route{"/adapters/{adapter}", "post", "Change its limits", "",
          "rate_count rate_window_ms concurrency reason", "200"},
    Route{"/adapters/{adapter}/pause", "post", "Hold its tasks", "", "reason", "200"},
    Route{"/adapters/{adapter}/unpause", "post", "Let its tasks go", "", "reason", "200"},
    Route{"/engine/pause", "post", "Hold all tasks", "", "reason", "200"},
    Route{"/engine/unpause", "post", "Let all tasks go; accepts a restored store", "", "reason",
          "200"},
    Route{"/ordering", "get", "Blocked ordering keys", "key", "", "200"},
    Route{"/ordering/let-pass", "post", "Let the rest pass a blocked head", "", "key reason",
          "200"},
    Route{"/unmatched", "get", "Events nobody waited for", "limit cursor", "", "200"},
    Route{"/unmatched/{id}/deliver", "post", "Offer one again", "", "reason data", "200"},
    Route{"/unmatched/{id}/discard", "post", "Give one up", "", "reason", "200"},
    Route{"/audit", "get", "Who did what", "actor saga since limit cursor", "", "200"},
    Route{"/audit/verify", "get", "Check the hash chains, a piece a call", "cursor", "", "200"},
    Route{"/events", "get", "All events from a position on", "after limit saga", "", "200"},
    Route{"/events/{name}", "post",
          "Publish an event to waiting sagas: JSON, or a CloudEvent by its Content-Type", "", "*",
          "200", "413", "Nats-Msg-Id Idempotency-Key"},
    Route{"/changes", "get", "Events as they happen (text/event-stream)",
          "after saga workflow type", "", "200", "", "Last-Event-ID", "text/event-stream"},
    Route{"/status", "get", "One screen about the server", "", "", "200"},
    Route{"/backup", "post", "Copy the store to a folder of the server", "", "dir", "200"},
    Route{"/prune", "post", "Remove ended sagas", "", "older_than dry_run", "200"},
    Route{"!/hooks/{path}", "post",
          "A webhook trigger; 202 where it was kept as rejected or ignored", "", "*", "201 200 202",
          "401 413"},
    Route{"!/healthz", "get", "The engine's loop turns", "", "", "200", "", "",
          "application/health+json"},
    Route{"!/readyz", "get", "A start would be durable now", "", "", "200", "", "",
          "application/health+json"},
    Route{"!/metrics", "get", "For Prometheus", "", "", "200", "", "", "text/plain"},
};

std::string operation_id(const Route& route) {
  std::string id = route.method;
  for (const char* c = route.path; *c != '\0'; ++c) {
    if (*c == '/' || *c == '-' || *c == '!') {
      id += '_';
    } else if (*c != '{' && *c != '}') {
      id += *c;
    }
  }
  return id;
}

Value parameter(const std::string& name, const char* place) {
  return Value::object({{"name", name},
                        {"in", place},
                        {"required", Value(std::string_view(place) == "path")},
                        {"schema", Value::object({{"type", "string"}})}});
}

std::vector<std::string> words(const std::string& text) {
  std::vector<std::string> list;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t end = std::min(text.find(' ', from), text.size());
    list.push_back(text.substr(from, end - from));
    from = end + 1;
  }
  return list;
}

Value content(const char* type, Value schema) {
  return Value::object({{type, Value::object({{"schema", std::move(schema)}})}});
}

Value responses(const Route& route) {
  const Value problem = Value::object(
      {{"description", "A problem document (RFC 9457)"},
       {"content", content("application/problem+json",
                           Value::object({{"$ref", "#/components/schemas/Problem"}}))}});
  Value::Object all;
  for (const std::string& status : words(route.done)) {
    const bool json = std::string_view(route.type) == "application/json";
    Value schema = json ? Value::empty_object() : Value::object({{"type", "string"}});
    all.push_back({status, Value::object({{"description", "Done"},
                                          {"content", content(route.type, std::move(schema))}})});
  }
  for (const std::string& status : words(route.refused)) all.push_back({status, problem});
  all.push_back({"default", problem});
  return Value::object(std::move(all));
}

Value operation(const Route& route) {
  Value::Array parameters;
  const std::string path = route.path;
  for (std::size_t open = path.find('{'); open != std::string::npos;
       open = path.find('{', open + 1)) {
    parameters.push_back(parameter(path.substr(open + 1, path.find('}', open) - open - 1), "path"));
  }
  for (const std::string& name : words(route.query)) parameters.push_back(parameter(name, "query"));
  for (const std::string& name : words(route.headers)) {
    parameters.push_back(parameter(name, "header"));
  }
  Value result = Value::object({{"operationId", operation_id(route)},
                                {"summary", route.summary},
                                {"parameters", Value::array(std::move(parameters))},
                                {"responses", responses(route)}});
  const std::string body = route.body;
  if (body.empty()) return result;
  Value schema = Value::empty_object();
  if (body != "*") {
    Value::Object properties;
    for (const std::string& name : words(body)) properties.push_back({name, Value::empty_object()});
    schema = Value::object({{"type", "object"},
                            {"properties", Value::object(std::move(properties))},
                            {"additionalProperties", false}});
  }
  return result.with("requestBody",
                     Value::object({{"content", content("application/json", std::move(schema))}}));
}

std::string render() {
  Value paths = Value::empty_object();
  for (const Route& route : kRoutes) {
    const bool outside = route.path[0] == '!';
    const std::string path = outside ? route.path + 1 : std::string("/api/v1") + route.path;
    const Value* known = paths.find(path);
    paths = paths.with(
        path,
        (known == nullptr ? Value::empty_object() : *known).with(route.method, operation(route)));
  }
  const Value problem = Value::object(
      {{"type", "object"},
       {"properties", Value::object({{"type", Value::object({{"type", "string"}})},
                                     {"title", Value::object({{"type", "string"}})},
                                     {"status", Value::object({{"type", "integer"}})},
                                     {"code", Value::object({{"type", "string"}})},
                                     {"detail", Value::object({{"type", "string"}})},
                                     {"retry_after_ms", Value::object({{"type", "integer"}})}})}});
  return Value::object(
             {{"openapi", "3.1.0"},
              {"info", Value::object({{"title", "Weft"}, {"version", kVersion}})},
              {"paths", paths},
              {"components",
               Value::object(
                   {{"schemas", Value::object({{"Problem", problem}})},
                    {"securitySchemes",
                     Value::object(
                         {{"token", Value::object({{"type", "http"}, {"scheme", "bearer"}})}})}})},
              {"security", Value::array({Value::object({{"token", Value::array({})}}),
                                         Value::empty_object()})}})
      .to_json();
}

}  // namespace

const std::string& openapi_document() {
  static const std::string document = render();
  return document;
}

}  // namespace weft::app
