#include "orchestrator/engine/notifications.h"

#include <charconv>
#include <chrono>
#include <memory>
#include <utility>
#include <variant>

#include "adapters/messaging/cloud_event_text.h"
#include "adapters/messaging/contract.h"
#include "adapters/messaging/subjects.h"
#include "orchestrator/core/decider.h"
#include "orchestrator/core/event_codec.h"
#include "orchestrator/core/event_text.h"
#include "orchestrator/engine/changed_notice.h"
#include "orchestrator/engine/outbox_row.h"
#include "orchestrator/engine/tables.h"
#include "orchestrator/engine/trace_context.h"

namespace weft::engine {
namespace {

constexpr std::chrono::milliseconds kAckWait{2000};
constexpr std::chrono::milliseconds kRetry{1000};
// Told again after a crash: at most what happened within it.
constexpr std::chrono::milliseconds kStoreCursor{1000};
constexpr std::size_t kWaitingMax = 1'000;  // Each may be as large as a payload.
constexpr std::size_t kRowsPerRead = 1'000;

void add_extensions(messaging::CloudEvent& event, const core::SagaState& state,
                    std::uint64_t revision) {
  const auto text = [](const std::string& value) { return messaging::json_string(value); };
  event.extensions = {{"saga", text(state.birth.saga.str())},
                      {"revision", std::to_string(revision)},
                      {"workflowversion", text(state.birth.version)}};
  if (!state.status.empty()) event.extensions.emplace_back("businessstatus", text(state.status));
  if (!state.birth.traceparent.empty()) {
    event.extensions.emplace_back("traceparent",
                                  text(split_trace(state.birth.traceparent).parent));
  }
}

std::uint64_t revision_in(const std::string& event_id) {
  const std::size_t slash = event_id.find('/');
  std::uint64_t revision = 0;
  if (slash != std::string::npos) {
    std::from_chars(event_id.data() + slash + 1, event_id.data() + event_id.size(), revision);
  }
  return revision;
}

}  // namespace

Notifications::Notifications(Context& context, Correlation& correlation,
                             messaging::Requester& requester)
    : context_(context), correlation_(correlation), requester_(requester) {}

tl::expected<void, std::string> Notifications::recover() {
  const auto cursor = context_.store.get_index(table::kMeta, "changed_cursor");
  if (!cursor) return tl::unexpected("the notification cursor can not be read: " +
                                     cursor.error().message);
  if (*cursor) told_ = from_big_endian(**cursor);
  stored_ = told_;
  return {};
}

// ---- weft.out -----------------------------------------------------------------------------------

tl::expected<messaging::Message, messaging::InvalidText> Notifications::out_message(
    const SagaEntry& entry, const core::PublishEvent& effect) const {
  auto subject = messaging::out_subject(effect.name);
  if (!subject) return tl::unexpected(subject.error());
  const core::SagaState& state = entry.state;
  messaging::CloudEvent event;
  event.id = effect.event_id;
  event.source = "/weft/" + state.birth.workflow;
  event.type = effect.name;
  event.subject = saga_subject(state);
  event.time = core::format_time(context_.now.time);
  add_extensions(event, state, revision_in(effect.event_id));
  event.data = effect.data.to_json();
  return messaging::cloud_event_message(std::move(*subject), event);
}

void Notifications::publish(const core::SagaId& saga, const core::PublishEvent& effect,
                            store::OutboxKey row) {
  // What only the world outside is to hear is no event that somebody here missed.
  if (correlation_.concerns_anybody(effect.name)) {
    correlation_.accept(effect.name, effect.data, effect.event_id, engine_actor(), {}, {});
  }
  auto entry = context_.sagas.load(saga);
  if (!entry || !(*entry)->state.exists()) return settle(std::move(row));
  auto message = out_message(**entry, effect);
  if (!message) {
    context_.log(LogLevel::kError, "an event can not be published: " + message.error().message,
                 {{"saga", saga.str()}});
    context_.metrics.count("weft_notifications_failed_total", {});
    return settle(std::move(row));
  }
  send({std::move(*message), std::move(row)});
}

void Notifications::send(Outgoing outgoing) {
  if (!context_.connected) {
    keep(std::move(outgoing));
    return;
  }
  if (context_.config.notify_stream.empty()) {
    if (context_.bus.publish(outgoing.message) == messaging::PublishResult::kAccepted) {
      settle(std::move(outgoing.row));
    } else {
      context_.metrics.count("weft_notifications_failed_total", {});
      keep(std::move(outgoing));
    }
    return;
  }
  auto shared = std::make_shared<Outgoing>(std::move(outgoing));
  requester_.send(shared->message, context_.now.steady + kAckWait,
                  [this, shared](
                      tl::expected<messaging::Received, messaging::Requester::Failure> answer) {
                    const bool acked = answer && messaging::parse_pub_ack(answer->body).has_value();
                    context_.post([this, shared, acked] {
                      if (acked) return settle(std::move(shared->row));
                      context_.metrics.count("weft_notifications_failed_total", {});
                      keep(std::move(*shared));
                    });
                  });
}

void Notifications::settle(store::OutboxKey row) {
  context_.commits.open().outbox_settle.push_back(std::move(row));
}

/// Beyond the bound the row alone remembers it; it is read again when the others are gone.
void Notifications::keep(Outgoing outgoing) {
  if (waiting_.size() < kWaitingMax) {
    waiting_.push_back(std::move(outgoing));
  } else {
    rows_owed_ = true;
  }
}

void Notifications::read_rows_owed() {
  rows_owed_ = false;
  store::Bytes cursor;
  for (;;) {
    const auto page = context_.store.scan_outbox({}, cursor, kRowsPerRead);
    if (!page) return;
    for (const store::OutboxRow& row : page->rows) {
      if (!is_saga_stream(row.stream)) continue;
      const auto data = decode_row(row.data);
      if (!data) continue;
      if (const auto* effect = std::get_if<core::PublishEvent>(&data->effect)) {
        publish(saga_of(row.stream), *effect, {row.stream, row.id});
      }
      if (rows_owed_) return;  // As many as may wait do again.
    }
    if (page->complete) return;
    cursor = page->cursor;
  }
}

void Notifications::on_connected() {
  std::deque<Outgoing> waiting = std::exchange(waiting_, {});
  for (Outgoing& outgoing : waiting) send(std::move(outgoing));
}

// ---- weft.changed -------------------------------------------------------------------------------

bool Notifications::behind() const { return told_ < context_.commits.durable_position(); }

void Notifications::decided(const SagaEntry& entry, const core::Decided& decided,
                            std::uint64_t revision_before, std::uint64_t place) {
  if (decided.events.empty() || !context_.connected || !context_.config.notify_stream.empty() ||
      behind()) {
    return;  // Read from the log, when its turn has come.
  }
  const core::SagaState& state = entry.state;
  const ChangedNotice notice(state);
  std::vector<Fresh> fresh;
  fresh.reserve(decided.events.size());
  std::uint64_t revision = revision_before;
  for (const core::Event& event : decided.events) {
    ++revision;
    std::string body = notice.head(event, revision);
    const std::size_t begin = body.size();
    core::append_event_json_text(body, state, event, revision);
    // Of those who follow by HTTP, too, if there are any.
    std::string json = context_.config.on_change ? body.substr(begin) : std::string();
    body += '}';
    fresh.push_back({core::type_name(event), std::move(json),
                     changed_message(state, event, notice.id(revision), std::move(body))});
  }
  context_.commits.after_durable_at(
      [this, place, workflow = state.birth.workflow,
       shared = std::make_shared<std::vector<Fresh>>(std::move(fresh))](std::uint64_t first) {
        durable(first + place, workflow, *shared);
      });
}

/// What does not follow on what was told last, or finds no room, is read from the log by tick().
void Notifications::durable(std::uint64_t first_position, const std::string& workflow,
                            std::vector<Fresh>& fresh) {
  if (!context_.connected || told_ + 1 != first_position) return;
  for (Fresh& event : fresh) {
    if (event.message && context_.bus.publish(std::move(*event.message)) ==
                             messaging::PublishResult::kBusy) {
      return;
    }
    ++told_;
    if (context_.config.on_change) {
      context_.config.on_change({told_, event.type, workflow, std::move(event.event)});
    }
  }
}

tl::expected<messaging::Message, messaging::InvalidText> Notifications::changed_message(
    const core::SagaState& state, const core::Event& event, std::string_view id, std::string body) {
  // By the same few subjects every time: a subject is checked letter by letter when it is made.
  auto& of_workflow = subjects_[state.birth.workflow];
  of_workflow.resize(std::variant_size_v<core::EventBody>);
  std::optional<messaging::Subject>& known = of_workflow[event.body.index()];
  if (!known) {
    auto subject = messaging::changed_subject(core::type_name(event), state.birth.workflow);
    if (!subject) return tl::unexpected(subject.error());
    known = std::move(*subject);
  }
  return messaging::cloud_event_message(*known, id, std::move(body));
}

bool Notifications::tick() {
  if (!waiting_.empty() && context_.connected && context_.now.steady >= retry_at_) {
    retry_at_ = context_.now.steady + kRetry;
    on_connected();
  }
  if (rows_owed_ && waiting_.empty() && context_.connected) read_rows_owed();
  if (awaiting_ack_) return false;
  // The log waits for the broker; /api/v1/changes reads it with us.
  if (!context_.connected || !behind()) return store_cursor();
  const auto records = context_.store.read_all(
      told_, static_cast<std::size_t>(context_.limits.notifications_per_turn));
  if (!records) return false;
  for (const store::EventRecord& record : *records) {
    if (is_saga_stream(record.stream) && !tell(record)) break;
    told_ = record.position;
    if (awaiting_ack_) break;
  }
  return store_cursor();
}

bool Notifications::store_cursor() {
  if (told_ != stored_ && context_.now.steady >= store_next_) {
    store_next_ = context_.now.steady + kStoreCursor;
    stored_ = told_;
    context_.commits.open().index_put.push_back(
        {table::kMeta, "changed_cursor", big_endian(told_)});
  }
  return behind();
}

bool Notifications::tell(const store::EventRecord& record) {
  auto event =
      core::decode({record.type, record.format, record.at_ms, record.header, record.payload});
  auto entry = context_.sagas.load(saga_of(record.stream));
  if (!event || !entry || !(*entry)->state.exists()) return true;  // pruned meanwhile, or damaged
  const core::SagaState& state = (*entry)->state;
  const ChangedNotice notice(state);
  std::string json = core::event_json(state, *event, record.version).to_json();
  auto message = changed_message(state, *event, notice.id(record.version),
                                 notice.head(*event, record.version) + json + "}");
  if (message && context_.config.notify_stream.empty()) {
    if (context_.bus.publish(std::move(*message)) == messaging::PublishResult::kBusy) return false;
  } else if (message) {
    awaiting_ack_ = record.position;
    requester_.send(std::move(*message), context_.now.steady + kAckWait,
                    [this, position = record.position](
                        tl::expected<messaging::Received, messaging::Requester::Failure> answer) {
                      const bool acked =
                          answer && messaging::parse_pub_ack(answer->body).has_value();
                      context_.post([this, position, acked] {
                        awaiting_ack_.reset();
                        if (acked) return;
                        context_.metrics.count("weft_notifications_failed_total", {});
                        told_ = position - 1;  // told again
                      });
                    });
  }
  if (context_.config.on_change) {
    context_.config.on_change(
        {record.position, core::type_name(*event), state.birth.workflow, std::move(json)});
  }
  return true;
}

}  // namespace weft::engine
