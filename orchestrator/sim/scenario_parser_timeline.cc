// `at:` of a scenario: what happens when.
#include <algorithm>
#include <array>
#include <utility>

#include "dsl/names.h"
#include "orchestrator/sim/scenario_parser.h"

namespace weft::sim {

using dsl::Fields;
using dsl::YamlMember;
using dsl::YamlNode;
using Action = TimelineEntry::Kind;

namespace {

constexpr std::array<std::pair<std::string_view, Action>, 12> kActions{{
    {"adapter", Action::kAdapterDown},
    {"broker_down_for", Action::kBrokerDown},
    {"crash", Action::kCrash},
    {"cancel", Action::kCancel},
    {"event", Action::kEvent},
    {"signal", Action::kSignal},
    {"operator", Action::kOperator},
    {"pause", Action::kPause},
    {"unpause", Action::kUnpause},
    {"start", Action::kStart},
    {"clock_forward", Action::kClockForward},
    {"clock_back", Action::kClockBack},
}};

}  // namespace

std::vector<TimelineEntry> ScenarioParser::timeline(const YamlNode& node) {
  std::vector<TimelineEntry> out;
  if (!context_.expect_list(node, "`at`", "at: [{after: 20m, cancel: true}]")) return out;
  for (const auto& item : node.items) {
    if (auto entry = timeline_entry(*item)) out.push_back(std::move(*entry));
  }
  return out;
}

std::optional<TimelineEntry> ScenarioParser::timeline_entry(const YamlNode& node) {
  if (!context_.expect_mapping(node, "an item of `at`", "{after: 20m, cancel: true}")) {
    return std::nullopt;
  }
  Fields fields(context_, node, node.at, "an item of `at`");
  TimelineEntry entry;
  entry.at = node.at;
  entry.written = dsl::to_value(node);
  read_anchor(fields, entry.anchor);
  const YamlMember* action = nullptr;
  for (const auto& [key, kind] : kActions) {
    const YamlMember* member = fields.find(key);
    if (member == nullptr) continue;
    if (action != nullptr) {
      report_clash(*action, *member, "write two items");
      return std::nullopt;
    }
    action = member;
    entry.kind = kind;
  }
  bool good = action != nullptr && read_action(fields, *action, entry);
  if (const YamlMember* m = fields.find("reason")) {
    if (auto text = context_.text(*m->value, "`reason`")) entry.reason = text->text;
  }
  if (const YamlMember* m = fields.find("by")) {
    if (auto text = context_.text(*m->value, "`by`")) entry.by = text->text;
  }
  const std::size_t before = context_.reporter().errors();
  fields.finish();
  if (action == nullptr && context_.reporter().errors() == before) {
    context_.error(
        node.at, "form.missing-key", "this does not say what happens",
        "add one of `adapter`, `crash`, `cancel`, `event`, `signal`, `operator`, `pause`, "
        "`unpause`, `start`, `broker_down_for`, `clock_forward`, `clock_back`");
  }
  if (!good) return std::nullopt;
  return entry;
}

void ScenarioParser::read_anchor(Fields& fields, Anchor& anchor) {
  if (const YamlMember* m = fields.find("after")) {
    if (auto length = context_.duration(*m->value, "`after`", true)) anchor.after_ms = length->ms;
  }
  const YamlMember* step = fields.find("step");
  if (step != nullptr) {
    if (auto name = context_.text(*step->value, "`step`")) anchor.step = name->text;
  }
  if (const YamlMember* m = fields.find("is")) {
    static const std::vector<std::string> kStates{"running", "waiting",  "succeeded",
                                                  "failed",  "in_doubt", "skipped",
                                                  "undoing", "undone",   "stuck"};
    if (auto word = context_.one_of(*m->value, "`is`", kStates)) anchor.is = kStates[*word];
    if (step == nullptr) {
      context_.error(m->key_at, "form.clash", "`is` says where a step is, but no `step` is named",
                     "add `step: NAME`");
    }
  }
  if (const YamlMember* m = fields.find("saga")) {
    static const std::vector<std::string> kStates{"queued",       "running",     "waiting",
                                                  "compensating", "stuck",       "failed",
                                                  "completed",    "compensated", "terminated"};
    if (auto word = context_.one_of(*m->value, "`saga`", kStates)) anchor.saga = kStates[*word];
    if (step != nullptr) {
      context_.error(m->key_at, "form.clash", "`saga` stands beside `step`", "keep one of the two");
    }
  }
}

void ScenarioParser::read_data(Fields& fields, TimelineEntry& entry) {
  if (const YamlMember* m = fields.find("data")) entry.data = holes(*m->value, "`data`");
  if (const YamlMember* m = fields.find("id")) {
    if (auto text = context_.text(*m->value, "`id`")) entry.id = text->text;
  }
}

bool ScenarioParser::read_action(Fields& fields, const YamlMember& member, TimelineEntry& entry) {
  const YamlNode& value = *member.value;
  const auto length_of = [&](const YamlNode& node, const std::string& what) {
    const auto length = context_.duration(node, what);
    if (length) entry.for_ms = length->ms;
    return length.has_value();
  };
  const auto name_of = [&](std::optional<dsl::Word> word) {
    if (word) entry.name = word->text;
    return word.has_value();
  };
  const auto down_for = [&](bool required) {
    const YamlMember* m = fields.find("down_for");
    if (m == nullptr && !required) return true;
    if (m == nullptr) {
      context_.error(member.key_at, "form.missing-key", "how long is the adapter down?",
                     "add `down_for: 10m`, or `down_for: ever`");
      return false;
    }
    if (m->value->is_scalar() && m->value->text == "ever") return true;
    return length_of(*m->value, "`down_for`");
  };
  switch (entry.kind) {
    case Action::kAdapterDown:
      return name_of(context_.name(value, "`adapter`")) && down_for(true);
    case Action::kBrokerDown:
      return length_of(value, "`broker_down_for`");
    case Action::kCrash:
      return context_.boolean(value, "`crash`").value_or(false) && down_for(false);
    case Action::kCancel: {
      if (value.plain && value.text == "true") return true;
      const auto reason = context_.text(value, "`cancel`");
      if (reason) entry.reason = reason->text;
      return reason.has_value();
    }
    case Action::kEvent:
      read_data(fields, entry);
      return name_of(context_.dotted_name(value, "`event`"));
    case Action::kSignal:
      read_data(fields, entry);
      return name_of(context_.dotted_name(value, "`signal`"));
    case Action::kOperator: {
      static const std::vector<std::string> kVerbs{"retry",      "skip",        "resume",
                                                   "compensate", "cancel",      "terminate",
                                                   "resolve",    "mark_undone", "move"};
      const auto verb = context_.one_of(value, "`operator`", kVerbs);
      if (verb) entry.name = kVerbs[*verb];
      if (const YamlMember* m = fields.find("target")) {
        if (auto step = context_.text(*m->value, "`target`")) entry.target = step->text;
      }
      if (const YamlMember* m = fields.find("output")) entry.data = holes(*m->value, "`output`");
      if (const YamlMember* m = fields.find("to")) {
        if (auto version = context_.text(*m->value, "`to`")) entry.version = version->text;
      }
      if (const YamlMember* m = fields.find("as")) {
        static const std::vector<std::string> kAs{"done", "not_done"};
        if (auto word = context_.one_of(*m->value, "`as`", kAs)) entry.as = kAs[*word];
      }
      return verb.has_value();
    }
    case Action::kPause:
    case Action::kUnpause: {
      if (value.is_scalar() && value.text == "engine") {
        entry.name = "engine";
        return true;
      }
      if (value.is_mapping() && value.members.size() == 1) {
        Fields what(context_, value, value.at, "`" + member.key + "`");
        for (const char* kind : {"adapter", "workflow"}) {
          const YamlMember* m = what.find(kind);
          if (m == nullptr) continue;
          entry.name = kind;
          if (auto name = context_.dotted_name(*m->value, "the name")) entry.target = name->text;
        }
        what.finish();
        return !entry.target.empty();
      }
      context_.error(value.at, "form.value", "`" + member.key + "` does not say what",
                     "write `engine`, `{adapter: NAME}` or `{workflow: NAME}`");
      return false;
    }
    case Action::kStart:
      read_start(value, entry);
      return !entry.target.empty() && entry.data.has_value();
    case Action::kClockForward:
    case Action::kClockBack:
      return length_of(value, "`" + member.key + "`");
  }
  return false;
}

void ScenarioParser::read_start(const YamlNode& node, TimelineEntry& entry) {
  if (!context_.expect_mapping(node, "`start`", "start: {workflow: NAME, input: {…}}")) return;
  Fields fields(context_, node, node.at, "`start`");
  if (const YamlMember* m = fields.require("workflow", "workflow: NAME")) {
    if (auto name = context_.dotted_name(*m->value, "`workflow`")) entry.target = name->text;
  }
  if (const YamlMember* m = fields.require("input", "input: {file: …}")) {
    if (auto value = input(*m->value)) entry.data = dsl::Template::literal(std::move(*value));
  }
  if (const YamlMember* m = fields.find("key")) {
    if (auto key = context_.text(*m->value, "`key`")) entry.id = key->text;
  }
  fields.finish();
}

}  // namespace weft::sim
