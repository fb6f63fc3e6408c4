#include "tests/crash/disk_state.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace weft::test {
namespace {

using Kind = DiskOperation::Kind;

// What a disk writes at once: it is there as a whole or not at all.
constexpr std::size_t kSector = 512;

const char* name_of(Kind kind) {
  switch (kind) {
    case Kind::kCreate:
      return "create";
    case Kind::kMakeDirectory:
      return "make directory";
    case Kind::kWrite:
      return "write";
    case Kind::kTruncate:
      return "truncate";
    case Kind::kSync:
      return "sync";
    case Kind::kSyncDirectory:
      return "sync directory";
    case Kind::kRename:
      return "rename";
    case Kind::kLink:
      return "link";
    case Kind::kRemove:
      return "remove";
    case Kind::kMark:
      return "mark";
  }
  return "?";
}

// A file that is missing or short because this machine is full, or out of descriptors, would be
// taken for the store's fault.
void write_file(const std::string& path, const std::string& bytes) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const auto written = file < 0 ? -1 : ::write(file, bytes.data(), bytes.size());
  const int error = errno;
  if (file >= 0) ::close(file);
  if (written == static_cast<ssize_t>(bytes.size())) return;
  throw std::system_error(written < 0 ? error : ENOSPC, std::generic_category(), path);
}

}  // namespace

std::string describe(const DiskOperation& operation) {
  std::string text = name_of(operation.kind);
  text += " " + std::to_string(operation.file);
  if (!operation.name.empty()) text += " '" + operation.name + "'";
  if (!operation.to_name.empty()) text += " to '" + operation.to_name + "'";
  if (operation.kind == Kind::kWrite) {
    text += " " + std::to_string(operation.bytes.size()) + " bytes at " +
            std::to_string(operation.offset);
  }
  if (operation.kind == Kind::kMark) text += " " + std::to_string(operation.offset);
  return text;
}

const char* describe(Fate fate) {
  switch (fate) {
    case Fate::kKilled:
      return "killed";
    case Fate::kForgotten:
      return "forgotten";
    case Fate::kNamed:
      return "named";
    case Fate::kTorn:
      return "torn";
  }
  return "?";
}

DiskState::DiskState() { nodes_[kRoot].directory = true; }

void DiskState::apply(const DiskOperation& operation) {
  switch (operation.kind) {
    case Kind::kCreate:
    case Kind::kMakeDirectory:
      nodes_[next_].directory = operation.kind == Kind::kMakeDirectory;
      change_name(operation.file, {operation.name, next_, {}});
      ++next_;
      return;
    case Kind::kWrite: {
      std::string& bytes = nodes_.at(operation.file).bytes;
      if (bytes.size() < operation.offset + operation.bytes.size()) {
        bytes.resize(operation.offset + operation.bytes.size(), '\0');
      }
      bytes.replace(operation.offset, operation.bytes.size(), operation.bytes);
      return;
    }
    case Kind::kTruncate:
      nodes_.at(operation.file).bytes.resize(operation.offset, '\0');
      return;
    case Kind::kSync: {
      Node& node = nodes_.at(operation.file);
      node.synced = node.bytes;
      return;
    }
    case Kind::kSyncDirectory: {
      Node& node = nodes_.at(operation.file);
      node.synced_names = node.names;
      node.unsynced_names.clear();
      return;
    }
    case Kind::kRename: {
      const FileId moved = find(operation.file, operation.name);
      if (operation.file == operation.to) {
        change_name(operation.file, {operation.to_name, moved, operation.name});
      } else {
        change_name(operation.to, {operation.to_name, moved, {}});
        change_name(operation.file, {operation.name, 0, {}});
      }
      return;
    }
    case Kind::kLink:
      change_name(operation.to, {operation.to_name, find(operation.file, operation.name), {}});
      return;
    case Kind::kRemove:
      change_name(operation.file, {operation.name, 0, {}});
      return;
    case Kind::kMark:
      return;
  }
}

void DiskState::apply_name(std::map<std::string, FileId>& names, const NameChange& change) {
  if (!change.gone.empty()) names.erase(change.gone);
  if (change.file == 0) {
    names.erase(change.name);
  } else {
    names[change.name] = change.file;
  }
}

void DiskState::change_name(FileId directory, NameChange change) {
  Node& node = nodes_.at(directory);
  apply_name(node.names, change);
  node.unsynced_names.push_back(std::move(change));
}

FileId DiskState::find(FileId directory, const std::string& name) const {
  const auto& names = nodes_.at(directory).names;
  const auto found = names.find(name);
  return found == names.end() ? 0 : found->second;
}

FileId DiskState::find(const std::string& path) const {
  FileId at = kRoot;
  for (const auto& part : std::filesystem::path(path)) {
    if (part.empty() || part == "." || part == "/") continue;
    if (!nodes_.at(at).directory) return 0;
    at = find(at, part.string());
    if (at == 0) return 0;
  }
  return at;
}

// Any part of what was written and not synced: by bytes, as a file system that orders them would
// leave it, or by sectors, as a disk without order would.
std::string DiskState::torn(const Node& node, std::mt19937_64& random) {
  const std::string& old = node.synced;
  const std::string& now = node.bytes;
  if (old == now || random() % 4 == 0) return old;
  std::string result = old;
  if (random() % 2 == 0) {
    const auto [in_old, in_now] = std::mismatch(old.begin(), old.end(), now.begin(), now.end());
    const auto same = static_cast<std::size_t>(in_now - now.begin());
    const std::size_t end = same + random() % (now.size() - same + 1);
    result.resize(std::max(old.size(), end), '\0');
    std::copy(now.begin(), now.begin() + static_cast<std::ptrdiff_t>(end), result.begin());
    return result;
  }
  const std::size_t longer = std::max(old.size(), now.size());
  const std::size_t shorter = std::min(old.size(), now.size());
  result.resize(shorter + random() % (longer - shorter + 1), '\0');
  for (std::size_t at = 0; at < result.size(); at += kSector) {
    const std::size_t count = std::min(kSector, result.size() - at);
    const std::string was = at < old.size() ? old.substr(at, count) : std::string();
    const std::string is = at < now.size() ? now.substr(at, count) : std::string();
    if (was == is) continue;
    const auto dice = random() % 10;
    if (dice < 5) {
      result.replace(at, std::min(is.size(), count), is);
    } else if (dice == 9) {  // behind the old end: what happened to be there
      for (std::size_t i = std::max(at, old.size()); i < at + count; ++i) {
        result[i] = static_cast<char>(random());
      }
    }
  }
  return result;
}

DiskState DiskState::after(Fate fate, std::mt19937_64& random) const {
  DiskState found = *this;
  if (fate == Fate::kKilled) return found;
  for (auto& [id, node] : found.nodes_) {
    const std::size_t changes = fate == Fate::kForgotten ? 0
                                : fate == Fate::kNamed
                                    ? node.unsynced_names.size()
                                    : random() % (node.unsynced_names.size() + 1);
    for (std::size_t i = 0; i < changes; ++i) apply_name(node.synced_names, node.unsynced_names[i]);
    node.names = node.synced_names;
    node.unsynced_names.clear();
    node.bytes = fate == Fate::kTorn ? torn(node, random) : node.synced;
    node.synced = node.bytes;
  }
  return found;
}

void DiskState::collect(FileId directory, const std::string& path,
                        std::map<std::string, std::string>& out) const {
  for (const auto& [name, file] : nodes_.at(directory).names) {
    const Node& node = nodes_.at(file);
    if (node.directory) {
      collect(file, path + name + "/", out);
    } else {
      out[path + name] = node.bytes;
    }
  }
}

std::map<std::string, std::string> DiskState::files() const {
  std::map<std::string, std::string> out;
  collect(kRoot, "", out);
  return out;
}

void DiskState::write_to(const std::string& directory) const {
  const auto write = [this](const auto& self, FileId id, const std::string& path) -> void {
    for (const auto& [name, file] : nodes_.at(id).names) {
      const Node& node = nodes_.at(file);
      if (node.directory) {
        std::filesystem::create_directory(path + "/" + name);
        self(self, file, path + "/" + name);
      } else {
        write_file(path + "/" + name, node.bytes);
      }
    }
  };
  write(write, kRoot, directory);
}

std::string DiskState::difference_to(const std::string& directory) const {
  for (const auto& [name, bytes] : files()) {
    std::ifstream file(directory + "/" + name, std::ios::binary);
    if (!file) return name + " is not there";
    const std::string found{std::istreambuf_iterator<char>(file), {}};
    if (found != bytes) {
      return name + " has " + std::to_string(found.size()) + " bytes and should have " +
             std::to_string(bytes.size());
    }
  }
  return "";
}

}  // namespace weft::test
