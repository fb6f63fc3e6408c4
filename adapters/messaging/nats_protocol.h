#pragma once  // adapters/messaging/nats_protocol.h

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/messaging/message.h"

// The text that NATS speaks (https://docs.nats.io/reference/reference-protocols/nats-protocol), as
// far as nats_wire_bus.cc needs it. Only bytes in and out: no socket.
namespace weft::messaging::nats_protocol {

/// PUB, or HPUB where there are headers.
void append_publish(std::string& out, const Message& message);
void append_subscribe(std::string& out, std::string_view pattern, std::string_view queue_group,
                      std::uint64_t id);
void append_unsubscribe(std::string& out, std::uint64_t id);
/// The client's first line. Asks for headers and for an answer when nobody listens.
[[nodiscard]] std::string connect_line(std::string_view client_name);
inline constexpr std::string_view kPingLine = "PING\r\n";
inline constexpr std::string_view kPongLine = "PONG\r\n";

/// What the broker says of itself.
struct ServerInfo {
  std::size_t payload_bytes_max = std::size_t{1024} * 1024;
  bool headers = false;
  bool tls_required = false;
};
[[nodiscard]] std::optional<ServerInfo> parse_info(std::string_view json);

struct Frame {
  enum class Kind {
    kNothing,  ///< More bytes are needed.
    kMessage,
    kPing,
    kPong,
    kInfo,
    kError,   ///< The broker complains; it closes the connection itself where that is the end.
    kBroken,  ///< Not the protocol: nothing that follows can be trusted.
  };
  Kind kind = Kind::kNothing;
  std::uint64_t subscription = 0;  ///< kMessage.
  Received message;                ///< kMessage.
  std::string text;                ///< kInfo: its JSON. kError: what it says.
};

/// Cuts the broker's bytes into frames.
class FrameReader final {
 public:
  /// Where to read to; never empty.
  [[nodiscard]] std::span<char> room();
  void filled(std::size_t bytes) { end_ += bytes; }
  [[nodiscard]] Frame next();

 private:
  [[nodiscard]] std::string_view pending() const {
    return {buffer_.data() + begin_, end_ - begin_};
  }
  [[nodiscard]] Frame read_message(std::string_view line, std::size_t line_bytes, bool headers);

  std::vector<char> buffer_;
  std::size_t begin_ = 0, end_ = 0;
};

}  // namespace weft::messaging::nats_protocol
