#pragma once  // tests/support/nats_server.h

#include <sys/types.h>

#include <filesystem>
#include <string>

namespace weft::test {

/// A port of 127.0.0.1 that nobody listened on a moment ago.
[[nodiscard]] int free_port();

/// A directory of its own, removed at the end.
class TempDir final {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

/// A real nats-server on loopback, JetStream on, stopped at the end by its own pid. Ready when the
/// constructor returns.
class NatsServer final {
 public:
  NatsServer();
  ~NatsServer();
  NatsServer(const NatsServer&) = delete;
  NatsServer& operator=(const NatsServer&) = delete;

  [[nodiscard]] std::string url() const;
  [[nodiscard]] int port() const { return port_; }
  void kill_hard();  ///< SIGKILL: connections break.
  void start();      ///< Again, on the same port and with the same streams.
  void freeze();     ///< SIGSTOP: connections stay, nothing moves.
  void thaw();

 private:
  TempDir dir_;
  int port_ = 0;
  pid_t pid_ = -1;
};

/// A client that writes what it is told, byte by byte: for what no library would send.
class RawClient final {
 public:
  explicit RawClient(int port);
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;
  /// One message with this header block (`NATS/1.0` to the empty line).
  void publish(const std::string& subject, const std::string& headers, const std::string& body);
  void send(const std::string& bytes);

 private:
  int fd_ = -1;
};

}  // namespace weft::test
