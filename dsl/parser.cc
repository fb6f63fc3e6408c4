#include "dsl/parser.h"

#include <algorithm>
#include <array>
#include <utility>

#include "dsl/digest.h"
#include "dsl/names.h"
#include "dsl/parser_context.h"

namespace weft::dsl {
namespace {

bool plain_path(std::string_view text) {
  if (text.size() < 2 || text.size() > 200 || text.front() != '.') return false;
  bool part_begins = false;
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    const bool other = (c >= '0' && c <= '9') || c == '[' || c == ']';
    if (c == '.') {
      if (part_begins) return false;
      part_begins = true;
    } else if (letter || (other && !part_begins)) {
      part_begins = false;
    } else {
      return false;
    }
  }
  return !part_begins;
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
  void read_triggers();
  std::optional<TriggerSyntax> trigger(const YamlNode& node);
  void read_trigger_kind(const YamlMember& member, Trigger& out);
  void read_cancelled_by();
  void read_outcomes();
  void read_measures();
  std::optional<Word> measure_name(const YamlMember* member);

  ParserContext& context_;
  Fields fields_;
  WorkflowSyntax out_;
};

std::optional<WorkflowSyntax> WorkflowParser::parse() {
  read_identity();
  read_input();
  read_vocabulary();
  read_defaults();
  read_triggers();
  read_cancelled_by();
  if (const auto* member = fields_.find("after_pivot")) {
    out_.after_pivot = context_.dotted_name(*member->value, "`after_pivot`");
  }
  if (const auto* member =
          fields_.require("steps", "steps:` and a list of steps below it, `- step: NAME")) {
    out_.steps = StepParser(context_).steps(*member->value, "`steps`");
  }
  read_outcomes();
  read_measures();
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
        for (const Word& path : paths.value_or(std::vector<Word>{})) {
          if (!plain_path(path.text)) {
            context_.error(
                path.at, "form.path",
                "a sensitive path must be fields joined by dots, not " + quoted(path.text),
                "write it like `.ship_to.name` or `.lines[].note`");
            continue;
          }
          out_.sensitive.push_back(path.text);
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

void WorkflowParser::read_triggers() {
  const auto* member = fields_.find("triggers");
  if (member == nullptr || !context_.expect_list(*member->value, "`triggers`", "- event: NAME")) {
    return;
  }
  for (const auto& item : member->value->items) {
    if (auto parsed = trigger(*item)) out_.triggers.push_back(std::move(*parsed));
  }
}

std::optional<TriggerSyntax> WorkflowParser::trigger(const YamlNode& node) {
  if (!context_.expect_mapping(node, "a trigger", "- event: NAME")) return std::nullopt;
  Fields fields(context_, node, node.at, "a trigger");
  TriggerSyntax out;
  out.at = node.at;
  const YamlMember* kind = nullptr;
  for (const char* key : {"schedule", "jetstream", "webhook", "event"}) {
    const YamlMember* member = fields.find(key);
    if (member == nullptr) continue;
    if (kind != nullptr) {
      const bool later =
          member->key_at.line > kind->key_at.line ||
          (member->key_at.line == kind->key_at.line && member->key_at.column > kind->key_at.column);
      const YamlMember* second = later ? member : kind;
      const YamlMember* first = later ? kind : member;
      context_.error(second->key_at, "form.clash",
                     "a trigger is one way in: `" + second->key + "` stands beside `" + first->key +
                         "` (" + std::to_string(first->key_at.line) + ":" +
                         std::to_string(first->key_at.column) + ")",
                     "make them two triggers");
      return std::nullopt;
    }
    kind = member;
  }
  if (kind == nullptr) {
    context_.error(node.at, "form.missing-key", "a trigger does not say where it comes from",
                   "add one of `schedule`, `jetstream`, `webhook`, `event`");
    fields.find("when");
    fields.find("input");
    fields.finish();
    return std::nullopt;
  }
  read_trigger_kind(*kind, out.trigger);
  if (const auto* when = fields.find("when"))
    out.when = context_.expression(*when->value, "`when`");
  if (const auto* input = fields.find("input")) {
    out.input = context_.object_template(*input->value, "`input`");
  }
  fields.finish();
  return out;
}

void WorkflowParser::read_trigger_kind(const YamlMember& member, Trigger& out) {
  const YamlNode& node = *member.value;
  if (member.key == "event") {
    out.kind = Trigger::Kind::kEvent;
    if (auto name = context_.dotted_name(node, "`event`")) out.event = std::move(name->text);
    return;
  }
  const std::string what = "`" + member.key + "`";
  const char* example = member.key == "schedule"
                            ? "schedule: {cron: '0 6 * * *', zone: Europe/Lisbon}"
                        : member.key == "jetstream"
                            ? "jetstream: {stream: ORDERS, subject: orders.new, durable: weft}"
                            : "webhook: {signature: HEADER, secret: VARIABLE}";
  if (!context_.expect_mapping(node, what, example)) return;
  Fields fields(context_, node, member.key_at, what);
  const auto text = [&](const char* key, const char* shown, bool required, std::string& into) {
    const YamlMember* field = required ? fields.require(key, shown) : fields.find(key);
    if (field == nullptr) return Position{};
    if (auto word = context_.text(*field->value, std::string("`") + key + "`")) {
      into = std::move(word->text);
    }
    return field->value->at;
  };
  if (member.key == "schedule") {
    out.kind = Trigger::Kind::kSchedule;
    const Position at = text("cron", "cron: '0 6 * * *'", true, out.cron);
    int fields_of_cron = 0;
    for (std::size_t i = 0; i < out.cron.size(); ++i) {
      const bool here = out.cron[i] != ' ' && out.cron[i] != '\t';
      const bool begins = here && (i == 0 || out.cron[i - 1] == ' ' || out.cron[i - 1] == '\t');
      if (begins) ++fields_of_cron;
    }
    if (!out.cron.empty() && fields_of_cron != 5) {
      context_.error(at, "form.cron", "`cron` must have five fields: minute hour day month weekday",
                     "write it like `'0 6 * * *'` for every day at six");
    }
    text("zone", "zone: Europe/Lisbon", false, out.zone);
    if (const auto* missed = fields.find("missed")) {
      const auto index = context_.one_of(*missed->value, "`missed`", {"skip", "once", "all"});
      static constexpr std::array<Trigger::Missed, 3> kMissed{
          Trigger::Missed::kSkip, Trigger::Missed::kOnce, Trigger::Missed::kAll};
      if (index) out.missed = kMissed[*index];
    }
  } else if (member.key == "jetstream") {
    out.kind = Trigger::Kind::kJetStream;
    text("stream", "stream: ORDERS", true, out.stream);
    text("subject", "subject: orders.new", true, out.subject);
    text("durable", "durable: weft", true, out.durable);
  } else {
    out.kind = Trigger::Kind::kWebhook;
    text("path", "path: shop", false, out.path);
    text("signature", "signature: HEADER", true, out.signature);
    text("secret", "secret: VARIABLE", true, out.secret);
  }
  fields.finish();
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

/// "start", "status.reserved", "error.out_of_stock": words joined by dots.
std::optional<Word> WorkflowParser::measure_name(const YamlMember* member) {
  if (member == nullptr) return std::nullopt;
  auto word = context_.text(*member->value, "`" + member->key + "`");
  if (!word) return std::nullopt;
  const std::size_t dot = word->text.find('.');
  const std::string first = word->text.substr(0, dot);
  const std::string rest = dot == std::string::npos ? std::string() : word->text.substr(dot + 1);
  const bool good =
      is_name(first) && (dot == std::string::npos || is_name(rest) || is_status(rest));
  if (good) return word;
  context_.error(word->at, "form.value", "`" + member->key + "` cannot be " + quoted(word->text),
                 "write it like `start`, `status.reserved`, `step.ship` or `error.out_of_stock`");
  return std::nullopt;
}

void WorkflowParser::read_measures() {
  const auto* slo = fields_.find("slo");
  if (slo != nullptr && context_.expect_mapping(*slo->value, "`slo`", "slo: {NAME: {…}}")) {
    for (const YamlMember& entry : slo->value->members) {
      SloSyntax out;
      out.name = {entry.key, entry.key_at};
      const bool named = context_.check_name(out.name, "an objective");
      if (!context_.expect_mapping(*entry.value, "an objective",
                                   "{from: start, to: durable, within: 500ms, objective: 99.9%}")) {
        continue;
      }
      Fields inner(context_, *entry.value, entry.key_at, "an objective");
      auto from = measure_name(inner.require("from", "from: start"));
      auto to = measure_name(inner.require("to", "to: durable"));
      if (const auto* within = inner.require("within", "within: 500ms")) {
        const auto length = context_.duration(*within->value, "`within`");
        if (length) out.within_ms = length->ms;
      }
      if (const auto* objective = inner.require("objective", "objective: 99.9%")) {
        const YamlNode& node = *objective->value;
        const std::string number = node.is_scalar() && node.text.ends_with('%')
                                       ? node.text.substr(0, node.text.size() - 1)
                                       : std::string();
        const auto share =
            number.empty() || number.find_first_not_of("0123456789.") != std::string::npos
                ? std::nullopt
                : Decimal::parse(number);
        if (share && *share > Decimal() && *share <= Decimal::from_integer(100)) {
          out.objective = node.text;
        } else {
          context_.error(node.at, "form.value", "`objective` must be a share above 0%",
                         "write it like `99.9%`");
        }
      }
      inner.finish();
      if (!named || !from || !to) continue;
      out.from = std::move(*from);
      out.to = std::move(*to);
      out_.slos.push_back(std::move(out));
    }
  }
  const auto* kpi = fields_.find("kpi");
  if (kpi == nullptr || !context_.expect_mapping(*kpi->value, "`kpi`", "kpi: {NAME: {…}}")) return;
  for (const YamlMember& entry : kpi->value->members) {
    KpiSyntax out;
    out.name = {entry.key, entry.key_at};
    const bool named = context_.check_name(out.name, "a metric");
    if (!context_.expect_mapping(*entry.value, "a metric", "{count: error, by: [class]}")) continue;
    Fields inner(context_, *entry.value, entry.key_at, "a metric");
    const auto* age_of = inner.find("age_of");
    const auto* count = inner.find("count");
    if ((age_of == nullptr) == (count == nullptr)) {
      context_.error(entry.key_at, age_of == nullptr ? "form.missing-key" : "form.clash",
                     age_of == nullptr ? "a metric measures nothing"
                                       : "a metric has both `age_of` and `count`",
                     "give it one of `age_of: status.NAME` and `count: error`");
    }
    out.age_of = measure_name(age_of);
    out.count = measure_name(count);
    out.at = measure_name(inner.find("at"));
    if (const auto* by = inner.find("by")) {
      auto words = context_.words(*by->value, "`by`", &ParserContext::name, true);
      if (words) out.by = std::move(*words);
    }
    inner.finish();
    if (named) out_.kpis.push_back(std::move(out));
  }
}

/// `weft: 1`, the language's version, comes before everything else.
bool check_language(ParserContext& context, const YamlNode& root) {
  const YamlMember* weft = root.find("weft");
  if (weft == nullptr) {
    context.error({1, 1}, "form.missing-key", "the file lacks the key `weft`",
                  "begin it with `weft: 1`");
    return true;
  }
  const YamlNode& node = *weft->value;
  const bool number = node.is_scalar() && node.plain && resolve_plain(node.text).value == Value(1);
  if (number) return true;
  context.error(node.at, "form.language",
                "this program reads version 1 of the language" +
                    (node.is_scalar() ? ", not " + quoted(node.text) : std::string()),
                "write `weft: 1`");
  return false;
}

}  // namespace

std::optional<WorkflowSyntax> parse_workflow(ParserContext& context, const YamlNode& root) {
  auto workflow = WorkflowParser(context, root).parse();
  if (workflow) workflow->definition_digest = sha256_hex(to_value(root).to_canonical_json());
  return workflow;
}

DefinitionSyntax parse_definition(const SourceText& source, Reporter& reporter) {
  DefinitionSyntax out;
  const auto root = read_yaml(source, reporter);
  if (!root) return out;
  ParserContext context(source, reporter);
  if (!context.expect_mapping(*root, "a definition", "weft: 1")) return out;
  if (!check_language(context, *root)) return out;
  const YamlMember* workflow = root->find("workflow");
  const YamlMember* adapter = root->find("adapter");
  if (workflow != nullptr && adapter != nullptr) {
    const bool later = adapter->key_at.line > workflow->key_at.line;
    const YamlMember* second = later ? adapter : workflow;
    const YamlMember* first = later ? workflow : adapter;
    context.error(second->key_at, "form.clash",
                  "`" + second->key + "` stands beside `" + first->key + "` (" +
                      std::to_string(first->key_at.line) + ":" +
                      std::to_string(first->key_at.column) + ")",
                  "write one definition per file");
    return out;
  }
  if (workflow == nullptr && adapter == nullptr) {
    std::vector<std::string> keys;
    std::string instead = "add `workflow: NAME`, or `adapter: NAME`";
    for (const YamlMember& member : root->members) {
      if (const auto near = nearest(member.key, {"workflow", "adapter"})) {
        instead = "did you mean " + quoted(*near) + " instead of " + quoted(member.key) + "?";
      }
    }
    context.error({1, 1}, "form.missing-key",
                  "the file says neither which workflow nor which adapter it defines",
                  std::move(instead));
    return out;
  }
  if (workflow != nullptr) {
    out.workflow = parse_workflow(context, *root);
  } else {
    out.adapter = parse_adapter(context, *root);
  }
  return out;
}

}  // namespace weft::dsl
