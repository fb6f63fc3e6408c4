#include "adapters/messaging/nats_socket.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

namespace weft::messaging {
namespace {

std::optional<NatsAddress> plain_address(std::string_view url) {
  constexpr std::string_view kScheme = "nats://";
  if (url.starts_with(kScheme)) url.remove_prefix(kScheme.size());
  if (url.empty() || url.find_first_of("@/ ?#") != std::string_view::npos) return std::nullopt;
  NatsAddress address;
  std::string_view port;
  if (url.front() == '[') {  // IPv6
    const std::size_t end = url.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    address.host = url.substr(1, end - 1);
    url.remove_prefix(end + 1);
    if (!url.empty() && url.front() != ':') return std::nullopt;
    port = url.empty() ? url : url.substr(1);
  } else {
    const std::size_t colon = std::min(url.find(':'), url.size());
    address.host = url.substr(0, colon);
    port = colon < url.size() ? url.substr(colon + 1) : std::string_view();
  }
  const bool digits = std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (address.host.empty() || !digits || port.size() > 5) return std::nullopt;
  if (!port.empty()) address.port = port;
  return address;
}

bool connected_within(int socket, const addrinfo& where, std::chrono::milliseconds at_most) {
  if (::connect(socket, where.ai_addr, where.ai_addrlen) == 0) return true;
  if (errno != EINPROGRESS) return false;
  pollfd writable{socket, POLLOUT, 0};
  if (::poll(&writable, 1, static_cast<int>(at_most.count())) != 1) return false;
  int error = 0;
  socklen_t size = sizeof(error);
  return ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

}  // namespace

std::optional<std::vector<NatsAddress>> plain_addresses(std::string_view urls) {
  std::vector<NatsAddress> addresses;
  for (;;) {
    const std::size_t comma = std::min(urls.find(','), urls.size());
    std::string_view url = urls.substr(0, comma);
    while (!url.empty() && url.front() == ' ') url.remove_prefix(1);
    while (!url.empty() && url.back() == ' ') url.remove_suffix(1);
    if (!url.empty()) {
      auto address = plain_address(url);
      if (!address) return std::nullopt;
      addresses.push_back(std::move(*address));
    }
    if (comma == urls.size()) break;
    urls.remove_prefix(comma + 1);
  }
  if (addresses.empty()) return std::nullopt;
  return addresses;
}

int connect_socket(const NatsAddress& address, std::chrono::milliseconds at_most) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(address.host.c_str(), address.port.c_str(), &hints, &found) != 0) return -1;
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(found, &::freeaddrinfo);
  for (const addrinfo* where = found; where != nullptr; where = where->ai_next) {
    const int socket = ::socket(where->ai_family,
                                where->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC,
                                where->ai_protocol);
    if (socket < 0) continue;
    if (connected_within(socket, *where, at_most)) {
      const int on = 1;
      ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      return socket;
    }
    ::close(socket);
  }
  return -1;
}

}  // namespace weft::messaging
