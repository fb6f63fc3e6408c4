#pragma once  // orchestrator/sim/scenario_parser.h

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/parser_context.h"
#include "orchestrator/sim/scenario.h"

/// Shared by the files that read scenarios; nobody else includes it.
namespace weft::sim {

/// Reads one file into `out`; what is wrong goes to the reporter.
class ScenarioParser final {
 public:
  ScenarioParser(const dsl::SourceText& source, dsl::Reporter& reporter, std::string file,
                 const dsl::FileReader& read_file, ScenarioFile& out)
      : context_(source, reporter), file_(std::move(file)), read_file_(read_file), out_(out) {}

  void root(const dsl::YamlNode& node);

 private:
  void suite(const dsl::YamlNode& root, const dsl::YamlMember& tests);
  void scenario(const dsl::YamlNode& node, dsl::Fields& fields, Scenario scenario,
                bool shared_allowed);
  void shared(dsl::Fields& fields, Scenario& scenario);
  std::optional<dsl::Value> input(const dsl::YamlNode& node);
  std::vector<Given> given(const dsl::YamlNode& node);

  Scripts scripts(const dsl::YamlNode& node);
  std::optional<ScriptEntry> script_entry(const dsl::YamlNode& node);
  void read_selection(dsl::Fields& fields, ScriptEntry& entry);
  bool read_answer(dsl::Fields& fields, const dsl::YamlNode& node, ScriptEntry& entry);
  void read_manner(dsl::Fields& fields, const dsl::YamlNode& node, ScriptEntry& entry);

  std::vector<TimelineEntry> timeline(const dsl::YamlNode& node);
  std::optional<TimelineEntry> timeline_entry(const dsl::YamlNode& node);
  void read_anchor(dsl::Fields& fields, Anchor& anchor);
  bool read_action(dsl::Fields& fields, const dsl::YamlMember& member, TimelineEntry& entry);
  void read_operator(const dsl::YamlNode& node, TimelineEntry& entry);
  void read_start(const dsl::YamlNode& node, TimelineEntry& entry);
  void read_data(dsl::Fields& fields, TimelineEntry& entry);

  Expectations expectations(const dsl::YamlMember& member);
  void expect_calls(const dsl::YamlNode& node, Expectations& out);
  void expect_error(const dsl::YamlNode& node, Expectations& out);
  void expect_steps(const dsl::YamlNode& node, Expectations& out);
  void expect_stuck(const dsl::YamlNode& node, Expectations& out);
  void expect_sagas(const dsl::YamlNode& node, Expectations& out);
  std::optional<std::vector<std::string>> texts(const dsl::YamlNode& node, std::string_view what);

  /// A value without holes.
  std::optional<dsl::Value> constant(const dsl::YamlNode& node, std::string_view what);
  /// A value that may use `.`, `$with`, `$held`, `$saga` and `$task`.
  std::optional<dsl::Template> holes(const dsl::YamlNode& node, std::string_view what);
  std::optional<dsl::Value> document(const dsl::YamlNode& file, std::string_view what);
  bool is_operation(const std::string& text, dsl::Position at);
  void report_clash(const dsl::YamlMember& a, const dsl::YamlMember& b, std::string instead);

  dsl::ParserContext context_;
  std::string file_;
  const dsl::FileReader& read_file_;
  ScenarioFile& out_;
};

}  // namespace weft::sim
