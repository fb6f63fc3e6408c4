#pragma once  // tests/crash/crash_matrix.h

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/crash/crash_workload.h"

namespace weft::test {

/// One moment at which a machine dies, and what becomes of it.
struct CrashPoint {
  std::size_t at = 0;  ///< That many operations of the workload had been done.
  Fate fate = Fate::kKilled;
  /// It dies again while it recovers.
  bool twice = false;
};

struct CrashReport {
  std::uint64_t points = 0, twice = 0, backups = 0;
  std::map<std::string, std::uint64_t> by_fate;
  std::map<std::string, std::uint64_t> by_step;  ///< What the last operation before the crash was.
  std::uint64_t lost_unacknowledged = 0;  ///< Recovered without something that was under way.
  std::vector<std::string> failures;      ///< One story each, with the image that was kept.
};

/// The laws at one point: the store opens without anybody's help; it shows exactly the first n
/// submissions, all acknowledged ones and none that was not submitted; its own check finds nothing;
/// it goes on; and what a reader has seen once is there after the next crash, too. A backup that
/// was complete can be restored and shows a prefix as well.
void try_point(const Workload& workload, const DiskState& state, const CrashPoint& point,
               std::uint64_t seed, CrashReport& report);

/// `count` points of the workload: every one at least once if there are that many, else evenly
/// spread, the rest by lot. `progress` is told after each.
void try_points(const Workload& workload, std::uint64_t count, std::uint64_t seed,
                CrashReport& report, const std::function<void()>& progress);

}  // namespace weft::test
