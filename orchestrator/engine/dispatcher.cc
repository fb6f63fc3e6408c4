#include "orchestrator/engine/dispatcher.h"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <utility>

#include "orchestrator/core/decider.h"
#include "orchestrator/core/planted.h"
#include "orchestrator/core/reached.h"

namespace weft::engine {
namespace {

using std::chrono::milliseconds;

// The broker says "nobody listens" within one round trip; who has not been refused by then is
// heard.
constexpr milliseconds kHeard{250};
// A wait is over for its audience when the task has been at work for so long.
constexpr milliseconds kAtWork{1000};
constexpr std::size_t kCodesMax = 100;
// After a reconnect: how long an answer that may still be on its way is awaited.
constexpr milliseconds kAfterReconnect{2000};

double seconds_between(Clock::Instant from, Clock::Instant to) {
  return std::chrono::duration<double>(to - from).count();
}

core::TaskReply reply_of(core::TaskReply::Kind kind, std::string message = {}) {
  core::TaskReply reply;
  reply.kind = kind;
  reply.message = std::move(message);
  return reply;
}

}  // namespace

Dispatcher::Dispatcher(messaging::MessageBus& bus, const Limits& limits, Identity identity,
                       Hooks hooks, Metrics& metrics)
    : bus_(bus),
      limits_(limits),
      identity_(std::move(identity)),
      hooks_(std::move(hooks)),
      metrics_(metrics),
      shadows_(bus_, limits_, identity_.secret, metrics_),
      connected_(bus.connected()) {}

Dispatcher::~Dispatcher() = default;

std::string Dispatcher::workflow_name(const Task& task) {
  return task.workflow.substr(0, task.workflow.find('@'));
}

std::string Dispatcher::token_of(const TaskKey& key, std::uint32_t node) const {
  return make_token(identity_.secret, key, node);
}

AdapterLine& Dispatcher::line(const std::string& adapter) {
  auto& line = lines_[adapter];
  if (!line) line = std::make_unique<AdapterLine>(adapter);
  return *line;
}

// ---- Effects ------------------------------------------------------------------------------------

void Dispatcher::add(const core::SagaId& saga, OutboxRowData row, bool resent, const Moment& now) {
  auto& dispatch = std::get<core::TaskDispatch>(row.effect);
  const TaskKey key{saga, dispatch.path, dispatch.direction, dispatch.attempt, dispatch.round};
  if (tasks_.contains(key)) return;
  auto owned = std::make_unique<Task>();
  Task& task = *owned;
  task.key = key;
  task.dispatch = std::move(dispatch);
  task.workflow = std::move(row.workflow);
  task.queued_at = row.queued_at;
  task.unsafe = row.unsafe;
  task.window_ms = row.window_ms;
  task.bytes = row.bytes;
  open_bytes_ += task.bytes;
  task.sent_before = resent;
  task.number = ++numbers_;
  task.token = token_of(key, row.node);
  tasks_.emplace(key, std::move(owned));
  by_token_[task.token] = &task;
  auto subject = subject_of(task.dispatch);
  if (!subject) {
    report(task, reply_of(core::TaskReply::Kind::kInvalid, subject.error().message));
    return;
  }
  task.subject = std::move(*subject);
  if (resent) REACHED("a task is found open after a restart");
  if (resent && key.direction != core::Direction::kProbe && row.unsafe && !PLANTED(23)) {
    REACHED("a task is not sent again");
    return await_first_answer(task, now);
  }
  enqueue(task, false, now);
}

// What was asked before the restart may be at work for as long as its deadline lasts. Who asked
// earlier what became of it would be told "not done" by an adapter that is about to do it.
void Dispatcher::await_first_answer(Task& task, const Moment& now) {
  task.state = Task::State::kSent;
  task.not_resent = true;
  task.sent_at = now.steady;
  ++line(task.dispatch.adapter).in_flight;
  ++in_flight_;
  set_alarm(task, AlarmKind::kTimeout, now.steady + milliseconds(task.dispatch.timeout_ms));
}

// Beyond the window in which the adapter remembers the key, asking again is a new order.
bool Dispatcher::forgotten(const Task& task, const Moment& now) {
  const bool asked_before = task.sent_before || task.key.attempt > 1;
  return asked_before && task.window_ms > 0 && task.key.direction != core::Direction::kProbe &&
         now.time.ms - task.queued_at.ms >= task.window_ms;
}

void Dispatcher::enqueue(Task& task, bool front, const Moment& now) {
  AdapterLine& line = this->line(task.dispatch.adapter);
  if (front) {
    line.push_front(&task);
  } else {
    line.push_back(&task);
  }
  start_clock(task, now);
}

void Dispatcher::settle(const TaskKey& key) {
  const auto found = tasks_.find(key);
  if (found == tasks_.end()) return;
  Task& task = *found->second;
  AdapterLine& line = this->line(task.dispatch.adapter);
  AdapterLine::remove(&task);
  if (task.state == Task::State::kSent) {
    leave_flight(line, task);
    // An earlier attempt answered late, or its saga no longer wants it: if it was the breaker's try,
    // nobody would ever answer for it.
    line.breaker.undecided();
  }
  clear_alarms(task);
  by_token_.erase(task.token);
  open_bytes_ -= task.bytes;
  tasks_.erase(found);
}

void Dispatcher::withdraw(const TaskKey& key, const Moment& now) {
  const auto found = tasks_.find(key);
  if (found == tasks_.end()) return;
  Task& task = *found->second;
  task.withdrawn = true;
  if (task.state == Task::State::kReported) return;
  if (task.state == Task::State::kSent) REACHED("a scope waits for what was sent");
  if (task.state == Task::State::kSent) {
    const auto timeout = task.alarms[static_cast<std::size_t>(AlarmKind::kTimeout)];
    if (timeout) {
      set_alarm(task, AlarmKind::kTimeout, *timeout + milliseconds(limits_.max_clock_skew_ms));
    }
    return;
  }
  stop_clock(task, now);
  report_withdrawn(task);
}

void Dispatcher::report_withdrawn(Task& task) {
  report(task,
         task.sent_before
             ? reply_of(core::TaskReply::Kind::kNotResent, "withdrawn; it may have been executed")
             : reply_of(core::TaskReply::Kind::kNotSent, "withdrawn before it was executed"));
}

bool Dispatcher::is_withdrawn(Task& task) const {
  const bool forward = task.key.direction != core::Direction::kCompensation;
  if (forward && !task.withdrawn && task.sent_before && hooks_.unwanted) {
    task.withdrawn = hooks_.unwanted(task);
  }
  return task.withdrawn;
}

// ---- Waiting ------------------------------------------------------------------------------------

void Dispatcher::start_clock(Task& task, const Moment& now) {
  // A pause is no wait of the adapter's: schedule_timeout stands still.
  if (task.clock_runs || paused_all_ || line(task.dispatch.adapter).paused ||
      task.state == Task::State::kHeld || paused_workflows_.contains(workflow_name(task))) {
    return;
  }
  task.clock_runs = true;
  task.clock_from = now.steady;
  if (task.dispatch.schedule_timeout_ms) {
    const auto left = milliseconds(*task.dispatch.schedule_timeout_ms) - task.waited;
    set_alarm(task, AlarmKind::kScheduleTimeout,
              now.steady + std::max(left, Clock::Instant::duration::zero()));
  }
  if (task.dispatch.on_wait_after_ms && !task.waiting_reported) {
    const auto left = milliseconds(*task.dispatch.on_wait_after_ms) - task.waited;
    set_alarm(task, AlarmKind::kOnWait,
              now.steady + std::max(left, Clock::Instant::duration::zero()));
  }
}

void Dispatcher::stop_clock(Task& task, const Moment& now) {
  if (!task.clock_runs) return;
  task.clock_runs = false;
  task.waited += now.steady - task.clock_from;
  clear_alarm(task, AlarmKind::kScheduleTimeout);
  clear_alarm(task, AlarmKind::kOnWait);
}

void Dispatcher::set_alarm(Task& task, AlarmKind kind, Clock::Instant at) {
  clear_alarm(task, kind);
  task.alarms[static_cast<std::size_t>(kind)] = at;
  alarms_.insert({at, task.number, kind, &task});
}

void Dispatcher::clear_alarm(Task& task, AlarmKind kind) {
  auto& at = task.alarms[static_cast<std::size_t>(kind)];
  if (!at) return;
  alarms_.erase({*at, task.number, kind, &task});
  at.reset();
}

void Dispatcher::clear_alarms(Task& task) {
  for (std::size_t kind = 0; kind < task.alarms.size(); ++kind) {
    clear_alarm(task, static_cast<AlarmKind>(kind));
  }
}

void Dispatcher::tick(const Moment& now) {
  while (!alarms_.empty() && alarms_.begin()->at <= now.steady) {
    const Alarm alarm = *alarms_.begin();
    clear_alarm(*alarm.task, alarm.kind);
    ring(alarm, now);
  }
  for (const TaskKey& key : watches_.missed(now)) hooks_.heartbeat_missed(key);
  shadows_.tick(now);
}

void Dispatcher::ring(const Alarm& alarm, const Moment& now) {
  Task& task = *alarm.task;
  AdapterLine& line = this->line(task.dispatch.adapter);
  switch (alarm.kind) {
    case AlarmKind::kTimeout: {
      if (task.state != Task::State::kSent) return;
      if (task.not_resent) {
        // The adapter is not to blame for an answer that came while nobody was there.
        leave_flight(line, task);
        report(task, reply_of(core::TaskReply::Kind::kNotResent,
                              "the adapter may have done it before the restart, and does not promise "
                              "that asking again is safe"));
        return;
      }
      if (task.disconnected) REACHED("the connection broke before the answer");
      leave_flight(line, task);
      auto reply = reply_of(task.disconnected ? core::TaskReply::Kind::kDisconnected
                                              : core::TaskReply::Kind::kTimeout);
      count(line, task, hooks_.judge(task, reply), now);
      report(task, std::move(reply));
      return;
    }
    case AlarmKind::kScheduleTimeout: {
      stop_clock(task, now);
      core::TaskReply reply = reply_of(core::TaskReply::Kind::kScheduleTimeout,
                                       "schedule_timeout is spent while waiting for the adapter");
      // The wait is over either way; whether an earlier sending was executed nobody knows.
      if (task.sent_before) reply.effect = core::EffectClaim::kPerhaps;
      report(task, std::move(reply));
      return;
    }
    case AlarmKind::kOnWait:
      REACHED("a task waits for its adapter longer than on_wait");
      task.waiting_reported = true;
      hooks_.waiting(task);
      return;
    case AlarmKind::kWaitEnded:
      task.waiting_reported = false;
      hooks_.wait_ended(task);
      return;
    case AlarmKind::kDelayOver:
      AdapterLine::remove(&task);
      enqueue(task, true, now);
      return;
    case AlarmKind::kLaneUp: {
      const auto lane = line.lanes.find(task.subject);
      if (lane != line.lanes.end() && lane->second.trying == &task) {
        line.unpark(task.subject);
      }
      return;
    }
  }
}

// ---- Answers ------------------------------------------------------------------------------------

const Task* Dispatcher::find_token(const std::string& token) const {
  const auto found = by_token_.find(token);
  return found == by_token_.end() ? nullptr : found->second;
}

bool Dispatcher::on_reply(const std::string& token, messaging::Received& message,
                          const Moment& now) {
  const auto found = by_token_.find(token);
  if (found == by_token_.end()) {
    if (!shadows_.knows(token)) return false;
    shadows_.on_reply(token, message);
    return true;
  }
  Task& task = *found->second;
  if (task.state == Task::State::kReported)
    REACHED("a second answer overtakes the first one's decision");
  if (task.state == Task::State::kReported) return false;  // the decider records what comes late
  AdapterLine& line = this->line(task.dispatch.adapter);
  const bool was_sent = task.state == Task::State::kSent;
  if (message.status == messaging::kStatusNoResponders) {
    REACHED("nobody listens on a subject");
    // One that was asked before the restart may have been asked twice: this proves nothing of it.
    if (was_sent && !task.not_resent) bounce(line, task, now);
    return true;
  }
  core::TaskReply reply = read_reply(std::move(message), limits_);
  const core::Judgement judged = hooks_.judge(task, reply);
  if (was_sent && !task.not_resent) {
    metrics_.observe("weft_attempt_duration_seconds",
                     {{"adapter", line.name}, {"operation", task.dispatch.operation}},
                     seconds_between(task.sent_at, now.steady));
  }
  if (was_sent) {
    if (task.not_resent) REACHED("what was asked before a restart answers after it");
    leave_flight(line, task);
    line.unpark(task.subject);  // whoever answers, listens
  }
  AdapterLine::remove(&task);
  count(line, task, judged, now);
  if (core::returns_to_queue(judged)) {
    const bool in_progress = judged.outcome == core::Outcome::kInProgress;
    if (in_progress) {
      REACHED("an earlier attempt is still at work");
      task.sent_before = true;
    } else {
      line.refused();
    }
    if (is_withdrawn(task)) {
      stop_clock(task, now);
      report_withdrawn(task);
      return true;
    }
    delay(line, task, judged.retry_after_ms.value_or(limits_.unavailable_retry_ms), !in_progress,
          now);
    return true;
  }
  line.answered();
  stop_clock(task, now);
  if (!task.dispatch.shadow.empty() && reply.kind == core::TaskReply::Kind::kSuccess) {
    shadows_.real_answer(task, reply.body);
  }
  report(task, std::move(reply));
  return true;
}

void Dispatcher::count(AdapterLine& line, const Task& task, const core::Judgement& judged,
                       const Moment& now) {
  const std::string outcome = core::outcome_name(judged.outcome);
  ++line.outcomes[outcome];
  if (!judged.code.empty()) {
    // Codes are the adapter's words: they may not fill our memory.
    const bool room = line.codes.size() < kCodesMax || line.codes.contains(judged.code);
    ++line.codes[room ? judged.code : std::string("other")];
  }
  metrics_.count("weft_attempts_total", {{"workflow", workflow_name(task)},
                                         {"step", std::string(core::step_name(task.key.path))},
                                         {"adapter", line.name},
                                         {"outcome", outcome}});
  // A business refusal is a healthy adapter's answer.
  const bool well = judged.outcome == core::Outcome::kSucceeded ||
                    judged.outcome == core::Outcome::kPermanent ||
                    judged.outcome == core::Outcome::kPending ||
                    judged.outcome == core::Outcome::kInProgress;
  line.breaker.answered(well, line.limits, now.steady);
}

void Dispatcher::report(Task& task, core::TaskReply reply) {
  AdapterLine::remove(&task);
  clear_alarms(task);
  task.state = Task::State::kReported;
  hooks_.report(task, std::move(reply));
}

void Dispatcher::leave_flight(AdapterLine& line, Task& task) {
  assert(task.state == Task::State::kSent);
  task.state = Task::State::kQueued;
  task.not_resent = false;
  --line.in_flight;
  --in_flight_;
  clear_alarm(task, AlarmKind::kTimeout);
  clear_alarm(task, AlarmKind::kWaitEnded);
  clear_alarm(task, AlarmKind::kLaneUp);
  for (auto& [subject, lane] : line.lanes) {
    if (lane.trying == &task) lane.trying = nullptr;
  }
}

// Nobody listens on its subject: the task and those behind it wait there, and one of them asks
// again from time to time.
void Dispatcher::bounce(AdapterLine& line, Task& task, const Moment& now) {
  leave_flight(line, task);
  line.breaker.undecided();
  ++line.outcomes["no_responders"];
  if (is_withdrawn(task)) return report_withdrawn(task);
  AdapterLine::Lane& lane = line.lanes[task.subject];
  if (lane.next_try <= now.steady) {
    lane.backoff_ms = std::clamp(lane.backoff_ms * 2, limits_.responder_retry_min_ms,
                                 limits_.responder_retry_max_ms);
    lane.next_try = now.steady + milliseconds(lane.backoff_ms);
  }
  line.park(&task, lane);
  start_clock(task, now);
}

void Dispatcher::delay(AdapterLine& line, Task& task, std::int64_t for_ms, bool whole_adapter,
                       const Moment& now) {
  const auto until = now.steady + milliseconds(std::max<std::int64_t>(for_ms, 1));
  if (whole_adapter) {
    line.not_before = std::max(line.not_before, until);
    enqueue(task, true, now);
    return;
  }
  task.state = Task::State::kDelayed;
  task.place_list = &line.delayed;
  task.place = line.delayed.insert(line.delayed.end(), &task);
  set_alarm(task, AlarmKind::kDelayOver, until);
  start_clock(task, now);
}

// ---- Sending ------------------------------------------------------------------------------------

bool Dispatcher::held_back(const AdapterLine& line) const {
  return paused_all_ || draining_ || !connected_ || line.paused;
}

std::size_t Dispatcher::pump(const Moment& now) {
  std::size_t sent = 0;
  if (paused_all_ || draining_ || !connected_) return 0;
  for (auto& [name, line] : lines_) pump_line(*line, now, sent);
  return sent;
}

bool Dispatcher::may_send(AdapterLine& line, const Moment& now) {
  return now.steady >= line.not_before && line.breaker.allows(line.limits, now.steady) &&
         line.has_room() && line.rate.allows(line.limits, now.steady);
}

// Of those who wait for a subject, the first whose workflow is not paused.
Task* Dispatcher::first_allowed(const AdapterLine::Lane& lane) const {
  for (const auto* tasks : {&lane.compensations, &lane.forward}) {
    for (Task* task : *tasks) {
      if (!paused_workflows_.contains(workflow_name(*task))) return task;
    }
  }
  return nullptr;
}

void Dispatcher::pump_line(AdapterLine& line, const Moment& now, std::size_t& sent) {
  if (held_back(line)) return;
  for (auto& [subject, lane] : line.lanes) {
    if (!may_send(line, now)) break;
    if (lane.trying != nullptr || lane.empty() || now.steady < lane.next_try) continue;
    Task* task = first_allowed(lane);
    if (task == nullptr) continue;
    if (send(line, *task, now)) {
      ++sent;
      lane.trying = task;
      set_alarm(*task, AlarmKind::kLaneUp, now.steady + kHeard);
    }
  }
  while (may_send(line, now)) {
    Task* task = line.head();
    if (task == nullptr) break;
    const std::string workflow = workflow_name(*task);
    if (paused_workflows_.contains(workflow)) {
      stop_clock(*task, now);
      line.hold(task, workflow);
      continue;
    }
    if (const auto lane = line.lanes.find(task->subject); lane != line.lanes.end()) {
      line.park(task, lane->second);
      continue;
    }
    if (send(line, *task, now)) {
      ++sent;
    } else if (task->state != Task::State::kReported) {
      break;
    }
  }
}

bool Dispatcher::send(AdapterLine& line, Task& task, const Moment& now) {
  if (forgotten(task, now)) {
    stop_clock(task, now);
    report(task, reply_of(core::TaskReply::Kind::kNotResent,
                          "the adapter's idempotency window has passed since it was first asked"));
    return false;
  }
  auto message = task_message(task, wire_context(now));
  if (!message) {
    stop_clock(task, now);
    report(task, reply_of(core::TaskReply::Kind::kInvalid, message.error().message));
    return false;
  }
  switch (bus_.publish(std::move(*message))) {
    case messaging::PublishResult::kAccepted: break;
    case messaging::PublishResult::kTooLarge:
      stop_clock(task, now);
      report(task, reply_of(core::TaskReply::Kind::kInvalid,
                            "the step's input is larger than the broker accepts"));
      return false;
    case messaging::PublishResult::kBusy:
    case messaging::PublishResult::kDisconnected:
      // Certainly not sent: it keeps its place.
      line.not_before = std::max(line.not_before, now.steady + milliseconds(10));
      return false;
  }
  stop_clock(task, now);
  AdapterLine::remove(&task);
  task.state = Task::State::kSent;
  task.disconnected = false;
  task.sent_at = now.steady;
  ++line.in_flight;
  ++in_flight_;
  line.breaker.sent();
  line.rate.sent(line.limits, now.steady);
  set_alarm(task, AlarmKind::kTimeout, now.steady + milliseconds(task.dispatch.timeout_ms));
  if (task.waiting_reported) set_alarm(task, AlarmKind::kWaitEnded, now.steady + kAtWork);
  if (!task.dispatch.shadow.empty()) shadows_.send(task, wire_context(now), now);
  return true;
}

std::optional<Clock::Instant> Dispatcher::next_wake(const Moment& now) {
  std::optional<Clock::Instant> next;
  const auto consider = [&next](Clock::Instant at) { next = next ? std::min(*next, at) : at; };
  if (!alarms_.empty()) consider(alarms_.begin()->at);
  if (const auto at = watches_.next()) consider(*at);
  if (paused_all_ || draining_ || !connected_) return next;
  for (const auto& [name, line] : lines_) {
    if (line->paused) continue;
    if (!line->has_room()) continue;  // an answer will wake it
    Clock::Instant earliest = std::max(line->not_before, now.steady);
    if (const auto rate = line->rate.next(line->limits, now.steady)) {
      earliest = std::max(earliest, *rate);
    }
    if (const auto attempt = line->breaker.next_try()) earliest = std::max(earliest, *attempt);
    if (!line->breaker.allows(line->limits, earliest)) continue;  // so will the one that tries
    if (line->head() != nullptr) consider(earliest);
    for (const auto& [subject, lane] : line->lanes) {
      if (lane.trying == nullptr && first_allowed(lane) != nullptr) {
        consider(std::max(earliest, lane.next_try));
      }
    }
  }
  return next;
}

void Dispatcher::on_connected(const Moment& now) {
  connected_ = true;
  for (auto& [name, line] : lines_) {
    for (auto& [subject, lane] : line->lanes) lane.next_try = now.steady;
  }
  std::vector<Task*> lost;
  for (const auto& [key, task] : tasks_) {
    // Where repeats are not safe the next thing is a question, and a question must not overtake the
    // request: its whole time is waited.
    if (task->state == Task::State::kSent && task->disconnected && !task->unsafe) {
      lost.push_back(task.get());
    }
  }
  for (Task* task : lost) {
    const auto due = task->alarms[static_cast<std::size_t>(AlarmKind::kTimeout)];
    if (due) set_alarm(*task, AlarmKind::kTimeout, std::min(*due, now.steady + kAfterReconnect));
  }
}

void Dispatcher::on_disconnected() {
  connected_ = false;
  for (const auto& [key, task] : tasks_) {
    if (task->state == Task::State::kSent) task->disconnected = true;
  }
}

// ---- Operators ----------------------------------------------------------------------------------

void Dispatcher::set_defined_limits(const std::string& adapter, const dsl::AdapterLimits& limits) {
  AdapterLine& line = this->line(adapter);
  line.limits = limits;
  set_limits(adapter, line.concurrency_set, line.rate_count_set, line.rate_window_set);
}

void Dispatcher::set_limits(const std::string& adapter, std::optional<std::int64_t> concurrency,
                            std::optional<std::int64_t> rate_count,
                            std::optional<std::int64_t> rate_window_ms) {
  AdapterLine& line = this->line(adapter);
  if (concurrency) line.concurrency_set = line.limits.concurrency = *concurrency;
  if (rate_count) line.rate_count_set = line.limits.rate_count = *rate_count;
  if (rate_window_ms) line.rate_window_set = line.limits.rate_window_ms = *rate_window_ms;
  if (line.limits.rate_count > 0 && line.limits.rate_window_ms <= 0) {
    line.limits.rate_window_ms = 1000;
  }
}

void Dispatcher::pause_adapter(const std::string& adapter, bool paused, const Moment& now) {
  AdapterLine& line = this->line(adapter);
  if (line.paused == paused) return;
  line.paused = paused;
  line.each([&](Task* task) { paused ? stop_clock(*task, now) : start_clock(*task, now); });
}

void Dispatcher::pause_workflow(const std::string& workflow, bool paused, const Moment& now) {
  if (paused) {
    paused_workflows_.insert(workflow);
    // Those already waiting step aside when their turn comes; their clocks stop now.
    for (const auto& [name, line] : lines_) {
      line->each([&](Task* task) {
        if (workflow_name(*task) == workflow) stop_clock(*task, now);
      });
    }
    return;
  }
  paused_workflows_.erase(workflow);
  for (const auto& [name, line] : lines_) {
    line->release_held(workflow);
    line->each([&](Task* task) { start_clock(*task, now); });
  }
}

void Dispatcher::pause_all(bool paused, const Moment& now) {
  if (paused_all_ == paused) return;
  paused_all_ = paused;
  for (const auto& [name, line] : lines_) {
    line->each([&](Task* task) { paused ? stop_clock(*task, now) : start_clock(*task, now); });
  }
}

}  // namespace weft::engine
