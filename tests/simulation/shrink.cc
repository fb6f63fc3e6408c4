#include "tests/simulation/shrink.h"

#include <algorithm>

namespace weft::simulation {

TrialOptions shrink(const TrialOptions& failing, const std::string& checker, int runs_most) {
  TrialOptions best = failing;
  if (!best.compiled) best.compiled = std::make_shared<dsl::CompileCache>();
  int runs = 0;
  std::size_t planned = 0;
  const auto still_fails = [&](const TrialOptions& options) {
    if (++runs > runs_most) return false;
    const TrialResult result = Trial(options).run();
    planned = result.planned;
    if (!result.violation || result.violation->checker != checker) return false;
    best = options;
    return true;
  };
  for (const int sagas : {1, 2, 4, 8, 16, 32}) {
    TrialOptions fewer = best;
    fewer.sagas_most = sagas;
    if (still_fails(fewer)) break;
  }
  for (std::size_t kind = 0; kind < sim::kFaultKinds; ++kind) {
    TrialOptions without = best;
    without.faults_allowed &= ~(std::uint64_t{1} << kind);
    (void)still_fails(without);
  }
  for (std::size_t piece = planned; piece > 0; piece /= 2) {
    for (std::size_t from = 0; from < planned; from += piece) {
      TrialOptions without = best;
      for (std::size_t i = from; i < std::min(from + piece, planned); ++i) without.planned_dropped.insert(i);
      if (without.planned_dropped.size() > best.planned_dropped.size()) (void)still_fails(without);
    }
    if (piece == 1) break;
  }
  return best;
}

std::string replay_arguments(const TrialOptions& options) {
  std::string text = "--seed " + std::to_string(options.seed);
  if (options.sagas_most < 1'000'000) text += " --sagas " + std::to_string(options.sagas_most);
  if (options.faulty_ms_most != INT64_MAX) text += " --faulty-ms " + std::to_string(options.faulty_ms_most);
  if (options.faults_allowed != ~std::uint64_t{0}) {
    text += " --faults " + std::to_string(options.faults_allowed & ((std::uint64_t{1} << sim::kFaultKinds) - 1));
  }
  if (!options.planned_dropped.empty()) {
    text += " --drop ";
    bool first = true;
    for (const std::size_t number : options.planned_dropped) {
      text += (first ? "" : ",") + std::to_string(number);
      first = false;
    }
  }
  return text;
}

}  // namespace weft::simulation
