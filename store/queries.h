#pragma once  // store/queries.h

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "store/event_store.h"
#include "store/rows.h"

namespace weft::store::queries {

// The reads of EventStore over rows, wherever they are kept. `rows` must not change meanwhile.

[[nodiscard]] Result<std::vector<EventRecord>> read_stream(const RowReader& rows,
                                                           const StreamId& stream,
                                                           std::uint64_t from_version,
                                                           std::size_t max);
[[nodiscard]] Result<std::vector<EventRecord>> read_all(const RowReader& rows,
                                                        std::uint64_t after_position,
                                                        std::size_t max);
[[nodiscard]] Result<std::uint64_t> stream_version(const RowReader& rows, const StreamId& stream);
[[nodiscard]] Result<Page<StreamId>> list_streams(const RowReader& rows, std::uint8_t partition,
                                                  std::string_view name_prefix, const Bytes& cursor,
                                                  std::size_t max);
[[nodiscard]] Result<std::optional<Snapshot>> load_snapshot(const RowReader& rows,
                                                            const StreamId& stream);
[[nodiscard]] Result<Page<OutboxRow>> scan_outbox(const RowReader& rows, PartitionRange partitions,
                                                  const Bytes& cursor, std::size_t max);
[[nodiscard]] Result<Page<Timer>> scan_timers(const RowReader& rows, PartitionRange partitions,
                                              std::int64_t until_ms, const Bytes& cursor,
                                              std::size_t max);
[[nodiscard]] Result<std::vector<IndexRow>> scan_index(const RowReader& rows, std::uint16_t table,
                                                       std::string_view key_prefix,
                                                       std::string_view after_key, std::size_t max);

/// The end of a store.
struct Head {
  std::uint64_t position = 0;
  Digest hash{};  ///< Of the event there; zeros if there is none, or its stream was deleted.
};
[[nodiscard]] Result<Head> head(const RowReader& rows);

/// The hash of the event at a position; nothing if no event is there.
[[nodiscard]] Result<std::optional<Digest>> hash_at(const RowReader& rows, std::uint64_t position);

/// Walks the last `appends` appends: their events must be there, chained and at their positions.
[[nodiscard]] Result<void> verify_tail(const RowReader& rows, std::size_t appends);

/// A number of the table `meta`; 0 if it is not there.
[[nodiscard]] Result<std::uint64_t> meta_number(const RowReader& rows, std::string_view name);

}  // namespace weft::store::queries
