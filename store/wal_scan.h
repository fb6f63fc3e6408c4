#pragma once  // store/wal_scan.h

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "store/store_error.h"

namespace weft::store {

// What RocksDB's recovery will not tell: whether valid records lie behind the first bad one. Each
// group is synced before the next is written, so a valid record behind a bad one proves that the
// bad one was synced and rotted, while a torn last record was never acknowledged.
//
// Format of a RocksDB log without recycling (rocksdb/db/log_format.h): blocks of 32 KiB hold
//   fragment = crc(le32, masked) length(le16) type(1) bytes
//   type     = 1 whole record, 2 first, 3 middle, 4 last part
// A fragment never crosses a block; fewer than 7 bytes at a block's end are zeros. The crc covers
// type and bytes. A record is a write batch: sequence(le64) count(le32) rows.

struct WalDamage {
  std::string file;
  std::uint64_t offset = 0;  ///< Of the first byte that is no valid fragment.
};

struct WalScan {
  std::vector<WalDamage> damages;  ///< At most one a file: where its readable beginning ends.
  /// Highest sequence number that valid records prove, before or behind a damage; 0: there is none.
  std::uint64_t last_sequence = 0;
  /// A valid record lies behind a damage, or a gap in the numbers between two files.
  bool records_behind_damage = false;
  /// The valid whole records behind the first damage: write batches.
  std::vector<std::string> behind;
};

/// Reads all logs of a database directory that nobody has open. A directory without logs, or no
/// directory, is fine.
[[nodiscard]] Result<WalScan> scan_wals(const std::string& database_dir);

/// How far a file of this format is sound.
struct WholeRecords {
  std::uint64_t bytes = 0;   ///< Where the last record before the first bad place ends.
  bool more_behind = false;  ///< A valid fragment lies behind the bad place.
};
[[nodiscard]] WholeRecords whole_records(std::string_view file);

}  // namespace weft::store
