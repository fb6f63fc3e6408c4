// Campaigns: as many crash points, damages and failing disks as there is time for.

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "tests/crash/crash_matrix.h"
#include "tests/crash/damage.h"
#include "tests/crash/failing_disk.h"

namespace {

using namespace weft::test;
using Clock = std::chrono::steady_clock;

constexpr const char* kUsage =
    "usage: tests/crash/run [--points N] [--damages N] [--failures N] [--seed N] [--sagas N]\n"
    "\n"
    "  --points N    crash points: killed, or the power cut, after each write, sync and rename of\n"
    "                generated sagas' commits on RocksDB, half of them twice (default 12000)\n"
    "  --damages N   stored bytes harmed: cut, turned over, removed, exchanged, taken back\n"
    "                (default 12000)\n"
    "  --failures N  disks whose n-th write, sync or rename fails, n = 1, 2, ... (default 2000)\n"
    "  --sagas N     sagas of one workload (default 5)\n"
    "  --seed N      of the first workload (default 1)\n"
    "\n"
    "Exit status 0: no law was broken. What broke one is told with its seed; the disk as it was\n"
    "left stays where the line says.\n";

struct Options {
  std::uint64_t points = 12'000, damages = 12'000, failures = 2'000, seed = 1, sagas = 5;
};

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    std::uint64_t* value = name == "--points"     ? &options.points
                           : name == "--damages"  ? &options.damages
                           : name == "--failures" ? &options.failures
                           : name == "--seed"     ? &options.seed
                           : name == "--sagas"    ? &options.sagas
                                                  : nullptr;
    if (value == nullptr || i + 1 == argc) return false;
    const char* text = argv[++i];
    const auto [end, error] = std::from_chars(text, text + std::strlen(text), *value);
    if (error != std::errc() || *end != '\0') return false;
  }
  return options.sagas > 0 && options.sagas < 1000;
}

class Progress {
 public:
  Progress(const char* what, std::uint64_t goal) : what_(what), goal_(goal) {}
  void tell(std::uint64_t done) {
    const auto now = Clock::now();
    if (now - told_ < std::chrono::seconds(5)) return;
    told_ = now;
    const std::chrono::duration<double> took = now - begun_;
    std::printf("%s: %llu of %llu, %.0f a second\n", what_, static_cast<unsigned long long>(done),
                static_cast<unsigned long long>(goal_), static_cast<double>(done) / took.count());
    std::fflush(stdout);
  }
  double seconds() const { return std::chrono::duration<double>(Clock::now() - begun_).count(); }

 private:
  const char* what_;
  std::uint64_t goal_;
  Clock::time_point begun_ = Clock::now(), told_ = begun_;
};

void print(const char* title, const std::map<std::string, std::uint64_t>& counts) {
  std::printf("  %s:", title);
  const char* before = " ";
  for (const auto& [name, count] : counts) {
    std::printf("%s%s %llu", before, name.c_str(), static_cast<unsigned long long>(count));
    before = ", ";
  }
  std::printf("\n");
}

bool print_problems(const std::vector<std::string>& problems) {
  for (const std::string& problem : problems) std::printf("  BROKEN: %s\n", problem.c_str());
  return problems.empty();
}

bool usable(const Workload& workload) {
  if (workload.failure.empty()) return true;
  std::printf("BROKEN: workload %llu: %s\n", static_cast<unsigned long long>(workload.seed),
              workload.failure.c_str());
  return false;
}

// One workload gives this much at most, so that a campaign sees many.
constexpr std::uint64_t kPointsOfOne = 1500;
constexpr std::uint64_t kDamagesOfOne = 3000;

bool crash(const Options& options) {
  CrashReport report;
  Progress progress("crash points", options.points);
  std::uint64_t seed = options.seed, sagas = 0;
  for (; report.points < options.points && report.failures.size() < 20; ++seed) {
    const Workload workload = make_workload(seed, static_cast<int>(options.sagas));
    if (!usable(workload)) return false;
    sagas += options.sagas;
    try_points(workload, std::min(kPointsOfOne, options.points - report.points), seed, report,
               [&] { progress.tell(report.points); });
  }
  std::printf(
      "%llu crash points over %llu sagas in %.0f s: %llu in a recovery, %llu with a backup "
      "restored, %llu lost only what was not acknowledged, %zu broken\n",
      static_cast<unsigned long long>(report.points), static_cast<unsigned long long>(sagas),
      progress.seconds(), static_cast<unsigned long long>(report.twice),
      static_cast<unsigned long long>(report.backups),
      static_cast<unsigned long long>(report.lost_unacknowledged), report.failures.size());
  print("fates", report.by_fate);
  print("after", report.by_step);
  return print_problems(report.failures);
}

bool damage(const Options& options) {
  DamageReport report;
  Progress progress("damages", options.damages);
  for (std::uint64_t seed = options.seed;
       report.damages < options.damages && report.silent.size() < 20; ++seed) {
    const Workload workload = make_workload(seed, static_cast<int>(options.sagas));
    if (!usable(workload)) return false;
    try_damages(workload, std::min(kDamagesOfOne, options.damages - report.damages), seed, report,
                [&] { progress.tell(report.damages); });
  }
  std::printf(
      "%llu damages in %.0f s: %llu identical, %llu refused, %llu noticed when read, %zu "
      "silently wrong\n",
      static_cast<unsigned long long>(report.damages), progress.seconds(),
      static_cast<unsigned long long>(report.identical),
      static_cast<unsigned long long>(report.refused),
      static_cast<unsigned long long>(report.noticed), report.silent.size());
  print("kinds", report.by_kind);
  print("outcomes", report.by_outcome);
  return print_problems(report.silent);
}

bool fail(const Options& options) {
  FailingReport report;
  Progress progress("failing disks", options.failures);
  if (options.failures == 0) return true;
  for (std::uint64_t seed = options.seed;
       report.runs - report.not_reached < options.failures && report.failures.size() < 20; ++seed) {
    const Workload workload = make_workload(seed, static_cast<int>(options.sagas));
    if (!usable(workload)) return false;
    const std::uint64_t ends = report.not_reached;
    for (std::uint64_t n = 1; report.not_reached == ends; ++n) {
      try_failing(workload, n, (n + seed) % 3 == 0 ? ENOSPC : EIO, (n + seed) % 2 == 0,
                  (n + seed) % 5 == 0, report);
      const std::uint64_t reached = report.runs - report.not_reached;
      progress.tell(reached);
      if (reached >= options.failures || report.failures.size() >= 20) break;
    }
  }
  std::printf(
      "%llu failing disks in %.0f s: %llu refused at opening, %llu ended themselves (slowest "
      "%.1f ms), %llu harmless, %llu not reached, %zu broken\n",
      static_cast<unsigned long long>(report.runs), progress.seconds(),
      static_cast<unsigned long long>(report.at_opening),
      static_cast<unsigned long long>(report.ended), report.slowest_end_ms,
      static_cast<unsigned long long>(report.harmless),
      static_cast<unsigned long long>(report.not_reached), report.failures.size());
  print("files", report.by_file);
  return print_problems(report.failures);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (argc > 1 && (std::string_view(argv[1]) == "--help" || std::string_view(argv[1]) == "-h")) {
    std::fputs(kUsage, stdout);
    return 0;
  }
  if (!parse(argc, argv, options)) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  bool sound = crash(options);
  sound = damage(options) && sound;
  sound = fail(options) && sound;
  return sound ? 0 : 1;
}
