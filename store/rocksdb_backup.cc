#include "store/rocksdb_backup.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <map>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include <rocksdb/db.h>
#include <rocksdb/utilities/checkpoint.h>

#include "store/durable_file.h"
#include "store/key_layout.h"
#include "store/queries.h"
#include "store/rocksdb_recovery.h"
#include "store/sha256.h"
#include "store/watermark.h"

namespace weft::store {
namespace {

constexpr std::string_view kFirstLine = "weft-backup 1\n";

std::string info_path(const std::string& directory) { return directory + "/BACKUP"; }

tl::unexpected<StoreError> error(StoreError::Kind kind, std::string message) {
  return tl::unexpected(StoreError{kind, std::move(message)});
}

std::string to_text(const BackupInfo& info) {
  return std::string(kFirstLine) + "store " + info.store_id + "\nepoch " +
         std::to_string(info.epoch) + "\nposition " + std::to_string(info.position) + "\nhash " +
         info.hash + "\ntaken_at_ms " + std::to_string(info.taken_at_ms) + "\n";
}

template <class Number>
bool read_number(const std::map<std::string, std::string>& fields, const char* name, Number& out) {
  const auto field = fields.find(name);
  if (field == fields.end()) return false;
  const char* end = field->second.data() + field->second.size();
  const auto [stop, failed] = std::from_chars(field->second.data(), end, out);
  return failed == std::errc() && stop == end;
}

std::optional<BackupInfo> parse_info(std::string_view text) {
  if (text.substr(0, kFirstLine.size()) != kFirstLine) return std::nullopt;
  text.remove_prefix(kFirstLine.size());
  std::map<std::string, std::string> fields;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::size_t blank = line.find(' ');
    if (blank == std::string_view::npos) return std::nullopt;
    fields.emplace(line.substr(0, blank), line.substr(blank + 1));
  }
  BackupInfo info;
  info.store_id = fields["store"];
  info.hash = fields["hash"];
  const bool complete = read_number(fields, "epoch", info.epoch) &&
                        read_number(fields, "position", info.position) &&
                        read_number(fields, "taken_at_ms", info.taken_at_ms);
  if (!complete || info.store_id.size() != 32 || info.hash.size() != 64) return std::nullopt;
  return info;
}

Result<std::vector<std::filesystem::path>> list_files(const std::string& directory) {
  std::vector<std::filesystem::path> files;
  std::error_code failed;
  std::filesystem::directory_iterator entries(directory, failed);
  for (; !failed && entries != std::filesystem::directory_iterator(); entries.increment(failed)) {
    files.push_back(entries->path());
  }
  if (failed) {
    errno = failed.value();
    return tl::unexpected(file_error("list", directory));
  }
  return files;
}

Result<void> require_no_findings(const std::string& directory, const Result<CheckReport>& report) {
  if (!report) return tl::unexpected(report.error());
  if (report->findings.empty()) return {};
  const Finding& first = report->findings.front();
  return error(StoreError::Kind::kDamaged,
               "the copy in " + directory + " is not sound: " + first.place + ": " + first.what +
                   " (" + std::to_string(report->findings.size()) + " findings in all)");
}

// What the copy in `directory` says of itself, without its time.
Result<BackupInfo> describe_copy(const std::string& directory) {
  const auto database =
      RocksdbDatabase::open(database_path(directory), RocksdbDatabase::Mode::kReadOnly, nullptr);
  if (!database) return tl::unexpected(database.error());
  const RocksdbRows rows(**database, RocksdbRows::Moment::kLatest);
  const auto head = queries::head(rows);
  if (!head) return tl::unexpected(head.error());
  const auto epoch = queries::meta_number(rows, meta::kEpoch);
  if (!epoch) return tl::unexpected(epoch.error());
  const auto id = rows.get(Table::kMeta, meta::kStoreId);
  if (!id) return tl::unexpected(id.error());
  if (!*id) return error(StoreError::Kind::kDamaged, "the store's id is missing");
  BackupInfo info;
  info.store_id = to_hex(**id);
  info.epoch = *epoch;
  info.position = head->position;
  info.hash = to_hex(bytes_of(head->hash));
  const auto files = list_files(database_path(directory));
  if (!files) return tl::unexpected(files.error());
  for (const auto& file : *files) {
    std::error_code failed;
    const std::uintmax_t size = std::filesystem::file_size(file, failed);
    if (!failed) info.bytes += size;
  }
  return info;
}

Result<void> copy_directory(const std::string& from, const std::string& to) {
  std::error_code failed;
  std::filesystem::remove_all(to, failed);  // an interrupted attempt
  if (auto ok = make_directories(to); !ok) return ok;
  const auto files = list_files(from);
  if (!files) return tl::unexpected(files.error());
  for (const auto& file : *files) {
    if (!std::filesystem::is_regular_file(file, failed)) continue;
    if (auto ok = copy_file_durably(file.string(), to + "/" + file.filename().string()); !ok) {
      return ok;
    }
  }
  return sync_directory(to);
}

// Opens the finished copy once for writing: it becomes a restored store with an epoch of its own.
Result<std::pair<Watermark, std::string>> mark_restored(const std::string& database_dir,
                                                        const RestoredFrom& restored,
                                                        std::uint64_t epoch) {
  auto database = RocksdbDatabase::open(database_dir, RocksdbDatabase::Mode::kReadWrite, nullptr);
  if (!database) return tl::unexpected(std::move(database).error());
  const RocksdbRows rows(**database, RocksdbRows::Moment::kLatest);
  const auto head = queries::head(rows);
  if (!head) return tl::unexpected(head.error());
  const auto id = rows.get(Table::kMeta, meta::kStoreId);
  if (!id) return tl::unexpected(id.error());
  RocksdbWriter writer(**database);
  writer.put(Table::kMeta, meta::kRestored, encode_restored(restored));
  writer.put(Table::kMeta, meta::kEpoch, encode_number(epoch));
  writer.put(Table::kMeta, meta::kClean, "1");
  if (auto ok = writer.write(); !ok) return tl::unexpected(std::move(ok).error());
  Watermark mark{id->value(), epoch, head->position, head->hash, 0, {}};
  const std::string store_id = to_hex(mark.store_id);
  if (auto ok = (*database)->close(); !ok) return tl::unexpected(std::move(ok).error());
  return std::pair{std::move(mark), store_id};
}

}  // namespace

Result<BackupInfo> read_backup_info(const std::string& directory) {
  const auto text = read_file(info_path(directory));
  if (!text) return tl::unexpected(text.error());
  if (!*text) {
    return error(StoreError::Kind::kNotFound,
                 directory + " is no finished backup: it has no file BACKUP");
  }
  auto info = parse_info(**text);
  if (!info) {
    return error(StoreError::Kind::kDamaged, info_path(directory) + " is unreadable");
  }
  return *std::move(info);
}

Result<BackupInfo> write_backup(const RocksdbDatabase& database, const std::string& directory,
                                std::int64_t now_ms) {
  if (auto ok = make_directories(directory); !ok) return tl::unexpected(std::move(ok).error());
  const auto present = list_files(directory);
  if (!present) return tl::unexpected(present.error());
  if (!present->empty()) {
    return error(StoreError::Kind::kInvalid,
                 "the backup directory " + directory + " is not empty; name a new one");
  }
  rocksdb::Checkpoint* raw = nullptr;
  rocksdb::Status status = rocksdb::Checkpoint::Create(&database.db(), &raw);
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(raw);
  if (status.ok()) status = checkpoint->CreateCheckpoint(database_path(directory));
  if (!status.ok()) {
    return tl::unexpected(
        rocksdb_error("copy the database to " + directory, status, StoreError::Kind::kIo));
  }
  // RocksDB has shipped backups that ignored damage it had met, so ours is opened and read.
  if (auto ok = require_no_findings(directory, check_directory(directory, "", nullptr)); !ok) {
    return tl::unexpected(std::move(ok).error());
  }
  auto info = describe_copy(directory);
  if (!info) return info;
  info->taken_at_ms = now_ms;
  if (auto ok = write_format_file(directory, info->store_id); !ok) {
    return tl::unexpected(std::move(ok).error());
  }
  if (auto ok = replace_file(info_path(directory), to_text(*info)); !ok) {
    return tl::unexpected(std::move(ok).error());
  }
  return info;
}

Result<RestoreReport> restore_backup(const RestoreOptions& options) {
  auto info = read_backup_info(options.backup_dir);
  if (!info) return tl::unexpected(std::move(info).error());
  if (auto ok = check_format_file(options.backup_dir); !ok) {
    return tl::unexpected(std::move(ok).error());
  }
  for (const std::string* directory : {&options.data_dir, &options.watermark_dir}) {
    if (directory->empty()) continue;
    if (auto ok = make_directories(*directory); !ok) return tl::unexpected(std::move(ok).error());
  }
  const auto owner = OwnerFile::acquire(owner_path(options.data_dir));
  if (!owner) return tl::unexpected(owner.error());
  if (database_exists(options.data_dir)) {
    return error(StoreError::Kind::kInvalid,
                 "there is a store in " + options.data_dir + "; restore into a new directory");
  }
  const std::string mark_path = watermark_path(options.data_dir, options.watermark_dir);
  const auto old_mark = read_watermark(mark_path);
  if (!old_mark) return tl::unexpected(old_mark.error());
  RestoreReport report{*info, std::nullopt};
  std::uint64_t epoch = info->epoch;
  if (*old_mark) {
    if (to_hex((*old_mark)->store_id) != info->store_id) {
      return error(StoreError::Kind::kInvalid,
                   mark_path +
                       " is the watermark of another store; remove it, or name another "
                       "watermark directory");
    }
    epoch = std::max(epoch, (*old_mark)->epoch);
    report.events_missing =
        (*old_mark)->position > info->position ? (*old_mark)->position - info->position : 0;
  }

  // A directory below, so that what is checked is laid out as what it will be.
  const std::string stage = options.data_dir + "/restoring";
  if (auto ok = copy_directory(database_path(options.backup_dir), database_path(stage)); !ok) {
    return tl::unexpected(std::move(ok).error());
  }
  if (auto ok = require_no_findings(stage, check_directory(stage, "", nullptr)); !ok) {
    return tl::unexpected(std::move(ok).error());
  }
  const auto copy = describe_copy(stage);
  if (!copy) return tl::unexpected(copy.error());
  if (copy->store_id != info->store_id || copy->position != info->position ||
      copy->hash != info->hash) {
    return error(StoreError::Kind::kDamaged,
                 "the backup ends at position " + std::to_string(copy->position) + " of store " +
                     copy->store_id + ", its file BACKUP says " + std::to_string(info->position) +
                     " of store " + info->store_id);
  }
  auto marked = mark_restored(database_path(stage),
                              {info->taken_at_ms, options.now_ms, info->position}, epoch + 1);
  if (!marked) return tl::unexpected(std::move(marked).error());
  if (auto ok = write_format_file(options.data_dir, marked->second); !ok) {
    return tl::unexpected(std::move(ok).error());
  }
  // The watermark first: with it, but without a database, opening refuses and restoring works.
  auto keeper = WatermarkKeeper::start(mark_path, std::move(marked->first), kWatermarkIntervalMs,
                                       [](const StoreError&) {});
  if (!keeper) return tl::unexpected(std::move(keeper).error());
  if (auto ok = (*keeper)->stop(); !ok) return tl::unexpected(std::move(ok).error());
  std::error_code failed;
  std::filesystem::rename(database_path(stage), database_path(options.data_dir), failed);
  if (failed) {
    errno = failed.value();
    return tl::unexpected(file_error("rename to", database_path(options.data_dir)));
  }
  if (auto ok = sync_directory(options.data_dir); !ok) {
    return tl::unexpected(std::move(ok).error());
  }
  std::filesystem::remove_all(stage, failed);
  return report;
}

Result<CheckReport> fsck(const std::string& data_dir, const std::string& watermark_dir) {
  if (!database_exists(data_dir)) {
    return error(StoreError::Kind::kNotFound, "there is no store in " + data_dir);
  }
  const auto owner = OwnerFile::acquire(owner_path(data_dir));
  if (!owner) return tl::unexpected(owner.error());
  return check_directory(data_dir, watermark_dir, nullptr);
}

}  // namespace weft::store
