// Scenario files: the keys of a file and of one scenario. Scripts: scenario_parser_scripts.cc;
// timeline: scenario_parser_timeline.cc; expectations: scenario_parser_expect.cc.
#include <algorithm>
#include <utility>

#include "dsl/names.h"
#include "orchestrator/sim/scenario_parser.h"

namespace weft::sim {

using dsl::Fields;
using dsl::Value;
using dsl::YamlMember;
using dsl::YamlNode;

namespace {

/// "lines[0].qty": where `input.set` puts a value.
struct PathPart {
  std::string key;
  std::optional<std::size_t> index;
};

std::optional<std::vector<PathPart>> split_path(const std::string& path) {
  std::vector<PathPart> parts;
  std::string key;
  std::size_t at = 0;
  const auto take = [&] {
    if (key.empty()) return false;
    parts.push_back({std::exchange(key, {}), std::nullopt});
    return true;
  };
  while (at < path.size()) {
    if (path[at] == '.') {
      if (!key.empty())
        take();
      else if (parts.empty() || !parts.back().index)
        return std::nullopt;
      ++at;
    } else if (path[at] == '[') {
      if (!key.empty()) take();
      const std::size_t end = path.find(']', at);
      const std::string digits = end == std::string::npos ? "" : path.substr(at + 1, end - at - 1);
      if (digits.empty() || digits.size() > 6 ||
          !std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; })) {
        return std::nullopt;
      }
      parts.push_back({"", static_cast<std::size_t>(std::stoul(digits))});
      at = end + 1;
    } else {
      key += path[at++];
    }
  }
  if (!key.empty()) take();
  if (parts.empty()) return std::nullopt;
  return parts;
}

/// `value` with what stands at `parts` replaced; the error says which part is not there.
tl::expected<Value, std::string> replaced(const Value& value, const std::vector<PathPart>& parts,
                                          std::size_t from, const Value& by) {
  if (from == parts.size()) return by;
  const PathPart& part = parts[from];
  if (part.index) {
    if (!value.is_array() || *part.index >= value.size()) {
      return tl::unexpected("there is no item " + std::to_string(*part.index));
    }
    Value::Array items = value.as_array();
    auto inner = replaced(items[*part.index], parts, from + 1, by);
    if (!inner) return inner;
    items[*part.index] = std::move(*inner);
    return Value::array(std::move(items));
  }
  if (!value.is_object() && !value.is_null()) {
    return tl::unexpected("`" + part.key + "` would stand in something that is no object");
  }
  const Value* found = value.find(part.key);
  auto inner = replaced(found == nullptr ? Value() : *found, parts, from + 1, by);
  if (!inner) return inner;
  return value.with(part.key, std::move(*inner));
}

Value without(const Value& value, const std::string& key) {
  if (!value.is_object()) return value;
  Value::Object members;
  for (const dsl::Member& member : value.as_object()) {
    if (member.key != key) members.push_back(member);
  }
  return Value::object(std::move(members));
}

}  // namespace

std::optional<Value> ScenarioParser::constant(const YamlNode& node, std::string_view what) {
  const auto read = context_.any_template(node, what);
  if (!read) return std::nullopt;
  const Value* value = read->value.constant();
  if (value == nullptr) {
    context_.error(node.at, "expression.here",
                   std::string(what) + " is fixed; it cannot hold `${ }`",
                   "write the value itself");
    return std::nullopt;
  }
  return *value;
}

std::optional<dsl::Template> ScenarioParser::holes(const YamlNode& node, std::string_view what) {
  const std::size_t before = context_.reporter().errors();
  auto read = context_.any_template(node, what);
  if (!read || context_.reporter().errors() != before) return std::nullopt;
  for (const dsl::NameUse& use : read->uses) {
    static const std::vector<std::string> kNames{".", "with", "held", "saga", "task"};
    const auto& name = use.reference.name;
    if (std::find(kNames.begin(), kNames.end(), name) != kNames.end()) continue;
    context_.error(use.at, "expression.name", "there is no `$" + name + "` in a scenario",
                   "`.` is the saga's input; there are `$with`, `$held`, `$saga` and `$task`");
    return std::nullopt;
  }
  return read->value;
}

std::optional<Value> ScenarioParser::document(const YamlNode& file, std::string_view what) {
  const auto name = context_.text(file, what);
  if (!name) return std::nullopt;
  const auto text = read_file_ ? read_file_(file_, name->text) : std::nullopt;
  if (!text) {
    context_.error(file.at, "scenario.file", "there is no file " + dsl::quoted(name->text),
                   "name it relative to this file");
    return std::nullopt;
  }
  auto value = Value::parse(*text);
  if (!value) {
    context_.error(file.at, "scenario.file",
                   dsl::quoted(name->text) + " is not JSON: " + value.error().message + " (byte " +
                       std::to_string(value.error().offset) + ")");
    return std::nullopt;
  }
  return std::move(*value);
}

/// `{file | value, set, unset}`.
std::optional<Value> ScenarioParser::input(const YamlNode& node) {
  if (!context_.expect_mapping(node, "`input`", "input: {file: order.json}")) return std::nullopt;
  Fields fields(context_, node, node.at, "`input`");
  const YamlMember* file = fields.find("file");
  const YamlMember* inline_value = fields.find("value");
  const YamlMember* set = fields.find("set");
  const YamlMember* unset = fields.find("unset");
  fields.finish();
  if ((file == nullptr) == (inline_value == nullptr)) {
    context_.error(node.at, "form.clash",
                   file == nullptr ? "`input` says neither `file` nor `value`"
                                   : "`input` says both `file` and `value`",
                   "keep one of the two");
    return std::nullopt;
  }
  std::optional<Value> value = file != nullptr ? document(*file->value, "`file`")
                                               : constant(*inline_value->value, "`value`");
  if (!value) return std::nullopt;
  if (set != nullptr && context_.expect_mapping(*set->value, "`set`", "set: {qty: 2}")) {
    for (const YamlMember& member : set->value->members) {
      const auto parts = split_path(member.key);
      const auto by = constant(*member.value, "a value of `set`");
      if (!parts) {
        context_.error(member.key_at, "form.value", dsl::quoted(member.key) + " is no path",
                       "write it like `lines[0].qty`");
        continue;
      }
      if (!by) continue;
      auto done = replaced(*value, *parts, 0, *by);
      if (!done) {
        context_.error(member.key_at, "scenario.path",
                       dsl::quoted(member.key) + " does not fit the input: " + done.error());
        continue;
      }
      value = std::move(*done);
    }
  }
  if (unset != nullptr) {
    const auto keys = context_.words(*unset->value, "`unset`", &dsl::ParserContext::text);
    for (const dsl::Word& key : keys.value_or(std::vector<dsl::Word>{})) {
      value = without(*value, key.text);
    }
  }
  return value;
}

std::vector<Given> ScenarioParser::given(const YamlNode& node) {
  std::vector<Given> out;
  if (!context_.expect_list(node, "`given`", "given: [{workflow: shop.order, input: {…}}]"))
    return out;
  for (const auto& item : node.items) {
    if (!context_.expect_mapping(*item, "an item of `given`", "{workflow: …, input: …}")) continue;
    Fields fields(context_, *item, item->at, "a given saga");
    Given saga;
    saga.at = item->at;
    if (const YamlMember* m = fields.require("workflow", "workflow: NAME")) {
      if (auto name = context_.dotted_name(*m->value, "`workflow`")) saga.workflow = name->text;
    }
    if (const YamlMember* m = fields.require("input", "input: {file: …}")) {
      if (auto value = input(*m->value)) saga.input = std::move(*value);
    }
    if (const YamlMember* m = fields.find("key")) {
      if (auto key = context_.text(*m->value, "`key`")) saga.key = key->text;
    }
    if (const YamlMember* m = fields.find("run_for")) {
      if (auto length = context_.duration(*m->value, "`run_for`", true)) saga.run_ms = length->ms;
    }
    fields.finish();
    out.push_back(std::move(saga));
  }
  return out;
}

/// The keys that a scenario shares with its file.
void ScenarioParser::shared(Fields& fields, Scenario& scenario) {
  if (const YamlMember* m = fields.find("workflow")) {
    scenario.workflow_at = m->value->at;
    if (auto name = context_.dotted_name(*m->value, "`workflow`")) scenario.workflow = name->text;
  }
  if (const YamlMember* m = fields.find("input")) {
    scenario.input_written = dsl::to_value(*m->value);
    if (auto value = input(*m->value)) scenario.input = std::move(*value);
  }
  if (const YamlMember* m = fields.find("given")) {
    scenario.given_written = dsl::to_value(*m->value);
    scenario.given = given(*m->value);
  }
}

void ScenarioParser::scenario(const YamlNode& node, Fields& fields, Scenario scenario,
                              bool shared_allowed) {
  scenario.file = file_;
  scenario.at = node.at;
  if (const YamlMember* m = fields.require("test", "test: what it shows")) {
    if (auto name = context_.text(*m->value, "`test`")) scenario.name = name->text;
  }
  if (const YamlMember* m = fields.find("description")) {
    if (auto text = context_.text(*m->value, "`description`")) scenario.description = text->text;
  }
  if (shared_allowed) shared(fields, scenario);
  if (scenario.workflow.empty()) (void)fields.require("workflow", "workflow: NAME");
  if (scenario.input_written.is_null()) (void)fields.require("input", "input: {file: …}");
  if (const YamlMember* m = fields.find("key")) {
    if (auto key = context_.text(*m->value, "`key`")) scenario.key = key->text;
  }
  if (const YamlMember* m = fields.find("adapters")) {
    scenario.adapters_written = dsl::to_value(*m->value);
    scenario.scripts = scripts(*m->value);
  }
  if (const YamlMember* m = fields.find("at")) {
    scenario.timeline_written = dsl::to_value(*m->value);
    scenario.timeline = timeline(*m->value);
  }
  if (const YamlMember* m = fields.find("run_for")) {
    if (auto length = context_.duration(*m->value, "`run_for`")) scenario.run_for_ms = length->ms;
  }
  if (const YamlMember* m = fields.require("expect", "expect: {outcome: completed}")) {
    scenario.expect = expectations(*m);
  }
  fields.finish();
  out_.scenarios.push_back(std::move(scenario));
}

void ScenarioParser::suite(const YamlNode& root, const YamlMember& tests) {
  Fields fields(context_, root, root.at, "a file of scenarios");
  Scenario base;
  (void)fields.find("tests");
  (void)fields.find("description");
  shared(fields, base);
  if (const YamlMember* m = fields.find("adapters")) base.common = scripts(*m->value);
  fields.finish();
  out_.common = base.common;
  if (!context_.expect_list(*tests.value, "`tests`", "tests: [{test: …}]")) return;
  if (tests.value->items.empty()) {
    context_.error(tests.key_at, "form.empty", "`tests` holds no scenario", "add `- test: …`");
  }
  for (const auto& item : tests.value->items) {
    if (!context_.expect_mapping(*item, "a scenario", "test: what it shows")) continue;
    Fields own(context_, *item, item->at, "a scenario");
    scenario(*item, own, base, true);
  }
}

void ScenarioParser::root(const YamlNode& node) {
  if (!context_.expect_mapping(node, "a scenario", "test: what it shows")) return;
  const YamlMember* tests = node.find("tests");
  if (tests != nullptr && node.find("test") == nullptr) {
    suite(node, *tests);
  } else if (node.find("test") == nullptr && node.find("adapters") != nullptr &&
             node.find("expect") == nullptr) {
    out_.only_common = true;
    Fields fields(context_, node, node.at, "a folder's common scripts");
    (void)fields.find("description");
    out_.common = scripts(*fields.find("adapters")->value);
    fields.finish();
  } else {
    Fields fields(context_, node, {1, 1}, "a scenario");
    scenario(node, fields, {}, true);
  }
  for (std::size_t i = 0; i < out_.scenarios.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (out_.scenarios[i].name.empty() || out_.scenarios[i].name != out_.scenarios[j].name)
        continue;
      context_.error(
          out_.scenarios[i].at, "form.duplicate",
          "another scenario of this file is called " + dsl::quoted(out_.scenarios[i].name),
          "say what is different about this one");
    }
  }
}

ScenarioFile parse_scenarios(const dsl::SourceFile& file, const dsl::FileReader& read_file) {
  ScenarioFile out;
  out.path = file.path;
  dsl::Reporter reporter(file.path, out.diagnostics);
  const dsl::SourceText source(file.text);
  const auto root = dsl::read_yaml(source, reporter);
  if (!root) return out;
  ScenarioParser parser(source, reporter, file.path, read_file, out);
  parser.root(*root);
  return out;
}

}  // namespace weft::sim
