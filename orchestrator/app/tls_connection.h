#pragma once  // orchestrator/app/tls_connection.h

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <memory>

struct ssl_st;
struct ssl_ctx_st;

namespace weft::app {

/// The server's side of one TLS connection. No call waits longer than it is told to. Used by one
/// thread at a time.
class TlsConnection final {
 public:
  using Within = std::chrono::milliseconds;

  /// Shakes hands on a connected socket, which stays the caller's; nothing where that fails or
  /// takes longer. `context`: an SSL_CTX.
  [[nodiscard]] static std::unique_ptr<TlsConnection> accept(ssl_ctx_st* context, int socket,
                                                             Within at_most);
  ~TlsConnection();
  TlsConnection(const TlsConnection&) = delete;
  TlsConnection& operator=(const TlsConnection&) = delete;

  /// True if read() would find something; false when nothing came in time.
  [[nodiscard]] bool readable(Within at_most);
  /// Bytes read, 0 at the end, -1 on failure or when nothing came in time.
  [[nodiscard]] ssize_t read(char* bytes, std::size_t size, Within at_most);
  /// All of them, or -1.
  [[nodiscard]] ssize_t write(const char* bytes, std::size_t size, Within at_most);
  /// False if the socket takes nothing in time, or the other side has gone.
  [[nodiscard]] bool writable(Within at_most) const;
  [[nodiscard]] int socket() const { return socket_; }

 private:
  TlsConnection(ssl_st* ssl, int socket) : ssl_(ssl), socket_(socket) {}
  /// Repeats `step` (an SSL_... call) as the socket becomes ready; its last result.
  template <class Step>
  int drive(const Step& step, Within at_most);

  ssl_st* ssl_;
  int socket_;
  bool broken_ = false;  ///< No goodbye may be said.
};

}  // namespace weft::app
