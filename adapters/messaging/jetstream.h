#pragma once  // adapters/messaging/jetstream.h

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "adapters/messaging/message_bus.h"
#include "adapters/messaging/requester.h"

// JetStream by its plain request API, over any bus: no thread and no clock of its own. Streams are
// transport here, never the record.
namespace weft::messaging {

/// Asks the broker which streams capture one of request_trees(), and calls `done` once with their
/// names (none: all is well, also where the broker has no JetStream), or with why it is not known.
/// A stream there would answer requests with its PubAck. Deadlines run by `requester.tick()`.
void find_overlapping_streams(
    Requester& requester, Requester::Instant deadline,
    std::function<void(tl::expected<std::vector<std::string>, std::string>)> done);

struct ConsumerOptions {
  std::string stream;
  std::string subject;      ///< Filter; may have wildcards; empty: the whole stream.
  std::string durable;      ///< The consumer's name; made if it does not exist.
  int in_flight_max = 256;  ///< Messages asked for and not settled; the bound on memory here.
  std::chrono::seconds ack_wait{60};  ///< Unsettled for so long: delivered again.
};

/// Takes messages from a stream by a durable pull consumer. Each message must be settled once it is
/// durable with us (ack), cannot be handled now (nak), or never (term).
class JetStreamConsumer final {
 public:
  /// `message.reply` names the delivery for ack(), nak() and term(). Called on a thread of the bus,
  /// never after the destructor (which must not be called from it).
  using Handler = std::function<void(Received message)>;

  static tl::expected<std::unique_ptr<JetStreamConsumer>, InvalidText> create(
      MessageBus& bus, ConsumerOptions options, Handler handler);
  ~JetStreamConsumer();
  JetStreamConsumer(const JetStreamConsumer&) = delete;
  JetStreamConsumer& operator=(const JetStreamConsumer&) = delete;

  /// Makes the consumer if need be, asks for messages, and asks again where an answer was lost.
  /// Call it at least once a second; it never blocks.
  void tick(Requester::Instant now);

  // Each sends and flushes. Repeating is harmless.
  void ack(const std::string& reply);
  void nak(const std::string& reply, std::chrono::milliseconds delay);
  void term(const std::string& reply);

  /// Empty while messages flow; else what is wrong (no such stream, no JetStream), for `weft
  /// status`.
  [[nodiscard]] std::string trouble() const;

 private:
  struct State;
  explicit JetStreamConsumer(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace weft::messaging
