#pragma once  // adapters/messaging/nats_library.h

#include <memory>
#include <string>

#include <tl/expected.hpp>

#include "adapters/messaging/message.h"
#include "adapters/messaging/message_bus.h"
#include "adapters/messaging/nats_bus.h"

// Only for nats_bus.cc: our types to the library's and back. nats.h itself stays in the .cc files,
// so its types are named here as it declares them.
struct __natsConnection;
struct __natsMsg;
struct __natsOptions;

namespace weft::messaging {

struct NatsOptionsDeleter {
  void operator()(__natsOptions* options) const;
};
using NatsOptionsHandle = std::unique_ptr<__natsOptions, NatsOptionsDeleter>;
struct NatsMessageDeleter {
  void operator()(__natsMsg* message) const;
};
using NatsMessageHandle = std::unique_ptr<__natsMsg, NatsMessageDeleter>;

/// What the library shall call when a connection ends; `closure` is passed back.
struct NatsCallbacks {
  void (*disconnected)(__natsConnection*, void*);
  void (*closed)(__natsConnection*, void*);
  void* closure;
};

/// The library's options for one connection, without its own reconnect.
[[nodiscard]] tl::expected<NatsOptionsHandle, BusError> nats_library_options(
    const NatsOptions& options, const NatsCallbacks& callbacks);

/// Copies a message that came, headers repaired where the library misreads them.
[[nodiscard]] Received received_from_nats(__natsMsg* message);

/// Hands a message to the library's buffer; false: the connection is gone.
[[nodiscard]] bool nats_send(__natsConnection* connection, const Message& message);

/// What went wrong, by a natsStatus and the library's last words.
[[nodiscard]] BusError nats_error(int status, const std::string& doing);

}  // namespace weft::messaging
