// `expect:` of a scenario: how it ends.
#include <utility>

#include "dsl/names.h"
#include "orchestrator/sim/scenario_parser.h"

namespace weft::sim {

using dsl::Fields;
using dsl::YamlMember;
using dsl::YamlNode;

namespace {

constexpr std::int64_t kCountMax = 1'000'000;

const std::vector<std::string>& saga_states() {
  static const std::vector<std::string> kStates{
      "completed", "compensated", "failed", "terminated",   "stuck",
      "running",   "waiting",     "queued", "compensating", "refused"};
  return kStates;
}

}  // namespace

std::optional<std::vector<std::string>> ScenarioParser::texts(const YamlNode& node,
                                                              std::string_view what) {
  if (!context_.expect_list(node, what, "[a, b]")) return std::nullopt;
  std::vector<std::string> out;
  for (const auto& item : node.items) {
    auto text = context_.text(*item, std::string("an item of ") + std::string(what));
    if (!text) return std::nullopt;
    out.push_back(std::move(text->text));
  }
  return out;
}

void ScenarioParser::expect_calls(const YamlNode& node, Expectations& out) {
  if (!context_.expect_mapping(node, "`called`", "called: {payments.void: 1}")) return;
  for (const YamlMember& member : node.members) {
    if (!is_operation(member.key, member.key_at)) continue;
    CountRange range;
    if (member.value->is_mapping()) {
      Fields fields(context_, *member.value, member.value->at, "a number of calls");
      range.at_most = kCountMax;
      if (const YamlMember* m = fields.find("at_least")) {
        if (auto n = context_.integer(*m->value, "`at_least`", 0, kCountMax))
          range.at_least = n->value;
      }
      if (const YamlMember* m = fields.find("at_most")) {
        if (auto n = context_.integer(*m->value, "`at_most`", 0, kCountMax))
          range.at_most = n->value;
      }
      fields.finish();
    } else if (auto n = context_.integer(*member.value, "a number of calls", 0, kCountMax)) {
      range = {n->value, n->value};
    }
    out.called.emplace(member.key, std::pair{range, member.key_at});
  }
}

void ScenarioParser::expect_error(const YamlNode& node, Expectations& out) {
  if (node.is_scalar() && node.plain && node.text == "none") {
    out.no_error = true;
    return;
  }
  if (node.is_scalar()) {
    if (auto code = context_.code(node, "`error`")) out.error_code = code->text;
    return;
  }
  if (!context_.expect_mapping(node, "`error`", "error: out_of_stock")) return;
  Fields fields(context_, node, node.at, "`error`");
  const auto read = [&](const char* key, std::string& into) {
    const YamlMember* m = fields.find(key);
    if (m == nullptr) return;
    if (auto text = context_.text(*m->value, std::string("`") + key + "`")) into = text->text;
  };
  read("code", out.error_code);
  read("class", out.error_class);
  read("step", out.error_step);
  fields.finish();
}

void ScenarioParser::expect_steps(const YamlNode& node, Expectations& out) {
  static const std::vector<std::string> kStates{"pending", "waiting",  "running", "succeeded",
                                                "failed",  "in_doubt", "skipped", "absent"};
  static const std::vector<std::string> kEffects{"none", "perhaps", "happened", "not_happened"};
  static const std::vector<std::string> kUndo{"pending", "running", "done",
                                              "stuck",   "skipped", "none"};
  if (!context_.expect_mapping(node, "`steps`", "steps: {reserve: succeeded}")) return;
  for (const YamlMember& member : node.members) {
    StepExpectation step;
    step.at = member.key_at;
    const auto word = [&](const YamlNode& value, std::string_view what,
                          const std::vector<std::string>& words, std::string& into) {
      if (auto index = context_.one_of(value, what, words)) into = words[*index];
    };
    if (member.value->is_scalar()) {
      word(*member.value, "a step's state", kStates, step.state);
    } else if (context_.expect_mapping(*member.value, "a step", "{state: succeeded}")) {
      Fields fields(context_, *member.value, member.value->at, "a step");
      if (const YamlMember* m = fields.find("state"))
        word(*m->value, "`state`", kStates, step.state);
      if (const YamlMember* m = fields.find("effect"))
        word(*m->value, "`effect`", kEffects, step.effect);
      if (const YamlMember* m = fields.find("undo"))
        word(*m->value, "`undo`", kUndo, step.compensation);
      if (const YamlMember* m = fields.find("attempts")) {
        if (auto n = context_.integer(*m->value, "`attempts`", 0, kCountMax))
          step.attempts = n->value;
      }
      if (const YamlMember* m = fields.find("code")) {
        if (auto code = context_.code(*m->value, "`code`")) step.code = code->text;
      }
      if (const YamlMember* m = fields.find("output"))
        step.output = constant(*m->value, "`output`");
      fields.finish();
    }
    out.steps[member.key] = std::move(step);
  }
}

void ScenarioParser::expect_stuck(const YamlNode& node, Expectations& out) {
  out.stuck = true;
  if (node.is_scalar()) {
    if (auto step = context_.text(node, "`stuck`")) out.stuck_step = step->text;
    return;
  }
  if (!context_.expect_mapping(node, "`stuck`", "stuck: {step: ship, code: timeout}")) return;
  Fields fields(context_, node, node.at, "`stuck`");
  if (const YamlMember* m = fields.find("step")) {
    if (auto step = context_.text(*m->value, "`step`")) out.stuck_step = step->text;
  }
  if (const YamlMember* m = fields.find("code")) {
    if (auto code = context_.code(*m->value, "`code`")) out.stuck_code = code->text;
  }
  fields.finish();
}

void ScenarioParser::expect_sagas(const YamlNode& node, Expectations& out) {
  if (!context_.expect_mapping(node, "`sagas`", "sagas: {shop.refund: completed}")) return;
  for (const YamlMember& member : node.members) {
    std::pair<std::string, std::string> expected;
    const auto state = [&](const YamlNode& value) {
      if (auto word = context_.one_of(value, "a saga's state", saga_states())) {
        expected.first = saga_states()[*word];
      }
    };
    if (member.value->is_scalar()) {
      state(*member.value);
    } else if (context_.expect_mapping(*member.value, "a saga", "{state: completed}")) {
      Fields fields(context_, *member.value, member.value->at, "a saga");
      if (const YamlMember* m = fields.find("state")) state(*m->value);
      if (const YamlMember* m = fields.find("status")) {
        if (auto status = context_.status(*m->value, "`status`")) expected.second = status->text;
      }
      fields.finish();
    }
    out.sagas[member.key] = std::move(expected);
  }
}

Expectations ScenarioParser::expectations(const YamlMember& member) {
  Expectations out;
  out.at = member.key_at;
  const YamlNode& node = *member.value;
  if (!context_.expect_mapping(node, "`expect`", "expect: {outcome: completed}")) return out;
  if (node.members.empty()) {
    context_.error(node.at, "form.empty", "`expect` expects nothing", "add `outcome: completed`");
  }
  Fields fields(context_, node, node.at, "`expect`");
  const auto list = [&](const char* key, std::optional<std::vector<std::string>>& into) {
    if (const YamlMember* m = fields.find(key))
      into = texts(*m->value, std::string("`") + key + "`");
  };
  const auto count = [&](const char* key, std::optional<std::int64_t>& into) {
    const YamlMember* m = fields.find(key);
    if (m == nullptr) return;
    if (auto n = context_.integer(*m->value, std::string("`") + key + "`", 0, kCountMax))
      into = n->value;
  };
  if (const YamlMember* m = fields.find("outcome")) {
    if (auto word = context_.one_of(*m->value, "`outcome`", saga_states())) {
      out.outcome = saga_states()[*word];
    }
  }
  if (const YamlMember* m = fields.find("status")) {
    if (auto status = context_.status(*m->value, "`status`")) out.status = status->text;
  }
  list("status_path", out.status_path);
  list("undone", out.undone);
  list("order", out.order);
  list("emitted", out.emitted);
  list("history", out.history);
  count("exceptions", out.exceptions);
  count("anomalies", out.anomalies);
  if (const YamlMember* m = fields.find("called")) expect_calls(*m->value, out);
  if (const YamlMember* m = fields.find("not_called")) {
    if (context_.expect_list(*m->value, "`not_called`", "[payments.capture]")) {
      for (const auto& item : m->value->items) {
        auto name = context_.text(*item, "an item of `not_called`");
        if (name && is_operation(name->text, item->at))
          out.not_called.emplace_back(name->text, item->at);
      }
    }
  }
  if (const YamlMember* m = fields.find("balance")) {
    if (context_.expect_mapping(*m->value, "`balance`", "balance: {stock: 0}")) {
      for (const YamlMember& resource : m->value->members) {
        const auto amount = constant(*resource.value, "a balance");
        if (amount && !amount->is_number()) {
          context_.error(resource.value->at, "form.type", "a balance must be a number");
        } else if (amount) {
          out.balance.emplace_back(resource.key, *amount);
        }
      }
    }
  }
  if (const YamlMember* m = fields.find("within")) {
    if (auto length = context_.duration(*m->value, "`within`")) out.within_ms = length->ms;
  }
  if (const YamlMember* m = fields.find("error")) expect_error(*m->value, out);
  if (const YamlMember* m = fields.find("output")) out.output = constant(*m->value, "`output`");
  if (const YamlMember* m = fields.find("steps")) expect_steps(*m->value, out);
  if (const YamlMember* m = fields.find("stuck")) expect_stuck(*m->value, out);
  if (const YamlMember* m = fields.find("sagas")) expect_sagas(*m->value, out);
  fields.finish();
  for (const YamlMember& each : node.members) out.places[each.key] = each.key_at;
  return out;
}

}  // namespace weft::sim
