#pragma once  // store/key_layout.h

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "store/commit.h"
#include "store/event.h"
#include "store/event_store.h"

namespace weft::store {

// The byte grammar of every table (rows.h). be16, be64, varint, sized: byte_codec.h.
//
//   name      = the stream's name with each 00 written as 00 FF, then 00 01; so bytewise order of
//               keys is order of names, and no name is the beginning of another
//   stream    = partition(1) name
//
//   table       key                              value
//   events      stream version(be64)             event record (event_record.h)
//   positions   first position(be64)             partition(1) name(sized) first version(varint)
//                                                count(varint); one row per append
//   outbox      stream id                        data
//   timers      due(be64, sign flipped) stream id   data
//   snapshots   stream                           version(varint) data
//   index       table(be16) key                  value
//   meta        one of the names below           see there
//
// Timers stand in order of time, not of partition: what is asked is "what is due", and it is asked
// often. Everything else of a saga lies together in its partition, so that a partition can be
// handed on as one range.

inline constexpr std::size_t kStreamNameMax = 200;
inline constexpr std::size_t kRowIdMax = 255;
inline constexpr std::size_t kIndexKeyMax = 1024;
/// 64 times the largest payload of SEMANTICS.md, Limits: room for snapshots of long sagas, and far
/// from what a single write to RocksDB cannot hold.
inline constexpr std::size_t kValueMax = 16 * 1024 * 1024;
inline constexpr std::size_t kReasonMax = 500;
inline constexpr std::size_t kStoreIdSize = 16;

namespace meta {
inline constexpr std::string_view kFormat = "format";      ///< varint: version of these bytes
inline constexpr std::string_view kNeeds = "needs";        ///< program version that can read them
inline constexpr std::string_view kStoreId = "store_id";   ///< kStoreIdSize random bytes
inline constexpr std::string_view kEpoch = "epoch";        ///< varint: number of openings
inline constexpr std::string_view kClean = "clean";        ///< present: the last user closed it
inline constexpr std::string_view kRestored = "restored";  ///< backup_at restored_at position
/// varint; present once a stream was deleted: no position up to it is ever given again.
inline constexpr std::string_view kHeadFloor = "head_floor";
/// varint: events of deleted streams; exactly so many positions are missing from `positions`.
inline constexpr std::string_view kDeletedEvents = "deleted_events";
/// varint: when everything was last begun to be read through, UTC
inline constexpr std::string_view kScrubbed = "scrubbed";
}  // namespace meta

/// Appends `stream` of the grammar.
void append_stream(std::string& out, const StreamId& stream);
/// Appends the beginning of all names that begin with `prefix`.
void append_stream_prefix(std::string& out, std::uint8_t partition, std::string_view prefix);

[[nodiscard]] std::string stream_key(const StreamId& stream);
[[nodiscard]] std::string event_key(const StreamId& stream, std::uint64_t version);
[[nodiscard]] std::string position_key(std::uint64_t position);
[[nodiscard]] std::string outbox_key(const StreamId& stream, std::string_view id);
[[nodiscard]] std::string timer_key(std::int64_t due_ms, const StreamId& stream,
                                    std::string_view id);
/// Before every timer due at `due_ms`.
[[nodiscard]] std::string timers_from(std::int64_t due_ms);
[[nodiscard]] std::string index_key(std::uint16_t table, std::string_view key);

/// The first key after all that begin with `prefix`; empty if there is none.
[[nodiscard]] std::string after_prefix(std::string_view prefix);

struct ParsedEventKey {
  StreamId stream;
  std::uint64_t version = 0;
};
struct ParsedRowKey {
  StreamId stream;
  std::string_view id;
};
struct ParsedTimerKey {
  std::int64_t due_ms = 0;
  StreamId stream;
  std::string_view id;
};
/// Where one append lies.
struct PositionRow {
  StreamId stream;
  std::uint64_t first_version = 0;
  std::uint64_t count = 0;
};

// Each gives nothing if the bytes do not follow the grammar. Views point into the argument.
[[nodiscard]] std::optional<ParsedEventKey> parse_event_key(std::string_view key);
[[nodiscard]] std::optional<ParsedRowKey> parse_outbox_key(std::string_view key);
[[nodiscard]] std::optional<ParsedTimerKey> parse_timer_key(std::string_view key);
[[nodiscard]] std::optional<StreamId> parse_stream_key(std::string_view key);
[[nodiscard]] std::optional<std::uint64_t> parse_position_key(std::string_view key);
[[nodiscard]] std::optional<PositionRow> parse_position_row(std::string_view value);
[[nodiscard]] std::optional<Snapshot> parse_snapshot(const StreamId& stream,
                                                     std::string_view value);
[[nodiscard]] std::optional<RestoredFrom> parse_restored(std::string_view value);
[[nodiscard]] std::optional<std::uint64_t> parse_number(std::string_view value);

// Each writes the value over `out`.
void encode_position_row(const StreamId& stream, std::uint64_t first_version, std::uint64_t count,
                         std::string& out);
void encode_snapshot(std::uint64_t version, std::string_view data, std::string& out);
[[nodiscard]] std::string encode_restored(const RestoredFrom& restored);
[[nodiscard]] std::string encode_number(std::uint64_t value);

/// For messages: the name with unprintable bytes as \xNN, and the partition.
[[nodiscard]] std::string describe(const StreamId& stream);

}  // namespace weft::store
