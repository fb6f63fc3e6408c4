#pragma once  // store/rows.h

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "store/event.h"
#include "store/store_error.h"

namespace weft::store {

/// The ordered tables that everything lives in; RocksDB calls them column families. The grammar of
/// their keys and values is in key_layout.h. The numbers are part of the storage format.
enum class Table : std::uint8_t {
  kMeta = 0,
  kEvents = 1,
  kPositions = 2,
  kOutbox = 3,
  kTimers = 4,
  kSnapshots = 5,
  kIndex = 6,
};
inline constexpr std::size_t kTables = 7;

// These interfaces are what makes the simulated store a twin: the encoder of commits, the reads and
// the checks exist once, and run on RocksDB and on the simulated disk.

/// Walks over one table as it was when the cursor was made. Used by one thread.
class RowCursor {
 public:
  virtual ~RowCursor() = default;
  virtual void seek(std::string_view key) = 0;       ///< To the first row with a key >= `key`.
  virtual void seek_back(std::string_view key) = 0;  ///< To the last row with a key <= `key`.
  virtual void next() = 0;
  [[nodiscard]] virtual bool valid() const = 0;  ///< On a row. False at the ends and on failure.
  [[nodiscard]] virtual std::string_view key() const = 0;  ///< Good until the cursor moves.
  [[nodiscard]] virtual std::string_view value() const = 0;
  [[nodiscard]] virtual Result<void> status() const = 0;  ///< Why it is not valid, if not the end.
};

class RowReader {
 public:
  virtual ~RowReader() = default;
  [[nodiscard]] virtual Result<std::optional<Bytes>> get(Table table,
                                                         std::string_view key) const = 0;
  /// Rows with `lower` <= key < `upper`; an empty bound is none. The cursor must not outlive this.
  [[nodiscard]] virtual std::unique_ptr<RowCursor> cursor(Table table, std::string_view lower,
                                                          std::string_view upper) const = 0;
};

/// Gathers changes that are to be written together.
class RowWriter {
 public:
  virtual ~RowWriter() = default;
  virtual void put(Table table, std::string_view key, std::string_view value) = 0;
  virtual void erase(Table table, std::string_view key) = 0;
};

}  // namespace weft::store
