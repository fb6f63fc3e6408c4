#pragma once  // tests/crash/disk_state.h

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace weft::test {

/// A file or a directory, whatever names it has.
using FileId = std::uint64_t;

/// One thing a program did to a disk.
struct DiskOperation {
  enum class Kind {
    kCreate,  ///< A new empty file under a name; one that had the name loses it.
    kMakeDirectory,
    kWrite,
    kTruncate,  ///< To `offset` bytes.
    kSync,
    kSyncDirectory,  ///< The names in it.
    kRename,
    kLink,
    kRemove,
    kMark,  ///< Not to the disk: something the program said meanwhile.
  };
  Kind kind = Kind::kMark;
  FileId file = 0;   ///< Written or synced; of names: the directory.
  std::string name;  ///< In the directory; of a mark: what was said.
  FileId to = 0;     ///< Of renames and links: the directory of the new name.
  std::string to_name;
  std::uint64_t offset = 0;  ///< Of a mark: its number.
  std::string bytes;
};

[[nodiscard]] std::string describe(const DiskOperation& operation);

/// What becomes of a machine.
enum class Fate {
  kKilled,     ///< The process only: all that was written is there.
  kForgotten,  ///< The power: nothing is there that was not synced, neither bytes nor names.
  kNamed,      ///< The power: all names are there, of bytes only the synced ones.
  kTorn,       ///< The power: of each file and directory any part of what was not synced.
};
inline constexpr int kFates = 4;
[[nodiscard]] const char* describe(Fate fate);

/// A disk between two operations: what a reader sees, and what of it is durable.
///
/// Durable is what POSIX promises and nothing else: bytes by a sync of the file, a name by a sync
/// of its directory. File systems keep more; a store that needs more works until the day it moves.
class DiskState {
 public:
  /// An empty root directory.
  DiskState();

  /// Ids of new files count up, so equal operations give equal ids.
  void apply(const DiskOperation& operation);

  static constexpr FileId kRoot = 1;
  /// `path` from the root, names joined by `/`; 0: there is nothing.
  [[nodiscard]] FileId find(const std::string& path) const;
  [[nodiscard]] FileId find(FileId directory, const std::string& name) const;
  [[nodiscard]] bool is_directory(FileId file) const { return nodes_.at(file).directory; }
  [[nodiscard]] std::uint64_t size(FileId file) const { return nodes_.at(file).bytes.size(); }

  /// The disk that is found afterwards. After a power cut all of it is durable; after a kill the
  /// machine goes on, and what was not synced still is not.
  [[nodiscard]] DiskState after(Fate fate, std::mt19937_64& random) const;
  /// Files by their paths from the root.
  [[nodiscard]] std::map<std::string, std::string> files() const;
  /// Writes files and directories below an existing directory.
  void write_to(const std::string& directory) const;
  /// What of it the files below a directory do not hold, in words; empty: nothing.
  [[nodiscard]] std::string difference_to(const std::string& directory) const;

 private:
  struct NameChange {
    std::string name;
    FileId file = 0;   // 0: the name goes
    std::string gone;  // of a rename within the directory: the old name, which goes at once
  };
  struct Node {
    bool directory = false;
    std::string bytes, synced;  // of a file
    std::map<std::string, FileId> names, synced_names;
    std::vector<NameChange> unsynced_names;
  };

  void change_name(FileId directory, NameChange change);
  static void apply_name(std::map<std::string, FileId>& names, const NameChange& change);
  static std::string torn(const Node& node, std::mt19937_64& random);
  void collect(FileId directory, const std::string& path,
               std::map<std::string, std::string>& out) const;

  std::map<FileId, Node> nodes_;
  FileId next_ = kRoot + 1;
};

}  // namespace weft::test
