#include "orchestrator/app/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <httplib.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

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
  for (const char* target : {"/%", "/%2", "/%zz", "/a?x=%g0", "/%ff", "/a?%c3=1", "/a?x=%ed%a0%80"}) {
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

// The library decodes escapes in header values: `a%2Fb` and `a/b` would be one key.
TEST(HttpServerTest, HeaderValuesAreTakenAsTheyCame) {
  auto server = serve([](const HttpRequest& request) { return text(request.header("x-key")); });
  httplib::Client client("127.0.0.1", server->port());
  EXPECT_EQ(client.Get("/", {{"X-Key", "a%2Fb%0Ac+d"}})->body, "a%2Fb%0Ac+d");
  EXPECT_EQ(client.Get("/", {{"X-Key", "a/b"}})->body, "a/b");
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

/// A connection of its own, byte by byte.
class Caller final {
 public:
  explicit Caller(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
    const timeval wait{20, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }
  ~Caller() { ::close(fd_); }
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;

  void say(const std::string& bytes) const {
    EXPECT_EQ(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  /// Up to the end of the connection, or until `last` was heard.
  [[nodiscard]] std::string hear(const std::string& last = "") const {
    std::string heard;
    char buffer[4096];
    while (last.empty() || heard.find(last) == std::string::npos) {
      const ssize_t count = ::recv(fd_, buffer, sizeof(buffer), 0);
      if (count <= 0) break;
      heard.append(buffer, static_cast<std::size_t>(count));
    }
    return heard;
  }

 private:
  int fd_ = -1;
};

std::unique_ptr<HttpServer> serve_with(LobbyOptions lobby) {
  HttpServerOptions options;
  options.threads = 2;
  options.lobby = lobby;
  auto server = HttpServer::bind(options, [](const HttpRequest&) { return text("ok"); });
  EXPECT_TRUE(server) << server.error();
  (*server)->start();
  return std::move(*server);
}

// "Slowloris": callers who begin and do not go on hold no thread, however many they are.
TEST(HttpServerTest, SlowCallersKeepNobodyWaiting) {
  auto server = serve_with({});
  std::vector<std::unique_ptr<Caller>> slow;
  for (int i = 0; i < 100; ++i) {
    slow.push_back(std::make_unique<Caller>(server->port()));
    slow.back()->say("GET / HTTP/1.1\r\nHost: x\r\nX-Sl");
  }
  Caller quick(server->port());
  quick.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_NE(quick.hear("ok").find("HTTP/1.1 200"), std::string::npos);
  slow.front()->say("ow: 1\r\n");
  slow.front()->say("\r\n");
  EXPECT_NE(slow.front()->hear("ok").find("HTTP/1.1 200"), std::string::npos)
      << "who goes on in time is answered";
}

TEST(HttpServerTest, AHeadThatDoesNotComeInTimeIsNotAwaited) {
  LobbyOptions lobby;
  lobby.head = lobby.idle = std::chrono::milliseconds(50);
  auto server = serve_with(lobby);
  Caller begins(server->port()), silent(server->port());
  begins.say("GET / HT");
  EXPECT_EQ(begins.hear(), "");
  EXPECT_EQ(silent.hear(), "");
}

TEST(HttpServerTest, HeadsAreBoundedAsAWhole) {
  LobbyOptions lobby;
  lobby.head_bytes_max = 1024;
  auto server = serve_with(lobby);
  Caller large(server->port());
  large.say("GET / HTTP/1.1\r\n" + std::string(2000, 'x'));
  EXPECT_EQ(large.hear().rfind("HTTP/1.1 431", 0), 0U);
  Caller fits(server->port());
  fits.say("GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(900, 'x') + "\r\n\r\n");
  EXPECT_EQ(fits.hear("ok").rfind("HTTP/1.1 200", 0), 0U);
}

TEST(HttpServerTest, AFullLobbyLetsTheOldestGo) {
  LobbyOptions lobby;
  lobby.connections_max = 2;
  auto server = serve_with(lobby);
  Caller first(server->port());
  first.say("GET / H");
  Caller second(server->port());
  second.say("GET / H");
  Caller third(server->port());
  third.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_NE(third.hear("ok").find("HTTP/1.1 200"), std::string::npos);
}

// What a client sends ahead of the answer stays for the next request.
TEST(HttpServerTest, RequestsMayFollowEachOtherOnOneConnection) {
  auto server = serve([](const HttpRequest& request) { return text("<" + request.body + ">"); });
  Caller caller(server->port());
  caller.say("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none"
             "POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: close\r\n\r\ntwo");
  const std::string heard = caller.hear();
  EXPECT_NE(heard.find("<one>"), std::string::npos) << heard;
  EXPECT_NE(heard.find("<two>"), std::string::npos) << heard;
}

// Where two readers see different ends, a part of one caller's body becomes another's request.
TEST(HttpServerTest, RequestsOfDoubtfulLengthEndTheirConnection) {
  std::atomic<int> handled{0};
  auto server = serve([&](const HttpRequest&) {
    ++handled;
    return text("ok");
  });
  const std::string second = "GET /b HTTP/1.1\r\nHost: x\r\n\r\n";
  for (const std::string& head :
       {std::string("GET /a HTTP/1.1\r\nHost: x\r\nContent-Length: 36\r\n\r\n"),
        std::string("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 36\r\n\r\n"),
        std::string("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 36\r\nTransfer-Encoding: "
                    "chunked\r\n\r\n0\r\n\r\n")}) {
    Caller caller(server->port());
    caller.say(head + second);
    const std::string heard = caller.hear();
    EXPECT_EQ(heard.rfind("HTTP/1.1 400", 0), 0U) << heard;
    EXPECT_EQ(heard.find("HTTP/1.1 200"), std::string::npos) << heard;
  }
  EXPECT_EQ(handled, 0);
}

TEST(HttpServerTest, HeadIsGetWithoutABody) {
  auto server = serve([](const HttpRequest& request) { return text(request.method); });
  httplib::Client client("127.0.0.1", server->port());
  const auto answer = client.Head("/");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, "");
}

/// A folder with a key and the certificate that it signed itself.
class Certificate final {
 public:
  Certificate() {
    char name[] = "/tmp/weft-tls-XXXXXX";
    folder_ = ::mkdtemp(name);
    EVP_PKEY* const pair = EVP_EC_gen("P-256");
    X509* const made = X509_new();
    X509_gmtime_adj(X509_getm_notBefore(made), -60);
    X509_gmtime_adj(X509_getm_notAfter(made), 3600);
    X509_set_pubkey(made, pair);
    X509_sign(made, pair, EVP_sha256());
    std::FILE* file = std::fopen(cert().c_str(), "w");
    PEM_write_X509(file, made);
    std::fclose(file);
    file = std::fopen(key().c_str(), "w");
    PEM_write_PrivateKey(file, pair, nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
    X509_free(made);
    EVP_PKEY_free(pair);
  }
  ~Certificate() { std::filesystem::remove_all(folder_); }
  std::string cert() const { return folder_ + "/cert.pem"; }
  std::string key() const { return folder_ + "/key.pem"; }

 private:
  std::string folder_;
};

class TlsServerTest : public ::testing::Test {
 protected:
  void serve(HttpServer::Handler handler, LobbyOptions lobby = {}) {
    HttpServerOptions options;
    options.tls_cert = certificate_.cert();
    options.tls_key = certificate_.key();
    options.body_bytes_max = 1'000'000;
    options.threads = 4;
    options.lobby = lobby;
    auto bound = HttpServer::bind(options, std::move(handler));
    ASSERT_TRUE(bound) << bound.error();
    server_ = std::move(*bound);
    server_->start();
    client_ = std::make_unique<httplib::SSLClient>("127.0.0.1", server_->port());
    client_->enable_server_certificate_verification(false);
  }
  Certificate certificate_;
  std::unique_ptr<HttpServer> server_;
  std::unique_ptr<httplib::SSLClient> client_;
};

// With TLS the library read the head itself, and took the escapes out: `a%2Fb` and `a/b` were one
// idempotency key.
TEST_F(TlsServerTest, HeaderValuesAreTakenAsTheyCame) {
  serve([](const HttpRequest& request) { return text(request.header("x-key")); });
  client_->set_keep_alive(true);  // One connection for all of them.
  for (const char* value : {"a%2Fb%0Ac+d", "a/b", "100%"}) {
    const auto answer = client_->Get("/", {{"X-Key", value}});
    ASSERT_TRUE(answer) << httplib::to_string(answer.error());
    EXPECT_EQ(answer->body, value);
  }
}

TEST_F(TlsServerTest, BodiesComeWholeAndTheirLimitHolds) {
  serve([](const HttpRequest& request) { return text(request.body); });
  client_->set_keep_alive(true);
  const std::string body = std::string(300'000, 'b') + "end";
  for (int i = 0; i < 2; ++i) {
    const auto answer = client_->Post("/", body, "application/json");
    ASSERT_TRUE(answer) << httplib::to_string(answer.error());
    EXPECT_EQ(answer->body, body);
  }
  const auto refused = client_->Post("/", std::string(1'000'001, 'b'), "application/json");
  // It may be cut off while it is still being sent; taken it is not, and the next one is served.
  EXPECT_TRUE(!refused || refused->status == 413) << refused->status;
  httplib::SSLClient next("127.0.0.1", server_->port());
  next.enable_server_certificate_verification(false);
  const auto after = next.Post("/", body, "application/json");
  ASSERT_TRUE(after) << httplib::to_string(after.error());
  EXPECT_EQ(after->body, body);
}

TEST_F(TlsServerTest, HeadsAreBoundedAsAWhole) {
  LobbyOptions lobby;
  lobby.head_bytes_max = 1024;
  serve([](const HttpRequest&) { return text("ok"); }, lobby);
  const auto large = client_->Get("/", {{"X", std::string(1100, 'x')}});
  ASSERT_TRUE(large) << httplib::to_string(large.error());
  EXPECT_EQ(large->status, 431);
  EXPECT_EQ(client_->Get("/", {{"X", std::string(500, 'x')}})->status, 200);
}

// Somebody who speaks no TLS gets no answer, and nobody else waits for him.
TEST_F(TlsServerTest, WhoSpeaksNoTlsIsLetGo) {
  serve([](const HttpRequest&) { return text("ok"); });
  httplib::Client plain("127.0.0.1", server_->port());
  EXPECT_FALSE(plain.Get("/"));
  EXPECT_EQ(client_->Get("/")->status, 200);
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
