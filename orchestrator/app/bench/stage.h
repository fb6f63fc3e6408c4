#pragma once  // orchestrator/app/bench/stage.h

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "adapters/messaging/message_bus.h"
#include "orchestrator/app/bench/child.h"
#include "orchestrator/app/nats_child.h"

namespace weft::app::bench {

/// What all processes had used at one moment.
struct Reading {
  ProcessUse orchestrator, nats, adapter, client;
  std::int64_t syncs = 0;            ///< Groups the store made durable since it was opened.
  std::int64_t device_flushes = -1;  ///< As device_flushes().
};

/// A broker, an orchestrator with everything at its default, and an adapter, on loopback and in a
/// folder of their own, each a process as in production.
class Stage final {
 public:
  struct Options {
    std::string folder;             ///< For the store; empty: the system's for temporary files.
    std::string shipped_workflows;  ///< The folder of the shipped definitions; empty: not wanted.
    bool keep = false;              ///< Leave the folder behind.
  };
  [[nodiscard]] static tl::expected<std::unique_ptr<Stage>, std::string> set(
      const Options& options);
  ~Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  [[nodiscard]] messaging::MessageBus& bus() { return *bus_; }
  [[nodiscard]] const std::string& folder() const { return folder_; }
  [[nodiscard]] Reading read() const;
  /// False if one of the processes has ended by itself.
  [[nodiscard]] bool stands();
  /// kill -9, and a new process on the same store. Returns when it says it is ready.
  [[nodiscard]] tl::expected<void, std::string> crash_and_restart();
  /// Requests that the adapter got twice, with the same key and attempt; -1 if it does not answer.
  [[nodiscard]] std::int64_t repeated_attempts();
  [[nodiscard]] std::string logs() const;  ///< Where to look when something went wrong.

 private:
  Stage() = default;
  [[nodiscard]] tl::expected<void, std::string> write_definitions(const std::string& shipped);
  [[nodiscard]] tl::expected<void, std::string> start_orchestrator();
  [[nodiscard]] std::int64_t syncs() const;

  std::string folder_, program_, url_;
  bool keep_ = false;
  std::unique_ptr<NatsChild> nats_;
  std::unique_ptr<Child> orchestrator_, adapter_;
  std::unique_ptr<messaging::MessageBus> bus_;
};

}  // namespace weft::app::bench
