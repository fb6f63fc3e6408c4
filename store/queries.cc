#include "store/queries.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "store/event_record.h"
#include "store/key_layout.h"

namespace weft::store::queries {
namespace {

tl::unexpected<StoreError> damaged(std::string message) {
  message += "; run `weft fsck` and restore a backup";
  return tl::unexpected(StoreError{StoreError::Kind::kDamaged, std::move(message)});
}

std::string event_name(const StreamId& stream, std::uint64_t version) {
  return "event " + std::to_string(version) + " of stream " + describe(stream);
}

// Callers ask for "all" with huge numbers; that must not reserve memory.
std::size_t reservation(std::size_t max) { return std::min<std::size_t>(max, 256); }

// Moves a new cursor to the first row of the next page.
void start_page(RowCursor& rows, std::string_view lower, const Bytes& cursor) {
  if (cursor.empty() || cursor < lower) {
    rows.seek(lower);
    return;
  }
  rows.seek(cursor);
  if (rows.valid() && rows.key() == cursor) rows.next();
}

// Finds the append that holds a position, or the next one after it. Not valid: there is none.
struct FoundAppend {
  std::uint64_t first_position = 0;
  PositionRow row;
};
Result<std::optional<FoundAppend>> parse_append(const RowCursor& cursor) {
  if (!cursor.valid()) {
    if (const auto status = cursor.status(); !status) return tl::unexpected(status.error());
    return std::nullopt;
  }
  const auto first = parse_position_key(cursor.key());
  auto row = parse_position_row(cursor.value());
  if (!first || !row) return damaged("a row of the table `positions` is unreadable");
  return FoundAppend{*first, *std::move(row)};
}
Result<std::optional<FoundAppend>> find_append(RowCursor& cursor, std::uint64_t position) {
  cursor.seek_back(position_key(position));
  auto found = parse_append(cursor);
  if (!found) return found;
  if (*found && (*found)->first_position + (*found)->row.count > position) return found;
  cursor.seek(position_key(position));
  return parse_append(cursor);
}

Result<EventRecord> event_of_append(const RowReader& rows, const FoundAppend& append,
                                    std::uint64_t index) {
  const std::uint64_t version = append.row.first_version + index;
  const auto value = rows.get(Table::kEvents, event_key(append.row.stream, version));
  if (!value) return tl::unexpected(value.error());
  if (!*value) return damaged(event_name(append.row.stream, version) + " is missing");
  const auto event = parse_event(**value);
  if (!event || event->position != append.first_position + index) {
    return damaged(event_name(append.row.stream, version) + " is unreadable or misplaced");
  }
  return to_event_record(append.row.stream, version, *event);
}

}  // namespace

Result<std::vector<EventRecord>> read_stream(const RowReader& rows, const StreamId& stream,
                                             std::uint64_t from_version, std::size_t max) {
  std::vector<EventRecord> records;
  if (max == 0) return records;
  records.reserve(reservation(max));
  const std::uint64_t from = std::max<std::uint64_t>(from_version, 1);
  // The event before is needed for its hash.
  std::uint64_t version = from == 1 ? 1 : from - 1;
  const std::string lower = event_key(stream, version);
  const auto cursor = rows.cursor(Table::kEvents, lower, after_prefix(stream_key(stream)));
  Digest previous = version == 1 ? chain_start(stream) : Digest{};
  bool previous_known = version == 1;
  for (cursor->seek(lower); cursor->valid() && records.size() < max; cursor->next(), ++version) {
    const auto key = parse_event_key(cursor->key());
    if (!key || key->version != version) {
      return damaged(event_name(stream, version) + " is missing, but later ones are there");
    }
    const auto event = parse_event(cursor->value());
    if (!event) return damaged(event_name(stream, version) + " is unreadable");
    if (previous_known && chained_hash(*event, previous) != event->hash) {
      return damaged(event_name(stream, version) + " does not fit its hash chain");
    }
    previous = event->hash;
    previous_known = true;
    if (version >= from) records.push_back(to_event_record(stream, version, *event));
  }
  if (const auto status = cursor->status(); !status) return tl::unexpected(status.error());
  return records;
}

Result<std::vector<EventRecord>> read_all(const RowReader& rows, std::uint64_t after_position,
                                          std::size_t max) {
  std::vector<EventRecord> records;
  if (max == 0 || after_position == std::numeric_limits<std::uint64_t>::max()) return records;
  records.reserve(reservation(max));
  const auto cursor = rows.cursor(Table::kPositions, {}, {});
  auto append = find_append(*cursor, after_position + 1);
  while (append && *append) {
    const FoundAppend& found = **append;
    const std::uint64_t skip =
        after_position + 1 > found.first_position ? after_position + 1 - found.first_position : 0;
    for (std::uint64_t index = skip; index < found.row.count; ++index) {
      if (records.size() == max) return records;
      auto record = event_of_append(rows, found, index);
      if (!record) return tl::unexpected(record.error());
      records.push_back(*std::move(record));
    }
    cursor->next();
    append = parse_append(*cursor);
  }
  if (!append) return tl::unexpected(append.error());
  return records;
}

Result<std::uint64_t> stream_version(const RowReader& rows, const StreamId& stream) {
  const std::string lower = stream_key(stream);
  const auto cursor = rows.cursor(Table::kEvents, lower, after_prefix(lower));
  cursor->seek_back(event_key(stream, std::numeric_limits<std::uint64_t>::max()));
  if (!cursor->valid()) {
    if (const auto status = cursor->status(); !status) return tl::unexpected(status.error());
    return 0;
  }
  const auto key = parse_event_key(cursor->key());
  if (!key) return damaged("a key of stream " + describe(stream) + " is unreadable");
  return key->version;
}

Result<Page<StreamId>> list_streams(const RowReader& rows, std::uint8_t partition,
                                    std::string_view name_prefix, const Bytes& cursor,
                                    std::size_t max) {
  Page<StreamId> page;
  page.cursor = cursor;
  std::string lower;
  append_stream_prefix(lower, partition, name_prefix);
  const auto events = rows.cursor(Table::kEvents, lower, after_prefix(lower));
  // Cursors are keys of streams; the next stream begins after all versions of that one.
  events->seek(cursor.empty() ? lower : after_prefix(cursor));
  while (events->valid() && page.rows.size() < max) {
    auto key = parse_event_key(events->key());
    if (!key) return damaged("a key of the table `events` is unreadable");
    page.cursor = stream_key(key->stream);
    page.rows.push_back(std::move(key->stream));
    events->seek(after_prefix(page.cursor));
  }
  if (const auto status = events->status(); !status) return tl::unexpected(status.error());
  page.complete = !events->valid();
  return page;
}

Result<std::optional<Snapshot>> load_snapshot(const RowReader& rows, const StreamId& stream) {
  const auto value = rows.get(Table::kSnapshots, stream_key(stream));
  if (!value) return tl::unexpected(value.error());
  if (!*value) return std::nullopt;
  auto snapshot = parse_snapshot(stream, **value);
  if (!snapshot) return damaged("the snapshot of stream " + describe(stream) + " is unreadable");
  return snapshot;
}

Result<Page<OutboxRow>> scan_outbox(const RowReader& rows, PartitionRange partitions,
                                    const Bytes& cursor, std::size_t max) {
  Page<OutboxRow> page;
  page.cursor = cursor;
  if (partitions.first > partitions.last) {
    page.complete = true;
    return page;
  }
  const std::string lower(1, static_cast<char>(partitions.first));
  const std::string last(1, static_cast<char>(partitions.last));
  const auto outbox = rows.cursor(Table::kOutbox, lower, after_prefix(last));
  for (start_page(*outbox, lower, cursor); outbox->valid() && page.rows.size() < max;
       outbox->next()) {
    auto key = parse_outbox_key(outbox->key());
    if (!key) return damaged("a key of the table `outbox` is unreadable");
    page.cursor = outbox->key();
    page.rows.push_back({std::move(key->stream), Bytes(key->id), Bytes(outbox->value())});
  }
  if (const auto status = outbox->status(); !status) return tl::unexpected(status.error());
  page.complete = !outbox->valid();
  return page;
}

Result<Page<Timer>> scan_timers(const RowReader& rows, PartitionRange partitions,
                                std::int64_t until_ms, const Bytes& cursor, std::size_t max) {
  Page<Timer> page;
  page.cursor = cursor;
  const std::string upper = until_ms == std::numeric_limits<std::int64_t>::max()
                                ? std::string()
                                : timers_from(until_ms + 1);
  const auto timers = rows.cursor(Table::kTimers, {}, upper);
  for (start_page(*timers, {}, cursor); timers->valid() && page.rows.size() < max; timers->next()) {
    auto key = parse_timer_key(timers->key());
    if (!key) return damaged("a key of the table `timers` is unreadable");
    page.cursor = timers->key();
    const std::uint8_t partition = key->stream.partition;
    if (partition < partitions.first || partition > partitions.last) continue;
    page.rows.push_back(
        {std::move(key->stream), key->due_ms, Bytes(key->id), Bytes(timers->value())});
  }
  if (const auto status = timers->status(); !status) return tl::unexpected(status.error());
  page.complete = !timers->valid();
  return page;
}

Result<std::vector<IndexRow>> scan_index(const RowReader& rows, std::uint16_t table,
                                         std::string_view key_prefix, std::string_view after_key,
                                         std::size_t max) {
  std::vector<IndexRow> found;
  found.reserve(reservation(max));
  const std::string lower = index_key(table, key_prefix);
  const std::size_t table_size = lower.size() - key_prefix.size();
  const auto cursor = rows.cursor(Table::kIndex, lower, after_prefix(lower));
  const Bytes after = after_key.empty() ? Bytes() : index_key(table, after_key);
  for (start_page(*cursor, lower, after); cursor->valid() && found.size() < max; cursor->next()) {
    found.push_back({Bytes(cursor->key().substr(table_size)), Bytes(cursor->value())});
  }
  if (const auto status = cursor->status(); !status) return tl::unexpected(status.error());
  return found;
}

Result<Head> head(const RowReader& rows) {
  const auto floor = meta_number(rows, meta::kHeadFloor);
  if (!floor) return tl::unexpected(floor.error());
  const auto cursor = rows.cursor(Table::kPositions, {}, {});
  cursor->seek_back(position_key(std::numeric_limits<std::uint64_t>::max()));
  const auto last = parse_append(*cursor);
  if (!last) return tl::unexpected(last.error());
  Head head;
  if (*last) head.position = (*last)->first_position + (*last)->row.count - 1;
  if (!*last || head.position < *floor) {  // the last streams were deleted
    head.position = *floor;
    return head;
  }
  const auto record = event_of_append(rows, **last, (*last)->row.count - 1);
  if (!record) return tl::unexpected(record.error());
  head.hash = record->hash;
  return head;
}

Result<std::optional<Digest>> hash_at(const RowReader& rows, std::uint64_t position) {
  const auto cursor = rows.cursor(Table::kPositions, {}, {});
  const auto append = find_append(*cursor, position);
  if (!append) return tl::unexpected(append.error());
  if (!*append || (*append)->first_position > position) return std::nullopt;
  const auto record = event_of_append(rows, **append, position - (*append)->first_position);
  if (!record) return tl::unexpected(record.error());
  return record->hash;
}

Result<void> verify_tail(const RowReader& rows, std::size_t appends) {
  const auto last = head(rows);
  if (!last) return tl::unexpected(last.error());
  const auto cursor = rows.cursor(Table::kPositions, {}, {});
  std::uint64_t before = last->position;
  for (std::size_t walked = 0; walked < appends && before > 0; ++walked) {
    cursor->seek_back(position_key(before));
    const auto append = parse_append(*cursor);
    if (!append) return tl::unexpected(append.error());
    if (!*append) break;
    const PositionRow& row = (*append)->row;
    const auto events = read_stream(rows, row.stream, row.first_version, row.count);
    if (!events) return tl::unexpected(events.error());
    if (events->size() != row.count || events->front().position != (*append)->first_position) {
      return damaged("the events from position " + std::to_string((*append)->first_position) +
                     " on are missing or misplaced");
    }
    before = (*append)->first_position - 1;
  }
  return {};
}

Result<std::uint64_t> meta_number(const RowReader& rows, std::string_view name) {
  const auto value = rows.get(Table::kMeta, name);
  if (!value) return tl::unexpected(value.error());
  if (!*value) return 0;
  const auto number = parse_number(**value);
  if (!number) return damaged("the row `" + std::string(name) + "` of `meta` is unreadable");
  return *number;
}

}  // namespace weft::store::queries
