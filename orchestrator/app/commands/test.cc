#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <utility>

#include "dsl/durations.h"
#include "orchestrator/app/commands/commands.h"
#include "orchestrator/app/commands/support.h"
#include "orchestrator/app/output.h"
#include "orchestrator/app/scenario_files.h"
#include "orchestrator/app/scenario_report.h"
#include "orchestrator/sim/scenario_suggest.h"

namespace weft::app {
namespace {

using Stopwatch = std::chrono::steady_clock;

double seconds_since(Stopwatch::time_point began) {
  return std::chrono::duration<double>(Stopwatch::now() - began).count();
}

bool chosen(const sim::Scenario& scenario, const std::vector<std::string>& filters) {
  if (filters.empty()) return true;
  for (const std::string& filter : filters) {
    if ((scenario.file + ": " + scenario.workflow + ": " + scenario.name).find(filter) !=
        std::string::npos)
      return true;
  }
  return false;
}

std::vector<ScenarioOutcome> run_all(const ScenarioFiles& files,
                                     const std::vector<std::string>& filters,
                                     const Output& output) {
  std::vector<ScenarioOutcome> outcomes;
  for (const sim::Scenario& scenario : files.scenarios) {
    if (!chosen(scenario, filters)) continue;
    ScenarioOutcome outcome;
    outcome.scenario = &scenario;
    const auto began = Stopwatch::now();
    outcome.result = sim::run_scenario(scenario, files.definitions);
    outcome.seconds = seconds_since(began);
    if (output.structured()) {
      output.item(outcome_value(outcome));
    } else if (!outcome.result.passed()) {
      output.text(failure_text(outcome, output));
    }
    outcomes.push_back(std::move(outcome));
  }
  return outcomes;
}

std::string summary(const std::vector<ScenarioOutcome>& outcomes, std::size_t failed,
                    double seconds) {
  std::int64_t virtual_ms = 0;
  for (const ScenarioOutcome& outcome : outcomes) virtual_ms += outcome.result.virtual_ms;
  const std::int64_t hours = virtual_ms / 3'600'000;
  char text[160];
  std::snprintf(text, sizeof text,
                "%zu scenarios: %zu passed, %zu failed; %lld hours of virtual time in %.2f s\n",
                outcomes.size(), outcomes.size() - failed, failed, static_cast<long long>(hours),
                seconds);
  return text;
}

/// Scenarios for what is missing, workflow by workflow.
int suggest(const Invocation& invocation, const ScenarioFiles& files,
            const std::vector<ScenarioOutcome>& outcomes, const std::vector<CoverageRow>& rows,
            const Output& output) {
  std::string written;
  for (const CoverageRow& row : rows) {
    if (row.missing.empty()) continue;
    const dsl::SagaGraph* graph = files.definitions.find(row.workflow);
    std::vector<sim::Scenario> bases;
    // Those that end well first: most of the workflow lies on their way.
    for (const bool well : {true, false}) {
      for (const ScenarioOutcome& outcome : outcomes) {
        const bool ended_well = outcome.result.outcome == "completed";
        if (outcome.scenario->workflow != row.workflow || ended_well != well ||
            !outcome.result.passed())
          continue;
        if (!bases.empty() && bases.front().file != outcome.scenario->file) continue;
        bases.push_back(*outcome.scenario);
      }
    }
    if (bases.empty()) {
      std::cerr << "weft: no scenario of " << row.workflow
                << " passes, so there is nothing to start from; write one "
                << "that completes\n";
      continue;
    }
    const auto tell = [&](const std::string& text) {
      std::cerr << "weft: " << row.workflow << ": " << text << "\n";
    };
    const sim::Suggestions found = sim::suggest_scenarios(
        *graph, files.definitions, bases, row.all_reached, scenario_file_reader(), tell);
    if (!found.yaml.empty()) {
      written += "# " +
                 counted(static_cast<std::int64_t>(found.scenarios), "scenario that reaches ",
                         "scenarios that reach ") +
                 counted(static_cast<std::int64_t>(found.reached.size()),
                         "more failure placement of ", "more failure placements of ") +
                 row.workflow +
                 ".\n# What they expect is what happened: review each before you trust it.\n" +
                 found.yaml;
    }
    for (const sim::Placement& placement : found.unreached) {
      std::cerr << "weft: " << row.workflow << ": nothing was found that reaches  "
                << placement.text() << "\n";
    }
  }
  const std::string file = invocation.get("--write");
  if (file.empty()) {
    output.text(written.empty() ? "# nothing is missing\n" : written);
    return kExitDone;
  }
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out << written;
  out.flush();
  if (!out)
    return output.fail(make_failure(kExitUsage, "unwritable", "the file cannot be written", file));
  return kExitDone;
}

int run_test(const Invocation& invocation) {
  const Output output(invocation.global);
  const auto began = Stopwatch::now();
  auto files = read_scenarios(invocation.arguments, invocation.all("--workflows"));
  if (!files) {
    return output.fail(
        make_failure(kExitUsage, "unreadable", "a file cannot be read", files.error()));
  }
  if (dsl::has_errors(files->diagnostics)) {
    for (const dsl::Diagnostic& diagnostic : files->diagnostics) {
      const dsl::SourceFile* source = files->find(diagnostic.file);
      if (output.structured())
        output.item(diagnostic_value(diagnostic));
      else
        std::cerr << dsl::format_diagnostic(diagnostic, source == nullptr ? "" : source->text)
                  << "\n";
    }
    return kExitUsage;
  }
  if (files->scenarios.empty()) {
    return output.fail(make_failure(kExitUsage, "no_scenarios", "nothing to test",
                                    "no `*.test.yaml` was found there; see docs/testing.md"));
  }
  const std::vector<ScenarioOutcome> outcomes = run_all(*files, invocation.all("--filter"), output);
  if (outcomes.empty()) {
    return output.fail(make_failure(kExitUsage, "no_scenarios", "nothing to test",
                                    "no scenario's name fits --filter"));
  }
  std::size_t failed = 0;
  for (const ScenarioOutcome& outcome : outcomes) failed += outcome.result.passed() ? 0 : 1;
  int code = failed > 0 ? kExitFailed : kExitDone;

  if (invocation.has("--junit")) {
    std::ofstream out(invocation.get("--junit"), std::ios::binary | std::ios::trunc);
    out << junit_text(outcomes);
    out.flush();
    if (!out) {
      return output.fail(make_failure(kExitUsage, "unwritable", "the file cannot be written",
                                      invocation.get("--junit")));
    }
  }
  const std::vector<CoverageRow> rows = coverage_of(outcomes, files->definitions);
  if (invocation.has("--coverage") || invocation.has("--at-least")) {
    for (const CoverageRow& row : rows) {
      if (output.structured())
        output.item(coverage_value(row));
      else
        output.text(coverage_text(row));
    }
  }
  if (invocation.has("--at-least")) {
    const auto wanted = dsl::parse_percent(invocation.get("--at-least"));
    if (!wanted) {
      return output.fail(
          make_failure(kExitUsage, "usage", "wrong usage",
                       "--at-least: " + wanted.error().message + "; " + wanted.error().instead));
    }
    for (const CoverageRow& row : rows) {
      if (row.percent() + 1e-9 < *wanted) code = kExitFailed;
    }
  }
  if (!output.structured() && !invocation.has("--suggest"))
    output.text(summary(outcomes, failed, seconds_since(began)));
  if (invocation.has("--suggest")) {
    const int suggested = suggest(invocation, *files, outcomes, rows, output);
    if (suggested != kExitDone) return suggested;
  }
  return code;
}

}  // namespace

CommandSpec test_command() {
  CommandSpec spec;
  spec.name = "test";
  spec.arguments = "DIR|FILES";
  spec.summary = "run scenario tests (*.test.yaml) on virtual time";
  spec.details =
      "Each scenario runs the workflow in a world of its own, with adapters that do as it says. A\n"
      "failure shows what was expected, what came, and the saga's story. --coverage says which "
      "ways to\n"
      "fail no scenario has tried; --suggest writes scenarios that try them. Exit 1: a scenario "
      "failed,\n"
      "or --at-least is not reached; 2: a file is wrong.";
  spec.example =
      "weft test workflows/retail\n"
      "  weft test workflows/retail/returns.test.yaml --filter refund\n"
      "  weft test workflows --coverage --at-least 100% --junit report.xml\n"
      "  weft test workflows/retail/returns.test.yaml --suggest --write more.test.yaml";
  spec.arguments_min = 1;
  spec.arguments_max = 10'000;
  spec.options = {
      {"--filter", "TEXT", "only scenarios whose file, workflow or name contains it", true},
      {"--workflows", "DIR", "definitions to test, beside those in the given folders", true},
      {"--coverage", "", "how many failure placements of each workflow were reached", false},
      {"--at-least", "PERCENT", "fail if the coverage of a workflow is below, e.g. 100%", false},
      {"--suggest", "", "print scenarios that reach what is missing", false},
      {"--write", "FILE", "write the suggestions there", false},
      {"--junit", "FILE", "write a JUnit report", false}};
  spec.run = run_test;
  return spec;
}

}  // namespace weft::app
