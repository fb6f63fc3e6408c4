#pragma once  // tests/crash/failing_disk.h

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/crash/crash_workload.h"

namespace weft::test {

struct FailingReport {
  std::uint64_t runs = 0;
  std::uint64_t not_reached = 0;  ///< The workload ended before its n-th write or sync.
  std::uint64_t at_opening = 0;   ///< Opening was refused.
  std::uint64_t ended = 0;        ///< The store ended itself.
  std::uint64_t harmless = 0;     ///< What failed holds nothing that anybody needs.
  double slowest_end_ms = 0;      ///< From the failure to the word that the process must end.
  std::map<std::string, std::uint64_t> by_file;
  std::vector<std::string> failures;
};

/// Replays a workload on a disk whose `nth` write, sync or change of names fails (`error` is an
/// errno), once or from then on. The laws: the store says within a second that the process must
/// end; nothing is acknowledged after that word; nothing acknowledged at all is missing when the
/// machine then loses its power and a sound disk is back; and the store opens.
void try_failing(const Workload& workload, std::uint64_t nth, int error, bool from_then_on,
                 bool half_written, FailingReport& report);

}  // namespace weft::test
