#pragma once  // tests/chaos/chaos_world.h

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "examples/retail/process.h"
#include "tests/chaos/nats_proxy.h"

namespace weft::chaos {

/// A broker, the orchestrator and two fenced adapters as processes of their
/// own; all but the broker talk through the proxy. Every start throws if the
/// program does not become ready.
class ChaosWorld final {
 public:
  /// `programs`: where `weft` and the adapters are; `source`: the repository.
  ChaosWorld(std::filesystem::path programs, const std::filesystem::path& source,
             std::filesystem::path data, std::uint64_t seed);

  void start_all();
  void start(const std::string& name);  ///< "broker", "weft", "inventory", "payments"
  void kill(const std::string& name);   ///< SIGKILL
  void freeze(const std::string& name);
  void thaw(const std::string& name);
  /// In order; what does not end well within a minute is told.
  std::vector<std::string> stop_all();
  /// Its last words, for what went wrong.
  [[nodiscard]] std::string last_words(const std::string& name) const;

  [[nodiscard]] NatsProxy& proxy() { return *proxy_; }
  [[nodiscard]] const std::string& http_url() const { return http_url_; }
  [[nodiscard]] std::filesystem::path database(const std::string& adapter) const {
    return data_ / (adapter + ".db");
  }

 private:
  [[nodiscard]] std::vector<std::string> command(const std::string& name) const;

  std::filesystem::path programs_, data_;
  int broker_port_;
  std::string http_listen_ = "127.0.0.1:0", http_url_;
  std::unique_ptr<NatsProxy> proxy_;
  std::map<std::string, std::unique_ptr<retail::Child>> children_;
};

/// Articles of the world: each has this much stock in one place.
inline constexpr int kArticles = 5;
inline constexpr int kStock = 100'000;

}  // namespace weft::chaos
