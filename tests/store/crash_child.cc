// A process to be killed: commits as fast as the disk allows and prints what was acknowledged, a
// line each: stream version. Usage: store_crash_child DIRECTORY

#include <array>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <utility>

#include <unistd.h>

#include "store/rocksdb_event_store.h"
#include "tests/store/crash_load.h"

int main(int argc, char** argv) {
  using namespace weft;
  if (argc != 2) return 2;
  store::RocksdbOptions options;
  options.data_dir = argv[1];
  options.watermark_interval_ms = 5;
  options.on_fatal = [](const std::string& reason) {
    std::fprintf(stderr, "%s\n", reason.c_str());
    std::abort();
  };
  auto opened = store::RocksdbEventStore::open(std::move(options));
  if (!opened) {
    std::fprintf(stderr, "%s\n", opened.error().message.c_str());
    return 5;
  }
  store::EventStore& store = **opened;

  std::mutex mutex;
  std::condition_variable changed;
  std::size_t in_flight = 0;
  std::array<std::uint64_t, test::kCrashStreams> versions{};
  for (std::size_t s = 0; s < versions.size(); ++s) {
    versions[s] = *store.stream_version(test::crash_stream(s));
  }
  for (std::size_t turn = 0;; ++turn) {
    const std::size_t s = turn % versions.size();
    const std::uint64_t version = versions[s]++;
    {
      std::unique_lock lock(mutex);
      // Several commits of one stream are in flight behind each other.
      changed.wait(lock, [&] { return in_flight < 3 * test::kCrashStreams; });
      ++in_flight;
    }
    store.submit({test::crash_commit(s, version)},
                 [&, s, version](const store::Result<store::CommitReceipt>& result) {
                   if (!result) std::abort();
                   const std::string line =
                       std::to_string(s) + " " + std::to_string(version + 1) + "\n";
                   // Small writes to a pipe are atomic, and outlive us.
                   if (::write(STDOUT_FILENO, line.data(), line.size()) < 0) std::abort();
                   const std::lock_guard lock(mutex);
                   --in_flight;
                   changed.notify_one();
                 });
  }
}
