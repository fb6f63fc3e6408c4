// Real programs under load, killed at random moments. A longer storm: weft-storm, of the same
// parts.

#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "examples/retail/day.h"
#include "tests/support/nats_server.h"
#include "tests/system/storm_audit.h"
#include "tests/system/storm_run.h"

namespace weft::test {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

namespace fs = std::filesystem;

// Nothing may be lost, done twice, left undone or undone in the wrong order, whoever dies when.
TEST(StormTest, KillsAtRandomMomentsUnderLoadLeaveEverythingEndedAndEven) {
  const TempDir place;
  const auto findings =
      run_storm({fs::path(WEFT_BINARY_DIR) / "bin", fs::path(WEFT_SOURCE_DIR) / "workflows/retail",
                 place.path() / "data", false},
                retail::a_day(160), {6, 3, 1, 1, 4711});
  EXPECT_THAT(findings, IsEmpty());
}

json history(const std::vector<std::pair<const char*, const char*>>& steps) {
  json events = json::array();
  for (const auto& [type, step] : steps) {
    events.push_back({{"type", type},
                      {"step", step},
                      {"path", step},
                      {"key", "web/1"},
                      {"saga", "s"},
                      {"revision", events.size() + 1}});
  }
  return events;
}

std::vector<std::string> audit(const std::string& state, const json& events) {
  StormReport report;
  audit_undo(state, events, report);
  return report.findings;
}

// An audit that finds nothing is worth something only if it finds what it looks for.
TEST(StormAuditTest, AnUndoThatIsMissingRepeatedOrOutOfOrderIsFound) {
  const std::vector<std::pair<const char*, const char*>> good = {
      {"StepSucceeded", "reserve"},           {"StepInDoubt", "authorise"},
      {"CompensationScheduled", "authorise"}, {"CompensationSucceeded", "authorise"},
      {"CompensationScheduled", "reserve"},   {"CompensationSucceeded", "reserve"}};
  EXPECT_THAT(audit("compensated", history(good)), IsEmpty());

  auto missing = good;
  missing.pop_back();
  EXPECT_THAT(audit("compensated", history(missing)), ElementsAre(HasSubstr("was not undone")));

  auto twice = good;
  twice.push_back(good.back());
  EXPECT_THAT(audit("compensated", history(twice)), ElementsAre(HasSubstr("undone 2 times")));

  auto too_early = good;
  std::swap(too_early[3], too_early[4]);
  EXPECT_THAT(audit("compensated", history(too_early)), ElementsAre(HasSubstr("earlier step")));

  EXPECT_THAT(audit("completed", history(good)), testing::SizeIs(1));
  EXPECT_THAT(audit("failed", history(missing)), testing::Not(IsEmpty()));

  auto gap = history(good);
  gap.erase(1);
  EXPECT_THAT(audit("compensated", gap), ElementsAre(HasSubstr("a gap")));
}

}  // namespace
}  // namespace weft::test
