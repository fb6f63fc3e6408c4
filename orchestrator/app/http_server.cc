#include "orchestrator/app/http_server.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include <httplib.h>

#include "orchestrator/app/tls_connection.h"

namespace weft::app {
namespace {

// With TLS a connection holds a thread while it is kept alive, so idle ones must let go soon.
constexpr time_t kKeepAliveSeconds = 2;
constexpr std::size_t kKeepAliveRequests = 1000;
constexpr time_t kReadSeconds = 5;  // Between two reads: a slow caller may not hold a thread.
constexpr time_t kWriteSeconds = 10;
// All of a body: the largest deploy over a slow line, and no thread for ever.
constexpr std::chrono::seconds kBodySeconds{30};
// The library listens with a backlog of 5: a burst of callers would wait for TCP's retries.
constexpr int kBacklog = 512;
constexpr std::size_t kConnectionsWaiting = 256;

/// Fixed threads and a bounded queue. When it is full the accepting thread waits, and what more
/// comes waits in the kernel's backlog: memory stays bounded however many connect.
class BoundedPool final : public httplib::TaskQueue {
 public:
  explicit BoundedPool(std::size_t threads) {
    for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
  }

  void enqueue(std::function<void()> job) override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return jobs_.size() < kConnectionsWaiting || closed_; });
    jobs_.push_back(std::move(job));
    changed_.notify_all();
  }

  void shutdown() override {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  void work() {
    for (;;) {
      std::function<void()> job;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return !jobs_.empty() || closed_; });
        if (jobs_.empty()) return;
        job = std::move(jobs_.front());
        jobs_.pop_front();
      }
      changed_.notify_all();
      job();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;
  std::vector<std::thread> threads_;
  bool closed_ = false;
};

/// One request on a plain connection, whose head has come as a whole. Reads no byte beyond what it
/// is asked for, so that what follows is there for the next request.
class RequestStream final : public httplib::Stream {
 public:
  RequestStream(int socket, std::size_t head_bytes)
      : socket_(socket),
        head_(head_bytes),
        until_(std::chrono::steady_clock::now() + kBodySeconds) {}

  ssize_t read(char* bytes, size_t size) override {
    if (taken_ < head_.size()) {
      if (taken_ == 0 && !fill()) return -1;
      const std::size_t count = std::min(size, head_.size() - taken_);
      std::copy_n(head_.data() + taken_, count, bytes);
      taken_ += count;
      return static_cast<ssize_t>(count);
    }
    for (;;) {
      if (!wait(POLLIN, std::chrono::seconds(kReadSeconds), true)) return -1;
      const ssize_t count = ::recv(socket_, bytes, size, MSG_DONTWAIT);
      if (count >= 0 || (errno != EAGAIN && errno != EINTR)) return count;
    }
  }
  ssize_t write(const char* bytes, size_t size) override {
    for (;;) {
      if (!wait(POLLOUT, std::chrono::seconds(kWriteSeconds), false)) return -1;
      const ssize_t count = ::send(socket_, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (count >= 0 || (errno != EAGAIN && errno != EINTR)) return count;
    }
  }
  bool is_readable() const override {
    return wait(POLLIN, std::chrono::seconds(kReadSeconds), true);
  }
  bool is_writable() const override {
    if (!wait(POLLOUT, std::chrono::seconds(kWriteSeconds), false)) return false;
    char byte = 0;  // Gone without a word: streams must not be written for nobody.
    return ::recv(socket_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0;
  }
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return socket_; }
  /// Valid as long as this is; filled by the first read.
  std::string_view head() const { return {head_.data(), head_.size()}; }

 private:
  bool fill() {
    const ssize_t count = ::recv(socket_, head_.data(), head_.size(), MSG_WAITALL);
    return count == static_cast<ssize_t>(head_.size());
  }
  bool wait(short event, std::chrono::milliseconds at_most, bool in_all) const {
    using std::chrono::milliseconds;
    if (in_all) {
      const auto left =
          std::chrono::ceil<milliseconds>(until_ - std::chrono::steady_clock::now());
      at_most = std::clamp(left, milliseconds(0), at_most);
    }
    pollfd one{socket_, event, 0};
    int ready = 0;
    do {
      ready = poll(&one, 1, static_cast<int>(at_most.count()));
    } while (ready < 0 && errno == EINTR);
    return ready > 0;
  }

  int socket_;
  std::vector<char> head_;
  std::size_t taken_ = 0;
  std::chrono::steady_clock::time_point until_;
};

/// The requests of one TLS connection. As above, the head is read before the library sees a byte.
class TlsStream final : public httplib::Stream {
 public:
  TlsStream(TlsConnection& connection, const LobbyOptions& limits)
      : connection_(connection), limits_(limits) {}

  /// Waits for the head of the next request; false if the connection is to be closed instead.
  /// `ending`: asked now and then while nothing comes.
  bool await_head(std::chrono::milliseconds idle, const std::function<bool()>& ending) {
    using Clock = std::chrono::steady_clock;
    auto until = Clock::now() + idle;
    bool begun = false;
    for (;;) {
      if (!ahead_.empty() && !std::exchange(begun, true)) until = Clock::now() + limits_.head;
      if (const std::size_t length = head_length(ahead_); length > 0) {
        head_ = ahead_.substr(0, length);
        ahead_.erase(0, length);
        taken_ = 0;
        until_ = Clock::now() + kBodySeconds;
        return true;
      }
      if (ahead_.size() >= limits_.head_bytes_max) {
        write(head_too_large().data(), head_too_large().size());
        return false;
      }
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
      if (left.count() <= 0 || ending()) return false;
      if (!connection_.readable(std::min(left, kEndingAsked))) continue;
      char bytes[4096];
      const ssize_t count = connection_.read(
          bytes, std::min(sizeof(bytes), limits_.head_bytes_max - ahead_.size()), left);
      if (count <= 0) return false;
      ahead_.append(bytes, static_cast<std::size_t>(count));
    }
  }
  /// Valid until the next await_head().
  std::string_view head() const { return head_; }

  ssize_t read(char* bytes, size_t size) override {
    if (taken_ < head_.size()) {
      const std::size_t count = head_.copy(bytes, size, taken_);
      taken_ += count;
      return static_cast<ssize_t>(count);
    }
    if (!ahead_.empty()) {
      const std::size_t count = ahead_.copy(bytes, size);
      ahead_.erase(0, count);
      return static_cast<ssize_t>(count);
    }
    return connection_.read(bytes, size, body_left());
  }
  ssize_t write(const char* bytes, size_t size) override {
    return connection_.write(bytes, size, std::chrono::seconds(kWriteSeconds));
  }
  bool is_readable() const override {
    return taken_ < head_.size() || !ahead_.empty() || connection_.readable(body_left());
  }
  bool is_writable() const override {
    return connection_.writable(std::chrono::seconds(kWriteSeconds));
  }
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return connection_.socket(); }

 private:
  static constexpr std::chrono::milliseconds kEndingAsked{100};

  std::chrono::milliseconds body_left() const {
    using std::chrono::milliseconds;
    const auto left = std::chrono::ceil<milliseconds>(until_ - std::chrono::steady_clock::now());
    return std::clamp(left, milliseconds(0), milliseconds(std::chrono::seconds(kReadSeconds)));
  }

  TlsConnection& connection_;
  const LobbyOptions limits_;
  std::string head_, ahead_;  // `ahead_`: what has come behind the head
  std::size_t taken_ = 0;     // of the head
  std::chrono::steady_clock::time_point until_;
};

/// The head of the present request as it came.
thread_local std::string_view present_head;

std::string_view trimmed(std::string_view text) {
  const std::size_t from = std::min(text.find_first_not_of(" \t\r"), text.size());
  text.remove_prefix(from);
  return text.substr(0, text.find_last_not_of(" \t\r") + 1);
}

/// The header fields of `head`. The library's own reading takes percent escapes out of the values,
/// which makes one key of two.
std::vector<std::pair<std::string, std::string>> fields_of(std::string_view head) {
  std::vector<std::pair<std::string, std::string>> fields;
  for (std::size_t end = head.find('\n'); end != std::string_view::npos; end = head.find('\n')) {
    head.remove_prefix(end + 1);
    const std::string_view line = head.substr(0, head.find('\n'));
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) continue;
    fields.emplace_back(line.substr(0, colon), trimmed(line.substr(colon + 1)));
  }
  return fields;
}

/// Set by the handler of the present request: what follows on its connection cannot be trusted.
thread_local bool close_after_this = false;

/// True for a request whose end two readers would see at different places (RFC 9112, 6.3): behind a
/// proxy, a part of one caller's body would become another one's request.
bool ambiguous_length(const httplib::Request& request) {
  const std::size_t lengths = request.get_header_value_count("Content-Length");
  const bool coded = request.has_header("Transfer-Encoding");
  return lengths > 1 || (coded && lengths > 0) ||
         request.get_header_value_count("Transfer-Encoding") > 1;
}

/// The library's server, whose connections wait in a lobby instead of on a thread each.
class LobbyServer final : public httplib::Server {
 public:
  explicit LobbyServer(std::function<void(int)> arrived) : arrived_(std::move(arrived)) {}

  /// Answers one request; false if the connection is to be closed.
  bool serve(int socket, std::size_t head_bytes, bool last) {
    RequestStream stream(socket, head_bytes);
    bool closed = false;
    close_after_this = false;
    present_head = stream.head();
    const bool good = process_request(stream, last, closed, nullptr);
    present_head = {};
    return good && !closed && !last && !close_after_this;
  }

 private:
  bool process_and_close_socket(socket_t socket) override {
    arrived_(socket);
    return true;
  }
  std::function<void(int)> arrived_;
};

/// The library's server with TLS: a connection holds its thread while it is kept alive.
class TlsServer final : public httplib::SSLServer {
 public:
  TlsServer(const HttpServerOptions& options, std::function<bool()> ending)
      : SSLServer(options.tls_cert.c_str(), options.tls_key.c_str()),
        limits_(options.lobby),
        ending_(std::move(ending)) {}

 private:
  bool process_and_close_socket(socket_t socket) override {
    if (const auto connection =
            TlsConnection::accept(ssl_context(), socket, std::chrono::seconds(kReadSeconds))) {
      serve(*connection);
    }
    close_connection(socket);
    return true;
  }
  void serve(TlsConnection& connection) {
    TlsStream stream(connection, limits_);
    std::chrono::milliseconds idle = limits_.idle;
    for (std::size_t served = 1; stream.await_head(idle, ending_); ++served) {
      const bool last = served >= kKeepAliveRequests || ending_();
      bool closed = false;
      close_after_this = false;
      present_head = stream.head();
      const bool good = process_request(stream, last, closed, nullptr);
      present_head = {};
      if (!good || closed || last || close_after_this) return;
      idle = std::chrono::seconds(kKeepAliveSeconds);
    }
  }

  const LobbyOptions limits_;
  const std::function<bool()> ending_;
};

std::string problem_text(int status, const char* code, const char* title) {
  return std::string(R"({"type":"urn:weft:problem:)") + code + R"(","status":)" +
         std::to_string(status) + R"(,"code":")" + code + R"(","title":")" + title + R"("})";
}

void refuse(httplib::Response& response, int status, const char* code, const char* title) {
  response.status = status;
  response.set_content(problem_text(status, code, title), "application/problem+json");
}

}  // namespace

struct HttpServer::State {
  HttpServerOptions options;
  Handler handler;
  std::unique_ptr<httplib::Server> server;
  LobbyServer* plain = nullptr;  ///< `server`, where it is without TLS.
  std::unique_ptr<HttpLobby> lobby;
  std::atomic<BoundedPool*> pool{nullptr};  ///< The library's, while it listens.
  std::thread thread;
  std::atomic<bool> closing{false};
  std::atomic<bool> finished{false};
  int port = 0;
  int socket = -1;

  void answer(const httplib::Request& in, httplib::Response& out, std::string body) {
    HttpRequest request;
    // The library leaves the body of its answer out.
    request.method = in.method == "HEAD" ? "GET" : in.method;
    request.body = std::move(body);
    request.headers = fields_of(present_head);
    if (!parse_target(in.target, request)) {
      refuse(out, 400, "bad_path", "the address has a malformed percent escape, or is no UTF-8");
      return;
    }
    HttpResponse response = handler(request);
    out.status = response.status;
    for (const auto& [name, value] : response.headers) out.set_header(name, value);
    if (response.stream == nullptr) {
      out.set_content(std::move(response.body), response.content_type.c_str());
      return;
    }
    out.set_chunked_content_provider(
        response.content_type,
        [this, stream = response.stream](std::size_t, httplib::DataSink& sink) {
          if (closing.load() || !sink.is_writable()) {
            sink.done();
            return true;
          }
          const auto piece = stream->next();
          if (!piece) {
            sink.done();
            return true;
          }
          return piece->empty() || sink.write(piece->data(), piece->size());
        });
  }

  /// Reads the body ourselves: the library would parse forms, and inflate without a limit.
  void receive(const httplib::Request& in, httplib::Response& out,
               const httplib::ContentReader& read) {
    const std::string encoding = in.get_header_value("Content-Encoding");
    if (!encoding.empty() && encoding != "identity") {
      return refuse(out, 415, "content_encoding", "bodies are taken uncompressed");
    }
    std::string body;
    bool too_long = false;
    const bool complete = read([&](const char* bytes, std::size_t length) {
      too_long = body.size() + length > options.body_bytes_max;
      if (!too_long) body.append(bytes, length);
      return !too_long;
    });
    close_after_this = too_long || !complete;
    if (too_long || out.status == 413) {
      return refuse(out, 413, "too_large", "the body is longer than this server takes");
    }
    if (!complete) return refuse(out, 400, "bad_body", "the body ended too early");
    answer(in, out, std::move(body));
  }

  /// A connection whose request can be read: on the lobby's thread.
  void enqueue(int connection, std::size_t head_bytes) {
    BoundedPool* const workers = pool.load();
    if (workers == nullptr) return close_connection(connection);
    workers->enqueue([this, connection, head_bytes] {
      if (plain->serve(connection, head_bytes, closing.load())) {
        lobby->add(connection);
      } else {
        close_connection(connection);
      }
    });
  }

  void open_plain() {
    lobby = std::make_unique<HttpLobby>(
        options.lobby, [this](int connection, std::size_t bytes) { enqueue(connection, bytes); });
    auto made = std::make_unique<LobbyServer>([this](int connection) { lobby->add(connection); });
    plain = made.get();
    server = std::move(made);
  }

  void set_up() {
    server->new_task_queue = [this] {
      auto made = std::make_unique<BoundedPool>(options.threads);
      pool = made.get();
      return made.release();  // NOLINT(cppcoreguidelines-owning-memory): the library deletes it.
    };
    server->set_keep_alive_timeout(kKeepAliveSeconds);
    server->set_keep_alive_max_count(kKeepAliveRequests);
    server->set_read_timeout(kReadSeconds);
    server->set_write_timeout(kWriteSeconds);
    server->set_payload_max_length(options.body_bytes_max);
    server->set_tcp_nodelay(true);
    server->set_socket_options([this](socket_t opened) {
      const int yes = 1;
      // A restarted server finds its port free, and two servers never share one silently.
      setsockopt(opened, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
      socket = opened;
    });
    server->set_exception_handler(
        [](const httplib::Request&, httplib::Response& out, std::exception_ptr) {
          refuse(out, 500, "internal", "the server met an error of its own");
        });
    server->set_pre_routing_handler([](const httplib::Request& in, httplib::Response& out) {
      const bool no_body = in.method == "GET" || in.method == "HEAD" || in.method == "OPTIONS";
      const std::string length = in.get_header_value("Content-Length");
      const bool carries = (!length.empty() && length != "0") || in.has_header("Transfer-Encoding");
      if (ambiguous_length(in) || (no_body && carries)) {
        close_after_this = true;
        refuse(out, 400, "bad_length",
               no_body ? "a request of this method has no body" : "the length is said twice");
        return httplib::Server::HandlerResponse::Handled;
      }
      // Many overlapping ranges of one body would multiply it in memory.
      if (!in.has_header("Range")) return httplib::Server::HandlerResponse::Unhandled;
      refuse(out, 416, "no_ranges", "ranges are not served");
      return httplib::Server::HandlerResponse::Handled;
    });
    server->set_error_handler([](const httplib::Request&, httplib::Response& out) {
      if (!out.body.empty()) return;
      const int status = out.status;
      if (status == 413)
        return refuse(out, 413, "too_large", "the body is longer than this server takes");
      refuse(out, status, "bad_request", "the request cannot be served");
    });
    const httplib::Server::Handler without_body = [this](const httplib::Request& in,
                                                  httplib::Response& out) { answer(in, out, {}); };
    const httplib::Server::HandlerWithContentReader with_body =
        [this](const httplib::Request& in, httplib::Response& out,
               const httplib::ContentReader& read) { receive(in, out, read); };
    server->Get(".*", without_body);
    server->Options(".*", without_body);
    server->Post(".*", with_body);
    server->Put(".*", with_body);
    server->Patch(".*", with_body);
    server->Delete(".*", with_body);
  }
};

HttpServer::HttpServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
HttpServer::~HttpServer() { stop(); }

tl::expected<std::unique_ptr<HttpServer>, std::string> HttpServer::bind(
    const HttpServerOptions& options, Handler handler) {
  auto state = std::make_unique<State>();
  state->options = options;
  state->handler = std::move(handler);
  if (options.tls_cert.empty()) {
    state->open_plain();
  } else {
    state->server =
        std::make_unique<TlsServer>(options, [made = state.get()] { return made->closing.load(); });
  }
  if (!state->server->is_valid()) {
    return tl::unexpected("the certificate " + options.tls_cert + " or its key " + options.tls_key +
                          " cannot be used");
  }
  state->set_up();
  const std::string where = options.host + ":" + std::to_string(options.port);
  if (options.port == 0) {
    state->port = state->server->bind_to_any_port(options.host);
    if (state->port <= 0) return tl::unexpected("no port can be had on " + options.host);
  } else {
    if (!state->server->bind_to_port(options.host, options.port)) {
      return tl::unexpected(where + " cannot be listened on; is another server there?");
    }
    state->port = options.port;
  }
  if (state->socket >= 0) ::listen(state->socket, kBacklog);
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(state)));
}

int HttpServer::port() const { return state_->port; }
bool HttpServer::tls() const { return !state_->options.tls_cert.empty(); }

void HttpServer::start() {
  state_->thread = std::thread([state = state_.get()] {
    state->server->listen_after_bind();
    state->finished = true;
  });
}

void HttpServer::stop() {
  state_->closing = true;
  if (!state_->thread.joinable()) return;
  // The library forgets a stop() that comes before its loop runs.
  while (!state_->server->is_running() && !state_->finished.load()) std::this_thread::yield();
  // First, for it hands connections to threads that the library is about to end.
  if (state_->lobby) state_->lobby->stop();
  state_->server->stop();
  state_->thread.join();
}

}  // namespace weft::app
