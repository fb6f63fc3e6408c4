#include "orchestrator/engine/event_correlation.h"

#include <algorithm>
#include <utility>

#include "adapters/messaging/contract.h"
#include "adapters/messaging/subjects.h"
#include "dsl/utf8.h"
#include "orchestrator/core/decider.h"
#include "orchestrator/engine/effect_rows.h"
#include "orchestrator/engine/problem.h"
#include "orchestrator/engine/tables.h"
#include "orchestrator/engine/task_message.h"
#include "orchestrator/engine/unknown_saga.h"

namespace weft::engine {
namespace {

constexpr std::string_view kEventStreams = "event/";
constexpr std::size_t kListenersPerRead = 500;
constexpr std::size_t kExpiriesPerTurn = 200;
constexpr std::size_t kEventIdBytesMax = 512;  // as start keys (core/start.cc)

Response bad_event_id() {
  return problem(400, "malformed",
                 "an event's id is UTF-8 text of at most " + std::to_string(kEventIdBytesMax) +
                     " bytes (Nats-Msg-Id, Idempotency-Key, or `id` of a CloudEvent)");
}

/// By HTTP a name may be anything; by NATS its subject was checked.
Response bad_event_name(std::string_view what) {
  return problem(400, "malformed_name",
                 std::string(what) + " is to be names [a-z][a-z0-9_]* joined by dots, each of at "
                                     "most 128 characters");
}

Response matched(std::int64_t count, bool kept, bool duplicate) {
  Response response;
  response.body = dsl::Value::object(
      {{"matched", count}, {"kept", kept}, {"duplicate", duplicate}});
  return response;
}

}  // namespace

std::string correlation_text(const dsl::Value& value) {
  return value.is_string() ? value.as_string() : value.to_canonical_json();
}

Correlation::Correlation(Context& context, DeadLetter& dead_letter)
    : context_(context), dead_letter_(dead_letter) {}

bool Correlation::is_event_stream(const store::StreamId& stream) {
  return stream.name.starts_with(kEventStreams);
}

store::OutboxKey Correlation::outbox_key(const std::string& key) {
  return {{static_cast<std::uint8_t>(key.empty() ? 0 : key[0]),
           std::string(kEventStreams) + to_hex(key)},
          "d"};
}

std::string Correlation::kept_key(const Event& event, const std::string& correlation) {
  return listener_prefix(event.name, correlation) +
         big_endian(static_cast<std::uint64_t>(event.at.ms)) + event.key;
}

// ---- What workflows wait for --------------------------------------------------------------------

void Correlation::refresh_interests() {
  if (interests_generation_ == context_.registry.generation()) return;
  interests_generation_ = context_.registry.generation();
  interests_.clear();
  const auto add = [this](const std::string& name, const dsl::Template* correlate,
                          std::int64_t keep_ms) {
    Interest& interest = interests_[name];
    interest.keep_ms = std::max(interest.keep_ms, keep_ms);
    if (correlate != nullptr) {
      interest.correlate.emplace(correlate->canonical().to_canonical_json(), *correlate);
    }
  };
  for (const auto& [name, workflow] : context_.registry.workflows()) {
    for (const Registry::Build& build : workflow.builds) {
      const auto graph = context_.registry.graph(name, build.digest);
      if (!graph) continue;
      for (const dsl::Step& step : graph->steps) {
        if (!step.listen) continue;
        add(step.listen->event,
            step.listen->correlate_event ? &*step.listen->correlate_event : nullptr,
            step.listen->correlate_event ? step.listen->keep_ms : 0);
      }
      for (const dsl::Trigger& trigger : graph->triggers) {
        if (trigger.kind == dsl::Trigger::Kind::kEvent) add(trigger.event, nullptr, 0);
      }
      if (graph->cancelled_by) {
        add(graph->cancelled_by->event, &graph->cancelled_by->correlate_event, 0);
      }
    }
  }
}

const Correlation::Interest* Correlation::interest(const std::string& name) {
  refresh_interests();
  const auto found = interests_.find(name);
  return found == interests_.end() ? nullptr : &found->second;
}

// ---- Receiving ----------------------------------------------------------------------------------

tl::expected<std::pair<dsl::Value, std::string>, Response> Correlation::read(
    const std::string& data, const std::string& message_id, bool cloud_event) const {
  // An id is stored and compared for as long as the event is remembered.
  const auto good_id = [](const std::string& id) {
    return id.size() <= kEventIdBytesMax && dsl::utf8_valid_prefix(id) == id.size();
  };
  if (!good_id(message_id)) return tl::unexpected(bad_event_id());
  if (!cloud_event) {
    auto value = dsl::Value::parse(data.empty() ? "null" : data, json_limits(context_.limits));
    if (!value) return tl::unexpected(from_json_error(value.error()));
    return std::pair{std::move(*value), message_id};
  }
  if (data.size() > static_cast<std::size_t>(context_.limits.payload_bytes)) {
    return tl::unexpected(problem(413, "too_large", "the event is larger than the limit"));
  }
  auto event = messaging::parse_cloud_event(data);
  if (!event) return tl::unexpected(problem(400, "malformed", event.error().message));
  auto value = dsl::Value::parse(event->data.empty() ? "null" : event->data,
                                 json_limits(context_.limits));
  if (!value) return tl::unexpected(from_json_error(value.error()));
  if (!good_id(event->id)) return tl::unexpected(bad_event_id());
  return std::pair{std::move(*value), event->id};
}

void Correlation::signal(const SendSignal& signal, const core::Actor& actor, const Reply& reply) {
  const auto id = context_.saga_named(signal.saga);
  if (!id) {
    return context_.answer(reply, unknown_saga(context_, signal.saga));
  }
  if (!messaging::signal_subject(id->str(), signal.name)) {
    return context_.answer(reply, bad_event_name("a signal's name"));
  }
  auto read = this->read(signal.data, signal.message_id, signal.cloud_event);
  if (!read) return context_.answer(reply, std::move(read.error()));
  Envelope envelope;
  envelope.saga = *id;
  envelope.command.body = core::DeliverSignal{signal.name, read->second, std::move(read->first)};
  envelope.command.actor = actor;
  envelope.done = [this, reply, name = signal.saga](const CommandResult& result) {
    if (!result.decision && result.decision.error().code == core::Rejection::Code::kUnknownSaga) {
      return context_.answer(reply, unknown_saga(context_, name));
    }
    if (!result.decision) return context_.answer(reply, from_rejection(result.decision.error()));
    const auto& decided = *result.decision;
    bool kept = false;
    for (const core::Event& event : decided.events) {
      if (const auto* received = std::get_if<core::EventReceived>(&event.body)) {
        kept = kept || received->path.empty();
      }
    }
    context_.answer(reply, matched(decided.matched ? 1 : 0, kept, decided.duplicate));
  };
  context_.partition.submit(std::move(envelope));
}

void Correlation::receive(const SendEvent& event, const core::Actor& actor, const Reply& reply) {
  if (auto refusal = context_.refusal_of_new_work()) {
    return context_.answer(reply, std::move(*refusal));
  }
  if (!messaging::event_subject(event.name)) {
    return context_.answer(reply, bad_event_name("an event's name"));
  }
  auto read = this->read(event.data, event.message_id, event.cloud_event);
  if (!read) return context_.answer(reply, std::move(read.error()));
  std::string id = std::move(read->second);
  if (id.empty()) id = to_base32(context_.config.random_bytes(16));
  accept(event.name, std::move(read->first), id, actor, {}, reply);
}

void Correlation::accept(const std::string& name, dsl::Value data, const std::string& id,
                         const core::Actor& actor, std::vector<store::OutboxKey> settles,
                         const Reply& reply) {
  auto event = std::make_shared<Event>();
  event->key = digest16(pair_key(name, id));
  event->name = name;
  event->id = id;
  event->at = context_.now.time;
  const auto known = context_.store.get_index(table::kEvents, event->key);
  if (not_durable_.contains(event->key) || (known && *known)) {
    if (!settles.empty()) context_.commits.open().outbox_settle = std::move(settles);
    return context_.answer(reply, matched(0, false, true));
  }
  event->data = std::move(data);
  if (const Interest* wanted = interest(name)) {
    event->keep_ms = wanted->keep_ms;
    dsl::MapBindings bindings;
    bindings.set("event", event->data);
    std::set<std::string> values;
    for (const auto& [spelling, correlate] : wanted->correlate) {
      // An event without the field belongs to nobody who asks for that field.
      if (const auto value = correlate.evaluate(bindings)) values.insert(correlation_text(*value));
    }
    event->correlations.assign(values.begin(), values.end());
  }
  store::Commit& commit = context_.commits.open();
  commit.outbox_settle = std::move(settles);
  const store::OutboxKey row = outbox_key(event->key);
  commit.outbox_add.push_back({row.stream, row.id, event->key});
  put_row(*event, commit);
  const auto expiry = [&](std::int64_t after_ms, char kind) {
    const core::Timestamp at{event->at.ms + after_ms};
    commit.index_put.push_back({table::kEventExpiry,
                                big_endian(static_cast<std::uint64_t>(at.ms)) + kind + event->key,
                                {}});
    if (!next_expiry_ || at < *next_expiry_) next_expiry_ = at;
  };
  if (event->keep_ms > 0) {
    for (const std::string& correlation : event->correlations) {
      commit.index_put.push_back({table::kKeptEvents, kept_key(*event, correlation), event->key});
    }
    expiry(event->keep_ms, 'k');
  }
  expiry(std::max(context_.limits.event_ids_kept_ms, event->keep_ms + 1), 'i');
  not_durable_.insert(event->key);
  auto delivery = std::make_shared<Delivery>(Delivery{event, actor, reply, 0});
  context_.commits.after_durable([this, delivery] {
    not_durable_.erase(delivery->event->key);
    deliver(delivery);
  });
}

// ---- Delivering ---------------------------------------------------------------------------------

void Correlation::deliver(const std::shared_ptr<Delivery>& delivery) {
  const Event& event = *delivery->event;
  delivery->open = 1;  // this function itself
  for (const std::string& correlation : event.correlations) {
    // A saga that listens under several values is told under each; it takes an event once.
    std::set<core::SagaId> reached;
    const std::string prefix = listener_prefix(event.name, correlation);
    std::string after;
    for (;;) {
      const auto rows =
          context_.store.scan_index(table::kListeners, prefix, after, kListenersPerRead);
      if (!rows) break;
      for (const auto& row : *rows) {
        if (row.key.size() < 16 + 26) continue;
        const core::SagaId saga(row.key.substr(16, 26));
        if (reached.insert(saga).second) deliver_to(saga, correlation, delivery);
      }
      if (rows->size() < kListenersPerRead) break;
      after = rows->back().key;
    }
  }
  if (start_) {
    const auto starts = start_(event.name, event.data, event.id);
    delivery->open += starts.size();
    for (const auto& start : starts) {
      start([this, delivery](bool taken) {
        if (taken) ++delivery->event->taken;
        one_done(delivery);
      });
    }
  }
  one_done(delivery);
}

void Correlation::deliver_to(const core::SagaId& saga, const std::string& correlation,
                             const std::shared_ptr<Delivery>& delivery) {
  ++delivery->open;
  Envelope envelope;
  envelope.saga = saga;
  envelope.command.body = core::DeliverEvent{delivery->event->name, correlation,
                                             delivery->event->id, delivery->event->data};
  envelope.command.actor = delivery->actor;
  envelope.done = [this, delivery, saga](const CommandResult& result) {
    if (result.decision && (result.decision->matched || result.decision->duplicate) &&
        delivery->takers.insert(saga).second) {
      ++delivery->event->taken;
    }
    one_done(delivery);
  };
  context_.partition.submit(std::move(envelope));
}

void Correlation::one_done(const std::shared_ptr<Delivery>& delivery) {
  if (--delivery->open > 0) return;
  const Event& event = *delivery->event;
  store::Commit& commit = context_.commits.open();
  commit.outbox_settle.push_back(outbox_key(event.key));
  if (event.taken > 0) put_row(event, commit);
  if (event.taken == 0 && event.keep_ms == 0) {
    dead_letter_.park({"event", event.name, event.id, "", "unmatched",
                       "nobody waited for " + event.name, "", event.data, event.at});
  }
  context_.answer(delivery->reply, matched(event.taken, event.keep_ms > 0, false));
}

void Correlation::listener_set(const core::SagaId& saga, const core::ListenerSet& listener) {
  const std::string prefix = listener_prefix(listener.event, listener.correlation);
  const auto rows =
      context_.store.scan_index(table::kKeptEvents, prefix, "", kListenersPerRead);
  if (!rows) return;
  for (const auto& row : *rows) {
    auto event = load(row.value);
    if (!event || event->at.ms + event->keep_ms < context_.now.time.ms) continue;
    Envelope envelope;
    envelope.saga = saga;
    envelope.command.body =
        core::DeliverEvent{event->name, listener.correlation, event->id, event->data};
    envelope.done = [this, event](const CommandResult& result) {
      if (!result.decision || !result.decision->matched) return;
      // Read again: another listener may have taken it in the same turn.
      if (const auto fresh = load(event->key)) event->taken = std::max(event->taken, fresh->taken);
      ++event->taken;
      put_row(*event, context_.commits.open());
    };
    context_.partition.submit(std::move(envelope));
  }
}

void Correlation::redeliver(const store::OutboxRow& row) {
  auto event = load(row.data);
  if (!event) {
    context_.commits.open().outbox_settle.push_back({row.stream, row.id});
    return;
  }
  deliver(std::make_shared<Delivery>(Delivery{event, engine_actor(), {}, 0}));
}

// ---- Rows ---------------------------------------------------------------------------------------

void Correlation::put_row(const Event& event, store::Commit& commit) const {
  dsl::Value::Array correlations;
  for (const std::string& correlation : event.correlations) correlations.emplace_back(correlation);
  commit.index_put.push_back(
      {table::kEvents, event.key,
       dsl::Value::object({{"name", event.name},
                           {"id", event.id},
                           {"at_ms", event.at.ms},
                           {"keep_ms", event.keep_ms},
                           {"taken", event.taken},
                           {"correlations", dsl::Value::array(std::move(correlations))},
                           {"data", event.data}})
           .to_json()});
}

std::shared_ptr<Correlation::Event> Correlation::load(const std::string& key) const {
  const auto row = context_.store.get_index(table::kEvents, key);
  if (!row || !*row) return nullptr;
  const auto value = dsl::Value::parse(**row, row_json_limits());
  if (!value) return nullptr;
  auto event = std::make_shared<Event>();
  event->key = key;
  event->name = value->string_or("name", "");
  event->id = value->string_or("id", "");
  event->at.ms = value->integer_or("at_ms", 0);
  event->keep_ms = value->integer_or("keep_ms", 0);
  event->taken = value->integer_or("taken", 0);
  if (const auto* list = value->find("correlations"); list != nullptr && list->is_array()) {
    for (const auto& item : list->as_array()) {
      if (item.is_string()) event->correlations.push_back(item.as_string());
    }
  }
  if (const auto* data = value->find("data")) event->data = *data;
  return event;
}

void Correlation::tick() {
  if (!next_expiry_ || *next_expiry_ > context_.now.time) return;
  const auto rows = context_.store.scan_index(table::kEventExpiry, "", "", kExpiriesPerTurn);
  if (!rows) return;
  next_expiry_.reset();
  for (const auto& row : *rows) {
    if (row.key.size() != 8 + 1 + 16) continue;
    const core::Timestamp at{
        static_cast<std::int64_t>(from_big_endian(std::string_view(row.key).substr(0, 8)))};
    if (at > context_.now.time) {
      next_expiry_ = at;
      return;
    }
    expire(row.key.substr(9), row.key[8]);
    context_.commits.open().index_delete.push_back({table::kEventExpiry, row.key});
  }
  // The rows just handled go with this turn's batch; look again when that is durable.
  if (rows->size() == kExpiriesPerTurn) next_expiry_ = core::Timestamp{context_.now.time.ms + 50};
}

void Correlation::expire(const std::string& key, char kind) {
  const auto event = load(key);
  if (!event) return;
  store::Commit& commit = context_.commits.open();
  if (kind == 'i') {
    commit.index_delete.push_back({table::kEvents, key});
    return;
  }
  for (const std::string& correlation : event->correlations) {
    commit.index_delete.push_back({table::kKeptEvents, kept_key(*event, correlation)});
  }
  if (event->taken == 0) {
    dead_letter_.park({"event", event->name, event->id, "", "unmatched",
                       "nobody waited for " + event->name + " while it was kept", "", event->data,
                       event->at});
  }
}

}  // namespace weft::engine
