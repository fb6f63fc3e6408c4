#pragma once  // dsl/parser_context.h

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/reporter.h"
#include "dsl/source_text.h"
#include "dsl/workflow_ast.h"
#include "dsl/yaml_reader.h"

/// Shared by the parser's files and by the reader of scenario tests (orchestrator/sim).
namespace weft::dsl {

/// "a list", "a number", "text": for messages.
[[nodiscard]] std::string describe(const YamlNode& node);
[[nodiscard]] inline bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/// Reads single values; each function reports what is wrong and then returns nothing. `what`
/// names the value for the message, ready to stand in a sentence: "`timeout`".
class ParserContext final {
 public:
  ParserContext(const SourceText& source, Reporter& reporter)
      : source_(source), reporter_(reporter) {}

  Reporter& reporter() { return reporter_; }
  void error(Position at, std::string rule, std::string message, std::string instead = {}) {
    reporter_.error(at, std::move(rule), std::move(message), std::move(instead));
  }

  bool expect_mapping(const YamlNode& node, std::string_view what, std::string_view example);
  bool expect_list(const YamlNode& node, std::string_view what, std::string_view example);

  std::optional<Word> text(const YamlNode& node, std::string_view what);
  std::optional<Word> name(const YamlNode& node, std::string_view what);
  std::optional<Word> dotted_name(const YamlNode& node, std::string_view what);
  std::optional<Word> status(const YamlNode& node, std::string_view what);
  /// An error code or class.
  std::optional<Word> code(const YamlNode& node, std::string_view what);
  std::optional<Length> duration(const YamlNode& node, std::string_view what, bool zero = false);
  std::optional<Count> integer(const YamlNode& node, std::string_view what, std::int64_t min,
                               std::int64_t max);
  std::optional<int> percent(const YamlNode& node, std::string_view what, int min);
  std::optional<bool> boolean(const YamlNode& node, std::string_view what);
  /// The index of the word that stands there.
  std::optional<std::size_t> one_of(const YamlNode& node, std::string_view what,
                                    const std::vector<std::string>& words);
  /// A list, or nothing if any item is wrong; duplicates are errors.
  using ItemReader = std::optional<Word> (ParserContext::*)(const YamlNode&, std::string_view);
  std::optional<std::vector<Word>> words(const YamlNode& node, std::string_view what,
                                         ItemReader read, bool empty_allowed = false);

  /// Exactly one `${ … }`.
  std::optional<ExpressionSyntax> expression(const YamlNode& node, std::string_view what);
  /// Any value with holes.
  std::optional<TemplateSyntax> any_template(const YamlNode& node, std::string_view what);
  /// A mapping with holes, or one expression that yields an object.
  std::optional<TemplateSyntax> object_template(const YamlNode& node, std::string_view what);
  /// One scalar with holes.
  std::optional<TemplateSyntax> scalar_template(const YamlNode& node, std::string_view what);
  /// Text without holes.
  std::optional<Word> constant_text(const YamlNode& node, std::string_view what);

  bool check_name(const Word& word, std::string_view what);

 private:
  bool scalar_text(const YamlNode& node, std::string_view what, std::string_view example,
                   std::string& out);
  Template build(const YamlNode& node, TemplateSyntax& out);
  Template build_scalar(const YamlNode& node, TemplateSyntax& out);
  std::optional<Expression> compile(std::string_view text, std::size_t base,
                                    const std::vector<std::uint32_t>& places,
                                    std::vector<NameUse>& uses);

  const SourceText& source_;
  Reporter& reporter_;
};

/// The members of one mapping. Each key that is asked for is known; `finish` reports the others.
class Fields final {
 public:
  /// `owner`: where a missing key is shown. `what` names the mapping for messages.
  Fields(ParserContext& context, const YamlNode& node, Position owner, std::string what)
      : context_(context), node_(node), owner_(owner), what_(std::move(what)) {}

  const YamlMember* find(std::string_view key);
  /// As find; reports `form.missing-key` if it is absent. `example` shows the whole entry.
  const YamlMember* require(std::string_view key, std::string_view example);
  /// Keys that are not asked for here, but may have been meant by a misspelt one.
  void meant(std::string_view key) { meant_.emplace_back(key); }
  /// For keys that belong elsewhere: an own word instead of "unknown key".
  void refuse(std::string_view key, std::string message, std::string instead);
  void finish();

 private:
  ParserContext& context_;
  const YamlNode& node_;
  Position owner_;
  std::string what_;
  std::vector<std::string> known_, meant_;
};

/// Steps: parser_steps.cc, and the kinds that hold others or wait: parser_kinds.cc.
class StepParser final {
 public:
  explicit StepParser(ParserContext& context) : context_(context) {}
  /// A list of steps, not empty.
  StepList steps(const YamlNode& node, std::string_view what);
  [[nodiscard]] std::size_t count() const { return count_; }

 private:
  std::optional<StepSyntax> step(const YamlNode& node);
  bool read_kind(Fields& fields, const YamlNode& node, StepSyntax& step);
  void read_common(Fields& fields, StepSyntax& step);
  void read_call(Fields& fields, const YamlNode& value, StepSyntax& step);
  void read_choice(const YamlNode& value, StepSyntax& step);
  std::optional<BranchSyntax> branch(const YamlNode& node);
  void read_parallel(Fields& fields, const YamlNode& value, StepSyntax& step);
  void read_foreach(Fields& fields, const YamlNode& value, StepSyntax& step);
  void read_repeat(Fields& fields, const YamlNode& value, StepSyntax& step);
  void read_listen(Fields& fields, const YamlNode& value, StepSyntax& step);
  void read_wait(const YamlNode& value, StepSyntax& step);
  void read_saga(Fields& fields, const YamlNode& value, StepSyntax& step);
  void read_on_error(const YamlNode& value, StepSyntax& step);
  std::optional<TimeoutSyntax> on_timeout(const YamlMember& member);

  ParserContext& context_;
  std::size_t count_ = 0;
};

std::optional<TargetSyntax> parse_target(ParserContext& context, const YamlNode& node,
                                         std::string_view what);
std::optional<RetrySyntax> parse_retry(ParserContext& context, const YamlMember& member,
                                       bool named_allowed);
std::optional<ProbeSyntax> parse_probe(ParserContext& context, const YamlMember& member);
std::optional<CompensateSyntax> parse_compensate(ParserContext& context, const YamlMember& member);
std::vector<MovementSyntax> parse_movements(ParserContext& context, const YamlMember& member,
                                            bool all_allowed);
std::optional<EmitSyntax> parse_emit(ParserContext& context, const YamlMember& member);
std::optional<AnnouncementSyntax> parse_announcement(ParserContext& context,
                                                     const YamlMember& member);
std::optional<CorrelationSyntax> parse_correlation(ParserContext& context,
                                                   const YamlMember& member);
std::optional<Word> parse_schema_file(ParserContext& context, const YamlNode& node,
                                      std::string_view what);
std::vector<ErrorSyntax> parse_errors(ParserContext& context, const YamlMember& member);
std::vector<TriggerSyntax> parse_triggers(ParserContext& context, const YamlMember& member);
std::vector<SloSyntax> parse_slos(ParserContext& context, const YamlMember& member);
std::vector<KpiSyntax> parse_kpis(ParserContext& context, const YamlMember& member);

std::optional<WorkflowSyntax> parse_workflow(ParserContext& context, const YamlNode& root);
std::optional<AdapterSyntax> parse_adapter(ParserContext& context, const YamlNode& root);

}  // namespace weft::dsl
