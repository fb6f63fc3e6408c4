#pragma once  // dsl/saga_graph.h

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "dsl/diagnostic.h"
#include "dsl/expression.h"
#include "dsl/value.h"

namespace weft::dsl {

using StepId = std::uint32_t;   ///< Index into SagaGraph::steps.
using BlockId = std::uint32_t;  ///< Index into SagaGraph::blocks; 0 is the workflow's top list.
inline constexpr StepId kNoStep = ~StepId{0};
inline constexpr BlockId kNoBlock = ~BlockId{0};
inline constexpr BlockId kTopBlock = 0;

enum class StepKind : std::uint8_t {
  kCall, kSet, kDo, kChoice, kParallel, kForeach, kRepeat, kListen, kWait, kEmit, kSaga, kRaise,
  kFinish
};
[[nodiscard]] const char* step_kind_name(StepKind kind);  ///< "call", "foreach", ...

/// How often and how soon again.
struct RetryPolicy {
  enum class Jitter : std::uint8_t { kFull, kNone, kShare };
  std::vector<std::string> errors{"transient", "unknown"};  ///< Classes and codes that are retried.
  std::int64_t attempts_max = 10;  ///< Attempts in all, the first included; 0 = without limit.
  std::int64_t delay_ms = 1000;
  Decimal backoff = Decimal::from_integer(2);
  std::int64_t delay_max_ms = 60'000;
  Jitter jitter = Jitter::kFull;
  int jitter_percent = 0;                     ///< For kShare: delay +- this share.
  std::optional<std::int64_t> elapsed_max_ms; ///< From the first attempt's scheduling.
  bool given = false;  ///< The author wrote it; else a default (after the pivot: no limit).
};

enum class Guarantee : std::uint8_t { kFenced, kIdempotent, kQueryable, kUnsafe };
[[nodiscard]] const char* guarantee_name(Guarantee guarantee);

enum class ErrorClass : std::uint8_t { kBusiness, kTransient };

/// A declared error code, of the workflow or of an adapter definition.
struct ErrorDeclaration {
  std::string code;
  ErrorClass error_class = ErrorClass::kBusiness;
  bool effect_perhaps = false;          ///< Refused, but something may be left.
  std::vector<std::int64_t> service_codes;
  bool from_adapter = false;
};

/// A JSON Schema compiled into the graph: canonical text; compiled validators are kept per text.
struct SchemaReference {
  std::string file;  ///< As written, for messages.
  Value schema;      ///< The document.
};

struct OperationDefinition {
  std::string name;
  std::optional<std::int64_t> timeout_ms;
  std::string subject;                       ///< Empty: weft.task.<adapter>.<name>.
  std::optional<SchemaReference> input, reply;
  std::vector<std::string> errors;           ///< Business and transient codes it may answer.
  bool errors_listed = false;
};

/// Limits that are live and shared by all workflows; not part of a graph's digest.
struct AdapterLimits {
  std::int64_t concurrency = 0;              ///< 0 = without limit.
  std::int64_t rate_count = 0, rate_window_ms = 0;  ///< 0 = without limit.
  int breaker_open_percent = 0;              ///< 0 = no breaker.
  int breaker_window = 20;                   ///< of_last
  std::int64_t breaker_cool_down_ms = 30'000;
};

struct AdapterDefinition {
  std::string name, owner;
  Guarantee guarantee = Guarantee::kIdempotent;
  std::optional<std::int64_t> idempotency_window_ms;
  AdapterLimits limits;
  std::optional<Expression> route_choose;    ///< Yields the target adapter's name.
  std::vector<std::string> route_targets;    ///< Constant names route_choose can yield.
  std::string shadow;                        ///< Also asked on weft.dryrun.; empty = none.
  std::vector<OperationDefinition> operations;
  std::map<std::string, ErrorDeclaration> errors;
  bool defined = false;                      ///< False: no definition file, the defaults hold.
  std::string digest;                        ///< SHA-256, hex, of its canonical form.

  [[nodiscard]] const OperationDefinition* find_operation(std::string_view operation) const;
};

/// `emit: NAME` or `{name, with}`.
struct Emit {
  std::string name;
  std::optional<Template> with;
};
/// `{status, emit}` of on_success, on_completed, ...
struct Announcement {
  std::string status;  ///< Empty = none.
  std::optional<Emit> emit;
};

/// A resource movement of one step: resource -> expression, or the rest of every holder.
struct ResourceMovement {
  std::string resource;
  std::optional<Template> items;  ///< Nothing = `all`.
};

enum class Then : std::uint8_t { kCompensate, kContinue, kFinish, kStuck };

struct ErrorRoute {
  std::vector<std::string> errors;  ///< Codes, classes, "any".
  BlockId body = kNoBlock;
  std::optional<Template> result;
  Then then = Then::kCompensate;
};

struct CallTarget {
  std::string adapter, operation;
};

struct ProbeSpec {
  CallTarget target;
  std::optional<Template> with;   ///< Nothing: the forward input.
  std::int64_t timeout_ms = 30'000;
  RetryPolicy retry;
};

struct CompensationSpec {
  enum class Kind : std::uint8_t { kAbsent, kCall, kNone, kManual };
  Kind kind = Kind::kAbsent;
  CallTarget target;
  std::optional<Template> with;   ///< Nothing: the forward input.
  std::int64_t timeout_ms = 30'000;
  RetryPolicy retry;
  bool continue_on_failure = false;  ///< on_failure: continue.
};

struct CallSpec {
  CallTarget target;
  std::optional<Template> with;  ///< Nothing: {}.
  std::int64_t timeout_ms = 30'000;
  std::optional<std::int64_t> schedule_timeout_ms;
  std::optional<std::int64_t> on_wait_after_ms;
  std::string on_wait_status;
  RetryPolicy retry;
  std::optional<ProbeSpec> probe;
  CompensationSpec compensate;
  bool pivot = false;
  std::optional<SchemaReference> reply_schema;  ///< The step's own, else the operation's.
  std::optional<SchemaReference> input_schema;  ///< The operation's.
  bool completes = false;                       ///< A pending answer is allowed.
  std::optional<std::int64_t> completes_within_ms, heartbeat_ms;
  std::vector<ResourceMovement> holds, releases, consumes;
};

struct ChoiceBranch {
  std::optional<Expression> when;  ///< Nothing: otherwise.
  std::string status;
  BlockId body = kNoBlock;         ///< Or none.
  std::string raise;               ///< Code; empty = none.
  std::string raise_message;
};

struct ChoiceSpec { std::vector<ChoiceBranch> branches; };
struct ParallelSpec { std::vector<BlockId> branches; bool race = false; };
struct Tolerance {
  std::vector<std::string> codes;  ///< These are tolerated, any number of them.
  std::optional<std::int64_t> count;
  std::optional<int> percent;
};
struct ForeachSpec {
  Template items;
  std::string as = "item";
  std::int64_t at_once = 1;
  std::optional<Tolerance> tolerate;
  BlockId body = kNoBlock;
};
/// What happens when a listen's or repeat's time or rounds are spent.
struct TimeoutAction {
  enum class Kind : std::uint8_t { kRaise, kDo, kContinue };
  Kind kind = Kind::kRaise;
  std::string raise, raise_message;
  BlockId body = kNoBlock;
};
struct RepeatSpec {
  BlockId body = kNoBlock;
  Expression until;
  std::int64_t rounds_max = 0;
  std::int64_t every_ms = 0;
  std::optional<TimeoutAction> on_timeout;  ///< Nothing: raises `exhausted`.
};
struct ListenSpec {
  std::string event;
  std::optional<Template> correlate_event;   ///< Over $event.
  std::optional<Template> correlate_equals;  ///< Over the saga.
  std::optional<Expression> filter;
  std::int64_t keep_ms = 600'000;
  std::optional<std::int64_t> timeout_ms;
  std::optional<TimeoutAction> on_timeout;
};
struct WaitSpec {
  std::optional<std::int64_t> duration_ms;
  std::optional<Template> until;             ///< RFC 3339 text.
};
struct EmitSpec { Emit emit; };
struct ChildSpec {
  std::string workflow;
  int major = 1;
  std::optional<Template> with;
  bool detach = false;
  bool pivot = false;
};
struct RaiseSpec { std::string code; std::optional<Template> message; };
struct FinishSpec { Template output; };
struct SetSpec { Template values; };
struct DoSpec { BlockId body = kNoBlock; };

/// A list of steps, and whose it is.
struct Block {
  enum class Role : std::uint8_t { kTop, kBody, kBranch, kRoute, kTimeout };
  BlockId id = kTopBlock;
  StepId owner = kNoStep;
  Role role = Role::kTop;
  std::uint32_t index = 0;   ///< Of the branch or route.
  std::string name;          ///< A parallel branch's name.
  std::vector<StepId> steps;
};

struct Step {
  StepId id = kNoStep;
  std::string name;
  StepKind kind = StepKind::kSet;
  BlockId block = kTopBlock;      ///< The list it stands in.
  std::uint32_t place = 0;        ///< Its index in that list.
  Position position;              ///< Not part of the digest.
  std::string description;
  std::optional<Expression> when;
  std::string status;
  Announcement on_success;
  std::vector<ErrorRoute> on_error;
  bool after_pivot = false;       ///< It can only run once the pivot has succeeded.
  // Exactly one of these is set, by kind.
  std::optional<CallSpec> call;
  std::optional<SetSpec> set;
  std::optional<DoSpec> do_;
  std::optional<ChoiceSpec> choice;
  std::optional<ParallelSpec> parallel;
  std::optional<ForeachSpec> foreach;
  std::optional<RepeatSpec> repeat;
  std::optional<ListenSpec> listen;
  std::optional<WaitSpec> wait;
  std::optional<EmitSpec> emit;
  std::optional<ChildSpec> saga;
  std::optional<RaiseSpec> raise;
  std::optional<FinishSpec> finish;
};

struct ResourceDefinition {
  std::string name;
  std::vector<std::string> by;      ///< Dimensions.
  std::string quantity = "qty";     ///< Name of the quantity member.
};

struct Trigger {
  enum class Kind : std::uint8_t { kSchedule, kJetStream, kWebhook, kEvent };
  enum class Missed : std::uint8_t { kSkip, kOnce, kAll };
  Kind kind = Kind::kEvent;
  std::string cron, zone = "UTC";
  Missed missed = Missed::kSkip;
  std::string stream, subject, durable;
  std::string path, signature, secret;      ///< Webhook; `secret` names an environment variable.
  std::string event;
  std::optional<Expression> when;
  std::optional<Template> input;            ///< Nothing: ${ $event }.
};

struct CancelledBy {
  std::string event;
  Template correlate_event, correlate_equals;
  std::optional<Expression> filter;
};

enum class Lifecycle : std::uint8_t { kActive, kDeprecated, kRetired };
enum class Ordering : std::uint8_t { kFifo, kSupersede, kReject };

struct SloDefinition {
  std::string name, from, to;
  std::int64_t within_ms = 0;
  std::string objective;  ///< "99.9%"
};
struct KpiDefinition {
  std::string name;
  std::string age_of, count, at;
  std::vector<std::string> by;
};

/// The immutable result of compiling one workflow file together with the adapters it names.
/// Shared by shared_ptr<const SagaGraph>; usable from any thread.
struct SagaGraph {
  std::string workflow, version, title, description, owner;
  Lifecycle lifecycle = Lifecycle::kActive;
  std::optional<SchemaReference> input_schema;
  std::vector<std::string> sensitive;       ///< Paths masked wherever people look.
  std::optional<Template> key;
  std::optional<Template> ordering_key;
  Ordering ordering = Ordering::kFifo;
  std::vector<std::pair<std::string, Template>> labels;
  std::optional<std::int64_t> deadline_ms;
  std::vector<std::string> statuses;        ///< Legal order; the first is set at start.
  std::map<std::string, ErrorDeclaration> errors;  ///< The workflow's own.
  std::vector<ResourceDefinition> resources;
  std::vector<Trigger> triggers;
  std::optional<CancelledBy> cancelled_by;
  std::string after_pivot;                  ///< Workflow name; empty = none.
  bool leftovers_error = false;             ///< leftovers: error.
  std::optional<Template> output;           ///< Nothing: output of the last step.
  Announcement on_completed, on_compensated, on_cancelled, on_stuck;
  std::vector<SloDefinition> slos;
  std::vector<KpiDefinition> kpis;
  std::optional<std::int64_t> retention_completed_ms, retention_compensated_ms;

  std::vector<Step> steps;
  std::vector<Block> blocks;                ///< blocks[0] is the top list.
  StepId pivot = kNoStep;
  std::map<std::string, AdapterDefinition> adapters;  ///< Every adapter a call, probe,
                                                      ///< compensation or route target names.
  std::string digest;       ///< SHA-256, hex, over canonical_form().to_canonical_json().
  std::string definition_digest;  ///< SHA-256, hex, of the YAML as JSON, without the adapters: tells
                                  ///< "other bytes under name@version" from a changed adapter.
  std::string source;       ///< The YAML text it was compiled from.

  [[nodiscard]] std::string id() const { return workflow + "@" + version; }
  [[nodiscard]] const Step* find_step(std::string_view name) const;
  [[nodiscard]] const Step& step(StepId id) const { return steps[id]; }
  [[nodiscard]] const Block& block(BlockId id) const { return blocks[id]; }
  /// The step that owns the list `step` stands in, or kNoStep at the top.
  [[nodiscard]] StepId parent(StepId id) const { return blocks[steps[id].block].owner; }
  /// The declaration of `code` as seen by a call to `adapter`: the workflow's, else the adapter's.
  [[nodiscard]] const ErrorDeclaration* find_error(std::string_view adapter,
                                                   std::string_view code) const;
  [[nodiscard]] const ResourceDefinition* find_resource(std::string_view name) const;
  /// The adapter's definition; defaults (idempotent, no limits) where there is no file.
  [[nodiscard]] const AdapterDefinition& adapter(std::string_view name) const;
  /// Everything that has a meaning, nothing that has none (positions, comments, limits).
  [[nodiscard]] Value canonical_form() const;

  std::unordered_map<std::string, StepId> step_by_name;  ///< Filled by the compiler.
};

/// The major number of "1.2.3"; 0 if it is none.
[[nodiscard]] int major_version(std::string_view version);

}  // namespace weft::dsl
