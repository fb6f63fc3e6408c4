#include "store/space_reserve.h"

#include <algorithm>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace weft::store {
namespace {

// 100 MB/s fill a sixth of the smallest margin in this time.
constexpr std::chrono::milliseconds kLookEvery{100};
constexpr std::uint64_t kShareOfDevice = 16;
// The largest memory table is half as large as the usual reserve: RocksDB may have to write it out
// at any moment.
constexpr std::uint64_t kLowShare = 2;
// Below it the log itself would be the next to fail.
constexpr std::uint64_t kFloorShare = 16;

}  // namespace

DiskSpace disk_space(const std::string& directory) {
  struct statvfs device {};
  if (::statvfs(directory.c_str(), &device) != 0) return {};
  return {static_cast<std::uint64_t>(device.f_bavail) * device.f_frsize,
          static_cast<std::uint64_t>(device.f_blocks) * device.f_frsize};
}

SpaceReserve::SpaceReserve(const std::string& directory, std::uint64_t wanted, Measure measure)
    : directory_(directory), path_(directory + "/RESERVE"), measure_(std::move(measure)) {
  if (wanted == 0) return;
  space_ = measure_();
  wanted_ = std::min(wanted, space_.device_bytes / kShareOfDevice);
  struct stat file {};
  held_ = ::stat(path_.c_str(), &file) == 0;
  const std::lock_guard lock(mutex_);
  look();
}

void SpaceReserve::tend() {
  const std::lock_guard lock(mutex_);
  if (wanted_ == 0 || std::chrono::steady_clock::now() < next_look_) return;
  look();
}

void SpaceReserve::look() {
  next_look_ = std::chrono::steady_clock::now() + kLookEvery;
  space_ = measure_();
  if (wanted_ == 0) return;
  const std::uint64_t low = wanted_ / kLowShare;
  if (held_ && space_.free_bytes < low) {
    if (::unlink(path_.c_str()) != 0) return;
    held_ = false;
    space_ = measure_();
    given_up_ = true;
  } else if (!held_ && space_.free_bytes < low) {
    given_up_ = true;
  } else if (!held_ && space_.free_bytes >= wanted_ + 2 * low) {
    // Twice the margin: a disk that hovers around it shall not see the file come and go.
    given_up_ = false;
    held_ = make();
    if (held_) space_ = measure_();
  }
}

bool SpaceReserve::make() const {
  const int file = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return false;
  const bool made = ::posix_fallocate(file, 0, static_cast<off_t>(wanted_)) == 0;
  ::close(file);
  if (!made) ::unlink(path_.c_str());
  return made;
}

Result<void> SpaceReserve::admit(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  if (wanted_ == 0) return {};
  if (std::chrono::steady_clock::now() >= next_look_) look();
  const std::uint64_t floor = wanted_ / kFloorShare;
  // Once for the log, once for the table that it becomes.
  if (space_.free_bytes >= floor + 2 * bytes) {
    space_.free_bytes -= bytes;  // Until the next look.
    return {};
  }
  look();
  if (space_.free_bytes >= floor + 2 * bytes) return {};
  return tl::unexpected(StoreError{
      StoreError::Kind::kFull,
      "the disk of " + directory_ + " is full: " + std::to_string(space_.free_bytes) +
          " bytes are free, and the reserve is used up; make room on it and start again"});
}

bool SpaceReserve::given_up() const {
  const std::lock_guard lock(mutex_);
  return given_up_;
}

}  // namespace weft::store
