#pragma once  // orchestrator/engine/dispatcher.h

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "adapters/messaging/message_bus.h"
#include "orchestrator/core/outcome.h"
#include "orchestrator/engine/adapter_line.h"
#include "orchestrator/engine/heartbeat_watch.h"
#include "orchestrator/engine/limits.h"
#include "orchestrator/engine/metrics.h"
#include "orchestrator/engine/outbox_row.h"
#include "orchestrator/engine/shadow.h"
#include "orchestrator/engine/task.h"
#include "orchestrator/engine/task_message.h"

namespace weft::engine {

/// Durable tasks -> adapter lines (limits, breaker, pause) -> bus -> outcomes. One per process.
/// It decides nothing about sagas: every outcome is reported as a command.
class Dispatcher final {
 public:
  struct Hooks {
    /// The task's outcome, or that it was not sent: becomes ReportReply.
    std::function<void(const Task&, core::TaskReply)> report;
    /// Judges an answer by the saga's graph; may turn it into kInvalid (reply schema).
    std::function<core::Judgement(const Task&, core::TaskReply&)> judge;
    std::function<void(const Task&)> waiting, wait_ended;      ///< on_wait
    std::function<void(const TaskKey&)> heartbeat_missed;      ///< Of a pending attempt.
    /// Is the scope of a task being left? A withdrawal does not outlive a restart, its reason does.
    std::function<bool(const Task&)> unwanted;
  };
  struct Identity { std::string inbox_prefix, store, secret; };

  Dispatcher(messaging::MessageBus& bus, const Limits& limits, Identity identity, Hooks hooks,
             Metrics& metrics);
  ~Dispatcher();

  /// A workflow names this adapter: it has a line from now on, so that it can be seen and paused
  /// before the first task.
  void know(const std::string& adapter) { line(adapter); }

  // ---- Effects, once durable.
  /// `resent`: read from the outbox after a restart, so it counts as sent.
  void add(const core::SagaId& saga, OutboxRowData row, bool resent, const Moment& now);
  /// The commit with its outcome is durable or on its way: it is forgotten.
  void settle(const TaskKey& key);
  void withdraw(const TaskKey& key, const Moment& now);
  void watch(const core::SagaId& saga, const core::HeartbeatWatch& watch, const Moment& now) {
    watches_.watch(saga, watch, now);
  }
  /// False: it was not watched.
  bool unwatch(const core::SagaId& saga, const core::StepPath& path) {
    return watches_.unwatch(saga, path);
  }

  // ---- From the wire.
  /// An answer on the inbox. False: the token names no open task (a late or foreign answer).
  bool on_reply(const std::string& token, messaging::Received& message, const Moment& now);
  /// The task behind a token, if it is open.
  [[nodiscard]] const Task* find_token(const std::string& token) const;
  void heartbeat(const core::SagaId& saga, const core::StepPath& path, const Moment& now) {
    watches_.heartbeat(saga, path, now);
  }
  void on_connected(const Moment& now);
  void on_disconnected();

  /// Timeouts, waits and delays that are over; call before deciding.
  void tick(const Moment& now);
  /// Sends what may be sent. Returns how many left.
  std::size_t pump(const Moment& now);
  [[nodiscard]] std::optional<Clock::Instant> next_wake(const Moment& now);

  // ---- Operators.
  void set_defined_limits(const std::string& adapter, const dsl::AdapterLimits& limits);
  void set_limits(const std::string& adapter, std::optional<std::int64_t> concurrency,
                  std::optional<std::int64_t> rate_count,
                  std::optional<std::int64_t> rate_window_ms);
  void pause_adapter(const std::string& adapter, bool paused, const Moment& now);
  void pause_workflow(const std::string& workflow, bool paused, const Moment& now);
  void pause_all(bool paused, const Moment& now);
  void drain() { draining_ = true; }

  [[nodiscard]] const std::map<std::string, std::unique_ptr<AdapterLine>>& lines() const {
    return lines_;
  }
  [[nodiscard]] std::size_t open() const { return tasks_.size(); }
  [[nodiscard]] std::size_t open_bytes() const { return open_bytes_; }
  [[nodiscard]] std::size_t in_flight() const { return in_flight_; }
  [[nodiscard]] bool knows(const TaskKey& key) const { return tasks_.contains(key); }
  /// The open task; nullptr if there is none.
  [[nodiscard]] const Task* find(const TaskKey& key) const {
    const auto found = tasks_.find(key);
    return found == tasks_.end() ? nullptr : found->second.get();
  }
  [[nodiscard]] std::string token_of(const TaskKey& key, std::uint32_t node) const;

 private:
  enum class AlarmKind : std::uint8_t {
    kTimeout, kScheduleTimeout, kOnWait, kWaitEnded, kDelayOver, kLaneUp
  };
  struct Alarm {  ///< Ordered by time, then by the task's number: the same in every run.
    Clock::Instant at{};
    std::uint64_t number = 0;
    AlarmKind kind = AlarmKind::kTimeout;
    Task* task = nullptr;
    friend bool operator<(const Alarm& a, const Alarm& b) {
      return std::tie(a.at, a.number, a.kind) < std::tie(b.at, b.number, b.kind);
    }
  };

  AdapterLine& line(const std::string& adapter);
  void await_first_answer(Task& task, const Moment& now);
  void enqueue(Task& task, bool front, const Moment& now);
  /// False: it was not sent, and no other one of the line can be now.
  bool send(AdapterLine& line, Task& task, const Moment& now);
  [[nodiscard]] static bool may_send(AdapterLine& line, const Moment& now);
  void bounce(AdapterLine& line, Task& task, const Moment& now);
  void delay(AdapterLine& line, Task& task, std::int64_t for_ms, bool whole_adapter,
             const Moment& now);
  void leave_flight(AdapterLine& line, Task& task);
  /// It was not executed now, and is not to be sent again.
  void report_withdrawn(Task& task);
  [[nodiscard]] bool is_withdrawn(Task& task) const;
  [[nodiscard]] static bool forgotten(const Task& task, const Moment& now);
  void report(Task& task, core::TaskReply reply);
  void start_clock(Task& task, const Moment& now);
  void stop_clock(Task& task, const Moment& now);
  void set_alarm(Task& task, AlarmKind kind, Clock::Instant at);
  void clear_alarm(Task& task, AlarmKind kind);
  void clear_alarms(Task& task);
  void ring(const Alarm& alarm, const Moment& now);
  [[nodiscard]] Task* first_allowed(const AdapterLine::Lane& lane) const;
  void pump_line(AdapterLine& line, const Moment& now, std::size_t& sent);
  [[nodiscard]] bool held_back(const AdapterLine& line) const;
  void count(AdapterLine& line, const Task& task, const core::Judgement& judged, const Moment& now);
  static std::string workflow_name(const Task& task);
  [[nodiscard]] WireContext wire_context(const Moment& now) const {
    return {identity_.inbox_prefix, identity_.store, now.time};
  }

  messaging::MessageBus& bus_;
  const Limits& limits_;
  Identity identity_;
  Hooks hooks_;
  Metrics& metrics_;
  std::unordered_map<TaskKey, std::unique_ptr<Task>, TaskKeyHash> tasks_;
  std::unordered_map<std::string, Task*> by_token_;
  std::map<std::string, std::unique_ptr<AdapterLine>> lines_;
  std::set<Alarm> alarms_;
  HeartbeatWatches watches_;
  Shadows shadows_;
  std::unordered_set<std::string> paused_workflows_;
  bool paused_all_ = false, draining_ = false, connected_ = false;
  std::size_t in_flight_ = 0;
  std::size_t open_bytes_ = 0;  ///< Of all tasks.
  std::uint64_t numbers_ = 0;
};

}  // namespace weft::engine
