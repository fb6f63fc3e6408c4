#pragma once  // store/scrub.h

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "store/rocksdb_database.h"
#include "store/row_check.h"

namespace weft::store {

struct ScrubOptions {
  /// From the beginning of one pass to the next; 0: never.
  std::chrono::milliseconds every{0};
  /// Read at most so much in a second, so that work notices nothing: a disk gives hundreds.
  std::uint64_t bytes_per_second = 8ULL * 1024 * 1024;
  /// Where the pass is counted from: when the last one began, UTC; 0: at once.
  std::int64_t last_begun_ms = 0;
  std::function<std::int64_t()> now_ms;
  /// A pass begins or has ended. May write to the store.
  std::function<void(std::int64_t begun_ms)> on_pass;
  std::function<void(const Finding&)> on_finding;
};

struct ScrubReport {
  std::uint64_t passes = 0;        ///< Ended since opening.
  std::int64_t last_ended_ms = 0;  ///< 0: none since opening.
  std::uint64_t findings = 0;      ///< Of the last pass, or of this one so far if more.
  Finding first;
};

/// Reads what nobody asks for before somebody needs it: rot on a disk is silent. Walks the hash
/// chain of every stream and the rows of every table, slowly, over and over. What the caches hold
/// is not read from the disk again; a later pass does. Table files are never held open by it, and
/// it pins no old rows. One thread of its own.
class Scrub final {
 public:
  Scrub(const RocksdbDatabase& database, ScrubOptions options);
  /// Ends at once, wherever it is.
  ~Scrub();
  Scrub(const Scrub&) = delete;
  Scrub& operator=(const Scrub&) = delete;

  [[nodiscard]] ScrubReport report() const;

 private:
  void run();
  /// False: it was told to end.
  [[nodiscard]] bool pass();
  [[nodiscard]] bool walk_streams(std::uint8_t partition);
  [[nodiscard]] bool walk_stream(const StreamId& stream);
  [[nodiscard]] bool walk_table(Table table);
  void find(std::string place, std::string what);
  [[nodiscard]] bool rest(std::uint64_t bytes);
  [[nodiscard]] bool wait(std::chrono::milliseconds time);

  ScrubOptions options_;
  RocksdbRows rows_;
  std::uint64_t unpaid_ = 0;  ///< Bytes read since the last rest.
  std::uint64_t findings_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable ending_;
  bool end_ = false;
  ScrubReport report_;
  std::thread thread_;
};

}  // namespace weft::store
