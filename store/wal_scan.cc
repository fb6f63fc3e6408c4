#include "store/wal_scan.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "store/crc32c.h"
#include "store/durable_file.h"

namespace weft::store {
namespace {

constexpr std::size_t kBlockSize = 32 * 1024;
constexpr std::size_t kFragmentHeader = 7;
constexpr std::size_t kBatchHeader = 12;
// Enough to name what was lost, not enough to fill the memory.
constexpr std::size_t kBehindMax = 1000;

enum FragmentType : unsigned char { kWhole = 1, kFirst = 2, kMiddle = 3, kLast = 4 };

std::uint64_t little_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i > 0; --i) {
    value = (value << 8U) | static_cast<unsigned char>(bytes[i - 1]);
  }
  return value;
}

struct Fragment {
  unsigned char type = 0;
  std::string_view bytes;
  std::size_t end = 0;  // offset behind it
};

// The fragment at `offset`, if there is a valid one.
std::optional<Fragment> fragment_at(std::string_view log, std::size_t offset) {
  const std::size_t block_end = std::min(offset - offset % kBlockSize + kBlockSize, log.size());
  if (block_end < offset + kFragmentHeader) return std::nullopt;
  const std::string_view header = log.substr(offset, kFragmentHeader);
  const auto type = static_cast<unsigned char>(header[6]);
  const std::size_t length = little_endian(header.substr(4, 2));
  if (type < kWhole || type > kLast || offset + kFragmentHeader + length > block_end) {
    return std::nullopt;
  }
  const std::uint32_t crc = crc32c(log.substr(offset + 6, 1 + length));
  const std::uint32_t masked =
      ((crc >> 15U) | (crc << 17U)) + 0xa282ead8U;  // rocksdb/util/crc32c.h
  if (masked != little_endian(header.substr(0, 4))) return std::nullopt;
  return Fragment{type, log.substr(offset + kFragmentHeader, length),
                  offset + kFragmentHeader + length};
}

struct Numbers {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

// The sequence numbers of the batch that a fragment begins.
std::optional<Numbers> numbers_of(const Fragment& fragment) {
  if (fragment.type != kWhole && fragment.type != kFirst) return std::nullopt;
  if (fragment.bytes.size() < kBatchHeader) return std::nullopt;
  const std::uint64_t first = little_endian(fragment.bytes.substr(0, 8));
  const std::uint64_t count = little_endian(fragment.bytes.substr(8, 4));
  // An empty batch holds the place of the next change: RocksDB writes one at the head of a new log
  // when it has dropped a torn end.
  return Numbers{first, first + count - (first + count > 0 ? 1 : 0)};
}

class LogScanner final {
 public:
  LogScanner(WalScan& result, std::string file, std::string_view log)
      : result_(result), file_(std::move(file)), log_(log) {}

  void scan() {
    std::size_t offset = read_good_part();
    if (offset >= log_.size()) return;
    result_.damages.push_back({file_, offset});
    search(offset);
  }

 private:
  // Reads until the first place that is no fragment; returns it. A record counts once it is whole.
  std::size_t read_good_part() {
    std::optional<Numbers> begun;
    std::size_t offset = 0;
    while (offset < log_.size()) {
      const std::size_t left_in_block = kBlockSize - offset % kBlockSize;
      if (left_in_block < kFragmentHeader) {
        offset += left_in_block;
        continue;
      }
      const auto fragment = fragment_at(log_, offset);
      if (!fragment) return offset;
      if (const auto numbers = numbers_of(*fragment)) {
        // The next number must follow, also from one file to the next. Zero: nothing read yet.
        if (result_.last_sequence != 0 && numbers->first > result_.last_sequence + 1) {
          result_.records_behind_damage = true;
        }
        begun = numbers;
      }
      if (begun && (fragment->type == kWhole || fragment->type == kLast)) {
        note(*fragment, begun->last);
        begun.reset();
      }
      offset = fragment->end;
    }
    return offset;
  }

  // Looks for beginnings of newer records behind a bad place: byte by byte until a fragment fits,
  // at the latest where the next sound block begins.
  void search(std::size_t offset) {
    std::size_t at = offset + 1;
    while (at < log_.size()) {
      const auto fragment = fragment_at(log_, at);
      const auto numbers = fragment ? numbers_of(*fragment) : std::nullopt;
      if (numbers && numbers->first > result_.last_sequence) {
        result_.records_behind_damage = true;
        // Of a record in parts only the beginning is sure; that what came before it was synced.
        note(*fragment, fragment->type == kWhole ? numbers->last : numbers->first - 1);
      }
      at = fragment ? fragment->end : at + 1;
    }
  }

  void note(const Fragment& fragment, std::uint64_t last_sequence) {
    result_.last_sequence = std::max(result_.last_sequence, last_sequence);
    if (result_.records_behind_damage && fragment.type == kWhole &&
        result_.behind.size() < kBehindMax) {
      result_.behind.emplace_back(fragment.bytes);
    }
  }

  WalScan& result_;
  std::string file_;
  std::string_view log_;
};

// The number of a log's file name; nothing if it is no log.
std::optional<std::uint64_t> log_number(const std::filesystem::path& path) {
  if (path.extension() != ".log") return std::nullopt;
  const std::string stem = path.stem().string();
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(stem.data(), stem.data() + stem.size(), number);
  if (error != std::errc() || end != stem.data() + stem.size()) return std::nullopt;
  return number;
}

}  // namespace

WholeRecords whole_records(std::string_view file) {
  WholeRecords whole;
  std::size_t offset = 0;
  while (offset < file.size()) {
    const std::size_t left_in_block = kBlockSize - offset % kBlockSize;
    if (left_in_block < kFragmentHeader) {
      offset += left_in_block;
      continue;
    }
    const auto fragment = fragment_at(file, offset);
    if (!fragment) break;
    offset = fragment->end;
    if (fragment->type == kWhole || fragment->type == kLast) whole.bytes = offset;
  }
  for (std::size_t at = offset + 1; at < file.size() && !whole.more_behind; ++at) {
    whole.more_behind = fragment_at(file, at).has_value();
  }
  return whole;
}

Result<WalScan> scan_wals(const std::string& database_dir) {
  std::vector<std::pair<std::uint64_t, std::string>> logs;
  std::error_code error;
  std::filesystem::directory_iterator entries(database_dir, error);
  for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    if (const auto number = log_number(entries->path())) {
      logs.emplace_back(*number, entries->path().string());
    }
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    errno = error.value();
    return tl::unexpected(file_error("list", database_dir));
  }
  std::sort(logs.begin(), logs.end());
  WalScan result;
  for (const auto& [number, path] : logs) {
    auto bytes = read_file(path);
    if (!bytes) return tl::unexpected(std::move(bytes).error());
    if (*bytes) LogScanner(result, path, **bytes).scan();
  }
  return result;
}

}  // namespace weft::store
