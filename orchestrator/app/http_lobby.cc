#include "orchestrator/app/http_lobby.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <string_view>
#include <utility>

namespace weft::app {
namespace {

using std::chrono::steady_clock;

constexpr std::string_view kHeadTooLarge =
    "HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n"
    "Content-Type: application/problem+json\r\nContent-Length: 115\r\n\r\n"
    R"({"type":"urn:weft:problem:head_too_large","status":431,"code":"head_too_large",)"
    R"("title":"the headers are too large"})";

/// The next poll() wakes only once so many bytes are there: what has been looked at stays in the
/// socket and would wake it for ever.
void wake_at(int socket, std::size_t bytes) {
  const int least = static_cast<int>(bytes);
  setsockopt(socket, SOL_SOCKET, SO_RCVLOWAT, &least, sizeof(least));
}

}  // namespace

std::size_t head_length(std::string_view bytes) {
  for (std::size_t at = bytes.find('\n'); at != std::string_view::npos;
       at = bytes.find('\n', at + 1)) {
    const std::string_view rest = bytes.substr(at + 1, 2);
    if (rest == "\r\n") return at + 3;
    if (!rest.empty() && rest[0] == '\n') return at + 2;
  }
  return 0;
}

std::string_view head_too_large() { return kHeadTooLarge; }

void close_connection(int socket) {
  // What was not read would turn the close into a reset, which may overtake the answer.
  ::shutdown(socket, SHUT_WR);
  char rest[4096];
  for (int i = 0; i < 64 && ::recv(socket, rest, sizeof(rest), MSG_DONTWAIT) > 0; ++i) {
  }
  ::close(socket);
}

HttpLobby::HttpLobby(const LobbyOptions& options, Ready ready)
    : options_(options),
      ready_(std::move(ready)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      head_(options.head_bytes_max),
      thread_([this] { run(); }) {}

HttpLobby::~HttpLobby() {
  stop();
  ::close(wake_);
}

void HttpLobby::add(int socket) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) {
      close_connection(socket);
      return;
    }
    arrived_.push_back(socket);
  }
  eventfd_write(wake_, 1);
}

void HttpLobby::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  eventfd_write(wake_, 1);
  if (thread_.joinable()) thread_.join();
}

void HttpLobby::admit() {
  eventfd_t ignored = 0;
  eventfd_read(wake_, &ignored);
  std::vector<int> arrived;
  {
    const std::lock_guard lock(mutex_);
    arrived.swap(arrived_);
  }
  for (const int socket : arrived) {
    if (guests_.size() >= options_.connections_max) make_room();
    guests_[socket] = {steady_clock::now() + options_.idle, 0};
  }
}

void HttpLobby::make_room() {
  const auto oldest = std::min_element(
      guests_.begin(), guests_.end(),
      [](const auto& a, const auto& b) { return a.second.until < b.second.until; });
  close_connection(oldest->first);
  guests_.erase(oldest);
}

bool HttpLobby::look(int socket, Guest& guest, short events, Instant now) {
  if (events == 0) {
    if (now < guest.until) return true;
    close_connection(socket);
    return false;
  }
  const ssize_t count = ::recv(socket, head_.data(), head_.size(), MSG_PEEK | MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  const auto bytes = static_cast<std::size_t>(std::max<ssize_t>(count, 0));
  if (const std::size_t length = head_length({head_.data(), bytes}); length > 0) {
    wake_at(socket, 1);
    ready_(socket, length);
    return false;
  }
  const bool over = bytes <= guest.seen && (events & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
  if (bytes == 0 || over || bytes == head_.size()) {
    if (bytes == head_.size()) {
      static_cast<void>(
          ::send(socket, kHeadTooLarge.data(), kHeadTooLarge.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
    }
    close_connection(socket);
    return false;
  }
  if (guest.seen == 0) guest.until = now + options_.head;
  guest.seen = bytes;
  wake_at(socket, bytes + 1);
  return true;
}

void HttpLobby::run() {
  std::vector<pollfd> watched;
  for (;;) {
    watched.assign(1, {wake_, POLLIN, 0});
    Instant next = steady_clock::now() + std::chrono::seconds(60);
    for (const auto& [socket, guest] : guests_) {
      watched.push_back({socket, POLLIN | POLLRDHUP, 0});
      next = std::min(next, guest.until);
    }
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(next - steady_clock::now());
    const int timeout = static_cast<int>(std::max<std::int64_t>(wait.count(), 0));
    if (poll(watched.data(), watched.size(), timeout) < 0 && errno != EINTR) break;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) break;
    }
    const Instant now = steady_clock::now();
    for (std::size_t i = 1; i < watched.size(); ++i) {
      const auto guest = guests_.find(watched[i].fd);
      if (guest == guests_.end()) continue;
      if (!look(guest->first, guest->second, watched[i].revents, now)) guests_.erase(guest);
    }
    if (watched[0].revents != 0) admit();
  }
  for (const auto& [socket, guest] : guests_) close_connection(socket);
  guests_.clear();
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  for (const int socket : arrived_) close_connection(socket);
  arrived_.clear();
}

}  // namespace weft::app
