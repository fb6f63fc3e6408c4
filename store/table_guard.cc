#include "store/table_guard.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include "store/byte_codec.h"

namespace weft::store {
namespace {

constexpr std::size_t kFooterSize = 53;
constexpr std::string_view kTableMagic = "\xf7\xcf\xf4\x85\xb7\x41\xe2\x88";
// What RocksDB calls kCRC32c and kXXH3: its defaults before and since release 6.27.
constexpr char kCrc32c = 1;
constexpr char kXxh3 = 4;

constexpr std::string_view kProperties = "rocksdb.properties";
constexpr std::string_view kTableFormat("\5\0\0\0", 4);
constexpr std::size_t kHandlesSize = 40;
// A name for each of its five blocks or so: a few hundred bytes.
constexpr std::size_t kMetaIndexMax = 16 * 1024;

bool is_footer(std::string_view footer) {
  return footer.size() == kFooterSize && (footer.front() == kXxh3 || footer.front() == kCrc32c) &&
         footer.substr(1 + kHandlesSize) == std::string(kTableFormat) + std::string(kTableMagic);
}

struct Handle {
  std::uint64_t offset = 0, size = 0;
};

// Nothing if there is no handle at the beginning of `bytes` that lies within a file of this size.
std::optional<Handle> handle_at(std::string_view bytes, std::uint64_t file_size) {
  ByteReader in(bytes);
  const Handle handle{in.varint(), in.varint()};
  if (!in.ok() || handle.size > file_size || handle.offset > file_size - handle.size) {
    return std::nullopt;
  }
  return handle;
}

/// An open table file.
class TableFile final {
 public:
  TableFile(const rocksdb::FSRandomAccessFile& file, std::uint64_t size,
            const rocksdb::FileOptions& options, rocksdb::IODebugContext* debug)
      : file_(file), size_(size), options_(options), debug_(debug) {}

  /// Whether RocksDB can look at it safely; what else is wrong its checksums tell.
  [[nodiscard]] bool is_safe() const {
    if (size_ < kFooterSize) return true;  // RocksDB refuses it
    const std::string footer = read(size_ - kFooterSize, kFooterSize);
    if (!is_footer(footer)) return false;
    const auto meta_index = handle_at(std::string_view(footer).substr(1), size_);
    if (!meta_index || meta_index->size > kMetaIndexMax) return false;
    const std::string names = read(meta_index->offset, meta_index->size);
    const std::size_t at = names.rfind(kProperties);
    if (at == std::string::npos) return true;
    const auto properties =
        handle_at(std::string_view(names).substr(at + kProperties.size()), size_);
    if (!properties || properties->size < 4) return false;
    const std::string end = read(properties->offset + properties->size - 4, 4);
    return end.size() == 4 && (static_cast<unsigned char>(end[3]) & 0x80U) == 0;
  }

 private:
  [[nodiscard]] std::string read(std::uint64_t offset, std::size_t count) const {
    std::string buffer(count, '\0');
    rocksdb::Slice bytes;
    const auto status =
        file_.Read(offset, count, options_.io_options, &bytes, buffer.data(), debug_);
    return status.ok() ? bytes.ToString() : std::string();
  }

  const rocksdb::FSRandomAccessFile& file_;
  std::uint64_t size_;
  const rocksdb::FileOptions& options_;
  rocksdb::IODebugContext* debug_;
};

class TableGuard final : public rocksdb::FileSystemWrapper {
 public:
  using FileSystemWrapper::FileSystemWrapper;
  const char* Name() const override { return "WeftTableGuard"; }

  rocksdb::IOStatus NewRandomAccessFile(const std::string& path,
                                        const rocksdb::FileOptions& options,
                                        std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                                        rocksdb::IODebugContext* debug) override {
    rocksdb::IOStatus status = FileSystemWrapper::NewRandomAccessFile(path, options, file, debug);
    if (!status.ok() || !path.ends_with(".sst")) return status;
    std::uint64_t size = 0;
    status = GetFileSize(path, options.io_options, &size, debug);
    if (!status.ok()) return status;
    if (!TableFile(**file, size, options, debug).is_safe()) {
      status = rocksdb::IOStatus::Corruption("the end of the table file " + path + " is damaged");
    }
    if (!status.ok()) file->reset();
    return status;
  }
};

}  // namespace

std::shared_ptr<rocksdb::Env> guard_tables(rocksdb::Env* base) {
  if (base == nullptr) base = rocksdb::Env::Default();
  return rocksdb::NewCompositeEnv(std::make_shared<TableGuard>(base->GetFileSystem()));
}

}  // namespace weft::store
