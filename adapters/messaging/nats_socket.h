#pragma once  // adapters/messaging/nats_socket.h

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weft::messaging {

struct NatsAddress {
  std::string host;
  std::string port = "4222";
  friend bool operator==(const NatsAddress&, const NatsAddress&) = default;
};

/// The addresses of a list of URLs with commas; none if one of them wants more than a plain
/// connection (another scheme than nats://, a user, a path) or is not one at all.
[[nodiscard]] std::optional<std::vector<NatsAddress>> plain_addresses(std::string_view urls);

/// A connected TCP socket that never blocks and sends at once, or -1.
[[nodiscard]] int connect_socket(const NatsAddress& address, std::chrono::milliseconds at_most);

}  // namespace weft::messaging
