#include "orchestrator/app/http_server.h"

#include <atomic>

#include <gtest/gtest.h>
#include <httplib.h>

namespace weft::app {
namespace {

std::unique_ptr<HttpServer> serve(HttpServer::Handler handler, std::size_t body_bytes_max = 1000) {
  HttpServerOptions options;
  options.body_bytes_max = body_bytes_max;
  options.threads = 4;
  auto server = HttpServer::bind(options, std::move(handler));
  EXPECT_TRUE(server) << server.error();
  (*server)->start();
  return std::move(*server);
}

HttpResponse text(std::string body, int status = 200) {
  HttpResponse response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

TEST(HttpTargetTest, SegmentsAreDecodedAfterTheyAreCut) {
  HttpRequest request;
  ASSERT_TRUE(parse_target("/a%2Fb//c%20d?x=1%2B1&y=a+b&z&x=2", request));
  EXPECT_EQ(request.path, (std::vector<std::string>{"a/b", "c d"}));
  EXPECT_EQ(request.parameters("x"), (std::vector<std::string>{"1+1", "2"}));
  EXPECT_EQ(request.parameter("y"), "a b");
  EXPECT_EQ(request.parameter("z"), "");
  EXPECT_FALSE(request.parameter("w"));
}

TEST(HttpTargetTest, MalformedEscapesAreRefused) {
  for (const char* target : {"/%", "/%2", "/%zz", "/a?x=%g0"}) {
    HttpRequest request;
    EXPECT_FALSE(parse_target(target, request)) << target;
  }
}

TEST(HttpServerTest, PassesRequestsAndAnswers) {
  auto server = serve([](const HttpRequest& request) {
    HttpResponse response = text(request.method + " " + request.path.at(0) + " " + request.body +
                                     " " + request.header("X-Test"),
                                 201);
    response.headers.emplace_back("ETag", "\"5\"");
    return response;
  });
  httplib::Client client("127.0.0.1", server->port());
  const auto answer = client.Post("/a%2Fb", {{"x-test", "yes"}}, "body", "text/plain");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 201);
  EXPECT_EQ(answer->body, "POST a/b body yes");
  EXPECT_EQ(answer->get_header_value("ETag"), "\"5\"");
}

// curl sends this content type unless told otherwise; the library would cut such bodies at 8 KiB.
TEST(HttpServerTest, FormsAreTakenAsBytes) {
  auto server = serve([](const HttpRequest& request) { return text(request.body); }, 100'000);
  httplib::Client client("127.0.0.1", server->port());
  const std::string body = "{\"a\":\"" + std::string(20'000, 'x') + "&=%zz\"}";
  const auto answer = client.Post("/", body, "application/x-www-form-urlencoded");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, body);
}

TEST(HttpServerTest, LongBodiesAreRefusedExactlyBeyondTheLimit) {
  std::atomic<int> handled{0};
  auto server = serve([&](const HttpRequest&) {
    ++handled;
    return text("ok");
  });
  httplib::Client client("127.0.0.1", server->port());
  EXPECT_EQ(client.Post("/", std::string(1000, 'x'), "text/plain")->status, 200);
  EXPECT_EQ(client.Post("/", std::string(1001, 'x'), "text/plain")->status, 413);
  EXPECT_EQ(handled, 1);
}

TEST(HttpServerTest, CompressedBodiesAndRangesAreRefused) {
  auto server = serve([](const HttpRequest&) { return text("0123456789"); });
  httplib::Client client("127.0.0.1", server->port());
  EXPECT_EQ(client.Post("/", {{"Content-Encoding", "gzip"}}, "x", "text/plain")->status, 415);
  EXPECT_EQ(client.Get("/", {{"Range", "bytes=0-1,0-1"}})->status, 416);
}

// The library would answer with the exception's text in a header.
TEST(HttpServerTest, AnExceptionTellsNothing) {
  auto server =
      serve([](const HttpRequest&) -> HttpResponse { throw std::runtime_error("secret"); });
  httplib::Client client("127.0.0.1", server->port());
  const auto answer = client.Get("/");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 500);
  EXPECT_FALSE(answer->has_header("EXCEPTION_WHAT"));
  EXPECT_EQ(answer->body.find("secret"), std::string::npos);
}

class Ticks final : public HttpStream {
 public:
  std::optional<std::string> next() override {
    if (count_ == 3) return std::string();  // From here on nothing happens.
    return "tick " + std::to_string(++count_) + "\n";
  }

 private:
  int count_ = 0;
};

TEST(HttpServerTest, StreamsFlowAndEndWithTheServer) {
  auto server = serve([](const HttpRequest&) {
    HttpResponse response;
    response.content_type = "text/event-stream";
    response.stream = std::make_shared<Ticks>();
    return response;
  });
  std::atomic<std::size_t> seen{0};
  std::thread reader([&] {
    httplib::Client client("127.0.0.1", server->port());
    const auto answer = client.Get("/", [&](const char*, std::size_t length) {
      seen += length;
      return true;
    });
  });
  while (seen < 21) std::this_thread::yield();
  server->stop();
  reader.join();
  EXPECT_EQ(seen, 21U);
}

TEST(HttpServerTest, APortThatIsTakenIsToldWithItsAddress) {
  auto server = serve([](const HttpRequest&) { return text("ok"); });
  HttpServerOptions options;
  options.port = server->port();
  const auto second = HttpServer::bind(options, [](const HttpRequest&) { return text("x"); });
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().find("127.0.0.1:" + std::to_string(server->port())), std::string::npos);
}

}  // namespace
}  // namespace weft::app
