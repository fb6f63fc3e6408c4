#pragma once  // store/durable_file.h

#include <optional>
#include <string>
#include <string_view>

#include "store/store_error.h"

namespace weft::store {

// Small files beside the database. Paths are taken as they are.

/// Nothing if there is no such file.
[[nodiscard]] Result<std::optional<std::string>> read_file(const std::string& path);

/// Replaces a file: after a crash it has the old bytes or the new ones. Durable when it returns.
[[nodiscard]] Result<void> replace_file(const std::string& path, std::string_view bytes);

/// Copies a file and syncs the copy.
[[nodiscard]] Result<void> copy_file_durably(const std::string& from, const std::string& to);

/// Makes the names in a directory durable.
[[nodiscard]] Result<void> sync_directory(const std::string& path);

/// Makes a directory and its parents if they are not there. Those it made are durable when it
/// returns: a store must not be forgotten as a whole by a power cut on its first day.
[[nodiscard]] Result<void> make_directories(const std::string& path);

/// The error for a failed system call on `path`, from errno: kFull or kIo.
[[nodiscard]] StoreError file_error(std::string_view what, const std::string& path);

/// Says who uses a data directory, and keeps others out as long as it lives, also after kill -9.
class OwnerFile final {
 public:
  /// kLocked, with what the owner wrote, if another process (or this one) holds it.
  [[nodiscard]] static Result<OwnerFile> acquire(const std::string& path);
  OwnerFile(OwnerFile&& other) noexcept;
  OwnerFile& operator=(OwnerFile&& other) noexcept;
  ~OwnerFile();

  /// Adds to what a refused second user is told, e.g. the address where the owner answers.
  [[nodiscard]] Result<void> write(std::string_view text);

 private:
  OwnerFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  std::string path_;
  int fd_ = -1;
};

}  // namespace weft::store
