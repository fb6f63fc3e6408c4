#include "tests/store/fault_file_system.h"

#include <filesystem>
#include <optional>
#include <utility>

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/io_status.h>

namespace weft::test {

struct FaultFileSystem::Shared {
  struct Fault {
    Operation operation;
    std::string name_end;
    Error error;
  };
  std::mutex mutex;
  std::optional<Fault> fault;
  std::map<std::string, std::uint64_t> synced;  // bytes by path

  // Held while a file changes, so that a power cut falls between two operations.
  rocksdb::IOStatus status_for(Operation operation, const std::string& path) const {
    if (!fault || fault->operation != operation || !path.ends_with(fault->name_end)) {
      return rocksdb::IOStatus::OK();
    }
    return fault->error == Error::kNoSpace ? rocksdb::IOStatus::NoSpace("No space left on device")
                                           : rocksdb::IOStatus::IOError("Input/output error");
  }
};

namespace {

using Shared = FaultFileSystem::Shared;
using Operation = FaultFileSystem::Operation;

class FaultFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  FaultFile(std::unique_ptr<rocksdb::FSWritableFile> file, std::string path,
            std::shared_ptr<Shared> shared)
      : FSWritableFileOwnerWrapper(std::move(file)),
        path_(std::move(path)),
        shared_(std::move(shared)) {}

  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
    const std::lock_guard lock(shared_->mutex);
    rocksdb::IOStatus status = shared_->status_for(Operation::kAppend, path_);
    if (status.ok()) status = FSWritableFileOwnerWrapper::Append(data, options, debug);
    if (status.ok()) size_ += data.size();
    return status;
  }
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           const rocksdb::DataVerificationInfo& /*verification*/,
                           rocksdb::IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                         rocksdb::IODebugContext* debug) override {
    return synced([&] { return FSWritableFileOwnerWrapper::Sync(options, debug); });
  }
  rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                          rocksdb::IODebugContext* debug) override {
    return synced([&] { return FSWritableFileOwnerWrapper::Fsync(options, debug); });
  }
  // RocksDB pads nothing through this wrapper, and never shrinks a file it goes on writing.
  rocksdb::IOStatus Truncate(std::uint64_t size, const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override {
    const std::lock_guard lock(shared_->mutex);
    size_ = size;
    return FSWritableFileOwnerWrapper::Truncate(size, options, debug);
  }

 private:
  template <class Sync>
  rocksdb::IOStatus synced(Sync sync) {
    const std::lock_guard lock(shared_->mutex);
    rocksdb::IOStatus status = shared_->status_for(Operation::kSync, path_);
    if (status.ok()) status = sync();
    if (status.ok()) shared_->synced[path_] = size_;
    return status;
  }

  std::string path_;
  std::shared_ptr<Shared> shared_;
  std::uint64_t size_ = 0;
};

class FileSystem final : public rocksdb::FileSystemWrapper {
 public:
  explicit FileSystem(std::shared_ptr<Shared> shared)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), shared_(std::move(shared)) {}
  const char* Name() const override { return "FaultFileSystem"; }

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override {
    std::unique_ptr<rocksdb::FSWritableFile> real;
    rocksdb::IOStatus status = FileSystemWrapper::NewWritableFile(path, options, &real, debug);
    if (!status.ok()) return status;
    const std::lock_guard lock(shared_->mutex);
    shared_->synced[path] = 0;
    *file = std::make_unique<FaultFile>(std::move(real), path, shared_);
    return status;
  }

  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override {
    const std::lock_guard lock(shared_->mutex);
    rocksdb::IOStatus status = FileSystemWrapper::RenameFile(from, to, options, debug);
    if (const auto known = shared_->synced.find(from);
        status.ok() && known != shared_->synced.end()) {
      shared_->synced[to] = known->second;
      shared_->synced.erase(from);
    }
    return status;
  }

 private:
  std::shared_ptr<Shared> shared_;
};

}  // namespace

FaultFileSystem::FaultFileSystem()
    : shared_(std::make_shared<Shared>()),
      env_(rocksdb::NewCompositeEnv(std::make_shared<FileSystem>(shared_))) {}

FaultFileSystem::~FaultFileSystem() = default;

void FaultFileSystem::fail(Operation operation, std::string name_end, Error error) {
  const std::lock_guard lock(shared_->mutex);
  shared_->fault = {operation, std::move(name_end), error};
}

void FaultFileSystem::copy_after_power_cut(const std::string& from, const std::string& to) const {
  namespace fs = std::filesystem;
  const std::lock_guard lock(shared_->mutex);
  fs::create_directories(to);
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(from)) {
    const fs::path target = fs::path(to) / fs::relative(entry.path(), from);
    if (entry.is_directory()) {
      fs::create_directories(target);
      continue;
    }
    fs::copy_file(entry.path(), target);
    const auto known = shared_->synced.find(entry.path().string());
    if (known != shared_->synced.end() && known->second < fs::file_size(target)) {
      fs::resize_file(target, known->second);
    }
  }
}

}  // namespace weft::test
