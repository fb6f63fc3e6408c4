#include "store/commit_encoder.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "store/byte_codec.h"
#include "store/key_layout.h"
#include "store/sha256.h"

namespace weft::store {
namespace {

tl::unexpected<StoreError> invalid(std::string message) {
  return tl::unexpected(StoreError{StoreError::Kind::kInvalid, std::move(message)});
}

tl::unexpected<StoreError> conflict(std::string message) {
  return tl::unexpected(StoreError{StoreError::Kind::kVersionConflict, std::move(message)});
}

Result<void> check_size(std::string_view what, std::size_t size, std::size_t min, std::size_t max) {
  if (size >= min && size <= max) return {};
  return invalid(std::string(what) + " must have " + std::to_string(min) + " to " +
                 std::to_string(max) + " bytes, not " + std::to_string(size));
}

Result<void> check_stream(const StreamId& stream) {
  return check_size("a stream's name", stream.name.size(), 1, kStreamNameMax);
}

Result<void> check_row(const StreamId& stream, const Bytes& id) {
  if (auto ok = check_stream(stream); !ok) return ok;
  return check_size("an id", id.size(), 1, kRowIdMax);
}

Result<void> check_value(std::string_view what, const Bytes& value) {
  return check_size(what, value.size(), 0, kValueMax);
}

// Every limit on sizes, before anything is written.
Result<void> check_limits(const Commit& commit) {
  Result<void> ok;
  const auto need = [&ok](Result<void> next) {
    if (ok) ok = std::move(next);
  };
  for (const Append& append : commit.appends) {
    need(check_stream(append.stream));
    for (const NewEvent& event : append.events) {
      need(check_value("an event's header", event.header));
      need(check_value("an event's payload", event.payload));
    }
  }
  for (const OutboxRow& row : commit.outbox_add) {
    need(check_row(row.stream, row.id));
    need(check_value("an outbox row", row.data));
  }
  for (const OutboxKey& key : commit.outbox_settle) need(check_row(key.stream, key.id));
  for (const Timer& timer : commit.timers_set) {
    need(check_row(timer.stream, timer.id));
    need(check_value("a timer", timer.data));
  }
  for (const TimerKey& key : commit.timers_cancel) need(check_row(key.stream, key.id));
  for (const Snapshot& snapshot : commit.snapshots) {
    need(check_stream(snapshot.stream));
    need(check_value("a snapshot", snapshot.data));
    if (snapshot.version == 0) need(invalid("a snapshot of version 0 holds nothing"));
  }
  for (const IndexPut& row : commit.index_put) {
    need(check_size("an index key", row.key.size(), 1, kIndexKeyMax));
    need(check_value("an index row", row.value));
  }
  for (const IndexDelete& row : commit.index_delete) {
    need(check_size("an index key", row.key.size(), 1, kIndexKeyMax));
  }
  for (const PayloadErasure& erasure : commit.erasures) {
    need(check_stream(erasure.stream));
    need(check_size("the reason of an erasure", erasure.reason.size(), 1, kReasonMax));
  }
  for (const StreamDelete& deletion : commit.stream_deletes) need(check_stream(deletion.stream));
  return ok;
}

}  // namespace

CommitEncoder::CommitEncoder(const RowReader& durable, queries::Head head,
                             std::uint64_t deleted_events, const Digest& salt_secret,
                             std::size_t streams_max)
    : durable_(durable),
      head_(head),
      deleted_events_(deleted_events),
      salt_secret_(salt_secret),
      streams_max_(streams_max) {}

Result<CommitReceipt> CommitEncoder::encode(const std::vector<Commit>& batch, Writer& out) {
  for (const Commit& commit : batch) {
    if (auto ok = check_limits(commit); !ok) return tl::unexpected(std::move(ok).error());
  }
  const Counters before{head_, deleted_events_};
  undo_.clear();
  out.mark();
  for (const Commit& commit : batch) {
    auto ok = encode_commit(commit, out);
    if (ok) continue;
    out.roll_back();
    head_ = before.head;
    deleted_events_ = before.deleted_events;
    for (auto change = undo_.rbegin(); change != undo_.rend(); ++change) {
      *change->first = change->second;
    }
    return tl::unexpected(std::move(ok).error());
  }
  const std::uint64_t events = head_.position - before.head.position;
  return CommitReceipt{events > 0 ? before.head.position + 1 : head_.position, events};
}

Result<void> CommitEncoder::encode_commit(const Commit& commit, RowWriter& out) {
  for (const StreamDelete& deletion : commit.stream_deletes) {
    if (auto ok = delete_stream(deletion, out); !ok) return ok;
  }
  for (const PayloadErasure& erasure : commit.erasures) {
    if (auto ok = erase_payload(erasure, out); !ok) return ok;
  }
  for (const Append& next : commit.appends) {
    if (auto ok = append(next, out); !ok) return ok;
  }
  for (const OutboxKey& key : commit.outbox_settle) {
    out.erase(Table::kOutbox, outbox_key(key.stream, key.id));
  }
  for (const TimerKey& key : commit.timers_cancel) {
    out.erase(Table::kTimers, timer_key(key.due_ms, key.stream, key.id));
  }
  for (const IndexDelete& row : commit.index_delete) {
    out.erase(Table::kIndex, index_key(row.table, row.key));
  }
  for (const OutboxRow& row : commit.outbox_add) {
    out.put(Table::kOutbox, outbox_key(row.stream, row.id), row.data);
  }
  for (const Timer& timer : commit.timers_set) {
    out.put(Table::kTimers, timer_key(timer.due_ms, timer.stream, timer.id), timer.data);
  }
  for (const IndexPut& row : commit.index_put) {
    out.put(Table::kIndex, index_key(row.table, row.key), row.value);
  }
  for (const Snapshot& snapshot : commit.snapshots) {
    encode_snapshot(snapshot.version, snapshot.data, value_);
    out.put(Table::kSnapshots, stream_key(snapshot.stream), value_);
  }
  return {};
}

Result<void> CommitEncoder::append(const Append& append, RowWriter& out) {
  const auto found = find_end(append.stream, append.expected_version);
  if (!found) return tl::unexpected(found.error());
  StreamEnd& end = **found;
  if (append.expected_version != kAnyVersion && append.expected_version != end.version) {
    return conflict("stream " + describe(append.stream) + " is at version " +
                    std::to_string(end.version) + ", expected " +
                    std::to_string(append.expected_version));
  }
  if (append.events.empty()) return {};
  remember(end);
  const std::uint64_t first_version = end.version + 1;
  encode_position_row(append.stream, first_version, append.events.size(), value_);
  out.put(Table::kPositions, position_key(head_.position + 1), value_);

  key_.clear();
  append_stream(key_, append.stream);
  const std::size_t stream_size = key_.size();
  for (const NewEvent& event : append.events) {
    ++end.version;
    ++head_.position;
    end.hash = encode_event(event, head_.position, salt_for(head_.position), end.hash, value_);
    key_.resize(stream_size);
    append_be64(key_, end.version);
    out.put(Table::kEvents, key_, value_);
  }
  end.pending = true;
  head_.hash = end.hash;
  return {};
}

Result<void> CommitEncoder::erase_payload(const PayloadErasure& erasure, RowWriter& out) {
  const auto found = find_end(erasure.stream, kAnyVersion);
  if (!found) return tl::unexpected(found.error());
  if ((*found)->pending) {
    return conflict("stream " + describe(erasure.stream) +
                    " has commits in flight; erase when they are durable");
  }
  const std::string key = event_key(erasure.stream, erasure.version);
  const auto value = durable_.get(Table::kEvents, key);
  if (!value) return tl::unexpected(value.error());
  const auto event = *value ? parse_event(**value) : std::nullopt;
  if (!event) {
    return tl::unexpected(StoreError{StoreError::Kind::kNotFound,
                                     "there is no event " + std::to_string(erasure.version) +
                                         " in stream " + describe(erasure.stream)});
  }
  out.put(Table::kEvents, key, erased_event(*event, erasure.reason));
  return {};
}

Result<void> CommitEncoder::delete_stream(const StreamDelete& deletion, RowWriter& out) {
  const StreamId& stream = deletion.stream;
  const auto found = find_end(stream, deletion.expected_version);
  if (!found) return tl::unexpected(found.error());
  StreamEnd& end = **found;
  if (end.pending) {
    return conflict("stream " + describe(stream) +
                    " has commits in flight; delete it when they are durable");
  }
  if (deletion.expected_version != kAnyVersion && deletion.expected_version != end.version) {
    return conflict("stream " + describe(stream) + " is at version " + std::to_string(end.version) +
                    ", expected " + std::to_string(deletion.expected_version));
  }
  // Rows one by one: a range deletion would slow every later scan that crosses it, and RocksDB has
  // had recovery defects with it.
  const std::string lower = stream_key(stream);
  const auto cursor = durable_.cursor(Table::kEvents, lower, after_prefix(lower));
  for (cursor->seek(lower); cursor->valid(); cursor->next()) {
    if (const auto event = parse_event(cursor->value())) {
      const std::string position = position_key(event->position);
      const auto row = durable_.get(Table::kPositions, position);
      if (!row) return tl::unexpected(row.error());
      if (*row) out.erase(Table::kPositions, position);  // the first event of an append
    }
    out.erase(Table::kEvents, cursor->key());
  }
  if (const auto status = cursor->status(); !status) return tl::unexpected(status.error());
  out.erase(Table::kSnapshots, lower);
  remember(end);
  deleted_events_ += end.version;
  end = StreamEnd{0, chain_start(stream), true};
  out.put(Table::kMeta, meta::kDeletedEvents, encode_number(deleted_events_));
  out.put(Table::kMeta, meta::kHeadFloor, encode_number(head_.position));
  return {};
}

Result<CommitEncoder::StreamEnd*> CommitEncoder::find_end(const StreamId& stream,
                                                          std::uint64_t expected) {
  if (const auto known = index_.find(stream); known != index_.end()) {
    ends_.splice(ends_.begin(), ends_, known->second);
    return &known->second->second;
  }
  auto end = read_end(stream, expected);
  if (!end) return tl::unexpected(std::move(end).error());
  ends_.emplace_front(stream, *end);
  index_.emplace(stream, ends_.begin());
  return &ends_.front().second;
}

// Two point reads, which bloom filters answer mostly from memory, when the caller expects rightly.
Result<CommitEncoder::StreamEnd> CommitEncoder::read_end(const StreamId& stream,
                                                         std::uint64_t expected) const {
  const auto end_at = [&](std::uint64_t version) -> Result<std::optional<StreamEnd>> {
    if (version == 0) return StreamEnd{0, chain_start(stream), false};
    const auto value = durable_.get(Table::kEvents, event_key(stream, version));
    if (!value) return tl::unexpected(value.error());
    if (!*value) return std::nullopt;
    const auto event = parse_event(**value);
    if (!event) {
      return tl::unexpected(StoreError{StoreError::Kind::kDamaged,
                                       "event " + std::to_string(version) + " of stream " +
                                           describe(stream) + " is unreadable"});
    }
    return StreamEnd{version, event->hash, false};
  };
  if (expected != kAnyVersion) {
    const auto next = end_at(expected + 1);
    if (!next) return tl::unexpected(next.error());
    if (!*next) {
      const auto end = end_at(expected);
      if (!end) return tl::unexpected(end.error());
      if (*end) return **end;
    }
  }
  const auto version = queries::stream_version(durable_, stream);
  if (!version) return tl::unexpected(version.error());
  const auto end = end_at(*version);
  if (!end) return tl::unexpected(end.error());
  return end->value();
}

void CommitEncoder::remember(StreamEnd& end) {
  undo_.emplace_back(&end, end);
  if (!end.pending) pending_.push_back(&end);
}

void CommitEncoder::group_written() {
  for (StreamEnd* end : pending_) end->pending = false;
  pending_.clear();
  while (ends_.size() > streams_max_) {
    index_.erase(ends_.back().first);
    ends_.pop_back();
  }
}

// One hash of a secret and a number that is never given twice: unguessable without the secret,
// which ends with the process.
Salt CommitEncoder::salt_for(std::uint64_t position) const {
  const Digest digest = Sha256().add(salt_secret_).add_number(position, 8).finish();
  Salt salt;
  std::memcpy(salt.data(), digest.data(), salt.size());
  return salt;
}

}  // namespace weft::store
