#include "tests/crash/disk_journal.h"

#include <filesystem>
#include <thread>
#include <utility>

namespace weft::test {

using Kind = DiskOperation::Kind;

DiskJournal::DiskJournal(std::string root, DiskState before)
    : root_(std::move(root)), now_(std::move(before)) {}

void DiskJournal::set_fault(Fault fault) {
  const std::lock_guard lock(mutex_);
  fault_ = std::move(fault);
  counted_ = 0;
  struck_.reset();
}

std::optional<std::string> DiskJournal::struck() const {
  const std::lock_guard lock(mutex_);
  return struck_;
}

std::chrono::steady_clock::time_point DiskJournal::struck_at() const {
  const std::lock_guard lock(mutex_);
  return struck_at_;
}

std::uint64_t DiskJournal::counted() const {
  const std::lock_guard lock(mutex_);
  return counted_;
}

std::size_t DiskJournal::length() const {
  const std::lock_guard lock(mutex_);
  return operations_.size();
}

void DiskJournal::set_unrest(std::uint64_t seed) {
  const std::lock_guard lock(mutex_);
  unrest_.emplace(seed);
}

// The lock, by and by.
std::unique_lock<std::mutex> DiskJournal::enter() {
  std::unique_lock lock(mutex_);
  if (!unrest_ || (*unrest_)() % 8 != 0) return lock;
  const std::chrono::microseconds moment((*unrest_)() % 400);
  lock.unlock();
  std::this_thread::sleep_for(moment);
  lock.lock();
  return lock;
}

bool DiskJournal::covers(std::string_view path) const {
  return path.starts_with(root_) && (path.size() == root_.size() || path[root_.size()] == '/');
}

void DiskJournal::mark(std::string_view what, std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  DiskOperation operation;
  operation.name = what;
  operation.offset = number;
  operations_.push_back(std::move(operation));
}

std::string DiskJournal::below_root(std::string_view path) const {
  return covers(path) ? std::string(path.substr(root_.size())) : std::string();
}

DiskJournal::Place DiskJournal::place(const std::string& path) const {
  const std::filesystem::path below = std::filesystem::path(below_root(path)).lexically_normal();
  return {now_.find(below.parent_path().string()), below.filename().string()};
}

// The lock is held.
int DiskJournal::refusal(const char* what, const std::string& path) {
  if (fault_.nth == 0 || (fault_.on && !fault_.on(path))) return 0;
  ++counted_;
  if (counted_ != fault_.nth && !(fault_.from_then_on && counted_ > fault_.nth)) return 0;
  if (!struck_) {
    struck_ = std::string(what) + " " + path;
    struck_at_ = std::chrono::steady_clock::now();
    // The directory may be synced for the sake of one file that was renamed into it.
    if (!operations_.empty() && operations_.back().kind == Kind::kRename) {
      *struck_ += " for " + operations_.back().to_name;
    }
    DiskOperation operation;
    operation.name = "struck";
    operations_.push_back(std::move(operation));
  }
  return fault_.error;
}

// The lock is held.
int DiskJournal::note(DiskOperation operation, const Work& work) {
  if (const int error = work(); error != 0) return error;
  now_.apply(operation);
  operations_.push_back(std::move(operation));
  return 0;
}

int DiskJournal::create(const std::string& path, const Work& work) {
  const auto lock = enter();
  if (const int error = refusal("create", path); error != 0) return error;
  const Place at = place(path);
  if (at.directory == 0) return work();
  const int error = note({Kind::kCreate, at.directory, at.name, 0, {}, 0, {}}, work);
  if (error == 0) paths_[now_.find(at.directory, at.name)] = path;
  return error;
}

int DiskJournal::make_directory(const std::string& path, const Work& work) {
  const auto lock = enter();
  if (const int error = refusal("make the directory", path); error != 0) return error;
  const Place at = place(path);
  if (at.directory == 0 || now_.find(at.directory, at.name) != 0) return work();
  return note({Kind::kMakeDirectory, at.directory, at.name, 0, {}, 0, {}}, work);
}

int DiskJournal::write(FileId file, std::uint64_t offset, std::string_view bytes,
                       const std::function<int(std::size_t)>& work) {
  const auto lock = enter();
  if (file == 0) return work(bytes.size());
  int refused = refusal("write", paths_[file]);
  if (refused != 0 && !fault_.half_written) return refused;
  const std::string_view part = refused != 0 ? bytes.substr(0, bytes.size() / 2) : bytes;
  const int error = note({Kind::kWrite, file, {}, 0, {}, offset, std::string(part)},
                         [&] { return work(part.size()); });
  return refused != 0 ? refused : error;
}

int DiskJournal::truncate(FileId file, std::uint64_t size, const Work& work) {
  const auto lock = enter();
  if (file == 0) return work();
  return note({Kind::kTruncate, file, {}, 0, {}, size, {}}, work);
}

int DiskJournal::sync(FileId file, const Work& work) {
  const auto lock = enter();
  if (file == 0) return work();
  if (const int error = refusal("sync", paths_[file]); error != 0) return error;
  return note({Kind::kSync, file, {}, 0, {}, 0, {}}, work);
}

int DiskJournal::sync_directory(const std::string& path, const Work& work) {
  const auto lock = enter();
  if (const int error = refusal("sync the directory", path); error != 0) return error;
  const FileId directory = now_.find(below_root(path));
  if (directory == 0) return work();
  return note({Kind::kSyncDirectory, directory, {}, 0, {}, 0, {}}, work);
}

int DiskJournal::rename(const std::string& from, const std::string& to, const Work& work) {
  const auto lock = enter();
  const Place old = place(from), fresh = place(to);
  // RocksDB's diary is not written through here, so it is not known.
  if (old.directory == 0 || now_.find(old.directory, old.name) == 0) return work();
  if (const int error = refusal("rename to", to); error != 0) return error;
  const FileId moved = now_.find(old.directory, old.name);
  const int error =
      note({Kind::kRename, old.directory, old.name, fresh.directory, fresh.name, 0, {}}, work);
  if (error == 0) paths_[moved] = to;
  return error;
}

int DiskJournal::link(const std::string& from, const std::string& to, const Work& work) {
  const auto lock = enter();
  if (const int error = refusal("link to", to); error != 0) return error;
  const Place old = place(from), fresh = place(to);
  return note({Kind::kLink, old.directory, old.name, fresh.directory, fresh.name, 0, {}}, work);
}

int DiskJournal::remove(const std::string& path, const Work& work) {
  const auto lock = enter();
  const Place at = place(path);
  if (at.directory == 0 || now_.find(at.directory, at.name) == 0) return work();
  return note({Kind::kRemove, at.directory, at.name, 0, {}, 0, {}}, work);
}

FileId DiskJournal::find(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  return covers(path) ? now_.find(below_root(path)) : 0;
}

std::string DiskJournal::path_of(FileId file) const {
  const std::lock_guard lock(mutex_);
  const auto known = paths_.find(file);
  return known == paths_.end() ? std::string() : known->second;
}

std::uint64_t DiskJournal::size(FileId file) const {
  const std::lock_guard lock(mutex_);
  return file == 0 ? 0 : now_.size(file);
}

}  // namespace weft::test
