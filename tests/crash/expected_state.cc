#include "tests/crash/expected_state.h"

#include <functional>
#include <limits>

namespace weft::test {
namespace {

constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();

std::string text(std::uint64_t number) { return std::to_string(number) + '|'; }
std::string sized(std::string_view bytes) { return text(bytes.size()) + std::string(bytes); }
std::string text(const store::StreamId& stream) {
  return text(stream.partition) + sized(stream.name);
}

std::string event_row(const store::StreamId& stream, std::uint64_t version) {
  return "event|" + text(stream) + text(version);
}
std::string event_value(std::uint64_t position, std::uint16_t type, std::uint16_t format,
                        std::int64_t at_ms, std::string_view header, std::string_view payload,
                        std::string_view erased) {
  return text(position) + text(type) + text(format) + text(static_cast<std::uint64_t>(at_ms)) +
         sized(header) + sized(payload) + sized(erased);
}
std::string outbox_row(const store::StreamId& stream, std::string_view id) {
  return "outbox|" + text(stream) + sized(id);
}
std::string timer_row(const store::StreamId& stream, std::int64_t due_ms, std::string_view id) {
  return "timer|" + text(stream) + text(static_cast<std::uint64_t>(due_ms)) + sized(id);
}
std::string snapshot_row(const store::StreamId& stream) { return "snapshot|" + text(stream); }
std::string index_row(std::uint16_t table, std::string_view key) {
  return "index|" + text(table) + sized(key);
}

// Of one row; mixed, as sums of plain hashes could cancel out.
std::uint64_t sum_of(std::string_view row, std::string_view value) {
  std::uint64_t hash = std::hash<std::string_view>{}(row)*0x9E3779B97F4A7C15ULL ^
                       std::hash<std::string_view>{}(value);
  hash ^= hash >> 31U;
  hash *= 0xBF58476D1CE4E5B9ULL;
  hash ^= hash >> 29U;
  return hash;
}

}  // namespace

void ExpectedState::put(const std::string& row, std::string_view value) {
  remove(row);
  const std::uint64_t sum = sum_of(row, value);
  rows_[row] = sum;
  sum_ += sum;
}

void ExpectedState::remove(const std::string& row) {
  const auto found = rows_.find(row);
  if (found == rows_.end()) return;
  sum_ -= found->second;
  rows_.erase(found);
}

void ExpectedState::put_event(const store::StreamId& id, std::size_t index) {
  const Stream& stream = streams_.at(id);
  const auto& [position, event] = stream.events[index];
  const auto erased = stream.erased.find(index + 1);
  const bool gone = erased != stream.erased.end();
  put(event_row(id, index + 1), event_value(position, event.type, event.format, event.at_ms,
                                            event.header, gone ? std::string_view() : event.payload,
                                            gone ? "erased " + erased->second : std::string()));
}

void ExpectedState::apply(const store::Commit& commit) {
  for (const store::StreamDelete& gone : commit.stream_deletes) {
    for (std::size_t i = 0; i < streams_[gone.stream].events.size(); ++i) {
      remove(event_row(gone.stream, i + 1));
    }
    remove(snapshot_row(gone.stream));
    streams_.erase(gone.stream);
  }
  for (const store::PayloadErasure& erasure : commit.erasures) {
    streams_.at(erasure.stream).erased.try_emplace(erasure.version, erasure.reason);
    put_event(erasure.stream, erasure.version - 1);
  }
  for (const store::Append& append : commit.appends) {
    Stream& stream = streams_[append.stream];
    for (const store::NewEvent& event : append.events) {
      stream.events.emplace_back(++position_, event);
      put_event(append.stream, stream.events.size() - 1);
    }
  }
  for (const auto& key : commit.outbox_settle) remove(outbox_row(key.stream, key.id));
  for (const auto& key : commit.timers_cancel) remove(timer_row(key.stream, key.due_ms, key.id));
  for (const auto& key : commit.index_delete) remove(index_row(key.table, key.key));
  for (const auto& row : commit.outbox_add) put(outbox_row(row.stream, row.id), row.data);
  for (const auto& timer : commit.timers_set) {
    put(timer_row(timer.stream, timer.due_ms, timer.id), timer.data);
  }
  for (const auto& snapshot : commit.snapshots) {
    with_snapshots_.insert(snapshot.stream);
    put(snapshot_row(snapshot.stream), text(snapshot.version) + snapshot.data);
  }
  for (const auto& row : commit.index_put) {
    tables_.insert(row.table);
    put(index_row(row.table, row.key), row.value);
  }
}

void ExpectedState::submit(const std::vector<store::Commit>& batch) {
  for (const store::Commit& commit : batch) apply(commit);
  sums_.push_back(sum_);
  positions_.push_back(position_);
}

store::Result<std::uint64_t> ExpectedState::read(const store::EventStore& store) const {
  std::uint64_t sum = 0;
  const auto events = store.read_all(0, kAll);
  if (!events) return tl::unexpected(events.error());
  for (const store::EventRecord& event : *events) {
    sum += sum_of(
        event_row(event.stream, event.version),
        event_value(event.position, event.type, event.format, event.at_ms, event.header,
                    event.payload, event.erased ? "erased " + event.erased_reason : std::string()));
  }
  const auto outbox = store.scan_outbox({}, "", kAll);
  if (!outbox) return tl::unexpected(outbox.error());
  for (const auto& row : outbox->rows) sum += sum_of(outbox_row(row.stream, row.id), row.data);
  const auto timers = store.scan_timers({}, std::numeric_limits<std::int64_t>::max(), "", kAll);
  if (!timers) return tl::unexpected(timers.error());
  for (const auto& timer : timers->rows) {
    sum += sum_of(timer_row(timer.stream, timer.due_ms, timer.id), timer.data);
  }
  for (const store::StreamId& stream : with_snapshots_) {
    const auto snapshot = store.load_snapshot(stream);
    if (!snapshot) return tl::unexpected(snapshot.error());
    if (*snapshot) {
      sum += sum_of(snapshot_row(stream), text((*snapshot)->version) + (*snapshot)->data);
    }
  }
  for (const std::uint16_t table : tables_) {
    const auto rows = store.scan_index(table, "", "", kAll);
    if (!rows) return tl::unexpected(rows.error());
    for (const auto& row : *rows) sum += sum_of(index_row(table, row.key), row.value);
  }
  return sum;
}

}  // namespace weft::test
