#include "orchestrator/engine/queries.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "dsl/names.h"
#include "orchestrator/core/decider.h"
#include "orchestrator/core/event_codec.h"
#include "orchestrator/engine/history.h"
#include "orchestrator/engine/problem.h"
#include "orchestrator/engine/tables.h"
#include "orchestrator/engine/unknown_saga.h"

namespace weft::engine {
namespace {

using dsl::Value;

Value page(Value::Array items, Value next) {
  return Value::object({{"items", Value::array(std::move(items))}, {"next", std::move(next)}});
}

Value count_value(std::size_t count) { return Value(static_cast<std::int64_t>(count)); }

std::optional<core::Event> decode_record(const store::EventRecord& record) {
  auto event =
      core::decode({record.type, record.format, record.at_ms, record.header, record.payload});
  if (!event) return std::nullopt;
  return std::move(*event);
}

const char* breaker_name(Breaker::State state) {
  switch (state) {
    case Breaker::State::kClosed: return "closed";
    case Breaker::State::kOpen: return "open";
    case Breaker::State::kTrying: return "trying";
  }
  return "closed";
}

/// A row with every member that any row has, so that a name that no row has is told.
Value row_with_everything() {
  core::SagaState state;
  state.stuck[core::StepPath()];
  return core::list_row(state).with("restored", true);
}

/// Why `expression` can hold for no row: it reads a name that none has. Empty if it may hold.
std::string misread_name(const dsl::Expression& expression) {
  static const Value row = row_with_everything();
  const auto names_of = [](const Value& value, const std::string& before) {
    std::vector<std::string> names;
    for (const auto& member : value.as_object()) names.push_back(before + member.key);
    return names;
  };
  for (const dsl::Reference& reference : expression.references()) {
    if (reference.name != ".") {
      return "there is no `$" + reference.name + "` here; a saga's row is read like `.state`";
    }
    if (reference.path.empty()) continue;
    const std::string& first = reference.path[0];
    const Value* member = row.find(first);
    std::string wrong;
    std::vector<std::string> known;
    if (member == nullptr) {
      wrong = "." + first;
      known = names_of(row, ".");
    } else if (first == "stuck" && reference.path.size() > 1 &&
               member->find(reference.path[1]) == nullptr) {
      wrong = ".stuck." + reference.path[1];
      known = names_of(*member, ".stuck.");
    }
    if (wrong.empty()) continue;
    const auto near = dsl::nearest(wrong, known);
    return "no row has `" + wrong + "`; " +
           (near ? "did you mean `" + *near + "`?" : "there are " + dsl::any_of_words(known));
  }
  return {};
}

// One condition of `weft list`: over the row's JSON.
class RowFilter {
 public:
  RowFilter(const ListSagas& query, core::Timestamp now) : query_(query) {
    if (query.older_than_ms) started_before_ = now.ms - *query.older_than_ms;
  }
  [[nodiscard]] tl::expected<void, Response> compile() {
    if (query_.where.empty()) return {};
    auto expression = dsl::Expression::compile(query_.where);
    if (!expression) {
      return tl::unexpected(problem(
          400, "malformed_where",
          "where: " + expression.error().message + " (at byte " +
              std::to_string(expression.error().offset) + ")" +
              (expression.error().instead.empty() ? "" : "; " + expression.error().instead)));
    }
    if (const std::string why = misread_name(*expression); !why.empty()) {
      return tl::unexpected(problem(400, "unknown_field", "where: " + why));
    }
    for (const dsl::Reference& reference : expression->references()) {
      reads_revision_ |= reference.path.empty() || reference.path[0] == "revision";
    }
    where_ = std::move(*expression);
    return {};
  }
  /// Rows are stored without it.
  [[nodiscard]] bool reads_revision() const { return reads_revision_; }
  [[nodiscard]] bool holds(const Value& row, core::Timestamp accepted) const {
    if (started_before_ && accepted.ms > *started_before_) return false;
    if (!query_.states.empty() &&
        std::find(query_.states.begin(), query_.states.end(), row.string_or("state", "")) ==
            query_.states.end()) {
      return false;
    }
    if (!query_.status.empty() && row.string_or("status", "") != query_.status) return false;
    if (!query_.workflow.empty() && row.string_or("workflow", "") != query_.workflow) return false;
    if (!query_.key.empty() && row.string_or("key", "") != query_.key) return false;
    if (!query_.labels.empty()) {
      const Value* labels = row.find("labels");
      for (const auto& [name, value] : query_.labels) {
        if (labels == nullptr || labels->string_or(name, "") != value) return false;
      }
    }
    if (where_) {
      dsl::MapBindings bindings;
      bindings.set(".", row);
      const auto result = where_->evaluate(bindings);
      // A row without what is asked for does not fulfil it.
      if (!result || !result->truthy()) return false;
    }
    return true;
  }

 private:
  const ListSagas& query_;
  std::optional<std::int64_t> started_before_;
  std::optional<dsl::Expression> where_;
  bool reads_revision_ = false;
};

}  // namespace

store::Result<SagaEntry*> Queries::named(const std::string& saga, Response& refused) {
  const auto id = context_.saga_named(saga);
  if (id) {
    auto entry = context_.sagas.load(*id);
    if (!entry) {
      refused = from_store_error(entry.error());
      return nullptr;
    }
    if ((*entry)->state.exists()) return *entry;
    context_.sagas.drop(*id);
  }
  refused = unknown_saga(context_, saga);
  return nullptr;
}

namespace {

/// A wait for an adapter is no event before `on_wait.after` has passed, but it is to be seen: the
/// longest one of a saga whose every open task waits. Nothing where one is being worked on.
const Task* longest_wait(const Dispatcher& dispatcher, const core::SagaState& state) {
  const Task* longest = nullptr;
  for (const core::Node& node : state.nodes) {
    if (!node.own_open) continue;
    const bool probing = node.probing;
    const Task* task =
        node.kind == "call" && node.task_open
            ? dispatcher.find({state.birth.saga, node.path,
                               probing ? core::Direction::kProbe : core::Direction::kForward,
                               node.attempts, probing ? node.probes : 1})
            : nullptr;
    const bool waits = task != nullptr && task->state != Task::State::kSent &&
                       task->state != Task::State::kReported;
    if (!waits) return nullptr;
    if (longest == nullptr || task->queued_at < longest->queued_at) longest = task;
  }
  return longest;
}

}  // namespace

Value Queries::shown(const SagaEntry& entry) const {
  Value value = core::show(entry.graph.get(), entry.state);
  const Value* waiting = value.find("waiting");
  if (waiting != nullptr && waiting->is_null() && entry.state.phase == core::Phase::kForward) {
    if (const Task* task = longest_wait(context_.dispatcher, entry.state)) {
      value = value.with("waiting", Value::object({{"for", "adapter"},
                                                   {"name", task->dispatch.adapter},
                                                   {"since", core::format_time(task->queued_at)},
                                                   {"until", Value()}}));
    }
  }
  const bool paused = context_.paused || (workflow_paused_ &&
                                          workflow_paused_(entry.state.birth.workflow));
  if (paused && !entry.state.ended()) value = value.with("paused", true);
  if (context_.restored.holds(entry.state.accepted_at, value.string_or("state", ""))) {
    value = value.with("restored", true);
  }
  return value;
}

void Queries::show(const ShowSaga& query, const Reply& reply) {
  Response refused;
  const auto entry = named(query.saga, refused);
  if (*entry == nullptr) return context_.answer(reply, std::move(refused));
  Response response;
  if (query.at) {
    if (*query.at == 0 || *query.at > (*entry)->state.revision) {
      return context_.answer(
          reply, problem(404, "unknown_revision",
                         "the saga has revisions 1 to " +
                             std::to_string((*entry)->state.revision)));
    }
    auto past = context_.sagas.read((*entry)->state.birth.saga, *query.at);
    if (!past) return context_.answer(reply, from_store_error(past.error()));
    response.body = core::show(past->graph.get(), past->state);
    response.revision = past->state.revision;
  } else {
    response.body = shown(**entry);
    response.revision = (*entry)->state.revision;
  }
  context_.answer(reply, std::move(response));
}

Response Queries::list(const ListSagas& query) const {
  RowFilter filter(query, context_.now.time);
  if (auto compiled = filter.compile(); !compiled) return compiled.error();
  std::string after;
  if (!query.cursor.empty() && !from_base64url(query.cursor, after)) {
    return problem(400, "bad_cursor", "the cursor is not one of ours");
  }
  const auto limit = static_cast<std::size_t>(
      std::clamp<std::int64_t>(query.limit, 1, context_.limits.list_page));
  if (query.restored) {
    const auto until = context_.restored.until();
    if (!until) return success(page({}, {}));
    if (after.empty()) after = newest_first({until->ms + 1});  // the younger ones come before
  }
  constexpr std::size_t kRows = 500;
  Value::Array items;
  std::size_t looked_at = 0;
  for (;;) {
    const auto rows = context_.store.scan_index(table::kSagaRows, "", after, kRows);
    if (!rows) return from_store_error(rows.error());
    for (const auto& row : *rows) {
      const core::Timestamp accepted = from_newest_first(std::string_view(row.key).substr(0, 8));
      if (query.since && accepted < *query.since) return success(page(std::move(items), {}));
      after = row.key;
      ++looked_at;
      auto value = Value::parse(row.value, row_json_limits());
      if (!value) continue;
      const bool ahead = context_.restored.holds(accepted, value->string_or("state", ""));
      if (query.restored && !ahead) continue;
      if (ahead) *value = value->with("restored", true);
      // The revision is the only thing that changes with every event, so rows do without it.
      const auto add_revision = [&] {
        const auto version =
            context_.store.stream_version(saga_stream(core::SagaId(value->string_or("saga", ""))));
        if (version) *value = value->with("revision", static_cast<std::int64_t>(*version));
      };
      if (filter.reads_revision()) add_revision();
      if (!filter.holds(*value, accepted)) continue;
      if (!filter.reads_revision()) add_revision();
      items.push_back(std::move(*value));
      if (items.size() == limit) return success(page(std::move(items), Value(to_base64url(after))));
    }
    if (rows->size() < kRows) return success(page(std::move(items), {}));
    if (looked_at >= static_cast<std::size_t>(context_.limits.scan_rows)) {
      return success(page(std::move(items), Value(to_base64url(after))));
    }
  }
}

bool Queries::find(const std::string& where, std::size_t max, std::vector<std::string>& sagas,
                   Response& refused) const {
  ListSagas query;
  query.where = where;
  query.limit = context_.limits.list_page;
  for (;;) {
    const Response found = list(query);
    if (!found.ok()) {
      refused = found;
      return false;
    }
    for (const Value& row : found.body.find("items")->as_array()) {
      sagas.push_back(row.string_or("saga", ""));
    }
    if (sagas.size() > max) return true;
    const Value* next = found.body.find("next");
    if (next == nullptr || next->is_null()) return true;
    query.cursor = next->as_string();
  }
}

Response Queries::events(const ReadEvents& query) {
  const auto limit = static_cast<std::size_t>(
      std::clamp<std::int64_t>(query.limit, 1, context_.limits.list_page));
  Value::Array items;
  if (!query.saga.empty()) {
    Response refused;
    const auto entry = named(query.saga, refused);
    if (*entry == nullptr) return refused;
    const core::SagaState& state = (*entry)->state;
    const auto records =
        context_.store.read_stream(saga_stream(state.birth.saga), query.after + 1, limit);
    if (!records) return from_store_error(records.error());
    for (const auto& record : *records) {
      if (auto event = decode_record(record)) {
        items.push_back(core::event_json(state, *event, record.version));
      }
    }
    const Value next = records->size() == limit
                           ? Value(static_cast<std::int64_t>(records->back().version))
                           : Value();
    return success(page(std::move(items), next));
  }
  const auto records = context_.store.read_all(query.after, limit);
  if (!records) return from_store_error(records.error());
  std::uint64_t position = query.after;
  for (const auto& record : *records) {
    position = record.position;
    if (!is_saga_stream(record.stream)) continue;
    const auto entry = context_.sagas.load(saga_of(record.stream));
    auto event = decode_record(record);
    if (!entry || !event || !(*entry)->state.exists()) continue;
    items.push_back(core::event_json((*entry)->state, *event, record.version)
                        .with("position", static_cast<std::int64_t>(record.position)));
  }
  return success(page(std::move(items), Value(static_cast<std::int64_t>(position))));
}

std::vector<Value> Queries::stuck_groups() const {
  struct Group {
    StuckPlace first;
    std::int64_t count = 0;
    Value::Array sagas;
    std::map<std::string, Value::Array> held;
  };
  std::map<std::string, Group> groups;
  for (const auto& [saga, places] : context_.projections.stuck()) {
    for (const StuckPlace& place : places) {
      Group& group = groups[place.group()];
      if (group.count++ == 0 || place.since < group.first.since) group.first = place;
      if (group.sagas.size() < 20) group.sagas.emplace_back(saga);
      if (place.held.is_object()) {
        for (const auto& resource : place.held.as_object()) {
          if (!resource.value.is_array()) continue;
          auto& items = group.held[resource.key];
          for (const Value& item : resource.value.as_array()) {
            if (items.size() < 100) items.push_back(item);
          }
        }
      }
    }
  }
  std::vector<Value> out;
  for (auto& [id, group] : groups) {
    Value::Object held;
    for (auto& [resource, items] : group.held) {
      held.push_back({resource, Value::array(std::move(items))});
    }
    out.push_back(Value::object(
        {{"id", id},
         {"workflow", group.first.workflow},
         {"step", group.first.step},
         {"class", group.first.error_class},
         {"code", group.first.code},
         {"adapter", group.first.adapter},
         {"place", group.first.place},
         {"message", group.first.message},
         {"count", group.count},
         {"oldest", core::format_time(group.first.since)},
         {"owner", group.first.owner},
         {"held", Value::object(std::move(held))},
         {"actions", group.first.actions.is_array() ? group.first.actions : Value::array({})},
         {"sagas", Value::array(std::move(group.sagas))}}));
  }
  std::stable_sort(out.begin(), out.end(), [](const Value& a, const Value& b) {
    return a.string_or("oldest", "") < b.string_or("oldest", "");
  });
  return out;
}

Response Queries::stuck() const {
  Value::Array items;
  for (Value& group : stuck_groups()) items.push_back(std::move(group));
  return success(page(std::move(items), {}));
}

Response Queries::adapters(const ListAdapters& query) const {
  Value::Array items;
  std::vector<std::string> known;
  const auto counts = [](const std::map<std::string, std::uint64_t>& by_name) {
    Value::Object out;
    for (const auto& [name, count] : by_name) {
      out.push_back({name, Value(static_cast<std::int64_t>(count))});
    }
    return Value::object(std::move(out));
  };
  for (const auto& [name, line] : context_.dispatcher.lines()) {
    known.push_back(name);
    if (!query.name.empty() && query.name != name) continue;
    const auto oldest = line->oldest();
    const auto next_try = line->breaker.next_try();
    const auto ms_until = [&](Clock::Instant at) {
      return std::chrono::duration_cast<std::chrono::milliseconds>(at - context_.now.steady)
          .count();
    };
    Value::Array silent;
    for (const auto& [subject, lane] : line->lanes) silent.emplace_back(subject);
    const auto definition = context_.registry.adapters().find(name);
    const bool defined = definition != context_.registry.adapters().end();
    items.push_back(Value::object(
        {{"adapter", name},
         {"owner", defined ? Value(definition->second->owner) : Value()},
         {"guarantee", dsl::guarantee_name(defined ? definition->second->guarantee
                                                   : dsl::Guarantee::kIdempotent)},
         {"queued", count_value(line->waiting())},
         {"oldest_wait_ms", oldest ? Value(context_.now.time.ms - oldest->ms) : Value()},
         {"in_flight", line->in_flight},
         {"breaker", breaker_name(line->breaker.state())},
         {"next_try_ms",
          next_try ? Value(std::max<std::int64_t>(ms_until(*next_try), 0)) : Value()},
         {"paused", line->paused || context_.paused},
         {"no_responders", Value::array(std::move(silent))},
         {"limits", Value::object({{"concurrency", line->limits.concurrency},
                                   {"rate_count", line->limits.rate_count},
                                   {"rate_window_ms", line->limits.rate_window_ms}})},
         {"outcomes", counts(line->outcomes)},
         {"codes", counts(line->codes)}}));
  }
  if (!query.name.empty() && items.empty()) {
    return unknown_name("unknown_adapter", "adapter", query.name, known);
  }
  return success(page(std::move(items), {}));
}

Response Queries::workflows(const ListWorkflows& query) const {
  Value::Array items;
  for (const auto& [name, workflow] : context_.registry.workflows()) {
    if (!query.name.empty() && query.name != name) continue;
    Value::Array versions;
    for (const auto& build : workflow.builds) {
      if (workflow.latest(build.version) != &build) continue;
      versions.push_back(Value::object({{"version", build.version},
                                        {"digest", build.digest},
                                        {"registered_at", core::format_time(build.registered_at)},
                                        {"current", build.version == workflow.current}}));
    }
    Value::Object by_state;
    for (const auto& [key, count] : context_.projections.counts()) {
      if (key.first == name && count != 0) by_state.push_back({key.second, Value(count)});
    }
    const auto graph = context_.registry.current(name);
    items.push_back(Value::object(
        {{"workflow", name},
         {"current", workflow.current},
         {"chosen", workflow.chosen},
         {"owner", graph ? Value(graph->owner) : Value()},
         {"title", graph ? Value(graph->title) : Value()},
         {"lifecycle",
          graph ? (graph->lifecycle == dsl::Lifecycle::kActive       ? Value("active")
                   : graph->lifecycle == dsl::Lifecycle::kDeprecated ? Value("deprecated")
                                                                     : Value("retired"))
                : Value()},
         {"paused", workflow_paused_ && workflow_paused_(name)},
         {"running", context_.projections.running(name)},
         {"states", Value::object(std::move(by_state))},
         {"versions", Value::array(std::move(versions))}}));
  }
  if (!query.name.empty() && items.empty()) {
    return unknown_name("unknown_workflow", "workflow", query.name, context_.registry.names());
  }
  return success(page(std::move(items), {}));
}

Response Queries::ordering(const ListOrdering& query) const {
  Value::Array items;
  for (const Ordering::Queue* queue : context_.ordering.blocked(query.key)) {
    const core::SagaId& head = queue->places.front().saga;
    Value blocker;
    Value age;
    if (const auto entry = context_.sagas.load(head); entry && (*entry)->state.exists()) {
      blocker = core::list_row((*entry)->state);
      age = Value(context_.now.time.ms - (*entry)->state.accepted_at.ms);
    }
    Value::Array waiting;
    for (std::size_t i = 1; i < std::min<std::size_t>(queue->places.size(), 101); ++i) {
      waiting.emplace_back(queue->places[i].saga.str());
    }
    items.push_back(Value::object({{"workflow", queue->workflow},
                                   {"key", queue->key},
                                   {"head", head.str()},
                                   {"age_ms", std::move(age)},
                                   {"blocker", std::move(blocker)},
                                   {"waiting", count_value(queue->places.size() - 1)},
                                   {"sagas", Value::array(std::move(waiting))}}));
  }
  return success(page(std::move(items), {}));
}

Response Queries::audit(const ReadAudit& query) const {
  std::string after;
  if (!query.cursor.empty() && !from_base64url(query.cursor, after)) {
    return problem(400, "bad_cursor", "the cursor is not one of ours");
  }
  std::string saga;
  if (!query.saga.empty()) {
    const auto id = context_.saga_named(query.saga);
    if (!id) return unknown_saga(context_, query.saga);
    saga = id->str();
  }
  const auto limit = static_cast<std::size_t>(
      std::clamp<std::int64_t>(query.limit, 1, context_.limits.list_page));
  constexpr std::size_t kRows = 500;
  Value::Array items;
  for (std::size_t looked_at = 0;;) {
    const auto rows = context_.store.scan_index(table::kAudit, "", after, kRows);
    if (!rows) return from_store_error(rows.error());
    for (const auto& row : *rows) {
      if (query.since &&
          from_newest_first(std::string_view(row.key).substr(0, 8)) < *query.since) {
        return success(page(std::move(items), {}));
      }
      after = row.key;
      ++looked_at;
      auto value = Value::parse(row.value, row_json_limits());
      if (!value) continue;
      const Value* actor = value->find("actor");
      if (!query.actor.empty() &&
          (actor == nullptr || actor->string_or("name", "") != query.actor)) {
        continue;
      }
      if (!saga.empty() && value->string_or("saga", "") != saga) continue;
      items.push_back(std::move(*value));
      if (items.size() == limit) return success(page(std::move(items), Value(to_base64url(after))));
    }
    if (rows->size() < kRows) return success(page(std::move(items), {}));
    if (looked_at >= static_cast<std::size_t>(context_.limits.scan_rows)) {
      return success(page(std::move(items), Value(to_base64url(after))));
    }
  }
}

Response Queries::verify(const VerifyAudit& query) const {
  // cursor: partition number, ":", the store's own cursor.
  unsigned partition = 0;
  store::Bytes cursor;
  if (!query.cursor.empty()) {
    std::string bytes;
    if (!from_base64url(query.cursor, bytes) || bytes.empty()) {
      return problem(400, "bad_cursor", "the cursor is not one of ours");
    }
    partition = static_cast<unsigned char>(bytes[0]);
    cursor = bytes.substr(1);
  }
  constexpr std::size_t kStreams = 200;
  std::int64_t streams = 0, events = 0;
  Value::Array damaged;
  const auto next = [&]() -> Value {
    if (partition > 255) return {};
    return Value(to_base64url(std::string(1, static_cast<char>(partition)) + cursor));
  };
  while (partition <= 255 && streams < static_cast<std::int64_t>(kStreams)) {
    const auto found = context_.store.list_streams(static_cast<std::uint8_t>(partition), "", cursor,
                                                   kStreams);
    if (!found) return from_store_error(found.error());
    for (const auto& stream : found->rows) {
      ++streams;
      for (std::uint64_t from = 1;;) {
        const auto records = context_.store.read_stream(stream, from, 500);
        if (!records) {
          damaged.push_back(Value::object(
              {{"stream", stream.name}, {"message", records.error().message}}));
          break;
        }
        events += static_cast<std::int64_t>(records->size());
        if (records->size() < 500) break;
        from += records->size();
      }
    }
    if (found->complete) {
      ++partition;
      cursor.clear();
    } else {
      cursor = found->cursor;
    }
  }
  return success(Value::object({{"ok", damaged.empty()},
                           {"streams", streams},
                           {"events", events},
                           {"damaged", Value::array(std::move(damaged))},
                           {"next", next()}}));
}

Response Queries::export_saga(const ExportSaga& query) {
  Response refused;
  const auto entry = named(query.saga, refused);
  if (*entry == nullptr) return refused;
  const core::SagaState& state = (*entry)->state;
  const bool masked = !state.birth.sensitive.empty();
  Value::Array events;
  for (std::uint64_t from = 1;;) {
    const auto records = context_.store.read_stream(saga_stream(state.birth.saga), from, 500);
    if (!records) return from_store_error(records.error());
    for (const auto& record : *records) {
      auto event = decode_record(record);
      if (!event) continue;
      events.push_back(with_bytes(core::event_json(state, *event, record.version), record, masked));
    }
    if (records->size() < 500) break;
    from += records->size();
  }
  const Registry::Bundle sources =
      context_.registry.sources(state.birth.workflow, state.birth.graph_digest);
  Response response = success(Value::object(
      {{"weft_export", kHistoryFormat},
       {"saga", shown(**entry)},
       {"digest", state.birth.graph_digest},
       {"masked", masked},
       {"definition", Value::object({{"files", source_files_value(sources.files)},
                                     {"attachments", source_files_value(sources.attachments)}})},
       {"events", Value::array(std::move(events))}}));
  response.revision = state.revision;
  return response;
}

Response Queries::status() const {
  Value::Object states;
  std::map<std::string, std::int64_t> by_state;
  for (const auto& [key, count] : context_.projections.counts()) by_state[key.second] += count;
  for (const auto& [state, count] : by_state) {
    if (count != 0) states.push_back({state, Value(count)});
  }
  const auto stats = context_.store.stats();
  const auto facts = context_.store.facts();
  Value oldest_stuck;
  std::int64_t stuck_places = 0;
  const StuckPlace* oldest = nullptr;
  for (const auto& [saga, places] : context_.projections.stuck()) {
    for (const StuckPlace& place : places) {
      ++stuck_places;
      if (oldest == nullptr || place.since < oldest->since) oldest = &place;
    }
  }
  if (oldest != nullptr) {
    oldest_stuck = oldest->to_value().with("since", core::format_time(oldest->since));
  }
  Value::Array breakers, paused;
  if (context_.paused) paused.push_back(Value::object({{"kind", "engine"}, {"name", ""}}));
  for (const auto& [name, line] : context_.dispatcher.lines()) {
    if (line->breaker.state() != Breaker::State::kClosed) breakers.emplace_back(name);
    if (line->paused) paused.push_back(Value::object({{"kind", "adapter"}, {"name", name}}));
  }
  for (const auto& [name, workflow] : context_.registry.workflows()) {
    if (workflow_paused_ && workflow_paused_(name)) {
      paused.push_back(Value::object({{"kind", "workflow"}, {"name", name}}));
    }
  }
  const Response ready = health({true});
  return success(Value::object(
      {{"version", context_.config.version},
       {"ready", ready.ok()},
       {"health", ready.body},
       {"draining", context_.draining},
       {"store", Value::object(
                     {{"id", facts.id},
                      {"bytes", static_cast<std::int64_t>(stats.bytes)},
                      {"free_bytes", static_cast<std::int64_t>(stats.free_bytes)},
                      {"events", static_cast<std::int64_t>(context_.store.head_position())},
                      {"last_sync_us", stats.last_sync_us},
                      {"reserve_in_use", stats.reserve_in_use},
                      {"damages", static_cast<std::int64_t>(stats.damages)},
                      {"scrubbed_at", stats.scrubbed_at_ms > 0
                                          ? Value(core::format_time({stats.scrubbed_at_ms}))
                                          : Value()},
                      {"restored", context_.restored.to_value()}})},
       {"nats", Value::object({{"connected", context_.connected}, {"overlap", context_.overlap}})},
       {"states", Value::object(std::move(states))},
       {"stuck_places", stuck_places},
       {"oldest_stuck", std::move(oldest_stuck)},
       {"breakers_open", Value::array(std::move(breakers))},
       {"paused", Value::array(std::move(paused))},
       {"tasks_open", count_value(context_.dispatcher.open())},
       {"tasks_in_flight", count_value(context_.dispatcher.in_flight())},
       {"ordering_blocked", count_value(context_.ordering.blocked("").size())}}));
}

Response Queries::health(const GetHealth& query) const {
  if (!query.ready) {
    // The loop turned, for it answers this.
    return success(Value::object({{"status", "pass"},
                             {"checks", Value::object({{"engine", "pass"}})}}));
  }
  std::string store = "pass", engine = "pass", disk = "pass";
  std::string note;
  if (context_.failed) store = "fail", note = "the store failed";
  if (!context_.recovered) engine = "fail", note = "recovering";
  if (context_.draining) engine = "fail", note = "draining";
  if (context_.store_stats.damages > 0 && store == "pass") {
    store = "warn", note = "damage was found: " + context_.store_stats.damage;
  }
  if (context_.disk_full) {
    disk = "fail", note = "the disk is full: its reserve is in use and tasks are held; make room";
  } else if (context_.below_reserve()) {
    disk = "fail", note = "the disk is below the store's reserve: starts are refused; make room";
  }
  std::string nats = context_.connected ? "pass" : "warn";
  if (!context_.overlap.empty()) {
    nats = "fail";
    note = "stream " + context_.overlap +
           " captures subjects of weft; its acknowledgements would be taken for answers: change "
           "the stream's subjects";
  }
  const bool fail = store == "fail" || engine == "fail" || disk == "fail" || nats == "fail";
  Value::Object body = {
      {"status", fail ? "fail" : nats == "warn" || store == "warn" ? "warn" : "pass"},
      {"checks",
       Value::object({{"store", store}, {"nats", nats}, {"disk", disk}, {"engine", engine}})}};
  if (!note.empty()) body.push_back({"output", Value(note)});
  Response response = success(Value::object(std::move(body)));
  response.status = fail ? 503 : 200;
  return response;
}

}  // namespace weft::engine
