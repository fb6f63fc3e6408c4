#pragma once  // store/rocksdb_backup.h

#include <cstdint>
#include <optional>
#include <string>

#include "store/rocksdb_database.h"
#include "store/row_check.h"
#include "store/store_error.h"

namespace weft::store {

// The file BACKUP of a backup, written last; without it the directory is no backup:
//
//   weft-backup 1
//   store <id, hexadecimal>
//   epoch <number>
//   position <number>
//   hash <of the event there, hexadecimal>
//   taken_at_ms <milliseconds since 1970, UTC>

struct BackupInfo {
  std::string store_id;  ///< Hexadecimal, as StoreFacts::id.
  std::uint64_t epoch = 0;
  std::uint64_t position = 0;  ///< The last event in it.
  std::string hash;            ///< Of that event, hexadecimal.
  std::int64_t taken_at_ms = 0;
  std::uint64_t bytes = 0;  ///< Of its files; not in the file BACKUP.
};

/// Reads what a backup says of itself; kNotFound if the directory is no (finished) backup.
[[nodiscard]] Result<BackupInfo> read_backup_info(const std::string& directory);

/// See RocksdbEventStore::backup.
[[nodiscard]] Result<BackupInfo> write_backup(const RocksdbDatabase& database,
                                              const std::string& directory, std::int64_t now_ms);

struct RestoreOptions {
  std::string backup_dir;
  std::string data_dir;       ///< Must hold no store.
  std::string watermark_dir;  ///< As in RocksdbOptions. A watermark there is replaced.
  std::int64_t now_ms = 0;
};

struct RestoreReport {
  BackupInfo backup;
  /// Events that were acknowledged after the backup and are not in it, as far as the old watermark
  /// knows; nothing if there is none.
  std::optional<std::uint64_t> events_missing;
};

/// Makes a store from a backup: copies it, checks everything, marks it restored. Interrupted, it
/// leaves no store and can be repeated.
[[nodiscard]] Result<RestoreReport> restore_backup(const RestoreOptions& options);

/// Checks a store or a backup that nobody uses (`weft fsck`). kLocked if somebody does, kNotFound
/// if there is none. What is wrong with the data is in the report, not in the error.
[[nodiscard]] Result<CheckReport> fsck(const std::string& data_dir,
                                       const std::string& watermark_dir);

}  // namespace weft::store
