#pragma once  // adapters/sdk/courier.h

#include <chrono>
#include <memory>

#include "adapters/messaging/message_bus.h"
#include "adapters/sdk/adapter.h"
#include "adapters/sdk/database.h"

namespace weft::sdk {

/// The thread for everything that is not a prompt answer: goes on with pending work when it is due,
/// sends results, heartbeats and events until the orchestrator has them, and answers late where
/// that was asked for. What it has to do is in the database, so a restart loses nothing.
class Courier final {
 public:
  /// All must outlive this.
  Courier(const Adapter& adapter, Database& database, messaging::MessageBus& bus);
  ~Courier();
  Courier(const Courier&) = delete;
  Courier& operator=(const Courier&) = delete;

  /// Something new may be due. Any thread.
  void wake();
  void send_later(messaging::Message message, std::chrono::milliseconds delay);
  /// Waits until nothing is due or being sent, at most `limit`. For a clean stop.
  void settle(std::chrono::milliseconds limit);

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace weft::sdk
