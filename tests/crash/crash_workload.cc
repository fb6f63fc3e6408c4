#include "tests/crash/crash_workload.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <system_error>
#include <thread>
#include <utility>

#include <unistd.h>

#include "store/watermark.h"
#include "tests/crash/journal_file_system.h"

namespace weft::test {
namespace {

bool removes(const std::vector<store::Commit>& batch) {
  for (const store::Commit& commit : batch) {
    if (!commit.erasures.empty() || !commit.stream_deletes.empty()) return true;
  }
  return false;
}

/// Plays one workload onto a disk.
class Player {
 public:
  explicit Player(Workload& workload)
      : workload_(workload),
        random_(workload.seed ^ 0x5bd1e995U),
        journal_(root_.path()),
        env_(make_journal_env(journal_)),
        data_dir_(root_.path() + "/" + kStoreName) {}

  void play() {
    journal_.set_unrest(workload_.seed);
    watch_system_calls(&journal_);
    play_all();
    store_.reset();
    watch_system_calls(nullptr);
    workload_.operations = journal_.operations();
  }

 private:
  bool open() {
    auto opened = store::RocksdbEventStore::open(small_store(data_dir_, env_.get()));
    if (!opened) {
      workload_.failure = "opening: " + opened.error().message;
      return false;
    }
    store_ = *std::move(opened);
    journal_.mark(kOpened, done_);
    return true;
  }

  void play_all() {
    if (!open()) return;
    for (const auto& batch : workload_.submissions) {
      // Refused while commits of the same stream are under way.
      if (removes(batch)) store_->flush();
      submit(batch);
      if (removes(batch) || random_() % 3 == 0) store_->flush();
      if (!workload_.failure.empty()) return;
      // Once for sure, and now and then.
      const auto dice = random_() % 100;
      const std::size_t half = workload_.submissions.size() / 2;
      if ((dice < 2 || done_ == half / 2) && !reopen()) return;
      if ((dice == 2 || done_ == half) && !back_up()) return;
    }
    store_->flush();
    if (!wait_for_watermark()) return;
    journal_.mark(kQuiet, done_);
    if (auto closed = store_->close(); !closed) {
      workload_.failure = "closing: " + closed.error().message;
    }
  }

  void submit(const std::vector<store::Commit>& batch) {
    workload_.expected.submit(batch);
    const std::size_t number = workload_.expected.submissions();
    journal_.mark(kSubmitted, number);
    store_->submit(batch, [this, number](const store::Result<store::CommitReceipt>& result) {
      if (result) {
        journal_.mark(kAcknowledged, number);
      } else {
        workload_.failure = "committing: " + result.error().message;
      }
    });
    done_ = number;
  }

  bool reopen() {
    store_->flush();
    if (auto closed = store_->close(); !closed) {
      workload_.failure = "closing: " + closed.error().message;
      return false;
    }
    return open();
  }

  bool back_up() {
    const auto info = store_->backup(root_.path() + "/" + backup_name(backups_), 1);
    if (!info) {
      workload_.failure = "backup: " + info.error().message;
      return false;
    }
    journal_.mark(kBackedUp, backups_++);
    return true;
  }

  bool wait_for_watermark() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    for (;;) {
      const auto mark = store::read_watermark(data_dir_ + "/WATERMARK");
      if (mark && *mark && (*mark)->position == store_->head_position()) return true;
      if (std::chrono::steady_clock::now() > deadline) {
        workload_.failure = "the watermark does not follow";
        return false;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  Workload& workload_;
  std::mt19937_64 random_;
  MemoryDir root_;
  DiskJournal journal_;
  std::shared_ptr<rocksdb::Env> env_;
  std::string data_dir_;
  std::unique_ptr<store::RocksdbEventStore> store_;
  std::size_t done_ = 0;
  std::uint64_t backups_ = 0;
};

}  // namespace

std::string backup_name(std::uint64_t number) { return "backup-" + std::to_string(number); }

store::RocksdbOptions small_store(const std::string& data_dir, rocksdb::Env* env) {
  store::RocksdbOptions options;
  options.data_dir = data_dir;
  options.env = env;
  options.watermark_interval_ms = 3;
  options.write_buffer_bytes = 256UL * 1024;  // RocksDB takes no less than 64 KiB for a table
  return options;
}

Workload make_workload(std::uint64_t seed, int sagas) {
  Workload workload;
  workload.seed = seed;
  workload.submissions = record_sagas(seed, sagas);
  Player(workload).play();
  return workload;
}

MemoryDir::MemoryDir() {
  std::error_code error;
  path_ = std::filesystem::is_directory("/dev/shm", error)
              ? "/dev/shm"
              : std::filesystem::temp_directory_path().string();
  path_ += "/weft-crash-XXXXXX";
  if (::mkdtemp(path_.data()) == nullptr) std::abort();
}

MemoryDir::~MemoryDir() {
  std::error_code ignored;
  if (!kept_) std::filesystem::remove_all(path_, ignored);
}

void MemoryDir::clear() {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(path_)) {
    std::filesystem::remove_all(entry.path(), ignored);
  }
}

}  // namespace weft::test
