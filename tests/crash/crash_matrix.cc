#include "tests/crash/crash_matrix.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <random>
#include <utility>

#include "store/rocksdb_backup.h"
#include "tests/crash/journal_file_system.h"

namespace weft::test {
namespace {

/// What is known from outside of a store that died.
struct Known {
  std::size_t acknowledged = 0;
  std::size_t submitted = 0;
  bool opened = false;  ///< It had been opened, so it must not be a new one now.
};

// Reads the marks up to there.
Known known_at(const std::vector<DiskOperation>& operations, std::size_t count, Known known) {
  for (std::size_t i = 0; i < count; ++i) {
    const DiskOperation& mark = operations[i];
    if (mark.kind != DiskOperation::Kind::kMark) continue;
    if (mark.name == kSubmitted)
      known.submitted = std::max<std::size_t>(known.submitted, mark.offset);
    if (mark.name == kAcknowledged || mark.name == kOpened) {
      known.acknowledged = std::max<std::size_t>(known.acknowledged, mark.offset);
    }
    if (mark.name == kOpened) known.opened = true;
  }
  known.submitted = std::max(known.submitted, known.acknowledged);
  return known;
}

std::optional<std::size_t> find_state(const ExpectedState& expected, std::uint64_t sum,
                                      std::size_t first, std::size_t last) {
  for (std::size_t n = first; n <= last; ++n) {
    if (expected.sum_after(n) == sum) return n;
  }
  return std::nullopt;
}

std::string wrong_state(const ExpectedState& expected, std::uint64_t sum, const Known& known) {
  const auto other = find_state(expected, sum, 0, expected.submissions());
  return "the store shows " +
         (other ? "submission " + std::to_string(*other) : std::string("no state that ever was")) +
         ", acknowledged were " + std::to_string(known.acknowledged) + ", submitted " +
         std::to_string(known.submitted);
}

/// A store after a crash, and everything it does to its disk from then on.
struct Recovery {
  std::string problem;  ///< Empty: it kept the laws.
  std::size_t found = 0;
  std::vector<DiskOperation> operations;
};

std::string recover_and_go_on(const Workload& workload, const std::string& data_dir,
                              const Known& known, DiskJournal& journal, rocksdb::Env* env,
                              Recovery& recovery) {
  auto opened = store::RocksdbEventStore::open(small_store(data_dir, env));
  if (!opened) return "refused after a mere crash: " + opened.error().message;
  store::RocksdbEventStore& store = **opened;
  if (known.opened && store.facts().created) return "the store was forgotten as a whole";
  const ExpectedState& expected = workload.expected;
  const auto sum = expected.read(store);
  if (!sum) return "unreadable after a mere crash: " + sum.error().message;
  const auto found = find_state(expected, *sum, known.acknowledged, known.submitted);
  if (!found) return wrong_state(expected, *sum, known);
  recovery.found = *found;
  journal.mark(kOpened, *found);
  if (const auto checked = store.check(); !checked || !checked->findings.empty()) {
    return "its check finds: " +
           (checked ? checked->findings[0].place + ": " + checked->findings[0].what
                    : checked.error().message);
  }
  if (*found < workload.submissions.size()) {
    journal.mark(kSubmitted, *found + 1);
    std::string refused = "it does not go on: no answer";
    store.submit(workload.submissions[*found],
                 [&](const store::Result<store::CommitReceipt>& result) {
                   if (result) journal.mark(kAcknowledged, *found + 1);
                   refused = result ? "" : "it does not go on: " + result.error().message;
                 });
    store.flush();
    if (!refused.empty()) return refused;
    const auto next = expected.read(store);
    if (!next) return "unreadable after going on: " + next.error().message;
    if (*next != expected.sum_after(*found + 1)) {
      return "after going on " + wrong_state(expected, *next, {*found + 1, *found + 1, true});
    }
  }
  if (const auto closed = store.close(); !closed) return "closing: " + closed.error().message;
  return "";
}

Recovery recover(const Workload& workload, const MemoryDir& root, const DiskState& image,
                 const Known& known) {
  Recovery recovery;
  image.write_to(root.path());
  DiskJournal journal(root.path(), image);
  const auto env = make_journal_env(journal);
  watch_system_calls(&journal);
  recovery.problem = recover_and_go_on(workload, root.path() + "/" + kStoreName, known, journal,
                                       env.get(), recovery);
  watch_system_calls(nullptr);
  if (!recovery.problem.empty()) {
    // Then it was no disk of ours that the store found.
    const std::string strange = journal.now().difference_to(root.path());
    if (!strange.empty()) {
      recovery.problem += "; THE TEST'S OWN DISK IS NOT AS IT SHOULD BE: " + strange;
    }
  }
  recovery.operations = journal.operations();
  return recovery;
}

// Backups that were complete at the crash.
std::string try_backups(const Workload& workload, const MemoryDir& root, std::size_t at,
                        const Known& known, CrashReport& report) {
  std::optional<std::uint64_t> last;
  for (std::size_t i = 0; i < at; ++i) {
    const DiskOperation& mark = workload.operations[i];
    if (mark.kind == DiskOperation::Kind::kMark && mark.name == kBackedUp) last = mark.offset;
  }
  if (!last) return "";
  ++report.backups;
  const std::string restored = root.path() + "/restored";
  const auto done =
      store::restore_backup({root.path() + "/" + backup_name(*last), restored, "", 2});
  if (!done) return "a finished backup can not be restored: " + done.error().message;
  auto opened = store::RocksdbEventStore::open(small_store(restored, nullptr));
  if (!opened) return "the restored store is refused: " + opened.error().message;
  const auto sum = workload.expected.read(**opened);
  if (!sum) return "the restored store is unreadable: " + sum.error().message;
  if (!find_state(workload.expected, *sum, 0, known.submitted)) {
    return "restored: " + wrong_state(workload.expected, *sum, {0, known.submitted, true});
  }
  return "";
}

std::string step_before(const Workload& workload, std::size_t at) {
  for (std::size_t i = at; i > 0; --i) {
    const DiskOperation& operation = workload.operations[i - 1];
    if (operation.kind == DiskOperation::Kind::kMark) continue;
    const std::string text = describe(operation);
    return text.substr(0, text.find_first_of("0123456789") - 1);
  }
  return "nothing";
}

}  // namespace

void try_point(const Workload& workload, const DiskState& state, const CrashPoint& point,
               std::uint64_t seed, CrashReport& report) {
  std::mt19937_64 random(seed * 1'000'003 + point.at * 31 + static_cast<std::uint64_t>(point.fate));
  MemoryDir first, second;
  const auto fail = [&](MemoryDir& root, const DiskState& found, const std::string& why,
                        const std::vector<DiskOperation>& recovered = {}) {
    const std::size_t last = std::min(point.at, workload.operations.size());
    report.failures.push_back(
        "workload " + std::to_string(workload.seed) + ", " + describe(point.fate) +
        " after operation " + std::to_string(point.at) +
        (last > 0 ? " (" + describe(workload.operations[last - 1]) + ")" : "") + ": " + why +
        "; the disk as it was left, as it was found before (found/), and what was done to it: " +
        root.path());
    root.keep();
    std::ofstream files(root.path() + "/found.txt");
    for (const auto& [name, bytes] : found.files()) files << bytes.size() << " " << name << "\n";
    std::filesystem::create_directory(root.path() + "/found");
    found.write_to(root.path() + "/found");
    std::ofstream story(root.path() + "/operations.txt");
    for (std::size_t i = 0; i < last; ++i)
      story << i << " " << describe(workload.operations[i]) << "\n";
    story << "then the recovery\n";
    for (std::size_t i = 0; i < recovered.size(); ++i) {
      story << i << " " << describe(recovered[i]) << "\n";
    }
  };
  ++report.points;
  ++report.by_fate[describe(point.fate)];
  ++report.by_step[step_before(workload, point.at)];

  const Known known = known_at(workload.operations, point.at, {});
  const DiskState image = state.after(point.fate, random);
  const Recovery recovery = recover(workload, first, image, known);
  if (!recovery.problem.empty()) return fail(first, image, recovery.problem, recovery.operations);
  if (recovery.found < known.submitted) ++report.lost_unacknowledged;
  // One for sure, if there is any.
  if (random() % 8 == 0 || report.backups == 0) {
    if (const auto why = try_backups(workload, first, point.at, known, report); !why.empty()) {
      return fail(first, image, why, recovery.operations);
    }
  }
  if (!point.twice || recovery.operations.empty()) return;

  ++report.points;
  ++report.twice;
  const std::size_t cut = random() % (recovery.operations.size() + 1);
  DiskState again = image;
  for (std::size_t i = 0; i < cut; ++i) again.apply(recovery.operations[i]);
  const auto fate = static_cast<Fate>(random() % kFates);
  const Known later = known_at(recovery.operations, cut, known);
  const DiskState left = again.after(fate, random);
  const Recovery last = recover(workload, second, left, later);
  if (!last.problem.empty()) {
    fail(second, left,
         "and " + std::string(describe(fate)) + " again after operation " + std::to_string(cut) +
             " of the recovery: " + last.problem,
         recovery.operations);
  }
}

void try_points(const Workload& workload, std::uint64_t count, std::uint64_t seed,
                CrashReport& report, const std::function<void()>& progress) {
  std::vector<std::size_t> places{0};
  for (std::size_t i = 0; i < workload.operations.size(); ++i) {
    if (workload.operations[i].kind != DiskOperation::Kind::kMark) places.push_back(i + 1);
  }
  std::mt19937_64 random(seed);
  // Positions in the list of all (place, fate); a double crash counts as two points.
  std::vector<CrashPoint> points;
  const double step = std::max(1.0, static_cast<double>(places.size() * kFates) * 1.5 /
                                        static_cast<double>(std::max<std::uint64_t>(count, 1)));
  for (double at = 0; at < static_cast<double>(places.size() * kFates); at += step) {
    const auto index = static_cast<std::size_t>(at);
    points.push_back({places[index / kFates], static_cast<Fate>((index + index / kFates) % kFates),
                      random() % 2 == 0});
  }
  DiskState state;
  std::size_t done = 0;
  for (const CrashPoint& point : points) {
    while (done < point.at) state.apply(workload.operations[done++]);
    try_point(workload, state, point, seed, report);
    progress();
    if (report.failures.size() >= 20) return;
  }
}

}  // namespace weft::test
