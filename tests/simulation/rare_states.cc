#include "tests/simulation/rare_states.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "orchestrator/core/reached.h"

namespace weft::simulation {
namespace {

using core::Node;
using core::Phase;
using core::SagaState;
using Undo = core::CompensationState::State;

bool any(const SagaState& saga, bool (*is)(const Node&)) {
  return std::any_of(saga.nodes.begin(), saga.nodes.end(), is);
}
int count(const SagaState& saga, bool (*is)(const Node&)) {
  return static_cast<int>(std::count_if(saga.nodes.begin(), saga.nodes.end(), is));
}
bool at_work(const Node& n) { return n.task_open && !n.probing && !n.pivot; }
bool undo_at_work(const Node& n) { return n.compensation.state == Undo::kRunning; }
bool undo_waits(const Node& n) { return n.compensation.state == Undo::kRetrying; }
bool retry_waits(const Node& n) { return n.next_attempt.has_value() && n.own_open && !n.probing; }
bool probed(const Node& n) { return n.probing && n.task_open; }
bool pivot_at_work(const Node& n) { return n.pivot && n.task_open; }
bool pending(const Node& n) { return n.pending; }
bool child_runs(const Node& n) { return n.kind == "saga" && n.own_open; }
bool child_is_undone(const Node& n) { return n.kind == "saga" && n.own_undoing; }
bool listens(const Node& n) { return n.kind == "listen" && n.own_open; }
bool waits(const Node& n) { return n.kind == "wait" && n.own_open; }
bool in_doubt(const Node& n) { return n.state == core::StepState::kInDoubt; }
bool happened(const Node& n) { return n.kind == "call" && n.effect == core::Effect::kHappened; }
bool undone(const Node& n) { return n.compensation.state == Undo::kDone; }
bool routed(const Node& n) { return n.route >= 0 && n.open > 0; }
template <const char* kKind>
bool open_block(const Node& n) { return n.kind == kKind && n.open > 0; }
template <const char* kKind>
bool undone_block(const Node& n) { return n.kind == kKind && n.undoing > 0; }
constexpr char kForeach[] = "foreach", kParallel[] = "parallel", kRepeat[] = "repeat", kChoice[] = "choice";

struct RareState {
  Moment moment;
  const char* name;
  bool (*is)(const SagaState&);
};

#define WHILE(moment, name, node) \
  {Moment::moment, name, [](const SagaState& s) { return any(s, node); }}

const RareState kStates[] = {
    WHILE(kCrash, "a crash while a step is at work", at_work),
    WHILE(kCrash, "a crash while an undo is at work", undo_at_work),
    WHILE(kCrash, "a crash while an undo waits for its next attempt", undo_waits),
    WHILE(kCrash, "a crash while a step waits for its next attempt", retry_waits),
    WHILE(kCrash, "a crash while an adapter is asked what it did", probed),
    WHILE(kCrash, "a crash while the pivot is at work", pivot_at_work),
    WHILE(kCrash, "a crash while a completion is awaited", pending),
    WHILE(kCrash, "a crash while a child runs", child_runs),
    WHILE(kCrash, "a crash while a child is undone", child_is_undone),
    WHILE(kCrash, "a crash while an event is awaited", listens),
    WHILE(kCrash, "a crash while a time is awaited", waits),
    WHILE(kCrash, "a crash in a foreach", open_block<kForeach>),
    WHILE(kCrash, "a crash in a parallel", open_block<kParallel>),
    WHILE(kCrash, "a crash in a repeat", open_block<kRepeat>),
    WHILE(kCrash, "a crash in a choice", open_block<kChoice>),
    WHILE(kCrash, "a crash in the undo of a foreach", undone_block<kForeach>),
    WHILE(kCrash, "a crash in the undo of a parallel", undone_block<kParallel>),
    WHILE(kCrash, "a crash on an error's route", routed),
    {Moment::kCrash, "a crash while a saga is queued", [](const SagaState& s) { return s.phase == Phase::kQueued; }},
    {Moment::kCrash, "a crash while a saga is stuck", [](const SagaState& s) { return !s.stuck.empty(); }},
    {Moment::kCrash, "a crash after the pivot", [](const SagaState& s) { return s.pivot_reached && !s.ended(); }},
    {Moment::kCrash, "a crash while two undos are at work", [](const SagaState& s) { return count(s, undo_at_work) > 1; }},

    WHILE(kCancel, "a cancel while a step is at work", at_work),
    WHILE(kCancel, "a cancel while the pivot is at work", pivot_at_work),
    WHILE(kCancel, "a cancel while a step waits for its next attempt", retry_waits),
    WHILE(kCancel, "a cancel while an adapter is asked what it did", probed),
    WHILE(kCancel, "a cancel while a completion is awaited", pending),
    WHILE(kCancel, "a cancel while a child runs", child_runs),
    WHILE(kCancel, "a cancel while an event is awaited", listens),
    WHILE(kCancel, "a cancel while a time is awaited", waits),
    WHILE(kCancel, "a cancel in a foreach", open_block<kForeach>),
    WHILE(kCancel, "a cancel on an error's route", routed),
    {Moment::kCancel, "a cancel while a saga is stuck", [](const SagaState& s) { return !s.stuck.empty(); }},
    {Moment::kCancel, "a cancel before anything happened", [](const SagaState& s) { return count(s, happened) == 0; }},

    WHILE(kDeadline, "a deadline while a step is at work", at_work),
    WHILE(kDeadline, "a deadline while a step waits for its next attempt", retry_waits),
    WHILE(kDeadline, "a deadline while a completion is awaited", pending),
    WHILE(kDeadline, "a deadline while a child runs", child_runs),
    WHILE(kDeadline, "a deadline while an event is awaited", listens),
    {Moment::kDeadline, "a deadline while a saga is stuck", [](const SagaState& s) { return !s.stuck.empty(); }},
    {Moment::kDeadline, "a deadline after the pivot", [](const SagaState& s) { return s.pivot_reached; }},
    {Moment::kDeadline, "a deadline while a saga goes back", [](const SagaState& s) { return s.phase == Phase::kBackward; }},

    {Moment::kLateSuccess, "a late success of a completed saga", [](const SagaState& s) { return s.phase == Phase::kCompleted; }},
    {Moment::kLateSuccess, "a late success of a compensated saga", [](const SagaState& s) { return s.phase == Phase::kCompensated; }},
    {Moment::kLateSuccess, "a late success of a failed saga", [](const SagaState& s) { return s.phase == Phase::kFailed; }},
    {Moment::kLateSuccess, "a late success of a terminated saga", [](const SagaState& s) { return s.phase == Phase::kTerminated; }},
    {Moment::kLateSuccess, "a late success while a saga goes back", [](const SagaState& s) { return s.phase == Phase::kBackward; }},
    {Moment::kLateSuccess, "a late success while a saga is stuck", [](const SagaState& s) { return !s.stuck.empty(); }},
    {Moment::kLateFailure, "a late refusal of a compensated saga", [](const SagaState& s) { return s.phase == Phase::kCompensated; }},
    {Moment::kLateFailure, "a late refusal of a completed saga", [](const SagaState& s) { return s.phase == Phase::kCompleted; }},

    WHILE(kUndo, "an undo of what is in doubt", in_doubt),
    WHILE(kUndo, "an undo while another is at work", undo_at_work),
    WHILE(kUndo, "an undo in a foreach", undone_block<kForeach>),
    WHILE(kUndo, "an undo of a saga whose child is undone", child_is_undone),
    {Moment::kUndo, "an undo of a block while its saga goes forward", [](const SagaState& s) { return s.phase == Phase::kForward; }},
    {Moment::kUndo, "an undo after five others", [](const SagaState& s) { return count(s, undone) >= 5; }},

    WHILE(kEnd, "an end with something in doubt", in_doubt),
    {Moment::kEnd, "an end after a hundred events", [](const SagaState& s) { return s.revision >= 100; }},
    {Moment::kEnd, "an end with exceptions", [](const SagaState& s) { return s.exceptions > 0; }},
    {Moment::kEnd, "an end after ten attempts of one step",
     [](const SagaState& s) { return any(s, [](const Node& n) { return n.attempts >= 10; }); }},
    {Moment::kEnd, "an end after a second round of undo",
     [](const SagaState& s) { return any(s, [](const Node& n) { return n.compensation.round >= 2; }); }},
    {Moment::kEnd, "an end after twenty steps that happened", [](const SagaState& s) { return count(s, happened) >= 20; }},
};
#undef WHILE

void declared_in(const std::filesystem::path& folder, std::set<std::string>& names) {
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".cc") continue;
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    const std::string mark = "REACHED(\"";
    for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + 1)) {
      const std::size_t from = at + mark.size();
      names.insert(text.substr(from, text.find('"', from) - from));
    }
  }
}

}  // namespace

void notice(Moment moment, const SagaState& saga) {
  for (const RareState& state : kStates) {
    if (state.moment == moment && state.is(saga)) core::reached(state.name);
  }
}

void notice_event(const SagaState& saga, const core::Event& event) {
  const auto& body = event.body;
  if (std::holds_alternative<core::CancelRequested>(body)) notice(Moment::kCancel, saga);
  if (std::holds_alternative<core::DeadlinePassed>(body)) notice(Moment::kDeadline, saga);
  if (std::holds_alternative<core::CompensationScheduled>(body)) notice(Moment::kUndo, saga);
  if (const auto* late = std::get_if<core::LateReplyRecorded>(&body)) {
    notice(late->outcome == "succeeded" ? Moment::kLateSuccess : Moment::kLateFailure, saga);
  }
  if (std::holds_alternative<core::SagaCompleted>(body) || std::holds_alternative<core::SagaCompensated>(body) ||
      std::holds_alternative<core::SagaFailed>(body)) {
    notice(Moment::kEnd, saga);
  }
}

std::set<std::string> declared_states() {
  std::set<std::string> names;
  for (const RareState& state : kStates) names.insert(state.name);
  for (const char* folder : {"core", "engine"}) {
    declared_in(std::filesystem::path(WEFT_SOURCE_DIR) / "orchestrator" / folder, names);
  }
  return names;
}

}  // namespace weft::simulation
