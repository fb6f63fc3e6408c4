#include "orchestrator/engine/controls.h"

#include <utility>

#include "orchestrator/core/decider.h"
#include "orchestrator/engine/problem.h"
#include "orchestrator/engine/tables.h"
#include "orchestrator/engine/task_message.h"

namespace weft::engine {
namespace {

using dsl::Value;

constexpr std::uint16_t kSystemAction = 1;
constexpr std::uint16_t kSystemFormat = 1;

Value diagnostics_value(const std::vector<dsl::Diagnostic>& diagnostics) {
  Value::Array items;
  for (const auto& diagnostic : diagnostics) {
    items.push_back(Value::object({{"file", diagnostic.file},
                                   {"line", diagnostic.position.line},
                                   {"column", diagnostic.position.column},
                                   {"severity", dsl::severity_name(diagnostic.severity)},
                                   {"rule", diagnostic.rule},
                                   {"message", diagnostic.message},
                                   {"instead", diagnostic.instead}}));
  }
  return Value::array(std::move(items));
}

std::optional<std::int64_t> optional_integer(const Value& value, std::string_view key) {
  const Value* member = value.find(key);
  if (member == nullptr || !member->is_integer()) return std::nullopt;
  return member->as_integer();
}

}  // namespace

Controls::Controls(Context& context, DeadLetter& dead_letter, Correlation& correlation)
    : context_(context), dead_letter_(dead_letter), correlation_(correlation) {}

void Controls::record(const std::string& action, Value data, const core::Actor& actor,
                      const std::string& reason) {
  const core::Timestamp now = context_.now.time;
  store::Commit& commit = context_.commits.open();
  store::Append append;
  append.stream = system_stream();
  append.expected_version = store::kAnyVersion;
  const Value body = Value::object({{"action", action}, {"data", data}});
  append.events.push_back(
      {kSystemAction, kSystemFormat, now.ms, action_header(actor, reason), body.to_json()});
  const Value row = Value::object({{"at", core::format_time(now)},
                                   {"actor", actor_value(actor)},
                                   {"action", action},
                                   {"reason", reason},
                                   {"data", std::move(data)}});
  commit.index_put.push_back(
      {table::kAudit,
       newest_first(now) + "system" + digest16(row.to_json() + context_.config.random_bytes(8)),
       row.to_json()});
  context_.commits.append(std::move(append));
}

tl::expected<void, std::string> Controls::recover() {
  std::string after;
  for (;;) {
    const auto rows = context_.store.scan_index(table::kMeta, "", after, 500);
    if (!rows) return tl::unexpected("settings can not be read: " + rows.error().message);
    for (const auto& row : *rows) {
      after = row.key;
      if (row.key == "paused/engine/") context_.paused = true;
      if (row.key.starts_with("paused/workflow/")) paused_workflows_.insert(row.key.substr(16));
      if (row.key.starts_with("paused/adapter/")) {
        context_.dispatcher.pause_adapter(row.key.substr(15), true, context_.now);
      }
      if (row.key.starts_with("limits/")) {
        if (const auto value = Value::parse(row.value)) {
          context_.dispatcher.set_limits(row.key.substr(7), optional_integer(*value, "concurrency"),
                                         optional_integer(*value, "rate_count"),
                                         optional_integer(*value, "rate_window_ms"));
        }
      }
    }
    if (rows->size() < 500) break;
  }
  if (context_.store.facts().restored) {
    context_.paused = true;
    context_.log(LogLevel::kWarning,
                 "this store was restored from a backup: effects may have happened that it knows "
                 "nothing of (`weft list --restored` names the sagas); nothing is dispatched until "
                 "`weft unpause engine --reason`");
  }
  for (const std::string& workflow : paused_workflows_) {
    context_.dispatcher.pause_workflow(workflow, true, context_.now);
  }
  context_.dispatcher.pause_all(context_.paused || context_.disk_full, context_.now);
  apply_limits();
  return {};
}

void Controls::apply_limits() {
  for (const std::string& workflow : context_.registry.names()) {
    const auto graph = context_.registry.current(workflow);
    if (!graph) continue;
    for (const auto& [name, adapter] : graph->adapters) context_.dispatcher.know(name);
  }
  for (const auto& [name, adapter] : context_.registry.adapters()) {
    context_.dispatcher.set_defined_limits(name, adapter->limits);
  }
}

// ---- Definitions --------------------------------------------------------------------------------

dsl::CompileResult Controls::register_definitions(const std::vector<dsl::SourceFile>& files,
                                                  const std::vector<dsl::SourceFile>& attachments) {
  core::Actor actor;
  actor.name = "serve";
  auto outcome = context_.registry.deploy(files, attachments, actor, false, context_.now.time);
  if (outcome.refused) {
    dsl::Diagnostic refused;
    refused.rule = "registry.version-exists";
    refused.message = outcome.refused->body.string_or("detail", "");
    for (const auto& file : files) {
      const std::string workflow = outcome.refused->body.string_or("workflow", "");
      if (file.text.find("workflow: " + workflow) != std::string::npos) refused.file = file.path;
    }
    outcome.compiled.diagnostics.push_back(std::move(refused));
  }
  if (outcome.ok()) {
    apply_limits();
    if (registered_) registered_();
  }
  return std::move(outcome.compiled);
}

void Controls::deploy(const Deploy& order, const core::Actor& actor, const Reply& reply) {
  for (const auto& file : order.files) {
    if (file.text.size() > static_cast<std::size_t>(context_.limits.yaml_bytes)) {
      return context_.answer(reply,
                             problem(413, "too_large",
                                     file.path + " is larger than " +
                                         std::to_string(context_.limits.yaml_bytes) + " bytes"));
    }
  }
  auto outcome = context_.registry.deploy(order.files, order.attachments, actor, order.dry_run,
                                          context_.now.time);
  if (outcome.refused) return context_.answer(reply, std::move(*outcome.refused));
  if (!outcome.ok()) {
    return context_.answer(
        reply,
        problem(422, "definition_errors", "the definitions have errors; nothing was registered",
                {{"diagnostics", diagnostics_value(outcome.compiled.diagnostics)}}));
  }
  Value::Array registered;
  bool fresh = false;
  for (const auto& entry : outcome.registered) {
    fresh = fresh || entry.fresh;
    registered.push_back(Value::object({{"workflow", entry.workflow},
                                        {"version", entry.version},
                                        {"digest", entry.digest},
                                        {"new", entry.fresh}}));
  }
  const Value list = Value::array(std::move(registered));
  if (!order.dry_run) {
    apply_limits();
    if (fresh) record("deploy", list, actor, "");
    if (registered_) registered_();
  }
  context_.answer(reply, success(Value::object({{"registered", list},
                                           {"diagnostics",
                                            diagnostics_value(outcome.compiled.diagnostics)}})));
}

void Controls::choose(const ChooseVersion& order, const core::Actor& actor, const Reply& reply) {
  const auto& workflows = context_.registry.workflows();
  const auto found = workflows.find(order.workflow);
  if (found == workflows.end()) {
    return context_.answer(reply, unknown_name("unknown_workflow", "workflow", order.workflow,
                                               context_.registry.names()));
  }
  if (!context_.registry.choose(order.workflow, order.version, actor, order.reason,
                                context_.now.time)) {
    std::vector<std::string> versions;
    for (const auto& build : found->second.builds) versions.push_back(build.version);
    return context_.answer(reply, unknown_name("unknown_version", "version of " + order.workflow,
                                               order.version, versions));
  }
  record("choose_version",
         Value::object({{"workflow", order.workflow}, {"version", order.version}}), actor,
         order.reason);
  if (registered_) registered_();
  context_.answer(
      reply, success(Value::object({{"workflow", order.workflow}, {"current", order.version}})));
}

Response Controls::unknown_adapter(const std::string& name) const {
  std::vector<std::string> known;
  for (const auto& [one, line] : context_.dispatcher.lines()) known.push_back(one);
  return unknown_name("unknown_adapter", "adapter", name, known);
}

// ---- Holding and limiting -----------------------------------------------------------------------

void Controls::set_limits(const SetAdapterLimits& order, const core::Actor& actor,
                          const Reply& reply) {
  for (const auto& number : {order.concurrency, order.rate_count, order.rate_window_ms}) {
    if (number && *number < 0) {
      return context_.answer(reply,
                             problem(400, "malformed", "limits are not negative; 0 = without"));
    }
  }
  const auto& lines = context_.dispatcher.lines();
  if (!lines.contains(order.name)) return context_.answer(reply, unknown_adapter(order.name));
  context_.dispatcher.set_limits(order.name, order.concurrency, order.rate_count,
                                 order.rate_window_ms);
  const AdapterLine& line = *lines.at(order.name);
  const auto number = [](const std::optional<std::int64_t>& value) {
    return value ? Value(*value) : Value();
  };
  const Value set = Value::object({{"concurrency", number(line.concurrency_set)},
                                   {"rate_count", number(line.rate_count_set)},
                                   {"rate_window_ms", number(line.rate_window_set)}});
  context_.commits.open().index_put.push_back(
      {table::kMeta, "limits/" + order.name, set.to_json()});
  record("set_limits", Value::object({{"adapter", order.name}, {"limits", set}}), actor,
         order.reason);
  context_.answer(reply, success(Value::object({{"adapter", order.name}, {"limits", set}})));
}

void Controls::pause(const Pause& order, const core::Actor& actor, const Reply& reply) {
  const bool engine = order.kind == "engine";
  if (order.kind == "workflow") {
    if (!context_.registry.workflows().contains(order.name)) {
      return context_.answer(reply, unknown_name("unknown_workflow", "workflow", order.name,
                                                 context_.registry.names()));
    }
    if (order.paused) {
      paused_workflows_.insert(order.name);
    } else {
      paused_workflows_.erase(order.name);
    }
    context_.dispatcher.pause_workflow(order.name, order.paused, context_.now);
  } else if (order.kind == "adapter") {
    // Whoever pauses in a hurry must not believe that a misspelt adapter is held.
    if (!context_.dispatcher.lines().contains(order.name)) {
      return context_.answer(reply, unknown_adapter(order.name));
    }
    context_.dispatcher.pause_adapter(order.name, order.paused, context_.now);
  } else if (engine) {
    const bool restored = context_.store.facts().restored.has_value();
    if (!order.paused && restored) {
      if (order.reason.empty()) {
        return context_.answer(reply, problem(400, "reason_required",
                                              "a restored store is released with a reason"));
      }
      if (const auto cleared = context_.store.clear_restored(); !cleared) {
        return context_.answer(reply, from_store_error(cleared.error()));
      }
    }
    context_.paused = order.paused;
    context_.dispatcher.pause_all(order.paused || context_.disk_full, context_.now);
  } else {
    return context_.answer(reply, unknown_name("unknown_kind", "thing to pause", order.kind,
                                               {"workflow", "adapter", "engine"}));
  }
  const std::string key = "paused/" + order.kind + "/" + (engine ? "" : order.name);
  store::Commit& commit = context_.commits.open();
  if (order.paused) {
    commit.index_put.push_back(
        {table::kMeta, key,
         Value::object({{"actor", actor_value(actor)}, {"reason", order.reason}}).to_json()});
  } else {
    commit.index_delete.push_back({table::kMeta, key});
  }
  record(order.paused ? "pause" : "unpause",
         Value::object({{"kind", order.kind}, {"name", order.name}}), actor, order.reason);
  context_.answer(reply,
                  success(Value::object(
                      {{"kind", order.kind}, {"name", order.name}, {"paused", order.paused}})));
}

// ---- Ordering and letters -----------------------------------------------------------------------

void Controls::let_pass(const LetPass& order, const core::Actor& actor, const Reply& reply) {
  if (order.reason.empty()) {
    return context_.answer(reply,
                           problem(400, "reason_required", "letting others pass needs a reason"));
  }
  const auto queues = context_.ordering.blocked(order.key);
  if (order.key.empty() || queues.size() != 1) {
    return context_.answer(
        reply, problem(queues.empty() ? 404 : 409, queues.empty() ? "unknown_key" : "ambiguous_key",
                       queues.empty() ? "no ordering key \"" + order.key + "\" has live sagas"
                                      : "several workflows use this key: write workflow:key"));
  }
  const Ordering::Queue queue = *queues.front();
  auto entry = context_.sagas.load(queue.places.front().saga);
  if (!entry || !(*entry)->state.exists()) {
    return context_.answer(reply, problem(409, "not_allowed", "its head can not be read"));
  }
  const auto next = context_.ordering.leave((*entry)->state.birth, context_.commits.open());
  record("let_pass", Value::object({{"workflow", queue.workflow},
                                    {"key", queue.key},
                                    {"head", queue.places.front().saga.str()}}),
         actor, order.reason);
  if (next) {
    Envelope envelope;
    envelope.saga = *next;
    envelope.command.body = core::RunSaga{};
    context_.partition.submit(std::move(envelope));
  }
  context_.answer(reply, success(Value::object({{"workflow", queue.workflow},
                                           {"key", queue.key},
                                           {"passed", queue.places.front().saga.str()},
                                           {"next", next ? Value(next->str()) : Value()}})));
}

void Controls::resolve(const ResolveUnmatched& order, const core::Actor& actor,
                       const Reply& reply) {
  const auto letter = dead_letter_.find(order.id);
  if (!letter) {
    return context_.answer(reply,
                           problem(404, "unknown_letter", "there is no \"" + order.id + "\""));
  }
  if (order.discard) {
    if (order.reason.empty()) {
      return context_.answer(reply, problem(400, "reason_required", "discarding needs a reason"));
    }
    dead_letter_.remove(order.id);
    record("discard", Value::object({{"id", order.id}, {"name", letter->name}}), actor,
           order.reason);
    return context_.answer(reply, success(Value::object({{"id", order.id}, {"discarded", true}})));
  }
  Value data = letter->data;
  if (order.edited) {
    auto edited = Value::parse(*order.edited, json_limits(context_.limits));
    if (!edited) return context_.answer(reply, from_json_error(edited.error()));
    data = std::move(*edited);
  } else if (!letter->text.empty()) {
    return context_.answer(reply, problem(422, "not_json",
                                          "what came was no JSON document; deliver a mended one "
                                          "(`data`, --edit FILE) or discard it"));
  }
  record("deliver", Value::object({{"id", order.id}, {"name", letter->name}}), actor, order.reason);
  const Reply done = [this, id = order.id, reply](const Response& response) {
    if (response.ok()) dead_letter_.remove(id);
    if (reply) reply(response);
  };
  if (letter->kind == "event") {
    // Another id: the first one is remembered as seen.
    const std::string again =
        letter->event_id + "/again/" + to_hex(context_.config.random_bytes(4));
    correlation_.accept(letter->name, std::move(data), again, actor, {}, done);
  } else if (restart_) {
    restart_(*letter, order.id, data, actor, done);
  }
}

// ---- Retention ----------------------------------------------------------------------------------

void Controls::prune(const Prune& order, const core::Actor& actor, const Reply& reply) {
  constexpr std::size_t kPerCall = 500;
  const core::Timestamp before{context_.now.time.ms - order.older_than_ms};
  std::int64_t removed = 0;
  std::size_t looked_at = 0;
  bool remaining = false;
  std::string after = newest_first(before);  // rows from here on were accepted earlier
  while (!remaining) {
    const auto rows = context_.store.scan_index(table::kSagaRows, "", after, kPerCall);
    if (!rows) return context_.answer(reply, from_store_error(rows.error()));
    for (const auto& row : *rows) {
      after = row.key;
      const auto value = Value::parse(row.value);
      if (!value || !is_end_state(value->string_or("state", ""))) continue;
      const auto ended = core::parse_time(value->string_or("ended_at", ""));
      if (!ended || *ended > before) continue;
      if (removed == static_cast<std::int64_t>(kPerCall)) {
        remaining = true;
        break;
      }
      if (prune_one(core::SagaId(value->string_or("saga", "")), order.dry_run)) ++removed;
    }
    looked_at += rows->size();
    if (rows->size() < kPerCall ||
        looked_at >= static_cast<std::size_t>(context_.limits.scan_rows)) {
      break;
    }
  }
  if (removed > 0 && !order.dry_run) {
    record("prune", Value::object({{"removed", removed}, {"before", core::format_time(before)}}),
           actor, "");
  }
  context_.answer(reply, success(Value::object({{"removed", removed},
                                           {"dry_run", order.dry_run},
                                           {"remaining", remaining}})));
}

bool Controls::may_prune(const SagaEntry& entry) const {
  const core::SagaState& state = entry.state;
  if (!state.ended()) return false;
  const core::Birth& birth = state.birth;
  // What its workflow promises to keep is kept, whatever age was asked for.
  if (entry.graph) {
    const auto& kept = state.phase == core::Phase::kCompleted
                           ? entry.graph->retention_completed_ms
                           : entry.graph->retention_compensated_ms;
    if (kept && state.ended_at.ms + *kept > context_.now.time.ms) return false;
  }
  // What a parent may still want undone stays with it; so does an undo that is on its way.
  if (!birth.parent.empty() && !birth.detached) {
    const auto parent = context_.sagas.load(birth.parent);
    if (parent && (*parent)->state.exists() && !(*parent)->state.ended()) return false;
  }
  return state.nodes.empty() || (state.nodes[0].undoing == 0 && state.stuck.empty());
}

bool Controls::prune_one(const core::SagaId& saga, bool dry_run) {
  auto loaded = context_.sagas.load(saga);
  if (!loaded || !(*loaded)->state.exists() || !may_prune(**loaded)) return false;
  if (dry_run) return true;
  SagaEntry& entry = **loaded;
  const core::Birth& birth = entry.state.birth;
  store::Commit& commit = context_.commits.open();
  commit.stream_deletes.push_back({saga_stream(saga), entry.state.revision});
  context_.projections.removed(entry, commit);
  if (!birth.key.empty()) {
    commit.index_put.push_back(
        {table::kStartKeys, saga.str(),
         Value::object({{"digest", birth.payload_digest},
                        {"state", core::engine_state(entry.state)},
                        {"revision", static_cast<std::int64_t>(entry.state.revision)},
                        {"ended_at", core::format_time(entry.state.ended_at)},
                        {"removed_at_ms", context_.now.time.ms}})
             .to_json()});
  }
  context_.sagas.drop(saga);
  return true;
}

}  // namespace weft::engine
