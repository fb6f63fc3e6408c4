#pragma once  // tests/simulation/campaign.h

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/simulation/trial.h"

namespace weft::simulation {

/// What a campaign adds up.
struct Totals {
  std::uint64_t seeds = 0, sagas = 0, starts = 0, events = 0, commands = 0, messages = 0;
  std::int64_t virtual_ms = 0;
  sim::FaultCounts faults;
  std::map<std::string, std::uint64_t> ends, reached;
  std::vector<std::pair<std::uint64_t, Violation>> violations;  ///< By seed.

  void add(std::uint64_t seed, const TrialResult& result);
};

struct CampaignOptions {
  std::uint64_t first = 1, seeds = 1;
  int jobs = 1;
  double hours = 0;          ///< Virtual hours after which no seed is begun; 0: no end.
  double seconds = 0;        ///< Real seconds after which no seed is begun; 0: no end.
  bool stop_at_first = true;
  bool progress = true;
};

/// Runs each seed twice in worker processes; a world that kills its process is a violation too.
[[nodiscard]] Totals run_campaign(const CampaignOptions& options);

/// One seed, twice: the second run must be equal.
[[nodiscard]] TrialResult run_twice(const TrialOptions& options);

}  // namespace weft::simulation
