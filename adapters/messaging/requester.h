#pragma once  // adapters/messaging/requester.h

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

#include <tl/expected.hpp>

#include "adapters/messaging/message_bus.h"

namespace weft::messaging {

/// Requests with an answer or a deadline, on any bus, with an inbox of its own. For tools, the
/// adapter SDK and questions to the broker; the engine keeps its own deadlines for tasks.
///
/// Time is given by the caller through tick(), so the same code runs on virtual time.
class Requester final {
 public:
  using Instant = std::chrono::steady_clock::time_point;
  enum class Failure { kTimeout, kNoResponders, kNotSent };
  /// Called once for each request: on a thread of the bus, on tick()'s, or within send(). Never
  /// after the destructor, which drops what is open and waits for callbacks under way.
  using Callback = std::function<void(tl::expected<Received, Failure>)>;

  /// The bus must outlive this.
  explicit Requester(MessageBus& bus);
  ~Requester();
  Requester(const Requester&) = delete;
  Requester& operator=(const Requester&) = delete;

  /// Sends `message` with our inbox as reply subject, flushes, and calls `callback` with the first
  /// answer, or at the first tick() not before `deadline`.
  void send(Message message, Instant deadline, Callback callback);
  void tick(Instant now);
  [[nodiscard]] std::size_t pending() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace weft::messaging
