#pragma once  // tests/orchestrator/engine/engine_world.h

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/sim/world.h"

namespace weft::test {

/// One task request that an adapter of the test received.
using TaskSeen = sim::AdapterTask;

/// The virtual world for tests of the engine: scripted adapters, and whatever goes wrong in the
/// world itself fails the test.
class EngineWorld : public sim::World {
 public:
  /// Answers a task; nothing: silence.
  using Handler = std::function<std::optional<messaging::Message>(const TaskSeen& task,
                                                                  messaging::Subject reply)>;

  EngineWorld();

  void start();
  void restart() {
    crash();
    start();
  }

  /// An adapter that answers every operation by `handler`; its requests are kept in order.
  void adapter(const std::string& name, Handler handler);
  [[nodiscard]] std::vector<TaskSeen>& seen(const std::string& adapter) { return seen_[adapter]; }
  /// "reserve charge ..." of one adapter, or of all in order of arrival.
  [[nodiscard]] std::string calls(const std::string& adapter = "") const;

  engine::Response ask(engine::RequestBody body, const std::string& actor = "ann");
  /// A request over the wire, as any client sends it.
  struct Answer {
    dsl::Value body;
    int code = 0;  ///< Nats-Service-Error-Code; 0: success.
    bool came = false;
  };
  Answer send(const std::string& subject, const std::string& body, const std::string& key = "",
              const std::string& message_id = "");
  Answer start_saga(const std::string& workflow, const std::string& input,
                    const std::string& key = "") {
    return send("weft.start." + workflow, input, key);
  }
  [[nodiscard]] dsl::Value show(const std::string& saga);
  [[nodiscard]] std::string state(const std::string& saga) {
    return show(saga).string_or("state", "?");
  }
  /// "SagaStarted StepScheduled ..." of one saga.
  [[nodiscard]] std::string history(const std::string& saga);
  /// Messages seen on `weft.out.>` and `weft.changed.>`.
  [[nodiscard]] const std::vector<std::string>& heard() const { return heard_; }

  std::vector<engine::Change> changes;
  std::vector<std::string> log;

 private:
  std::map<std::string, std::vector<TaskSeen>> seen_;
  std::vector<std::string> order_;
  std::vector<std::string> heard_;
};

// Answers for handlers.
std::optional<messaging::Message> reply_ok(messaging::Subject to, const std::string& json = "{}");
std::optional<messaging::Message> reply_error(messaging::Subject to, int service_code,
                                              const std::string& code,
                                              std::optional<std::int64_t> retry_after_ms = {});
/// Every operation succeeds with {}.
EngineWorld::Handler always_ok();

}  // namespace weft::test
