#include "orchestrator/app/tls_connection.h"

#include <fcntl.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdint>

#include <openssl/err.h>
#include <openssl/ssl.h>

namespace weft::app {
namespace {

using std::chrono::steady_clock;

/// What of `events` the socket is ready for; 0 if nothing happens before `until`.
short ready(int socket, short events, steady_clock::time_point until) {
  for (;;) {
    const auto left = std::chrono::ceil<TlsConnection::Within>(until - steady_clock::now());
    pollfd one{socket, events, 0};
    const int count =
        ::poll(&one, 1, static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, INT_MAX)));
    if (count > 0) return one.revents;
    if (count == 0 || errno != EINTR) return 0;
  }
}

}  // namespace

std::unique_ptr<TlsConnection> TlsConnection::accept(ssl_ctx_st* context, int socket,
                                                     Within at_most) {
  const int flags = ::fcntl(socket, F_GETFL);
  if (flags < 0 || ::fcntl(socket, F_SETFL, flags | O_NONBLOCK) < 0) return nullptr;
  SSL* const ssl = SSL_new(context);
  if (ssl == nullptr) return nullptr;
  std::unique_ptr<TlsConnection> made(new TlsConnection(ssl, socket));
  if (SSL_set_fd(ssl, socket) != 1 ||
      made->drive([ssl] { return SSL_accept(ssl); }, at_most) != 1) {
    made->broken_ = true;
    return nullptr;
  }
  return made;
}

TlsConnection::~TlsConnection() {
  if (!broken_) {
    ERR_clear_error();
    SSL_shutdown(ssl_);
  }
  SSL_free(ssl_);
}

template <class Step>
int TlsConnection::drive(const Step& step, Within at_most) {
  const auto until = steady_clock::now() + at_most;
  for (;;) {
    ERR_clear_error();  // SSL_get_error looks at what this thread did before.
    const int result = step();
    if (result > 0) return result;
    const int why = SSL_get_error(ssl_, result);
    if (why == SSL_ERROR_ZERO_RETURN) return 0;
    const bool waits = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
    const short event = why == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN;
    if (waits && ready(socket_, event, until) != 0) continue;
    broken_ |= !waits;
    return -1;
  }
}

bool TlsConnection::readable(Within at_most) {
  return SSL_pending(ssl_) > 0 || ready(socket_, POLLIN, steady_clock::now() + at_most) != 0;
}

ssize_t TlsConnection::read(char* bytes, std::size_t size, Within at_most) {
  const int room = static_cast<int>(std::min<std::size_t>(size, INT_MAX));
  return drive([&] { return SSL_read(ssl_, bytes, room); }, at_most);
}

ssize_t TlsConnection::write(const char* bytes, std::size_t size, Within at_most) {
  // OpenSSL takes a write of nothing for a mistake.
  for (std::size_t at = 0; at < size;) {
    const int part = static_cast<int>(std::min<std::size_t>(size - at, INT_MAX));
    const int sent = drive([&] { return SSL_write(ssl_, bytes + at, part); }, at_most);
    if (sent <= 0) {
      broken_ = true;  // What was half said can not be followed by a goodbye.
      return -1;
    }
    at += static_cast<std::size_t>(sent);
  }
  return static_cast<ssize_t>(size);
}

bool TlsConnection::writable(Within at_most) const {
  const short found = ready(socket_, POLLOUT | POLLRDHUP, steady_clock::now() + at_most);
  return (found & POLLOUT) != 0 && (found & (POLLRDHUP | POLLHUP | POLLERR)) == 0;
}

}  // namespace weft::app
