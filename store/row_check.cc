#include "store/row_check.h"

#include <limits>
#include <optional>
#include <utility>

#include "store/event_record.h"
#include "store/key_layout.h"
#include "store/queries.h"
#include "store/sha256.h"

namespace weft::store {
namespace {

class Checker final {
 public:
  explicit Checker(const RowReader& rows) : rows_(rows) {}

  Result<CheckReport> check() {
    Result<void> ok = check_events();
    if (ok) ok = check_positions();
    if (ok) ok = check_outbox();
    if (ok) ok = check_timers();
    if (ok) ok = check_snapshots();
    if (!ok) return tl::unexpected(std::move(ok).error());
    return std::move(report_);
  }

 private:
  void find(std::string place, std::string what) {
    if (report_.findings.size() < kFindingsMax) {
      report_.findings.push_back({std::move(place), std::move(what)});
    }
  }

  Result<void> check_events() {
    const auto cursor = rows_.cursor(Table::kEvents, {}, {});
    std::optional<StreamId> stream;
    std::uint64_t last = 0;
    std::optional<Digest> previous;  // nothing: unknown, because of an earlier finding
    for (cursor->seek({}); cursor->valid(); cursor->next()) {
      const auto key = parse_event_key(cursor->key());
      if (!key) {
        find("table events", "unreadable key " + to_hex(cursor->key()));
        continue;
      }
      if (!stream || *stream != key->stream) {
        stream = key->stream;
        last = 0;
        previous = chain_start(*stream);
        ++report_.streams;
      }
      ++report_.events;
      const std::string place = "stream " + describe(*stream);
      const std::string name = "event " + std::to_string(key->version);
      if (key->version != last + 1) {
        find(place, "events " + std::to_string(last + 1) + " to " +
                        std::to_string(key->version - 1) + " are missing");
        previous.reset();
      }
      last = key->version;
      const auto event = parse_event(cursor->value());
      if (!event) {
        find(place, name + " is unreadable");
        previous.reset();
        continue;
      }
      if (previous && chained_hash(*event, *previous) != event->hash) {
        find(place, name + " does not fit the hash chain");
      }
      previous = event->hash;
      if (event->kind == EventView::Kind::kErased) ++report_.erased;
    }
    return cursor->status();
  }

  // With check_events: as many events as positions, and each position names its event; so every
  // event has exactly one position.
  Result<void> check_positions() {
    const auto cursor = rows_.cursor(Table::kPositions, {}, {});
    std::uint64_t next = 1;
    std::uint64_t missing = 0;
    std::uint64_t named = 0;
    for (cursor->seek({}); cursor->valid(); cursor->next()) {
      const auto first = parse_position_key(cursor->key());
      const auto row = parse_position_row(cursor->value());
      if (!first || !row) {
        find("table positions", "unreadable row " + to_hex(cursor->key()));
        continue;
      }
      if (*first < next) find("position " + std::to_string(*first), "is given twice");
      if (*first > next) missing += *first - next;
      next = *first + row->count;
      named += row->count;
      for (std::uint64_t i = 0; i < row->count; ++i) {
        if (auto ok = check_position(*first + i, row->stream, row->first_version + i); !ok) {
          return ok;
        }
      }
    }
    if (auto ok = cursor->status(); !ok) return ok;
    const auto floor = queries::meta_number(rows_, meta::kHeadFloor);
    const auto deleted = queries::meta_number(rows_, meta::kDeletedEvents);
    if (!floor) return tl::unexpected(floor.error());
    if (!deleted) return tl::unexpected(deleted.error());
    if (*floor >= next) {
      missing += *floor + 1 - next;
      next = *floor + 1;
    }
    report_.head_position = next - 1;
    if (missing != *deleted) {
      find("table positions", std::to_string(missing) + " positions are missing, but " +
                                  std::to_string(*deleted) + " events were deleted");
    }
    if (named != report_.events) {
      find("table positions", "names " + std::to_string(named) + " events, but there are " +
                                  std::to_string(report_.events));
    }
    return {};
  }

  Result<void> check_position(std::uint64_t position, const StreamId& stream,
                              std::uint64_t version) {
    const auto value = rows_.get(Table::kEvents, event_key(stream, version));
    if (!value) return tl::unexpected(value.error());
    const std::string place = "position " + std::to_string(position);
    const std::string name = "event " + std::to_string(version) + " of stream " + describe(stream);
    if (!*value) {
      find(place, name + " is missing");
      return {};
    }
    const auto event = parse_event(**value);
    if (event && event->position != position) {
      find(place, name + " says that its position is " + std::to_string(event->position));
    }
    return {};
  }

  Result<void> check_outbox() {
    const auto cursor = rows_.cursor(Table::kOutbox, {}, {});
    for (cursor->seek({}); cursor->valid(); cursor->next()) {
      ++report_.outbox_rows;
      // Its stream may have no events: what the engine owes to a message has one without.
      if (!parse_outbox_key(cursor->key())) {
        find("table outbox", "unreadable key " + to_hex(cursor->key()));
      }
    }
    return cursor->status();
  }

  Result<void> check_timers() {
    const auto cursor = rows_.cursor(Table::kTimers, {}, {});
    for (cursor->seek({}); cursor->valid(); cursor->next()) {
      ++report_.timers;
      const auto key = parse_timer_key(cursor->key());
      if (!key) {
        find("table timers", "unreadable key " + to_hex(cursor->key()));
      } else if (auto ok = check_owner("timer " + to_hex(key->id), key->stream); !ok) {
        return ok;
      }
    }
    return cursor->status();
  }

  Result<void> check_snapshots() {
    const auto cursor = rows_.cursor(Table::kSnapshots, {}, {});
    for (cursor->seek({}); cursor->valid(); cursor->next()) {
      ++report_.snapshots;
      const auto stream = parse_stream_key(cursor->key());
      if (!stream) {
        find("table snapshots", "unreadable key " + to_hex(cursor->key()));
        continue;
      }
      const auto snapshot = parse_snapshot(*stream, cursor->value());
      const auto version = queries::stream_version(rows_, *stream);
      if (!version) return tl::unexpected(version.error());
      if (!snapshot) {
        find("stream " + describe(*stream), "its snapshot is unreadable");
      } else if (snapshot->version > *version) {
        find("stream " + describe(*stream),
             "its snapshot is of version " + std::to_string(snapshot->version) +
                 ", but its last event is " + std::to_string(*version));
      }
    }
    return cursor->status();
  }

  // Rows of one stream often lie together, so the last answer is kept.
  Result<void> check_owner(const std::string& row, const StreamId& stream) {
    if (!last_owner_ || *last_owner_ != stream) {
      const auto version = queries::stream_version(rows_, stream);
      if (!version) return tl::unexpected(version.error());
      last_owner_ = stream;
      last_owner_exists_ = *version > 0;
    }
    if (!last_owner_exists_) find("stream " + describe(stream), row + " belongs to no event");
    return {};
  }

  const RowReader& rows_;
  CheckReport report_;
  std::optional<StreamId> last_owner_;
  bool last_owner_exists_ = false;
};

}  // namespace

Result<CheckReport> check_rows(const RowReader& rows) { return Checker(rows).check(); }

}  // namespace weft::store
