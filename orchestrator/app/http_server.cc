#include "orchestrator/app/http_server.h"

#include <sys/socket.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include <httplib.h>

namespace weft::app {
namespace {

// A connection holds a thread while it is kept alive, so idle ones must let go soon.
constexpr time_t kKeepAliveSeconds = 2;
constexpr std::size_t kKeepAliveRequests = 1000;
constexpr time_t kReadSeconds = 5;  // Between two reads: a slow caller may not hold a thread.
constexpr time_t kWriteSeconds = 10;
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
  std::thread thread;
  std::atomic<bool> closing{false};
  std::atomic<bool> finished{false};
  int port = 0;
  int socket = -1;

  void answer(const httplib::Request& in, httplib::Response& out, std::string body) {
    HttpRequest request;
    request.method = in.method;
    request.body = std::move(body);
    for (const auto& [name, value] : in.headers) request.headers.emplace_back(name, value);
    if (!parse_target(in.target, request)) {
      refuse(out, 400, "bad_path", "a percent escape in the address is malformed");
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
    if (too_long || out.status == 413) {
      return refuse(out, 413, "too_large", "the body is longer than this server takes");
    }
    if (!complete) return refuse(out, 400, "bad_body", "the body ended too early");
    answer(in, out, std::move(body));
  }

  void set_up() {
    server->new_task_queue = [threads = options.threads] { return new BoundedPool(threads); };
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
    const httplib::Server::Handler plain = [this](const httplib::Request& in,
                                                  httplib::Response& out) { answer(in, out, {}); };
    const httplib::Server::HandlerWithContentReader with_body =
        [this](const httplib::Request& in, httplib::Response& out,
               const httplib::ContentReader& read) { receive(in, out, read); };
    server->Get(".*", plain);
    server->Options(".*", plain);
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
    state->server = std::make_unique<httplib::Server>();
  } else {
    state->server =
        std::make_unique<httplib::SSLServer>(options.tls_cert.c_str(), options.tls_key.c_str());
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
  state_->server->stop();
  state_->thread.join();
}

}  // namespace weft::app
