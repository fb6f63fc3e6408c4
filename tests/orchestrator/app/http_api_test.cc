#include "orchestrator/app/http_api.h"

#include <gtest/gtest.h>

namespace weft::app {
namespace {

using dsl::Value;

/// An API on an engine that answers whatever the test wants and remembers what it was asked.
class HttpApiTest : public ::testing::Test {
 protected:
  HttpApiTest() { options_.guard.listen_host = "127.0.0.1"; }

  HttpApi& api() {
    if (!api_) {
      ApiBackend backend;
      backend.ask = [this](engine::Request request) {
        asked_.push_back(std::move(request));
        return answer_;
      };
      backend.metrics = [] {
        engine::Metrics metrics;
        metrics.gauge("weft_nats_connected", {}, 1);
        return metrics.snapshot();
      };
      backend.alive = [this] { return alive_; };
      backend.backup = [](const std::string& dir) {
        engine::Response response;
        response.body = Value::object({{"dir", dir}});
        return response;
      };
      api_ = std::make_unique<HttpApi>(options_, std::move(backend), changes_);
    }
    return *api_;
  }

  HttpResponse send(const std::string& method, const std::string& target,
                    std::vector<std::pair<std::string, std::string>> headers = {},
                    const std::string& body = {}) {
    HttpRequest request;
    request.method = method;
    request.body = body;
    request.headers = std::move(headers);
    if (request.header("Host").empty()) request.headers.emplace_back("Host", "127.0.0.1:7717");
    EXPECT_TRUE(parse_target(target, request));
    return api().handle(request);
  }

  static std::string header(const HttpResponse& response, const std::string& name) {
    for (const auto& [key, value] : response.headers) {
      if (key == name) return value;
    }
    return {};
  }

  ApiOptions options_{{}, "weft_0123456789abcdef", false, 2};
  ChangeFeed changes_{5};
  engine::Response answer_{200, Value::object({{"items", Value::array({})}}), {}};
  std::vector<engine::Request> asked_;
  bool alive_ = true;
  std::unique_ptr<HttpApi> api_;
};

TEST_F(HttpApiTest, AnswersCarryTheRevisionAsETag) {
  answer_ = {200, Value::object({{"saga", "x"}}), 12};
  const HttpResponse response = send("GET", "/api/v1/sagas/x");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(header(response, "ETag"), "\"12\"");
  EXPECT_EQ(response.body, "{\"saga\":\"x\"}");
}

TEST_F(HttpApiTest, ProblemsAreProblemDocuments) {
  answer_ = {503, Value::object({{"code", "busy"}, {"retry_after_ms", 1500}}), {}};
  const HttpResponse response = send("GET", "/api/v1/stuck");
  EXPECT_EQ(response.content_type, "application/problem+json");
  EXPECT_EQ(header(response, "Retry-After"), "2");
}

TEST_F(HttpApiTest, ForeignPagesGetNothing) {
  EXPECT_EQ(send("GET", "/api/v1/sagas", {{"Host", "evil.example"}}).status, 403);
  EXPECT_EQ(
      send("POST", "/api/v1/workflows/w/start", {{"Origin", "https://evil.example"}}, "{}").status,
      403);
  EXPECT_EQ(send("GET", "/healthz", {{"Host", "evil.example"}}).status, 403);
  EXPECT_EQ(send("GET", "/metrics", {{"Sec-Fetch-Site", "cross-site"}}).status, 403);
  EXPECT_TRUE(asked_.empty());
}

TEST_F(HttpApiTest, OnLoopbackNoTokenIsUnverifiedAndAWrongOneIsRefused) {
  EXPECT_EQ(send("GET", "/api/v1/stuck", {{"Weft-Actor", "ana"}, {"Weft-Via", "cli"}}).status, 200);
  EXPECT_EQ(asked_.back().actor.name, "ana");
  EXPECT_EQ(asked_.back().actor.via, "cli");
  EXPECT_FALSE(asked_.back().actor.verified);
  EXPECT_EQ(send("GET", "/api/v1/stuck", {{"Authorization", "Bearer weft_wrong"}}).status, 401);
  EXPECT_EQ(send("GET", "/api/v1/stuck", {{"Authorization", "Basic x"}}).status, 401);
  EXPECT_EQ(
      send("GET", "/api/v1/stuck", {{"Authorization", "Bearer weft_0123456789abcdef"}}).status,
      200);
  EXPECT_TRUE(asked_.back().actor.verified);
  EXPECT_EQ(asked_.back().actor.via, "http");
}

TEST_F(HttpApiTest, BeyondLoopbackEverythingButHealthNeedsTheToken) {
  options_.require_token = true;
  EXPECT_EQ(send("GET", "/api/v1/stuck").status, 401);
  EXPECT_EQ(send("GET", "/metrics").status, 401);
  EXPECT_EQ(send("GET", "/healthz").status, 200);
  EXPECT_EQ(send("GET", "/metrics", {{"Authorization", "Bearer weft_0123456789abcdef"}}).status,
            200);
}

TEST_F(HttpApiTest, NamesOfActorsAreChecked) {
  EXPECT_EQ(send("GET", "/api/v1/stuck", {{"Weft-Actor", "a\nb"}}).status, 400);
  EXPECT_EQ(send("GET", "/api/v1/stuck", {{"Weft-Actor", "\xff"}}).status, 400);
  EXPECT_EQ(send("GET", "/api/v1/stuck", {{"Weft-Actor", std::string(101, 'a')}}).status, 400);
  EXPECT_EQ(send("GET", "/api/v1/stuck", {{"Weft-Actor", std::string(100, 'a')}}).status, 200);
}

TEST_F(HttpApiTest, HealthSaysWhetherTheLoopTurns) {
  EXPECT_EQ(send("GET", "/healthz").status, 200);
  EXPECT_EQ(send("GET", "/healthz").content_type, "application/health+json");
  EXPECT_TRUE(asked_.empty());
  alive_ = false;
  EXPECT_EQ(send("GET", "/healthz").status, 503);
}

TEST_F(HttpApiTest, ReadinessIsTheEngines) {
  answer_ = {200, *Value::parse(R"({"status":"warn","checks":{"nats":"warn"}})"), {}};
  EXPECT_EQ(send("GET", "/readyz").body, R"({"status":"warn","checks":{"nats":"warn"}})");
  answer_ = {503, Value::object({{"code", "recovering"}, {"detail", "reading"}}), {}};
  const HttpResponse response = send("GET", "/readyz");
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(
      response.body,
      R"({"status":"fail","checks":{"store":"warn","nats":"warn","disk":"warn","engine":"fail"},)"
      R"("output":"reading"})");
}

TEST_F(HttpApiTest, WebhooksKeepTheirBytesAndHeaders) {
  EXPECT_EQ(send("POST", "/hooks/shop/orders", {{"X-Signature", "s"}, {"Authorization", "theirs"}},
                 " {\"a\" :1}")
                .status,
            200);
  const auto& hook = std::get<engine::Webhook>(asked_.back().body);
  EXPECT_EQ(hook.path, "shop/orders");
  EXPECT_EQ(hook.body, " {\"a\" :1}");
  EXPECT_FALSE(asked_.back().actor.verified);
  EXPECT_EQ(send("GET", "/hooks/shop").status, 405);
}

// RFC 9110, 15.5.6: a 405 without `Allow` leaves its reader guessing.
TEST_F(HttpApiTest, ARefusedMethodNamesTheAllowedOnes) {
  const auto allowed = [this](const std::string& method, const std::string& target) {
    const HttpResponse response = send(method, target);
    EXPECT_EQ(response.status, 405) << target;
    return header(response, "Allow");
  };
  EXPECT_EQ(allowed("DELETE", "/api/v1/sagas/x"), "GET");
  EXPECT_EQ(allowed("GET", "/api/v1/workflows/a/start"), "POST");
  EXPECT_EQ(allowed("DELETE", "/api/v1/workflows"), "GET, POST");
  EXPECT_EQ(allowed("GET", "/api/v1/backup"), "POST");
  EXPECT_EQ(allowed("GET", "/hooks/shop"), "POST");
  EXPECT_EQ(header(send("GET", "/api/v1/sagas/x"), "Allow"), "");
}

TEST_F(HttpApiTest, ChangesAreStreamedInOrderAndFiltered) {
  HttpResponse response = send("GET", "/api/v1/changes?workflow=w");
  ASSERT_NE(response.stream, nullptr);
  EXPECT_EQ(response.content_type, "text/event-stream");
  EXPECT_EQ(response.stream->next(), "retry: 1000\n\n");
  const auto event = [](const char* workflow) {
    return Value::object({{"type", "SagaStarted"}, {"workflow", workflow}}).to_json();
  };
  changes_.push({7, "SagaStarted", "other", event("other")});
  changes_.push({8, "SagaStarted", "w", event("w")});
  EXPECT_EQ(response.stream->next(),
            "id: 8\nevent: SagaStarted\ndata: {\"type\":\"SagaStarted\",\"workflow\":\"w\"}\n\n");
  changes_.close();
  EXPECT_FALSE(response.stream->next());
}

TEST_F(HttpApiTest, AReaderThatComesBackMissesNothing) {
  answer_ = {200, *Value::parse(R"({"items":[{"position":3,"type":"T"}],"next":5})"), {}};
  HttpResponse response = send("GET", "/api/v1/changes", {{"Last-Event-ID", "2"}});
  static_cast<void>(response.stream->next());
  EXPECT_EQ(response.stream->next(), "id: 3\nevent: T\ndata: {\"position\":3,\"type\":\"T\"}\n\n");
  EXPECT_EQ(std::get<engine::ReadEvents>(asked_.back().body).after, 2U);
  EXPECT_EQ(send("GET", "/api/v1/changes?after=x").status, 400);
}

// Each stream holds a thread of the server.
TEST_F(HttpApiTest, StreamsAreCounted) {
  HttpResponse first = send("GET", "/api/v1/changes");
  HttpResponse second = send("GET", "/api/v1/changes");
  EXPECT_EQ(send("GET", "/api/v1/changes").status, 503);
  first.stream.reset();
  EXPECT_EQ(send("GET", "/api/v1/changes").status, 200);
}

TEST_F(HttpApiTest, TheDescriptionIsJsonAndNamesItsRoutes) {
  const auto document = Value::parse(send("GET", "/api/v1/openapi.json").body);
  ASSERT_TRUE(document);
  EXPECT_EQ(document->string_or("openapi", ""), "3.1.0");
  const Value* paths = document->find("paths");
  ASSERT_NE(paths, nullptr);
  for (const char* path : {"/api/v1/sagas/{saga}/{action}", "/api/v1/workflows/{workflow}/start",
                           "/api/v1/bulk/{id}", "/api/v1/changes"}) {
    EXPECT_NE(paths->find(path), nullptr) << path;
  }
}

TEST_F(HttpApiTest, BackupsNeedAnAbsolutePath) {
  EXPECT_EQ(send("POST", "/api/v1/backup", {}, R"({"dir":"/b"})").body, R"({"dir":"/b"})");
  EXPECT_EQ(send("POST", "/api/v1/backup", {}, R"({"dir":"b"})").status, 400);
  EXPECT_EQ(send("POST", "/api/v1/backup", {}, "nonsense").status, 400);
}

TEST_F(HttpApiTest, UnknownAddressesPointToTheDescription) {
  const HttpResponse response = send("GET", "/nothing");
  EXPECT_EQ(response.status, 404);
  EXPECT_NE(response.body.find("openapi.json"), std::string::npos);
}

}  // namespace
}  // namespace weft::app
