#include <array>
#include <utility>

#include "dsl/durations.h"
#include "dsl/names.h"
#include "dsl/parser_context.h"

namespace weft::dsl {
namespace {

void read_limits(ParserContext& context, Fields& fields, AdapterSyntax& out) {
  if (const auto* member = fields.find("concurrency")) {
    const auto count = context.integer(*member->value, "`concurrency`", 1, 1'000'000);
    if (count) out.limits.concurrency = count->value;
  }
  if (const auto* member = fields.find("rate")) {
    const YamlNode& node = *member->value;
    const auto rate = parse_rate(node.is_scalar() ? node.text : std::string());
    if (rate) {
      out.limits.rate_count = rate->count;
      out.limits.rate_window_ms = rate->window_ms;
    } else {
      context.error(node.at, "form.rate", "`rate`: " + rate.error().message, rate.error().instead);
    }
  }
  const auto* member = fields.find("breaker");
  if (member == nullptr ||
      !context.expect_mapping(*member->value, "`breaker`",
                              "breaker: {open_at: 50%, of_last: 20, cool_down: 30s}")) {
    return;
  }
  Fields inner(context, *member->value, member->key_at, "`breaker`");
  if (const auto* field = inner.require("open_at", "open_at: 50%")) {
    out.limits.breaker_open_percent = context.percent(*field->value, "`open_at`", 1).value_or(0);
  }
  if (const auto* field = inner.find("of_last")) {
    const auto count = context.integer(*field->value, "`of_last`", 1, 10'000);
    if (count) out.limits.breaker_window = static_cast<int>(count->value);
  }
  if (const auto* field = inner.find("cool_down")) {
    const auto length = context.duration(*field->value, "`cool_down`");
    if (length) out.limits.breaker_cool_down_ms = length->ms;
  }
  inner.finish();
}

void read_route(ParserContext& context, Fields& fields, AdapterSyntax& out) {
  const auto* member = fields.find("route");
  if (member == nullptr ||
      !context.expect_mapping(*member->value, "`route`", "route: {choose: '${ … }'}")) {
    return;
  }
  Fields inner(context, *member->value, member->key_at, "`route`");
  if (const auto* choose = inner.find("choose")) {
    out.choose = context.expression(*choose->value, "`choose`");
  }
  if (const auto* shadow = inner.find("shadow")) {
    out.shadow = context.name(*shadow->value, "`shadow`");
  }
  if (member->value->members.empty()) {
    context.error(member->value->at, "form.empty", "`route` is empty",
                  "give it `choose`, `shadow` or both, or remove it");
  }
  inner.finish();
}

/// A subject that we publish to: literal tokens only, and none of our own.
bool is_subject(std::string_view text) {
  if (text.empty() || text.size() > 200 || text.starts_with("weft.") || text.starts_with("_") ||
      text.starts_with("$")) {
    return false;
  }
  bool token = false;
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || c == '_' || c == '-';
    if (c == '.' ? !token : !letter) return false;
    token = c != '.';
  }
  return token;
}

std::optional<OperationSyntax> operation(ParserContext& context, const YamlMember& entry) {
  OperationSyntax out;
  out.name = {entry.key, entry.key_at};
  out.definition.name = entry.key;
  const bool named = context.check_name(out.name, "an operation");
  if (!context.expect_mapping(*entry.value, "an operation", "{timeout: 10s}")) return std::nullopt;
  Fields fields(context, *entry.value, entry.key_at, "an operation");
  if (const auto* field = fields.find("timeout")) {
    const auto length = context.duration(*field->value, "`timeout`");
    if (length) out.definition.timeout_ms = length->ms;
  }
  if (const auto* field = fields.find("subject")) {
    auto text = context.text(*field->value, "`subject`");
    if (text && !is_subject(text->text)) {
      context.error(text->at, "form.subject",
                    "`subject` must be tokens of letters, digits, `_` and `-` joined by dots, "
                    "outside `weft.`, not " +
                        quoted(text->text),
                    "write it like `erp.orders.create`, without wildcards");
    } else if (text) {
      out.definition.subject = std::move(text->text);
    }
  }
  if (const auto* field = fields.find("input")) {
    out.input = parse_schema_file(context, *field->value, "`input`");
  }
  if (const auto* field = fields.find("reply")) {
    out.reply = parse_schema_file(context, *field->value, "`reply`");
  }
  if (const auto* field = fields.find("errors")) {
    out.definition.errors_listed = true;
    auto words = context.words(*field->value, "`errors`", &ParserContext::code, true);
    for (Word& word : words.value_or(std::vector<Word>{})) {
      out.definition.errors.push_back(word.text);
      out.errors.push_back(std::move(word));
    }
  }
  fields.finish();
  if (!named) return std::nullopt;
  return out;
}

}  // namespace

std::optional<AdapterSyntax> parse_adapter(ParserContext& context, const YamlNode& root) {
  Fields fields(context, root, {1, 1}, "an adapter");
  AdapterSyntax out;
  fields.find("weft");
  if (const auto* member = fields.find("adapter")) {
    if (auto name = context.name(*member->value, "`adapter`")) out.adapter = std::move(*name);
  }
  if (const auto* member = fields.find("owner")) {
    if (auto text = context.text(*member->value, "`owner`")) out.owner = std::move(text->text);
  }
  for (const char* key : {"title", "description"}) {
    if (const auto* member = fields.find(key)) {
      (void)context.text(*member->value, std::string("`") + key + "`");
    }
  }
  if (const auto* member = fields.find("guarantee")) {
    const auto index = context.one_of(*member->value, "`guarantee`",
                                      {"fenced", "idempotent", "queryable", "unsafe"});
    static constexpr std::array<Guarantee, 4> kGuarantees{
        Guarantee::kFenced, Guarantee::kIdempotent, Guarantee::kQueryable, Guarantee::kUnsafe};
    if (index) out.guarantee = kGuarantees[*index];
  }
  if (const auto* member = fields.find("idempotency_window")) {
    const auto length = context.duration(*member->value, "`idempotency_window`");
    if (length) out.idempotency_window_ms = length->ms;
  }
  read_limits(context, fields, out);
  read_route(context, fields, out);
  if (const auto* member = fields.find("operations")) {
    if (context.expect_mapping(*member->value, "`operations`",
                               "operations: {create_order: {timeout: 10s}}")) {
      for (const YamlMember& entry : member->value->members) {
        if (auto parsed = operation(context, entry)) out.operations.push_back(std::move(*parsed));
      }
    }
  }
  if (const auto* member = fields.find("errors")) out.errors = parse_errors(context, *member);
  fields.finish();
  return out;
}

}  // namespace weft::dsl
