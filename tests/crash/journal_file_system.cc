#include "tests/crash/journal_file_system.h"

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/io_status.h>

#include "tests/crash/disk_journal.h"

namespace weft::test {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

std::string_view view(const rocksdb::Slice& bytes) { return {bytes.data(), bytes.size()}; }

// Runs an operation of RocksDB as a step of the journal: a refusal becomes RocksDB's error, an
// error of the real file system stays what it is.
template <class Step, class Operation>
IOStatus through(Step step, Operation operation) {
  IOStatus status;
  const int error = step([&](auto... arguments) {
    status = operation(arguments...);
    return status.ok() ? 0 : EIO;
  });
  if (error == 0 || !status.ok()) return status;
  return error == ENOSPC ? IOStatus::NoSpace("No space left on device")
                         : IOStatus::IOError("Input/output error");
}

class JournalFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  JournalFile(std::unique_ptr<rocksdb::FSWritableFile> file, FileId id, std::uint64_t size,
              DiskJournal& journal)
      : FSWritableFileOwnerWrapper(std::move(file)), id_(id), size_(size), journal_(journal) {}

  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  IODebugContext* debug) override {
    return through([&](auto work) { return journal_.write(id_, size_, view(data), work); },
                   [&](std::size_t count) {
                     const IOStatus status =
                         FSWritableFileOwnerWrapper::Append({data.data(), count}, options, debug);
                     if (status.ok()) size_ += count;
                     return status;
                   });
  }
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& /*verification*/,
                  IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  IOStatus Truncate(std::uint64_t size, const IOOptions& options, IODebugContext* debug) override {
    return through([&](auto work) { return journal_.truncate(id_, size, work); },
                   [&] {
                     size_ = size;
                     return FSWritableFileOwnerWrapper::Truncate(size, options, debug);
                   });
  }
  // On the memory file systems that these tests use, the real sync has nothing to do.
  IOStatus Sync(const IOOptions& /*options*/, IODebugContext* /*debug*/) override {
    return through([&](auto work) { return journal_.sync(id_, work); },
                   [] { return IOStatus::OK(); });
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return Sync(options, debug);
  }
  IOStatus RangeSync(std::uint64_t /*offset*/, std::uint64_t /*count*/,
                     const IOOptions& /*options*/, IODebugContext* /*debug*/) override {
    return IOStatus::OK();  // promises nothing
  }
  IOStatus Allocate(std::uint64_t /*offset*/, std::uint64_t /*count*/, const IOOptions& /*options*/,
                    IODebugContext* /*debug*/) override {
    return IOStatus::OK();
  }

 private:
  FileId id_;
  std::uint64_t size_;
  DiskJournal& journal_;
};

class JournalDirectory final : public rocksdb::FSDirectoryWrapper {
 public:
  JournalDirectory(std::unique_ptr<rocksdb::FSDirectory> directory, std::string path,
                   DiskJournal& journal)
      : FSDirectoryWrapper(std::move(directory)), path_(std::move(path)), journal_(journal) {}

  IOStatus Fsync(const IOOptions& /*options*/, IODebugContext* /*debug*/) override {
    return through([&](auto work) { return journal_.sync_directory(path_, work); },
                   [] { return IOStatus::OK(); });
  }
  IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* debug,
                               const rocksdb::DirFsyncOptions& /*reason*/) override {
    return Fsync(options, debug);
  }

 private:
  std::string path_;
  DiskJournal& journal_;
};

class Silence final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char* /*format*/, va_list /*arguments*/) override {}
  std::size_t GetLogFileSize() const override { return 0; }
};

class JournalFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  explicit JournalFileSystem(DiskJournal& journal)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), journal_(journal) {}
  const char* Name() const override { return "JournalFileSystem"; }

  IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* file,
                           IODebugContext* debug) override {
    std::unique_ptr<rocksdb::FSWritableFile> real;
    const IOStatus status =
        through([&](auto work) { return journal_.create(path, work); },
                [&] { return FileSystemWrapper::NewWritableFile(path, options, &real, debug); });
    if (!status.ok()) return status;
    *file = std::make_unique<JournalFile>(std::move(real), journal_.find(path), 0, journal_);
    return status;
  }
  IOStatus ReopenWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                              std::unique_ptr<rocksdb::FSWritableFile>* file,
                              IODebugContext* debug) override {
    std::unique_ptr<rocksdb::FSWritableFile> real;
    IOStatus status = FileSystemWrapper::ReopenWritableFile(path, options, &real, debug);
    if (!status.ok()) return status;
    const FileId id = journal_.find(path);
    *file = std::make_unique<JournalFile>(std::move(real), id, journal_.size(id), journal_);
    return status;
  }
  // Neither is used by our settings; what passed us by would make every verdict worthless.
  IOStatus ReuseWritableFile(const std::string& path, const std::string& /*old*/,
                             const rocksdb::FileOptions& /*options*/,
                             std::unique_ptr<rocksdb::FSWritableFile>* /*file*/,
                             IODebugContext* /*debug*/) override {
    return IOStatus::NotSupported("reuse " + path);
  }
  IOStatus NewRandomRWFile(const std::string& path, const rocksdb::FileOptions& /*options*/,
                           std::unique_ptr<rocksdb::FSRandomRWFile>* /*file*/,
                           IODebugContext* /*debug*/) override {
    return IOStatus::NotSupported("write at random places of " + path);
  }
  IOStatus NewDirectory(const std::string& path, const IOOptions& options,
                        std::unique_ptr<rocksdb::FSDirectory>* directory,
                        IODebugContext* debug) override {
    std::unique_ptr<rocksdb::FSDirectory> real;
    IOStatus status = FileSystemWrapper::NewDirectory(path, options, &real, debug);
    if (status.ok()) {
      *directory = std::make_unique<JournalDirectory>(std::move(real), path, journal_);
    }
    return status;
  }
  IOStatus CreateDir(const std::string& path, const IOOptions& options,
                     IODebugContext* debug) override {
    return through([&](auto work) { return journal_.make_directory(path, work); },
                   [&] { return FileSystemWrapper::CreateDir(path, options, debug); });
  }
  IOStatus CreateDirIfMissing(const std::string& path, const IOOptions& options,
                              IODebugContext* debug) override {
    return through([&](auto work) { return journal_.make_directory(path, work); },
                   [&] { return FileSystemWrapper::CreateDirIfMissing(path, options, debug); });
  }
  IOStatus DeleteDir(const std::string& path, const IOOptions& options,
                     IODebugContext* debug) override {
    return through([&](auto work) { return journal_.remove(path, work); },
                   [&] { return FileSystemWrapper::DeleteDir(path, options, debug); });
  }
  IOStatus DeleteFile(const std::string& path, const IOOptions& options,
                      IODebugContext* debug) override {
    return through([&](auto work) { return journal_.remove(path, work); },
                   [&] { return FileSystemWrapper::DeleteFile(path, options, debug); });
  }
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                      IODebugContext* debug) override {
    return through([&](auto work) { return journal_.rename(from, to, work); },
                   [&] { return FileSystemWrapper::RenameFile(from, to, options, debug); });
  }
  IOStatus LinkFile(const std::string& from, const std::string& to, const IOOptions& options,
                    IODebugContext* debug) override {
    return through([&](auto work) { return journal_.link(from, to, work); },
                   [&] { return FileSystemWrapper::LinkFile(from, to, options, debug); });
  }
  IOStatus NewLogger(const std::string& /*path*/, const IOOptions& /*options*/,
                     std::shared_ptr<rocksdb::Logger>* logger, IODebugContext* /*debug*/) override {
    *logger = std::make_shared<Silence>();
    return IOStatus::OK();
  }

 private:
  DiskJournal& journal_;
};

}  // namespace

std::shared_ptr<rocksdb::Env> make_journal_env(DiskJournal& journal) {
  return rocksdb::NewCompositeEnv(std::make_shared<JournalFileSystem>(journal));
}

}  // namespace weft::test
