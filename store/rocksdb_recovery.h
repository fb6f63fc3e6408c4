#pragma once  // store/rocksdb_recovery.h

#include <memory>
#include <optional>
#include <string>

#include "store/event_store.h"
#include "store/queries.h"
#include "store/rocksdb_database.h"
#include "store/row_check.h"
#include "store/store_error.h"
#include "store/watermark.h"

namespace weft::store {

// What lies in a data directory:
//
//   OWNER       who has the store open; locked meanwhile (durable_file.h)
//   FORMAT      "weft-store <format>", "needs <program version>", "id <store id>", a line each
//   WATERMARK   watermark.h; in the watermark directory, if one is given
//   db/         RocksDB
//
// A backup has FORMAT, db/ and, written last, BACKUP (rocksdb_backup.cc).

[[nodiscard]] std::string owner_path(const std::string& data_dir);
[[nodiscard]] std::string database_path(const std::string& data_dir);
[[nodiscard]] std::string watermark_path(const std::string& data_dir,
                                         const std::string& watermark_dir);

/// kNewer if the file FORMAT says so; nothing else is refused here.
[[nodiscard]] Result<void> check_format_file(const std::string& data_dir);
[[nodiscard]] Result<void> write_format_file(const std::string& data_dir,
                                             const std::string& store_id);

/// Whether there is a database that could be opened.
[[nodiscard]] bool database_exists(const std::string& data_dir);

struct Recovered {
  std::unique_ptr<RocksdbDatabase> database;
  StoreFacts facts;
  std::string store_id;  ///< 16 bytes.
  queries::Head head;
  std::uint64_t deleted_events = 0;
};

/// Opens the database of a locked data directory and refuses if acknowledged data is missing,
/// before anything on disk is changed that could still tell. When it returns, the new epoch is
/// durable. `new_store_id`: 16 random bytes for a store that does not exist yet.
[[nodiscard]] Result<Recovered> recover(const std::string& data_dir,
                                        const std::string& watermark_dir, bool create,
                                        const std::string& new_store_id, rocksdb::Env* env,
                                        std::size_t write_buffer_bytes = kWriteBufferBytes);

/// Opens read-only what recovery would make of the directory, and checks everything: logs,
/// watermark, files, rows. The directory must be locked.
[[nodiscard]] Result<CheckReport> check_directory(const std::string& data_dir,
                                                  const std::string& watermark_dir,
                                                  rocksdb::Env* env);

}  // namespace weft::store
