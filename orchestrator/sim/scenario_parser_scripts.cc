// `adapters:` of a scenario: what adapters answer.
#include <algorithm>
#include <array>
#include <utility>

#include "dsl/names.h"
#include "orchestrator/sim/scenario_parser.h"

namespace weft::sim {

using dsl::Fields;
using dsl::YamlMember;
using dsl::YamlNode;

bool ScenarioParser::is_operation(const std::string& text, dsl::Position at) {
  const std::size_t dot = text.find('.');
  if (dot != std::string::npos && dsl::is_name(text.substr(0, dot)) &&
      dsl::is_name(text.substr(dot + 1))) {
    return true;
  }
  context_.error(at, "form.name", dsl::quoted(text) + " is no operation of an adapter",
                 "write it like `payments.authorise`");
  return false;
}

/// Two keys of which one would do: shown at the later one, naming the first.
void ScenarioParser::report_clash(const YamlMember& a, const YamlMember& b, std::string instead) {
  const bool in_order =
      std::pair(a.key_at.line, a.key_at.column) < std::pair(b.key_at.line, b.key_at.column);
  const YamlMember& first = in_order ? a : b;
  const YamlMember& later = in_order ? b : a;
  context_.error(later.key_at, "form.clash",
                 "`" + later.key + "` stands beside `" + first.key + "`", std::move(instead));
}

Scripts ScenarioParser::scripts(const YamlNode& node) {
  Scripts out;
  if (!context_.expect_mapping(node, "`adapters`", "adapters: {payments.void: {fail: gone}}")) {
    return out;
  }
  for (const YamlMember& member : node.members) {
    if (!is_operation(member.key, member.key_at)) continue;
    std::vector<ScriptEntry> entries;
    if (member.value->is_sequence()) {
      if (member.value->items.empty()) {
        context_.error(member.value->at, "form.empty", "this script says nothing",
                       "write `[{reply: {…}}]`, or leave the operation out: it succeeds then");
      }
      for (const auto& item : member.value->items) {
        if (auto entry = script_entry(*item)) entries.push_back(std::move(*entry));
      }
    } else if (auto entry = script_entry(*member.value)) {
      entries.push_back(std::move(*entry));
    }
    out[member.key] = std::move(entries);
  }
  return out;
}

std::optional<ScriptEntry> ScenarioParser::script_entry(const YamlNode& node) {
  if (!context_.expect_mapping(node, "an answer", "{reply: {…}}")) return std::nullopt;
  Fields fields(context_, node, node.at, "an answer");
  ScriptEntry entry;
  entry.at = node.at;
  entry.written = dsl::to_value(node);
  read_selection(fields, entry);
  const bool good = read_answer(fields, node, entry);
  read_manner(fields, node, entry);
  fields.finish();
  if (!good) return std::nullopt;
  return entry;
}

void ScenarioParser::read_selection(Fields& fields, ScriptEntry& entry) {
  if (const YamlMember* m = fields.find("where")) {
    if (m->value->is_mapping()) {
      entry.where = constant(*m->value, "`where`");
    } else if (auto read = context_.expression(*m->value, "`where`")) {
      entry.where_holds = std::move(read->expression);
    }
  }
  if (const YamlMember* m = fields.find("step")) {
    if (auto step = context_.text(*m->value, "`step`")) entry.step = step->text;
  }
  if (const YamlMember* m = fields.find("undo")) entry.undo = context_.boolean(*m->value, "`undo`");
  if (const YamlMember* m = fields.find("times")) {
    if (auto times = context_.integer(*m->value, "`times`", 1, 100'000)) entry.times = times->value;
  }
}

/// What is answered: one of the kinds. Nothing of them, with `late`, `twice`, `takes` or `pending`,
/// is a success.
bool ScenarioParser::read_answer(Fields& fields, const YamlNode& node, ScriptEntry& entry) {
  using Kind = ScriptEntry::Kind;
  static constexpr std::array<std::pair<std::string_view, Kind>, 6> kKinds{{
      {"fail", Kind::kFail},
      {"transient", Kind::kTransient},
      {"unavailable", Kind::kUnavailable},
      {"unknown", Kind::kUnknown},
      {"invalid", Kind::kInvalid},
      {"state", Kind::kProbe},
  }};
  const YamlMember* reply = fields.find("reply");
  if (reply != nullptr) entry.reply = holes(*reply->value, "`reply`");
  const YamlMember* chosen = nullptr;
  for (const auto& [key, kind] : kKinds) {
    const YamlMember* member = fields.find(key);
    if (member == nullptr) continue;
    if (chosen != nullptr) {
      report_clash(*chosen, *member, "write two answers, one after the other");
      return false;
    }
    chosen = member;
    entry.kind = kind;
  }
  if (chosen == nullptr) {
    const bool manner = node.find("late") != nullptr || node.find("twice") != nullptr ||
                        node.find("takes") != nullptr || node.find("pending") != nullptr ||
                        node.find("contradicted") != nullptr;
    if (reply != nullptr || manner) return true;
    // A misspelt kind is reported with its near match, not as missing.
    for (const YamlMember& member : node.members) {
      if (member.key != "where" && member.key != "step" && member.key != "undo" &&
          member.key != "times") {
        return false;
      }
    }
    context_.error(
        node.at, "form.missing-key", "this does not say what is answered",
        "add `reply`, `fail`, `transient`, `unavailable`, `unknown`, `invalid` or `late`");
    return false;
  }
  const YamlNode& value = *chosen->value;
  const auto yes = [&] {
    const auto said = context_.boolean(value, "`" + chosen->key + "`");
    if (said && !*said) {
      context_.error(value.at, "form.value", "`" + chosen->key + ": false` says nothing",
                     "leave it out");
      return false;
    }
    return said.has_value();
  };
  switch (entry.kind) {
    case Kind::kFail: {
      const auto code = context_.code(value, "`fail`");
      if (!code) return false;
      entry.code = code->text;
      return true;
    }
    case Kind::kTransient: {
      if (value.text == "true" && value.plain) return true;
      const auto code = context_.code(value, "`transient`");
      if (code) entry.code = code->text;
      return code.has_value();
    }
    case Kind::kUnavailable: {
      if (value.text == "true" && value.plain) return true;
      const auto length = context_.duration(value, "`unavailable`");
      if (length) entry.retry_after_ms = length->ms;
      return length.has_value();
    }
    case Kind::kUnknown:
      if (value.is_scalar() && value.text == "error") {
        entry.by_error = true;
        return true;
      }
      return yes();
    case Kind::kInvalid:
      return yes();
    case Kind::kProbe: {
      static const std::vector<std::string> kStates{"done", "not_done", "in_progress", "undone",
                                                    "unknown"};
      const auto state = context_.one_of(value, "`state`", kStates);
      if (state) entry.state = kStates[*state];
      return state.has_value();
    }
    case Kind::kReply:
      break;
  }
  return true;
}

/// How and when the answer comes.
void ScenarioParser::read_manner(Fields& fields, const YamlNode& node, ScriptEntry& entry) {
  const bool fails = entry.kind == ScriptEntry::Kind::kFail;
  const bool succeeds = entry.kind == ScriptEntry::Kind::kReply;
  const auto misplaced = [&](const YamlMember* member, bool fits, std::string_view where) {
    if (member == nullptr || fits) return member == nullptr;
    context_.error(member->key_at, "form.clash",
                   "`" + member->key + "` only goes with " + std::string(where), "leave it out");
    return true;
  };
  if (const YamlMember* m = fields.find("message")) {
    if (auto text = context_.text(*m->value, "`message`")) entry.message = text->text;
  }
  const YamlMember* effect = fields.find("effect");
  if (effect != nullptr) {
    static const std::vector<std::string> kEffects{"none", "perhaps", "undone"};
    if (const auto word = context_.one_of(*effect->value, "`effect`", kEffects)) {
      entry.effect = kEffects[*word];
    }
  }
  const YamlMember* number = fields.find("service_code");
  if (!misplaced(number, fails, "`fail`")) {
    if (auto code = context_.integer(*number->value, "`service_code`", 100, 99'999)) {
      entry.service_code = code->value;
    }
  }
  const YamlMember* again = fields.find("retry_after");
  if (!misplaced(again, fails || entry.kind == ScriptEntry::Kind::kTransient,
                 "`fail` and `transient`")) {
    if (auto length = context_.duration(*again->value, "`retry_after`", true)) {
      entry.retry_after_ms = length->ms;
    }
  }
  const YamlMember* happened = fields.find("happened");
  if (!misplaced(happened, entry.kind == ScriptEntry::Kind::kUnknown, "`unknown`")) {
    entry.happened = context_.boolean(*happened->value, "`happened`").value_or(false);
  }
  if (const YamlMember* m = fields.find("takes")) {
    if (auto length = context_.duration(*m->value, "`takes`", true)) entry.takes_ms = length->ms;
  }
  const YamlMember* late = fields.find("late");
  if (!misplaced(late, succeeds || fails, "a reply or `fail`")) {
    if (auto length = context_.duration(*late->value, "`late`")) entry.late_ms = length->ms;
  }
  if (const YamlMember* m = fields.find("twice")) {
    entry.twice = context_.boolean(*m->value, "`twice`").value_or(false);
  }
  const YamlMember* contradicted = fields.find("contradicted");
  if (!misplaced(contradicted, succeeds || fails, "a reply or `fail`")) {
    entry.contradicted = context_.boolean(*contradicted->value, "`contradicted`").value_or(false);
  }
  const YamlMember* pending = fields.find("pending");
  if (!misplaced(pending, succeeds || fails, "a reply or `fail`")) {
    entry.pending = true;
    if (!pending->value->is_scalar() || pending->value->text != "never") {
      if (auto length = context_.duration(*pending->value, "`pending`", true)) {
        entry.pending_ms = length->ms;
      }
    }
  }
  const YamlMember* heartbeats = fields.find("heartbeats");
  if (!misplaced(heartbeats, entry.pending, "`pending`")) {
    entry.heartbeats = context_.boolean(*heartbeats->value, "`heartbeats`").value_or(true);
  }
  if (entry.late_ms && entry.pending) {
    context_.error(node.at, "form.clash", "an answer cannot be both `late` and `pending`",
                   "`pending: D` says when the result comes");
  }
  if (entry.reply && !succeeds && entry.kind != ScriptEntry::Kind::kProbe && !entry.happened) {
    context_.error(node.at, "form.clash", "this answer is no success, so `reply` says nothing",
                   "write two answers, or `unknown: true, happened: true` with the lost reply");
  }
}

}  // namespace weft::sim
