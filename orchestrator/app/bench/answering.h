#pragma once  // orchestrator/app/bench/answering.h

#include <string>
#include <string_view>

#include "orchestrator/app/signals.h"

namespace weft::app::bench {

/// The workload that is none: `weft bench adapter` is this process.
inline constexpr std::string_view kAnsweringName = "adapter";
/// Answers how many requests came twice, with the same key and attempt.
inline constexpr std::string_view kRepeatsSubject = "bench.adapter.repeats";

/// The adapter of the benchmark: every call of every adapter is read, done in no time and answered
/// with JSON as inventory, payments, ERP and warehouse would. A process of its own, because real
/// ones are. Prints `bench adapter ready`; returns the exit code at a signal.
[[nodiscard]] int answer_tasks(const std::string& nats_url, Signals& signals);

}  // namespace weft::app::bench
