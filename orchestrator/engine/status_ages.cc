#include "orchestrator/engine/status_ages.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "orchestrator/core/event_codec.h"
#include "orchestrator/engine/digest.h"
#include "orchestrator/engine/projections.h"
#include "orchestrator/engine/tables.h"

namespace weft::engine {
namespace {

// A row's key: group (16) be8(since) saga (26).
constexpr std::size_t kGroupBytes = 16, kSinceBytes = 8, kAgeKeyBytes = 50;
constexpr std::size_t kAgeRowsPerRead = 1'000;
constexpr std::string_view kBuilt = "status_ages";  // row of table kMeta
constexpr std::string_view kStatusPrefix = "status.";

bool measures_ages(const dsl::SagaGraph& graph) {
  return std::any_of(graph.kpis.begin(), graph.kpis.end(),
                     [](const dsl::KpiDefinition& kpi) { return !kpi.age_of.empty(); });
}

core::Timestamp since_of(std::string_view key) {
  return {static_cast<std::int64_t>(from_big_endian(key.substr(kGroupBytes, kSinceBytes)))};
}

// {"kpi", "labels": [[name, value], …]}: what a group is, and the value of each of its rows.
std::string describe(const std::string& kpi, const MetricLabels& labels) {
  dsl::Value::Array pairs;
  for (const auto& [name, value] : labels) {
    pairs.push_back(dsl::Value::array({dsl::Value(name), dsl::Value(value)}));
  }
  return dsl::Value::object({{"kpi", kpi}, {"labels", dsl::Value::array(std::move(pairs))}})
      .to_json();
}

/// When the saga got the status it has: by its events. Nothing where they can not be read.
std::optional<core::Timestamp> status_since(const store::EventStore& store,
                                            const core::SagaId& saga) {
  core::SagaState state;
  core::Timestamp since;
  for (;;) {
    const auto records = store.read_stream(saga_stream(saga), state.revision + 1, kAgeRowsPerRead);
    if (!records) return std::nullopt;
    for (const store::EventRecord& record : *records) {
      const auto event = core::decode(
          {record.type, record.format, record.at_ms, record.header, record.payload});
      if (!event) return std::nullopt;
      const std::string before = state.status;
      try {
        core::evolve(state, *event);
      } catch (const core::InvariantBroken&) {
        return std::nullopt;
      }
      if (state.status != before) since = event->at;
    }
    if (records->size() < kAgeRowsPerRead) return since;
  }
}

}  // namespace

StatusAges::StatusAges(const store::EventStore& store, Metrics& metrics,
                       std::int64_t label_values_max)
    : store_(store), metrics_(metrics), labels_(label_values_max) {}

void StatusAges::know(const std::string& group, std::string_view description) {
  if (groups_.contains(group)) return;
  const auto value = dsl::Value::parse(description);
  if (!value) return;
  const std::string kpi = value->string_or("kpi", "");
  Group known{KpiLabels::metric_name(kpi), {}, group};
  if (const auto* pairs = value->find("labels"); pairs != nullptr && pairs->is_array()) {
    for (const dsl::Value& pair : pairs->as_array()) {
      if (!pair.is_array() || pair.size() != 2) continue;
      const auto& two = pair.as_array();
      if (two[0].is_string() && two[1].is_string()) {
        known.labels.emplace_back(two[0].as_string(), two[1].as_string());
      }
    }
  }
  labels_.seen(kpi, known.labels);
  groups_.emplace(group, std::move(known));
}

tl::expected<void, std::string> StatusAges::recover(SagaRepository& sagas, CommitQueue& commits) {
  const auto built = store_.get_index(table::kMeta, kBuilt);
  if (!built) return tl::unexpected("the ages can not be read: " + built.error().message);
  if (!*built) {
    if (store_.head_position() > 0) return rebuild(sagas, commits);
    commits.open().index_put.push_back({table::kMeta, std::string(kBuilt), "1"});
    return {};
  }
  // From group to group, not from row to row.
  std::string after;
  for (;;) {
    const auto rows = store_.scan_index(table::kStatusAges, "", after, 1);
    if (!rows) return tl::unexpected("the ages can not be read: " + rows.error().message);
    if (rows->empty()) return {};
    const std::string group = rows->front().key.substr(0, kGroupBytes);
    know(group, rows->front().value);
    after = group + '\xff';  // no time is that far away
  }
}

tl::expected<void, std::string> StatusAges::rebuild(SagaRepository& sagas, CommitQueue& commits) {
  const auto unreadable = [](const store::StoreError& error) {
    return tl::unexpected("the ages can not be built: " + error.message);
  };
  commits.open().index_delete.push_back({table::kMeta, std::string(kBuilt)});
  commits.flush();
  for (const std::uint16_t table : {table::kStatusAges, table::kStatusAgesOf}) {
    for (;;) {
      const auto rows = store_.scan_index(table, "", "", kAgeRowsPerRead);
      if (!rows) return unreadable(rows.error());
      if (rows->empty()) break;
      store::Commit& commit = commits.open();
      for (const auto& row : *rows) commit.index_delete.push_back({table, row.key});
      commits.flush();
    }
  }
  for (std::string after;;) {
    const auto rows = store_.scan_index(table::kSagaRows, "", after, kAgeRowsPerRead);
    if (!rows) return unreadable(rows.error());
    for (const auto& row : *rows) {
      after = row.key;
      const auto shown = dsl::Value::parse(row.value);
      if (!shown || is_end_state(shown->string_or("state", "")) ||
          shown->string_or("status", "").empty()) {
        continue;
      }
      // A saga that can not be read has no age either; whoever asks for it is told why.
      auto entry = sagas.read(core::SagaId(shown->string_or("saga", "")), 0);
      if (!entry || !entry->state.exists() || !entry->graph || !measures_ages(*entry->graph)) {
        continue;
      }
      entry->age_rows_known = true;
      const auto kept = wanted(*entry, began(*entry, entry->state.accepted_at));
      if (!kept.empty()) write(*entry, kept, commits.open());
    }
    commits.flush();
    if (rows->size() < kAgeRowsPerRead) break;
  }
  commits.open().index_put.push_back({table::kMeta, std::string(kBuilt), "1"});
  return {};
}

core::Timestamp StatusAges::began(const SagaEntry& entry, core::Timestamp otherwise) const {
  return status_since(store_, entry.state.birth.saga).value_or(otherwise);
}

std::map<std::string, std::string> StatusAges::wanted(const SagaEntry& entry,
                                                      core::Timestamp began) {
  std::map<std::string, std::string> rows;
  const core::SagaState& state = entry.state;
  if (!entry.graph || state.ended()) return rows;
  for (const dsl::KpiDefinition& kpi : entry.graph->kpis) {
    if (!kpi.age_of.starts_with(kStatusPrefix) ||
        kpi.age_of.substr(kStatusPrefix.size()) != state.status) {
      continue;
    }
    static const core::SagaStuck kNowhere{};
    const core::SagaStuck& stuck = state.stuck.empty() ? kNowhere : state.stuck.begin()->second;
    std::string description =
        describe(kpi.name, labels_.of(kpi, state, stuck.error, core::step_name(stuck.path)));
    const std::string group = digest16(description);
    know(group, description);
    rows.emplace(
        group + big_endian(static_cast<std::uint64_t>(began.ms)) + state.birth.saga.str(),
        std::move(description));
  }
  return rows;
}

void StatusAges::load_rows(SagaEntry& entry) const {
  const auto stored = store_.get_index(table::kStatusAgesOf, entry.state.birth.saga.str());
  if (!stored) return;  // The disk will be met again at once, by whoever writes.
  entry.age_rows_known = true;
  if (!*stored) return;
  for (std::size_t at = 0; at + kAgeKeyBytes <= (*stored)->size(); at += kAgeKeyBytes) {
    entry.age_rows.push_back((*stored)->substr(at, kAgeKeyBytes));
  }
}

void StatusAges::decided(SagaEntry& entry, const core::Decided& decided,
                         std::uint64_t revision_before, store::Commit& commit) {
  if (decided.events.empty()) return;
  const bool moved = std::any_of(
      decided.events.begin(), decided.events.end(), [](const core::Event& event) {
        return std::holds_alternative<core::SagaMoved>(event.body);
      });
  // A saga whose graph is missing may have rows, too.
  const bool measured = !entry.graph || measures_ages(*entry.graph);
  if (!measured && !moved && entry.age_rows.empty()) return;
  const core::SagaState& state = entry.state;
  const bool same_status = revision_before > 0 && state.status == entry.row_status;
  if (same_status && !moved && core::engine_state(state) == entry.row_state) return;
  if (revision_before == 0) entry.age_rows_known = true;
  if (!entry.age_rows_known) load_rows(entry);
  if (!entry.graph && same_status && !state.ended()) return;  // What it measures is not known now.
  if (!same_status) return write(entry, wanted(entry, decided.events.back().at), commit);
  const core::Timestamp from = entry.age_rows.empty() ? began(entry, decided.events.back().at)
                                                      : since_of(entry.age_rows.front());
  write(entry, wanted(entry, from), commit);
  for (const std::string& key : entry.age_rows) {
    groups_.at(key.substr(0, kGroupBytes)).unsettled = entry.last_batch;
  }
}

void StatusAges::write(SagaEntry& entry, const std::map<std::string, std::string>& rows,
                       store::Commit& commit) {
  std::vector<std::string> keys;
  std::string joined;
  for (const auto& [key, value] : rows) {
    keys.push_back(key);
    joined += key;
  }
  std::vector<std::string> before = entry.age_rows;
  std::sort(before.begin(), before.end());
  if (keys == before) return;
  for (const std::string& key : before) {
    if (!rows.contains(key)) commit.index_delete.push_back({table::kStatusAges, key});
  }
  for (const auto& [key, value] : rows) {
    commit.index_put.push_back({table::kStatusAges, key, value});
    Group& group = groups_.at(key.substr(0, kGroupBytes));
    if (key <= group.after) group.after = key.substr(0, key.size() - 1);
  }
  const std::string saga = entry.state.birth.saga.str();
  if (joined.empty()) {
    commit.index_delete.push_back({table::kStatusAgesOf, saga});
  } else {
    commit.index_put.push_back({table::kStatusAgesOf, saga, joined});
  }
  entry.age_rows = std::move(keys);
}

void StatusAges::refresh(core::Timestamp now, std::uint64_t durable_batch) {
  for (const auto& [key, group] : groups_) metrics_.clear(group.metric);
  for (auto& [key, group] : groups_) {
    const auto rows = store_.scan_index(table::kStatusAges, key, group.after, 1);
    if (!rows || rows->empty()) continue;
    const std::string& oldest = rows->front().key;
    // New rows are the youngest and become durable in order. One that is put among others may still
    // be on its way, and belong before what is found now.
    if (group.unsettled <= durable_batch) group.after = oldest.substr(0, oldest.size() - 1);
    const std::int64_t age_ms = std::max<std::int64_t>(0, now.ms - since_of(oldest).ms);
    metrics_.gauge(group.metric, group.labels, static_cast<double>(age_ms) / 1000.0);
  }
}

}  // namespace weft::engine
