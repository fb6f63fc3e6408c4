#include "store/manifest.h"

#include <cerrno>
#include <charconv>
#include <optional>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

#include "store/durable_file.h"
#include "store/wal_scan.h"

namespace weft::store {
namespace {

constexpr std::string_view kPrefix = "MANIFEST-";

std::string manifest_path(const std::string& database_dir, const std::string& name) {
  return database_dir + "/" + name;
}

// The name of the manifest in force, and its number; number 0: there is none, or none can be read.
struct Named {
  std::string name;
  std::uint64_t number = 0;
};
Result<Named> current(const std::string& database_dir) {
  const auto text = read_file(database_dir + "/CURRENT");
  if (!text) return tl::unexpected(text.error());
  Named named;
  if (!*text || !(*text)->starts_with(kPrefix)) return named;
  named.name = (*text)->substr(0, (*text)->find('\n'));
  const char* const end = named.name.data() + named.name.size();
  std::from_chars(named.name.data() + kPrefix.size(), end, named.number);
  return named;
}

}  // namespace

Result<ManifestExtent> durable_manifest(const std::string& database_dir) {
  const auto named = current(database_dir);
  if (!named) return tl::unexpected(named.error());
  const std::string path = manifest_path(database_dir, named->name);
  // Read first and synced then, so that what was read is durable.
  const auto bytes = named->number == 0 ? Result<std::optional<std::string>>() : read_file(path);
  if (!bytes) return tl::unexpected(bytes.error());
  if (!*bytes) return ManifestExtent{};
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0 && errno == ENOENT) return ManifestExtent{};
  if (file < 0) return tl::unexpected(file_error("open", path));
  const bool synced = ::fdatasync(file) == 0;
  const StoreError error = synced ? StoreError{} : file_error("sync", path);
  ::close(file);
  if (!synced) return tl::unexpected(error);
  return ManifestExtent{named->number, whole_records(**bytes).bytes};
}

Result<void> check_manifest(const std::string& database_dir, const ManifestExtent& known) {
  const auto named = current(database_dir);
  if (!named) return tl::unexpected(named.error());
  if (named->number == 0) return {};  // RocksDB says what is wrong with it
  const auto damaged = [&](const std::string& what) {
    return tl::unexpected(StoreError{StoreError::Kind::kDamaged,
                                     manifest_path(database_dir, named->name) + what +
                                         ", so stored data is missing; restore a backup"});
  };
  if (named->number < known.number) {
    return damaged(" is of an older copy of the database: manifest " +
                   std::to_string(known.number) + " was in force");
  }
  const auto bytes = read_file(manifest_path(database_dir, named->name));
  if (!bytes) return tl::unexpected(bytes.error());
  if (!*bytes) return {};  // as above
  const WholeRecords whole = whole_records(**bytes);
  if (named->number == known.number && whole.bytes < known.bytes) {
    return damaged(" is damaged at byte " + std::to_string(whole.bytes) + " of " +
                   std::to_string(known.bytes));
  }
  if (whole.more_behind) {
    return damaged(" is damaged at byte " + std::to_string(whole.bytes) +
                   ", and valid records follow");
  }
  return {};
}

}  // namespace weft::store
