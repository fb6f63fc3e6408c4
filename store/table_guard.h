#pragma once  // store/table_guard.h

#include <memory>

namespace rocksdb {
class Env;
}  // namespace rocksdb

namespace weft::store {

// RocksDB trusts two places of a table file before any checksum has spoken for them:
//
// The last bytes, which no checksum covers. Among them stands which checksum guards all the others:
// one bit there and nothing is guarded any more; then damage is read as data.
//
// The last four bytes of the block of properties, which are looked at before its checksum is. The
// highest bit says whether the block has a hash index; properties never have one, and looking for
// it where there is none ends the process in an assertion.
//
// Format (rocksdb/table/format.h, format version 5), at the file's end:
//   footer = checksum type(1) handle of the meta index, handle of the index, zeros, in 40 bytes
//            format version(le32) magic number(le64)
//   handle = offset(varint) size(varint)
// In the meta index the name "rocksdb.properties" stands before the handle of that block.

/// `base` (null: the real one; it must outlive the result), but a table file that does not end as
/// our settings write it is not opened: Corruption.
[[nodiscard]] std::shared_ptr<rocksdb::Env> guard_tables(rocksdb::Env* base);

}  // namespace weft::store
