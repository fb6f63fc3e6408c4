#pragma once  // store/commit.h

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "store/event.h"

namespace weft::store {

/// For `Append::expected_version`: whatever the stream's version is.
inline constexpr std::uint64_t kAnyVersion = std::numeric_limits<std::uint64_t>::max();

/// Adds events to the end of one stream.
struct Append {
  StreamId stream;
  /// The version after everything submitted so far, durable or not; 0 for a stream that must be
  /// new.
  std::uint64_t expected_version = 0;
  std::vector<NewEvent> events;
};

/// Names something the outside world is still owed: unique within its stream.
struct OutboxKey {
  StreamId stream;
  Bytes id;  ///< 1 to 255 bytes, chosen by the caller.

  friend auto operator<=>(const OutboxKey&, const OutboxKey&) = default;
};

struct OutboxRow {
  StreamId stream;
  Bytes id;  ///< As in OutboxKey; adding an id that is there replaces its bytes.
  Bytes data;
};

/// Names a timer. The due time is part of the name, so that setting and cancelling read nothing.
struct TimerKey {
  StreamId stream;
  std::int64_t due_ms = 0;  ///< Milliseconds since 1970, UTC.
  Bytes id;                 ///< 1 to 255 bytes, unique within stream and due time.

  friend auto operator<=>(const TimerKey&, const TimerKey&) = default;
};

struct Timer {
  StreamId stream;
  std::int64_t due_ms = 0;
  Bytes id;
  Bytes data;
};

/// The fold of a stream's events 1 to `version`. A cache: the latest one wins, none is ever needed.
struct Snapshot {
  StreamId stream;
  std::uint64_t version = 0;
  Bytes data;
};

/// A row in one of the caller's small ordered tables: duplicate ids, correlation, read models.
struct IndexPut {
  std::uint16_t table = 0;
  Bytes key;  ///< At most 1,024 bytes; rows of a table are ordered by them, bytewise.
  Bytes value;
};

struct IndexDelete {
  std::uint16_t table = 0;
  Bytes key;
};

/// Removes the payload of one stored event and its salt. The hash chain still verifies.
struct PayloadErasure {
  StreamId stream;
  std::uint64_t version = 0;
  std::string reason;  ///< 1 to 500 bytes, kept with the event.
};

/// Removes a whole stream with its snapshot (retention). Its outbox rows and timers are the
/// caller's to remove in the same commit.
struct StreamDelete {
  StreamId stream;
  std::uint64_t expected_version = 0;  ///< As in Append.
};

/// What becomes true at once or not at all. Within one commit, first streams are deleted and
/// payloads erased, then events appended, then outbox rows, timers and index rows removed, and then
/// others put; so a row both removed and put is there afterwards. Removing what is not there is no
/// error.
struct Commit {
  std::vector<Append> appends;
  std::vector<OutboxRow> outbox_add;
  std::vector<OutboxKey> outbox_settle;
  std::vector<Timer> timers_set;
  std::vector<TimerKey> timers_cancel;
  std::vector<Snapshot> snapshots;
  std::vector<IndexPut> index_put;
  std::vector<IndexDelete> index_delete;
  std::vector<PayloadErasure> erasures;
  std::vector<StreamDelete> stream_deletes;
};

/// Given when a submission is durable.
struct CommitReceipt {
  /// Position of the submission's first event. Events of one submission are numbered on from here,
  /// in the order of its commits, their appends and their events. Without events: the head.
  std::uint64_t first_position = 0;
  std::uint64_t events = 0;  ///< How many events it added.
};

}  // namespace weft::store
