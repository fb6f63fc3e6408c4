#include "orchestrator/app/scenario_report.h"

#include <algorithm>
#include <cstdio>
#include <map>

#include "dsl/durations.h"

namespace weft::app {
namespace {

// More lines than this say less: a saga that retried for days.
constexpr std::size_t kStoryLinesMax = 120;

std::string place_of(const sim::Scenario& scenario, dsl::Position at) {
  return scenario.file + ":" + std::to_string(at.line) + ":" + std::to_string(at.column);
}

std::string story_text(const sim::ScenarioResult& result) {
  std::string out;
  const auto& story = result.story;
  const std::size_t head = story.size() > kStoryLinesMax ? kStoryLinesMax / 2 : story.size();
  const auto line = [&](const sim::StoryLine& each) {
    std::string at = each.at_ms <= 0 ? "0s" : dsl::format_duration(each.at_ms);
    if (at.size() < 16) at.insert(0, 16 - at.size(), ' ');
    out += "    " + at + "  " + each.text + "\n";
  };
  for (std::size_t i = 0; i < head; ++i) line(story[i]);
  if (head < story.size()) {
    const std::size_t tail = kStoryLinesMax / 2;
    out +=
        "                  … " + std::to_string(story.size() - head - tail) + " lines left out …\n";
    for (std::size_t i = story.size() - tail; i < story.size(); ++i) line(story[i]);
  }
  return out;
}

std::string xml(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\n':
        out += "&#10;";
        break;
      default:
        out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return out;
}

std::string seconds_text(double seconds) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.3f", seconds);
  return buffer;
}

std::string percent_text(const CoverageRow& row) {
  char buffer[16];
  // Never rounded up to 100 while something is missing.
  std::snprintf(buffer, sizeof buffer, "%.1f",
                row.reached == row.placements ? 100.0 : std::min(row.percent(), 99.9));
  return buffer;
}

std::string brief(const sim::ScenarioResult& result) {
  if (!result.broken.empty()) return result.broken;
  std::string out;
  for (const auto& failure : result.failures) {
    out += (out.empty() ? "" : "; ") + failure.what + ": expected " + failure.expected +
           ", but was " + failure.actual;
  }
  return out;
}

}  // namespace

std::string failure_text(const ScenarioOutcome& outcome, const Output& output) {
  const sim::Scenario& scenario = *outcome.scenario;
  const sim::ScenarioResult& result = outcome.result;
  std::string out = output.paint("FAIL", Colour::kRed) + "  " + place_of(scenario, scenario.at) +
                    "  " + scenario.name + "\n";
  if (!result.broken.empty()) out += "    it could not be run to its end: " + result.broken + "\n";
  for (const auto& failure : result.failures) {
    out += "    " + failure.what + "  (" + place_of(scenario, failure.at) + ")\n";
    out += "      expected  " + failure.expected + "\n";
    out += "      but was   " + failure.actual + "\n";
  }
  out += "    what happened\n" + story_text(result);
  return out;
}

dsl::Value outcome_value(const ScenarioOutcome& outcome) {
  const sim::Scenario& scenario = *outcome.scenario;
  dsl::Value::Array failures;
  for (const auto& failure : outcome.result.failures) {
    failures.push_back(dsl::Value::object({{"line", failure.at.line},
                                           {"column", failure.at.column},
                                           {"what", failure.what},
                                           {"expected", failure.expected},
                                           {"actual", failure.actual}}));
  }
  dsl::Value::Array story;
  if (!outcome.result.passed()) {
    for (const auto& line : outcome.result.story) {
      story.push_back(dsl::Value::object({{"at_ms", line.at_ms}, {"text", line.text}}));
    }
  }
  return dsl::Value::object(
      {{"file", scenario.file},
       {"line", scenario.at.line},
       {"test", scenario.name},
       {"workflow", scenario.workflow},
       {"passed", outcome.result.passed()},
       {"outcome", outcome.result.outcome},
       {"broken", outcome.result.broken.empty() ? dsl::Value() : dsl::Value(outcome.result.broken)},
       {"failures", dsl::Value::array(std::move(failures))},
       {"story", dsl::Value::array(std::move(story))},
       {"virtual_ms", outcome.result.virtual_ms}});
}

std::vector<CoverageRow> coverage_of(const std::vector<ScenarioOutcome>& outcomes,
                                     const sim::Definitions& definitions) {
  std::map<std::string, std::set<sim::Placement>> reached;
  std::set<std::string> tested;
  for (const ScenarioOutcome& outcome : outcomes) {
    tested.insert(outcome.scenario->workflow);
    for (const auto& [workflow, placements] : outcome.result.reached) {
      reached[workflow].insert(placements.begin(), placements.end());
    }
  }
  std::vector<CoverageRow> rows;
  for (const std::string& workflow : tested) {
    const dsl::SagaGraph* graph = definitions.find(workflow);
    if (graph == nullptr) continue;
    CoverageRow row;
    row.workflow = graph->workflow;
    row.all_reached = reached[graph->workflow];
    for (const sim::Placement& placement : sim::placements_of(*graph)) {
      ++row.placements;
      if (row.all_reached.contains(placement))
        ++row.reached;
      else
        row.missing.push_back(placement);
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string coverage_text(const CoverageRow& row) {
  std::string out = row.workflow + ": " + std::to_string(row.reached) + " of " +
                    std::to_string(row.placements) + " failure placements, " + percent_text(row) +
                    " %\n";
  for (const sim::Placement& placement : row.missing)
    out += "    missing  " + placement.text() + "\n";
  return out;
}

dsl::Value coverage_value(const CoverageRow& row) {
  dsl::Value::Array missing;
  for (const sim::Placement& placement : row.missing) {
    missing.push_back(dsl::Value::object(
        {{"step", placement.step.empty() ? dsl::Value() : dsl::Value(placement.step)},
         {"what", placement.what}}));
  }
  return dsl::Value::object({{"workflow", row.workflow},
                             {"placements", static_cast<std::int64_t>(row.placements)},
                             {"reached", static_cast<std::int64_t>(row.reached)},
                             {"percent", *dsl::Value::parse(percent_text(row))},
                             {"missing", dsl::Value::array(std::move(missing))}});
}

std::string junit_text(const std::vector<ScenarioOutcome>& outcomes) {
  std::map<std::string, std::vector<const ScenarioOutcome*>> by_file;
  for (const ScenarioOutcome& outcome : outcomes)
    by_file[outcome.scenario->file].push_back(&outcome);
  std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n";
  for (const auto& [file, list] : by_file) {
    std::size_t failures = 0, errors = 0;
    double seconds = 0;
    for (const auto* outcome : list) {
      seconds += outcome->seconds;
      if (!outcome->result.broken.empty())
        ++errors;
      else if (!outcome->result.passed())
        ++failures;
    }
    out += "  <testsuite name=\"" + xml(file) + "\" tests=\"" + std::to_string(list.size()) +
           "\" failures=\"" + std::to_string(failures) + "\" errors=\"" + std::to_string(errors) +
           "\" time=\"" + seconds_text(seconds) + "\">\n";
    for (const auto* outcome : list) {
      const sim::Scenario& scenario = *outcome->scenario;
      out += "    <testcase classname=\"" + xml(scenario.workflow) + "\" name=\"" +
             xml(scenario.name) + "\" file=\"" + xml(file) + "\" line=\"" +
             std::to_string(scenario.at.line) + "\" time=\"" + seconds_text(outcome->seconds) +
             "\"";
      if (outcome->result.passed()) {
        out += "/>\n";
        continue;
      }
      const char* kind = outcome->result.broken.empty() ? "failure" : "error";
      out += ">\n      <" + std::string(kind) + " message=\"" + xml(brief(outcome->result)) +
             "\">" + xml(story_text(outcome->result)) + "</" + kind + ">\n    </testcase>\n";
    }
    out += "  </testsuite>\n";
  }
  return out + "</testsuites>\n";
}

}  // namespace weft::app
