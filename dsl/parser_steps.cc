// Steps: what every step may say, and the kinds.
#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <utility>

#include "dsl/hints.h"
#include "dsl/names.h"
#include "dsl/parser_context.h"

namespace weft::dsl {
namespace {

constexpr std::size_t kStepsMax = 1000;

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
    context_.error(node.at, "form.empty", std::string(what) + " must hold at least one step",
                   "write `- step: NAME` and what the step does");
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
    if (before(later, earlier)) {
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
      if (const auto near = our_word(member.key, kinds)) {
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
  for (const KindKey& other : kKinds) fields.meant(other.key);
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

void StepParser::read_on_error(const YamlNode& value, StepSyntax& step) {
  if (!context_.expect_list(value, "`on_error`", "- {errors: [CODE], then: continue}")) return;
  if (value.items.empty()) {
    context_.error(value.at, "form.empty", "`on_error` must have at least one route",
                   "write `- {errors: [CODE], then: continue}`, or leave it out");
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
