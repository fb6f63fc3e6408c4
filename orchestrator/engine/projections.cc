#include "orchestrator/engine/projections.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <utility>

#include "orchestrator/engine/registry.h"
#include "orchestrator/engine/tables.h"

namespace weft::engine {
namespace {

constexpr std::array<std::string_view, 4> kEnds = {"completed", "compensated", "failed",
                                                   "terminated"};

std::int64_t number_of(std::string_view text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// A person's doing, not the course of things: starts and events come by the million, so they are
// kept here only where a person made them or the caller said who it is. `first`: the first event of
// a decision, which names what was done; the others follow from it and carry the same actor.
bool is_action(const core::Event& first) {
  const core::Actor& actor = first.actor;
  if (actor.via == "engine") return false;
  const bool traffic = std::holds_alternative<core::SagaStarted>(first.body) ||
                       std::holds_alternative<core::SagaQueued>(first.body) ||
                       std::holds_alternative<core::EventReceived>(first.body);
  return !traffic || actor.via == "cli" || actor.via == "console" || !actor.name.empty();
}

const std::vector<core::Movement>* movements_of(const core::Event& event) {
  return std::visit(
      [](const auto& body) -> const std::vector<core::Movement>* {
        if constexpr (requires { body.movements; }) {
          return &body.movements;
        } else {
          return nullptr;
        }
      },
      event.body);
}

// Of a saga that is stuck already: its ledger, or the actions that are safe.
bool changes_what_is_shown(const core::Event& event) {
  const auto* movements = movements_of(event);
  return (movements != nullptr && !movements->empty()) ||
         std::holds_alternative<core::PivotReached>(event.body);
}

const char* movement_name(core::Movement::Kind kind) {
  switch (kind) {
    case core::Movement::Kind::kHeld: return "held";
    case core::Movement::Kind::kConsumed: return "consumed";
    case core::Movement::Kind::kReleased: return "released";
    case core::Movement::Kind::kWrittenOff: return "written_off";
    case core::Movement::Kind::kReturned: return "returned";
  }
  return "held";
}

}  // namespace

bool is_end_state(std::string_view state) {
  return std::find(kEnds.begin(), kEnds.end(), state) != kEnds.end();
}

// What cures a step may be wrong for its undo, so the place tells groups apart, too.
std::string StuckPlace::group() const {
  std::string parts;
  for (const std::string* part : {&workflow, &step, &place, &error_class, &code, &adapter}) {
    parts += *part;
    parts += '\0';
  }
  return to_hex(digest16(parts)).substr(0, 12);
}

dsl::Value StuckPlace::to_value() const {
  return dsl::Value::object({{"saga", saga},
                             {"workflow", workflow},
                             {"step", step},
                             {"path", path},
                             {"place", place},
                             {"class", error_class},
                             {"code", code},
                             {"adapter", adapter},
                             {"message", message},
                             {"owner", owner},
                             {"since_ms", since.ms},
                             {"held", held},
                             {"actions", actions}});
}

StuckPlace StuckPlace::from_value(const dsl::Value& value) {
  StuckPlace place;
  place.saga = value.string_or("saga", "");
  place.workflow = value.string_or("workflow", "");
  place.step = value.string_or("step", "");
  place.path = value.string_or("path", "");
  place.place = value.string_or("place", "");
  place.error_class = value.string_or("class", "");
  place.code = value.string_or("code", "");
  place.adapter = value.string_or("adapter", "");
  place.message = value.string_or("message", "");
  place.owner = value.string_or("owner", "");
  place.since.ms = value.integer_or("since_ms", 0);
  if (const auto* held = value.find("held")) place.held = *held;
  if (const auto* actions = value.find("actions")) place.actions = *actions;
  return place;
}

Projections::Projections(const store::EventStore& store, Metrics& metrics)
    : store_(store), metrics_(metrics) {}

tl::expected<void, std::string> Projections::recover() {
  constexpr std::size_t kRows = 1'000;
  std::string after;
  for (;;) {
    auto rows = store_.scan_index(table::kCounts, "", after, kRows);
    if (!rows) return tl::unexpected("the counts can not be read: " + rows.error().message);
    for (const auto& row : *rows) {
      const std::size_t split = row.key.find('\0');
      if (split == std::string::npos) continue;
      counts_[{row.key.substr(0, split), row.key.substr(split + 1)}] = number_of(row.value);
    }
    if (rows->size() < kRows) break;
    after = rows->back().key;
  }
  after.clear();
  for (;;) {
    auto rows = store_.scan_index(table::kStuckPlaces, "", after, kRows);
    if (!rows) return tl::unexpected("the stuck places can not be read: " + rows.error().message);
    for (const auto& row : *rows) {
      if (const auto value = dsl::Value::parse(row.value)) {
        StuckPlace place = StuckPlace::from_value(*value);
        stuck_[place.saga].push_back(std::move(place));
      }
    }
    if (rows->size() < kRows) break;
    after = rows->back().key;
  }
  return {};
}

std::string Projections::row_key(const core::SagaState& state) {
  return newest_first(state.accepted_at) + state.birth.saga.str();
}

void Projections::count(const std::string& workflow, const std::string& state, std::int64_t by) {
  counts_[{workflow, state}] += by;
  changed_counts_.insert({workflow, state});
}

std::int64_t Projections::running(const std::string& workflow) const {
  std::int64_t running = 0;
  for (auto row = counts_.lower_bound({workflow, ""});
       row != counts_.end() && row->first.first == workflow; ++row) {
    if (!is_end_state(row->first.second)) running += row->second;
  }
  return running;
}

void Projections::decided(SagaEntry& entry, const core::Decided& decided,
                          std::uint64_t revision_before, store::Commit& commit) {
  const core::SagaState& state = entry.state;
  const std::string& workflow = state.birth.workflow;
  bool stuck_changed = false;
  // Beside a stuck place the others go on: what the saga holds and what a person may do change.
  const bool was_stuck = stuck_.contains(state.birth.saga.str());
  if (!decided.events.empty() && is_action(decided.events.front())) {
    audit(entry, decided.events.front(), revision_before + 1, commit);
  }
  for (const core::Event& event : decided.events) {
    measure(entry, event);
    stuck_changed = stuck_changed || std::holds_alternative<core::SagaStuck>(event.body) ||
                    std::holds_alternative<core::SagaResumed>(event.body) ||
                    (was_stuck && changes_what_is_shown(event));
  }
  if (stuck_changed || (state.ended() && was_stuck)) {
    refresh_stuck(entry, commit);
  }
  const std::string now_state = core::engine_state(state);
  if (revision_before == 0) {
    metrics_.count("weft_sagas_started_total", {{"workflow", workflow}});
  }
  if (entry.row_known && now_state == entry.row_state && state.status == entry.row_status &&
      !stuck_changed && revision_before > 0) {
    return;
  }
  if (revision_before == 0) {
    count(workflow, now_state, 1);
  } else if (now_state != entry.row_state) {
    count(workflow, entry.row_state, -1);
    count(workflow, now_state, 1);
  }
  if (is_end_state(now_state) && (revision_before == 0 || !is_end_state(entry.row_state))) {
    metrics_.count("weft_sagas_ended_total", {{"workflow", workflow}, {"state", now_state}});
    metrics_.observe("weft_saga_duration_seconds", {{"workflow", workflow}, {"state", now_state}},
                     static_cast<double>(state.ended_at.ms - state.accepted_at.ms) / 1000.0);
  }
  entry.row_state = now_state;
  entry.row_status = state.status;
  entry.row_known = true;
  commit.index_put.push_back(
      {table::kSagaRows, row_key(state), core::list_row(state).to_json()});
}

void Projections::removed(const SagaEntry& entry, store::Commit& commit) {
  const core::SagaState& state = entry.state;
  commit.index_delete.push_back({table::kSagaRows, row_key(state)});
  count(state.birth.workflow, core::engine_state(state), -1);
}

void Projections::write_counts(store::Commit& commit) {
  for (const auto& changed : changed_counts_) {
    const auto found = counts_.find(changed);
    commit.index_put.push_back({table::kCounts, pair_key(changed.first, changed.second),
                                std::to_string(found->second)});
  }
  changed_counts_.clear();
}

void Projections::refresh_stuck(SagaEntry& entry, store::Commit& commit) {
  const core::SagaState& state = entry.state;
  const std::string& saga = state.birth.saga.str();
  if (const auto old = stuck_.find(saga); old != stuck_.end()) {
    for (const StuckPlace& place : old->second) {
      commit.index_delete.push_back({table::kStuckPlaces, pair_key(saga, digest16(place.path))});
    }
    stuck_.erase(old);
  }
  if (state.stuck.empty()) return;  // A repair can be stuck after the end, too.
  const dsl::Value shown = core::show(entry.graph.get(), state);
  const dsl::Value* row = shown.find("stuck");
  dsl::Value::Object held;
  if (const auto* ledger = shown.find("ledger"); ledger != nullptr && ledger->is_object()) {
    for (const auto& resource : ledger->as_object()) {
      if (const auto* balance = resource.value.find("balance"); balance && balance->size() > 0) {
        held.push_back({resource.key, *balance});
      }
    }
  }
  for (const auto& [path, stuck] : state.stuck) {
    StuckPlace place;
    place.saga = saga;
    place.workflow = state.birth.workflow;
    place.step = std::string(core::step_name(path));
    place.path = path.str();
    place.place = stuck.place;
    place.error_class = stuck.error.error_class;
    place.code = stuck.error.code;
    place.adapter = stuck.error.adapter;
    place.message = stuck.error.message;
    place.owner = state.birth.owner;
    const auto since = state.stuck_since.find(path);
    if (since != state.stuck_since.end()) place.since = since->second;
    place.held = dsl::Value::object(held);
    if (row != nullptr) {
      if (const auto* actions = row->find("actions")) place.actions = *actions;
    }
    commit.index_put.push_back({table::kStuckPlaces, pair_key(saga, digest16(place.path)),
                                place.to_value().to_json()});
    stuck_[saga].push_back(std::move(place));
  }
}

void Projections::measure(const SagaEntry& entry, const core::Event& event) {
  const std::string& workflow = entry.state.birth.workflow;
  if (const auto* anomaly = std::get_if<core::AnomalyRecorded>(&event.body)) {
    metrics_.count("weft_anomalies_total", {{"workflow", workflow}, {"kind", anomaly->kind}});
  }
  if (const auto* movements = movements_of(event)) {
    for (const core::Movement& movement : *movements) {
      if (!movement.items.is_array()) continue;
      double units = 0;
      for (const dsl::Value& item : movement.items.as_array()) {
        const dsl::Value* quantity = item.find(movement.quantity);
        if (quantity == nullptr || !quantity->is_number()) continue;
        units += std::strtod(quantity->as_decimal().to_string().c_str(), nullptr);
      }
      metrics_.count("weft_resource_units_total",
                     {{"workflow", workflow},
                      {"resource", movement.resource},
                      {"movement", movement_name(movement.kind)}},
                     units);
    }
  }
}

void Projections::audit(const SagaEntry& entry, const core::Event& event, std::uint64_t revision,
                        store::Commit& commit) {
  const core::Birth& birth = entry.state.birth;
  std::string how;  // Several actions have one event.
  if (const auto* resumed = std::get_if<core::SagaResumed>(&event.body)) how = resumed->how;
  if (const auto* cancelled = std::get_if<core::CancelRequested>(&event.body))
    how = cancelled->kind;
  const dsl::Value row =
      dsl::Value::object({{"at", core::format_time(event.at)},
                          {"actor", actor_value(event.actor)},
                          {"action", std::string(core::type_name(event))},
                          {"how", how.empty() ? dsl::Value() : dsl::Value(how)},
                          {"reason", event.reason},
                          {"saga", birth.saga.str()},
                          {"workflow", birth.workflow},
                          {"key", birth.key},
                          {"step", std::string(core::step_name(core::path_of(event)))},
                          {"revision", static_cast<std::int64_t>(revision)}});
  commit.index_put.push_back({table::kAudit,
                              newest_first(event.at) + birth.saga.str() + big_endian(revision),
                              row.to_json()});
}

}  // namespace weft::engine
