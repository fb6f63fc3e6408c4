#pragma once  // store/event_store.h

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/commit.h"
#include "store/event.h"
#include "store/store_error.h"

namespace weft::store {

/// Partitions `first` to `last`, both included.
struct PartitionRange {
  std::uint8_t first = 0;
  std::uint8_t last = 255;
};

/// One piece of a longer scan.
template <class Row>
struct Page {
  std::vector<Row> rows;
  /// Hand it in to get the next page. Opaque bytes; still good after rows were added or removed.
  Bytes cursor;
  bool complete = false;  ///< Nothing followed the last row when the page was read.
};

struct IndexRow {
  Bytes key;
  Bytes value;
};

/// That this store was made from a backup: effects may have happened that it knows nothing of.
struct RestoredFrom {
  std::int64_t backup_at_ms = 0;  ///< When the backup was taken, UTC.
  std::int64_t restored_at_ms = 0;
  std::uint64_t position = 0;  ///< Last event in the backup.
};

/// What is known about the store itself.
struct StoreFacts {
  std::string id;              ///< 32 hexadecimal digits, made at creation, kept by backups.
  std::uint32_t format = 0;    ///< Version of the store's own bytes.
  std::uint64_t epoch = 0;     ///< One more at every opening.
  bool created = false;        ///< This opening made the store.
  bool clean_shutdown = true;  ///< The last user closed it (also true when just created).
  std::optional<RestoredFrom> restored;  ///< Until `clear_restored`.
  std::vector<std::string> notes;        ///< Oddities that opening met and survived, for the log.
};

struct StoreStats {
  std::uint64_t bytes = 0;         ///< On disk, all files.
  std::uint64_t free_bytes = 0;    ///< On the device, for this user.
  std::uint64_t device_bytes = 0;  ///< Size of the device.
  std::uint64_t queued = 0;        ///< Submitted commits that are not yet durable.
  std::uint64_t commits = 0;       ///< Made durable since opening.
  std::uint64_t groups = 0;        ///< Syncs since opening.
  std::uint64_t events = 0;        ///< Made durable since opening.
  std::int64_t last_sync_us = 0;   ///< How long the last group took to write and sync.
  bool reserve_in_use = false;     ///< The disk is full: what was kept back for it is given up.
  std::uint64_t damages = 0;       ///< Found by reading everything, slowly, again and again.
  std::string damage;              ///< The first of them: where, what.
  std::int64_t scrubbed_at_ms = 0;  ///< When everything had last been read; 0: not since opening.
};

/// Event streams as bytes, with what must become durable together with them.
///
/// Threads: every function may be called from any thread. Reads see durable data only. Each read
/// returns what was true at one moment; two reads may see different moments.
class EventStore {
 public:
  /// Called once per submission, never from inside `submit` (save with kClosed, once the store was
  /// closed); in production on the committer thread, so it must be quick and must not call `flush`.
  using CommitDone = std::function<void(Result<CommitReceipt>)>;

  virtual ~EventStore() = default;

  /// Takes a batch, all or nothing, and returns at once. Submissions become durable in the order of
  /// the calls, many with one sync; `done` follows durability, in the same order. An unexpected
  /// version anywhere refuses the whole batch (kVersionConflict) and nothing but this batch; later
  /// submissions are checked against what is in force without it. After kFailed nothing is ever
  /// acknowledged again.
  virtual void submit(std::vector<Commit> batch, CommitDone done) = 0;

  /// Blocks until everything submitted before has been answered.
  virtual void flush() = 0;

  /// Events of one stream with version >= `from_version`, at most `max`, verified against the hash
  /// chain (kDamaged names the first that is wrong). Empty if there are none.
  [[nodiscard]] virtual Result<std::vector<EventRecord>> read_stream(const StreamId& stream,
                                                                     std::uint64_t from_version,
                                                                     std::size_t max) const = 0;

  /// Events of all streams with position > `after_position`, in order, at most `max`.
  [[nodiscard]] virtual Result<std::vector<EventRecord>> read_all(std::uint64_t after_position,
                                                                  std::size_t max) const = 0;

  /// Version of a stream's last event; 0 if there is no such stream.
  [[nodiscard]] virtual Result<std::uint64_t> stream_version(const StreamId& stream) const = 0;

  /// Streams of one partition whose name begins with `name_prefix`, in order of name.
  [[nodiscard]] virtual Result<Page<StreamId>> list_streams(std::uint8_t partition,
                                                            std::string_view name_prefix,
                                                            const Bytes& cursor,
                                                            std::size_t max) const = 0;

  [[nodiscard]] virtual Result<std::optional<Snapshot>> load_snapshot(
      const StreamId& stream) const = 0;

  /// Unsettled rows, ordered by partition, stream name and id. Start with an empty cursor.
  [[nodiscard]] virtual Result<Page<OutboxRow>> scan_outbox(PartitionRange partitions,
                                                            const Bytes& cursor,
                                                            std::size_t max) const = 0;

  /// Timers with due_ms <= `until_ms`, earliest first. Start with an empty cursor; going on from
  /// the last cursor spares passing over timers that are gone, and misses timers that were set
  /// since with an earlier due time.
  [[nodiscard]] virtual Result<Page<Timer>> scan_timers(PartitionRange partitions,
                                                        std::int64_t until_ms, const Bytes& cursor,
                                                        std::size_t max) const = 0;

  [[nodiscard]] virtual Result<std::optional<Bytes>> get_index(std::uint16_t table,
                                                               std::string_view key) const = 0;

  /// Rows of a table whose key begins with `key_prefix` and is > `after_key` (empty: from the
  /// first), in order of key, at most `max`.
  [[nodiscard]] virtual Result<std::vector<IndexRow>> scan_index(std::uint16_t table,
                                                                 std::string_view key_prefix,
                                                                 std::string_view after_key,
                                                                 std::size_t max) const = 0;

  /// Position of the last durable event; 0 in an empty store.
  [[nodiscard]] virtual std::uint64_t head_position() const = 0;

  [[nodiscard]] virtual StoreFacts facts() const = 0;
  [[nodiscard]] virtual StoreStats stats() const = 0;

  /// An operator has accepted the restored store: durable when it returns.
  [[nodiscard]] virtual Result<void> clear_restored() = 0;
};

}  // namespace weft::store
