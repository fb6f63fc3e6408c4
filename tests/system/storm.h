#pragma once  // tests/system/storm.h

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "examples/retail/orders.h"
#include "examples/retail/shop_client.h"
#include "examples/retail/world.h"

namespace weft::test {

/// What hits the retail programs while orders come in. The moments are random; the seed only fixes
/// what is hit in which order.
struct StormPlan {
  int orchestrator_kills = 0;  ///< SIGKILL; every fourth once more while it recovers.
  int adapter_kills = 0;       ///< Any of the five: SIGKILL, or death between commit and answer.
  int broker_kills = 0;        ///< SIGKILL of nats-server.
  int broker_pauses = 0;       ///< SIGSTOP of nats-server, and SIGCONT some time later.
  std::uint64_t seed = 1;
};

/// Orders under load while programs are killed at random moments; then calm, in which everything
/// must end. What is left is looked at by storm_audit.h.
class Storm final {
 public:
  using Result = tl::expected<void, std::string>;

  Storm(retail::World& world, retail::Business business, StormPlan plan);

  /// Starts the programs, sends every order, lets the storm rage, waits until nothing is at work.
  [[nodiscard]] Result rage();

  /// The sagas whose start was acknowledged.
  [[nodiscard]] const std::map<std::string, std::string>& acknowledged() const { return keys_; }
  [[nodiscard]] const retail::Server& server() const { return *server_; }

 private:
  enum class Blow { kOrchestrator, kAdapter, kBroker, kBrokerPause };

  Result open();
  Result strike(Blow blow);
  Result kill_orchestrator();
  Result kill_adapter();
  Result wait_until_quiet();
  void send(std::size_t index);
  void start(const std::string& workflow, const nlohmann::json& input);
  void wait_for_acknowledged(std::size_t count);
  /// Lets up to so much time pass: blows are to fall at moments that nothing determines.
  void drift(int at_most_ms);

  retail::World& world_;
  retail::Business business_;
  StormPlan plan_;
  std::mt19937_64 random_;
  int kills_ = 0;
  int adapter_kills_ = 0;
  std::unique_ptr<retail::ShopClient> client_;
  std::unique_ptr<retail::Server> server_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t sent_ = 0;                     // Orders whose starts were answered.
  std::map<std::string, std::string> keys_;  // By saga.
  std::vector<std::string> refused_;
};

}  // namespace weft::test
