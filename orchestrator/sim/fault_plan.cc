#include "orchestrator/sim/fault_plan.h"

#include <algorithm>

namespace weft::sim {
namespace {

constexpr std::array<const char*, kFaultKinds> kNames = {
    "message lost", "message repeated", "message delayed",
    "disconnected", "broker stopped", "client cut off",
    "crash", "crash, half written", "crash in recovery", "sync failed", "sync failed, but written",
    "sync stalled", "disk full",
    "clock forward", "clock back",
    "adapter stopped",
    "refusal", "transient error", "unavailable", "adapter dies before", "adapter dies after",
    "slow answer", "very late answer", "answer lost", "answer repeated", "contradiction", "garbage",
    "undo fails",
    "cancel", "operator action", "pause", "upgrade", "signal", "repeated start", "conflicting start"};

// How often at most, of 10,000: docs/reliability.md, the parameters of a world.
constexpr std::array<int, kFaultKinds> kShareMost = {
    3000, 5000, 10'000,
    0, 0, 0,
    0, 0, 0, 0, 0, 0, 0,
    0, 0,
    0,
    2500, 4000, 3000, 1000, 1000, 2000, 1000, 2000, 3000, 100, 100, 2000,
    0, 0, 0, 0, 0, 3000, 1000};

// The most of a planned kind in one world.
constexpr std::array<int, kFaultKinds> kPlannedMost = {
    0, 0, 0,
    4, 3, 3,
    8, 6, 3, 2, 2, 4, 1,
    3, 3,
    6,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    20, 20, 4, 2, 20, 0, 0};

}  // namespace

const char* fault_name(FaultKind kind) { return kNames[static_cast<std::size_t>(kind)]; }

bool FaultPlan::on(FaultKind kind) const {
  return of(kind) > 0 || std::any_of(planned.begin(), planned.end(), [kind](const PlannedFault& fault) {
           return fault.kind == kind;
         });
}

FaultPlan draw_fault_plan(Chance chance, std::int64_t faulty_ms, std::uint64_t allowed) {
  FaultPlan plan;
  plan.faulty_ms = faulty_ms;
  for (std::size_t i = 0; i < kFaultKinds; ++i) {
    // Drawn for every kind, so that switching one off moves no other.
    Chance own = chance.split();
    const bool on = own.below(2) == 0;
    const auto kind = static_cast<FaultKind>(i);
    if (!on || (allowed >> i & 1U) == 0) continue;
    // Most worlds are a little bad and few are terrible: a cube leans to small numbers.
    const std::uint64_t draw = 1 + own.below(1000);
    plan.share[i] = static_cast<int>(static_cast<std::uint64_t>(kShareMost[i]) * draw * draw * draw /
                                     1'000'000'000);
    if (kShareMost[i] > 0) plan.share[i] = std::max(plan.share[i], 10);
    if (kPlannedMost[i] == 0) continue;
    const std::int64_t times = own.between(1, kPlannedMost[i]);
    for (std::int64_t n = 0; n < times; ++n) {
      plan.planned.push_back({own.between(0, faulty_ms), kind, own.next()});
    }
  }
  std::stable_sort(plan.planned.begin(), plan.planned.end(),
                   [](const PlannedFault& a, const PlannedFault& b) { return a.at_ms < b.at_ms; });
  if (plan.of(FaultKind::kMessageDelayed) > 0) {
    // A heavy tail: from a millisecond to minutes, in few worlds to days.
    static constexpr std::array<std::int64_t, 6> kTails = {20, 500, 3'000, 20'000, 300'000, 86'400'000};
    Chance own = chance.split();
    plan.delay_ms_max = kTails[std::min<std::uint64_t>(own.below(6), own.below(6))];
  }
  return plan;
}

FaultCounts& FaultCounts::operator+=(const FaultCounts& other) {
  for (std::size_t i = 0; i < kFaultKinds; ++i) count[i] += other.count[i];
  return *this;
}

std::uint64_t FaultCounts::total() const {
  std::uint64_t sum = 0;
  for (const std::uint64_t n : count) sum += n;
  return sum;
}

}  // namespace weft::sim
