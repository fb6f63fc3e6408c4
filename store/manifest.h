#pragma once  // store/manifest.h

#include <cstdint>
#include <string>

#include "store/store_error.h"

namespace weft::store {

// RocksDB's manifest says which table files exist. RocksDB reads it up to the first bad record and
// takes that for its end, so a damaged manifest is a younger one: tables are forgotten and then
// removed, one of several written together, while the log that could restore them is gone. So the
// watermark holds how far the manifest had come.
//
// Format: as the log (wal_scan.h); CURRENT names the manifest in force: "MANIFEST-000005", newline.

/// How much of a manifest is whole records, and durable.
struct ManifestExtent {
  std::uint64_t number = 0;  ///< Of its name; 0: nothing is known.
  std::uint64_t bytes = 0;

  friend bool operator==(const ManifestExtent&, const ManifestExtent&) = default;
};

/// Syncs the manifest in force and measures it; number 0 if it was replaced meanwhile.
[[nodiscard]] Result<ManifestExtent> durable_manifest(const std::string& database_dir);

/// kDamaged if the manifest in force is older or shorter than `known`, or has valid records behind
/// a bad one. Of a database that nobody has open; a directory without one is fine.
[[nodiscard]] Result<void> check_manifest(const std::string& database_dir,
                                          const ManifestExtent& known);

}  // namespace weft::store
