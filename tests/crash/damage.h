#pragma once  // tests/crash/damage.h

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/crash/crash_workload.h"

namespace weft::test {

struct DamageReport {
  std::uint64_t damages = 0;
  std::uint64_t identical = 0;  ///< Opened, and everything is there.
  std::uint64_t refused = 0;    ///< Not opened, with the reason.
  std::uint64_t noticed = 0;    ///< Opened, and the damaged part is refused when it is read.
  std::map<std::string, std::uint64_t> by_kind;     ///< Of damage.
  std::map<std::string, std::uint64_t> by_outcome;  ///< kind of file: outcome
  std::vector<std::string> silent;  ///< Wrong without a word: one story each. Must stay empty.
};

/// Harms stored bytes, one harm a trial, and opens the store. Images are those of the workload's
/// end: closed in order, and killed after the watermark had come up to what was acknowledged. So
/// nothing may be missing, and every trial must end identical, refused or noticed.
///
/// Half of the trials cut the newest log at every byte, from its end on, and turn over bits of that
/// part; the others harm any byte of any file, exchange, remove, zero or take back whole files, or
/// the database as a whole.
void try_damages(const Workload& workload, std::uint64_t count, std::uint64_t seed,
                 DamageReport& report, const std::function<void()>& progress);

}  // namespace weft::test
