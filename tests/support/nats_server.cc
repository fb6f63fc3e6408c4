#include "tests/support/nats_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <thread>
#include <vector>

extern char** environ;

namespace weft::test {
namespace {

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// A server that accepts and greets is ready; one that only accepts may still be starting.
bool greets(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(port);
  timeval timeout{2, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  char greeting[4] = {};
  const bool ok = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
                  recv(fd, greeting, sizeof greeting, MSG_WAITALL) == sizeof greeting;
  close(fd);
  return ok && std::string(greeting, 4) == "INFO";
}

}  // namespace

int free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    close(fd);
    throw std::runtime_error("no free port on loopback");
  }
  close(fd);
  return ntohs(address.sin_port);
}

TempDir::TempDir() {
  std::string name = (std::filesystem::temp_directory_path() / "weft-test-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
  path_ = name;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

NatsServer::NatsServer() : port_(free_port()) { start(); }

NatsServer::~NatsServer() { kill_hard(); }

std::string NatsServer::url() const { return "nats://127.0.0.1:" + std::to_string(port_); }

void NatsServer::start() {
  std::vector<std::string> words = {
      "nats-server", "-a",  "127.0.0.1",     "-p", std::to_string(port_),
      "-js",         "-sd", dir_.file("js"), "-l", dir_.file("log")};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const char* program = "/usr/sbin/nats-server";  // Debian keeps it off ordinary users' paths
  if (access(program, X_OK) != 0) program = "nats-server";
  if (posix_spawnp(&pid_, program, nullptr, nullptr, arguments.data(), environ) != 0) {
    throw std::runtime_error("cannot start nats-server");
  }
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!greets(port_)) {
    if (waitpid(pid_, nullptr, WNOHANG) != 0 || std::chrono::steady_clock::now() > deadline) {
      throw std::runtime_error("nats-server did not come up; see " + dir_.file("log"));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));  // between two looks, no condition
  }
}

void NatsServer::kill_hard() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

RawClient::RawClient(int port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const sockaddr_in address = loopback(port);
  if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error("cannot connect to the broker");
  }
  send("CONNECT {\"headers\":true,\"verbose\":false}\r\n");
}

RawClient::~RawClient() { close(fd_); }

void RawClient::publish(const std::string& subject, const std::string& headers,
                        const std::string& body) {
  send("HPUB " + subject + " " + std::to_string(headers.size()) + " " +
       std::to_string(headers.size() + body.size()) + "\r\n" + headers + body + "\r\n");
}

void RawClient::send(const std::string& bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t count = ::send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) throw std::runtime_error("the broker hung up");
    sent += static_cast<std::size_t>(count);
  }
}

void NatsServer::freeze() { kill(pid_, SIGSTOP); }
void NatsServer::thaw() { kill(pid_, SIGCONT); }

}  // namespace weft::test
