#pragma once  // orchestrator/app/runtime.h

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "adapters/messaging/message_bus.h"
#include "orchestrator/engine/engine.h"

namespace weft::app {

/// Real time and threads around the engine: one thread that calls it, and a bounded queue that the
/// other threads (libnats, HTTP, the store's committer) put things on.
class Runtime final {
 public:
  /// `inputs_max`: messages and requests that may wait, `bytes_max`: what the messages may weigh;
  /// beyond it they are answered `busy`.
  explicit Runtime(std::size_t inputs_max = 10'000, std::size_t bytes_max = 64 * 1024 * 1024);
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  /// The engine's own work coming back from other threads. Not bounded here: the engine bounds what
  /// it has in flight.
  [[nodiscard]] engine::Executor executor();

  /// Where refusals of messages go, and whose state the engine is told. Before start().
  void set_bus(messaging::MessageBus& bus) { bus_ = &bus; }
  /// Turns `engine` on a thread of its own until stop(). It must outlive that. The engine has
  /// been recovered; nobody else calls it from now on.
  void start(engine::Engine& engine);
  void stop();

  // From any thread but the engine's.
  void deliver(messaging::Received message);
  /// The bus announces a change. What it was before is asked by start().
  void bus_state(bool connected);
  /// Waits for the answer; 503 `recovering` before start() and `busy` when the queue is full or
  /// closed by stop(), 504 when none came within `at_most`.
  [[nodiscard]] engine::Response call(engine::Request request,
                                      std::chrono::milliseconds at_most = std::chrono::seconds(30));
  /// Empty while the engine is not running.
  [[nodiscard]] engine::MetricsSnapshot metrics();
  /// Runs `work` on the engine's thread before a turn and waits for it; false if it was not run.
  bool run(const std::function<void(engine::Engine&)>& work,
           std::chrono::milliseconds at_most = std::chrono::seconds(30));

  /// No new work from now on; `drained` is called on the engine's thread once nothing is in flight.
  void drain(std::function<void()> drained);

  /// The loop turned within the last ten seconds, or has not begun yet.
  [[nodiscard]] bool alive() const;
  /// What /readyz's checks were about a second ago; null before the first turn.
  [[nodiscard]] dsl::Value last_checks() const;
  [[nodiscard]] bool started() const { return started_.load(); }

 private:
  struct Input {
    std::optional<messaging::Received> message;
    std::function<void(engine::Engine&)> work;
    std::size_t bytes = 0;
  };

  void loop(engine::Engine& engine);
  void note_checks(engine::Engine& engine);
  [[nodiscard]] bool push(Input input);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Input> inputs_;
  std::vector<std::function<void()>> posted_;
  std::size_t inputs_max_, bytes_max_;
  std::size_t input_bytes_ = 0;  ///< Of the messages in inputs_.
  bool stopping_ = false;
  dsl::Value checks_;
  std::function<void()> drained_;     ///< Touched by the engine's thread only.
  bool drain_begun_ = false;          ///< Likewise.
  std::int64_t checked_at_ms_ = 0;    ///< Likewise.
  engine::Engine* engine_ = nullptr;  ///< Likewise.
  messaging::MessageBus* bus_ = nullptr;
  engine::Limits limits_;
  std::thread thread_;
  std::atomic<bool> started_{false};
  std::atomic<std::int64_t> turned_at_ms_{0};  ///< Steady clock.
};

}  // namespace weft::app
