// The pieces of a step that stand beside its kind: retries, probes, compensations, movements.
#include <array>
#include <string>
#include <utility>

#include "dsl/names.h"
#include "dsl/parser_context.h"

namespace weft::dsl {

std::optional<TargetSyntax> parse_target(ParserContext& context, const YamlNode& node,
                                         std::string_view what) {
  if (!node.is_scalar()) {
    context.error(node.at, "form.type", std::string(what) + " must name an adapter's operation",
                  "write `adapter.operation`");
    return std::nullopt;
  }
  const std::size_t dot = node.text.find('.');
  if (dot == std::string::npos) {
    context.error(node.at, "form.name",
                  std::string(what) + " must be `adapter.operation`, not " + quoted(node.text),
                  "write " + quoted((is_name(node.text) ? node.text : "adapter") + ".OPERATION"));
    return std::nullopt;
  }
  TargetSyntax target{node.text.substr(0, dot), node.text.substr(dot + 1), node.at};
  if (!is_name(target.adapter) || !is_name(target.operation)) {
    const std::string better = as_name(target.adapter, '_') + "." + as_name(target.operation, '_');
    context.error(
        node.at, "form.name",
        std::string(what) +
            " must be two names `[a-z][a-z0-9_]*` joined by one dot, "
            "not " +
            quoted(node.text),
        "write " + quoted(better.size() > 2 && better != node.text ? better : "adapter.operation"));
    return std::nullopt;
  }
  return target;
}

std::optional<RetrySyntax> parse_retry(ParserContext& context, const YamlMember& member,
                                       bool named_allowed) {
  static constexpr const char* kExample =
      "{errors: [transient, unknown], max_attempts: 5, delay: 200ms}";
  const YamlNode& node = *member.value;
  RetrySyntax retry;
  retry.at = node.at;
  if (named_allowed && node.is_scalar()) {
    if (node.text == "none") {
      retry.none = true;
      return retry;
    }
    auto policy = context.name(node, "`retry`");
    if (!policy) return std::nullopt;
    retry.policy = std::move(*policy);
    return retry;
  }
  if (!context.expect_mapping(node, "`" + member.key + "`", kExample)) return std::nullopt;
  Fields fields(context, node, member.key_at, "a retry policy");
  if (const auto* errors = fields.find("errors")) {
    retry.errors = context.words(*errors->value, "`errors`", &ParserContext::code);
  }
  if (const auto* attempts = fields.find("max_attempts")) {
    retry.attempts_max = context.integer(*attempts->value, "`max_attempts`", 1, 1'000'000);
  }
  if (const auto* delay = fields.find("delay")) {
    retry.delay = context.duration(*delay->value, "`delay`", true);
  }
  if (const auto* backoff = fields.find("backoff")) {
    const YamlNode& value = *backoff->value;
    const Value number =
        value.is_scalar() && value.plain ? resolve_plain(value.text).value : Value();
    if (number.is_number() && number >= Value(1) && number <= Value(100)) {
      retry.backoff = number.as_decimal();
    } else {
      context.error(value.at, "form.value", "`backoff` must be a number from 1 to 100",
                    "write `backoff: 2` to double the delay each time");
    }
  }
  if (const auto* delay_max = fields.find("max_delay")) {
    retry.delay_max = context.duration(*delay_max->value, "`max_delay`", true);
  }
  if (const auto* jitter = fields.find("jitter")) {
    const YamlNode& value = *jitter->value;
    if (value.is_scalar() && value.text == "full") {
      retry.jitter = {RetryPolicy::Jitter::kFull, 0};
    } else if (value.is_scalar() && value.text == "none") {
      retry.jitter = {RetryPolicy::Jitter::kNone, 0};
    } else if (value.is_scalar() && value.text.ends_with('%')) {
      const auto share = context.percent(value, "`jitter`", 0);
      if (share) retry.jitter = {RetryPolicy::Jitter::kShare, *share};
    } else {
      context.error(value.at, "form.value", "`jitter` cannot be this",
                    "write `full`, `none` or a share like `20%`");
    }
  }
  if (const auto* elapsed = fields.find("max_elapsed")) {
    retry.elapsed_max = context.duration(*elapsed->value, "`max_elapsed`");
  }
  fields.finish();
  return retry;
}

std::optional<ProbeSyntax> parse_probe(ParserContext& context, const YamlMember& member) {
  if (!context.expect_mapping(*member.value, "`probe`", "probe: {call: adapter.operation}")) {
    return std::nullopt;
  }
  Fields fields(context, *member.value, member.key_at, "`probe`");
  ProbeSyntax probe;
  probe.at = member.key_at;
  if (const auto* call = fields.require("call", "call: adapter.operation")) {
    if (auto target = parse_target(context, *call->value, "`call`")) probe.call = *target;
  }
  if (const auto* with = fields.find("with")) {
    probe.with = context.object_template(*with->value, "`with`");
  }
  if (const auto* retry = fields.find("retry")) probe.retry = parse_retry(context, *retry, true);
  fields.finish();
  if (probe.call.adapter.empty()) return std::nullopt;
  return probe;
}

std::optional<CompensateSyntax> parse_compensate(ParserContext& context, const YamlMember& member) {
  const YamlNode& node = *member.value;
  CompensateSyntax compensate;
  compensate.at = member.key_at;
  if (node.is_scalar()) {
    if (node.text == "none" || node.text == "manual") {
      compensate.kind =
          node.text == "none" ? CompensationSpec::Kind::kNone : CompensationSpec::Kind::kManual;
      return compensate;
    }
    const std::size_t dot = node.text.find('.');
    const bool target = dot != std::string::npos && is_name(node.text.substr(0, dot)) &&
                        is_name(node.text.substr(dot + 1));
    context.error(node.at, "form.value", "`compensate` cannot be " + quoted(node.text),
                  target ? "write `compensate: {call: " + node.text + "}`"
                         : "write `{call: adapter.operation}`, `none` if there is nothing to "
                           "undo, or `manual` if a person undoes it");
    return std::nullopt;
  }
  if (!node.is_mapping()) {
    context.error(node.at, "form.type",
                  "`compensate` must be a mapping or a word, not " + describe(node),
                  "write `{call: adapter.operation}`, `none` if there is nothing to undo, or "
                  "`manual` if a person undoes it");
    return std::nullopt;
  }
  compensate.kind = CompensationSpec::Kind::kCall;
  Fields fields(context, node, member.key_at, "`compensate`");
  if (const auto* call = fields.require("call", "call: adapter.operation")) {
    if (auto target = parse_target(context, *call->value, "`call`")) compensate.call = *target;
  }
  if (const auto* with = fields.find("with")) {
    compensate.with = context.object_template(*with->value, "`with`");
  }
  if (const auto* timeout = fields.find("timeout")) {
    compensate.timeout = context.duration(*timeout->value, "`timeout`");
  }
  if (const auto* retry = fields.find("retry")) {
    compensate.retry = parse_retry(context, *retry, true);
  }
  if (const auto* failure = fields.find("on_failure")) {
    compensate.continue_on_failure =
        context.one_of(*failure->value, "`on_failure`", {"stuck", "continue"}).value_or(0) == 1;
  }
  fields.finish();
  if (compensate.call.adapter.empty()) return std::nullopt;
  return compensate;
}

std::vector<MovementSyntax> parse_movements(ParserContext& context, const YamlMember& member,
                                            bool all_allowed) {
  std::vector<MovementSyntax> movements;
  const std::string what = "`" + member.key + "`";
  if (!context.expect_mapping(*member.value, what, member.key + ": {resource: '${ … }'}")) {
    return movements;
  }
  if (member.value->members.empty()) {
    context.error(member.value->at, "form.empty", what + " must name at least one resource",
                  "write `" + member.key + ": {resource: '${ … }'}`, or leave it out");
  }
  for (const YamlMember& entry : member.value->members) {
    MovementSyntax movement;
    movement.resource = {entry.key, entry.key_at};
    if (!context.check_name(movement.resource, "a resource")) continue;
    const YamlNode& node = *entry.value;
    if (all_allowed && node.is_scalar() && node.text == "all") {
      movements.push_back(std::move(movement));
      continue;
    }
    auto expression = context.expression(node, "`" + entry.key + "`");
    if (!expression) continue;
    movement.items = TemplateSyntax{
        expression->expression ? Template::expression(*expression->expression) : Template(),
        expression->at,
        std::move(expression->uses),
        {},
        false};
    movements.push_back(std::move(movement));
  }
  return movements;
}

std::optional<EmitSyntax> parse_emit(ParserContext& context, const YamlMember& member) {
  const YamlNode& node = *member.value;
  if (!node.is_mapping()) {
    auto name = context.dotted_name(node, "`emit`");
    if (!name) return std::nullopt;
    return EmitSyntax{std::move(*name), std::nullopt};
  }
  Fields fields(context, node, member.key_at, "`emit`");
  std::optional<Word> name;
  std::optional<TemplateSyntax> with;
  if (const auto* field = fields.require("name", "name: order.shipped")) {
    name = context.dotted_name(*field->value, "`name`");
  }
  if (const auto* field = fields.find("with")) {
    with = context.object_template(*field->value, "`with`");
  }
  fields.finish();
  if (!name) return std::nullopt;
  return EmitSyntax{std::move(*name), std::move(with)};
}

std::optional<AnnouncementSyntax> parse_announcement(ParserContext& context,
                                                     const YamlMember& member) {
  const std::string what = "`" + member.key + "`";
  if (!context.expect_mapping(*member.value, what,
                              member.key + ": {status: shipped, emit: order.shipped}")) {
    return std::nullopt;
  }
  Fields fields(context, *member.value, member.key_at, what);
  AnnouncementSyntax out;
  if (const auto* status = fields.find("status")) {
    out.status = context.status(*status->value, "`status`");
  }
  if (const auto* emit = fields.find("emit")) out.emit = parse_emit(context, *emit);
  fields.finish();
  if (member.value->members.empty()) {
    context.error(member.value->at, "form.empty", what + " is empty",
                  "give it a `status`, an `emit`, or remove it");
  }
  return out;
}

std::optional<CorrelationSyntax> parse_correlation(ParserContext& context,
                                                   const YamlMember& member) {
  if (!context.expect_mapping(*member.value, "`correlate`",
                              "correlate: {event: '${ $event.id }', equals: '${ .id }'}")) {
    return std::nullopt;
  }
  Fields fields(context, *member.value, member.key_at, "`correlate`");
  std::optional<TemplateSyntax> event, equals;
  if (const auto* field = fields.require("event", "event: '${ $event.id }'")) {
    event = context.scalar_template(*field->value, "`event`");
  }
  if (const auto* field = fields.require("equals", "equals: '${ .id }'")) {
    equals = context.scalar_template(*field->value, "`equals`");
  }
  fields.finish();
  if (!event || !equals) return std::nullopt;
  return CorrelationSyntax{std::move(*event), std::move(*equals)};
}

std::optional<Word> parse_schema_file(ParserContext& context, const YamlNode& node,
                                      std::string_view what) {
  auto file = context.text(node, what);
  if (!file) return std::nullopt;
  if (file->text.starts_with('/') || file->text.find('\\') != std::string::npos ||
      file->text.find(':') != std::string::npos || file->text.size() > 200) {
    context.error(
        file->at, "form.path",
        std::string(what) + " must be a path relative to this file, not " + quoted(file->text),
        "write it like `canonical/order.v1.json`");
    return std::nullopt;
  }
  return file;
}

std::vector<ErrorSyntax> parse_errors(ParserContext& context, const YamlMember& member) {
  std::vector<ErrorSyntax> errors;
  if (!context.expect_mapping(*member.value, "`errors`",
                              "errors: {out_of_stock: {class: business}}")) {
    return errors;
  }
  for (const YamlMember& entry : member.value->members) {
    ErrorSyntax error;
    error.code = {entry.key, entry.key_at};
    error.declaration.code = entry.key;
    const bool named = context.check_name(error.code, "an error code");
    if (!context.expect_mapping(*entry.value, "an error code", "{class: business}")) continue;
    Fields fields(context, *entry.value, entry.key_at, "an error code");
    if (const auto* field = fields.require("class", "class: business")) {
      const auto index = context.one_of(*field->value, "`class`", {"business", "transient"});
      if (index == 1U) error.declaration.error_class = ErrorClass::kTransient;
    }
    if (const auto* field = fields.find("effect")) {
      error.declaration.effect_perhaps =
          context.one_of(*field->value, "`effect`", {"none", "perhaps"}) == 1U;
    }
    if (const auto* field = fields.find("service_codes")) {
      if (context.expect_list(*field->value, "`service_codes`", "[409, 4221]")) {
        for (const auto& item : field->value->items) {
          const auto code = context.integer(*item, "a service code", 1, 999'999'999);
          if (!code) continue;
          error.declaration.service_codes.push_back(code->value);
          error.service_codes_at.push_back(code->at);
        }
      }
    }
    fields.finish();
    if (named) errors.push_back(std::move(error));
  }
  return errors;
}

}  // namespace weft::dsl
