#pragma once  // tests/crash/disk_journal.h

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/crash/disk_state.h"

namespace weft::test {

/// Writes down what is done to the files below one directory, one thing after another, and refuses
/// what it is told to refuse. RocksDB comes here by `JournalFileSystem`, the small files beside it
/// by `system_calls.cc`. All threads.
class DiskJournal {
 public:
  /// `root` is there and holds what `before` says.
  explicit DiskJournal(std::string root, DiskState before = {});
  DiskJournal(const DiskJournal&) = delete;
  DiskJournal& operator=(const DiskJournal&) = delete;

  /// A disk that fails: the `nth` thing (from 1) that must not fail, a write, a sync or a change of
  /// names other than a removal, ends in `error` and is not done.
  struct Fault {
    std::uint64_t nth = 0;
    int error = EIO;
    bool from_then_on = false;                        ///< All later ones, too.
    bool half_written = false;                        ///< Of a write the first half is done.
    std::function<bool(const std::string& path)> on;  ///< Counts these files only; empty: all.
  };
  void set_fault(Fault fault);
  /// Where it struck first, in words; nothing if it has not.
  [[nodiscard]] std::optional<std::string> struck() const;
  [[nodiscard]] std::chrono::steady_clock::time_point struck_at() const;
  /// How many things the fault has counted.
  [[nodiscard]] std::uint64_t counted() const;

  /// From now on some operations, chosen by lot, wait for a moment first: threads that work side by
  /// side meet in orders that a quiet machine never shows.
  void set_unrest(std::uint64_t seed);

  /// Whether a path is below the root.
  [[nodiscard]] bool covers(std::string_view path) const;

  /// Something to remember between two operations.
  void mark(std::string_view what, std::uint64_t number);

  /// Each does `work` and notes it, as one step. `work` answers 0 or an errno; so do they. A file
  /// that is not known, 0, is worked on and not noted.
  using Work = std::function<int()>;
  int create(const std::string& path, const Work& work);
  int make_directory(const std::string& path, const Work& work);
  /// `work` is given how many bytes to write.
  int write(FileId file, std::uint64_t offset, std::string_view bytes,
            const std::function<int(std::size_t count)>& work);
  int truncate(FileId file, std::uint64_t size, const Work& work);
  int sync(FileId file, const Work& work);
  int sync_directory(const std::string& path, const Work& work);
  int rename(const std::string& from, const std::string& to, const Work& work);
  int link(const std::string& from, const std::string& to, const Work& work);
  int remove(const std::string& path, const Work& work);

  /// The file of that name now; 0: none that is known.
  [[nodiscard]] FileId find(const std::string& path) const;
  [[nodiscard]] std::string path_of(FileId file) const;
  [[nodiscard]] std::uint64_t size(FileId file) const;

  /// All that was noted. Only while nobody works.
  [[nodiscard]] const std::vector<DiskOperation>& operations() const { return operations_; }
  [[nodiscard]] std::size_t length() const;
  [[nodiscard]] const DiskState& now() const { return now_; }

 private:
  struct Place {
    FileId directory = 0;
    std::string name;
  };
  [[nodiscard]] std::string below_root(std::string_view path) const;
  [[nodiscard]] Place place(const std::string& path) const;
  [[nodiscard]] std::unique_lock<std::mutex> enter();
  [[nodiscard]] int refusal(const char* what, const std::string& path);
  int note(DiskOperation operation, const Work& work);

  mutable std::mutex mutex_;
  std::string root_;
  DiskState now_;
  std::vector<DiskOperation> operations_;
  std::map<FileId, std::string> paths_;
  Fault fault_;
  std::uint64_t counted_ = 0;
  std::optional<std::string> struck_;
  std::chrono::steady_clock::time_point struck_at_;
  std::optional<std::mt19937_64> unrest_;
};

/// The journal that `system_calls.cc` tells of the calls of this process; null: none.
void watch_system_calls(DiskJournal* journal);

}  // namespace weft::test
