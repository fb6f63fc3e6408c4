#include "orchestrator/app/api_client.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <httplib.h>

#include "orchestrator/app/http_guard.h"

namespace weft::app {
namespace {

using dsl::Value;

// An answer waits for a sync at the server, and a page of a long list takes its time.
constexpr time_t kReadTimeoutSeconds = 60;
constexpr time_t kConnectTimeoutSeconds = 5;
// Our own server's answers; a history of a long saga is the largest of them.
constexpr dsl::JsonLimits kAnswerLimits{256 * 1024 * 1024, 200, 20'000'000};

std::string encode(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '.' || c == '~') {
      out += c;
    } else {
      out += {'%', kHex[byte >> 4U], kHex[byte & 0xFU]};
    }
  }
  return out;
}

/// Else it would break out of its header.
bool visible(const std::string& token) {
  return std::all_of(token.begin(), token.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

std::optional<std::string> read_token(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::string token;
  std::getline(file, token);
  while (!token.empty() && std::isspace(static_cast<unsigned char>(token.back())) != 0) {
    token.pop_back();
  }
  if (!visible(token)) return std::nullopt;
  return token.size() > 4096 ? std::nullopt : std::optional(token);
}

/// Host of "http://host:port".
std::string host_of(const std::string& url) {
  const std::size_t scheme = url.find("://");
  std::string_view authority =
      std::string_view(url).substr(scheme == std::string::npos ? 0 : scheme + 3);
  if (!authority.empty() && authority.back() == '/') authority.remove_suffix(1);
  const auto parsed = parse_host_port(authority, 80);
  return parsed ? parsed->host : std::string();
}

}  // namespace

ApiPath& ApiPath::segment(std::string_view text) {
  text_ += "/" + encode(text);
  return *this;
}

ApiPath& ApiPath::query(std::string_view name, std::string_view value) {
  if (value.empty()) return *this;
  text_ += (has_query_ ? "&" : "?") + encode(name) + "=" + encode(value);
  has_query_ = true;
  return *this;
}

int exit_code_of(int status, std::string_view code) {
  if (status == 401 || status == 403) return kExitRefused;
  if (code.rfind("store_", 0) == 0 || status == 507) return kExitStore;
  return kExitFailed;
}

struct ApiClient::State {
  State(const GlobalOptions& given, const std::string& url) : options(given), http(url) {}
  GlobalOptions options;
  httplib::Client http;
  std::string token;
  bool token_found = false;  ///< Not asked for: it may be another server's.

  httplib::Headers headers(const Headers& more) const {
    httplib::Headers all{{"Weft-Actor", options.actor}, {"Weft-Via", "cli"}};
    if (!token.empty()) all.emplace("Authorization", "Bearer " + token);
    for (const auto& [name, value] : more) all.emplace(name, value);
    return all;
  }

  Failure unreachable(httplib::Error error) const {
    return make_failure(kExitUnreachable, "unreachable", "the server does not answer",
                        options.server + ": " + httplib::to_string(error) +
                            "; is `weft serve` running there? Another one is named by --server");
  }

  ApiResult result(const httplib::Response& response) const {
    const std::string etag = response.get_header_value("ETag");
    ApiReply reply{response.status,
                   {},
                   etag.size() > 2 && etag.front() == '"' ? etag.substr(1, etag.size() - 2) : etag};
    auto body = Value::parse(response.body.empty() ? "null" : response.body, kAnswerLimits);
    if (!body) {
      return tl::unexpected(make_failure(kExitFailed, "bad_answer", "the answer is not JSON",
                                         options.server + " answered " +
                                             std::to_string(response.status) +
                                             "; is it a Weft server?"));
    }
    reply.body = std::move(*body);
    if (response.status < 400) return reply;
    Failure failure{exit_code_of(response.status, reply.body.string_or("code", "")), reply.body};
    if (!failure.problem.is_object()) {
      failure = make_failure(failure.exit_code, "refused", "the server refused",
                             "status " + std::to_string(response.status));
    }
    return tl::unexpected(std::move(failure));
  }
};

ApiClient::ApiClient(std::unique_ptr<State> state) : state_(std::move(state)) {}
ApiClient::~ApiClient() = default;

tl::expected<std::unique_ptr<ApiClient>, Failure> ApiClient::create(const GlobalOptions& options) {
  const bool known_scheme =
      options.server.rfind("http://", 0) == 0 || options.server.rfind("https://", 0) == 0;
  const std::string host = known_scheme ? host_of(options.server) : std::string();
  const std::size_t slash =
      known_scheme ? options.server.find('/', options.server.find("://") + 3) : std::string::npos;
  if (host.empty() || (slash != std::string::npos && slash + 1 < options.server.size())) {
    return tl::unexpected(
        make_failure(kExitUsage, "usage", "the server's address makes no sense",
                     "expected http://HOST:PORT, found `" + options.server + "`"));
  }
  std::string url = options.server;
  if (url.back() == '/') url.pop_back();
  for (const char c : options.actor) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      return tl::unexpected(make_failure(kExitUsage, "usage", "--actor is to be a name",
                                         "it contains control characters"));
    }
  }
  auto state = std::make_unique<State>(options, url);
  state->http.set_connection_timeout(kConnectTimeoutSeconds);
  state->http.set_read_timeout(kReadTimeoutSeconds);
  state->http.set_keep_alive(true);
  state->http.set_tcp_nodelay(true);
  state->http.set_url_encode(false);  // ApiPath has encoded it.
  if (!options.token_file.empty()) {
    auto token = read_token(options.token_file);
    // WEFT_TOKEN may hold the token itself, as secrets reach containers.
    const bool itself = !token && !options.token_file_given &&
                        options.token_file.find('/') == std::string::npos &&
                        options.token_file.size() >= 16 && visible(options.token_file);
    if (itself) token = options.token_file;
    if (!token || token->empty()) {
      return tl::unexpected(make_failure(kExitRefused, "no_token", "the token cannot be read",
                                         options.token_file_given
                                             ? options.token_file + " is to hold one line of text"
                                             : "WEFT_TOKEN is to name a file that holds one line, "
                                               "or to be the token"));
    }
    state->token = *token;
  } else if (is_loopback_host(host)) {
    const std::string data = environment("WEFT_DATA");
    for (const std::string& folder : {data, std::string(".weft")}) {
      if (folder.empty()) continue;
      if (auto token = read_token(folder + "/admin.token"); token && !token->empty()) {
        state->token = *token;
        state->token_found = true;
        break;
      }
    }
  }
  return std::unique_ptr<ApiClient>(new ApiClient(std::move(state)));
}

ApiResult ApiClient::send(const std::string& method, const ApiPath& path, const std::string& body,
                          const Headers& headers) {
  for (;;) {
    const httplib::Headers all = state_->headers(headers);
    const httplib::Result result =
        method == "GET"    ? state_->http.Get(path.text(), all)
        : method == "POST" ? state_->http.Post(path.text(), all, body, "application/json")
                           : state_->http.Delete(path.text(), all);
    if (!result) return tl::unexpected(state_->unreachable(result.error()));
    if (result->status == 401 && state_->token_found && !state_->token.empty()) {
      state_->token.clear();
      continue;
    }
    return state_->result(*result);
  }
}

ApiResult ApiClient::get(const ApiPath& path) { return send("GET", path, {}, {}); }
tl::expected<std::string, Failure> ApiClient::get_text(const ApiPath& path) {
  const httplib::Result result = state_->http.Get(path.text(), state_->headers({}));
  if (!result) return tl::unexpected(state_->unreachable(result.error()));
  if (result->status >= 400) return tl::unexpected(state_->result(*result).error());
  return result->body;
}
ApiResult ApiClient::post(const ApiPath& path, const Value& body, const Headers& headers) {
  return send("POST", path, body.to_json(), headers);
}
ApiResult ApiClient::post_text(const ApiPath& path, const std::string& body,
                               const Headers& headers) {
  return send("POST", path, body, headers);
}
ApiResult ApiClient::remove(const ApiPath& path) { return send("DELETE", path, {}, {}); }

tl::expected<void, Failure> ApiClient::list(const std::function<ApiPath(const std::string&)>& path,
                                            const std::function<bool(const Value&)>& each) {
  std::string cursor;
  for (;;) {
    auto page = get(path(cursor));
    if (!page) return tl::unexpected(page.error());
    const Value* items = page->body.find("items");
    if (items != nullptr && items->is_array()) {
      for (const Value& item : items->as_array()) {
        if (!each(item)) return {};
      }
    }
    const std::string next = cell_text(page->body.find("next"));
    if (next.empty() || next == cursor) return {};
    cursor = next;
  }
}

tl::expected<void, Failure> ApiClient::stream(
    const ApiPath& path, const std::function<bool(const std::string&, const Value&)>& each) {
  int status = 0;
  std::string pending, id, data, refused;
  bool stopped = false;
  const auto line = [&](std::string_view text) {
    if (text.empty()) {
      if (!data.empty()) {
        auto value = Value::parse(data, kAnswerLimits);
        if (value && !each(id, *value)) stopped = true;
      }
      data.clear();
    } else if (text.rfind("id:", 0) == 0) {
      id = text.substr(text.size() > 3 && text[3] == ' ' ? 4 : 3);
    } else if (text.rfind("data:", 0) == 0) {
      data += text.substr(text.size() > 5 && text[5] == ' ' ? 6 : 5);
    }
  };
  auto result = state_->http.Get(
      path.text(), state_->headers({{"Accept", "text/event-stream"}}),
      [&](const httplib::Response& response) {
        status = response.status;
        return true;
      },
      [&](const char* bytes, std::size_t length) {
        if (status >= 400) {
          refused.append(bytes, length);
          return refused.size() < 64 * 1024;
        }
        pending.append(bytes, length);
        std::size_t end = 0;
        while (!stopped && (end = pending.find('\n')) != std::string::npos) {
          line(std::string_view(pending).substr(0, end));
          pending.erase(0, end + 1);
        }
        return !stopped;
      });
  if (stopped) return {};
  if (status == 401 && state_->token_found && !state_->token.empty()) {
    state_->token.clear();
    return stream(path, each);
  }
  if (status >= 400) {
    httplib::Response response;
    response.status = status;
    response.body = refused;
    return tl::unexpected(state_->result(response).error());
  }
  if (status == 0) return tl::unexpected(state_->unreachable(result.error()));
  return {};
}

}  // namespace weft::app
