#include "orchestrator/engine/partition.h"

#include <algorithm>
#include <cassert>
#include <memory>
#include <type_traits>
#include <utility>

#include "orchestrator/core/event_codec.h"
#include "orchestrator/engine/effect_rows.h"
#include "orchestrator/engine/outbox_row.h"
#include "orchestrator/engine/tables.h"

namespace weft::engine {
namespace {

// For sagas whose graph is missing: enough to mark them stuck or to end them by force.
const dsl::SagaGraph& no_graph() {
  static const dsl::SagaGraph kNone;
  return kNone;
}

template <class Body>
bool is(const core::Command& command) {
  return std::holds_alternative<Body>(command.body);
}

bool needs_no_graph(const core::Command& command) {
  return is<core::QuarantineSaga>(command) || is<core::TerminateSaga>(command);
}

/// Brought by an outbox row, a timer or an open task, and brought again until it is settled.
bool comes_again(const core::Command& command) {
  return is<core::RunSaga>(command) || is<core::SupersedeSaga>(command) ||
         is<core::ReportReply>(command) || is<core::ReportWaiting>(command) ||
         is<core::ReportWaitEnded>(command) || is<core::FireTimer>(command) ||
         is<core::ReportChildStarted>(command) || is<core::ReportChildRefused>(command) ||
         is<core::ReportChildEnded>(command) || is<core::UndoAsChild>(command);
}

bool from_outside(const core::Command& command) {
  return is<core::DeliverEvent>(command) || is<core::DeliverSignal>(command);
}

// Of one saga; what comes beyond it comes again after a restart.
constexpr std::size_t kHeldMax = 1'000;

// A later event of the step ends the watch over its pending attempt.
bool ends_heartbeats(const core::Event& event) {
  return std::holds_alternative<core::StepSucceeded>(event.body) ||
         std::holds_alternative<core::StepFailed>(event.body) ||
         std::holds_alternative<core::StepInDoubt>(event.body) ||
         std::holds_alternative<core::AttemptFailed>(event.body);
}

}  // namespace

Partition::Partition(SagaRepository& sagas, CommitQueue& commits, const Limits& limits, Hooks hooks)
    : sagas_(sagas), commits_(commits), limits_(limits), hooks_(std::move(hooks)) {}

std::size_t Partition::run(const Moment& now) {
  std::size_t count = 0;
  while (!queue_.empty() && count < static_cast<std::size_t>(limits_.commands_per_turn)) {
    Envelope envelope = std::move(queue_.front());
    queue_.pop_front();
    queued_bytes_ -= envelope.bytes;
    execute(envelope, now);
    ++count;
  }
  return count;
}

void Partition::execute(Envelope& envelope, const Moment& now) {
  auto loaded = sagas_.load(envelope.saga);
  if (!loaded) {
    // Stored data that cannot be read concerns this saga only; it is left as it is, for `weft
    // fsck`.
    log(LogLevel::kError, envelope.saga, loaded.error().message, "store_damaged");
    core::Decision none =
        tl::unexpected(core::Rejection{core::Rejection::Code::kNotAllowed,
                                       "its history can not be read: " + loaded.error().message,
                                       {}});
    if (envelope.done) envelope.done({nullptr, none, 0});
    return;
  }
  SagaEntry* entry = *loaded;
  if (!admitted(*entry, envelope, now)) return;
  const std::uint64_t before = entry->state.revision;
  bool broke = false;
  core::Decision decision = decide(entry, envelope, broke, now);
  if (broke && decision && comes_again(envelope.command)) {
    // Only the mark is kept. What broke it is not settled: it is all that would drive the saga on.
    commit(*entry, {}, *decision, before, now);
    return hold(std::move(envelope));
  }
  if (decision && !decision->events.empty()) {
    if (auto* move = std::get_if<core::MoveSaga>(&envelope.command.body)) entry->graph = move->to;
    commit(*entry, envelope, *decision, before, now);
  } else if (!envelope.settles.empty() || !envelope.timers.empty() ||
             (decision && !decision->effects.empty())) {
    // Nothing new is known, but what brought the command here is settled by it.
    store::Commit& commit = commits_.open();
    commit.outbox_settle = std::move(envelope.settles);
    commit.timers_cancel = std::move(envelope.timers);
    if (decision) {
      entry->last_batch = commits_.current();
      write_effects(*entry, envelope.saga, std::move(decision->effects), commit, now);
    }
  }
  if (envelope.done) envelope.done({entry, decision, before});
  release_held(*entry, envelope.saga);
  if (!entry->state.exists()) sagas_.drop(envelope.saga);
}

bool Partition::admitted(SagaEntry& entry, Envelope& envelope, const Moment& now) {
  if (!entry.state.exists()) return true;
  const bool again = comes_again(envelope.command);
  if (!entry.graph && again && !core::is_quarantined(entry.state)) {
    SagaEntry* same = &entry;
    const std::uint64_t before = entry.state.revision;
    auto marked = missing_graph(same, envelope.saga, now);
    if (marked) commit(*same, {}, *marked, before, now);
    hold(std::move(envelope));
    return false;
  }
  if (!core::is_quarantined(entry.state) || !(again || from_outside(envelope.command))) return true;
  if (again) {
    hold(std::move(envelope));
    return false;
  }
  const core::Decision none = tl::unexpected(core::Rejection{
      core::Rejection::Code::kNotAllowed,
      "the saga is quarantined; it hears nothing until a person resumes or cancels it", {}});
  if (envelope.done) envelope.done({&entry, none, entry.state.revision});
  return false;
}

void Partition::hold(Envelope envelope) {
  auto& held = held_[envelope.saga];
  if (held.size() < kHeldMax) held.push_back(std::move(envelope));
}

void Partition::release_held(const SagaEntry& entry, const core::SagaId& saga) {
  if (held_.empty() || core::is_quarantined(entry.state)) return;
  const auto found = held_.find(saga);
  if (found == held_.end()) return;
  for (Envelope& envelope : found->second) submit(std::move(envelope));
  held_.erase(found);
}

core::Decision Partition::missing_graph(SagaEntry*& entry, const core::SagaId& saga,
                                        const Moment& now) {
  const core::Birth& birth = entry->state.birth;
  return quarantine(entry, saga, "missing_graph",
                    "the graph it runs on, " + birth.workflow + "@" + birth.version + " (" +
                        birth.graph_digest +
                        "), is not registered here; deploy it again, then resume the saga",
                    now);
}

core::Decision Partition::decide(SagaEntry*& entry, Envelope& envelope, bool& broke,
                                 const Moment& now) {
  if (auto* start = std::get_if<core::StartSaga>(&envelope.command.body)) {
    assert(envelope.graph);
    if (!entry->state.exists()) {
      entry->graph = envelope.graph;
      if (auto refused = hooks_.admit(*start, *envelope.graph)) {
        return tl::unexpected(std::move(*refused));
      }
    }
  } else if (!entry->state.exists()) {
    return tl::unexpected(
        core::Rejection{core::Rejection::Code::kUnknownSaga, "there is no such saga", {}});
  } else if (!entry->graph && !needs_no_graph(envelope.command)) {
    return missing_graph(entry, envelope.saga, now);
  }
  const dsl::SagaGraph& graph = entry->graph ? *entry->graph : no_graph();
  const core::DecideContext context{now.time, limits_.max_clock_skew_ms,
                                    static_cast<std::size_t>(limits_.events_per_command)};
  if (hooks_.turn_marker) hooks_.turn_marker(envelope.saga);
  try {
    core::Decision decision = core::decide(graph, entry->state, envelope.command, context);
    if (hooks_.turn_marker) hooks_.turn_marker(core::SagaId());
    return decision;
  } catch (const core::InvariantBroken& broken) {
    if (hooks_.turn_marker) hooks_.turn_marker(core::SagaId());
    const std::string why = broken.what();
    broke = true;
    log(LogLevel::kError, envelope.saga, why, "invariant_broken");
    // What was decided before is durable or will be; what this call did to the state is not real.
    commits_.flush();
    sagas_.drop(envelope.saga);
    auto again = sagas_.load(envelope.saga);
    if (!again) {
      return tl::unexpected(
          core::Rejection{core::Rejection::Code::kNotAllowed, again.error().message, {}});
    }
    entry = *again;
    if (!entry->state.exists()) {
      return tl::unexpected(core::Rejection{core::Rejection::Code::kNotAllowed,
                                            "the workflow breaks a rule of the engine: " + why,
                                            {}});
    }
    return quarantine(entry, envelope.saga, "invariant_broken", why, now);
  }
}

core::Decision Partition::quarantine(SagaEntry*& entry, const core::SagaId& saga, const char* code,
                                     const std::string& why, const Moment& now) {
  core::Command command;
  command.body = core::QuarantineSaga{code, why};
  command.reason = why;
  const core::DecideContext context{now.time, limits_.max_clock_skew_ms,
                                    static_cast<std::size_t>(limits_.events_per_command)};
  try {
    auto decision =
        core::decide(entry->graph ? *entry->graph : no_graph(), entry->state, command, context);
    if (decision && decision->events.empty()) {
      return tl::unexpected(core::Rejection{core::Rejection::Code::kNotAllowed, why, {}});
    }
    return decision;
  } catch (const core::InvariantBroken& broken) {
    log(LogLevel::kError, saga, broken.what(), "quarantine_failed");
    sagas_.drop(saga);
    if (auto again = sagas_.load(saga)) entry = *again;
    return tl::unexpected(core::Rejection{core::Rejection::Code::kNotAllowed, broken.what(), {}});
  }
}

void Partition::commit(SagaEntry& entry, const Envelope& envelope, core::Decided& decided,
                       std::uint64_t revision_before, const Moment& now) {
  const core::SagaId& saga = entry.state.birth.saga;
  store::Commit& commit = commits_.open();
  commit.outbox_settle = envelope.settles;
  commit.timers_cancel = envelope.timers;

  store::Append append;
  append.stream = saga_stream(saga);
  append.expected_version = revision_before;
  append.events.reserve(decided.events.size());
  std::size_t weight = 0;
  for (const core::Event& event : decided.events) {
    core::EncodedEvent bytes = core::encode(event);
    weight += bytes.header.size() + bytes.payload.size();
    append.events.push_back(
        {bytes.type, bytes.format, bytes.at_ms, std::move(bytes.header), std::move(bytes.payload)});
    if (ends_heartbeats(event) && hooks_.unwatch(saga, core::path_of(event))) {
      commit.outbox_settle.push_back({append.stream, heartbeat_row_id(core::path_of(event))});
    }
  }
  sagas_.grew(entry, weight);
  const std::uint64_t place = commits_.append(std::move(append));
  const auto every = static_cast<std::uint64_t>(limits_.snapshot_every);
  if (!entry.state.ended() && entry.state.revision - entry.snapshot_revision >= every) {
    commit.snapshots.push_back(
        {saga_stream(saga), entry.state.revision, core::encode_state(entry.state)});
    entry.snapshot_revision = entry.state.revision;
  }
  entry.last_batch = commits_.current();
  hooks_.decided(entry, decided, revision_before, commit, place);
  if (entry.state.ended()) sagas_.retire(saga);

  write_effects(entry, saga, std::move(decided.effects), commit, now);
}

void Partition::write_effects(SagaEntry& entry, const core::SagaId& saga,
                              std::vector<core::SagaEffect> effects, store::Commit& commit,
                              const Moment& now) {
  EffectRows rows(entry, commit, now);
  for (std::size_t i = 0; i < effects.size(); ++i) {
    hooks_.at_once(saga, effects[i]);
    rows.write(std::move(effects[i]), i);
  }
  // What the work is handed over with is a hint for speed; the row is the truth.
  auto released = std::make_shared<std::vector<EffectRows::Released>>(rows.finish());
  if (released->empty()) return;
  commits_.after_durable([this, saga, released] {
    for (EffectRows::Released& effect : *released) hooks_.release(saga, effect);
  });
}

void Partition::log(LogLevel level, const core::SagaId& saga, std::string_view message,
                    const std::string& code) const {
  if (hooks_.log) hooks_.log(level, message, {{"saga", saga.str()}, {"code", code}});
}

}  // namespace weft::engine
