#pragma once  // store/watermark.h

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "store/event.h"
#include "store/manifest.h"
#include "store/store_error.h"

namespace weft::store {

// RocksDB cannot tell a torn tail from acknowledged data that rotted: it recovers up to the first
// bad record and forgets the rest. So the store writes down, in a file of its own and best on
// another device, how far it had come. Recovering less than that is a loss, and refused.
//
//   file  = slot slot            each 4,096 bytes, so that no write touches both
//   slot  = "WEFTMARK" counter(be64) store id(16) epoch(be64) position(be64) hash(32) crc more
//   zeros more  = sequence(be64) manifest number(be64) manifest bytes(be64) crc crc   =
//   CRC-32C(be32) of everything before it; of `more`, in `more`
//
// Writes alternate between the slots; the valid one with the higher counter counts. What is
// younger than the last write (kWatermarkIntervalMs) is not covered.

struct Watermark {
  std::string store_id;  ///< 16 bytes.
  std::uint64_t epoch = 0;
  std::uint64_t position = 0;
  Digest hash{};               ///< Of the event at `position`.
  std::uint64_t sequence = 0;  ///< Of the last row change; 0 unknown, in files of older programs.
  ManifestExtent manifest{};   ///< The same.
};

/// At most 20 syncs a second (reliability research, 2.5).
inline constexpr int kWatermarkIntervalMs = 50;

/// Nothing if there is no file; kDamaged if there is one, but neither slot is readable.
[[nodiscard]] Result<std::optional<Watermark>> read_watermark(const std::string& path);

/// Keeps the file near the present. One thread of its own.
class WatermarkKeeper final {
 public:
  /// Measures the manifest, for every write anew.
  using Manifest = std::function<Result<ManifestExtent>()>;

  /// Writes `now` before it returns. `on_fatal`: a later write failed. `manifest`: may be empty.
  [[nodiscard]] static Result<std::unique_ptr<WatermarkKeeper>> start(
      std::string path, Watermark now, int interval_ms, std::function<void(StoreError)> on_fatal,
      Manifest manifest = {});
  ~WatermarkKeeper();
  WatermarkKeeper(const WatermarkKeeper&) = delete;
  WatermarkKeeper& operator=(const WatermarkKeeper&) = delete;

  /// This much is durable. Never waits for the disk.
  void advance(std::uint64_t position, const Digest& hash, std::uint64_t sequence);
  /// The manifest has grown. Never waits for the disk.
  void manifest_changed();
  /// Writes what was last told, and ends. After a failed write: that failure, and nothing is
  /// written again, as a sync that is repeated may succeed without the bytes.
  [[nodiscard]] Result<void> stop();

 private:
  WatermarkKeeper(std::string path, Watermark now, int interval_ms,
                  std::function<void(StoreError)> on_fatal, Manifest manifest);
  [[nodiscard]] Result<void> open();
  [[nodiscard]] Result<void> write_slot(Watermark mark);
  [[nodiscard]] bool is_behind() const;
  void run();

  std::string path_;
  int interval_ms_;
  std::function<void(StoreError)> on_fatal_;
  Manifest manifest_;
  ManifestExtent manifest_written_;  // of the keeper's thread, then of stop()
  int fd_ = -1;
  std::uint64_t counter_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  Watermark now_;
  std::uint64_t written_position_ = 0;
  std::uint64_t written_sequence_ = 0;
  bool manifest_changed_ = false;
  bool stopping_ = false;
  std::optional<StoreError> failure_;  ///< The first; nothing is written after it.
  std::thread thread_;
};

}  // namespace weft::store
