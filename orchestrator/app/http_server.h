#pragma once  // orchestrator/app/http_server.h

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "orchestrator/app/http_lobby.h"

namespace weft::app {

/// A request as it came; everything in it was written by others.
struct HttpRequest {
  std::string method;             ///< "GET"
  std::vector<std::string> path;  ///< Segments, each percent-decoded; "/" has none.
  std::vector<std::pair<std::string, std::string>> query;  ///< Decoded, in order.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;

  /// The first header of that name, case ignored; empty if there is none.
  [[nodiscard]] std::string header(std::string_view name) const;
  /// The first query parameter of that name.
  [[nodiscard]] std::optional<std::string> parameter(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> parameters(std::string_view name) const;
};

/// A body without end. `next` blocks for at most about a second and returns what to send: empty if
/// there is nothing yet, no value when the stream is over. Called on one thread of the server.
class HttpStream {
 public:
  virtual ~HttpStream() = default;
  [[nodiscard]] virtual std::optional<std::string> next() = 0;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  std::shared_ptr<HttpStream> stream;  ///< Instead of a body.
};

struct HttpServerOptions {
  std::string host = "127.0.0.1";
  int port = 0;  ///< 0: any free one.
  std::string tls_cert, tls_key;
  std::size_t body_bytes_max = 4 * 1024 * 1024;  ///< Beyond it 413; a deploy carries several files.
  std::size_t threads = 64;  ///< Requests answered at once; with TLS each connection holds one.
  LobbyOptions lobby = {};   ///< Without TLS: where connections wait for their next request.
};

/// An HTTP/1.1 server that knows nothing of routes: every request goes to one handler, on one of
/// its threads, many at a time.
class HttpServer final {
 public:
  using Handler = std::function<HttpResponse(const HttpRequest&)>;

  /// Binds and listens; requests wait until start(). The error is a sentence.
  [[nodiscard]] static tl::expected<std::unique_ptr<HttpServer>, std::string> bind(
      const HttpServerOptions& options, Handler handler);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  [[nodiscard]] int port() const;
  [[nodiscard]] bool tls() const;
  void start();
  /// Takes no more requests, ends streams, waits for handlers that run. Repeating is harmless.
  void stop();

 private:
  struct State;
  explicit HttpServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Splits and decodes "/a%2Fb/c?x=1&y"; false for malformed percent escapes
/// and for what is no UTF-8.
[[nodiscard]] bool parse_target(std::string_view target, HttpRequest& request);

}  // namespace weft::app
