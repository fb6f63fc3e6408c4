// Ways into a workflow besides an explicit start.
#include <array>
#include <string>
#include <utility>

#include "dsl/cron.h"
#include "dsl/names.h"
#include "dsl/parser_context.h"

namespace weft::dsl {
namespace {

/// What NATS takes as the name of a stream or consumer; with `dots`, as a subject to listen to.
bool is_broker_name(std::string_view text, bool dots) {
  bool token = false;
  for (const char c : text) {
    if (is_blank(c) || static_cast<unsigned char>(c) < 0x20) return false;
    if (!dots && std::string_view(".*>/\\").find(c) != std::string_view::npos) return false;
    if (c == '.' && !token) return false;
    token = c != '.';
  }
  return token;
}

void read_trigger_kind(ParserContext& context, const YamlMember& member, Trigger& out,
                       Position& zone_at) {
  const YamlNode& node = *member.value;
  if (member.key == "event") {
    out.kind = Trigger::Kind::kEvent;
    if (auto name = context.dotted_name(node, "`event`")) out.event = std::move(name->text);
    return;
  }
  const std::string what = "`" + member.key + "`";
  const char* example = member.key == "schedule"
                            ? "schedule: {cron: '0 6 * * *', zone: Europe/Lisbon}"
                        : member.key == "jetstream"
                            ? "jetstream: {stream: ORDERS, subject: orders.new, durable: weft}"
                            : "webhook: {signature: HEADER, secret: VARIABLE}";
  if (!context.expect_mapping(node, what, example)) return;
  Fields fields(context, node, member.key_at, what);
  const auto text = [&](const char* key, const char* shown, bool required, std::string& into) {
    const YamlMember* field = required ? fields.require(key, shown) : fields.find(key);
    if (field == nullptr) return Position{};
    auto word = context.constant_text(*field->value, std::string("`") + key + "`");
    if (!word) return Position{};
    into = std::move(word->text);
    return word->at;
  };
  const auto token = [&](const char* key, const char* shown, bool dots, std::string& into) {
    const Position at = text(key, shown, true, into);
    if (at.line == 0 || is_broker_name(into, dots)) return;
    context.error(at, "form.subject",
                  std::string("`") + key + "` cannot be " + quoted(into) +
                      (dots ? ": a subject is words joined by dots"
                            : ": NATS takes no blanks, dots, slashes or wildcards there"),
                  std::string("write `") + shown + "`");
  };
  if (member.key == "schedule") {
    out.kind = Trigger::Kind::kSchedule;
    const Position at = text("cron", "cron: '0 6 * * *'", true, out.cron);
    const auto cron =
        out.cron.empty() ? tl::expected<CronFields, QuantityError>() : parse_cron(out.cron);
    if (!cron) {
      context.error(at, has_cron_form(out.cron) ? "trigger.cron" : "form.cron",
                    "`cron`: " + cron.error().message, cron.error().instead);
    }
    zone_at = text("zone", "zone: Europe/Lisbon", false, out.zone);
    if (const auto* missed = fields.find("missed")) {
      const auto index = context.one_of(*missed->value, "`missed`", {"skip", "once", "all"});
      static constexpr std::array<Trigger::Missed, 3> kMissed{
          Trigger::Missed::kSkip, Trigger::Missed::kOnce, Trigger::Missed::kAll};
      if (index) out.missed = kMissed[*index];
    }
  } else if (member.key == "jetstream") {
    out.kind = Trigger::Kind::kJetStream;
    token("stream", "stream: ORDERS", false, out.stream);
    token("subject", "subject: orders.new", true, out.subject);
    token("durable", "durable: weft", false, out.durable);
  } else {
    out.kind = Trigger::Kind::kWebhook;
    text("path", "path: shop", false, out.path);
    text("signature", "signature: HEADER", true, out.signature);
    text("secret", "secret: VARIABLE", true, out.secret);
  }
  fields.finish();
}

std::optional<TriggerSyntax> trigger(ParserContext& context, const YamlNode& node) {
  if (!context.expect_mapping(node, "a trigger", "- event: NAME")) return std::nullopt;
  Fields fields(context, node, node.at, "a trigger");
  TriggerSyntax out;
  out.at = node.at;
  const YamlMember* kind = nullptr;
  for (const char* key : {"schedule", "jetstream", "webhook", "event"}) {
    const YamlMember* member = fields.find(key);
    if (member == nullptr) continue;
    if (kind != nullptr) {
      const bool later = before(kind->key_at, member->key_at);
      const YamlMember* second = later ? member : kind;
      const YamlMember* first = later ? kind : member;
      context.error(second->key_at, "form.clash",
                    "a trigger is one way in: `" + second->key + "` stands beside `" + first->key +
                        "` (" + std::to_string(first->key_at.line) + ":" +
                        std::to_string(first->key_at.column) + ")",
                    "make them two triggers");
      return std::nullopt;
    }
    kind = member;
  }
  if (kind == nullptr) {
    context.error(node.at, "form.missing-key", "a trigger does not say where it comes from",
                  "add one of `schedule`, `jetstream`, `webhook`, `event`");
    fields.find("when");
    fields.find("input");
    fields.finish();
    return std::nullopt;
  }
  read_trigger_kind(context, *kind, out.trigger, out.zone_at);
  if (const auto* when = fields.find("when")) out.when = context.expression(*when->value, "`when`");
  if (const auto* input = fields.find("input")) {
    out.input = context.object_template(*input->value, "`input`");
  }
  fields.finish();
  return out;
}

}  // namespace

std::vector<TriggerSyntax> parse_triggers(ParserContext& context, const YamlMember& member) {
  std::vector<TriggerSyntax> triggers;
  if (!context.expect_list(*member.value, "`triggers`", "- event: NAME")) return triggers;
  for (const auto& item : member.value->items) {
    if (auto parsed = trigger(context, *item)) triggers.push_back(std::move(*parsed));
  }
  return triggers;
}

}  // namespace weft::dsl
