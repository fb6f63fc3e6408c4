// What the store does to its small files beside RocksDB, told to a journal. The linker sends the
// store's system calls here (`--wrap`, CMakeLists.txt), so the code under test is the code that
// ships. Calls for files that no journal covers go straight on.

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/crash/disk_journal.h"

namespace {

using weft::test::DiskJournal;
using weft::test::FileId;

struct OpenFile {
  DiskJournal* journal = nullptr;
  FileId file = 0;  // 0: a directory
  std::string directory;
  std::uint64_t offset = 0;
};

std::atomic<DiskJournal*> watching = nullptr;
std::mutex mutex;

std::map<int, OpenFile>& open_files() {
  static std::map<int, OpenFile> files;
  return files;
}

// A copy: the calls of one descriptor come from one thread.
bool find_open(int descriptor, OpenFile& out) {
  const std::lock_guard lock(mutex);
  const auto found = open_files().find(descriptor);
  if (found == open_files().end() || found->second.journal != watching.load()) return false;
  out = found->second;
  return true;
}

void set_offset(int descriptor, std::uint64_t offset) {
  const std::lock_guard lock(mutex);
  const auto found = open_files().find(descriptor);
  if (found != open_files().end()) found->second.offset = offset;
}

DiskJournal* journal_for(const char* path) {
  DiskJournal* journal = watching.load();
  return journal != nullptr && journal->covers(path) ? journal : nullptr;
}

// 0 or -1 with errno, as system calls answer.
int answer(int error) {
  if (error == 0) return 0;
  errno = error;
  return -1;
}

int error_of(long result) { return result < 0 ? errno : 0; }

}  // namespace

namespace weft::test {

void watch_system_calls(DiskJournal* journal) {
  const std::lock_guard lock(mutex);
  open_files().clear();
  watching = journal;
}

}  // namespace weft::test

extern "C" {

int __real_open(const char* path, int flags, ...);
int __real_close(int descriptor);
ssize_t __real_write(int descriptor, const void* bytes, std::size_t count);
ssize_t __real_pwrite(int descriptor, const void* bytes, std::size_t count, off_t offset);
int __real_fsync(int descriptor);
int __real_fdatasync(int descriptor);
int __real_ftruncate(int descriptor, off_t size);
off_t __real_lseek(int descriptor, off_t offset, int whence);
int __real_rename(const char* from, const char* to);
int __real_unlink(const char* path);
int __real_mkdir(const char* path, mode_t mode);

int __wrap_open(const char* path, int flags, ...) {
  mode_t mode = 0;
  if ((flags & O_CREAT) != 0) {
    va_list arguments;
    va_start(arguments, flags);
    mode = va_arg(arguments, mode_t);
    va_end(arguments);
  }
  DiskJournal* journal = journal_for(path);
  if (journal == nullptr) return __real_open(path, flags, mode);
  int descriptor = -1;
  const auto open_it = [&] {
    descriptor = __real_open(path, flags, mode);
    return error_of(descriptor);
  };
  const bool fresh = (flags & O_CREAT) != 0 && journal->find(path) == 0;
  if (fresh) {
    if (answer(journal->create(path, open_it)) != 0) return -1;
  } else {
    if (answer(open_it()) != 0) return -1;
    if ((flags & O_TRUNC) != 0 && journal->find(path) != 0) {
      journal->truncate(journal->find(path), 0, [] { return 0; });
    }
  }
  OpenFile file;
  file.journal = journal;
  if ((flags & O_DIRECTORY) != 0) {
    file.directory = path;
  } else {
    file.file = journal->find(path);
    if (file.file == 0) return descriptor;  // only read, and written before there was a journal
  }
  const std::lock_guard lock(mutex);
  open_files()[descriptor] = file;
  return descriptor;
}

int __wrap_close(int descriptor) {
  {
    const std::lock_guard lock(mutex);
    open_files().erase(descriptor);
  }
  return __real_close(descriptor);
}

ssize_t __wrap_write(int descriptor, const void* bytes, std::size_t count) {
  OpenFile file;
  if (!find_open(descriptor, file)) return __real_write(descriptor, bytes, count);
  const std::string_view all(static_cast<const char*>(bytes), count);
  const int error = file.journal->write(file.file, file.offset, all, [&](std::size_t part) {
    return error_of(__real_write(descriptor, bytes, part));
  });
  if (answer(error) != 0) return -1;
  set_offset(descriptor, file.offset + count);
  return static_cast<ssize_t>(count);
}

ssize_t __wrap_pwrite(int descriptor, const void* bytes, std::size_t count, off_t offset) {
  OpenFile file;
  if (!find_open(descriptor, file)) return __real_pwrite(descriptor, bytes, count, offset);
  const std::string_view all(static_cast<const char*>(bytes), count);
  const int error = file.journal->write(
      file.file, static_cast<std::uint64_t>(offset), all,
      [&](std::size_t part) { return error_of(__real_pwrite(descriptor, bytes, part, offset)); });
  return answer(error) == 0 ? static_cast<ssize_t>(count) : -1;
}

int __wrap_fsync(int descriptor) {
  OpenFile file;
  if (!find_open(descriptor, file)) return __real_fsync(descriptor);
  if (file.file == 0) {
    return answer(file.journal->sync_directory(file.directory, [] { return 0; }));
  }
  return answer(file.journal->sync(file.file, [] { return 0; }));
}

int __wrap_fdatasync(int descriptor) {
  OpenFile file;
  return find_open(descriptor, file) ? __wrap_fsync(descriptor) : __real_fdatasync(descriptor);
}

int __wrap_ftruncate(int descriptor, off_t size) {
  OpenFile file;
  if (!find_open(descriptor, file)) return __real_ftruncate(descriptor, size);
  return answer(file.journal->truncate(file.file, static_cast<std::uint64_t>(size), [&] {
    return error_of(__real_ftruncate(descriptor, size));
  }));
}

off_t __wrap_lseek(int descriptor, off_t offset, int whence) {
  const off_t result = __real_lseek(descriptor, offset, whence);
  if (result >= 0) set_offset(descriptor, static_cast<std::uint64_t>(result));
  return result;
}

int __wrap_rename(const char* from, const char* to) {
  DiskJournal* journal = journal_for(to);
  if (journal == nullptr) return __real_rename(from, to);
  return answer(journal->rename(from, to, [&] { return error_of(__real_rename(from, to)); }));
}

int __wrap_unlink(const char* path) {
  DiskJournal* journal = journal_for(path);
  if (journal == nullptr) return __real_unlink(path);
  return answer(journal->remove(path, [&] { return error_of(__real_unlink(path)); }));
}

int __wrap_mkdir(const char* path, mode_t mode) {
  DiskJournal* journal = journal_for(path);
  if (journal == nullptr) return __real_mkdir(path, mode);
  return answer(journal->make_directory(path, [&] { return error_of(__real_mkdir(path, mode)); }));
}

}  // extern "C"
