#include "store/durable_file.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace weft::store {
namespace {

// A file descriptor that closes itself.
class Descriptor final {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

int open_file(const std::string& path, int flags) {
  int fd = -1;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
  } while (fd < 0 && errno == EINTR);
  return fd;
}

bool write_fully(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

bool read_fully(int fd, std::string& out) {
  std::array<char, 64 * 1024> buffer;
  for (;;) {
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    if (count == 0) return true;
    out.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

std::string directory_of(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 32> text;
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {text.data(), size};
}

}  // namespace

StoreError file_error(std::string_view what, const std::string& path) {
  const int code = errno;
  return {
      code == ENOSPC || code == EDQUOT ? StoreError::Kind::kFull : StoreError::Kind::kIo,
      "cannot " + std::string(what) + " " + path + ": " + std::generic_category().message(code)};
}

Result<std::optional<std::string>> read_file(const std::string& path) {
  const Descriptor file(open_file(path, O_RDONLY));
  if (file.get() < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    return tl::unexpected(file_error("open", path));
  }
  std::string bytes;
  if (!read_fully(file.get(), bytes)) return tl::unexpected(file_error("read", path));
  return bytes;
}

Result<void> replace_file(const std::string& path, std::string_view bytes) {
  const std::string temporary = path + ".new";
  {
    const Descriptor file(open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC));
    if (file.get() < 0) return tl::unexpected(file_error("create", temporary));
    if (!write_fully(file.get(), bytes)) return tl::unexpected(file_error("write", temporary));
    if (::fsync(file.get()) != 0) return tl::unexpected(file_error("sync", temporary));
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    return tl::unexpected(file_error("rename to", path));
  }
  return sync_directory(directory_of(path));
}

Result<void> copy_file_durably(const std::string& from, const std::string& to) {
  const Descriptor in(open_file(from, O_RDONLY));
  if (in.get() < 0) return tl::unexpected(file_error("open", from));
  const Descriptor out(open_file(to, O_WRONLY | O_CREAT | O_EXCL));
  if (out.get() < 0) return tl::unexpected(file_error("create", to));
  std::array<char, 64 * 1024> buffer;
  for (;;) {
    const ssize_t count = ::read(in.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return tl::unexpected(file_error("read", from));
    if (count == 0) break;
    if (!write_fully(out.get(), {buffer.data(), static_cast<std::size_t>(count)})) {
      return tl::unexpected(file_error("write", to));
    }
  }
  if (::fsync(out.get()) != 0) return tl::unexpected(file_error("sync", to));
  return {};
}

Result<void> sync_directory(const std::string& path) {
  const Descriptor directory(open_file(path, O_RDONLY | O_DIRECTORY));
  if (directory.get() < 0) return tl::unexpected(file_error("open", path));
  if (::fsync(directory.get()) != 0) return tl::unexpected(file_error("sync", path));
  return {};
}

Result<void> make_directories(const std::string& path) {
  std::error_code error;
  if (path.empty() || std::filesystem::is_directory(path, error)) return {};
  // Without its own slash at the end, so that every part is made once.
  const std::string here = path.back() == '/' ? directory_of(path) : path;
  const std::string parent = directory_of(here);
  if (here != path) return make_directories(here);
  if (auto ok = make_directories(parent); !ok) return ok;
  if (::mkdir(here.c_str(), 0777) != 0) {
    // Somebody else was faster: fine, if it is a directory.
    if (errno != EEXIST || !std::filesystem::is_directory(here, error)) {
      return tl::unexpected(file_error("create the directory", here));
    }
  }
  return sync_directory(parent);
}

Result<OwnerFile> OwnerFile::acquire(const std::string& path) {
  Descriptor file(open_file(path, O_RDWR | O_CREAT));
  if (file.get() < 0) return tl::unexpected(file_error("open", path));
  // The kernel drops this lock with the last descriptor, so no crash leaves it behind.
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return tl::unexpected(file_error("lock", path));
    std::string owner;
    read_fully(file.get(), owner);
    while (!owner.empty() && owner.back() == '\n') owner.pop_back();
    for (char& c : owner) {
      if (c == '\n') c = ' ';
    }
    return tl::unexpected(StoreError{StoreError::Kind::kLocked,
                                     "the store in " + directory_of(path) + " is in use by " +
                                         (owner.empty() ? std::string("another process") : owner) +
                                         "; stop it first, or use another directory"});
  }
  OwnerFile owner(path, file.release());
  if (auto ok = owner.write(""); !ok) return tl::unexpected(std::move(ok).error());
  return owner;
}

OwnerFile::OwnerFile(OwnerFile&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}

OwnerFile& OwnerFile::operator=(OwnerFile&& other) noexcept {
  if (this == &other) return *this;
  if (fd_ >= 0) ::close(fd_);
  path_ = std::move(other.path_);
  fd_ = std::exchange(other.fd_, -1);
  return *this;
}

OwnerFile::~OwnerFile() {
  if (fd_ >= 0) ::close(fd_);
}

Result<void> OwnerFile::write(std::string_view text) {
  std::string line = "process " + std::to_string(::getpid()) + ", since " + utc_now();
  if (!text.empty()) line.append(", ").append(text);
  line.push_back('\n');
  // In place: a rename would leave the lock on a file that nobody sees. A reader in between finds
  // an incomplete line, which only shortens a message.
  if (::ftruncate(fd_, 0) != 0 || ::lseek(fd_, 0, SEEK_SET) != 0 || !write_fully(fd_, line)) {
    return tl::unexpected(file_error("write", path_));
  }
  return {};
}

}  // namespace weft::store
