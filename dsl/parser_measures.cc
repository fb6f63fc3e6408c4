// Objectives (`slo`) and business metrics (`kpi`).
#include <string>
#include <utility>

#include "dsl/names.h"
#include "dsl/parser_context.h"

namespace weft::dsl {
namespace {

/// "start", "status.reserved", "error.out_of_stock": words joined by dots.
std::optional<Word> measure_name(ParserContext& context, const YamlMember* member) {
  if (member == nullptr) return std::nullopt;
  auto word = context.text(*member->value, "`" + member->key + "`");
  if (!word) return std::nullopt;
  const std::size_t dot = word->text.find('.');
  const std::string first = word->text.substr(0, dot);
  const std::string rest = dot == std::string::npos ? std::string() : word->text.substr(dot + 1);
  const bool good =
      is_name(first) && (dot == std::string::npos || is_name(rest) || is_status(rest));
  if (good) return word;
  context.error(word->at, "form.value", "`" + member->key + "` cannot be " + quoted(word->text),
                "write it like `start`, `status.reserved`, `step.ship` or `error.out_of_stock`");
  return std::nullopt;
}

/// "99.9%", above 0 and at most 100; the text itself is kept.
std::string objective_of(ParserContext& context, const YamlNode& node) {
  std::string number;
  if (node.is_scalar() && node.text.ends_with('%')) {
    number = node.text.substr(0, node.text.size() - 1);
  }
  const bool digits =
      !number.empty() && number.find_first_not_of("0123456789.") == std::string::npos;
  const auto share = digits ? Decimal::parse(number) : std::nullopt;
  if (share && *share > Decimal() && *share <= Decimal::from_integer(100)) return node.text;
  context.error(node.at, "form.value", "`objective` must be a share above 0%",
                "write it like `99.9%`");
  return {};
}

std::optional<SloSyntax> slo_of(ParserContext& context, const YamlMember& entry) {
  SloSyntax out;
  out.name = {entry.key, entry.key_at};
  const bool named = context.check_name(out.name, "an objective");
  if (!context.expect_mapping(*entry.value, "an objective",
                              "{from: start, to: durable, within: 500ms, objective: 99.9%}")) {
    return std::nullopt;
  }
  Fields fields(context, *entry.value, entry.key_at, "an objective");
  auto from = measure_name(context, fields.require("from", "from: start"));
  auto to = measure_name(context, fields.require("to", "to: durable"));
  if (const auto* within = fields.require("within", "within: 500ms")) {
    const auto length = context.duration(*within->value, "`within`");
    if (length) out.within_ms = length->ms;
  }
  if (const auto* objective = fields.require("objective", "objective: 99.9%")) {
    out.objective = objective_of(context, *objective->value);
  }
  fields.finish();
  if (!named || !from || !to) return std::nullopt;
  out.from = std::move(*from);
  out.to = std::move(*to);
  return out;
}

std::optional<KpiSyntax> kpi_of(ParserContext& context, const YamlMember& entry) {
  KpiSyntax out;
  out.name = {entry.key, entry.key_at};
  const bool named = context.check_name(out.name, "a metric");
  if (!context.expect_mapping(*entry.value, "a metric", "{count: error, by: [class]}")) {
    return std::nullopt;
  }
  Fields fields(context, *entry.value, entry.key_at, "a metric");
  const auto* age_of = fields.find("age_of");
  const auto* count = fields.find("count");
  static constexpr const char* kRemedy = "give it one of `age_of: status.NAME` and `count: error`";
  if (age_of == nullptr && count == nullptr) {
    context.error(entry.key_at, "form.missing-key", "a metric measures nothing", kRemedy);
  } else if (age_of != nullptr && count != nullptr) {
    context.error(entry.key_at, "form.clash", "a metric has both `age_of` and `count`", kRemedy);
  }
  out.age_of = measure_name(context, age_of);
  out.count = measure_name(context, count);
  out.at = measure_name(context, fields.find("at"));
  if (const auto* by = fields.find("by")) {
    auto words = context.words(*by->value, "`by`", &ParserContext::name, true);
    if (words) out.by = std::move(*words);
  }
  fields.finish();
  if (!named) return std::nullopt;
  return out;
}

}  // namespace

std::vector<SloSyntax> parse_slos(ParserContext& context, const YamlMember& member) {
  std::vector<SloSyntax> slos;
  if (!context.expect_mapping(*member.value, "`slo`", "slo: {NAME: {…}}")) return slos;
  for (const YamlMember& entry : member.value->members) {
    if (auto slo = slo_of(context, entry)) slos.push_back(std::move(*slo));
  }
  return slos;
}

std::vector<KpiSyntax> parse_kpis(ParserContext& context, const YamlMember& member) {
  std::vector<KpiSyntax> kpis;
  if (!context.expect_mapping(*member.value, "`kpi`", "kpi: {NAME: {…}}")) return kpis;
  for (const YamlMember& entry : member.value->members) {
    if (auto kpi = kpi_of(context, entry)) kpis.push_back(std::move(*kpi));
  }
  return kpis;
}

}  // namespace weft::dsl
