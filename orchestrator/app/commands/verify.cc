#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "orchestrator/app/commands/commands.h"
#include "orchestrator/app/commands/support.h"
#include "orchestrator/app/definitions.h"
#include "orchestrator/app/output.h"
#include "orchestrator/sim/explorer/explorer.h"
#include "orchestrator/sim/explorer/timeline.h"

namespace weft::app {
namespace {

using dsl::Value;
using explorer::Property;
using explorer::Report;

struct Request {
  explorer::Bounds bounds;
  explorer::Examples examples;
  std::string workflow;
  bool strict = false;
};

Failure wrong(const std::string& detail) {
  return make_failure(kExitUsage, "usage", "wrong usage", detail);
}

tl::expected<Value, Failure> read_document(const std::string& file) {
  auto text = read_input(file);
  if (!text) return tl::unexpected(text.error());
  auto value = Value::parse(*text);
  if (!value) {
    return tl::unexpected(make_failure(kExitFailed, "not_json", "the example is no JSON",
                                       file + ": " + value.error().message));
  }
  return *value;
}

tl::expected<Request, Failure> read_request(const Invocation& invocation) {
  Request request;
  const auto number = [&](const char* flag, std::int64_t most,
                          auto& bound) -> tl::expected<void, Failure> {
    if (!invocation.has(flag)) return {};
    const auto value = whole_number(invocation.get(flag));
    if (!value || *value > most) {
      return tl::unexpected(wrong(std::string(flag) + " takes a whole number up to " +
                                  std::to_string(most) + ", got " + invocation.get(flag)));
    }
    bound = static_cast<std::remove_reference_t<decltype(bound)>>(*value);
    return {};
  };
  if (auto ok = number("--faults", 8, request.bounds.faults); !ok)
    return tl::unexpected(ok.error());
  if (auto ok = number("--max-states", 100'000'000, request.bounds.states_max); !ok) {
    return tl::unexpected(ok.error());
  }
  if (auto ok = number("--items", 4, request.bounds.items); !ok) return tl::unexpected(ok.error());
  for (const std::string& file : invocation.all("--input")) {
    auto document = read_document(file);
    if (!document) return tl::unexpected(document.error());
    request.examples.inputs.push_back(*std::move(document));
  }
  for (const std::string& reply : invocation.all("--reply")) {
    const auto equals = reply.find('=');
    if (equals == std::string::npos || reply.find('.') > equals) {
      return tl::unexpected(wrong("--reply takes ADAPTER.OPERATION=FILE, got " + reply));
    }
    auto document = read_document(reply.substr(equals + 1));
    if (!document) return tl::unexpected(document.error());
    request.examples.replies[reply.substr(0, equals)].push_back(*std::move(document));
  }
  request.workflow = invocation.get("--workflow");
  request.strict = invocation.has("--strict");
  return request;
}

const char* verdict_of(const Report& report) {
  if (!report.refuted.empty()) return "refuted";
  return report.proved() ? "proved" : "not_proved";
}

std::string thousands(std::size_t number) {
  std::string text = std::to_string(number);
  for (std::size_t i = text.size(); i > 3; i -= 3) text.insert(i - 3, ",");
  return text;
}

std::string bounds_text(const explorer::Bounds& bounds) {
  return "up to " + std::to_string(bounds.faults) + " faults on a path, " +
         std::to_string(bounds.attempts) + " attempts of a call or undo, " +
         std::to_string(bounds.rounds) + " rounds, lists of 0 to " + std::to_string(bounds.items) +
         " items";
}

std::vector<std::string> missing(const Report& report) {
  std::vector<std::string> names;
  std::set_difference(report.placements.begin(), report.placements.end(), report.covered.begin(),
                      report.covered.end(), std::back_inserter(names));
  return names;
}

Value report_value(const dsl::SagaGraph& graph, const Report& report, const Request& request) {
  const auto texts = [](const auto& list) {
    Value::Array items;
    for (const std::string& text : list) items.emplace_back(text);
    return Value::array(std::move(items));
  };
  Value::Array properties;
  for (int i = 0; i < explorer::kProperties; ++i) {
    const auto property = static_cast<Property>(i);
    Value::Object row{{"property", explorer::property_name(property)},
                      {"says", explorer::property_sentence(property)},
                      {"verdict", report.refuted_property(property) ? "refuted"
                                  : report.proved()                 ? "proved"
                                                                    : "not_refuted"}};
    for (const explorer::Refutation& refutation : report.refuted) {
      if (refutation.violation.property != property) continue;
      row.push_back({"what", refutation.violation.what});
      row.push_back({"step", refutation.violation.path.str()});
      row.push_back({"faults", refutation.faults});
      Value::Array rows;
      for (const explorer::TimelineRow& line :
           explorer::timeline_of(graph, request.bounds, request.examples, refutation)) {
        rows.push_back(Value::object({{"at_ms", line.at_ms},
                                      {"who", line.who},
                                      {"what", line.what},
                                      {"knows", line.knew},
                                      {"truth", line.truth}}));
      }
      row.push_back({"timeline", Value::array(std::move(rows))});
    }
    properties.push_back(Value::object(std::move(row)));
  }
  Value::Object ends;
  for (const auto& [end, count] : report.ends)
    ends.push_back({end, static_cast<std::int64_t>(count)});
  const auto count = [](std::size_t number) { return Value(static_cast<std::int64_t>(number)); };
  return Value::object(
      {{"workflow", graph.workflow},
       {"version", graph.version},
       {"verdict", verdict_of(report)},
       {"states", count(report.states)},
       {"moves", count(report.moves)},
       {"inputs", count(report.inputs)},
       {"complete", report.complete},
       {"bounds", Value::object({{"faults", request.bounds.faults},
                                 {"attempts", request.bounds.attempts},
                                 {"rounds", request.bounds.rounds},
                                 {"items", request.bounds.items},
                                 {"states_max", count(request.bounds.states_max)}})},
       {"ends", Value::object(std::move(ends))},
       {"properties", Value::array(std::move(properties))},
       {"not_proved", texts(report.not_proved)},
       {"assumed", texts(report.assumed)},
       {"trouble", report.trouble},
       {"coverage",
        Value::object({{"placements", count(report.placements.size())},
                       {"covered", count(report.placements.size() - missing(report).size())},
                       {"missing", texts(missing(report))}})}});
}

void print(const Output& output, const dsl::SagaGraph& graph, const Report& report,
           const Request& request) {
  const std::string verdict = verdict_of(report);
  const Colour colour = verdict == "proved"    ? Colour::kGreen
                        : verdict == "refuted" ? Colour::kRed
                                               : Colour::kYellow;
  std::string text = output.paint(verdict == "not_proved" ? "not proved" : verdict, colour) + "  " +
                     graph.id() + "\n";
  for (const explorer::Refutation& refutation : report.refuted) {
    const Property property = refutation.violation.property;
    text += "\n  " + output.paint(explorer::property_name(property), Colour::kRed) +
            ": it does not hold that " + explorer::property_sentence(property) + "\n  " +
            refutation.violation.what + "\n";
    if (refutation.path.empty()) continue;
    text += "  The shortest way there, with " + std::to_string(refutation.faults) +
            (refutation.faults == 1 ? " fault" : " faults") + ":\n" +
            explorer::timeline_text(
                explorer::timeline_of(graph, request.bounds, request.examples, refutation));
  }
  if (!report.refuted.empty()) text += "\n";
  if (!report.trouble.empty()) text += "  " + report.trouble + "\n";
  if (!report.complete && report.trouble.empty()) {
    text += "  stopped at a bound: " + thousands(report.states) +
            " states were explored and more are left; raise --max-states, or lower --faults or "
            "--items\n";
  }
  for (const std::string& what : report.not_proved) text += "  not proved: " + what + "\n";
  std::string ends;
  for (const auto& [end, count] : report.ends) {
    ends += (ends.empty() ? "" : ", ") + end + " " + thousands(count);
  }
  const auto uncovered = missing(report);
  text += "  explored: " + thousands(report.states) + " states, " + thousands(report.moves) +
          " moves, " + std::to_string(report.inputs) +
          (report.inputs == 1 ? " input; ended: " : " inputs; ended: ") + ends + "\n";
  text += "  bounds:   " + bounds_text(request.bounds) + "\n";
  text += "  failure placements: " + std::to_string(report.placements.size() - uncovered.size()) +
          " of " + std::to_string(report.placements.size()) + "\n";
  for (const std::string& placement : uncovered) text += "    not met: " + placement + "\n";
  for (const std::string& sentence : report.assumed) text += "  assumed:  " + sentence + "\n";
  output.text(text);
}

int run_verify(const Invocation& invocation) {
  const Output output(invocation.global);
  const auto request = read_request(invocation);
  if (!request) return output.fail(request.error());
  auto definitions = read_definitions(invocation.arguments);
  if (!definitions) {
    return output.fail(
        make_failure(kExitFailed, "unreadable", "a file cannot be read", definitions.error()));
  }
  const dsl::CompileResult result = compile_definitions(*definitions, false);
  if (dsl::has_errors(result.diagnostics)) {
    std::cerr << diagnostics_text(result.diagnostics, *definitions);
    return kExitFailed;
  }
  const bool watched = !output.structured() && isatty(STDERR_FILENO) != 0;
  int verified = 0;
  bool bad = false;
  for (const auto& graph : result.workflows) {
    if (!request->workflow.empty() && graph->workflow != request->workflow) continue;
    ++verified;
    const Report report =
        explorer::explore(*graph, request->bounds, request->examples, [&](std::size_t states) {
          if (watched)
            std::cerr << "\r" << graph->id() << ": " << states << " states \r" << std::flush;
        });
    bad = bad || !report.refuted.empty() || !report.trouble.empty() ||
          (request->strict && !report.proved());
    if (output.structured()) {
      output.item(report_value(*graph, report, *request));
    } else {
      print(output, *graph, report, *request);
    }
  }
  if (verified == 0) {
    return output.fail(make_failure(kExitFailed, "no_workflow", "nothing to verify",
                                    request->workflow.empty()
                                        ? "there is no workflow in it"
                                        : "there is no workflow " + request->workflow + " in it"));
  }
  return bad ? kExitFailed : kExitDone;
}

}  // namespace

CommandSpec verify_command() {
  CommandSpec spec;
  spec.name = "verify";
  spec.arguments = "FILES";
  spec.summary = "explore every placement of failures and prove, or refute by example";
  spec.details =
      "Explores what the orchestrator would decide in a world whose hidden truth is part of the\n"
      "state: refusals, silence with and without effect, late, repeated and contradictory "
      "answers,\n"
      "restarts, cancels, deadlines, events that never come, operators. Prints how many states "
      "were\n"
      "proved within which bounds, or the shortest way to what goes wrong (exit 1). Answers are\n"
      "invented from their schemas, or from what expressions read; --input and --reply give real\n"
      "ones and may be repeated. docs/verify.md says what is proved and what is not.";
  spec.example =
      "weft verify workflows/retail --faults 2\n"
      "  weft verify order.yaml erp.yaml --input order.json --reply erp.create_order=created.json";
  spec.arguments_min = 1;
  spec.arguments_max = 10'000;
  spec.options = {
      {"--faults", "N", "what may go wrong on one path (default 2)", false},
      {"--max-states", "N", "stop after so many states (default 1000000)", false},
      {"--items", "N", "longest list in an invented document (default 2)", false},
      {"--input", "FILE", "an input as JSON, instead of invented ones", true},
      {"--reply", "ADAPTER.OPERATION=FILE", "an answer as JSON, instead of invented ones", true},
      {"--workflow", "NAME", "only this one of the workflows given", false},
      {"--strict", "", "exit 1 also where something is not proved", false}};
  spec.run = run_verify;
  return spec;
}

}  // namespace weft::app
