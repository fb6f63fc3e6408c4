#pragma once  // orchestrator/core/decider.h

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "dsl/saga_graph.h"
#include "dsl/value.h"
#include "orchestrator/core/command.h"
#include "orchestrator/core/effect.h"
#include "orchestrator/core/event.h"
#include "orchestrator/core/saga_state.h"

namespace weft::core {

/// A broken invariant of one saga's logic. The engine discards the decision, reloads the saga from
/// the store and quarantines it; nothing else is touched.
class InvariantBroken : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};
inline void invariant(bool condition, const char* why) {
  if (!condition) throw InvariantBroken(why);
}

/// A refused command. It answers the sender and is no event: nothing is stored.
struct Rejection {
  enum class Code {
    kMalformed,      ///< 400: an expression over the input fails, no key.
    kSchema,         ///< 422: `details.pointer`.
    kUnknownSaga,    ///< 404
    kUnknownStep,    ///< 404: near matches in the reason.
    kKeyConflict,    ///< 409: the key exists with another payload; details.first_digest.
    kPastPivot,      ///< 409: details.workflow = after_pivot.
    kStale,          ///< 412: the named step or the state changed since.
    kClosed,         ///< 409: the saga has ended.
    kNotAllowed,     ///< 409: not possible in this state; the reason says what is.
    kSettled,        ///< 409: this token's step is settled otherwise.
  };
  Code code = Code::kNotAllowed;
  std::string reason;  ///< One sentence for a person; never parsed.
  dsl::Value details = {};
};
[[nodiscard]] const char* rejection_name(Rejection::Code code);  ///< "past_pivot", ...

struct DecideContext {
  Timestamp now;                       ///< Engine time, read once per command.
  std::int64_t clock_skew_ms = 5'000;  ///< Added to the wait for sent tasks when a scope settles.
  std::size_t events_per_turn = 1'000; ///< Beyond it, loops go on by an immediate timer.
};

/// New events, oldest first, and what must happen once they are durable. No events: the command is
/// a duplicate, or concerned nothing any more; it answers from the state.
struct Decided {
  std::vector<Event> events;
  std::vector<SagaEffect> effects;
  bool matched = false;                ///< DeliverEvent/Signal: a step took it (or it was kept).
  bool duplicate = false;              ///< A repeat of something already settled.
  bool contradicted = false;           ///< By token: settled otherwise; an anomaly was recorded.
};
using Decision = tl::expected<Decided, Rejection>;

/// Works out what `command` means for one saga and folds the new events into `state`. Pure: equal
/// arguments, equal answer. On a Rejection `state` is untouched; on InvariantBroken it must be
/// discarded. The graph is the one the saga is pinned to.
[[nodiscard]] Decision decide(const dsl::SagaGraph& graph, SagaState& state, const Command& command,
                              const DecideContext& context);

/// What one fresh event makes necessary outside. Called by decide for each event, never in replay.
/// `state` is the state after the event.
void react(const dsl::SagaGraph& graph, const SagaState& state, const Event& event,
           std::vector<SagaEffect>& effects);

/// Everything a start needs before there is a saga: input checked against the schema, key,
/// ordering key and labels rendered. `header_key`: Weft-Key; used where the workflow has no `key`.
/// `random_id`: 128 bits in base32, used where there is no key at all.
struct StartRequest {
  dsl::Value input;
  std::string header_key, random_id, traceparent;
  SagaId parent;
  StepPath parent_path;
  bool detached = false;
  std::string forced_key;              ///< Children: the key of their `saga` step.
};
[[nodiscard]] tl::expected<Birth, Rejection> prepare_start(const dsl::SagaGraph& graph,
                                                           const StartRequest& request);

/// Is the repeated start the same? Empty when it is, else the rejection with the first digest.
[[nodiscard]] tl::expected<void, Rejection> check_duplicate(const SagaState& state,
                                                            const Birth& again);

/// Why running saga `state` can not move to `to`; empty = compatible (SEMANTICS.md, Versions).
[[nodiscard]] std::string incompatibility(const dsl::SagaGraph& from, const dsl::SagaGraph& to,
                                          const SagaState& state);

/// Is nothing new to be sent forward for this step: a scope around it is being left, or the saga is
/// over, or it is a pivot that a cancel or deadline waits for?
[[nodiscard]] bool is_being_left(const SagaState& state, const StepPath& path);
/// Marked by QuarantineSaga: nothing is decided for it until a person clears the mark.
[[nodiscard]] bool is_quarantined(const SagaState& state);

/// May this judged answer go back to the adapter's queue (nothing happened, no attempt spent)?
[[nodiscard]] bool returns_to_queue(const Judgement& judgement);

/// `weft show -o json` for one saga: INTERFACES.md, JSON shapes. `graph` may be null (missing).
[[nodiscard]] dsl::Value show(const dsl::SagaGraph* graph, const SagaState& state);
/// One row of `weft list`.
[[nodiscard]] dsl::Value list_row(const SagaState& state);
/// An event as `weft events` prints it. `revision`: its version in the stream.
[[nodiscard]] dsl::Value event_json(const SagaState& birth_of, const Event& event,
                                    std::uint64_t revision);
/// RFC 3339 UTC with milliseconds.
[[nodiscard]] std::string format_time(Timestamp at);
[[nodiscard]] std::optional<Timestamp> parse_time(std::string_view text);

}  // namespace weft::core
