// The top-level keys of a workflow.
#include <array>
#include <utility>

#include "dsl/digest.h"
#include "dsl/names.h"
#include "dsl/parser_context.h"

namespace weft::dsl {
namespace {

/// `.ship_to.name`, `.lines[].note`, `.lines[0]`: fields, each with brackets behind it or not.
bool plain_path(std::string_view text) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.empty() || text.size() > 200) return false;
  std::size_t i = 0;
  while (i < text.size()) {
    if (text[i++] != '.' || i == text.size() || !letter(text[i])) return false;
    while (i < text.size() && (letter(text[i]) || digit(text[i]))) ++i;
    while (i < text.size() && text[i] == '[') {
      ++i;
      while (i < text.size() && digit(text[i])) ++i;
      if (i == text.size() || text[i++] != ']') return false;
    }
  }
  return true;
}

class WorkflowParser final {
 public:
  WorkflowParser(ParserContext& context, const YamlNode& root)
      : context_(context), fields_(context, root, {1, 1}, "a workflow") {}

  std::optional<WorkflowSyntax> parse();

 private:
  void read_identity();
  void read_input();
  void read_vocabulary();
  void read_defaults();
  void read_cancelled_by();
  void read_outcomes();

  ParserContext& context_;
  Fields fields_;
  WorkflowSyntax out_;
};

std::optional<WorkflowSyntax> WorkflowParser::parse() {
  read_identity();
  read_input();
  read_vocabulary();
  read_defaults();
  if (const auto* member = fields_.find("triggers")) {
    out_.triggers = parse_triggers(context_, *member);
  }
  read_cancelled_by();
  if (const auto* member = fields_.find("after_pivot")) {
    out_.after_pivot = context_.dotted_name(*member->value, "`after_pivot`");
  }
  if (const auto* member =
          fields_.require("steps", "steps:` and a list of steps below it, `- step: NAME")) {
    out_.steps = StepParser(context_).steps(*member->value, "`steps`");
  }
  read_outcomes();
  if (const auto* member = fields_.find("slo")) out_.slos = parse_slos(context_, *member);
  if (const auto* member = fields_.find("kpi")) out_.kpis = parse_kpis(context_, *member);
  fields_.finish();
  return std::move(out_);
}

void WorkflowParser::read_identity() {
  fields_.find("weft");
  if (const auto* member = fields_.find("workflow")) {
    if (auto name = context_.dotted_name(*member->value, "`workflow`")) {
      out_.workflow = std::move(*name);
    }
  }
  if (const auto* member = fields_.require("version", "version: 1.0.0")) {
    const YamlNode& node = *member->value;
    if (node.is_scalar() && is_version(node.text)) {
      out_.version = {node.text, node.at};
    } else {
      std::string instead = "write it like `1.0.0`";
      if (node.is_scalar() && is_version(node.text + ".0")) {
        instead = "write " + quoted(node.text + ".0");
      } else if (node.is_scalar() && is_version(node.text + ".0.0")) {
        instead = "write " + quoted(node.text + ".0.0");
      } else if (node.is_scalar() && node.text.starts_with('v') &&
                 is_version(node.text.substr(1))) {
        instead = "write " + quoted(node.text.substr(1));
      }
      context_.error(node.at, "form.version",
                     "`version` must have three numbers" +
                         (node.is_scalar() ? ", not " + quoted(node.text) : std::string()),
                     std::move(instead));
    }
  }
  if (const auto* member = fields_.find("title")) {
    if (auto text = context_.text(*member->value, "`title`")) out_.title = std::move(text->text);
  }
  if (const auto* member = fields_.find("description")) {
    if (auto text = context_.text(*member->value, "`description`")) {
      out_.description = std::move(text->text);
    }
  }
  if (const auto* member = fields_.require("owner", "owner: TEAM@example.org")) {
    if (auto text = context_.text(*member->value, "`owner`")) out_.owner = std::move(text->text);
  }
  if (const auto* member = fields_.find("lifecycle")) {
    const auto index =
        context_.one_of(*member->value, "`lifecycle`", {"active", "deprecated", "retired"});
    static constexpr std::array<Lifecycle, 3> kLifecycles{
        Lifecycle::kActive, Lifecycle::kDeprecated, Lifecycle::kRetired};
    if (index) out_.lifecycle = kLifecycles[*index];
  }
}

void WorkflowParser::read_input() {
  if (const auto* member = fields_.find("input")) {
    if (context_.expect_mapping(*member->value, "`input`", "input: {schema: FILE}")) {
      Fields inner(context_, *member->value, member->key_at, "`input`");
      if (const auto* schema = inner.require("schema", "schema: FILE")) {
        out_.input_schema = parse_schema_file(context_, *schema->value, "`schema`");
      }
      if (const auto* sensitive = inner.find("sensitive")) {
        auto paths = context_.words(*sensitive->value, "`sensitive`", &ParserContext::text);
        for (Word& path : paths.value_or(std::vector<Word>{})) {
          if (!plain_path(path.text)) {
            context_.error(
                path.at, "form.path",
                "a sensitive path must be fields joined by dots, not " + quoted(path.text),
                "write it like `.ship_to.name` or `.lines[].note`");
            continue;
          }
          out_.sensitive.push_back(std::move(path));
        }
      }
      inner.finish();
    }
  }
  if (const auto* member = fields_.find("key")) {
    out_.key = context_.scalar_template(*member->value, "`key`");
  }
  if (const auto* member = fields_.find("ordering_key")) {
    out_.ordering_key = context_.scalar_template(*member->value, "`ordering_key`");
  }
  if (const auto* member = fields_.find("ordering")) {
    const auto index =
        context_.one_of(*member->value, "`ordering`", {"fifo", "supersede", "reject"});
    static constexpr std::array<Ordering, 3> kOrderings{Ordering::kFifo, Ordering::kSupersede,
                                                        Ordering::kReject};
    if (index) out_.ordering = kOrderings[*index];
    if (!out_.ordering_key) {
      context_.error(member->value->at, "ordering.key",
                     "`ordering` says how sagas of one value queue, but no value is given",
                     "add `ordering_key: ${ … }`, or remove `ordering`");
    }
  }
  if (const auto* member = fields_.find("labels")) {
    if (context_.expect_mapping(*member->value, "`labels`", "labels: {channel: '${ .channel }'}")) {
      for (const YamlMember& entry : member->value->members) {
        const Word name{entry.key, entry.key_at};
        const bool named = context_.check_name(name, "a label");
        auto value = context_.scalar_template(*entry.value, "`" + entry.key + "`");
        if (named && value) out_.labels.push_back({name, std::move(*value)});
      }
    }
  }
  if (const auto* member = fields_.find("deadline")) {
    out_.deadline = context_.duration(*member->value, "`deadline`");
  }
}

void WorkflowParser::read_vocabulary() {
  if (const auto* member = fields_.find("statuses")) {
    auto statuses = context_.words(*member->value, "`statuses`", &ParserContext::status);
    if (statuses) out_.statuses = std::move(*statuses);
  }
  if (const auto* member = fields_.find("errors")) out_.errors = parse_errors(context_, *member);
  const auto* member = fields_.find("resources");
  if (member == nullptr ||
      !context_.expect_mapping(*member->value, "`resources`", "resources: {stock: {by: [sku]}}")) {
    return;
  }
  for (const YamlMember& entry : member->value->members) {
    ResourceSyntax resource;
    resource.name = {entry.key, entry.key_at};
    resource.definition.name = entry.key;
    const bool named = context_.check_name(resource.name, "a resource");
    if (!context_.expect_mapping(*entry.value, "a resource", "{by: [sku, location]}")) continue;
    Fields inner(context_, *entry.value, entry.key_at, "a resource");
    if (const auto* by = inner.require("by", "by: [sku, location]")) {
      for (Word& word :
           context_.words(*by->value, "`by`", &ParserContext::text).value_or(std::vector<Word>{})) {
        resource.definition.by.push_back(std::move(word.text));
      }
    }
    if (const auto* quantity = inner.find("quantity")) {
      if (auto text = context_.text(*quantity->value, "`quantity`")) {
        resource.definition.quantity = std::move(text->text);
      }
    }
    inner.finish();
    if (named) out_.resources.push_back(std::move(resource));
  }
}

void WorkflowParser::read_defaults() {
  if (const auto* member = fields_.find("retries")) {
    if (context_.expect_mapping(*member->value, "`retries`",
                                "retries: {quick: {max_attempts: 5, delay: 200ms}}")) {
      for (const YamlMember& entry : member->value->members) {
        const Word name{entry.key, entry.key_at};
        if (entry.key == "none") {
          context_.error(entry.key_at, "form.reserved", "`none` already means a single attempt",
                         "give the policy another name");
        }
        const bool named = context_.check_name(name, "a retry policy");
        auto policy = parse_retry(context_, entry, false);
        if (named && policy) out_.retries.emplace_back(name, std::move(*policy));
      }
    }
  }
  const auto* member = fields_.find("defaults");
  if (member == nullptr || !context_.expect_mapping(*member->value, "`defaults`",
                                                    "defaults: {timeout: 30s, retry: patient}")) {
    return;
  }
  Fields inner(context_, *member->value, member->key_at, "`defaults`");
  if (const auto* timeout = inner.find("timeout")) {
    out_.default_timeout = context_.duration(*timeout->value, "`timeout`");
  }
  if (const auto* retry = inner.find("retry")) {
    out_.default_retry = parse_retry(context_, *retry, true);
  }
  if (const auto* timeout = inner.find("schedule_timeout")) {
    out_.default_schedule_timeout = context_.duration(*timeout->value, "`schedule_timeout`");
  }
  inner.finish();
}

void WorkflowParser::read_cancelled_by() {
  const auto* member = fields_.find("cancelled_by");
  if (member == nullptr ||
      !context_.expect_mapping(*member->value, "`cancelled_by`",
                               "cancelled_by: {event: NAME, correlate: {event: …, equals: …}}")) {
    return;
  }
  Fields inner(context_, *member->value, member->key_at, "`cancelled_by`");
  std::optional<Word> event;
  std::optional<CorrelationSyntax> correlate;
  std::optional<ExpressionSyntax> filter;
  if (const auto* field = inner.require("event", "event: order.cancel_requested")) {
    event = context_.dotted_name(*field->value, "`event`");
  }
  if (const auto* field = inner.require("correlate", "correlate: {event: …, equals: …}")) {
    correlate = parse_correlation(context_, *field);
  }
  if (const auto* field = inner.find("filter")) {
    filter = context_.expression(*field->value, "`filter`");
  }
  inner.finish();
  if (event && correlate) {
    out_.cancelled_by =
        CancelledBySyntax{std::move(*event), std::move(*correlate), std::move(filter)};
  }
}

void WorkflowParser::read_outcomes() {
  if (const auto* member = fields_.find("output")) {
    out_.output = context_.any_template(*member->value, "`output`");
  }
  if (const auto* member = fields_.find("leftovers")) {
    out_.leftovers_error =
        context_.one_of(*member->value, "`leftovers`", {"release", "error"}) == 1U;
  }
  const auto announcement = [this](const char* key, std::optional<AnnouncementSyntax>& into) {
    if (const auto* member = fields_.find(key)) into = parse_announcement(context_, *member);
  };
  announcement("on_completed", out_.on_completed);
  announcement("on_compensated", out_.on_compensated);
  announcement("on_cancelled", out_.on_cancelled);
  announcement("on_stuck", out_.on_stuck);
  const auto* member = fields_.find("retention");
  if (member == nullptr ||
      !context_.expect_mapping(*member->value, "`retention`", "retention: {completed: 30d}")) {
    return;
  }
  Fields inner(context_, *member->value, member->key_at, "`retention`");
  if (const auto* field = inner.find("completed")) {
    if (auto length = context_.duration(*field->value, "`completed`")) {
      out_.retention_completed_ms = length->ms;
    }
  }
  if (const auto* field = inner.find("compensated")) {
    if (auto length = context_.duration(*field->value, "`compensated`")) {
      out_.retention_compensated_ms = length->ms;
    }
  }
  inner.refuse("stuck", "stuck sagas are never removed", "remove `stuck`");
  inner.finish();
}

}  // namespace

std::optional<WorkflowSyntax> parse_workflow(ParserContext& context, const YamlNode& root) {
  auto workflow = WorkflowParser(context, root).parse();
  if (workflow) workflow->definition_digest = sha256_hex(to_value(root).to_canonical_json());
  return workflow;
}

}  // namespace weft::dsl
