// The simulator: worlds from seeds, each looked at by every checker. See docs/reliability.md.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "orchestrator/core/planted.h"
#include "tests/simulation/campaign.h"
#include "tests/simulation/rare_states.h"
#include "tests/simulation/shrink.h"

namespace {

using namespace weft;
using namespace weft::simulation;

constexpr const char* kUsage =
    "usage: tests/simulate [--seed N] [--seeds N] [--hours H] [--seconds S] [--jobs N] [--keep-going]\n"
    "\n"
    "  --seed N       the first seed (default 1); alone: this one world, with its timeline if it fails\n"
    "  --seeds N      so many worlds from there on (default 1)\n"
    "  --hours H      begin no world after so many virtual hours\n"
    "  --seconds S    begin no world after so many real seconds\n"
    "  --jobs N       worker processes (default 1)\n"
    "  --keep-going   do not stop at the first broken invariant; list them all\n"
    "  --no-shrink    do not make the first failing world smaller\n"
    "  --quiet        no progress\n"
    "  --trace        print the whole timeline of one world\n"
    "  --probes       list the rare states with the number of worlds that reached them\n"
    "Narrowing one world, as printed with a failure:\n"
    "  --sagas N --faulty-ms N --faults MASK --drop N,N,...\n"
    "\n"
    "Ends with 0 if no invariant was broken, else 1.\n";

void print_summary(const Totals& totals, double seconds) {
  const double hours = static_cast<double>(totals.virtual_ms) / 3'600'000;
  std::printf("worlds       %llu, each run twice\n", static_cast<unsigned long long>(totals.seeds));
  std::printf("time         %.1f virtual hours in %.1f s: %.0f times real time (both runs counted: %.0f)\n", hours, seconds,
              hours * 3600 / seconds, 2 * hours * 3600 / seconds);
  std::printf("sagas        %llu (%llu starts asked for)\n", static_cast<unsigned long long>(totals.sagas),
              static_cast<unsigned long long>(totals.starts));
  std::printf("decided      %llu commands, %llu events\n", static_cast<unsigned long long>(totals.commands),
              static_cast<unsigned long long>(totals.events));
  std::printf("messages     %llu\n", static_cast<unsigned long long>(totals.messages));
  std::printf("ends        ");
  for (const auto& [end, count] : totals.ends) std::printf(" %s %llu", end.c_str(), static_cast<unsigned long long>(count));
  std::printf("\nfaults       %llu\n", static_cast<unsigned long long>(totals.faults.total()));
  for (std::size_t i = 0; i < sim::kFaultKinds; ++i) {
    std::printf("  %-26s %llu\n", sim::fault_name(static_cast<sim::FaultKind>(i)),
                static_cast<unsigned long long>(totals.faults.count[i]));
  }
  std::printf("probes       %zu reached\n", totals.reached.size());
  std::printf("violations   %zu\n", totals.violations.size());
}

int tell_failure(const TrialOptions& failing, const Violation& violation) {
  std::printf("BROKEN  %s\n        %s\n", violation.checker.c_str(), violation.what.c_str());
  TrialOptions small = failing;
  if (violation.checker != "I8 equal seeds, equal worlds" && violation.checker != "the process lives") {
    std::fprintf(stderr, "making the world smaller ...\n");
    small = shrink(failing, violation.checker, 120);
    small.trace = true;
    const TrialResult result = Trial(small).run();
    const std::size_t most = 150;
    const std::size_t from = result.timeline.size() > most ? result.timeline.size() - most : 0;
    if (from > 0) std::printf("... %zu lines before\n", from);
    std::size_t until = result.timeline.size();
    for (std::size_t i = from; i < until; ++i) {
      std::printf("%s\n", result.timeline[i].c_str());
      if (result.timeline[i].find("VIOLATED") != std::string::npos) until = i + 1;
    }
    if (result.violation) std::printf("BROKEN  %s\n        %s\n", result.violation->checker.c_str(), result.violation->what.c_str());
  }
  std::printf("replay  ./tests/simulate %s --trace\n", replay_arguments(small).c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  CampaignOptions campaign;
  TrialOptions one;
  bool probes = false, many = false, shrinks = true;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const auto value = [&]() -> const char* {
      if (++i >= argc) {
        std::fprintf(stderr, "simulate: %s needs a value\n%s", argv[i - 1], kUsage);
        std::exit(2);
      }
      return argv[i];
    };
    if (word == "--seed") campaign.first = one.seed = std::strtoull(value(), nullptr, 10);
    else if (word == "--seeds") campaign.seeds = std::strtoull(value(), nullptr, 10), many = true;
    else if (word == "--hours") campaign.hours = std::strtod(value(), nullptr), many = true;
    else if (word == "--seconds") campaign.seconds = std::strtod(value(), nullptr), many = true;
    else if (word == "--jobs") campaign.jobs = std::max(1, std::atoi(value()));
    else if (word == "--keep-going") campaign.stop_at_first = false;
    else if (word == "--quiet") campaign.progress = false;
    else if (word == "--no-shrink") shrinks = false;
    else if (word == "--trace") one.trace = true;
    else if (word == "--probes") probes = true;
#ifdef WEFT_PLANTED_BUGS
    else if (word == "--planted") core::planted_bug = std::atoi(value());
#endif
    else if (word == "--sagas") one.sagas_most = std::atoi(value());
    else if (word == "--faulty-ms") one.faulty_ms_most = std::strtoll(value(), nullptr, 10);
    else if (word == "--faults") one.faults_allowed = std::strtoull(value(), nullptr, 10);
    else if (word == "--drop") {
      for (const char* at = value(); *at != '\0';) {
        char* end = nullptr;
        one.planned_dropped.insert(std::strtoull(at, &end, 10));
        at = *end == ',' ? end + 1 : end + std::strlen(end);
      }
    } else {
      const bool help = word == "--help" || word == "-h";
      if (!help) std::fprintf(stderr, "simulate: unknown word %s\n", argv[i]);
      std::fputs(kUsage, help ? stdout : stderr);
      return help ? 0 : 2;
    }
  }
  if (many && campaign.seeds == 1 && (campaign.hours > 0 || campaign.seconds > 0)) campaign.seeds = 1'000'000'000;
  const auto begun = std::chrono::steady_clock::now();
  const auto seconds = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  };
  if (!many) {
    const TrialResult result = run_twice(one);
    if (one.trace) {
      for (const auto& line : result.timeline) std::printf("%s\n", line.c_str());
    }
    Totals totals;
    totals.add(one.seed, result);
    print_summary(totals, seconds());
    if (!result.violation) return 0;
    if (one.trace) {
      std::printf("BROKEN  %s\n        %s\n", result.violation->checker.c_str(), result.violation->what.c_str());
      return 1;
    }
    return tell_failure(one, *result.violation);
  }
  const Totals totals = run_campaign(campaign);
  print_summary(totals, seconds());
  if (probes) {
    for (const auto& [name, count] : totals.reached) std::printf("  %8llu  %s\n", static_cast<unsigned long long>(count), name.c_str());
    for (const std::string& name : declared_states()) {
      if (!totals.reached.contains(name)) std::printf("     never  %s\n", name.c_str());
    }
  }
  if (totals.violations.empty()) return 0;
  for (const auto& [seed, violation] : totals.violations) {
    std::printf("seed %llu: %s: %s\n", static_cast<unsigned long long>(seed), violation.checker.c_str(),
                violation.what.substr(0, 300).c_str());
  }
  if (!campaign.stop_at_first || !shrinks) return 1;
  TrialOptions failing;
  failing.seed = totals.violations.front().first;
  return tell_failure(failing, totals.violations.front().second);
}
