// Steps: what every step may say, and the kinds.
#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <utility>

#include "dsl/names.h"
#include "dsl/parser_context.h"

namespace weft::dsl {
namespace {

constexpr std::size_t kStepsMax = 1000;
constexpr std::int64_t kItemsMax = 10'000;  // Of a foreach and rounds of a repeat.

struct KindKey {
  const char* key;
  StepKind kind;
};
// `do` comes last: beside `foreach` it is that step's body.
constexpr std::array<KindKey, 13> kKinds{{{"call", StepKind::kCall},
                                          {"set", StepKind::kSet},
                                          {"choice", StepKind::kChoice},
                                          {"parallel", StepKind::kParallel},
                                          {"foreach", StepKind::kForeach},
                                          {"repeat", StepKind::kRepeat},
                                          {"listen", StepKind::kListen},
                                          {"wait", StepKind::kWait},
                                          {"emit", StepKind::kEmit},
                                          {"saga", StepKind::kSaga},
                                          {"raise", StepKind::kRaise},
                                          {"finish", StepKind::kFinish},
                                          {"do", StepKind::kDo}}};

struct OwnedKey {
  const char* key;
  const char* owner;
};
/// Keys that only some kinds have; on another kind they are refused by their owner's name.
constexpr std::array<OwnedKey, 27> kOwnedKeys{{{"with", "a `call`, `emit` or `saga` step"},
                                               {"timeout", "a `call` or `listen` step"},
                                               {"schedule_timeout", "a `call` step"},
                                               {"on_wait", "a `call` step"},
                                               {"retry", "a `call` step"},
                                               {"probe", "a `call` step"},
                                               {"compensate", "a `call` step"},
                                               {"pivot", "a `call` or `saga` step"},
                                               {"reply", "a `call` step"},
                                               {"completes", "a `call` step"},
                                               {"holds", "a `call` step"},
                                               {"releases", "a `call` step"},
                                               {"consumes", "a `call` step"},
                                               {"race", "a `parallel` step"},
                                               {"as", "a `foreach` step"},
                                               {"at_once", "a `foreach` step"},
                                               {"tolerate", "a `foreach` step"},
                                               {"until", "the mapping of `repeat`"},
                                               {"at_most", "the mapping of `repeat`"},
                                               {"every", "the mapping of `repeat`"},
                                               {"on_timeout", "a `listen` or `repeat` step"},
                                               {"correlate", "a `listen` step"},
                                               {"filter", "a `listen` step"},
                                               {"keep", "a `listen` step"},
                                               {"detach", "a `saga` step"},
                                               {"message", "a `raise` step"},
                                               {"otherwise", "an item of `choice`"}}};

}  // namespace

StepList StepParser::steps(const YamlNode& node, std::string_view what) {
  StepList list;
  if (!context_.expect_list(node, what, "- step: NAME")) return list;
  if (node.items.empty()) {
    context_.error(node.at, "form.empty", std::string(what) + " must hold at least one step");
  }
  for (const auto& item : node.items) {
    if (++count_ > kStepsMax) {
      if (count_ == kStepsMax + 1) {
        context_.error(item->at, "limit.steps",
                       "this is step " + std::to_string(count_) + "; a workflow has at most " +
                           std::to_string(kStepsMax),
                       "move some steps into a workflow of their own");
      }
      continue;
    }
    if (auto parsed = step(*item)) list.push_back(std::move(*parsed));
  }
  return list;
}

std::optional<StepSyntax> StepParser::step(const YamlNode& node) {
  if (!context_.expect_mapping(node, "a step", "- step: NAME")) return std::nullopt;
  StepSyntax step;
  step.at = node.at;
  for (const YamlMember& member : node.members) step.keys[member.key] = member.key_at;

  // Exactly one key says the kind.
  const char* kind = nullptr;
  for (const KindKey& candidate : kKinds) {
    const YamlMember* member = node.find(candidate.key);
    if (member == nullptr) continue;
    const std::string_view key = candidate.key;
    if (key == "do" && kind != nullptr && std::string_view(kind) == "foreach") continue;
    if (kind == nullptr) {
      kind = candidate.key;
      step.kind = candidate.kind;
      step.kind_at = member->key_at;
      continue;
    }
    // The clash is shown at the later one.
    Position later = member->key_at;
    Position earlier = step.kind_at;
    std::string later_key(key), earlier_key = kind;
    if (later.line < earlier.line ||
        (later.line == earlier.line && later.column < earlier.column)) {
      std::swap(later, earlier);
      std::swap(later_key, earlier_key);
    }
    std::string instead = "make them two steps";
    if (later_key == "do" || earlier_key == "do") {
      instead = "put the steps in a block of their own";
    }
    context_.error(later, "form.kind",
                   "a step has one kind: `" + later_key + "` stands beside `" + earlier_key +
                       "` (" + std::to_string(earlier.line) + ":" + std::to_string(earlier.column) +
                       ")",
                   instead);
    return std::nullopt;
  }
  if (kind == nullptr) {
    std::vector<std::string> kinds;
    for (const KindKey& candidate : kKinds) kinds.emplace_back(candidate.key);
    std::string instead =
        "add one of call, set, do, choice, parallel, foreach, repeat, listen, wait, emit, saga, "
        "raise, finish";
    Position at = node.at;
    for (const YamlMember& member : node.members) {
      static constexpr std::array<std::string_view, 6> kCommon{
          "step", "when", "status", "description", "on_success", "on_error"};
      if (std::find(kCommon.begin(), kCommon.end(), member.key) != kCommon.end()) continue;
      if (const auto near = nearest(member.key, kinds)) {
        instead = "did you mean " + quoted(*near) + " instead of " + quoted(member.key) + "?";
        at = member.key_at;
        break;
      }
    }
    context_.error(at, "form.kind", "this step does not say what it does", instead);
    return std::nullopt;
  }

  const std::size_t errors = context_.reporter().form_errors();
  Fields fields(context_, node, step.kind_at, std::string("a `") + kind + "` step");
  read_common(fields, step);
  const bool read = read_kind(fields, node, step);
  for (const OwnedKey& owned : kOwnedKeys) {
    fields.refuse(owned.key,
                  std::string("`") + owned.key + "` belongs to " + owned.owner + ", not to a `" +
                      kind + "` step",
                  "remove it, or move it there");
  }
  fields.finish();
  if (!read && context_.reporter().form_errors() == errors) return std::nullopt;
  if (step.name.text.empty()) return std::nullopt;
  return step;
}

void StepParser::read_common(Fields& fields, StepSyntax& step) {
  if (const auto* name = fields.require("step", "step: NAME")) {
    if (auto word = context_.name(*name->value, "a step's name")) step.name = std::move(*word);
  }
  if (const auto* when = fields.find("when")) {
    step.when = context_.expression(*when->value, "`when`");
  }
  if (const auto* description = fields.find("description")) {
    if (auto text = context_.text(*description->value, "`description`")) {
      step.description = text->text;
    }
  }
  if (const auto* status = fields.find("status")) {
    step.status = context_.status(*status->value, "`status`");
  }
  if (const auto* success = fields.find("on_success")) {
    step.on_success = parse_announcement(context_, *success);
  }
  if (const auto* on_error = fields.find("on_error")) read_on_error(*on_error->value, step);
}

bool StepParser::read_kind(Fields& fields, const YamlNode& node, StepSyntax& step) {
  const std::string kind = step_kind_name(step.kind);
  const YamlMember* member = fields.find(kind);
  if (member == nullptr) return false;
  const YamlNode& value = *member->value;
  switch (step.kind) {
    case StepKind::kCall:
      read_call(fields, value, step);
      break;
    case StepKind::kSet:
      step.values = context_.object_template(value, "`set`");
      break;
    case StepKind::kDo:
      step.body = steps(value, "`do`");
      break;
    case StepKind::kChoice:
      read_choice(value, step);
      break;
    case StepKind::kParallel:
      read_parallel(fields, value, step);
      break;
    case StepKind::kForeach:
      read_foreach(fields, value, step);
      break;
    case StepKind::kRepeat:
      read_repeat(fields, value, step);
      break;
    case StepKind::kListen:
      read_listen(fields, value, step);
      break;
    case StepKind::kWait:
      read_wait(value, step);
      break;
    case StepKind::kEmit:
      if (auto name = context_.dotted_name(value, "`emit`")) step.target = std::move(*name);
      break;
    case StepKind::kSaga:
      read_saga(fields, value, step);
      break;
    case StepKind::kRaise:
      if (auto code = context_.code(value, "`raise`")) step.target = std::move(*code);
      if (const auto* message = fields.find("message")) {
        step.values = context_.scalar_template(*message->value, "`message`");
      }
      break;
    case StepKind::kFinish:
      step.values = context_.any_template(value, "`finish`");
      break;
  }
  if (step.kind == StepKind::kEmit || step.kind == StepKind::kSaga ||
      step.kind == StepKind::kCall) {
    if (const auto* with = fields.find("with")) {
      step.with = context_.object_template(*with->value, "`with`");
    }
  }
  if (step.kind == StepKind::kCall || step.kind == StepKind::kSaga) {
    if (const auto* pivot = fields.find("pivot")) {
      step.pivot = context_.boolean(*pivot->value, "`pivot`").value_or(false);
    }
  }
  return node.is_mapping();
}

void StepParser::read_call(Fields& fields, const YamlNode& value, StepSyntax& step) {
  if (auto target = parse_target(context_, value, "`call`")) step.call = std::move(*target);
  if (const auto* timeout = fields.find("timeout")) {
    step.timeout = context_.duration(*timeout->value, "`timeout`");
  }
  if (const auto* timeout = fields.find("schedule_timeout")) {
    step.schedule_timeout = context_.duration(*timeout->value, "`schedule_timeout`");
  }
  if (const auto* on_wait = fields.find("on_wait")) {
    if (context_.expect_mapping(*on_wait->value, "`on_wait`",
                                "on_wait: {after: 2s, status: pending}")) {
      Fields inner(context_, *on_wait->value, on_wait->key_at, "`on_wait`");
      if (const auto* after = inner.require("after", "after: 2s")) {
        step.on_wait_after = context_.duration(*after->value, "`after`", true);
      }
      if (const auto* status = inner.require("status", "status: pending")) {
        step.on_wait_status = context_.status(*status->value, "`status`");
      }
      inner.finish();
    }
  }
  if (const auto* retry = fields.find("retry")) step.retry = parse_retry(context_, *retry, true);
  if (const auto* probe = fields.find("probe")) step.probe = parse_probe(context_, *probe);
  if (const auto* compensate = fields.find("compensate")) {
    step.compensate = parse_compensate(context_, *compensate);
  }
  if (const auto* reply = fields.find("reply")) {
    if (context_.expect_mapping(*reply->value, "`reply`", "reply: {schema: FILE}")) {
      Fields inner(context_, *reply->value, reply->key_at, "`reply`");
      if (const auto* schema = inner.require("schema", "schema: FILE")) {
        step.reply_schema = parse_schema_file(context_, *schema->value, "`schema`");
      }
      inner.finish();
    }
  }
  if (const auto* completes = fields.find("completes")) {
    if (context_.expect_mapping(*completes->value, "`completes`", "completes: {within: 48h}")) {
      step.completes = true;
      Fields inner(context_, *completes->value, completes->key_at, "`completes`");
      if (const auto* within = inner.require("within", "within: 48h")) {
        step.completes_within = context_.duration(*within->value, "`within`");
      }
      if (const auto* heartbeat = inner.find("heartbeat")) {
        step.heartbeat = context_.duration(*heartbeat->value, "`heartbeat`");
      }
      inner.finish();
    }
  }
  if (const auto* holds = fields.find("holds")) {
    step.holds = parse_movements(context_, *holds, false);
  }
  if (const auto* releases = fields.find("releases")) {
    step.releases = parse_movements(context_, *releases, true);
  }
  if (const auto* consumes = fields.find("consumes")) {
    step.consumes = parse_movements(context_, *consumes, true);
  }
}

void StepParser::read_choice(const YamlNode& value, StepSyntax& step) {
  if (!context_.expect_list(value, "`choice`", "- when: ${ … }")) return;
  if (value.items.empty()) {
    context_.error(value.at, "form.empty", "`choice` must have at least one branch");
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
    const bool raise_later =
        raise->key_at.line > body->key_at.line ||
        (raise->key_at.line == body->key_at.line && raise->key_at.column > body->key_at.column);
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
    context_.error(value.at, "form.empty", "`parallel` must have at least one branch");
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
          "on_timeout", "on_timeout: {raise: exhausted}` (or `{do: [steps]}`, or `continue")) {
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
        raise != nullptr ? std::max(raise->key_at, body->key_at,
                                    [](Position a, Position b) {
                                      return a.line < b.line ||
                                             (a.line == b.line && a.column < b.column);
                                    })
                         : member.value->at,
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

void StepParser::read_on_error(const YamlNode& value, StepSyntax& step) {
  if (!context_.expect_list(value, "`on_error`", "- {errors: [CODE], then: continue}")) return;
  if (value.items.empty()) {
    context_.error(value.at, "form.empty", "`on_error` must have at least one route");
  }
  for (const auto& item : value.items) {
    if (!context_.expect_mapping(*item, "a route of `on_error`",
                                 "- {errors: [CODE], then: continue}")) {
      continue;
    }
    Fields fields(context_, *item, item->at, "a route of `on_error`");
    RouteSyntax route;
    route.at = item->at;
    if (const auto* errors = fields.require("errors", "errors: [CODE]")) {
      auto words = context_.words(*errors->value, "`errors`", &ParserContext::code);
      if (words) route.errors = std::move(*words);
    }
    if (const auto* body = fields.find("do")) route.body = steps(*body->value, "`do`");
    if (const auto* result = fields.find("result")) {
      route.result = context_.any_template(*result->value, "`result`");
    }
    if (const auto* then = fields.find("then")) {
      const auto index =
          context_.one_of(*then->value, "`then`", {"compensate", "continue", "finish", "stuck"});
      if (index) {
        static constexpr std::array<Then, 4> kThen{Then::kCompensate, Then::kContinue,
                                                   Then::kFinish, Then::kStuck};
        route.then = kThen[*index];
        route.then_at = then->value->at;
      }
    }
    fields.finish();
    step.on_error.push_back(std::move(route));
  }
}

}  // namespace weft::dsl
