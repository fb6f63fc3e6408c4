#pragma once  // store/rocksdb_database.h

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "store/commit_encoder.h"
#include "store/rows.h"
#include "store/store_error.h"

namespace rocksdb {
class ColumnFamilyHandle;
class DB;
class Env;
class Snapshot;
class Status;
class WriteBatch;
}  // namespace rocksdb

namespace weft::store {

class Listener;

/// Largest memory table, that of events; those of the other tables are a quarter.
inline constexpr std::size_t kWriteBufferBytes = std::size_t{32} * 1024 * 1024;

/// `what` could not be done: damaged, full, or else `otherwise`.
[[nodiscard]] StoreError rocksdb_error(std::string_view what, const rocksdb::Status& status,
                                       StoreError::Kind otherwise);

/// An open RocksDB with our tables and settings.
class RocksdbDatabase final {
 public:
  enum class Mode { kReadOnly, kReadWrite, kCreate };

  /// `env`: the file system, null for the real one; it must outlive this. kReadOnly changes nothing
  /// on disk, and still sees what lies only in the log.
  [[nodiscard]] static Result<std::unique_ptr<RocksdbDatabase>> open(const std::string& directory,
                                                                     Mode mode, rocksdb::Env* env,
                                                                     std::size_t write_buffer_bytes =
                                                                         kWriteBufferBytes);
  ~RocksdbDatabase();
  RocksdbDatabase(const RocksdbDatabase&) = delete;
  RocksdbDatabase& operator=(const RocksdbDatabase&) = delete;

  [[nodiscard]] rocksdb::DB& db() const { return *db_; }
  [[nodiscard]] rocksdb::ColumnFamilyHandle* table(Table table) const {
    return tables_[static_cast<std::size_t>(table)];
  }

  /// Called, from RocksDB's threads, for every error found in the background, those before this
  /// call included.
  void on_background_error(std::function<void(StoreError)> report);

  /// Called, from RocksDB's threads, whenever the manifest has grown. Must be quick.
  void on_files_changed(std::function<void()> changed);

  /// Verifies the checksum of every block of every table file.
  [[nodiscard]] Result<void> verify_checksums() const;
  /// Number of the last row change recovered or written.
  [[nodiscard]] std::uint64_t last_sequence() const;
  /// Ends background work; the only place where an error at the end can be seen.
  [[nodiscard]] Result<void> close();

 private:
  RocksdbDatabase() = default;

  std::shared_ptr<rocksdb::Env> env_;  // outlives the database
  std::shared_ptr<Listener> listener_;
  std::unique_ptr<rocksdb::DB> db_;
  std::array<rocksdb::ColumnFamilyHandle*, kTables> tables_{};
};

/// Reads what is durable: RocksDB shows a write only once its log is synced.
class RocksdbRows final : public RowReader {
 public:
  /// kLatest: every read sees the present. kFixed: all see the moment of construction. kPassing: as
  /// kLatest, but what is read takes no room in the cache from what is needed again.
  enum class Moment { kLatest, kFixed, kPassing };
  RocksdbRows(const RocksdbDatabase& database, Moment moment);
  ~RocksdbRows() override;
  RocksdbRows(const RocksdbRows&) = delete;
  RocksdbRows& operator=(const RocksdbRows&) = delete;

  [[nodiscard]] Result<std::optional<Bytes>> get(Table table, std::string_view key) const override;
  [[nodiscard]] std::unique_ptr<RowCursor> cursor(Table table, std::string_view lower,
                                                  std::string_view upper) const override;

 private:
  const RocksdbDatabase& database_;
  const rocksdb::Snapshot* snapshot_ = nullptr;
  bool fill_cache_ = true;
};

/// One write batch.
class RocksdbWriter final : public CommitEncoder::Writer {
 public:
  explicit RocksdbWriter(RocksdbDatabase& database);
  ~RocksdbWriter() override;

  void put(Table table, std::string_view key, std::string_view value) override;
  void erase(Table table, std::string_view key) override;
  void mark() override;
  void roll_back() override;

  [[nodiscard]] std::size_t bytes() const;
  /// Writes the batch and syncs the log, then begins the next batch. After an error nobody knows
  /// what is on disk.
  [[nodiscard]] Result<void> write();

 private:
  void keep(const rocksdb::Status& status);

  RocksdbDatabase& database_;
  std::unique_ptr<rocksdb::WriteBatch> batch_;
  bool marked_ = false;
  std::optional<StoreError> error_;  // the batch could not be built
};

}  // namespace weft::store
