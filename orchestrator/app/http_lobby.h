#pragma once  // orchestrator/app/http_lobby.h

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <string_view>
#include <thread>
#include <vector>

namespace weft::app {

struct LobbyOptions {
  std::size_t connections_max = 400;  ///< Of 1024 files that a process may usually open.
  std::size_t head_bytes_max = 16 * 1024;  ///< Request line and headers.
  std::chrono::milliseconds idle{5'000};   ///< Without a byte.
  std::chrono::milliseconds head{5'000};   ///< From its first byte to its last.
};

/// Where connections wait until the head of a request is there as a whole. One thread watches all
/// of them without taking a byte out, so a caller who sends slowly, or nothing, holds none of the
/// threads that answer the others.
class HttpLobby final {
 public:
  /// `ready`: called on the lobby's thread with a connection whose next request can be read at
  /// once, and the length of its head; whoever is called owns it.
  using Ready = std::function<void(int socket, std::size_t head_bytes)>;
  HttpLobby(const LobbyOptions& options, Ready ready);
  ~HttpLobby();
  HttpLobby(const HttpLobby&) = delete;
  HttpLobby& operator=(const HttpLobby&) = delete;

  /// Takes over a connected socket: waits for its next request, or closes it when that does not
  /// come in time, is too large, or the lobby is full and this one has waited longest.
  void add(int socket);
  /// Closes all that wait; whatever is added later is closed at once. Repeating is harmless.
  void stop();

 private:
  using Instant = std::chrono::steady_clock::time_point;
  struct Guest {
    Instant until;
    std::size_t seen = 0;  ///< Bytes of a head that have come.
  };
  void run();
  void admit();
  /// True if the connection stays.
  bool look(int socket, Guest& guest, short events, Instant now);
  void make_room();

  const LobbyOptions options_;
  const Ready ready_;
  int wake_ = -1;  ///< An eventfd.
  std::mutex mutex_;
  std::vector<int> arrived_;
  bool stopping_ = false;
  std::map<int, Guest> guests_;  ///< By socket; touched by the lobby's thread only.
  std::vector<char> head_;       ///< Likewise: room for one.
  std::thread thread_;
};

/// Where the head of a request ends; 0 if it has not ended.
[[nodiscard]] std::size_t head_length(std::string_view bytes);
/// The answer to a head beyond the limit.
[[nodiscard]] std::string_view head_too_large();

/// Ends a connection whose other side may still be sending.
void close_connection(int socket);

}  // namespace weft::app
