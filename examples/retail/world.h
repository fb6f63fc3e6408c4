#pragma once  // examples/retail/world.h

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "examples/retail/orders.h"
#include "examples/retail/process.h"

namespace weft::retail {

/// The programs of the story, each started as anybody would start it: a broker, the orchestrator,
/// and one program per adapter. Used by the thread that made it.
class World final {
 public:
  struct Places {
    std::filesystem::path programs;   ///< Where `weft` and the adapters are.
    std::filesystem::path workflows;  ///< What the orchestrator loads.
    std::filesystem::path data;       ///< Stores, databases and logs of this run.
    bool keep = false;                ///< The programs may outlive the story.
  };
  using Result = tl::expected<void, std::string>;

  explicit World(Places places) : places_(std::move(places)) {}

  /// After a kill_broker(): the same port again.
  Result start_broker();
  /// The first start of `name` may bring what it begins with (`--stock FILE`) and its habits.
  Result start_adapter(const std::string& name, const std::vector<std::string>& options = {});
  /// Starts it and waits until it is ready.
  Result start_orchestrator();
  /// The first half of that: it may be killed again while it recovers.
  Result launch_orchestrator();

  void kill_broker() { broker_->kill_now(); }
  void kill_orchestrator() { orchestrator_->kill_now(); }
  void kill_adapter(const std::string& name) { adapters_.at(name)->kill_now(); }

  [[nodiscard]] bool adapter_runs(const std::string& name) { return adapters_.at(name)->running(); }

  /// Leaves everything running and writes `stop`, a script that ends it.
  void keep_running();
  /// Ends everything in order: the orchestrator drains, then adapters, then the broker.
  /// An error names the program that did not end with status 0.
  Result stop();

  [[nodiscard]] const std::string& nats_url() const { return nats_url_; }
  [[nodiscard]] const std::string& http_url() const { return http_url_; }
  [[nodiscard]] const Places& places() const { return places_; }
  [[nodiscard]] std::filesystem::path program(const std::string& name) const {
    return places_.programs / name;
  }
  [[nodiscard]] pid_t broker_pid() const { return broker_->pid(); }
  [[nodiscard]] pid_t orchestrator_pid() const { return orchestrator_->pid(); }
  [[nodiscard]] pid_t adapter_pid(const std::string& name) const {
    return adapters_.at(name)->pid();
  }

 private:
  tl::expected<std::unique_ptr<Child>, std::string> start(const std::string& name,
                                                          std::vector<std::string> command) const;

  Places places_;
  std::string nats_url_;
  std::string nats_port_ = "-1";  // Any; the same again after a restart.
  std::string http_url_;
  std::string http_listen_ = "127.0.0.1:0";  // The same port again after a restart.
  // In the order of their ends, last first: the broker outlives those who use it.
  std::unique_ptr<Child> broker_;
  std::map<std::string, std::unique_ptr<Child>> adapters_;
  std::map<std::string, std::vector<std::string>> adapter_options_;
  std::unique_ptr<Child> orchestrator_;
};

/// Writes the stock as the inventory adapter reads it at its first start.
[[nodiscard]] tl::expected<void, std::string> write_stock(const Stock& stock,
                                                          const std::filesystem::path& file);

}  // namespace weft::retail
