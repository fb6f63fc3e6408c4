// The kinds of steps that hold others or wait.
#include <algorithm>
#include <charconv>
#include <string>
#include <utility>

#include "dsl/names.h"
#include "dsl/parser_context.h"

namespace weft::dsl {
namespace {

constexpr std::int64_t kItemsMax = 10'000;  // Of a foreach and rounds of a repeat.

/// RFC 3339, as `fromdate` of the expressions reads it.
bool is_moment(const Value& value) {
  static const auto kReader = Expression::compile("fromdate");
  MapBindings bindings;
  bindings.set(".", value);
  return kReader && kReader->evaluate(bindings).has_value();
}

}  // namespace

void StepParser::read_choice(const YamlNode& value, StepSyntax& step) {
  if (!context_.expect_list(value, "`choice`", "- when: ${ … }")) return;
  if (value.items.empty()) {
    context_.error(value.at, "form.empty", "`choice` must have at least one branch",
                   "write `- when: ${ … }` and what is done then");
  }
  for (std::size_t i = 0; i < value.items.size(); ++i) {
    auto parsed = branch(*value.items[i]);
    if (!parsed) continue;
    if (parsed->otherwise && i + 1 < value.items.size()) {
      context_.error(parsed->at, "choice.order", "`otherwise` must be the last branch",
                     "what follows it could never run: move it to the end");
    }
    step.branches.push_back(std::move(*parsed));
  }
}

std::optional<BranchSyntax> StepParser::branch(const YamlNode& node) {
  static constexpr const char* kExample = "- when: ${ … }";
  if (!context_.expect_mapping(node, "a branch of `choice`", kExample)) return std::nullopt;
  BranchSyntax out;
  out.at = node.at;
  const YamlMember* otherwise = node.find("otherwise");
  const YamlMember* when = node.find("when");
  if (otherwise != nullptr && when != nullptr) {
    context_.error(otherwise->key_at, "form.clash",
                   "`otherwise` stands beside `when` (" + std::to_string(when->key_at.line) + ":" +
                       std::to_string(when->key_at.column) + ")",
                   "make it a branch of its own: `- otherwise: {…}`");
    return std::nullopt;
  }
  const YamlNode* content = &node;
  if (otherwise != nullptr) {
    Fields outer(context_, node, node.at, "a branch with `otherwise`");
    outer.find("otherwise");
    for (const char* key : {"status", "do", "raise", "message"}) {
      outer.refuse(key, std::string("`") + key + "` stands beside `otherwise`",
                   "write it inside: `otherwise: {" + std::string(key) + ": …}`");
    }
    outer.finish();
    out.otherwise = true;
    content = otherwise->value.get();
    if (!context_.expect_mapping(*content, "`otherwise`", "otherwise: {raise: CODE}")) {
      return std::nullopt;
    }
  }
  Fields fields(context_, *content, otherwise != nullptr ? otherwise->key_at : node.at,
                otherwise != nullptr ? "`otherwise`" : "a branch of `choice`");
  if (otherwise == nullptr) {
    const YamlMember* condition = fields.require("when", "when: ${ … }");
    if (condition != nullptr) out.when = context_.expression(*condition->value, "`when`");
    fields.meant("otherwise");
  }
  if (const auto* status = fields.find("status")) {
    out.status = context_.status(*status->value, "`status`");
  }
  const YamlMember* body = fields.find("do");
  if (body != nullptr) out.body = steps(*body->value, "`do`");
  const YamlMember* raise = fields.find("raise");
  if (raise != nullptr) {
    out.raise = context_.code(*raise->value, "`raise`");
    if (const auto* message = fields.find("message")) {
      if (auto text = context_.constant_text(*message->value, "`message` of a branch")) {
        out.raise_message = std::move(text->text);
      }
    }
  }
  if (raise != nullptr && body != nullptr) {
    const bool raise_later = before(body->key_at, raise->key_at);
    const YamlMember* later = raise_later ? raise : body;
    const YamlMember* first = raise_later ? body : raise;
    context_.error(later->key_at, "form.clash",
                   "`" + later->key + "` stands beside `" + first->key + "` (" +
                       std::to_string(first->key_at.line) + ":" +
                       std::to_string(first->key_at.column) + ")",
                   "to do something and then fail, end `do` with `- {step: NAME, raise: CODE}`");
  }
  fields.finish();
  return out;
}

void StepParser::read_parallel(Fields& fields, const YamlNode& value, StepSyntax& step) {
  if (const auto* race = fields.find("race")) {
    step.race = context_.boolean(*race->value, "`race`").value_or(false);
  }
  if (value.is_mapping()) {
    for (const YamlMember& member : value.members) {
      ParallelBranchSyntax out;
      out.name = {member.key, member.key_at};
      const bool named = context_.check_name(out.name, "a branch");
      out.steps = steps(*member.value, "the branch `" + member.key + "`");
      if (named) step.parallel.push_back(std::move(out));
    }
    // The order of keys means nothing, so the graph and its digest must not know it.
    std::sort(step.parallel.begin(), step.parallel.end(),
              [](const auto& a, const auto& b) { return a.name.text < b.name.text; });
  } else if (value.is_sequence()) {
    for (StepSyntax& single : steps(value, "`parallel`")) {
      ParallelBranchSyntax out;
      out.name = single.name;
      out.steps.push_back(std::move(single));
      step.parallel.push_back(std::move(out));
    }
    return;
  } else {
    context_.error(value.at, "form.type", "`parallel` must be a list of steps or named lists",
                   "write `- step: NAME` for each branch, or `name: [steps]`");
    return;
  }
  if (value.members.empty()) {
    context_.error(value.at, "form.empty", "`parallel` must have at least one branch",
                   "write `name: [steps]` for each branch");
  }
}

void StepParser::read_foreach(Fields& fields, const YamlNode& value, StepSyntax& step) {
  step.items = context_.expression(value, "`foreach`");
  if (const auto* as = fields.find("as")) step.as = context_.name(*as->value, "`as`");
  if (const auto* at_once = fields.find("at_once")) {
    const auto count = context_.integer(*at_once->value, "`at_once`", 1, kItemsMax);
    if (count) step.at_once = count->value;
  }
  if (const auto* tolerate = fields.find("tolerate")) {
    const YamlNode& node = *tolerate->value;
    ToleranceSyntax tolerance;
    if (node.is_sequence()) {
      auto codes = context_.words(node, "`tolerate`", &ParserContext::code);
      if (codes) tolerance.codes = std::move(*codes);
    } else if (node.is_scalar() && node.text.ends_with('%')) {
      tolerance.percent = context_.percent(node, "`tolerate`", 0);
    } else if (node.is_scalar() && node.plain && resolve_plain(node.text).value.is_number()) {
      if (auto count = context_.integer(node, "`tolerate`", 0, kItemsMax)) {
        tolerance.count = count->value;
      }
    } else {
      context_.error(node.at, "form.value", "`tolerate` cannot be this",
                     "write codes `[out_of_stock]`, a count `3`, or a share `20%`");
    }
    step.tolerate = std::move(tolerance);
  }
  if (const auto* body = fields.require("do", "do: [steps]")) {
    step.body = steps(*body->value, "`do`");
  }
}

void StepParser::read_repeat(Fields& fields, const YamlNode& value, StepSyntax& step) {
  if (const auto* action = fields.require(
          "on_timeout", "on_timeout: {raise: exhausted}`, `{do: [steps]}` or `continue")) {
    step.on_timeout = on_timeout(*action);
  }
  if (!context_.expect_mapping(value, "`repeat`",
                               "repeat: {do: [steps], until: '${ … }', at_most: 10}")) {
    return;
  }
  Fields inner(context_, value, step.kind_at, "`repeat`");
  if (const auto* body = inner.require("do", "do: [steps]")) {
    step.body = steps(*body->value, "`do`");
  }
  if (const auto* until = inner.require("until", "until: '${ … }'")) {
    step.until = context_.expression(*until->value, "`until`");
  }
  if (const auto* at_most = inner.require("at_most", "at_most: 10")) {
    const auto count = context_.integer(*at_most->value, "`at_most`", 1, kItemsMax);
    if (count) step.rounds_max = count->value;
  }
  if (const auto* every = inner.find("every")) {
    const auto length = context_.duration(*every->value, "`every`", true);
    if (length) step.every_ms = length->ms;
  }
  inner.refuse("on_timeout", "`on_timeout` stands inside `repeat`",
               "write it beside `repeat`, as a key of the step");
  inner.finish();
}

void StepParser::read_listen(Fields& fields, const YamlNode& value, StepSyntax& step) {
  if (auto name = context_.dotted_name(value, "`listen`")) step.target = std::move(*name);
  if (const auto* correlate = fields.find("correlate")) {
    step.correlate = parse_correlation(context_, *correlate);
  }
  if (const auto* filter = fields.find("filter")) {
    step.filter = context_.expression(*filter->value, "`filter`");
  }
  if (const auto* keep = fields.find("keep")) {
    const auto length = context_.duration(*keep->value, "`keep`", true);
    if (length) step.keep_ms = length->ms;
  }
  const YamlMember* timeout = fields.find("timeout");
  const YamlMember* action = fields.find("on_timeout");
  if (timeout != nullptr) step.timeout = context_.duration(*timeout->value, "`timeout`");
  if (action != nullptr) step.on_timeout = on_timeout(*action);
  if (timeout != nullptr && action == nullptr) {
    context_.error(step.kind_at, "form.missing-key",
                   "a `listen` step with `timeout` lacks the key `on_timeout`",
                   "add `on_timeout: {raise: CODE}`, `{do: [steps]}` or `continue`");
  }
  if (timeout == nullptr && action != nullptr) {
    context_.error(step.kind_at, "form.missing-key",
                   "a `listen` step with `on_timeout` lacks the key `timeout`",
                   "add `timeout: 30m`");
  }
}

std::optional<TimeoutSyntax> StepParser::on_timeout(const YamlMember& member) {
  const YamlNode& node = *member.value;
  TimeoutSyntax out;
  out.at = member.key_at;
  if (node.is_scalar() && node.text == "continue") {
    out.kind = TimeoutAction::Kind::kContinue;
    return out;
  }
  if (!node.is_mapping()) {
    context_.error(node.at, "form.value", "`on_timeout` cannot be this",
                   "write `{raise: CODE}`, `{do: [steps]}` or `continue`");
    return std::nullopt;
  }
  Fields fields(context_, node, member.key_at, "`on_timeout`");
  const YamlMember* raise = fields.find("raise");
  const YamlMember* body = fields.find("do");
  if (raise != nullptr) {
    out.raise = context_.code(*raise->value, "`raise`");
    if (const auto* message = fields.find("message")) {
      if (auto text = context_.constant_text(*message->value, "`message` of `on_timeout`")) {
        out.raise_message = std::move(text->text);
      }
    }
  }
  if (body != nullptr) {
    out.kind = TimeoutAction::Kind::kDo;
    out.body = steps(*body->value, "`do`");
  }
  fields.finish();
  if ((raise == nullptr) == (body == nullptr)) {
    context_.error(
        raise != nullptr ? std::max(raise->key_at, body->key_at, before) : member.value->at,
        raise != nullptr ? "form.clash" : "form.value",
        raise != nullptr ? "`on_timeout` has both `raise` and `do`" : "`on_timeout` says nothing",
        "write `{raise: CODE}`, `{do: [steps]}` or `continue`");
  }
  return out;
}

void StepParser::read_wait(const YamlNode& value, StepSyntax& step) {
  if (!value.is_mapping()) {
    if (value.is_scalar() && value.text.find("${") != std::string::npos) {
      context_.error(value.at, "form.duration", "`wait` must be a fixed duration",
                     "for a computed moment write `wait: {until: '${ … }'}`");
      return;
    }
    step.wait = context_.duration(value, "`wait`");
    return;
  }
  Fields fields(context_, value, step.kind_at, "`wait`");
  if (const auto* until = fields.require("until", "until: '${ … }'")) {
    step.wait_until = context_.scalar_template(*until->value, "`until`");
    const Value* fixed = step.wait_until ? step.wait_until->value.constant() : nullptr;
    if (fixed != nullptr && !is_moment(*fixed)) {
      context_.error(until->value->at, "wait.until",
                     "`until` must be a date and time, not " + quoted(until->value->text),
                     "write it like `2026-03-01T12:00:00Z`, or work it out: `${ … }`");
    }
  }
  fields.finish();
}

void StepParser::read_saga(Fields& fields, const YamlNode& value, StepSyntax& step) {
  if (const auto* detach = fields.find("detach")) {
    step.detach = context_.boolean(*detach->value, "`detach`").value_or(false);
  }
  const std::string text = value.is_scalar() ? value.text : std::string();
  const std::size_t sign = text.find('@');
  const std::string name = text.substr(0, sign);
  const std::string major = sign == std::string::npos ? std::string() : text.substr(sign + 1);
  int number = -1;
  const auto [end, problem] = std::from_chars(major.data(), major.data() + major.size(), number);
  const bool whole = problem == std::errc() && end == major.data() + major.size() && number >= 0 &&
                     (major.size() == 1 || major.front() != '0');
  if (!is_dotted_name(name) || !whole) {
    std::string instead = "write it like `retail.returns@1`";
    if (is_dotted_name(name) && sign == std::string::npos) {
      instead = "write the major version too: " + quoted(name + "@1");
    } else if (is_dotted_name(name) && major.starts_with('v') &&
               is_version(major.substr(1) + ".0.0")) {
      instead = "write the number only: " + quoted(name + "@" + major.substr(1));
    } else if (is_dotted_name(name) && is_version(major)) {
      instead = "write the major version only: " +
                quoted(name + "@" + std::to_string(major_version(major)));
    }
    context_.error(value.at, "form.saga",
                   "`saga` must be `WORKFLOW@MAJOR`" +
                       (text.empty() ? std::string() : ", not " + quoted(text)),
                   std::move(instead));
    return;
  }
  step.target = {name, value.at};
  step.major = number;
}

}  // namespace weft::dsl
