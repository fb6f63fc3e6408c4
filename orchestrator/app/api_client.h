#pragma once  // orchestrator/app/api_client.h

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "dsl/value.h"
#include "orchestrator/app/command.h"
#include "orchestrator/app/output.h"

namespace weft::app {

struct ApiReply {
  int status = 200;
  dsl::Value body;
  std::string etag;  ///< Without its quotes; empty: none.
};
using ApiResult = tl::expected<ApiReply, Failure>;

/// Builds `path?name=value&…`, every part percent-encoded.
class ApiPath {
 public:
  explicit ApiPath(std::string_view start) : text_(start) {}
  ApiPath& segment(std::string_view text);
  /// Left out if `value` is empty.
  ApiPath& query(std::string_view name, std::string_view value);
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
  bool has_query_ = false;
};

/// The orchestrator's HTTP API, as the commands use it. One thread.
///
/// The token is read from --token-file or WEFT_TOKEN. Without those, and only for a server on
/// loopback, `admin.token` in $WEFT_DATA or ./.weft is tried; a server that does not know that one
/// is asked again without it.
class ApiClient final {
 public:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  [[nodiscard]] static tl::expected<std::unique_ptr<ApiClient>, Failure> create(
      const GlobalOptions& options);
  ~ApiClient();
  ApiClient(const ApiClient&) = delete;
  ApiClient& operator=(const ApiClient&) = delete;

  /// Any answer of 400 and above is a Failure.
  [[nodiscard]] ApiResult get(const ApiPath& path);
  /// What is no JSON: /metrics.
  [[nodiscard]] tl::expected<std::string, Failure> get_text(const ApiPath& path);
  [[nodiscard]] ApiResult post(const ApiPath& path, const dsl::Value& body,
                               const Headers& headers = {});
  /// `body` as it is: what the author wrote reaches the server unchanged.
  [[nodiscard]] ApiResult post_text(const ApiPath& path, const std::string& body,
                                    const Headers& headers = {});
  [[nodiscard]] ApiResult remove(const ApiPath& path);

  /// Calls `each` for every item of a list, page by page (`next` is handed back as `cursor`), until
  /// it answers false. `limit` 0: all.
  [[nodiscard]] tl::expected<void, Failure> list(
      const std::function<ApiPath(const std::string& cursor)>& path,
      const std::function<bool(const dsl::Value&)>& each);

  /// Server-sent events from `path`: calls `each` with id and data until it answers false or the
  /// connection ends (no error: the caller connects again from the last id).
  [[nodiscard]] tl::expected<void, Failure> stream(
      const ApiPath& path,
      const std::function<bool(const std::string& id, const dsl::Value&)>& each);

 private:
  struct State;
  explicit ApiClient(std::unique_ptr<State> state);
  [[nodiscard]] ApiResult send(const std::string& method, const ApiPath& path,
                               const std::string& body, const Headers& headers);
  std::unique_ptr<State> state_;
};

/// The exit code that an HTTP status and a problem's `code` mean to the shell.
[[nodiscard]] int exit_code_of(int status, std::string_view code);

}  // namespace weft::app
