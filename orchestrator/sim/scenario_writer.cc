#include "orchestrator/sim/scenario_writer.h"

#include <algorithm>

#include "dsl/yaml_reader.h"

namespace weft::sim {
namespace {

using dsl::Value;

bool plain(const std::string& text) {
  if (text.empty() || text.front() == ' ' || text.back() == ' ' || text.size() > 60) return false;
  const bool safe = std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == '/' || c == ' ';
  });
  if (!safe || text.front() == '-' || text.front() == '.') return false;
  const dsl::PlainScalar read = dsl::resolve_plain(text);
  return read.value.is_string() && read.quarrel.empty();
}

std::string text_of(const std::string& text) { return plain(text) ? text : Value(text).to_json(); }

std::string comment_lines(const std::string& comment, const std::string& indent) {
  std::string out;
  std::size_t from = 0;
  while (from < comment.size()) {
    const std::size_t end = std::min(comment.find('\n', from), comment.size());
    out += indent + "# " + comment.substr(from, end - from) + "\n";
    from = end + 1;
  }
  return out;
}

}  // namespace

std::string flow_text(const Value& value) {
  if (value.is_string()) return text_of(value.as_string());
  std::string out;
  if (value.is_array()) {
    for (const Value& item : value.as_array()) out += (out.empty() ? "" : ", ") + flow_text(item);
    return "[" + out + "]";
  }
  if (value.is_object()) {
    for (const dsl::Member& member : value.as_object()) {
      out += (out.empty() ? "" : ", ") + text_of(member.key) + ": " + flow_text(member.value);
    }
    return "{" + out + "}";
  }
  return value.to_json();
}

std::string scenarios_text(const std::vector<ScenarioDraft>& drafts,
                           const std::vector<std::string>& comments, const Scripts& common) {
  std::string out;
  if (!common.empty()) out += "adapters:\n";
  for (const auto& [operation, entries] : common) {
    out += "  " + operation + ":\n";
    for (const ScriptEntry& entry : entries) out += "    - " + flow_text(entry.written) + "\n";
  }
  out += "tests:\n";
  for (std::size_t i = 0; i < drafts.size(); ++i) {
    const ScenarioDraft& draft = drafts[i];
    if (i < comments.size()) out += comment_lines(comments[i], "  ");
    out += "  - test: " + text_of(draft.name) + "\n";
    out += "    workflow: " + draft.workflow + "\n";
    out += "    input: " + flow_text(draft.input) + "\n";
    if (!draft.key.empty()) out += "    key: " + text_of(draft.key) + "\n";
    if (!draft.given.is_null()) out += "    given: " + flow_text(draft.given) + "\n";
    if (!draft.adapters.empty()) out += "    adapters:\n";
    for (const auto& [operation, entries] : draft.adapters) {
      out += "      " + operation + ":\n";
      for (const Value& entry : entries) out += "        - " + flow_text(entry) + "\n";
    }
    if (!draft.timeline.empty()) out += "    at:\n";
    for (const Value& entry : draft.timeline) out += "      - " + flow_text(entry) + "\n";
    out += "    expect:\n";
    const Value expect =
        draft.expect.is_object() ? draft.expect : Value::object({{"outcome", "completed"}});
    for (const dsl::Member& member : expect.as_object()) {
      out += "      " + member.key + ": " + flow_text(member.value) + "\n";
    }
  }
  return out;
}

Value expectation_of(const ScenarioResult& result) {
  Value::Object members{{"outcome", result.outcome}};
  const auto list = [](const std::vector<std::string>& texts) {
    Value::Array items;
    for (const std::string& text : texts) items.emplace_back(text);
    return Value::array(std::move(items));
  };
  if (result.outcome == "refused") {
    members.push_back({"error", result.refused_code});
    return Value::object(std::move(members));
  }
  if (!result.status_path.empty()) members.push_back({"status_path", list(result.status_path)});
  const core::Error& error = result.state.error;
  if (!error.code.empty()) {
    Value said = Value::object({{"code", error.code}});
    if (!error.step.empty()) said = said.with("step", error.step);
    members.push_back({"error", std::move(said)});
  }
  if (!result.undone.empty()) members.push_back({"undone", list(result.undone)});
  if (!result.balance.empty()) {
    Value::Object balance;
    for (const auto& [resource, amount] : result.balance)
      balance.push_back({resource, Value(amount)});
    members.push_back({"balance", Value::object(std::move(balance))});
  }
  if (!result.state.stuck.empty()) {
    const auto& [path, stuck] = *result.state.stuck.begin();
    Value said = Value::empty_object();
    if (!path.empty()) said = said.with("step", path.str());
    if (!stuck.error.code.empty()) said = said.with("code", stuck.error.code);
    members.push_back({"stuck", std::move(said)});
  }
  if (result.state.exceptions > 0) members.push_back({"exceptions", result.state.exceptions});
  return Value::object(std::move(members));
}

}  // namespace weft::sim
