#include "store/rocksdb_recovery.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include "store/durable_file.h"
#include "store/key_layout.h"
#include "store/manifest.h"
#include "store/opening.h"
#include "store/sha256.h"
#include "store/wal_scan.h"

namespace weft::store {
namespace {

// Walked at an opening after a crash: the tail is what a crash can have touched.
constexpr std::size_t kTailAppends = 2000;

tl::unexpected<StoreError> damaged_store(std::string message) {
  return tl::unexpected(StoreError{StoreError::Kind::kDamaged, std::move(message)});
}

std::string in_words(std::uint64_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

// For reading facts without opening for good.
class NoWriter final : public RowWriter {
 public:
  void put(Table, std::string_view, std::string_view) override {}
  void erase(Table, std::string_view) override {}
};

// The highest event position that write batches of the log speak of.
class HighestPosition final : public rocksdb::WriteBatch::Handler {
 public:
  explicit HighestPosition(std::uint32_t positions_table) : table_(positions_table) {}

  rocksdb::Status PutCF(std::uint32_t table, const rocksdb::Slice& key,
                        const rocksdb::Slice& value) override {
    if (table != table_) return rocksdb::Status::OK();
    const auto first = parse_position_key({key.data(), key.size()});
    const auto row = parse_position_row({value.data(), value.size()});
    if (first && row) highest = std::max(highest, *first + row->count - 1);
    return rocksdb::Status::OK();
  }
  rocksdb::Status DeleteCF(std::uint32_t, const rocksdb::Slice&) override {
    return rocksdb::Status::OK();
  }

  std::uint64_t highest = 0;

 private:
  std::uint32_t table_;
};

// Is everything there that the watermark says was durable? `facts` are those of this opening.
Result<void> check_watermark(const Watermark& mark, const StoreFacts& facts,
                             const queries::Head& head, std::uint64_t sequence,
                             const RowReader& rows) {
  if (to_hex(mark.store_id) != facts.id) {
    return damaged_store("the watermark is that of store " + to_hex(mark.store_id) +
                         ", the database is store " + facts.id +
                         "; put the right directories together, or restore a backup");
  }
  if (head.position < mark.position) {
    return damaged_store(
        "acknowledged data is missing: " + in_words(mark.position - head.position, "event") +
        ", positions " + std::to_string(head.position + 1) + " to " +
        std::to_string(mark.position) +
        " at least; restore a backup, or repair the files and try again");
  }
  // Of what was acknowledged without an event: effects settled, payloads erased, streams deleted.
  if (sequence < mark.sequence && mark.epoch < facts.epoch) {
    return damaged_store(
        "acknowledged data is missing: " + in_words(mark.sequence - sequence, "row change") +
        "; restore a backup, or repair the files and try again");
  }
  if (mark.epoch >= facts.epoch) {
    return damaged_store("the database is an older copy: it was opened " +
                         in_words(facts.epoch - 1, "time") + ", its watermark says " +
                         std::to_string(mark.epoch) + "; put the newer copy in place");
  }
  const auto hash = queries::hash_at(rows, mark.position);
  if (!hash) return tl::unexpected(hash.error());
  if (*hash && mark.hash != Digest{} && **hash != mark.hash) {
    return damaged_store(
        "the event at position " + std::to_string(mark.position) +
        " is not the one that was acknowledged; put the right copy of the database in "
        "place, or restore a backup");
  }
  return {};
}

// Did recovery stop at a bad record of the log although valid ones follow?
Result<void> check_log(const WalScan& scan, const RocksdbDatabase& database,
                       const queries::Head& head) {
  if (database.last_sequence() >= scan.last_sequence) return {};
  HighestPosition positions(database.table(Table::kPositions)->GetID());
  for (const std::string& record : scan.behind) {
    rocksdb::WriteBatch batch(record);
    static_cast<void>(batch.Iterate(&positions));  // what can be read of it is enough
  }
  std::string message = "acknowledged data is missing: ";
  if (positions.highest > head.position) {
    message += in_words(positions.highest - head.position, "event") + ", positions " +
               std::to_string(head.position + 1) + " to " + std::to_string(positions.highest) +
               " at least";
  } else {
    message += in_words(scan.last_sequence - database.last_sequence(), "row change");
  }
  if (!scan.damages.empty()) {
    message += "; " + scan.damages.front().file + " is damaged at byte " +
               std::to_string(scan.damages.front().offset) + ", and valid records follow";
  }
  return damaged_store(message + "; restore a backup, or repair the file and try again");
}

struct Inspected {
  StoreFacts facts;
  queries::Head head;
};

Result<Inspected> inspect(const RowReader& rows) {
  NoWriter nowhere;
  auto facts = open_rows(rows, std::string(16, '\0'), nowhere);
  if (!facts) return tl::unexpected(std::move(facts).error());
  const auto head = queries::head(rows);
  if (!head) return tl::unexpected(head.error());
  return Inspected{*std::move(facts), *head};
}

// Everything that makes us refuse, on a database that is not opened for writing yet.
Result<void> check_before_opening(const std::string& data_dir, const WalScan& scan,
                                  const std::optional<Watermark>& mark, rocksdb::Env* env) {
  const auto database =
      RocksdbDatabase::open(database_path(data_dir), RocksdbDatabase::Mode::kReadOnly, env);
  if (!database) return tl::unexpected(database.error());
  const RocksdbRows rows(**database, RocksdbRows::Moment::kLatest);
  const auto found = inspect(rows);
  if (!found) return tl::unexpected(found.error());
  if (auto ok = check_log(scan, **database, found->head); !ok) return ok;
  return mark
             ? check_watermark(*mark, found->facts, found->head, (*database)->last_sequence(), rows)
             : Result<void>();
}

}  // namespace

std::string owner_path(const std::string& data_dir) { return data_dir + "/OWNER"; }
std::string database_path(const std::string& data_dir) { return data_dir + "/db"; }

std::string watermark_path(const std::string& data_dir, const std::string& watermark_dir) {
  return (watermark_dir.empty() ? data_dir : watermark_dir) + "/WATERMARK";
}

bool database_exists(const std::string& data_dir) {
  std::error_code error;
  return std::filesystem::exists(database_path(data_dir) + "/CURRENT", error);
}

Result<void> check_format_file(const std::string& data_dir) {
  const std::string path = data_dir + "/FORMAT";
  const auto text = read_file(path);
  if (!text) return tl::unexpected(text.error());
  if (!*text) return {};  // the row in `meta` is the truth; this file only spares us opening
  const std::string_view lines = **text;
  constexpr std::string_view kFirst = "weft-store ";
  constexpr std::string_view kSecond = "\nneeds ";
  std::uint64_t format = 0;
  if (lines.substr(0, kFirst.size()) == kFirst) {
    std::from_chars(lines.data() + kFirst.size(), lines.data() + lines.size(), format);
  }
  if (format == 0) return damaged_store("the file " + path + " is unreadable; restore a backup");
  if (format <= kFormatVersion) return {};
  const std::size_t needs = lines.find(kSecond);
  if (needs == std::string_view::npos) return tl::unexpected(newer_format(format, ""));
  const std::string_view rest = lines.substr(needs + kSecond.size());
  return tl::unexpected(newer_format(format, rest.substr(0, rest.find('\n'))));
}

Result<void> write_format_file(const std::string& data_dir, const std::string& store_id) {
  return replace_file(data_dir + "/FORMAT", "weft-store " + std::to_string(kFormatVersion) +
                                                "\nneeds " + std::string(kProgramNeeded) + "\nid " +
                                                store_id + "\n");
}

Result<Recovered> recover(const std::string& data_dir, const std::string& watermark_dir,
                          bool create, const std::string& new_store_id, rocksdb::Env* env,
                          std::size_t write_buffer_bytes) {
  if (auto ok = check_format_file(data_dir); !ok) return tl::unexpected(std::move(ok).error());
  const std::string mark_path = watermark_path(data_dir, watermark_dir);
  const auto mark = read_watermark(mark_path);
  if (!mark) return tl::unexpected(mark.error());
  const bool exists = database_exists(data_dir);
  if (!exists && *mark) {
    return damaged_store("there is no database in " + data_dir + ", but " + mark_path +
                         " says that a store with " + in_words((*mark)->position, "event") +
                         " was here; put it back, restore a backup, or remove that file");
  }
  if (auto ok =
          check_manifest(database_path(data_dir), *mark ? (*mark)->manifest : ManifestExtent{});
      !ok) {
    return tl::unexpected(std::move(ok).error());
  }
  const auto scan = scan_wals(database_path(data_dir));
  if (!scan) return tl::unexpected(scan.error());
  if (exists && (!scan->damages.empty() || scan->records_behind_damage)) {
    if (auto ok = check_before_opening(data_dir, *scan, *mark, env); !ok) {
      return tl::unexpected(std::move(ok).error());
    }
  }

  auto database = RocksdbDatabase::open(
      database_path(data_dir),
      create ? RocksdbDatabase::Mode::kCreate : RocksdbDatabase::Mode::kReadWrite, env,
      write_buffer_bytes);
  if (!database) return tl::unexpected(std::move(database).error());
  Recovered recovered;
  recovered.database = *std::move(database);
  const RocksdbRows rows(*recovered.database, RocksdbRows::Moment::kLatest);
  RocksdbWriter writer(*recovered.database);
  auto facts = open_rows(rows, new_store_id, writer);
  if (!facts) return tl::unexpected(std::move(facts).error());
  recovered.facts = *std::move(facts);
  const auto head = queries::head(rows);
  if (!head) return tl::unexpected(head.error());
  recovered.head = *head;
  const auto deleted = queries::meta_number(rows, meta::kDeletedEvents);
  if (!deleted) return tl::unexpected(deleted.error());
  recovered.deleted_events = *deleted;

  if (auto ok = check_log(*scan, *recovered.database, *head); !ok) {
    return tl::unexpected(std::move(ok).error());
  }
  if (*mark) {
    if (auto ok = check_watermark(**mark, recovered.facts, *head,
                                  recovered.database->last_sequence(), rows);
        !ok) {
      return tl::unexpected(std::move(ok).error());
    }
  } else if (!recovered.facts.created) {
    recovered.facts.notes.push_back("the watermark " + mark_path +
                                    " is missing; lost data older than now cannot be noticed");
  }
  for (const WalDamage& damage : scan->damages) {
    recovered.facts.notes.push_back("dropped the torn end of " + damage.file + " from byte " +
                                    std::to_string(damage.offset) +
                                    " on; nothing in it was acknowledged");
  }
  if (!recovered.facts.clean_shutdown) {
    if (auto ok = queries::verify_tail(rows, kTailAppends); !ok) {
      return tl::unexpected(std::move(ok).error());
    }
  }

  if (auto ok = writer.write(); !ok) return tl::unexpected(std::move(ok).error());
  if (auto ok = write_format_file(data_dir, recovered.facts.id); !ok) {
    return tl::unexpected(std::move(ok).error());
  }
  const auto id = rows.get(Table::kMeta, meta::kStoreId);
  if (!id) return tl::unexpected(id.error());
  if (!*id) return damaged_store("the store's id could not be read back");
  recovered.store_id = **id;
  return recovered;
}

Result<CheckReport> check_directory(const std::string& data_dir, const std::string& watermark_dir,
                                    rocksdb::Env* env) {
  if (auto ok = check_format_file(data_dir); !ok) return tl::unexpected(std::move(ok).error());
  const auto scan = scan_wals(database_path(data_dir));
  if (!scan) return tl::unexpected(scan.error());
  const auto database =
      RocksdbDatabase::open(database_path(data_dir), RocksdbDatabase::Mode::kReadOnly, env);
  if (!database) return tl::unexpected(database.error());
  const RocksdbRows rows(**database, RocksdbRows::Moment::kLatest);
  auto report = check_rows(rows);
  if (!report) return report;
  const auto add = [&report](const std::string& place, const Result<void>& checked) {
    if (!checked) report->findings.push_back({place, checked.error().message});
  };
  const auto found = inspect(rows);
  if (!found) {
    report->findings.push_back({"table meta", found.error().message});
    return report;
  }
  add("log", check_log(*scan, **database, found->head));
  const std::string mark_path = watermark_path(data_dir, watermark_dir);
  const auto mark = read_watermark(mark_path);
  add("manifest", check_manifest(database_path(data_dir),
                                 mark && *mark ? (*mark)->manifest : ManifestExtent{}));
  if (!mark) {
    report->findings.push_back({mark_path, mark.error().message});
  } else if (*mark) {
    add(mark_path,
        check_watermark(**mark, found->facts, found->head, (*database)->last_sequence(), rows));
  }
  add("table files", (*database)->verify_checksums());
  return report;
}

}  // namespace weft::store
