#pragma once  // adapters/sdk/worker.h

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <tl/expected.hpp>

#include "adapters/messaging/message_bus.h"
#include "adapters/sdk/adapter.h"
#include "adapters/sdk/database.h"
#include "adapters/sdk/fence.h"

namespace weft::sdk {

/// Ways to make an adapter misbehave, for rehearsals and tests. Called on worker threads.
struct Interference {
  struct Before {
    std::chrono::milliseconds delay{0};  ///< Holds a worker, as slow work does.
    /// Answered without doing anything. A forward call whose key is known is answered from the
    /// fence all the same: to refuse it would deny what was done.
    std::optional<Answer> instead;
    bool lost = false;          ///< Neither done nor answered.
    std::int64_t delivery = 0;  ///< Which time this task came; handed on to after().
  };
  struct After {
    std::optional<Answer> instead;  ///< Answered although the work is committed.
    bool lost = false;              ///< Not answered.
    bool twice = false;
    std::chrono::milliseconds late{0};
    bool die = false;  ///< The process ends at once, before the answer.
  };
  std::function<Before(const Request&)> before;
  /// `before`: what before() said of the same delivery.
  std::function<After(const Request&, const Answer&, const Before& before)> after;
};

struct WorkerOptions {
  int concurrency = 16;
  /// Tasks waiting for a worker; beyond it they are answered `unavailable`, never kept in memory.
  std::size_t queue_max = 2048;
  messaging::MessageLimits limits;
  Interference interference;
};

/// Serves an adapter's subjects: receives in queue group `weft`, checks, runs the fence, answers;
/// answers `$SRV.PING`, `INFO` and `STATS`.
class Worker final {
 public:
  /// All but the options must outlive this. Listens when it returns.
  [[nodiscard]] static tl::expected<std::unique_ptr<Worker>, std::string> start(
      const Adapter& adapter, Database& database, messaging::MessageBus& bus,
      WorkerOptions options);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Takes no new task, finishes what it has, hands over results; at most `limit`. What is left
  /// then was never begun, or is pending in the database.
  void drain(std::chrono::milliseconds limit);

 private:
  class Pool;
  explicit Worker(std::unique_ptr<Pool> pool);
  std::unique_ptr<Pool> pool_;
};

}  // namespace weft::sdk
