// What `weft verify` proves and refutes. Each property has workflows that break it, in wrong/,
// whose first line says which; and all hold for those in right/.

#include "orchestrator/sim/explorer/explorer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "dsl/compiler.h"
#include "orchestrator/sim/explorer/timeline.h"

namespace weft::test {
namespace {

namespace fs = std::filesystem;
using explorer::Bounds;
using explorer::Property;
using explorer::Report;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::optional<std::string> read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  return std::string{std::istreambuf_iterator<char>(in), {}};
}

/// Compiles files together; schemas stand beside them.
dsl::CompileResult compiled(const std::vector<dsl::SourceFile>& files) {
  dsl::CompileOptions options;
  options.read_file = [](const std::string& from, const std::string& path) {
    return read_file(fs::path(from).parent_path() / path);
  };
  auto result = dsl::compile(files, options);
  for (const dsl::Diagnostic& finding : result.diagnostics) {
    EXPECT_NE(finding.severity, dsl::Diagnostic::Severity::kError)
        << dsl::format_diagnostic(finding, "");
  }
  return result;
}

std::shared_ptr<const dsl::SagaGraph> workflow(const std::string& yaml,
                                               const std::string& adapters = {}) {
  std::vector<dsl::SourceFile> files{{"workflow.yaml", yaml}};
  if (!adapters.empty()) files.push_back({"adapter.yaml", adapters});
  const auto result = compiled(files);
  EXPECT_EQ(result.workflows.size(), 1u);
  return result.workflows.empty() ? std::make_shared<const dsl::SagaGraph>()
                                  : result.workflows.front();
}

std::vector<fs::path> samples(const std::string& folder) {
  std::vector<fs::path> files;
  for (const auto& entry :
       fs::directory_iterator(fs::path(WEFT_SOURCE_DIR) / "tests/orchestrator/explorer" / folder)) {
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::shared_ptr<const dsl::SagaGraph> sample(const fs::path& file) {
  const auto result = compiled({{file.string(), read_file(file).value_or("")}});
  EXPECT_EQ(result.workflows.size(), 1u) << file;
  return result.workflows.empty() ? nullptr : result.workflows.front();
}

std::shared_ptr<const dsl::SagaGraph> wrong(const std::string& name) {
  return sample(fs::path(WEFT_SOURCE_DIR) / "tests/orchestrator/explorer/wrong" / (name + ".yaml"));
}

const explorer::Refutation* find(const Report& report, Property property) {
  for (const auto& refutation : report.refuted) {
    if (refutation.violation.property == property) return &refutation;
  }
  return nullptr;
}

std::string story_of(const dsl::SagaGraph& graph, const Bounds& bounds, const Report& report,
                     Property property) {
  const auto* refutation = find(report, property);
  if (refutation == nullptr) return "not refuted";
  return explorer::timeline_text(explorer::timeline_of(graph, bounds, {}, *refutation)) +
         refutation->violation.what;
}

std::string all_findings(const Report& report) {
  std::string text = report.trouble;
  for (const auto& refutation : report.refuted) {
    text += std::string(explorer::property_name(refutation.violation.property)) + ": " +
            refutation.violation.what + "\n";
  }
  for (const auto& what : report.not_proved) text += "not proved: " + what + "\n";
  return text;
}

// ---- The samples ------------------------------------------------------------------------------

TEST(ExplorerTest, EveryWrongSampleIsRefutedForItsOwnReason) {
  std::set<std::string> reasons;
  for (const fs::path& file : samples("wrong")) {
    SCOPED_TRACE(file.filename().string());
    const std::string text = read_file(file).value_or("");
    ASSERT_TRUE(text.starts_with("# refutes: "));
    const std::string reason = text.substr(11, text.find('\n') - 11);
    reasons.insert(reason);
    const auto graph = sample(file);
    ASSERT_NE(graph, nullptr);
    const Report report = explorer::explore(*graph, {});
    EXPECT_TRUE(report.complete);
    const bool found = std::any_of(
        report.refuted.begin(), report.refuted.end(),
        [&](const auto& r) { return explorer::property_name(r.violation.property) == reason; });
    EXPECT_TRUE(found) << "expected " << reason << ", got\n" << all_findings(report);
  }
  EXPECT_GE(reasons.size(), 6u) << "few properties have a sample that breaks them";
}

TEST(ExplorerTest, EveryRightSampleIsProved) {
  for (const fs::path& file : samples("right")) {
    SCOPED_TRACE(file.filename().string());
    const auto graph = sample(file);
    ASSERT_NE(graph, nullptr);
    Bounds bounds;
    if (file.filename() == "every_kind.yaml") bounds.faults = 1;  // Three branches of everything.
    const Report report = explorer::explore(*graph, bounds);
    EXPECT_TRUE(report.proved()) << all_findings(report);
    EXPECT_GT(report.states, 100u);
    for (const std::string& placement : report.placements) {
      // What needs a second fault is not met with one.
      if (bounds.faults == 1) break;
      EXPECT_TRUE(report.covered.contains(placement)) << placement;
    }
  }
}

// ---- What an architect reads ------------------------------------------------------------------

TEST(ExplorerTest, UndoInForwardOrderIsToldStepByStep) {
  const auto graph = wrong("undo_in_forward_order");
  Bounds bounds;
  bounds.faults = 1;
  const Report report = explorer::explore(*graph, bounds);
  const std::string story = story_of(*graph, bounds, report, Property::kOrder);
  EXPECT_THAT(story, HasSubstr("refuses `book_hotel`"));
  EXPECT_THAT(story,
              HasSubstr("`cancel_flight` gives back the `seat` of `book_flight` while `book_car`"));
  // The fewest faults and the fewest moves: start, two bookings, one refusal.
  ASSERT_NE(find(report, Property::kOrder), nullptr);
  EXPECT_EQ(find(report, Property::kOrder)->faults, 1);
  EXPECT_EQ(find(report, Property::kOrder)->path.size(), 4u);
}

TEST(ExplorerTest, UndoOfWhatFailedIsToldFromTheRefusalOn) {
  const auto graph = wrong("undo_of_what_failed");
  const Report report = explorer::explore(*graph, {});
  const std::string story = story_of(*graph, {}, report, Property::kDoubt);
  EXPECT_THAT(story, HasSubstr("refuses `book_flight`: refused; nothing happened"));
  EXPECT_THAT(story, HasSubstr("Weft knows: not_happened; true is: not happened"));
  EXPECT_THAT(story, HasSubstr("asks flights.cancel for `cancel_flight`"));
}

// Two faults: the payment is done but never answered, and then nothing refunds it.
TEST(ExplorerTest, AChargeThatTimedOutAndWentThroughIsShownAsNeverRefunded) {
  const auto graph = wrong("skips_unknown_outcomes");
  const Report report = explorer::explore(*graph, {});
  const auto* refutation = find(report, Property::kLedger);
  ASSERT_NE(refutation, nullptr) << all_findings(report);
  const std::string story = story_of(*graph, {}, report, Property::kLedger);
  EXPECT_THAT(story, HasSubstr("no answer comes within"));
  EXPECT_THAT(story, HasSubstr("is in doubt"));
  EXPECT_THAT(story, HasSubstr("held by `charge` are written off: nothing gives them back"));
}

TEST(ExplorerTest, TheSameTripWithDeclaredUndoIsProved) {
  const auto graph =
      sample(fs::path(WEFT_SOURCE_DIR) / "tests/orchestrator/explorer/right/travel.yaml");
  const Report report = explorer::explore(*graph, {});
  EXPECT_TRUE(report.proved()) << all_findings(report);
  for (const char* end : {"completed", "compensated", "failed", "stuck", "terminated"}) {
    EXPECT_TRUE(report.ends.contains(end)) << "no path ends " << end;
  }
}

// ---- Guarantees -------------------------------------------------------------------------------

constexpr const char* kCharge = R"(weft: 1
workflow: shop.charge
version: 1.0.0
owner: shop@shop.example
steps:
  - step: charge
    call: bank.charge
    probe: {call: bank.find}
    compensate: {call: bank.refund}
  - step: pack
    call: warehouse.pack
    compensate: none
)";

std::string adapter(const std::string& guarantee) {
  return "weft: 1\nadapter: bank\nowner: bank@shop.example\nguarantee: " + guarantee + "\n";
}

// An adapter that can only be asked what it did would do a repeat twice: it is asked, also after a
// restart.
TEST(ExplorerTest, AnAdapterThatDoesNotKnowRepeatsIsNeverAskedTwiceBlindly) {
  for (const char* guarantee : {"queryable", "unsafe"}) {
    SCOPED_TRACE(guarantee);
    const auto graph = workflow(kCharge, adapter(guarantee));
    const Report report = explorer::explore(*graph, {});
    // (An undo that a person tries again at an adapter without memory is that person's decision.)
    EXPECT_EQ(all_findings(report).find("took effect 2 times"), std::string::npos)
        << all_findings(report);
    EXPECT_TRUE(report.covered.contains("charge: restart, done"));
    EXPECT_TRUE(report.covered.contains("charge: restart, not done"));
  }
}

TEST(ExplorerTest, AFencedAdapterTakesEveryRepeat) {
  const auto graph = workflow(kCharge, adapter("fenced"));
  const Report report = explorer::explore(*graph, {});
  EXPECT_TRUE(report.refuted.empty()) << all_findings(report);
  EXPECT_TRUE(report.complete);
}

// What nobody promised is said, not hidden.
TEST(ExplorerTest, AnUndoThatRestsOnAPromiseNamesIt) {
  const auto only_idempotent = workflow(kCharge, adapter("idempotent"));
  const Report report = explorer::explore(*only_idempotent, {});
  EXPECT_TRUE(
      std::any_of(report.assumed.begin(), report.assumed.end(), [](const std::string& text) {
        return text.find("`bank` is only `idempotent`") != std::string::npos;
      }));
}

// ---- Bounds and data --------------------------------------------------------------------------

TEST(ExplorerTest, ABoundThatIsHitIsNoProof) {
  const auto graph = workflow(kCharge, adapter("fenced"));
  Bounds bounds;
  bounds.states_max = 20;
  const Report report = explorer::explore(*graph, bounds);
  EXPECT_FALSE(report.complete);
  EXPECT_FALSE(report.proved());
  EXPECT_LE(report.states, 21u);
}

// An expression that fails on an answer which was only invented is a question, not a defect.
TEST(ExplorerTest, AGuessThatDoesNotFitIsNotProvedRatherThanRefuted) {
  const std::string yaml = R"(weft: 1
workflow: shop.guess
version: 1.0.0
owner: shop@shop.example
steps:
  - step: ask
    call: shop.ask
    compensate: none
  - step: sum
    set: {sum: '${ $ask.parts | length + ("x" | tonumber) }'}
)";
  const auto graph = workflow(yaml);
  const Report report = explorer::explore(*graph, {});
  EXPECT_TRUE(report.refuted.empty()) << all_findings(report);
  EXPECT_THAT(report.not_proved, Not(IsEmpty()));
  EXPECT_FALSE(report.proved());
}

TEST(ExplorerTest, ExamplesTakeThePlaceOfWhatWouldBeInvented) {
  const std::string yaml = R"(weft: 1
workflow: shop.example
version: 1.0.0
owner: shop@shop.example
steps:
  - step: ask
    call: shop.ask
    with: {id: '${ .id }'}
    compensate: none
  - step: tell
    when: ${ $ask.code == .expected }
    call: shop.tell
    compensate: none
)";
  const auto graph = workflow(yaml);
  EXPECT_THAT(explorer::explore(*graph, {}).unreached, testing::ElementsAre("tell"));
  explorer::Examples examples;
  examples.inputs.push_back(*dsl::Value::parse(R"({"id": "a", "expected": "yes"})"));
  examples.replies["shop.ask"].push_back(*dsl::Value::parse(R"({"code": "yes"})"));
  EXPECT_THAT(explorer::explore(*graph, {}, examples).unreached, IsEmpty());
}

// ---- The shipped workflows --------------------------------------------------------------------

TEST(ExplorerTest, TheShippedWorkflowsHold) {
  std::vector<dsl::SourceFile> files;
  for (const auto& entry :
       fs::recursive_directory_iterator(fs::path(WEFT_SOURCE_DIR) / "workflows" / "retail")) {
    const std::string name = entry.path().filename().string();
    if (entry.path().extension() == ".yaml" && name.find(".test.") == std::string::npos) {
      files.push_back({entry.path().string(), read_file(entry.path()).value_or("")});
    }
  }
  const auto result = compiled(files);
  EXPECT_GE(result.workflows.size(), 5u);
  for (const auto& graph : result.workflows) {
    SCOPED_TRACE(graph->id());
    const Report report = explorer::explore(*graph, {});
    EXPECT_TRUE(report.refuted.empty()) << all_findings(report);
    EXPECT_TRUE(report.not_proved.empty()) << all_findings(report);
    EXPECT_TRUE(report.complete);
    std::vector<std::string> not_met;
    std::set_difference(report.placements.begin(), report.placements.end(), report.covered.begin(),
                        report.covered.end(), std::back_inserter(not_met));
    EXPECT_THAT(not_met, IsEmpty());
  }
}

}  // namespace
}  // namespace weft::test
