#include "orchestrator/sim/sim_store.h"

#include <cassert>
#include <string>

#include "store/key_layout.h"
#include "store/opening.h"
#include "store/queries.h"
#include "store/sha256.h"

namespace weft::sim {
namespace {

using store::Bytes;
using store::Result;
using store::StoreError;
using store::Table;

// How many ends of streams the encoder keeps: few, so that simulations often take the path that
// reads them from the disk.
constexpr std::size_t kStreamsMax = 64;

class SimCursor final : public store::RowCursor {
 public:
  using Rows = std::map<Bytes, Bytes>;

  SimCursor(const Rows& rows, std::string_view lower, std::string_view upper)
      : rows_(rows), lower_(lower), upper_(upper), at_(rows.end()) {}

  void seek(std::string_view key) override {
    at_ = rows_.lower_bound(Bytes(key < lower_ ? std::string_view(lower_) : key));
    keep_inside();
  }
  void seek_back(std::string_view key) override {
    at_ = rows_.upper_bound(Bytes(key));
    if (!upper_.empty() && key >= upper_) at_ = rows_.lower_bound(upper_);
    at_ = at_ == rows_.begin() ? rows_.end() : std::prev(at_);
    keep_inside();
  }
  void next() override {
    ++at_;
    keep_inside();
  }
  [[nodiscard]] bool valid() const override { return at_ != rows_.end(); }
  [[nodiscard]] std::string_view key() const override { return at_->first; }
  [[nodiscard]] std::string_view value() const override { return at_->second; }
  [[nodiscard]] Result<void> status() const override { return {}; }

 private:
  void keep_inside() {
    if (at_ == rows_.end()) return;
    if (at_->first < lower_ || (!upper_.empty() && at_->first >= upper_)) at_ = rows_.end();
  }

  const Rows& rows_;
  Bytes lower_;
  Bytes upper_;
  Rows::const_iterator at_;
};

// Writes straight to the disk: for what happens before or after the engine uses the store.
class DirectWriter final : public store::RowWriter {
 public:
  explicit DirectWriter(SimDisk& disk) : disk_(disk) {}
  void put(Table table, std::string_view key, std::string_view value) override {
    disk_.tables[static_cast<std::size_t>(table)].insert_or_assign(Bytes(key), Bytes(value));
  }
  void erase(Table table, std::string_view key) override {
    disk_.tables[static_cast<std::size_t>(table)].erase(Bytes(key));
  }

 private:
  SimDisk& disk_;
};

store::Digest from_seed(std::string_view what, std::uint64_t seed, std::uint64_t epoch) {
  return store::Sha256().add(what).add_number(seed, 8).add_number(epoch, 8).finish();
}

}  // namespace

Result<std::optional<Bytes>> SimRows::get(Table table, std::string_view key) const {
  const auto& rows = disk_.tables[static_cast<std::size_t>(table)];
  const auto row = rows.find(Bytes(key));
  if (row == rows.end()) return std::nullopt;
  return row->second;
}

std::unique_ptr<store::RowCursor> SimRows::cursor(Table table, std::string_view lower,
                                                  std::string_view upper) const {
  return std::make_unique<SimCursor>(disk_.tables[static_cast<std::size_t>(table)], lower, upper);
}

void SimStore::Changes::put(Table table, std::string_view key, std::string_view value) {
  changes_.push_back({table, Bytes(key), Bytes(value)});
}

void SimStore::Changes::erase(Table table, std::string_view key) {
  changes_.push_back({table, Bytes(key), std::nullopt});
}

void SimStore::Changes::apply(SimDisk& disk) {
  for (Change& change : changes_) {
    auto& rows = disk.tables[static_cast<std::size_t>(change.table)];
    const auto before = rows.find(change.key);
    if (before != rows.end()) disk.bytes -= before->first.size() + before->second.size();
    if (change.value) {
      disk.bytes += change.key.size() + change.value->size();
      if (before != rows.end()) {
        before->second = *std::move(change.value);
      } else {
        rows.emplace(std::move(change.key), *std::move(change.value));
      }
    } else if (before != rows.end()) {
      rows.erase(before);
    }
  }
}

std::uint64_t SimStore::Changes::bytes() const {
  std::uint64_t bytes = 0;
  for (const Change& change : changes_) {
    bytes += change.key.size() + (change.value ? change.value->size() : 0);
  }
  return bytes;
}

SimStore::SimStore(std::shared_ptr<SimDisk> disk, Options options)
    : disk_(std::move(disk)), options_(std::move(options)), rows_(*disk_) {}

Result<std::unique_ptr<SimStore>> SimStore::open(std::shared_ptr<SimDisk> disk, Options options) {
  std::unique_ptr<SimStore> sim(new SimStore(std::move(disk), std::move(options)));
  const store::Digest id = from_seed("store id", sim->options_.seed, 0);
  DirectWriter writer(*sim->disk_);
  auto facts = store::open_rows(sim->rows_, store::bytes_of(id).substr(0, 16), writer);
  if (!facts) return tl::unexpected(std::move(facts).error());
  const auto head = store::queries::head(sim->rows_);
  if (!head) return tl::unexpected(head.error());
  const auto deleted = store::queries::meta_number(sim->rows_, store::meta::kDeletedEvents);
  if (!deleted) return tl::unexpected(deleted.error());
  sim->facts_ = *std::move(facts);
  sim->durable_head_ = head->position;
  sim->encoder_.emplace(sim->rows_, *head, *deleted,
                        from_seed("salts", sim->options_.seed, sim->facts_.epoch), kStreamsMax);
  return sim;
}

void SimStore::submit(std::vector<store::Commit> batch, CommitDone done) {
  if (state_ == State::kCrashed) return;  // a dead process hears nothing
  if (state_ == State::kClosed) {
    done(tl::unexpected(StoreError{StoreError::Kind::kClosed, "the store is closed"}));
    return;
  }
  if (options_.on_submit) options_.on_submit(batch);
  ++submitted_;
  queue_.push_back({std::move(batch), std::move(done)});
  if (queue_.size() == 1 && options_.on_waiting) options_.on_waiting();
}

bool SimStore::sync_group() {
  if (queue_.empty() || state_ == State::kCrashed || state_ == State::kClosed) return false;
  if (state_ == State::kFailed) {
    fail(failure_);
    return true;
  }
  std::deque<Submission> group = std::exchange(queue_, {});
  std::vector<std::pair<Submission, Result<store::CommitReceipt>>> answers;
  Changes changes;
  std::uint64_t events = 0;
  std::uint64_t commits = 0;
  for (Submission& submission : group) {
    auto receipt = encoder_->encode(submission.batch, changes);
    if (receipt) {
      events += receipt->events;
      commits += submission.batch.size();
    }
    answers.emplace_back(std::move(submission), std::move(receipt));
  }
  const std::uint64_t bytes = changes.bytes();
  const bool full = bytes > disk_->free_bytes;
  if (fault_ || full) {
    if (fault_ == Fault::kWrittenUnacknowledged && !full) changes.apply(*disk_);
    for (auto answer = answers.rbegin(); answer != answers.rend(); ++answer) {
      queue_.push_front(std::move(answer->first));
    }
    fail(full ? StoreError{StoreError::Kind::kFull, "no space left for the commit; the store stops"}
              : StoreError{StoreError::Kind::kFailed, "a sync failed; the store stops"});
    return true;
  }
  changes.apply(*disk_);
  if (disk_->free_bytes != std::numeric_limits<std::uint64_t>::max()) disk_->free_bytes -= bytes;
  encoder_->group_written();
  durable_head_ = encoder_->head().position;
  counts_.groups += 1;
  counts_.events += events;
  counts_.commits += commits;
  answer_all(std::move(answers));
  return true;
}

void SimStore::answer_all(
    std::vector<std::pair<Submission, Result<store::CommitReceipt>>> answers) {
  for (auto& [submission, result] : answers) {
    if (state_ == State::kCrashed) return;  // an answer made the world end the process
    ++answered_;
    submission.done(std::move(result));
  }
}

void SimStore::fail(StoreError error) {
  if (state_ != State::kFailed) {
    state_ = State::kFailed;
    failure_ = error;
    if (options_.on_fatal) options_.on_fatal(error.message);
  }
  std::vector<std::pair<Submission, Result<store::CommitReceipt>>> answers;
  for (Submission& submission : std::exchange(queue_, {})) {
    answers.emplace_back(std::move(submission), tl::unexpected(error));
  }
  answer_all(std::move(answers));
}

void SimStore::crash(Fault in_flight) {
  if (in_flight == Fault::kWrittenUnacknowledged && state_ == State::kOpen) {
    Changes changes;
    for (const Submission& submission : queue_) {
      static_cast<void>(encoder_->encode(submission.batch, changes));
    }
    changes.apply(*disk_);
  }
  queue_.clear();
  state_ = State::kCrashed;
}

void SimStore::close() {
  if (state_ != State::kOpen) return;
  flush();
  if (state_ != State::kOpen) return;
  DirectWriter(*disk_).put(Table::kMeta, store::meta::kClean, "1");
  state_ = State::kClosed;
}

void SimStore::flush() {
  const std::uint64_t target = submitted_;
  while (answered_ < target && sync_group()) {
  }
}

Result<std::vector<store::EventRecord>> SimStore::read_stream(const store::StreamId& stream,
                                                              std::uint64_t from_version,
                                                              std::size_t max) const {
  return store::queries::read_stream(rows_, stream, from_version, max);
}

Result<std::vector<store::EventRecord>> SimStore::read_all(std::uint64_t after_position,
                                                           std::size_t max) const {
  return store::queries::read_all(rows_, after_position, max);
}

Result<std::uint64_t> SimStore::stream_version(const store::StreamId& stream) const {
  return store::queries::stream_version(rows_, stream);
}

Result<store::Page<store::StreamId>> SimStore::list_streams(std::uint8_t partition,
                                                            std::string_view name_prefix,
                                                            const Bytes& cursor,
                                                            std::size_t max) const {
  return store::queries::list_streams(rows_, partition, name_prefix, cursor, max);
}

Result<std::optional<store::Snapshot>> SimStore::load_snapshot(
    const store::StreamId& stream) const {
  return store::queries::load_snapshot(rows_, stream);
}

Result<store::Page<store::OutboxRow>> SimStore::scan_outbox(store::PartitionRange partitions,
                                                            const Bytes& cursor,
                                                            std::size_t max) const {
  return store::queries::scan_outbox(rows_, partitions, cursor, max);
}

Result<store::Page<store::Timer>> SimStore::scan_timers(store::PartitionRange partitions,
                                                        std::int64_t until_ms, const Bytes& cursor,
                                                        std::size_t max) const {
  return store::queries::scan_timers(rows_, partitions, until_ms, cursor, max);
}

Result<std::optional<Bytes>> SimStore::get_index(std::uint16_t table, std::string_view key) const {
  return rows_.get(Table::kIndex, store::index_key(table, key));
}

Result<std::vector<store::IndexRow>> SimStore::scan_index(std::uint16_t table,
                                                          std::string_view key_prefix,
                                                          std::string_view after_key,
                                                          std::size_t max) const {
  return store::queries::scan_index(rows_, table, key_prefix, after_key, max);
}

store::StoreStats SimStore::stats() const {
  store::StoreStats stats = counts_;
  stats.bytes = disk_->bytes;
  stats.free_bytes = disk_->free_bytes;
  stats.device_bytes = disk_->free_bytes == std::numeric_limits<std::uint64_t>::max()
                           ? disk_->free_bytes
                           : disk_->free_bytes + stats.bytes;
  for (const Submission& submission : queue_) stats.queued += submission.batch.size();
  return stats;
}

Result<void> SimStore::clear_restored() {
  DirectWriter(*disk_).erase(Table::kMeta, store::meta::kRestored);
  facts_.restored.reset();
  return {};
}

}  // namespace weft::sim
