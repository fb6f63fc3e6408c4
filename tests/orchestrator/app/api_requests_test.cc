#include "orchestrator/app/api_requests.h"

#include <gtest/gtest.h>

namespace weft::app {
namespace {

HttpRequest request(const std::string& method, const std::string& target,
                    const std::string& body = {},
                    std::vector<std::pair<std::string, std::string>> headers = {}) {
  HttpRequest made;
  made.method = method;
  made.body = body;
  made.headers = std::move(headers);
  EXPECT_TRUE(parse_target(target, made));
  return made;
}

template <class T>
T read(const HttpRequest& from) {
  auto body = read_api_request(from);
  EXPECT_TRUE(body) << body.error().body.to_json();
  EXPECT_TRUE(body && std::holds_alternative<T>(*body));
  return body && std::holds_alternative<T>(*body) ? std::get<T>(*body) : T{};
}

int status(const HttpRequest& from) {
  auto body = read_api_request(from);
  return body ? 200 : body.error().status;
}

TEST(ApiRequestsTest, AStartTakesTheBodyAsItCame) {
  const auto start =
      read<engine::StartWorkflow>(request("POST", "/workflows/retail.order/start", "{\"a\": 1.50}",
                                          {{"idempotency-key", "web/1"}, {"traceparent", "00-a"}}));
  EXPECT_EQ(start.workflow, "retail.order");
  EXPECT_EQ(start.input, "{\"a\": 1.50}");
  EXPECT_EQ(start.key, "web/1");
  EXPECT_EQ(start.traceparent, "00-a");
}

// A key may contain slashes and colons: the address carries it encoded, as one segment.
TEST(ApiRequestsTest, ASagaIsNamedByWorkflowAndKey) {
  EXPECT_EQ(read<engine::ShowSaga>(request("GET", "/sagas/retail.order%3Aweb%2F1%2F2?at=7")).saga,
            "retail.order:web/1/2");
  EXPECT_EQ(read<engine::ShowSaga>(request("GET", "/sagas/x?at=7")).at, 7U);
  EXPECT_EQ(status(request("GET", "/sagas/x?at=-1")), 400);
  EXPECT_EQ(status(request("GET", "/sagas/x?at=99999999999999999999")), 400);
}

TEST(ApiRequestsTest, ListsAreFiltered) {
  const auto list = read<engine::ListSagas>(
      request("GET",
              "/sagas?state=stuck&state=running&label=channel=web&where=.n+%3E+1&older_than="
              "10m&since=2026-03-29T01:00:00Z&limit=5&cursor=c"));
  EXPECT_EQ(list.states, (std::vector<std::string>{"stuck", "running"}));
  ASSERT_EQ(list.labels.size(), 1U);
  EXPECT_EQ(list.labels[0].second, "web");
  EXPECT_EQ(list.where, ".n > 1");
  EXPECT_EQ(list.older_than_ms, 600'000);
  EXPECT_EQ(list.since->ms, 1'774'746'000'000);
  EXPECT_EQ(list.limit, 5);
  EXPECT_EQ(status(request("GET", "/sagas?label=x")), 400);
  EXPECT_EQ(status(request("GET", "/sagas?limit=0")), 400);
  EXPECT_EQ(status(request("GET", "/sagas?limit=x")), 400);
  EXPECT_EQ(status(request("GET", "/sagas?older_than=long")), 400);
  EXPECT_EQ(status(request("GET", "/sagas?since=yesterday")), 400);
  EXPECT_FALSE(list.restored);
  EXPECT_TRUE(read<engine::ListSagas>(request("GET", "/sagas?restored=true")).restored);
  EXPECT_EQ(status(request("GET", "/sagas?restored=perhaps")), 400);
}

TEST(ApiRequestsTest, ActionsThatDependOnWhatWasSeenNeedARevision) {
  for (const char* action : {"retry", "skip", "resume", "compensate", "move"}) {
    EXPECT_EQ(status(request("POST", std::string("/sagas/x/") + action, "{\"reason\":\"r\"}")), 428)
        << action;
  }
  EXPECT_EQ(status(request("POST", "/sagas/x/cancel", "{}")), 200);
  EXPECT_EQ(status(request("POST", "/sagas/x/terminate", "{}")), 200);
  const auto act = read<engine::Act>(request("POST", "/sagas/x/skip",
                                             R"({"reason":"r","step":"s","output":{"id":1}})",
                                             {{"If-Match", "\"12\""}}));
  EXPECT_EQ(act.action, "skip");
  EXPECT_EQ(act.revision, 12U);
  EXPECT_EQ(act.output, "{\"id\":1}");
  EXPECT_FALSE(
      read<engine::Act>(request("POST", "/sagas/x/retry", "", {{"If-Match", "*"}})).revision);
  EXPECT_EQ(status(request("POST", "/sagas/x/retry", "", {{"If-Match", "soon"}})), 400);
}

TEST(ApiRequestsTest, BodiesAreChecked) {
  EXPECT_EQ(status(request("POST", "/sagas/x/cancel", "{")), 400);
  EXPECT_EQ(status(request("POST", "/sagas/x/cancel", "[]")), 400);
  EXPECT_EQ(status(request("POST", "/sagas/x/cancel", R"({"reson":"typo"})")), 400);
  EXPECT_EQ(status(request("POST", "/sagas/x/cancel", R"({"reason":5})")), 400);
  EXPECT_EQ(status(request("POST", "/sagas/x/cancel", R"({"reason":"a","reason":"b"})")), 400);
  EXPECT_EQ(status(request("POST", "/workflows", "{}")), 400);
  EXPECT_EQ(status(request("POST", "/workflows", R"({"files":[{"path":"a"}]})")), 400);
  EXPECT_EQ(status(request("POST", "/adapters/erp", R"({"concurrency":-1})")), 400);
}

TEST(ApiRequestsTest, BulkRatesAreRead) {
  const auto bulk = read<engine::ActOnMany>(
      request("POST", "/bulk", R"({"action":"retry","where":"true","expect":3,"rate":"600/1m"})"));
  EXPECT_EQ(bulk.expect, 3);
  EXPECT_EQ(bulk.rate_per_second, 10.0);
  EXPECT_EQ(read<engine::ActOnMany>(request("POST", "/bulk", R"({"action":"a","rate":"20/s"})"))
                .rate_per_second,
            20.0);
  EXPECT_EQ(status(request("POST", "/bulk", R"({"action":"a","rate":"fast"})")), 400);
  EXPECT_EQ(status(request("POST", "/bulk", R"({"action":"a","rate":"0/s"})")), 400);
}

TEST(ApiRequestsTest, UnknownAddressesAndMethodsAreTold) {
  EXPECT_EQ(status(request("GET", "/nothing")), 404);
  EXPECT_EQ(status(request("GET", "/sagas/x/y/z")), 404);
  EXPECT_EQ(status(request("POST", "/sagas/x/rety", "{}")), 404);
  EXPECT_EQ(status(request("DELETE", "/sagas/x")), 405);
  EXPECT_EQ(status(request("GET", "/workflows/a/start")), 405);
  EXPECT_EQ(status(request("POST", "/stuck", "{}")), 405);
}

TEST(ApiRequestsTest, EventsAndSignals) {
  const auto event = read<engine::SendEvent>(request(
      "POST", "/events/payment.confirmed", "{}",
      {{"Content-Type", "application/cloudevents+json; charset=utf-8"}, {"Nats-Msg-Id", "e1"}}));
  EXPECT_EQ(event.name, "payment.confirmed");
  EXPECT_EQ(event.message_id, "e1");
  EXPECT_TRUE(event.cloud_event);
  const auto signal = read<engine::SendSignal>(
      request("POST", "/sagas/x/signal", R"({"name":"n","data":[1]})", {{"Idempotency-Key", "k"}}));
  EXPECT_EQ(signal.data, "[1]");
  EXPECT_EQ(signal.message_id, "k");
  EXPECT_EQ(status(request("POST", "/sagas/x/signal", R"({"data":1})")), 400);
}

TEST(ApiRequestsTest, PausesNameTheirKind) {
  EXPECT_EQ(read<engine::Pause>(request("POST", "/adapters/erp/pause", R"({"reason":"r"})")).kind,
            "adapter");
  EXPECT_FALSE(read<engine::Pause>(request("POST", "/engine/unpause")).paused);
  EXPECT_EQ(status(request("GET", "/engine/pause")), 405);
}

}  // namespace
}  // namespace weft::app
