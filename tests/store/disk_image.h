#pragma once  // tests/store/disk_image.h

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "store/rocksdb_event_store.h"
#include "tests/store/samples.h"

namespace weft::test {

inline store::Result<std::unique_ptr<store::RocksdbEventStore>> open_store(
    const std::string& directory, rocksdb::Env* env = nullptr) {
  store::RocksdbOptions options;
  options.data_dir = directory;
  options.env = env;
  return store::RocksdbEventStore::open(std::move(options));
}

/// What `kill -9` would leave now: everything, but no mark of a clean end.
inline void copy_directory(const std::string& from, const std::string& to) {
  std::filesystem::copy(from, to, std::filesystem::copy_options::recursive);
}

inline std::string read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline void write_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

inline void flip_byte(const std::string& path, std::size_t offset) {
  std::string bytes = read_bytes(path);
  ASSERT_LT(offset, bytes.size());
  bytes[offset] = static_cast<char>(bytes[offset] ^ 0x40);
  write_bytes(path, bytes);
}

/// The newest write-ahead log of a data directory.
inline std::string newest_log(const std::string& data_dir) {
  std::string newest;
  for (const auto& entry : std::filesystem::directory_iterator(data_dir + "/db")) {
    const std::string path = entry.path().string();
    if (path.ends_with(".log") && path > newest) newest = path;
  }
  return newest;
}

}  // namespace weft::test
