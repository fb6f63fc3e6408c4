#include "tests/crash/damage.h"

#include <algorithm>
#include <csignal>
#include <fstream>
#include <memory>
#include <optional>
#include <random>
#include <utility>

#include <filesystem>

#include <unistd.h>

#include "tests/crash/journal_file_system.h"

namespace weft::test {
namespace {

using Files = std::map<std::string, std::string>;

/// The disk at one moment of the workload.
Files files_at(const Workload& workload, std::size_t count) {
  DiskState state;
  for (std::size_t i = 0; i < count; ++i) state.apply(workload.operations[i]);
  Files files;
  for (auto& [path, bytes] : state.files()) {
    if (path.starts_with(std::string(kStoreName) + "/")) files.emplace(path, std::move(bytes));
  }
  return files;
}

bool is_log(const std::string& path) { return path.ends_with(".log"); }

std::string newest_log(const Files& files) {
  std::string newest;
  for (const auto& [path, bytes] : files) {
    if (is_log(path) && !bytes.empty()) newest = path;  // names are numbers of equal length
  }
  return newest;
}

std::string kind_of(const std::string& path) {
  if (is_log(path)) return "log";
  if (path.ends_with(".sst")) return "table";
  for (const char* name :
       {"MANIFEST", "CURRENT", "OPTIONS", "IDENTITY", "WATERMARK", "FORMAT", "OWNER"}) {
    if (path.find(name) != std::string::npos) return name;
  }
  return "other";
}

/// One harmed disk.
struct Harm {
  std::string kind;   // for counting
  std::string story;  // what exactly
  std::string file;   // the harmed one
  Files files;
};

class Vandal {
 public:
  Vandal(const Files& files, const std::vector<Files>& earlier, std::uint64_t seed)
      : files_(files), earlier_(earlier), random_(seed), log_(newest_log(files)) {
    for (const auto& [path, bytes] : files_) {
      if (!bytes.empty()) paths_.push_back(path);
    }
  }

  /// The newest log without its last `cut` bytes.
  std::optional<Harm> shorten_log(std::size_t cut) const {
    if (log_.empty() || files_.at(log_).size() < cut) return std::nullopt;
    Harm harm = begin("cut the log", log_, "its last " + std::to_string(cut) + " bytes are gone");
    std::string& bytes = harm.files[log_];
    bytes.resize(bytes.size() - cut);
    return harm;
  }
  /// One bit of it, `back` bytes from its end.
  std::optional<Harm> flip_in_log(std::size_t back) {
    if (log_.empty() || back == 0 || files_.at(log_).size() < back) return std::nullopt;
    return flip(log_, files_.at(log_).size() - back);
  }

  Harm any() {
    const std::string& path = paths_[random_() % paths_.size()];
    const std::string& bytes = files_.at(path);
    switch (random_() % 9) {
      case 0:
      case 1:
        return flip(path, random_() % bytes.size());
      case 2: {
        const std::size_t size = random_() % bytes.size();
        Harm harm = begin("cut", path, "cut to " + std::to_string(size) + " bytes");
        harm.files[path].resize(size);
        return harm;
      }
      case 3: {
        const std::size_t from = random_() % bytes.size();
        const std::size_t count = 1 + random_() % std::min<std::size_t>(4096, bytes.size() - from);
        Harm harm =
            begin("zero", path, std::to_string(count) + " zeros at " + std::to_string(from));
        harm.files[path].replace(from, count, count, '\0');
        return harm;
      }
      case 4: {
        const std::size_t from = random_() % bytes.size();
        const std::size_t count = 1 + random_() % std::min<std::size_t>(512, bytes.size() - from);
        Harm harm = begin("garbage", path,
                          std::to_string(count) + " random bytes at " + std::to_string(from));
        for (std::size_t i = 0; i < count; ++i)
          harm.files[path][from + i] = static_cast<char>(random_());
        return harm;
      }
      case 5: {
        Harm harm = begin("remove", path, "removed");
        harm.files.erase(path);
        return harm;
      }
      case 6: {
        const std::string& other = paths_[random_() % paths_.size()];
        Harm harm = begin("exchange", path, "exchanged with " + other);
        std::swap(harm.files[path], harm.files[other]);
        return harm;
      }
      case 7: {
        const Files& old = earlier_[random_() % earlier_.size()];
        const auto before = old.find(path);
        if (before == old.end() || before->second == bytes) return take_back_database();
        Harm harm = begin("take back a file", path, "as it was before");
        harm.files[path] = before->second;
        return harm;
      }
      default:
        return take_back_database();
    }
  }

 private:
  Harm begin(std::string kind, const std::string& path, const std::string& what) const {
    return {std::move(kind), path + ": " + what, path, files_};
  }

  Harm flip(const std::string& path, std::size_t offset) {
    const auto bit = random_() % 8;
    Harm harm = begin("turn a bit", path,
                      "bit " + std::to_string(bit) + " of byte " + std::to_string(offset));
    harm.files[path][offset] = static_cast<char>(harm.files[path][offset] ^ (1 << bit));
    return harm;
  }

  // An older copy of RocksDB's directory beside a watermark of today.
  Harm take_back_database() {
    const Files& old = earlier_[random_() % earlier_.size()];
    const std::string database = std::string(kStoreName) + "/db/";
    Harm harm = begin("take back the database", database, "an older copy");
    std::erase_if(harm.files, [&](const auto& file) { return file.first.starts_with(database); });
    for (const auto& [path, bytes] : old) {
      if (path.starts_with(database)) harm.files[path] = bytes;
    }
    return harm;
  }

  const Files& files_;
  const std::vector<Files>& earlier_;
  std::mt19937_64 random_;
  std::string log_;
  std::vector<std::string> paths_;
};

void write_files(const Files& files, const std::string& root) {
  for (const auto& [path, bytes] : files) {
    const std::filesystem::path target = std::filesystem::path(root) / path;
    std::filesystem::create_directories(target.parent_path());
    std::ofstream(target, std::ios::binary) << bytes;
  }
}

// What is being tried, for the case that the process dies of it.
std::string trial;

void tell_trial(int signal) {
  static_cast<void>(::write(STDERR_FILENO, trial.data(), trial.size()));
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

/// What a harmed store does: an outcome of the report, or why it is wrong.
struct Outcome {
  std::string outcome;
  std::string wrong;
};

Outcome open_harmed(const Workload& workload, const std::string& root) {
  DiskJournal journal(root);  // only for its fast file system
  const auto env = make_journal_env(journal);
  const auto refused = [](const store::StoreError& error) -> Outcome {
    return error.message.empty() ? Outcome{"", "refused without a reason"} : Outcome{"refused", ""};
  };
  const auto opened =
      store::RocksdbEventStore::open(small_store(root + "/" + kStoreName, env.get()));
  if (!opened) return refused(opened.error());
  const ExpectedState& expected = workload.expected;
  const auto sum = expected.read(**opened);
  if (!sum) return {"noticed", ""};
  if (*sum != expected.sum_after(expected.submissions())) {
    for (std::size_t n = expected.submissions(); n > 0; --n) {
      if (expected.sum_after(n - 1) != *sum) continue;
      return {"", "it shows submission " + std::to_string(n - 1) + " of " +
                      std::to_string(expected.submissions())};
    }
    return {"", "it shows a state that never was"};
  }
  return {"identical", ""};
}

}  // namespace

void try_damages(const Workload& workload, std::uint64_t count, std::uint64_t seed,
                 DamageReport& report, const std::function<void()>& progress) {
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE}) std::signal(signal, tell_trial);
  std::size_t quiet = 0;
  for (std::size_t i = 0; i < workload.operations.size(); ++i) {
    if (workload.operations[i].name == kQuiet) quiet = i;
  }
  const std::vector<Files> images = {files_at(workload, workload.operations.size()),
                                     files_at(workload, quiet)};
  std::vector<Files> earlier;
  for (std::size_t i = 1; i < 6; ++i) earlier.push_back(files_at(workload, quiet * i / 6));
  std::vector<Vandal> vandals;
  for (const Files& image : images) vandals.emplace_back(image, earlier, seed + vandals.size());

  for (std::uint64_t i = 0; i < count; ++i) {
    Vandal& vandal = vandals[i % 2];
    const auto place = static_cast<std::size_t>(i / 8 + 1);
    std::optional<Harm> harm;
    if (i % 8 < 2) harm = vandal.shorten_log(place);
    if (i % 8 == 2 || i % 8 == 3) harm = vandal.flip_in_log(place);
    if (!harm) harm = vandal.any();

    MemoryDir root;
    trial = "workload " + std::to_string(workload.seed) + ", " + harm->story + "\n";
    write_files(harm->files, root.path());
    const Outcome outcome = open_harmed(workload, root.path());
    ++report.damages;
    ++report.by_kind[harm->kind];
    const std::string image = i % 2 == 0 ? "closed" : "killed";
    if (!outcome.wrong.empty()) {
      report.silent.push_back("workload " + std::to_string(workload.seed) + ", " + image + ", " +
                              harm->story + ": " + outcome.wrong);
      if (report.silent.size() >= 200) return;
    } else {
      (outcome.outcome == "identical" ? report.identical
       : outcome.outcome == "refused" ? report.refused
                                      : report.noticed) += 1;
    }
    ++report.by_outcome[kind_of(harm->file) + ": " +
                        (outcome.wrong.empty() ? outcome.outcome : "silently wrong")];
    progress();
  }
}

}  // namespace weft::test
