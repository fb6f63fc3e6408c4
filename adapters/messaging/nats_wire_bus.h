#pragma once  // adapters/messaging/nats_wire_bus.h

#include <memory>
#include <vector>

#include "adapters/messaging/message_bus.h"
#include "adapters/messaging/nats_bus.h"
#include "adapters/messaging/nats_socket.h"

namespace weft::messaging {

/// MessageBus that speaks NATS itself, for plain connections: without TLS, without credentials. A
/// message is written once, into the bytes that are sent, and the thread that flushes sends them: no
/// hand-over, no allocation, where libnats has several of each. Who wants TLS or credentials gets the
/// library (make_nats_bus decides).
[[nodiscard]] std::unique_ptr<MessageBus> make_wire_bus(const NatsOptions& options,
                                                        std::vector<NatsAddress> addresses);

}  // namespace weft::messaging
