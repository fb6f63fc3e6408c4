#include "tests/crash/failing_disk.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <memory>
#include <random>

#include "tests/crash/crash_matrix.h"
#include "tests/crash/journal_file_system.h"

namespace weft::test {
namespace {

using Clock = std::chrono::steady_clock;

// RocksDB writes its settings down for people; it goes on without.
bool is_needed(const std::string& path) { return path.find("OPTIONS-") == std::string::npos; }

std::string file_kind(const std::string& struck) {
  const std::string path = struck.substr(struck.rfind('/') + 1);
  if (path.ends_with(".log")) return "log";
  if (path.ends_with(".sst")) return "table";
  for (const char* name :
       {"MANIFEST", "CURRENT", "IDENTITY", "WATERMARK", "FORMAT", "OWNER", "OPTIONS"}) {
    if (path.find(name) != std::string::npos) return name;
  }
  if (path.ends_with(".dbtmp")) return "CURRENT";
  return "directory";
}

/// One life of a store on the failing disk.
class Life {
 public:
  Life(const Workload& workload, DiskJournal& journal, rocksdb::Env* env, std::string data_dir)
      : workload_(workload), journal_(journal), options_(small_store(data_dir, env)) {
    options_.on_fatal = [this](const std::string& /*reason*/) {
      ended_at_ = Clock::now();
      ended_ = true;
      journal_.mark("ended", 0);
    };
  }

  void live() {
    auto opened = store::RocksdbEventStore::open(options_);
    if (!opened) return;
    opened_ = true;
    store_ = *std::move(opened);
    journal_.mark(kOpened, 0);
    for (std::size_t i = 0; i < workload_.submissions.size() && !failed_ && !ended_; ++i) {
      const auto& batch = workload_.submissions[i];
      journal_.mark(kSubmitted, i + 1);
      store_->submit(batch, [this, i](const store::Result<store::CommitReceipt>& result) {
        if (result) {
          acknowledged_after_end_ = acknowledged_after_end_ || ended_;
          journal_.mark(kAcknowledged, i + 1);
        } else {
          failed_ = true;
        }
      });
      if (i % 3 != 1 || failed_ || journal_.struck()) store_->flush();
      note_failure();
    }
    // The disk failed in the background: the word may still be on its way.
    const auto deadline = Clock::now() + std::chrono::seconds(5);
    while (journal_.struck() && !ended_ && Clock::now() < deadline && needed_) {
      note_failure();
      store_->flush();
    }
    closing_failed_ = !store_->close();
    note_failure();
  }

  void note_failure() {
    if (journal_.struck()) needed_ = is_needed(*journal_.struck());
  }

  const Workload& workload_;
  DiskJournal& journal_;
  store::RocksdbOptions options_;
  std::unique_ptr<store::RocksdbEventStore> store_;
  bool opened_ = false, closing_failed_ = false, needed_ = true;
  std::atomic<bool> ended_ = false, failed_ = false, acknowledged_after_end_ = false;
  std::atomic<Clock::time_point> ended_at_{};
};

}  // namespace

void try_failing(const Workload& workload, std::uint64_t nth, int error, bool from_then_on,
                 bool half_written, FailingReport& report) {
  MemoryDir root;
  DiskJournal journal(root.path());
  journal.set_fault({nth, error, from_then_on, half_written, {}});
  const auto env = make_journal_env(journal);
  watch_system_calls(&journal);
  Life life(workload, journal, env.get(), root.path() + "/" + kStoreName);
  life.live();
  watch_system_calls(nullptr);

  ++report.runs;
  const auto struck = journal.struck();
  if (!struck) {
    ++report.not_reached;
    return;
  }
  ++report.by_file[file_kind(*struck)];
  const auto fail = [&](const std::string& why) {
    report.failures.push_back("workload " + std::to_string(workload.seed) + ", number " +
                              std::to_string(nth) + (from_then_on ? " on" : "") + " (" + *struck +
                              ", errno " + std::to_string(error) + "): " + why);
  };
  if (!life.opened_) {
    ++report.at_opening;
  } else if (life.ended_) {
    ++report.ended;
    const std::chrono::duration<double, std::milli> took =
        life.ended_at_.load() - journal.struck_at();
    report.slowest_end_ms = std::max(report.slowest_end_ms, took.count());
    if (took > std::chrono::seconds(1)) fail("it took more than a second to say so");
  } else if (life.closing_failed_ || !is_needed(*struck)) {
    ++report.harmless;
  } else {
    fail("the store goes on as if nothing had happened");
  }
  if (life.acknowledged_after_end_) fail("acknowledged after the end");

  // The power goes, and a sound disk comes back with what was synced.
  CrashReport crash;
  const Workload lived{workload.seed, workload.submissions, workload.expected, journal.operations(),
                       ""};
  try_point(lived, journal.now(), {journal.operations().size(), Fate::kForgotten, false}, nth,
            crash);
  for (const std::string& problem : crash.failures) fail(problem);
}

}  // namespace weft::test
