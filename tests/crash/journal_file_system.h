#pragma once  // tests/crash/journal_file_system.h

#include <memory>

namespace rocksdb {
class Env;
}

namespace weft::test {

class DiskJournal;

/// The real file system for RocksDB, all changes through a journal. Room is not taken in advance,
/// and RocksDB's diary is not written: both cost more than everything else here.
[[nodiscard]] std::shared_ptr<rocksdb::Env> make_journal_env(DiskJournal& journal);

}  // namespace weft::test
