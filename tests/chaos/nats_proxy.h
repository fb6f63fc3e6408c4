#pragma once  // tests/chaos/nats_proxy.h

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace weft::chaos {

/// Where the first protocol unit of NATS ends: a line, or a line and the
/// message it announces. 0: there is not one whole unit yet. `is_message`: it
/// carries one (PUB, HPUB, MSG, HMSG).
[[nodiscard]] std::size_t unit_size(std::string_view bytes, bool& is_message);

/// Chances per message, and per message of a connection's end.
struct Weather {
  double lose = 0, repeat = 0, reorder = 0, delay = 0, stall = 0, reset = 0;
  int delay_ms_max = 0, stall_ms_max = 0;
};

/// Stands between clients and a broker, and ill-treats single messages: loses,
/// repeats, delays them and lets them overtake each other, holds a direction
/// up, tears connections down. What is not a message (PING, SUB, INFO ...)
/// keeps its place and is never touched, so that every fault is one that a
/// network or a broker could have done to a message. One thread of its own.
class NatsProxy final {
 public:
  /// Listens on a free port of 127.0.0.1.
  NatsProxy(int broker_port, std::uint64_t seed);
  ~NatsProxy();
  NatsProxy(const NatsProxy&) = delete;
  NatsProxy& operator=(const NatsProxy&) = delete;

  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] std::string url() const;
  void set_weather(const Weather& weather);
  /// Tears every connection down.
  void reset_all();

  struct Counts {
    std::uint64_t messages = 0, lost = 0, repeated = 0, reordered = 0, delayed = 0, stalled = 0,
                  resets = 0, connections = 0;
  };
  [[nodiscard]] Counts counts() const;

 private:
  struct Connection;
  struct Flow;
  void run();
  void accept_one();
  void read_from(Connection& connection, Flow& flow);
  void take_units(Connection& connection, Flow& flow);
  void write_to(Connection& connection, Flow& flow);
  [[nodiscard]] bool chance(double probability);
  [[nodiscard]] int below(int count);

  int broker_port_;
  int port_ = 0;
  int listener_ = -1;
  int wake_[2] = {-1, -1};
  std::mt19937_64 random_;
  mutable std::mutex mutex_;
  Weather weather_;
  Counts counts_;
  std::atomic<bool> stopping_ = false, reset_wanted_ = false;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::thread thread_;
};

}  // namespace weft::chaos
