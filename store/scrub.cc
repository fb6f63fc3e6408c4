#include "store/scrub.h"

#include <array>
#include <utility>
#include <vector>

#include "store/key_layout.h"
#include "store/queries.h"

namespace weft::store {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kStreamsPerPage = 100;
constexpr std::size_t kEventsPerRead = 32;  // At most 8 MiB with the largest payloads.
constexpr std::uint64_t kBytesPerCursor = 256 * 1024;
// Of each row beside its key and value.
constexpr std::uint64_t kRowOverhead = 32;

constexpr std::array<std::pair<Table, const char*>, 6> kOtherTables = {{
    {Table::kMeta, "table meta"},
    {Table::kPositions, "table positions"},
    {Table::kOutbox, "table outbox"},
    {Table::kTimers, "table timers"},
    {Table::kSnapshots, "table snapshots"},
    {Table::kIndex, "table index"},
}};

const char* name_of(Table table) {
  for (const auto& [other, name] : kOtherTables) {
    if (other == table) return name;
  }
  return "table events";
}

}  // namespace

Scrub::Scrub(const RocksdbDatabase& database, ScrubOptions options)
    : options_(std::move(options)),
      rows_(database, RocksdbRows::Moment::kPassing),
      thread_([this] { run(); }) {}

Scrub::~Scrub() {
  {
    const std::lock_guard lock(mutex_);
    end_ = true;
  }
  ending_.notify_all();
  thread_.join();
}

ScrubReport Scrub::report() const {
  const std::lock_guard lock(mutex_);
  return report_;
}

void Scrub::run() {
  milliseconds until_next{0};
  if (options_.last_begun_ms > 0) {
    // A clock that was set back, or forward, costs one pass too early.
    const milliseconds since{options_.now_ms() - options_.last_begun_ms};
    if (since.count() >= 0 && since < options_.every) until_next = options_.every - since;
  }
  for (;;) {
    if (!wait(until_next)) return;
    const auto begun = std::chrono::steady_clock::now();
    if (options_.on_pass) options_.on_pass(options_.now_ms());
    if (!pass()) return;
    const auto took =
        std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begun);
    until_next = took < options_.every ? options_.every - took : milliseconds(0);
  }
}

bool Scrub::pass() {
  findings_ = 0;
  for (int partition = 0; partition <= 255; ++partition) {
    if (!walk_streams(static_cast<std::uint8_t>(partition))) return false;
  }
  for (const auto& [table, name] : kOtherTables) {
    if (!walk_table(table)) return false;
  }
  const std::lock_guard lock(mutex_);
  ++report_.passes;
  report_.last_ended_ms = options_.now_ms();
  if (findings_ == 0) report_.first = {};
  report_.findings = findings_;
  return true;
}

bool Scrub::walk_streams(std::uint8_t partition) {
  Bytes cursor;
  for (;;) {
    const auto page = queries::list_streams(rows_, partition, "", cursor, kStreamsPerPage);
    if (!page) {
      find("table events, partition " + std::to_string(partition), page.error().message);
      return rest(0);
    }
    for (const StreamId& stream : page->rows) {
      if (!walk_stream(stream)) return false;
    }
    if (page->complete) return true;
    cursor = page->cursor;
  }
}

bool Scrub::walk_stream(const StreamId& stream) {
  for (std::uint64_t from = 1;;) {
    const auto events = queries::read_stream(rows_, stream, from, kEventsPerRead);
    if (!events) {
      find("stream " + describe(stream), events.error().message);
      return rest(0);
    }
    std::uint64_t bytes = 0;
    for (const EventRecord& event : *events) {
      bytes += event.payload.size() + event.header.size() + stream.name.size() + kRowOverhead;
    }
    if (!rest(bytes)) return false;
    // Fewer: its end; or it was removed meanwhile, and then there is nothing to say about it.
    if (events->size() < kEventsPerRead) return true;
    from = events->back().version + 1;
  }
}

bool Scrub::walk_table(Table table) {
  Bytes after;
  bool first = true;
  for (;;) {
    // A cursor keeps files from being removed, so it lives shortly.
    std::uint64_t bytes = 0;
    bool more = false;
    {
      const auto cursor = rows_.cursor(table, {}, {});
      cursor->seek(after);
      if (!first && cursor->valid() && cursor->key() == after) cursor->next();
      first = false;
      while (cursor->valid() && bytes < kBytesPerCursor) {
        bytes += cursor->key().size() + cursor->value().size() + kRowOverhead;
        after = cursor->key();
        cursor->next();
      }
      if (const auto status = cursor->status(); !status) {
        find(name_of(table), status.error().message);
        return rest(bytes);
      }
      more = cursor->valid();
    }
    if (!rest(bytes)) return false;
    if (!more) return true;
  }
}

void Scrub::find(std::string place, std::string what) {
  const Finding finding{std::move(place), std::move(what)};
  {
    const std::lock_guard lock(mutex_);
    ++findings_;
    if (findings_ > report_.findings) report_.findings = findings_;
    if (findings_ == 1) report_.first = finding;
  }
  if (options_.on_finding && findings_ <= kFindingsMax) options_.on_finding(finding);
}

bool Scrub::rest(std::uint64_t bytes) {
  unpaid_ += bytes;
  const auto owed = milliseconds(unpaid_ * 1000 / options_.bytes_per_second);
  if (owed < milliseconds(10)) return wait(milliseconds(0));
  unpaid_ = 0;
  return wait(owed);
}

bool Scrub::wait(milliseconds time) {
  std::unique_lock lock(mutex_);
  return !ending_.wait_for(lock, time, [this] { return end_; });
}

}  // namespace weft::store
