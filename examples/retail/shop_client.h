#pragma once  // examples/retail/shop_client.h

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>
#include <tl/expected.hpp>

// The shop's side of Weft, as any outsider has it: plain NATS requests and the HTTP API. Nothing of
// Weft's own code is used here.
namespace weft::retail {

/// What a start was answered with.
struct Started {
  std::string saga;
  bool duplicate = false;
  int tries = 1;  ///< More than one: there was no answer at first, and the same was asked again.
};

/// Why a request got no good answer. `status` 0: no answer at all within the patience.
struct Refusal {
  int status = 0;
  std::string message;
};

/// One transition as published on `weft.changed.>`.
struct Change {
  std::string type;  ///< `SagaStarted`, `StatusChanged`, ...
  std::string workflow;
  std::string saga;
  std::string key;
  std::string status;  ///< The business status after it; may be empty.
};

/// The NATS side. Every function may be called from any thread.
class ShopClient final {
 public:
  [[nodiscard]] static tl::expected<std::unique_ptr<ShopClient>, std::string> connect(
      const std::string& url);
  ~ShopClient();
  ShopClient(const ShopClient&) = delete;
  ShopClient& operator=(const ShopClient&) = delete;

  /// Starts a saga. No answer, and `503` busy, mean: ask again with the same key, so however often
  /// the orchestrator dies meanwhile, there is one saga.
  [[nodiscard]] tl::expected<Started, Refusal> start(const std::string& workflow,
                                                     const nlohmann::json& input,
                                                     std::chrono::milliseconds patience);
  /// Publishes `weft.event.<name>` as a request; the same `id` twice is harmless.
  [[nodiscard]] tl::expected<nlohmann::json, Refusal> tell(const std::string& event,
                                                           const nlohmann::json& data,
                                                           const std::string& id,
                                                           std::chrono::milliseconds patience);
  using Headers = std::vector<std::pair<std::string, std::string>>;
  /// One request to any subject, asked once.
  [[nodiscard]] tl::expected<nlohmann::json, Refusal> ask(const std::string& subject,
                                                          const nlohmann::json& body,
                                                          const Headers& headers,
                                                          std::chrono::milliseconds patience);
  /// Calls `on_change`, on a thread of the client, for every transition from now on.
  [[nodiscard]] tl::expected<void, std::string> watch(std::function<void(const Change&)> on_change);

 private:
  struct State;
  explicit ShopClient(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// The HTTP side; `url` as `weft serve` printed it.
class Server final {
 public:
  explicit Server(std::string url) : url_(std::move(url)) {}
  [[nodiscard]] const std::string& url() const { return url_; }

  /// GET below /api/v1; the answer's document.
  [[nodiscard]] tl::expected<nlohmann::json, std::string> get(const std::string& path) const;
  /// Calls `on_row` for every row of `weft list` for these filters (`workflow=…&state=…`).
  [[nodiscard]] tl::expected<void, std::string> list(
      const std::string& filters, const std::function<void(const nlohmann::json&)>& on_row) const;
  /// How many sagas, of all workflows, have not ended and are not stuck.
  [[nodiscard]] tl::expected<std::size_t, std::string> at_work() const;

 private:
  std::string url_;
};

[[nodiscard]] std::string percent_encode(const std::string& text);

}  // namespace weft::retail
