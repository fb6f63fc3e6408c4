#pragma once  // orchestrator/app/service_directory.h

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "adapters/messaging/message_bus.h"
#include "dsl/value.h"

namespace weft::app {

/// Who answers on the wire: programs that speak NATS' micro service protocol, our adapters among
/// them. Nobody has to, so an adapter that is missing here may still be there.
class ServiceDirectory final {
 public:
  /// The bus must outlive this, or be closed before.
  explicit ServiceDirectory(messaging::MessageBus& bus);
  ~ServiceDirectory();
  ServiceDirectory(const ServiceDirectory&) = delete;
  ServiceDirectory& operator=(const ServiceDirectory&) = delete;

  /// Asks all of them and waits for those that answer soon; the last answers are good for a while.
  /// Each is {"name","id","version","metadata"}. From any thread, not the bus's.
  [[nodiscard]] std::vector<dsl::Value> ask();

 private:
  struct State;
  messaging::MessageBus& bus_;
  std::shared_ptr<State> state_;
  std::optional<messaging::SubscriptionId> subscription_;
  std::mutex asking_;
  std::chrono::steady_clock::time_point asked_at_;
  std::vector<dsl::Value> known_;
};

/// `answer` of ListAdapters with "instances" in each of its items.
[[nodiscard]] dsl::Value with_instances(const dsl::Value& answer,
                                        const std::vector<dsl::Value>& services);

}  // namespace weft::app
