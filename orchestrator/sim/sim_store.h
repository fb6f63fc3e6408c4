#pragma once  // orchestrator/sim/sim_store.h

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "store/commit_encoder.h"
#include "store/event_store.h"
#include "store/rows.h"

namespace weft::sim {

/// What survives a crash: the durable rows, and nothing else. A copy is a second disk.
struct SimDisk {
  std::array<std::map<store::Bytes, store::Bytes>, store::kTables> tables;
  std::uint64_t free_bytes = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t bytes = 0;  ///< In rows that commits wrote; the few of the store's own not counted.
};

/// The rows of a SimDisk, for reads and checks. The disk must not change under a cursor.
class SimRows final : public store::RowReader {
 public:
  explicit SimRows(const SimDisk& disk) : disk_(disk) {}
  [[nodiscard]] store::Result<std::optional<store::Bytes>> get(store::Table table,
                                                               std::string_view key) const override;
  [[nodiscard]] std::unique_ptr<store::RowCursor> cursor(store::Table table, std::string_view lower,
                                                         std::string_view upper) const override;

 private:
  const SimDisk& disk_;
};

/// EventStore without threads, time or files: what is submitted waits until the world syncs it.
/// Equal seeds and calls give equal bytes. One thread only.
class SimStore final : public store::EventStore {
 public:
  struct Options {
    std::uint64_t seed = 0;  ///< For the store's id and the salts.
    /// As in production: called once, before anything waiting is answered with the failure.
    std::function<void(const std::string& reason)> on_fatal;
    /// Called when the first commit of a group begins to wait: the world plans the sync.
    std::function<void()> on_waiting;
    /// Told of every submission: for recordings.
    std::function<void(const std::vector<store::Commit>& batch)> on_submit;
  };
  /// How a sync goes wrong, and what of the group is on the disk nevertheless.
  enum class Fault { kNothingWritten, kWrittenUnacknowledged };

  /// Opens the store on a disk; kNewer or kDamaged as the real one says.
  [[nodiscard]] static store::Result<std::unique_ptr<SimStore>> open(std::shared_ptr<SimDisk> disk,
                                                                     Options options);
  ~SimStore() override = default;
  SimStore(const SimStore&) = delete;
  SimStore& operator=(const SimStore&) = delete;

  // The world's side.

  /// Makes everything that waits durable with one sync and answers it; false if nothing waited.
  bool sync_group();
  /// Submissions that wait for a sync.
  [[nodiscard]] std::size_t waiting() const { return queue_.size(); }
  /// The process dies: nothing waiting is ever answered. kWrittenUnacknowledged: the group that was
  /// being synced did reach the disk. Afterwards only the disk is of use.
  void crash(Fault in_flight = Fault::kNothingWritten);
  /// The next sync fails, and with it the store. Nothing: it does not, after all.
  void fail_next_sync(std::optional<Fault> fault) { fault_ = fault; }
  /// A clean shutdown: syncs what waits and leaves the mark. Later submissions are kClosed.
  void close();

  // EventStore.

  void submit(std::vector<store::Commit> batch, CommitDone done) override;
  void flush() override;
  [[nodiscard]] store::Result<std::vector<store::EventRecord>> read_stream(
      const store::StreamId& stream, std::uint64_t from_version, std::size_t max) const override;
  [[nodiscard]] store::Result<std::vector<store::EventRecord>> read_all(
      std::uint64_t after_position, std::size_t max) const override;
  [[nodiscard]] store::Result<std::uint64_t> stream_version(
      const store::StreamId& stream) const override;
  [[nodiscard]] store::Result<store::Page<store::StreamId>> list_streams(
      std::uint8_t partition, std::string_view name_prefix, const store::Bytes& cursor,
      std::size_t max) const override;
  [[nodiscard]] store::Result<std::optional<store::Snapshot>> load_snapshot(
      const store::StreamId& stream) const override;
  [[nodiscard]] store::Result<store::Page<store::OutboxRow>> scan_outbox(
      store::PartitionRange partitions, const store::Bytes& cursor, std::size_t max) const override;
  [[nodiscard]] store::Result<store::Page<store::Timer>> scan_timers(
      store::PartitionRange partitions, std::int64_t until_ms, const store::Bytes& cursor,
      std::size_t max) const override;
  [[nodiscard]] store::Result<std::optional<store::Bytes>> get_index(
      std::uint16_t table, std::string_view key) const override;
  [[nodiscard]] store::Result<std::vector<store::IndexRow>> scan_index(
      std::uint16_t table, std::string_view key_prefix, std::string_view after_key,
      std::size_t max) const override;
  [[nodiscard]] std::uint64_t head_position() const override { return durable_head_; }
  [[nodiscard]] store::StoreFacts facts() const override { return facts_; }
  [[nodiscard]] store::StoreStats stats() const override;
  [[nodiscard]] store::Result<void> clear_restored() override;

 private:
  enum class State { kOpen, kClosed, kFailed, kCrashed };
  struct Submission {
    std::vector<store::Commit> batch;
    CommitDone done;
  };
  /// Row changes that are not on the disk yet.
  class Changes final : public store::CommitEncoder::Writer {
   public:
    void put(store::Table table, std::string_view key, std::string_view value) override;
    void erase(store::Table table, std::string_view key) override;
    void mark() override { mark_ = changes_.size(); }
    void roll_back() override { changes_.resize(mark_); }
    void apply(SimDisk& disk);
    [[nodiscard]] std::uint64_t bytes() const;

   private:
    struct Change {
      store::Table table;
      store::Bytes key;
      std::optional<store::Bytes> value;  // nothing: the row goes
    };
    std::vector<Change> changes_;
    std::size_t mark_ = 0;
  };

  SimStore(std::shared_ptr<SimDisk> disk, Options options);
  void answer_all(std::vector<std::pair<Submission, store::Result<store::CommitReceipt>>> answers);
  void fail(store::StoreError error);

  std::shared_ptr<SimDisk> disk_;
  Options options_;
  SimRows rows_;
  std::optional<store::CommitEncoder> encoder_;
  store::StoreFacts facts_;
  std::deque<Submission> queue_;
  State state_ = State::kOpen;
  store::StoreError failure_;
  std::optional<Fault> fault_;
  std::uint64_t durable_head_ = 0;
  std::uint64_t submitted_ = 0;
  std::uint64_t answered_ = 0;
  store::StoreStats counts_;
};

}  // namespace weft::sim
