#pragma once  // adapters/messaging/nats_bus.h

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include <tl/expected.hpp>

#include "adapters/messaging/message_bus.h"

namespace weft::messaging {

struct NatsOptions {
  std::string url = "nats://127.0.0.1:4222";             ///< One, or several with commas.
  std::string name = "weft";                             ///< Shown by the broker.
  std::string credentials_file;                          ///< `nats.creds`; empty: none.
  std::string tls_ca_file, tls_cert_file, tls_key_file;  ///< Any of them turns TLS on.
  std::chrono::milliseconds connect_timeout{2000};
  std::chrono::milliseconds reconnect_wait_min{100};  // doubles up to max, with full jitter
  std::chrono::milliseconds reconnect_wait_max{2000};
  std::chrono::milliseconds ping_interval{5000};  ///< Two unanswered pings: the link is dead.
  std::size_t send_buffer_bytes_max = 32 * 1024 * 1024;
  MessageLimits limits;
  /// Called with a sentence (cause and remedy) when a broker answers and will not have us, or
  /// complains; not again for the same one in a row. On a thread of the bus; plain connections
  /// only.
  std::function<void(const std::string&)> on_refused;
};

/// MessageBus on NATS: our own wire for plain connections (nats_wire_bus.h), libnats where TLS or
/// credentials are wanted. Connects in the background and for ever: create() succeeds with
/// the broker down, and connected() tells.
///
/// A broken connection is thrown away and a new one made by us, instead of the library's own
/// reconnect: that would replay requests from its buffer minutes later.
[[nodiscard]] tl::expected<std::unique_ptr<MessageBus>, BusError> make_nats_bus(
    const NatsOptions& options);

}  // namespace weft::messaging
