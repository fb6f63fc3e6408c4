#pragma once  // store/rocksdb_event_store.h

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/commit_encoder.h"
#include "store/durable_file.h"
#include "store/event_store.h"
#include "store/group_commit.h"
#include "store/rocksdb_backup.h"
#include "store/rocksdb_database.h"
#include "store/rocksdb_recovery.h"
#include "store/row_check.h"
#include "store/scrub.h"
#include "store/space_reserve.h"
#include "store/watermark.h"

namespace weft::store {

/// One sync, for metrics.
struct GroupWritten {
  std::uint64_t commits = 0;
  std::uint64_t events = 0;
  std::uint64_t bytes = 0;
  std::int64_t sync_us = 0;  ///< Write and sync.
};

struct RocksdbOptions {
  std::string data_dir;
  std::string watermark_dir;  ///< Best on another device; empty: data_dir.
  bool create = true;         ///< false: kNotFound if there is no store.
  int watermark_interval_ms = kWatermarkIntervalMs;
  /// Smaller ones are written out sooner: for machines with little memory.
  std::size_t write_buffer_bytes = kWriteBufferBytes;
  /// Room kept on the disk for the day it is full (space_reserve.h); 0: none.
  std::uint64_t reserve_bytes = 0;
  /// How the disk is measured; empty: as it is.
  SpaceReserve::Measure measure_disk;
  /// Reads everything so often, slowly (scrub.h); 0: never. After a crash at once.
  std::chrono::milliseconds scrub_every{0};
  std::function<void(const Finding&)> on_damage;  ///< On the scrub's thread.
  /// The store has failed: the process should end at once, `abort` best. Called once, from a thread
  /// of the store, before anything waiting is answered; must not call the store.
  std::function<void(const std::string& reason)> on_fatal;
  /// After every group, on the committer thread.
  std::function<void(const GroupWritten&)> on_group;
  rocksdb::Env* env = nullptr;  ///< The file system under RocksDB; null: the real one.
};

/// EventStore on RocksDB, one directory (rocksdb_recovery.h says what lies in it), one process.
class RocksdbEventStore final : public EventStore {
 public:
  /// kLocked, kNewer, kDamaged, kFull, kNotFound or kIo, with what to do in the message.
  [[nodiscard]] static Result<std::unique_ptr<RocksdbEventStore>> open(RocksdbOptions options);
  /// As close().
  ~RocksdbEventStore() override;
  RocksdbEventStore(const RocksdbEventStore&) = delete;
  RocksdbEventStore& operator=(const RocksdbEventStore&) = delete;

  /// Answers what was submitted, leaves the mark of a clean shutdown, lets the directory go. No
  /// read may be under way; afterwards only the destructor may be called, and submit (kClosed).
  [[nodiscard]] Result<void> close();

  /// What a second process is told about this one, e.g. `http://127.0.0.1:7717`.
  [[nodiscard]] Result<void> set_owner_info(std::string_view text);

  /// Copies the store as it is now to a directory that is new or empty, opens the copy and checks
  /// all of it. Commits go on meanwhile. Files are shared with the store by hard links where both
  /// are on one device: for safety from a bad device, choose another.
  [[nodiscard]] Result<BackupInfo> backup(const std::string& directory, std::int64_t now_ms) const;

  /// Reads and checks everything, as `fsck` does, while work goes on: rows as they are now, and the
  /// checksums of all table files.
  [[nodiscard]] Result<CheckReport> check() const;

  void submit(std::vector<Commit> batch, CommitDone done) override;
  void flush() override;
  [[nodiscard]] Result<std::vector<EventRecord>> read_stream(const StreamId& stream,
                                                             std::uint64_t from_version,
                                                             std::size_t max) const override;
  [[nodiscard]] Result<std::vector<EventRecord>> read_all(std::uint64_t after_position,
                                                          std::size_t max) const override;
  [[nodiscard]] Result<std::uint64_t> stream_version(const StreamId& stream) const override;
  [[nodiscard]] Result<Page<StreamId>> list_streams(std::uint8_t partition,
                                                    std::string_view name_prefix,
                                                    const Bytes& cursor,
                                                    std::size_t max) const override;
  [[nodiscard]] Result<std::optional<Snapshot>> load_snapshot(
      const StreamId& stream) const override;
  [[nodiscard]] Result<Page<OutboxRow>> scan_outbox(PartitionRange partitions, const Bytes& cursor,
                                                    std::size_t max) const override;
  [[nodiscard]] Result<Page<Timer>> scan_timers(PartitionRange partitions, std::int64_t until_ms,
                                                const Bytes& cursor,
                                                std::size_t max) const override;
  [[nodiscard]] Result<std::optional<Bytes>> get_index(std::uint16_t table,
                                                       std::string_view key) const override;
  [[nodiscard]] Result<std::vector<IndexRow>> scan_index(std::uint16_t table,
                                                         std::string_view key_prefix,
                                                         std::string_view after_key,
                                                         std::size_t max) const override;
  [[nodiscard]] std::uint64_t head_position() const override { return durable_head_; }
  [[nodiscard]] StoreFacts facts() const override;
  [[nodiscard]] StoreStats stats() const override;
  [[nodiscard]] Result<void> clear_restored() override;

 private:
  RocksdbEventStore(RocksdbOptions options, OwnerFile owner, std::unique_ptr<SpaceReserve> reserve,
                    Recovered recovered, const Digest& salt_secret);
  [[nodiscard]] Result<void> start();
  [[nodiscard]] Result<void> start_scrub();
  [[nodiscard]] Result<CommitReceipt> encode(const std::vector<Commit>& batch);
  [[nodiscard]] Result<void> write_group();

  RocksdbOptions options_;
  std::optional<OwnerFile> owner_;  // outlives everything that touches the directory
  std::unique_ptr<SpaceReserve> reserve_;
  std::unique_ptr<RocksdbDatabase> database_;
  std::string store_id_;
  RocksdbRows latest_;

  // Used by the committer thread only.
  CommitEncoder encoder_;
  RocksdbWriter writer_;
  std::uint64_t group_commits_ = 0;
  std::uint64_t group_events_ = 0;

  std::atomic<std::uint64_t> durable_head_;
  mutable std::mutex facts_mutex_;
  StoreFacts facts_;
  std::atomic<std::uint64_t> commits_ = 0;
  std::atomic<std::uint64_t> groups_ = 0;
  std::atomic<std::uint64_t> events_ = 0;
  std::atomic<std::int64_t> last_sync_us_ = 0;

  std::unique_ptr<WatermarkKeeper> watermark_;
  std::unique_ptr<GroupCommit> group_commit_;
  std::unique_ptr<Scrub> scrub_;
  bool closed_ = false;
};

}  // namespace weft::store
