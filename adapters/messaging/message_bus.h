#pragma once  // adapters/messaging/message_bus.h

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "adapters/messaging/message.h"

namespace weft::messaging {

/// What became of a publish. kAccepted means "in our buffer" and proves nothing about delivery:
/// only an answer does.
enum class PublishResult {
  kAccepted,
  kDisconnected,  ///< Certainly not sent.
  kTooLarge,      ///< Beyond the broker's or our limit. Certainly not sent.
  kBusy,          ///< The bounded send buffer is full. Certainly not sent; try after a flush.
};

enum class BusState { kConnected, kDisconnected, kClosed };

/// Why a subscription was refused: closed bus, or an invalid queue group.
struct BusError {
  std::string message;
};

/// Names one subscription of one bus.
struct SubscriptionId {
  std::uint64_t value = 0;
  friend bool operator==(SubscriptionId, SubscriptionId) = default;
};

/// Counts since the bus was made; all only grow.
struct BusStats {
  std::uint64_t connects = 0;  ///< Connections made; the first counts.
  std::uint64_t messages_in = 0;
  std::uint64_t messages_out = 0;          ///< Handed to the library.
  std::uint64_t messages_dropped_in = 0;   ///< Came faster than the handlers took them.
  std::uint64_t messages_dropped_out = 0;  ///< Accepted, then lost with their connection.
};

/// The wire, as the engine and the adapters see it. At most once, like NATS: a message may be lost,
/// and others may send one twice.
///
/// Threads: every function may be called from any thread. Handlers are called on a thread of the
/// bus, one message at a time for each subscription, and must only put the message on a queue:
/// while a handler runs, no other message of the process is delivered.
///
/// Nothing is kept for later: what was accepted but not yet written when the connection broke is
/// dropped, never sent after a reconnect, so a request can not arrive long after it was given up.
class MessageBus {
 public:
  using Handler = std::function<void(Received)>;
  using StateHandler = std::function<void(BusState)>;

  virtual ~MessageBus() = default;

  /// Queues `message`; it leaves with the next flush() at the latest. Never blocks.
  [[nodiscard]] virtual PublishResult publish(Message message) = 0;
  /// Sends what was published so far, at once. Call it once after each batch. Never blocks.
  virtual void flush() = 0;

  /// Calls `handler` for every message that matches, until unsubscribe() or close(). Survives
  /// reconnects. With a `queue_group` only one member of the group gets each message; empty: none.
  /// A message on a reply subject with `status` 503 says that nobody listens.
  [[nodiscard]] virtual tl::expected<SubscriptionId, BusError> subscribe(
      const SubjectPattern& pattern, std::string_view queue_group, Handler handler) = 0;
  /// Stops new messages for this subscription and calls `drained` (may be empty) once the handler
  /// has seen those that had already come. Unknown ids count as drained.
  virtual void unsubscribe(SubscriptionId id, std::function<void()> drained) = 0;

  /// Called on each change, on a thread of the bus; set it before the first subscribe. The present
  /// state is not announced: ask connected().
  virtual void set_state_handler(StateHandler handler) = 0;
  [[nodiscard]] virtual bool connected() const = 0;
  [[nodiscard]] virtual BusStats stats() const = 0;

  /// Sends what is queued, ends every subscription, disconnects. Afterwards no handler runs and
  /// publish() answers kDisconnected. Not to be called from a handler.
  virtual void close() = 0;
};

}  // namespace weft::messaging
