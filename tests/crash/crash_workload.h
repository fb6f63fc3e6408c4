#pragma once  // tests/crash/crash_workload.h

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "store/rocksdb_event_store.h"
#include "tests/crash/disk_journal.h"
#include "tests/crash/expected_state.h"
#include "tests/crash/saga_commits.h"

namespace weft::test {

/// Sagas' commits, what a store holds after each of them, and what RocksDB did to a disk meanwhile.
struct Workload {
  std::uint64_t seed = 0;
  Submissions submissions;
  ExpectedState expected;
  std::vector<DiskOperation> operations;  ///< With the marks below.
  std::string failure;  ///< Why the recording is worth nothing; empty: it is fine.
};

// Marks, with what their number means.
inline constexpr const char* kSubmitted = "submitted";        ///< Handed to the store so far.
inline constexpr const char* kAcknowledged = "acknowledged";  ///< Durable, says the store.
inline constexpr const char* kOpened = "opened";              ///< Found at opening.
/// All that was acknowledged is covered by the watermark; the store is open.
inline constexpr const char* kQuiet = "quiet";
inline constexpr const char* kBackedUp = "backed up";  ///< Backup of this number is complete.

/// Where the store of a workload lies below the root of its disk.
inline constexpr const char* kStoreName = "store";
[[nodiscard]] std::string backup_name(std::uint64_t number);

/// A store in memory tables so small that tens of commits reach every part of RocksDB.
[[nodiscard]] store::RocksdbOptions small_store(const std::string& data_dir, rocksdb::Env* env);

/// Records `sagas` sagas and replays their commits on a store: several in flight at times, opened
/// and closed in between, copied by backups.
[[nodiscard]] Workload make_workload(std::uint64_t seed, int sagas);

/// A new empty directory in memory where there is one, gone with the object.
class MemoryDir final {
 public:
  MemoryDir();
  ~MemoryDir();
  MemoryDir(const MemoryDir&) = delete;
  MemoryDir& operator=(const MemoryDir&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }
  /// Leaves it behind for a person to look at.
  void keep() { kept_ = true; }
  /// Removes what is in it.
  void clear();

 private:
  std::string path_;
  bool kept_ = false;
};

}  // namespace weft::test
