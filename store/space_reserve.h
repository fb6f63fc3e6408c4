#pragma once  // store/space_reserve.h

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>

#include "store/store_error.h"

namespace weft::store {

// A full disk must never be met first by the log: a write that fails there ends the process, and
// the next start could not even open. So a file without content, DATA/RESERVE, keeps room for the
// day the disk is full. When little else is left it is removed; what it kept is for operators and
// for what is under way. Once the disk has room again the file is made anew.

struct DiskSpace {
  std::uint64_t free_bytes = 0;    ///< For this user.
  std::uint64_t device_bytes = 0;  ///< 0: unknown, and nothing is ever full.
};

/// Of the device under `directory`.
[[nodiscard]] DiskSpace disk_space(const std::string& directory);

/// Any thread.
class SpaceReserve final {
 public:
  using Measure = std::function<DiskSpace()>;

  /// `wanted`: how much to keep; of a small device at most a sixteenth. 0: nothing is kept, and
  /// nothing is ever refused. A file left by the user before counts as kept.
  SpaceReserve(const std::string& directory, std::uint64_t wanted, Measure measure);

  /// Looks at the disk, at most ten times a second, and gives up or makes the file. A file that
  /// cannot be made is no error: the disk is watched all the same.
  void tend();
  /// Whether `bytes` can be written without meeting the end of the disk; kFull says what to do.
  [[nodiscard]] Result<void> admit(std::uint64_t bytes);
  /// The room that was kept is in use.
  [[nodiscard]] bool given_up() const;

 private:
  void look();
  [[nodiscard]] bool make() const;

  std::string directory_;
  std::string path_;
  Measure measure_;
  std::uint64_t wanted_ = 0;
  mutable std::mutex mutex_;
  std::chrono::steady_clock::time_point next_look_{};
  DiskSpace space_;
  bool held_ = false;
  bool given_up_ = false;
};

}  // namespace weft::store
