#include "tests/chaos/nats_proxy.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <deque>
#include <stdexcept>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace weft::chaos {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kBufferMax = 8UL * 1024 * 1024;

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

void make_quick(int socket) {
  const int one = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) | O_NONBLOCK);
}

}  // namespace

std::size_t unit_size(std::string_view bytes, bool& is_message) {
  is_message = false;
  const std::size_t end = bytes.find("\r\n");
  if (end == std::string_view::npos) return 0;
  const std::string_view line = bytes.substr(0, end);
  const std::string_view verb = line.substr(0, line.find(' '));
  if (verb != "PUB" && verb != "HPUB" && verb != "MSG" && verb != "HMSG") return end + 2;
  is_message = true;
  const std::size_t blank = line.rfind(' ');
  std::size_t size = 0;
  if (blank != std::string_view::npos) {
    std::from_chars(line.data() + blank + 1, line.data() + line.size(), size);
  }
  const std::size_t whole = end + 2 + size + 2;
  return bytes.size() < whole ? 0 : whole;
}

/// One direction of a connection.
struct NatsProxy::Flow {
  struct Unit {
    Clock::time_point due;
    std::string bytes;
  };
  int from = -1, to = -1;
  std::string in, out;
  std::deque<Unit> units;  // in the order in which they will leave
  Clock::time_point held_until{};
};

struct NatsProxy::Connection {
  int client = -1, broker = -1;
  Flow up, down;
  bool broken = false;
  ~Connection() {
    if (client >= 0) ::close(client);
    if (broker >= 0) ::close(broker);
  }
};

NatsProxy::NatsProxy(int broker_port, std::uint64_t seed)
    : broker_port_(broker_port), random_(seed) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener_, 64) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      ::pipe2(wake_, O_CLOEXEC | O_NONBLOCK) != 0) {
    throw std::runtime_error("the proxy can not listen");
  }
  port_ = ntohs(address.sin_port);
  fcntl(listener_, F_SETFL, O_NONBLOCK);
  thread_ = std::thread([this] { run(); });
}

NatsProxy::~NatsProxy() {
  stopping_ = true;
  static_cast<void>(!::write(wake_[1], "x", 1));
  thread_.join();
  connections_.clear();
  for (const int file : {listener_, wake_[0], wake_[1]}) ::close(file);
}

std::string NatsProxy::url() const { return "nats://127.0.0.1:" + std::to_string(port_); }

void NatsProxy::set_weather(const Weather& weather) {
  const std::lock_guard lock(mutex_);
  weather_ = weather;
}

void NatsProxy::reset_all() {
  reset_wanted_ = true;
  static_cast<void>(!::write(wake_[1], "x", 1));
}

NatsProxy::Counts NatsProxy::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

bool NatsProxy::chance(double probability) {
  return probability > 0 && static_cast<double>(random_() % 1'000'000) < probability * 1e6;
}

int NatsProxy::below(int count) {
  return count <= 0 ? 0 : static_cast<int>(random_() % static_cast<unsigned>(count));
}

void NatsProxy::accept_one() {
  const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (client < 0) return;
  auto connection = std::make_unique<Connection>();
  connection->client = client;
  connection->broker = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(broker_port_);
  // On loopback a connection is made at once or refused at once; a refused
  // client sees its own end.
  if (::connect(connection->broker, reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
      0)
    return;
  make_quick(connection->client);
  make_quick(connection->broker);
  connection->up.from = connection->down.to = client;
  connection->up.to = connection->down.from = connection->broker;
  connections_.push_back(std::move(connection));
  const std::lock_guard lock(mutex_);
  ++counts_.connections;
}

void NatsProxy::read_from(Connection& connection, Flow& flow) {
  std::array<char, 64 * 1024> buffer;
  for (;;) {
    const ssize_t count = ::recv(flow.from, buffer.data(), buffer.size(), 0);
    if (count > 0) {
      flow.in.append(buffer.data(), static_cast<std::size_t>(count));
      if (flow.in.size() < kBufferMax) continue;
      break;
    }
    if (count == 0 || (errno != EAGAIN && errno != EINTR)) connection.broken = true;
    break;
  }
  take_units(connection, flow);
}

void NatsProxy::take_units(Connection& connection, Flow& flow) {
  const std::lock_guard lock(mutex_);
  const auto now = Clock::now();
  std::size_t at = 0;
  for (;;) {
    bool is_message = false;
    const std::size_t size = unit_size(std::string_view(flow.in).substr(at), is_message);
    if (size == 0) break;
    Flow::Unit unit{now, flow.in.substr(at, size)};
    at += size;
    if (!is_message) {
      flow.units.push_back(std::move(unit));
      continue;
    }
    ++counts_.messages;
    if (chance(weather_.lose)) {
      ++counts_.lost;
      continue;
    }
    if (chance(weather_.reset)) {
      ++counts_.resets;
      connection.broken = true;
      return;
    }
    if (chance(weather_.stall)) {
      ++counts_.stalled;
      flow.held_until =
          std::max(flow.held_until, now + std::chrono::milliseconds(below(weather_.stall_ms_max)));
    }
    if (chance(weather_.delay)) {
      ++counts_.delayed;
      unit.due = now + std::chrono::milliseconds(below(weather_.delay_ms_max));
    }
    if (chance(weather_.repeat)) {
      ++counts_.repeated;
      flow.units.push_back(unit);
    }
    bool swapped = false;
    if (chance(weather_.reorder) && !flow.units.empty()) {
      bool before_is_message = false;
      if (unit_size(flow.units.back().bytes, before_is_message) > 0 && before_is_message) {
        ++counts_.reordered;
        flow.units.insert(flow.units.end() - 1, unit);
        swapped = true;
      }
    }
    if (!swapped) flow.units.push_back(std::move(unit));
  }
  flow.in.erase(0, at);
}

void NatsProxy::write_to(Connection& connection, Flow& flow) {
  const auto now = Clock::now();
  while (!flow.units.empty() && flow.held_until <= now && flow.units.front().due <= now) {
    flow.out += flow.units.front().bytes;
    flow.units.pop_front();
  }
  while (!flow.out.empty()) {
    const ssize_t count = ::send(flow.to, flow.out.data(), flow.out.size(), MSG_NOSIGNAL);
    if (count > 0) {
      flow.out.erase(0, static_cast<std::size_t>(count));
    } else {
      if (errno != EAGAIN && errno != EINTR) connection.broken = true;
      return;
    }
  }
}

void NatsProxy::run() {
  while (!stopping_) {
    std::vector<pollfd> polled = {{listener_, POLLIN, 0}, {wake_[0], POLLIN, 0}};
    int wait_ms = 1000;
    const auto now = Clock::now();
    for (const auto& connection : connections_) {
      for (const Flow* flow : {&connection->up, &connection->down}) {
        const auto events = flow->in.size() < kBufferMax ? POLLIN : 0;
        const Flow& other = flow == &connection->up ? connection->down : connection->up;
        polled.push_back(
            {flow->from, static_cast<short>(events | (other.out.empty() ? 0 : POLLOUT)), 0});
        if (flow->units.empty()) continue;
        const auto due = std::max(flow->held_until, flow->units.front().due) - now;
        const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(due).count() + 1;
        wait_ms = std::clamp(static_cast<int>(ms), 0, wait_ms);
      }
    }
    ::poll(polled.data(), polled.size(), wait_ms);
    std::array<char, 16> ignored;
    while (::read(wake_[0], ignored.data(), ignored.size()) > 0) continue;
    if (reset_wanted_.exchange(false)) {
      const std::lock_guard lock(mutex_);
      counts_.resets += connections_.size();
      connections_.clear();
      continue;
    }
    for (const auto& connection : connections_) {
      read_from(*connection, connection->up);
      read_from(*connection, connection->down);
      write_to(*connection, connection->up);
      write_to(*connection, connection->down);
    }
    std::erase_if(connections_, [](const auto& connection) { return connection->broken; });
    if ((polled[0].revents & POLLIN) != 0) accept_one();
  }
}

}  // namespace weft::chaos
