#include "tests/system/storm_run.h"

#include <cstdio>
#include <utility>

#include "examples/retail/process.h"
#include "tests/system/storm_audit.h"

namespace weft::test {
namespace {

// A program that looks at what the storm left and must end with 0.
void look(const std::string& what, const std::vector<std::string>& command,
          std::vector<std::string>& findings) {
  const auto finished = retail::run(command);
  if (!finished) {
    findings.push_back(what + ": " + finished.error());
  } else if (finished->status != 0) {
    findings.push_back(what + " ended with " + std::to_string(finished->status) + ":\n" +
                       finished->output);
  }
}

}  // namespace

std::vector<std::string> run_storm(const retail::World::Places& places, retail::Business business,
                                   const StormPlan& plan) {
  retail::World world(places);
  Storm storm(world, std::move(business), plan);
  if (const auto raged = storm.rage(); !raged) return {raged.error()};
  StormReport report = audit_sagas(storm.server(), storm.acknowledged());
  std::printf("%zu starts acknowledged, %zu steps undone\n", storm.acknowledged().size(),
              report.undone);
  for (const auto& [state, count] : report.states) {
    std::printf("  %-38s %6zu\n", state.c_str(), count);
  }
  std::fflush(stdout);
  auto findings = std::move(report.findings);
  if (const auto stopped = world.stop(); !stopped) findings.push_back(stopped.error());
  look("fsck", {world.program("weft").string(), "fsck", (places.data / "weft").string()}, findings);
  look("the balance", {world.program("weft-example-balance").string(), places.data.string()},
       findings);
  return findings;
}

}  // namespace weft::test
