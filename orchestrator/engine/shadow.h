#pragma once  // orchestrator/engine/shadow.h

#include <cstddef>
#include <optional>
#include <string>
#include <unordered_map>

#include "adapters/messaging/message_bus.h"
#include "orchestrator/engine/clock.h"
#include "orchestrator/engine/limits.h"
#include "orchestrator/engine/metrics.h"
#include "orchestrator/engine/task.h"
#include "orchestrator/engine/task_message.h"

namespace weft::engine {

/// Tasks sent to a second adapter as well, whose answers are compared and never counted (DSL.md,
/// route.shadow). Memory only: a comparison is lost with the process.
class Shadows final {
 public:
  Shadows(messaging::MessageBus& bus, const Limits& limits, const std::string& secret,
          Metrics& metrics)
      : bus_(bus), limits_(limits), secret_(secret), metrics_(metrics) {}

  void send(const Task& task, const WireContext& context, const Moment& now);
  /// What the real adapter answered; the shadow's answer is measured by it.
  void real_answer(const Task& task, const dsl::Value& body);
  [[nodiscard]] bool knows(const std::string& token) const { return open_.contains(token); }
  void on_reply(const std::string& token, messaging::Received& message);
  /// Gives up those that did not answer within the task's timeout.
  void tick(const Moment& now);

 private:
  struct Open {
    Clock::Instant until{};
    std::optional<std::string> real;  ///< SHA-256 of the real answer's canonical form.
  };
  [[nodiscard]] std::string token_of(const Task& task) const;

  messaging::MessageBus& bus_;
  const Limits& limits_;
  const std::string& secret_;
  Metrics& metrics_;
  std::unordered_map<std::string, Open> open_;  ///< By token.
};

}  // namespace weft::engine
