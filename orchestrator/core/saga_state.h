#pragma once  // orchestrator/core/saga_state.h

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dsl/value.h"
#include "orchestrator/core/event.h"
#include "orchestrator/core/ids.h"

namespace weft::core {

/// Where a saga can be (SEMANTICS.md). kNew: no event yet. kStuck and kWaiting are derived for
/// display: see engine_state().
enum class Phase : std::uint8_t {
  kNew, kQueued, kForward, kBackward, kCompleted, kCompensated, kFailed, kTerminated
};

enum class StepState : std::uint8_t {
  kPending, kWaiting, kRunning, kSucceeded, kFailed, kInDoubt, kSkipped
};
[[nodiscard]] const char* step_state_name(StepState state);

using NodeId = std::uint32_t;
inline constexpr NodeId kRoot = 0;
inline constexpr NodeId kNoNode = ~NodeId{0};

/// What one attempt of a call is known to have done: needed to judge the attempts together.
enum class AttemptFate : std::uint8_t { kOpen, kUnknown, kNotHappened, kAnswered };

/// The undo of one step.
struct CompensationState {
  enum class State : std::uint8_t { kNotOwed, kOwed, kRunning, kRetrying, kDone, kStuck, kSkipped };
  State state = State::kNotOwed;
  std::int64_t attempts = 0, round = 0;
  std::string adapter, operation, subject;
  dsl::Value input;
  std::int64_t timeout_ms = 0;
  Error error;
  std::string effect;                  ///< Of the answer: undone, none or empty.
  bool leftover = false, repair = false, child = false;
  bool again = false;                  ///< A success came late while it ran: another round follows.
  std::optional<Timestamp> first_at;   ///< For elapsed_max.
  std::optional<Timestamp> next;       ///< When it is tried again.
  std::int64_t attempts_base = 0;      ///< Attempts before an operator's retry: a fresh policy.
  bool pending = false;                ///< Accepted; the answer comes by token.
  std::optional<dsl::Value> late_reply = {};  ///< Of the success that the next round undoes.
  std::vector<Movement> late_holds = {};  ///< What that success holds; counts once this round is over.
};

/// How a scope is being left.
struct Rollback {
  bool undoing = false;                ///< False: settling.
  std::string cause;                   ///< error, cancel, compensate, deadline, race, parent.
  Error error;
};

/// One list below a step instance: a body, a branch, an item, a round, an error route.
struct SlotState {
  std::vector<NodeId> children;        ///< In the order entered.
  std::int32_t open = 0, owed = 0, undoing = 0;  ///< Sums over the children.
  bool ended = false, succeeded = false;         ///< By ScopeEnded.
  std::string name;
  StepPath result_of;
  Error error;
  std::optional<Rollback> rollback;    ///< Of this slot alone (race branch, foreach item).
};

/// One step instance. Node 0 is the saga itself.
struct Node {
  StepPath path;
  std::string kind;                    ///< step_kind_name; "saga root" is "do" with an empty path.
  NodeId parent = kNoNode;
  Slot slot;                           ///< Which list of the parent it stands in.
  StepState state = StepState::kPending;
  Effect effect = Effect::kNone;
  Undo undo = Undo::kNone;
  bool pivot = false;
  std::int64_t order = 0;              ///< Sequence of first scheduling.
  Timestamp started_at, ended_at;      ///< ms 0 = not yet.

  // Calls.
  std::int64_t attempts = 0;
  std::string adapter, operation, subject;
  dsl::Value input, output;
  bool output_known = false;           ///< Output is real (a null output is a value too).
  Error error;
  std::vector<AttemptFate> fates;      ///< By attempt - 1.
  std::set<std::int64_t> late;         ///< Attempts whose late reply is recorded; negative: that
                                       ///< it succeeded.
  bool task_open = false;              ///< A dispatched attempt or probe is unanswered.
  bool pending = false;                ///< Accepted; the answer comes by token.
  bool waiting = false;                ///< StepWaiting: on_wait's overlay lies on the status.
  std::int64_t probes = 0;
  bool probing = false;
  std::optional<Timestamp> within, due, next_attempt;
  std::string event, correlation;      ///< listen.
  bool correlated = false;
  SagaId child;
  std::string child_workflow, child_state;
  CompensationState compensation;
  std::map<std::string, dsl::Value> holdings;  ///< resource -> array of items still held.
  std::map<std::string, std::string> quantity_names;  ///< resource -> its quantity member.
  std::vector<Movement> taken;         ///< What it released or consumed, from whom: an undo by
                                       ///< call puts back what was released.
  std::int64_t attempts_base = 0;      ///< Attempts before an operator's retry: a fresh policy.
  Timestamp policy_since;              ///< For max_elapsed.
  Timestamp probing_since;             ///< For the probe's max_elapsed.
  std::int64_t waited_ms = 0;          ///< For its adapter, in earlier attempts: schedule_timeout.
  bool within_spent = false;           ///< completes.within is over: no pending answer counts.

  // Blocks.
  std::map<Slot, SlotState> slots;
  dsl::Value items;                    ///< foreach.
  std::string as;
  std::int64_t at_once = 1;
  std::uint32_t branch = 0;            ///< choice.
  std::uint32_t round = 0;             ///< repeat: rounds begun.
  std::uint32_t items_begun = 0;       ///< foreach.
  std::uint32_t items_ended = 0;       ///< foreach.
  std::uint32_t items_failed = 0;      ///< foreach, tolerated so far.
  std::int32_t route = -1;             ///< on_error route taken; -1 = none.

  // Sums over the node itself and everything below.
  std::int32_t open = 0;               ///< Work that may still change forward.
  std::int32_t owed = 0;               ///< Steps that must be undone before this scope is.
  std::int32_t undoing = 0;            ///< Compensations on their way.
  bool own_open = false, own_owed = false, own_undoing = false;
  std::optional<Rollback> rollback;
  std::optional<SagaStuck> stuck;
  Timestamp stuck_since;
};

struct Totals {
  std::map<std::string, dsl::Decimal> held, consumed, released, written_off;  ///< By canonical dims.
};

struct BufferedSignal { std::string name, event_id; dsl::Value data; Timestamp at; };

/// What evolve remembers of one saga: the fold of its events and nothing else. Owned by the
/// engine's repository; touched by its partition's thread only.
class SagaState {
 public:
  SagaState();

  Phase phase = Phase::kNew;
  Birth birth;
  std::uint64_t revision = 0;          ///< Number of events folded.
  Timestamp accepted_at, started_at, ended_at;
  std::optional<Timestamp> deadline;
  bool pivot_reached = false;
  bool cancel_requested = false, deadline_passed = false;
  std::string cancel_kind;             ///< cancel or compensate.
  bool finishing = false;              ///< The forward part is done; leftovers are going back.
  std::string status, overlay_from;    ///< Business status; what lies under an overlay.
  bool overlay = false;
  std::string overlay_path;
  Error error;                         ///< Why it goes or went backwards.
  dsl::Value output;
  std::int64_t exceptions = 0;
  std::map<std::string, std::string> routes, shadows;  ///< adapter -> target / shadow.
  std::vector<BufferedSignal> signals;
  std::set<std::string> events_seen;   ///< Ids of events delivered to this saga.
  std::map<std::string, Totals> ledger;
  std::map<StepPath, SagaStuck> stuck; ///< Every stuck place, by path ("" = the saga).
  std::map<StepPath, Timestamp> stuck_since;
  std::map<StepPath, std::uint64_t> touched; ///< Revision of the last event about a step; "" =
                                             ///< of the last change of where the saga is.
  std::int64_t compensations = 0;      ///< Ever scheduled, or done by hand.
  std::int64_t anomalies = 0;
  std::int64_t order_next = 0;

  std::vector<Node> nodes;             ///< nodes[0] is the root.
  std::unordered_map<StepPath, NodeId> by_path;

  [[nodiscard]] const Node* find(const StepPath& path) const;
  [[nodiscard]] Node* find(const StepPath& path);
  [[nodiscard]] bool ended() const { return phase >= Phase::kCompleted; }
  [[nodiscard]] bool exists() const { return phase != Phase::kNew; }
};

/// What INTERFACES.md calls `state`: queued running waiting completed compensating compensated
/// failed stuck terminated.
[[nodiscard]] std::string engine_state(const SagaState& state);

/// Folds one event of any age into the state. Total: needs no graph, no clock; an event that makes
/// no sense breaks an invariant (InvariantBroken), never memory.
void evolve(SagaState& state, const Event& event);

}  // namespace weft::core
