#pragma once  // tests/store/fault_file_system.h

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace rocksdb {
class Env;
}

namespace weft::test {

/// The real file system under RocksDB, which fails on order and knows what was never synced.
class FaultFileSystem final {
 public:
  /// Files by the end of their names: `.log` is the write-ahead log, `.sst` a table.
  enum class Operation { kAppend, kSync };
  enum class Error { kInputOutput, kNoSpace };

  FaultFileSystem();
  ~FaultFileSystem();
  FaultFileSystem(const FaultFileSystem&) = delete;
  FaultFileSystem& operator=(const FaultFileSystem&) = delete;

  /// For RocksdbOptions::env; this object owns it.
  [[nodiscard]] rocksdb::Env* env() const { return env_.get(); }

  /// From now on every such operation on files with such names fails.
  void fail(Operation operation, std::string name_end, Error error);

  /// What a power cut at this moment would leave of a directory: of each file written through here
  /// the synced bytes only, of every other file all. Writers wait meanwhile.
  void copy_after_power_cut(const std::string& from, const std::string& to) const;

  /// State shared with the files.
  struct Shared;

 private:
  std::shared_ptr<Shared> shared_;
  std::unique_ptr<rocksdb::Env> env_;
};

}  // namespace weft::test
