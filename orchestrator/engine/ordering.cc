#include "orchestrator/engine/ordering.h"

#include <algorithm>
#include <utility>

#include "dsl/value.h"
#include "orchestrator/core/planted.h"
#include "orchestrator/core/reached.h"
#include "orchestrator/engine/tables.h"

namespace weft::engine {

std::string Ordering::name_of(const std::string& workflow, const std::string& key) {
  return digest16(pair_key(workflow, key));
}

tl::expected<void, std::string> Ordering::recover() {
  if (PLANTED(15)) return {};  // who waits in a queue is forgotten
  constexpr std::size_t kRows = 1'000;
  std::string after;
  for (;;) {
    auto rows = store_.scan_index(table::kQueuePlaces, "", after, kRows);
    if (!rows)
      return tl::unexpected("the ordering queues can not be read: " + rows.error().message);
    for (const auto& row : *rows) {
      const auto value = dsl::Value::parse(row.value);
      if (!value || row.key.size() != 24) continue;
      Queue& queue = queues_[row.key.substr(0, 16)];
      queue.workflow = value->string_or("workflow", "");
      queue.key = value->string_or("key", "");
      const std::uint64_t place = from_big_endian(std::string_view(row.key).substr(16));
      queue.places.push_back({place, core::SagaId(value->string_or("saga", "")),
                              value->boolean_or("queued", false)});
      queue.next_place = place + 1;
      if (queue.places.size() > 1) waiting_.insert(row.key.substr(0, 16));
    }
    if (rows->size() < kRows) return {};
    after = rows->back().key;
  }
}

bool Ordering::occupied(const std::string& workflow, const std::string& key) const {
  return queues_.contains(name_of(workflow, key));
}

std::optional<core::SagaId> Ordering::head(const std::string& workflow,
                                           const std::string& key) const {
  const auto found = queues_.find(name_of(workflow, key));
  if (found == queues_.end()) return std::nullopt;
  return found->second.places.front().saga;
}

void Ordering::join(const core::Birth& birth, bool queued, store::Commit& commit) {
  const std::string name = name_of(birth.workflow, birth.ordering_key);
  Queue& queue = queues_[name];
  queue.workflow = birth.workflow;
  queue.key = birth.ordering_key;
  const std::uint64_t place = queue.next_place++;
  queue.places.push_back({place, birth.saga, queued});
  if (queue.places.size() > 1) waiting_.insert(name);
  commit.index_put.push_back({table::kQueuePlaces, name + big_endian(place),
                              dsl::Value::object({{"saga", birth.saga.str()},
                                                  {"workflow", birth.workflow},
                                                  {"key", birth.ordering_key},
                                                  {"queued", queued}})
                                  .to_json()});
}

std::optional<core::SagaId> Ordering::leave(const core::Birth& birth, store::Commit& commit) {
  const std::string name = name_of(birth.workflow, birth.ordering_key);
  const auto found = queues_.find(name);
  if (found == queues_.end()) return std::nullopt;
  auto& places = found->second.places;
  const auto place = std::find_if(places.begin(), places.end(),
                                  [&](const auto& entry) { return entry.saga == birth.saga; });
  if (place == places.end()) return std::nullopt;  // it was let pass
  const bool was_head = place == places.begin();
  const std::string row = name + big_endian(place->number);
  // Who ends within the decision that began him leaves no row: a commit removes before it puts.
  std::erase_if(commit.index_put, [&](const store::IndexPut& put) {
    return put.table == table::kQueuePlaces && put.key == row;
  });
  commit.index_delete.push_back({table::kQueuePlaces, row});
  places.erase(place);
  if (places.size() < 2) waiting_.erase(name);
  if (places.empty()) {
    queues_.erase(found);
    return std::nullopt;
  }
  if (!was_head) REACHED("somebody leaves a queue from its middle");
  if (!was_head) return std::nullopt;
  return places.front().saga;
}

std::vector<core::SagaId> Ordering::superseded_by(const core::Birth& newest) const {
  std::vector<core::SagaId> out;
  const auto found = queues_.find(name_of(newest.workflow, newest.ordering_key));
  if (found == queues_.end()) return out;
  const auto& places = found->second.places;
  for (std::size_t i = 1; i < places.size(); ++i) {
    if (places[i].saga == newest.saga) break;
    out.push_back(places[i].saga);
  }
  return out;
}

std::vector<const Ordering::Queue*> Ordering::blocked(const std::string& key) const {
  std::vector<const Queue*> out;
  if (key.empty()) {
    for (const std::string& name : waiting_) out.push_back(&queues_.at(name));
    return out;
  }
  for (const auto& [name, queue] : queues_) {
    if (queue.key == key || queue.workflow + ":" + queue.key == key) out.push_back(&queue);
  }
  return out;
}

std::map<std::string, std::int64_t> Ordering::blocked_by_workflow() const {
  std::map<std::string, std::int64_t> out;
  for (const std::string& name : waiting_) ++out[queues_.at(name).workflow];
  return out;
}

}  // namespace weft::engine
