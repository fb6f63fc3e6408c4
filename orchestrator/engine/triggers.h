#pragma once  // orchestrator/engine/triggers.h

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/messaging/jetstream.h"
#include "dsl/saga_graph.h"
#include "orchestrator/engine/context.h"
#include "orchestrator/engine/dead_letter.h"
#include "orchestrator/engine/event_correlation.h"
#include "orchestrator/engine/intake.h"
#include "orchestrator/engine/schedule.h"

namespace weft::engine {

/// The other ways in: schedules, JetStream consumers, webhooks, events. What they bring starts
/// sagas of the current versions; what cannot start one is kept as rejected and never asked for
/// again.
class Triggers final {
 public:
  Triggers(Context& context, Intake& intake, DeadLetter& dead_letter);
  ~Triggers();

  /// Definitions changed: which triggers there are.
  void refresh();
  void drain();

  /// See Correlation::Starter.
  [[nodiscard]] std::vector<std::function<void(const Correlation::Taken&)>> on_event(
      const std::string& name, const dsl::Value& data, const std::string& event_id);
  void on_webhook(const Webhook& hook, const core::Actor& actor, const Reply& reply);
  /// A rejected document once more, mended or not, through the trigger that it came by.
  void again(const DeadLetter::Letter& letter, const std::string& id, const dsl::Value& data,
             const core::Actor& actor, const Reply& reply);

  void tick_schedules();
  [[nodiscard]] std::optional<core::Timestamp> next_schedule() const;
  void tick_consumers();
  [[nodiscard]] bool has_consumers() const { return !consumers_.empty(); }

 private:
  struct Scheduled {
    std::string workflow, row_key;
    dsl::Trigger trigger;
    std::optional<Schedule> schedule;
    core::Timestamp last;                     ///< The last run that was started or skipped.
    std::optional<core::Timestamp> next;
  };
  struct Consumer {
    std::string workflow;
    dsl::Trigger trigger;
    std::unique_ptr<messaging::JetStreamConsumer> consumer;
  };
  /// Starts `workflow` with what the trigger makes of `event`; `done` with the answer, or with
  /// nothing where `when` was false.
  void start(const std::string& workflow, const dsl::Trigger& trigger, const dsl::Value& event,
             const std::string& key, const core::Actor& actor, const std::string& via,
             const std::function<void(std::optional<Response>)>& done);
  void run_schedule(Scheduled& scheduled);
  void on_stream_message(const std::string& name, messaging::Received message);
  void reject(const std::string& workflow, const std::string& via, const std::string& id,
              const Response& response, const dsl::Value& data, std::string text);

  Context& context_;
  Intake& intake_;
  DeadLetter& dead_letter_;
  std::vector<std::pair<std::string, dsl::Trigger>> event_triggers_, webhook_triggers_;
  std::map<std::string, Scheduled> schedules_;
  std::map<std::string, Consumer> consumers_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  bool draining_ = false;
};

}  // namespace weft::engine
