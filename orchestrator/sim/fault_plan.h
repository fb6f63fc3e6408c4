#pragma once  // orchestrator/sim/fault_plan.h

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "orchestrator/sim/chance.h"

namespace weft::sim {

/// Everything that can go wrong in a virtual world.
enum class FaultKind : std::uint8_t {
  // The broker, per delivery.
  kMessageLost, kMessageRepeated, kMessageDelayed,
  // The broker, planned.
  kDisconnect, kBrokerStops, kClientCut,
  // The process and its disk, planned.
  kCrash, kCrashHalfWritten, kCrashTwice, kSyncFails, kSyncFailsButWritten, kSyncStalls, kDiskFull,
  // The clock, planned.
  kClockForward, kClockBack,
  // Adapters, planned.
  kAdapterStops,
  // Adapters, per request.
  kRefusal, kTransient, kUnavailable, kDiesBefore, kDiesAfter, kSlow, kVeryLate, kAnswerLost,
  kAnswerRepeated, kContradiction, kGarbage, kUndoFails,
  // People and programs, planned.
  kCancel, kOperator, kPause, kUpgrade, kSignal, kRepeatedStart, kConflictingStart,
};
inline constexpr std::size_t kFaultKinds =
    static_cast<std::size_t>(FaultKind::kConflictingStart) + 1;
[[nodiscard]] const char* fault_name(FaultKind kind);

/// A fault that comes at a time of its own.
struct PlannedFault {
  std::int64_t at_ms = 0;
  FaultKind kind = FaultKind::kCrash;
  std::uint64_t draw = 0;  ///< Which adapter, how long, how far: from here.
};

/// What goes wrong in one world and when, drawn from its seed. Faults end at `faulty_ms`.
struct FaultPlan {
  std::int64_t faulty_ms = 0;
  std::array<int, kFaultKinds> share{};  ///< Of 10,000 deliveries or requests; 0: never.
  std::vector<PlannedFault> planned;     ///< In order of time.
  std::int64_t delay_ms_max = 0;         ///< Of a delivery, where kMessageDelayed is on.

  [[nodiscard]] int of(FaultKind kind) const { return share[static_cast<std::size_t>(kind)]; }
  [[nodiscard]] bool on(FaultKind kind) const;
};

/// Swarm testing: each world switches off a random half of the kinds, so that the others meet in
/// combinations that a mix of everything never shows. `allowed`: a bit per kind, for shrinking.
[[nodiscard]] FaultPlan draw_fault_plan(Chance chance, std::int64_t faulty_ms, std::uint64_t allowed);

/// How often each kind really happened.
struct FaultCounts {
  std::array<std::uint64_t, kFaultKinds> count{};
  void add(FaultKind kind) { ++count[static_cast<std::size_t>(kind)]; }
  FaultCounts& operator+=(const FaultCounts& other);
  [[nodiscard]] std::uint64_t total() const;
};

}  // namespace weft::sim
