#include "store/rocksdb_database.h"

#include <cassert>
#include <mutex>
#include <utility>
#include <vector>

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/options.h>
#include <rocksdb/perf_level.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/snapshot.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/table_properties_collectors.h>
#include <rocksdb/write_batch.h>

#include "store/table_guard.h"

namespace weft::store {

/// What RocksDB reports from its threads. Errors are kept until somebody listens.
class Listener final : public rocksdb::EventListener {
 public:
  void OnBackgroundError(rocksdb::BackgroundErrorReason /*reason*/,
                         rocksdb::Status* status) override {
    const std::lock_guard lock(mutex_);
    if (error_) return;
    error_ = rocksdb_error("go on after a background error", *status, StoreError::Kind::kFailed);
    if (report_) report_(*error_);
  }

  // When a disk was full and is no more, RocksDB would go on by itself, and write out what its log
  // may not hold.
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason /*reason*/, rocksdb::Status /*error*/,
                            bool* auto_recovery) override {
    *auto_recovery = false;
  }
  void OnFlushCompleted(rocksdb::DB* /*db*/, const rocksdb::FlushJobInfo& /*info*/) override {
    files_changed();
  }
  void OnCompactionCompleted(rocksdb::DB* /*db*/,
                             const rocksdb::CompactionJobInfo& /*info*/) override {
    files_changed();
  }

  void listen(std::function<void(StoreError)> report) {
    const std::lock_guard lock(mutex_);
    report_ = std::move(report);
    if (error_ && report_) report_(*error_);
  }
  void listen_for_files(std::function<void()> changed) {
    const std::lock_guard lock(mutex_);
    changed_ = std::move(changed);
  }

 private:
  void files_changed() {
    const std::lock_guard lock(mutex_);
    if (changed_) changed_();
  }

  std::mutex mutex_;
  std::function<void()> changed_;
  std::optional<StoreError> error_;
  std::function<void(StoreError)> report_;
};

namespace {

constexpr std::size_t kMiB = 1024 * 1024;

// In the order of Table. The names are part of the storage format.
constexpr std::array<const char*, kTables> kTableNames = {
    "default", "events", "positions", "outbox", "timers", "snapshots", "index"};

rocksdb::Slice slice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
std::string_view view(const rocksdb::Slice& bytes) { return {bytes.data(), bytes.size()}; }

bool supports(rocksdb::CompressionType wanted) {
  for (const rocksdb::CompressionType type : rocksdb::GetSupportedCompressions()) {
    if (type == wanted) return true;
  }
  return false;
}

// Reasons: reliability research, 1.2. Defaults that our promises rest on are set all the same, so
// that another release of RocksDB cannot change them.
rocksdb::DBOptions database_options(RocksdbDatabase::Mode mode, rocksdb::Env* env,
                                    std::shared_ptr<Listener> listener) {
  rocksdb::DBOptions options;
  options.env = env;
  options.create_if_missing = mode == RocksdbDatabase::Mode::kCreate;
  options.create_missing_column_families = options.create_if_missing;
  // Recovery: up to the first bad record, with our own detector of what was lost (wal_scan.h,
  // watermark.h). Refusing every torn tail would need a person after each power cut.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  options.track_and_verify_wals_in_manifest = true;
  options.verify_sst_unique_id_in_manifest = true;
  options.paranoid_checks = true;
  options.recycle_log_file_num = 0;
  options.wal_compression = rocksdb::kNoCompression;
  options.manual_wal_flush = false;
  // Readers must not see what is not synced.
  options.unordered_write = false;
  options.enable_pipelined_write = false;
  options.two_write_queues = false;
  options.allow_mmap_writes = false;
  // After a failed write nothing resumes behind our back.
  options.max_bgerror_resume_count = 0;
  options.listeners.push_back(std::move(listener));
  // Bounds what recovery replays, and with it what waits in memory to be written out.
  options.max_total_wal_size = 64 * kMiB;
  // Table files are handed to the disk as they grow: many megabytes at their end would keep the
  // log's next sync waiting.
  options.bytes_per_sync = kMiB;
  options.max_background_jobs = 2;
  // RocksDB starts that many threads for each table; with its 16 an opening began 105 of them.
  options.max_file_opening_threads = 2;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.max_log_file_size = 4 * kMiB;  // RocksDB's own diary
  options.keep_log_file_num = 4;
  options.skip_stats_update_on_db_open = true;
  return options;
}

// Where in its memory table the last row with the same beginning went: the next one goes beside it,
// and is not looked for from the top. A saga's events and outbox rows begin with its stream
// (partition, "saga/", 26 characters); rows of the index with the number of their kind. Other
// streams may be longer, and then share their places.
constexpr std::size_t kStreamBytes = 1 + 5 + 26;
constexpr std::size_t kIndexKindBytes = 2;

std::size_t neighbours_share(Table table) {
  switch (table) {
    case Table::kEvents:
    case Table::kOutbox: return kStreamBytes;
    case Table::kIndex: return kIndexKindBytes;
    default: return 0;  // Written in order, or seldom.
  }
}

rocksdb::ColumnFamilyOptions table_options(Table table, std::size_t write_buffer_bytes,
                                           const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions blocks;
  blocks.block_cache = cache;
  blocks.cache_index_and_filter_blocks = true;  // one bound for all memory
  blocks.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  blocks.format_version = 5;  // table_guard.h knows it
  rocksdb::ColumnFamilyOptions options;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(blocks));
  options.force_consistency_checks = true;
  options.compression =
      supports(rocksdb::kLZ4Compression) ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;
  options.write_buffer_size = table == Table::kEvents ? write_buffer_bytes : write_buffer_bytes / 4;
  if (const std::size_t shared = neighbours_share(table); shared > 0) {
    options.memtable_insert_with_hint_prefix_extractor.reset(
        rocksdb::NewCappedPrefixTransform(shared));
  }
  if (table == Table::kEvents) {
    // An erased payload leaves the files at the latest when each was rewritten.
    options.periodic_compaction_seconds = 30ULL * 24 * 3600;
  }
  if (table == Table::kOutbox || table == Table::kTimers) {
    // Rows here live for seconds; files full of deletions would slow the scan that a restart needs.
    options.table_properties_collector_factories.push_back(
        rocksdb::NewCompactOnDeletionCollectorFactory(1024, 512));
  }
  return options;
}

rocksdb::ReadOptions read_options(const rocksdb::Snapshot* snapshot, bool fill_cache) {
  rocksdb::ReadOptions options;
  options.fill_cache = fill_cache;
  options.verify_checksums = true;
  options.snapshot = snapshot;
  return options;
}

class RocksdbCursor final : public RowCursor {
 public:
  RocksdbCursor(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* table,
                const rocksdb::Snapshot* snapshot, bool fill_cache, std::string_view lower,
                std::string_view upper)
      : lower_(lower), upper_(upper), lower_slice_(slice(lower_)), upper_slice_(slice(upper_)) {
    rocksdb::ReadOptions options = read_options(snapshot, fill_cache);
    if (!lower_.empty()) options.iterate_lower_bound = &lower_slice_;
    if (!upper_.empty()) options.iterate_upper_bound = &upper_slice_;
    iterator_.reset(db.NewIterator(options, table));
  }

  void seek(std::string_view key) override { iterator_->Seek(slice(key)); }
  void seek_back(std::string_view key) override { iterator_->SeekForPrev(slice(key)); }
  void next() override { iterator_->Next(); }
  [[nodiscard]] bool valid() const override { return iterator_->Valid(); }
  [[nodiscard]] std::string_view key() const override { return view(iterator_->key()); }
  [[nodiscard]] std::string_view value() const override { return view(iterator_->value()); }
  [[nodiscard]] Result<void> status() const override {
    const rocksdb::Status status = iterator_->status();
    if (status.ok()) return {};
    return tl::unexpected(rocksdb_error("read the store", status, StoreError::Kind::kIo));
  }

 private:
  std::string lower_;
  std::string upper_;
  rocksdb::Slice lower_slice_;
  rocksdb::Slice upper_slice_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
};

}  // namespace

StoreError rocksdb_error(std::string_view what, const rocksdb::Status& status,
                         StoreError::Kind otherwise) {
  StoreError::Kind kind = otherwise;
  if (status.IsCorruption()) kind = StoreError::Kind::kDamaged;
  if (status.IsNoSpace()) kind = StoreError::Kind::kFull;
  return {kind, "cannot " + std::string(what) + ": " + status.ToString()};
}

Result<std::unique_ptr<RocksdbDatabase>> RocksdbDatabase::open(const std::string& directory,
                                                               Mode mode, rocksdb::Env* env,
                                                               std::size_t write_buffer_bytes) {
  std::unique_ptr<RocksdbDatabase> database(new RocksdbDatabase());
  database->listener_ = std::make_shared<Listener>();
  database->env_ = guard_tables(env);
  const rocksdb::DBOptions options =
      database_options(mode, database->env_.get(), database->listener_);
  const std::shared_ptr<rocksdb::Cache> cache = rocksdb::NewLRUCache(64 * kMiB);
  std::vector<rocksdb::ColumnFamilyDescriptor> tables;
  for (std::size_t i = 0; i < kTables; ++i) {
    tables.emplace_back(kTableNames[i],
                        table_options(static_cast<Table>(i), write_buffer_bytes, cache));
  }
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status =
      mode == Mode::kReadOnly
          ? rocksdb::DB::OpenForReadOnly(options, directory, tables, &handles, &db)
          : rocksdb::DB::Open(options, directory, tables, &handles, &db);
  if (!status.ok()) {
    return tl::unexpected(
        rocksdb_error("open the database " + directory, status, StoreError::Kind::kIo));
  }
  database->db_.reset(db);
  assert(handles.size() == kTables);
  for (std::size_t i = 0; i < kTables; ++i) database->tables_[i] = handles[i];
  return database;
}

RocksdbDatabase::~RocksdbDatabase() { static_cast<void>(close()); }

void RocksdbDatabase::on_background_error(std::function<void(StoreError)> report) {
  listener_->listen(std::move(report));
}

void RocksdbDatabase::on_files_changed(std::function<void()> changed) {
  listener_->listen_for_files(std::move(changed));
}

Result<void> RocksdbDatabase::verify_checksums() const {
  const rocksdb::Status status = db_->VerifyChecksum();
  if (status.ok()) return {};
  return tl::unexpected(rocksdb_error("verify the files", status, StoreError::Kind::kDamaged));
}

std::uint64_t RocksdbDatabase::last_sequence() const { return db_->GetLatestSequenceNumber(); }

Result<void> RocksdbDatabase::close() {
  if (!db_) return {};
  for (rocksdb::ColumnFamilyHandle*& handle : tables_) {
    if (handle != nullptr) db_->DestroyColumnFamilyHandle(std::exchange(handle, nullptr));
  }
  const rocksdb::Status status = db_->Close();
  db_.reset();
  listener_->listen(nullptr);
  listener_->listen_for_files(nullptr);
  if (status.ok()) return {};
  return tl::unexpected(rocksdb_error("close the database", status, StoreError::Kind::kFailed));
}

RocksdbRows::RocksdbRows(const RocksdbDatabase& database, Moment moment)
    : database_(database), fill_cache_(moment != Moment::kPassing) {
  if (moment == Moment::kFixed) snapshot_ = database_.db().GetSnapshot();
}

RocksdbRows::~RocksdbRows() {
  if (snapshot_ != nullptr) database_.db().ReleaseSnapshot(snapshot_);
}

Result<std::optional<Bytes>> RocksdbRows::get(Table table, std::string_view key) const {
  Bytes value;
  const rocksdb::Status status = database_.db().Get(read_options(snapshot_, fill_cache_),
                                                    database_.table(table), slice(key), &value);
  if (status.IsNotFound()) return std::nullopt;
  if (!status.ok()) {
    return tl::unexpected(rocksdb_error("read the store", status, StoreError::Kind::kIo));
  }
  return value;
}

std::unique_ptr<RowCursor> RocksdbRows::cursor(Table table, std::string_view lower,
                                               std::string_view upper) const {
  return std::make_unique<RocksdbCursor>(database_.db(), database_.table(table), snapshot_,
                                         fill_cache_, lower, upper);
}

// Protection bytes: a bit that flips between here and the memory table is noticed.
RocksdbWriter::RocksdbWriter(RocksdbDatabase& database)
    : database_(database),
      batch_(std::make_unique<rocksdb::WriteBatch>(
          /*reserved_bytes=*/64 * 1024, /*max_bytes=*/0,
          /*protection_bytes_per_key=*/8, /*default_cf_ts_sz=*/0)) {}

RocksdbWriter::~RocksdbWriter() = default;

void RocksdbWriter::put(Table table, std::string_view key, std::string_view value) {
  keep(batch_->Put(database_.table(table), slice(key), slice(value)));
}

void RocksdbWriter::erase(Table table, std::string_view key) {
  keep(batch_->Delete(database_.table(table), slice(key)));
}

void RocksdbWriter::mark() {
  if (marked_) keep(batch_->PopSavePoint());
  batch_->SetSavePoint();
  marked_ = true;
}

void RocksdbWriter::roll_back() {
  keep(batch_->RollbackToSavePoint());
  marked_ = false;
}

std::size_t RocksdbWriter::bytes() const { return batch_->GetDataSize(); }

Result<void> RocksdbWriter::write() {
  if (error_) return tl::unexpected(*error_);
  // Nobody reads RocksDB's counters of this thread, which it otherwise keeps at every comparison.
  rocksdb::SetPerfLevel(rocksdb::PerfLevel::kDisable);
  rocksdb::WriteOptions options;
  options.sync = true;
  const rocksdb::Status status = database_.db().Write(options, batch_.get());
  batch_->Clear();
  marked_ = false;
  if (status.ok()) return {};
  return tl::unexpected(rocksdb_error("write and sync the log", status, StoreError::Kind::kFailed));
}

void RocksdbWriter::keep(const rocksdb::Status& status) {
  if (!status.ok() && !error_) {
    error_ = rocksdb_error("build a write", status, StoreError::Kind::kFailed);
  }
}

}  // namespace weft::store
