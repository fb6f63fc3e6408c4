#pragma once  // dsl/workflow_ast.h

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dsl/diagnostic.h"
#include "dsl/durations.h"
#include "dsl/expression.h"
#include "dsl/saga_graph.h"
#include "dsl/value.h"

/// What the author wrote, with places: well formed, but nothing looked up yet. A member that is
/// absent was not written (or was wrong, which has been reported).
namespace weft::dsl {

struct Word {
  std::string text;
  Position at;
};
struct Count {
  std::int64_t value = 0;
  Position at;
};
struct Length {
  std::int64_t ms = 0;
  Position at;
};

/// One name that an expression reads, and where it stands in the file.
struct NameUse {
  Reference reference;
  Position at;
};
struct ExpressionSyntax {
  std::optional<Expression> expression;  ///< Nothing: it does not compile, which is reported.
  Position at;
  std::vector<NameUse> uses;
};
struct TemplateSyntax {
  Template value;
  Position at;
  std::vector<NameUse> uses;
  std::vector<std::string> keys;  ///< Of a mapping: what its value has, exactly.
  bool is_mapping = false;
};

struct EmitSyntax {
  Word name;
  std::optional<TemplateSyntax> with;
};
/// `{status, emit}`.
struct AnnouncementSyntax {
  std::optional<Word> status;
  std::optional<EmitSyntax> emit;
};

struct RetrySyntax {
  Position at;
  std::optional<Word> policy;  ///< A name from `retries`; then nothing else is set.
  bool none = false;           ///< `retry: none`.
  std::optional<std::vector<Word>> errors;
  std::optional<Count> attempts_max;
  std::optional<Length> delay, delay_max, elapsed_max;
  std::optional<Decimal> backoff;
  std::optional<std::pair<RetryPolicy::Jitter, int>> jitter;
};

struct TargetSyntax {
  std::string adapter, operation;
  Position at;
};

struct ProbeSyntax {
  Position at;  ///< Of the key.
  TargetSyntax call;
  std::optional<TemplateSyntax> with;
  std::optional<RetrySyntax> retry;
};

struct CompensateSyntax {
  Position at;  ///< Of the key.
  CompensationSpec::Kind kind = CompensationSpec::Kind::kAbsent;
  TargetSyntax call;
  std::optional<TemplateSyntax> with;
  std::optional<Length> timeout;
  std::optional<RetrySyntax> retry;
  bool continue_on_failure = false;
};

struct MovementSyntax {
  Word resource;
  std::optional<TemplateSyntax> items;  ///< Nothing: `all`.
};

struct StepSyntax;
using StepList = std::vector<StepSyntax>;

struct RouteSyntax {
  Position at;
  std::vector<Word> errors;
  std::optional<StepList> body;
  std::optional<TemplateSyntax> result;
  Then then = Then::kCompensate;
  std::optional<Position> then_at;  ///< Nothing: the default.
};

struct BranchSyntax {
  Position at;
  bool otherwise = false;
  std::optional<ExpressionSyntax> when;
  std::optional<Word> status;
  std::optional<StepList> body;
  std::optional<Word> raise;
  std::string raise_message;
};

struct TimeoutSyntax {
  Position at;  ///< Of the key.
  TimeoutAction::Kind kind = TimeoutAction::Kind::kRaise;
  std::optional<Word> raise;
  std::string raise_message;
  std::optional<StepList> body;
};

struct ParallelBranchSyntax {
  Word name;
  StepList steps;
};

struct ToleranceSyntax {
  std::vector<Word> codes;
  std::optional<std::int64_t> count;
  std::optional<int> percent;
};

struct CorrelationSyntax {
  TemplateSyntax event, equals;
};

struct StepSyntax {
  Word name;
  StepKind kind = StepKind::kSet;
  Position at;                           ///< Where the step begins.
  Position kind_at;                      ///< Of the key that says its kind.
  std::map<std::string, Position> keys;  ///< Every key written, where it stands.

  std::optional<ExpressionSyntax> when;
  std::string description;
  std::optional<Word> status;
  std::optional<AnnouncementSyntax> on_success;
  std::vector<RouteSyntax> on_error;

  std::optional<TemplateSyntax> with;  ///< call, emit, saga.
  bool pivot = false;                  ///< call, saga.

  // call
  TargetSyntax call;
  std::optional<Length> timeout;  ///< Also of a listen.
  std::optional<Length> schedule_timeout, on_wait_after;
  std::optional<Word> on_wait_status;
  std::optional<RetrySyntax> retry;
  std::optional<ProbeSyntax> probe;
  std::optional<CompensateSyntax> compensate;
  std::optional<Word> reply_schema;
  bool completes = false;
  std::optional<Length> completes_within, heartbeat;
  std::vector<MovementSyntax> holds, releases, consumes;

  std::optional<TemplateSyntax> values;  ///< set, finish; the message of a raise.
  StepList body;                         ///< do, foreach, repeat.
  std::vector<BranchSyntax> branches;    ///< choice.
  std::vector<ParallelBranchSyntax> parallel;
  bool race = false;
  std::optional<ExpressionSyntax> items;  ///< foreach.
  std::optional<Word> as;
  std::int64_t at_once = 1;
  std::optional<ToleranceSyntax> tolerate;
  std::optional<ExpressionSyntax> until;  ///< repeat.
  std::int64_t rounds_max = 0;
  std::int64_t every_ms = 0;
  std::optional<TimeoutSyntax> on_timeout;
  Word target;    ///< listen, emit: the event; saga; raise: the code.
  int major = 0;  ///< saga.
  bool detach = false;
  std::optional<CorrelationSyntax> correlate;
  std::optional<ExpressionSyntax> filter;
  std::optional<std::int64_t> keep_ms;
  std::optional<Length> wait;
  std::optional<TemplateSyntax> wait_until;

  [[nodiscard]] std::optional<Position> key(const std::string& name_of_key) const {
    const auto found = keys.find(name_of_key);
    if (found == keys.end()) return std::nullopt;
    return found->second;
  }
};

struct ErrorSyntax {
  Word code;
  ErrorDeclaration declaration;
  std::vector<Position> service_codes_at;  ///< One for each of them.
};
struct ResourceSyntax {
  Word name;
  ResourceDefinition definition;
};
struct LabelSyntax {
  Word name;
  TemplateSyntax value;
};
struct TriggerSyntax {
  Position at;
  Position zone_at;  ///< Of a schedule that names its zone.
  Trigger trigger;   ///< Without `when` and `input`.
  std::optional<ExpressionSyntax> when;
  std::optional<TemplateSyntax> input;
};
struct CancelledBySyntax {
  Word event;
  CorrelationSyntax correlate;
  std::optional<ExpressionSyntax> filter;
};
struct SloSyntax {
  Word name, from, to;
  std::int64_t within_ms = 0;
  std::string objective;
};
struct KpiSyntax {
  Word name;
  std::optional<Word> age_of, count, at;
  std::vector<Word> by;
};

struct WorkflowSyntax {
  Word workflow, version;
  std::string title, description, owner;
  Lifecycle lifecycle = Lifecycle::kActive;
  std::optional<Word> input_schema;
  std::vector<Word> sensitive;
  std::optional<TemplateSyntax> key, ordering_key;
  Ordering ordering = Ordering::kFifo;
  std::vector<LabelSyntax> labels;
  std::optional<Length> deadline;
  std::vector<Word> statuses;
  std::vector<ErrorSyntax> errors;
  std::vector<ResourceSyntax> resources;
  std::vector<std::pair<Word, RetrySyntax>> retries;
  std::optional<Length> default_timeout, default_schedule_timeout;
  std::optional<RetrySyntax> default_retry;
  std::vector<TriggerSyntax> triggers;
  std::optional<CancelledBySyntax> cancelled_by;
  std::optional<Word> after_pivot;
  StepList steps;
  std::optional<TemplateSyntax> output;
  bool leftovers_error = false;
  std::optional<AnnouncementSyntax> on_completed, on_compensated, on_cancelled, on_stuck;
  std::vector<SloSyntax> slos;
  std::vector<KpiSyntax> kpis;
  std::optional<std::int64_t> retention_completed_ms, retention_compensated_ms;
  std::string definition_digest;  ///< Over the file as JSON: comments and layout do not count.
};

struct OperationSyntax {
  Word name;
  OperationDefinition definition;  ///< Without schemas.
  std::vector<Word> errors;
  std::optional<Word> input, reply;  ///< Schema files.
};

struct AdapterSyntax {
  Word adapter;
  std::string owner;
  Guarantee guarantee = Guarantee::kIdempotent;
  std::optional<std::int64_t> idempotency_window_ms;
  AdapterLimits limits;
  std::optional<ExpressionSyntax> choose;
  std::optional<Word> shadow;
  std::vector<OperationSyntax> operations;
  std::vector<ErrorSyntax> errors;
};

}  // namespace weft::dsl
