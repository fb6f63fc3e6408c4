#include "store/rocksdb_event_store.h"

#include <cassert>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <utility>

#include <openssl/rand.h>

#include "store/key_layout.h"
#include "store/queries.h"
#include "store/sha256.h"

namespace weft::store {
namespace {

// Ends of streams kept in memory for appends: about 15 MB.
constexpr std::size_t kStreamsMax = 64 * 1024;

template <std::size_t kSize>
std::array<std::uint8_t, kSize> random_bytes() {
  std::array<std::uint8_t, kSize> bytes;
  const int ok = RAND_bytes(bytes.data(), static_cast<int>(kSize));
  assert(ok == 1);  // OpenSSL blocks until the kernel has randomness; nothing else can fail
  static_cast<void>(ok);
  return bytes;
}

// Reads that take several steps see one moment.
RocksdbRows fixed(const RocksdbDatabase& database) {
  return RocksdbRows(database, RocksdbRows::Moment::kFixed);
}

}  // namespace

Result<std::unique_ptr<RocksdbEventStore>> RocksdbEventStore::open(RocksdbOptions options) {
  if (!options.create && !database_exists(options.data_dir)) {
    return tl::unexpected(
        StoreError{StoreError::Kind::kNotFound, "there is no store in " + options.data_dir});
  }
  for (const std::string* directory : {&options.data_dir, &options.watermark_dir}) {
    if (directory->empty()) continue;
    if (auto ok = make_directories(*directory); !ok) return tl::unexpected(std::move(ok).error());
  }
  auto owner = OwnerFile::acquire(owner_path(options.data_dir));
  if (!owner) return tl::unexpected(std::move(owner).error());
  // Before anything is written: on a full disk the reserve is what an opening needs.
  SpaceReserve::Measure measure = options.measure_disk;
  if (!measure) measure = [directory = options.data_dir] { return disk_space(directory); };
  auto reserve = std::make_unique<SpaceReserve>(options.data_dir, options.reserve_bytes, measure);
  if (auto ok = reserve->admit(0); !ok) return tl::unexpected(std::move(ok).error());
  const auto id = random_bytes<16>();
  auto recovered = recover(options.data_dir, options.watermark_dir, options.create,
                           {reinterpret_cast<const char*>(id.data()), id.size()}, options.env,
                           options.write_buffer_bytes);
  if (!recovered) return tl::unexpected(std::move(recovered).error());
  std::unique_ptr<RocksdbEventStore> store(
      new RocksdbEventStore(std::move(options), *std::move(owner), std::move(reserve),
                            *std::move(recovered), random_bytes<std::tuple_size_v<Digest>>()));
  if (auto ok = store->start(); !ok) return tl::unexpected(std::move(ok).error());
  return store;
}

RocksdbEventStore::RocksdbEventStore(RocksdbOptions options, OwnerFile owner,
                                     std::unique_ptr<SpaceReserve> reserve, Recovered recovered,
                                     const Digest& salt_secret)
    : options_(std::move(options)),
      owner_(std::move(owner)),
      reserve_(std::move(reserve)),
      database_(std::move(recovered.database)),
      store_id_(std::move(recovered.store_id)),
      latest_(*database_, RocksdbRows::Moment::kLatest),
      encoder_(latest_, recovered.head, recovered.deleted_events, salt_secret, kStreamsMax),
      writer_(*database_),
      durable_head_(recovered.head.position),
      facts_(std::move(recovered.facts)) {}

Result<void> RocksdbEventStore::start() {
  group_commit_ = std::make_unique<GroupCommit>(
      GroupCommit::Steps{[this](const std::vector<Commit>& batch) { return encode(batch); },
                         [this] { return write_group(); },
                         [this](const std::string& reason) {
                           if (options_.on_fatal) options_.on_fatal(reason);
                         }});
  const auto fail = [this](StoreError error) { group_commit_->fail(std::move(error)); };
  database_->on_background_error(fail);
  Watermark now{store_id_,
                facts_.epoch,
                encoder_.head().position,
                encoder_.head().hash,
                database_->last_sequence(),
                {}};
  auto keeper = WatermarkKeeper::start(
      watermark_path(options_.data_dir, options_.watermark_dir), std::move(now),
      options_.watermark_interval_ms, fail,
      [directory = database_path(options_.data_dir)] { return durable_manifest(directory); });
  if (!keeper) return tl::unexpected(std::move(keeper).error());
  watermark_ = *std::move(keeper);
  database_->on_files_changed([this] { watermark_->manifest_changed(); });
  return start_scrub();
}

Result<void> RocksdbEventStore::start_scrub() {
  if (options_.scrub_every.count() == 0) return {};
  const auto last = queries::meta_number(latest_, meta::kScrubbed);
  if (!last) return tl::unexpected(last.error());
  ScrubOptions scrub;
  scrub.every = options_.scrub_every;
  // What a crash left is looked at now, not tomorrow.
  if (facts_.clean_shutdown) scrub.last_begun_ms = static_cast<std::int64_t>(*last);
  scrub.now_ms = [] {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  };
  scrub.on_pass = [this](std::int64_t begun_ms) {
    RocksdbWriter writer(*database_);
    writer.put(Table::kMeta, meta::kScrubbed, encode_number(static_cast<std::uint64_t>(begun_ms)));
    if (auto ok = writer.write(); !ok) group_commit_->fail(ok.error());
  };
  scrub.on_finding = options_.on_damage;
  scrub_ = std::make_unique<Scrub>(*database_, std::move(scrub));
  return {};
}

RocksdbEventStore::~RocksdbEventStore() { static_cast<void>(close()); }

Result<void> RocksdbEventStore::close() {
  if (closed_) return {};
  closed_ = true;
  scrub_.reset();
  group_commit_->close();
  Result<void> result;
  if (watermark_) result = watermark_->stop();
  if (result && watermark_ && !group_commit_->failed()) {
    RocksdbWriter writer(*database_);
    writer.put(Table::kMeta, meta::kClean, "1");
    result = writer.write();
  }
  if (auto ok = database_->close(); result) result = std::move(ok);
  owner_.reset();
  return result;
}

Result<void> RocksdbEventStore::set_owner_info(std::string_view text) {
  return owner_->write(text);
}

Result<BackupInfo> RocksdbEventStore::backup(const std::string& directory,
                                             std::int64_t now_ms) const {
  return write_backup(*database_, directory, now_ms);
}

Result<CheckReport> RocksdbEventStore::check() const {
  auto report = check_rows(fixed(*database_));
  if (!report) return report;
  if (const auto ok = database_->verify_checksums(); !ok) {
    report->findings.push_back({"table files", ok.error().message});
  }
  return report;
}

void RocksdbEventStore::submit(std::vector<Commit> batch, CommitDone done) {
  group_commit_->submit(std::move(batch), std::move(done));
}

void RocksdbEventStore::flush() { group_commit_->flush(); }

Result<CommitReceipt> RocksdbEventStore::encode(const std::vector<Commit>& batch) {
  auto receipt = encoder_.encode(batch, writer_);
  if (receipt) {
    group_commits_ += batch.size();
    group_events_ += receipt->events;
  }
  return receipt;
}

Result<void> RocksdbEventStore::write_group() {
  GroupWritten group{group_commits_, group_events_, writer_.bytes(), 0};
  group_commits_ = 0;
  group_events_ = 0;
  if (auto ok = reserve_->admit(group.bytes); !ok) return ok;
  const auto begin = std::chrono::steady_clock::now();
  if (auto ok = writer_.write(); !ok) return ok;
  const auto took = std::chrono::steady_clock::now() - begin;
  group.sync_us = std::chrono::duration_cast<std::chrono::microseconds>(took).count();

  encoder_.group_written();
  const queries::Head& head = encoder_.head();
  durable_head_ = head.position;
  watermark_->advance(head.position, head.hash, database_->last_sequence());
  commits_ += group.commits;
  events_ += group.events;
  groups_ += 1;
  last_sync_us_ = group.sync_us;
  if (options_.on_group) options_.on_group(group);
  return {};
}

Result<std::vector<EventRecord>> RocksdbEventStore::read_stream(const StreamId& stream,
                                                                std::uint64_t from_version,
                                                                std::size_t max) const {
  return queries::read_stream(latest_, stream, from_version, max);  // one cursor: one moment
}

Result<std::vector<EventRecord>> RocksdbEventStore::read_all(std::uint64_t after_position,
                                                             std::size_t max) const {
  return queries::read_all(fixed(*database_), after_position, max);
}

Result<std::uint64_t> RocksdbEventStore::stream_version(const StreamId& stream) const {
  return queries::stream_version(latest_, stream);
}

Result<Page<StreamId>> RocksdbEventStore::list_streams(std::uint8_t partition,
                                                       std::string_view name_prefix,
                                                       const Bytes& cursor, std::size_t max) const {
  return queries::list_streams(latest_, partition, name_prefix, cursor, max);
}

Result<std::optional<Snapshot>> RocksdbEventStore::load_snapshot(const StreamId& stream) const {
  return queries::load_snapshot(latest_, stream);
}

Result<Page<OutboxRow>> RocksdbEventStore::scan_outbox(PartitionRange partitions,
                                                       const Bytes& cursor, std::size_t max) const {
  return queries::scan_outbox(latest_, partitions, cursor, max);
}

Result<Page<Timer>> RocksdbEventStore::scan_timers(PartitionRange partitions, std::int64_t until_ms,
                                                   const Bytes& cursor, std::size_t max) const {
  return queries::scan_timers(latest_, partitions, until_ms, cursor, max);
}

Result<std::optional<Bytes>> RocksdbEventStore::get_index(std::uint16_t table,
                                                          std::string_view key) const {
  return latest_.get(Table::kIndex, index_key(table, key));
}

Result<std::vector<IndexRow>> RocksdbEventStore::scan_index(std::uint16_t table,
                                                            std::string_view key_prefix,
                                                            std::string_view after_key,
                                                            std::size_t max) const {
  return queries::scan_index(latest_, table, key_prefix, after_key, max);
}

StoreFacts RocksdbEventStore::facts() const {
  const std::lock_guard lock(facts_mutex_);
  return facts_;
}

StoreStats RocksdbEventStore::stats() const {
  StoreStats stats;
  stats.queued = group_commit_->queued();
  stats.commits = commits_;
  stats.groups = groups_;
  stats.events = events_;
  stats.last_sync_us = last_sync_us_;
  std::error_code error;
  std::filesystem::directory_iterator files(database_path(options_.data_dir), error);
  for (; !error && files != std::filesystem::directory_iterator(); files.increment(error)) {
    std::error_code gone;  // files come and go under our hands
    const std::uintmax_t size = files->file_size(gone);
    if (!gone) stats.bytes += size;
  }
  reserve_->tend();
  const DiskSpace space =
      options_.measure_disk ? options_.measure_disk() : disk_space(options_.data_dir);
  stats.free_bytes = space.free_bytes;
  stats.device_bytes = space.device_bytes;
  stats.reserve_in_use = reserve_->given_up();
  if (scrub_) {
    const ScrubReport scrubbed = scrub_->report();
    stats.damages = scrubbed.findings;
    if (scrubbed.findings > 0) stats.damage = scrubbed.first.place + ": " + scrubbed.first.what;
    stats.scrubbed_at_ms = scrubbed.last_ended_ms;
  }
  return stats;
}

Result<void> RocksdbEventStore::clear_restored() {
  RocksdbWriter writer(*database_);
  writer.erase(Table::kMeta, meta::kRestored);
  if (auto ok = writer.write(); !ok) {
    group_commit_->fail(ok.error());
    return ok;
  }
  const std::lock_guard lock(facts_mutex_);
  facts_.restored.reset();
  return {};
}

}  // namespace weft::store
