#include "orchestrator/sim/explorer/timeline.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <utility>
#include <variant>

#include "orchestrator/sim/explorer/world.h"

namespace weft::explorer {
namespace {

using core::Direction;
using Kind = Move::Kind;

std::string quoted(const core::StepPath& path) { return "`" + path.str() + "`"; }

std::string shortened(const dsl::Value& value) {
  constexpr std::size_t kWidth = 160;
  std::string text = value.to_json();
  if (text.size() > kWidth) text = text.substr(0, kWidth - 4) + " ...";
  return text;
}

std::string seconds(std::int64_t ms) {
  if (ms % 3'600'000 == 0 && ms > 0) return std::to_string(ms / 3'600'000) + "h";
  if (ms % 60'000 == 0 && ms > 0) return std::to_string(ms / 60'000) + "m";
  if (ms % 1'000 == 0) return std::to_string(ms / 1'000) + "s";
  return std::to_string(ms) + "ms";
}

std::string clock(std::int64_t ms) {
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%02lld:%02lld:%02lld.%03lld",
                static_cast<long long>(ms / 3'600'000), static_cast<long long>(ms / 60'000 % 60),
                static_cast<long long>(ms / 1'000 % 60), static_cast<long long>(ms % 1'000));
  return text.data();
}

/// What Weft decided, event by event, in words; events that say nothing new to a reader are left
/// out.
class Telling {
 public:
  std::string operator()(const core::SagaQueued&) const {
    return "accepts the saga; it waits its turn";
  }
  std::string operator()(const core::StepScheduled& e) const {
    if (e.kind == "call" && e.probe) {
      return "asks " + e.adapter + "." + e.operation + " what became of " + quoted(e.path);
    }
    if (e.kind == "call") {
      return (e.attempt > 1 ? "asks again (attempt " + std::to_string(e.attempt) + "): "
                            : std::string("asks ")) +
             e.adapter + "." + e.operation + " for " + quoted(e.path) + " with " +
             shortened(e.input);
    }
    if (e.kind == "listen") return "listens for `" + e.event + "` (" + quoted(e.path) + ")";
    if (e.kind == "saga") return "starts the child of " + quoted(e.path);
    if (e.kind == "wait") return "waits (" + quoted(e.path) + ")";
    return "";
  }
  std::string operator()(const core::StepFailed& e) const {
    if (e.error.code == "cancelled") return "";
    return "counts " + quoted(e.path) + " as failed: " + e.error.code;
  }
  std::string operator()(const core::StepInDoubt& e) const {
    return quoted(e.path) + " is in doubt: it may have happened (" + e.error.code + ")";
  }
  std::string operator()(const core::StepSucceeded& e) const {
    return e.substituted ? "goes on behind " + quoted(e.path) + " with a substitute" : "";
  }
  std::string operator()(const core::StepSkipped& e) const { return "skips " + quoted(e.path); }
  std::string operator()(const core::PivotReached& e) const {
    return quoted(e.path) + " was the pivot: from here the saga only goes forward";
  }
  std::string operator()(const core::StatusChanged& e) const { return "status: " + e.status; }
  std::string operator()(const core::RouteTaken& e) const {
    return "takes the error route of " + quoted(e.path) + " for `" + e.error.code + "`";
  }
  std::string operator()(const core::CancelRequested&) const { return "takes note of the cancel"; }
  std::string operator()(const core::DeadlinePassed&) const {
    return "the saga's deadline has passed";
  }
  std::string operator()(const core::ScopeSettling& e) const {
    if (e.scope.path.empty() && !e.scope.slot) return "goes back: " + e.error.code;
    return "leaves " + quoted(e.scope.path) + ": " + e.error.code;
  }
  std::string operator()(const core::CompensationScheduled& e) const {
    if (e.child) return "orders the child of " + quoted(e.path) + " to undo itself";
    return (e.attempt > 1 ? "tries again to undo " : "undoes ") + quoted(e.path) + ": asks " +
           e.adapter + "." + e.operation + " with " + shortened(e.input);
  }
  std::string operator()(const core::CompensationFailed& e) const {
    return "the undo of " + quoted(e.path) + " has failed: " + e.error.code +
           (e.goes_on ? "; goes on without it" : "");
  }
  std::string operator()(const core::CompensationSkipped& e) const {
    return "goes on without the undo of " + quoted(e.path);
  }
  std::string operator()(const core::WrittenOff& e) const {
    std::string text;
    for (const core::Movement& m : e.movements) {
      text += (text.empty() ? "writes off " : ", ") + shortened(m.items) + " of `" + m.resource +
              "` held by " + quoted(m.holder);
    }
    return text;
  }
  std::string operator()(const core::LateReplyRecorded& e) const {
    return "records a late answer for " + quoted(e.path) + (e.repair ? ": undoes it (again)" : "");
  }
  std::string operator()(const core::AnomalyRecorded& e) const {
    return "records an anomaly: " + e.kind;
  }
  std::string operator()(const core::SagaStuck& e) const {
    return "is stuck at " + (e.path.empty() ? std::string("the saga") : quoted(e.path)) + ": " +
           e.error.code + (e.error.message.empty() ? "" : " (" + e.error.message + ")");
  }
  std::string operator()(const core::SagaCompleted&) const { return "the saga ends: completed"; }
  std::string operator()(const core::SagaCompensated& e) const {
    return "the saga ends: compensated" + (e.exceptions > 0 ? ", with exceptions" : std::string());
  }
  std::string operator()(const core::SagaFailed&) const {
    return "the saga ends: failed, nothing owed";
  }
  std::string operator()(const core::SagaTerminated&) const { return "the saga ends: terminated"; }
  template <class Other>
  std::string operator()(const Other&) const {
    return "";
  }
};

class Narrator {
 public:
  explicit Narrator(const Arena& arena) : arena_(arena) {}

  std::vector<TimelineRow> run(const std::vector<Move>& path) {
    World world;
    const core::Timestamp begin = world.now;
    for (const Move& move : path) {
      const World before = world;
      const World::Result result = world.make(arena_, move);
      const std::int64_t at = world.now.ms - begin.ms;
      const auto [who, what] = said(before, move);
      TimelineRow row{at, who, what, "", ""};
      know(world, move.path, row);
      rows_.push_back(std::move(row));
      if (!result.broken.empty()) {
        rows_.push_back({at, "Weft", "its own logic is broken: " + result.broken, "", ""});
      }
      for (const core::Event& event : result.events) {
        std::string text = std::visit(Telling(), event.body);
        if (!text.empty()) rows_.push_back({at, "Weft", std::move(text), "", ""});
      }
    }
    return std::move(rows_);
  }

 private:
  void know(const World& world, const core::StepPath& path, TimelineRow& row) const {
    const core::Node* node = world.saga.find(path);
    const Truth* truth = world.truth(path);
    if (path.empty() || node == nullptr || node->kind != "call" || truth == nullptr) return;
    using Undo = core::CompensationState::State;
    row.knew = node->compensation.state == Undo::kDone ? "undone" : core::effect_name(node->effect);
    row.truth = truth->stands ? "happened" : truth->done > 0 ? "undone" : "not happened";
  }

  std::pair<std::string, std::string> said(const World& before, const Move& move) const {
    const auto task = [&]() -> const Task& { return before.tasks[move.subject]; };
    const std::string step = move.path.empty() ? "the saga" : quoted(move.path);
    const bool undo = move.direction == Direction::kCompensation;
    const std::string it = undo ? "undoes " + step : "does " + step;
    switch (move.kind) {
      case Kind::kStart:
        return {"caller",
                "starts a saga with " +
                    shortened(arena_.inventor.inputs()[static_cast<std::size_t>(move.variant)])};
      case Kind::kRun:
        return {"time", "its turn behind the ordering key has come"};
      case Kind::kSupersede:
        return {"caller", "a newer saga takes its place in the queue"};
      case Kind::kSuccess: {
        World after = before;
        after.make(arena_, move);
        const core::Node* node = after.saga.find(move.path);
        const bool answer =
            !undo && node != nullptr && node->output_known && !node->output.is_null();
        return {task().adapter,
                it + " and says so" + (answer ? ": " + shortened(node->output) : "")};
      }
      case Kind::kRefusal:
        return {task().adapter,
                "refuses " + std::string(undo ? "to undo " : "") + step + ": " + move.code +
                    (move.effect ? "; but something is left" : "; nothing happened")};
      case Kind::kTransient:
        return {task().adapter, "fails for a moment at " + step + ": " + move.code};
      case Kind::kUnavailable:
        return {task().adapter, "was not reachable for " + seconds(*task().schedule_timeout_ms)};
      case Kind::kWaiting:
        return {task().adapter, "keeps " + step + " waiting"};
      case Kind::kSilence:
        return {task().adapter, std::string(move.effect ? it
                                            : undo      ? "does not undo " + step
                                                        : "does not do " + step) +
                                    ", and no answer comes within " + seconds(task().timeout_ms)};
      case Kind::kInvalid:
        return {task().adapter, "answers " + step + " with what is no answer" +
                                    (move.effect ? ", though it did it" : "")};
      case Kind::kPending:
        return {task().adapter, "accepts " + step + "; the answer will come later"};
      case Kind::kFellSilent:
        return {task().adapter, "gives no sign of life any more" +
                                    std::string(move.effect ? ", though it did it" : "")};
      case Kind::kNotSent:
        return {"Weft", "takes the task of " + step + " back before it was sent"};
      case Kind::kProbeAnswer:
        return {task().adapter, "tells what became of " + step};
      case Kind::kProbeNothing:
        return {task().adapter, "can not tell what became of " + step};
      case Kind::kCrash:
        return {"Weft",
                "is stopped and started again; what was open is sent again" +
                    std::string(move.effect ? " (" + task().adapter + " had done it)" : "")};
      case Kind::kLate: {
        const LateAnswer& answer = before.late[move.subject];
        const bool yes = answer.reply.kind == core::TaskReply::Kind::kSuccess;
        return {"network",
                "a late answer for " + step + " arrives: " + (yes ? "done" : answer.reply.code)};
      }
      case Kind::kRepeat:
        return {"network", "the answer for " + step + " arrives a second time"};
      case Kind::kContradiction:
        return {"adapter", "says the opposite of what it said about " + step};
      case Kind::kTimer:
        return {"time", timer_words(move)};
      case Kind::kDeadline:
        return {"time", "the deadline is here"};
      case Kind::kCancel:
        return {move.variant == 1 ? "caller" : "operator",
                move.variant == 1 ? "sends the event that cancels the saga" : "cancels the saga"};
      case Kind::kEvent:
        return {"caller", "sends the event that " + step + " waits for"};
      case Kind::kEarlySignal:
        return {"caller", "sends the signal for " + step + " early"};
      case Kind::kChildStarted:
        return {"child", "has been started"};
      case Kind::kChildRefused:
        return {"child", "can not be started"};
      case Kind::kChildCompleted:
        return {"child", "has completed"};
      case Kind::kChildFailed:
        return {"child", "has failed: " + move.code};
      case Kind::kChildTerminated:
        return {"child", "was terminated"};
      case Kind::kChildUndone:
        return {"child", "is undone"};
      case Kind::kRetry:
        return {"operator", "retries " + step};
      case Kind::kSkip:
        return {"operator", "skips " + step};
      case Kind::kResolveDone:
        return {"operator", "found out that " + step + " happened, and says so"};
      case Kind::kResolveNotDone:
        return {"operator", "found out that " + step + " never happened, and says so"};
      case Kind::kMarkUndone:
        return {"operator", "undid " + step + " by hand, and says so"};
      case Kind::kResume:
        return {"operator", "lets the saga go on"};
      case Kind::kTerminate:
        return {"operator", "terminates the saga"};
    }
    return {};
  }

  static std::string timer_words(const Move& move) {
    const std::string step = quoted(move.path);
    const std::string kind = move.code.substr(0, move.code.find(':'));
    if (kind == "retry") return "the pause before the next attempt of " + step + " is over";
    if (kind == "probe") return "the pause before the next question about " + step + " is over";
    if (kind == "comp") return "the pause before the next undo of " + step + " is over";
    if (kind == "within") return step + " was not completed in time";
    if (kind == "due")
      return move.cost > 0 ? "nothing has come for " + step : "the wait " + step + " is over";
    if (kind == "round") return "the next round of " + step + " begins";
    return "goes on with " + step;
  }

  const Arena& arena_;
  std::vector<TimelineRow> rows_;
};

}  // namespace

std::vector<TimelineRow> timeline_of(const dsl::SagaGraph& graph, const Bounds& bounds,
                                     const Examples& examples, const Refutation& refutation) {
  const dsl::SagaGraph small = bounded(graph, bounds);
  const Inventor inventor(small, bounds, examples);
  const Arena arena{small, inventor, bounds};
  return Narrator(arena).run(refutation.path);
}

std::string timeline_text(const std::vector<TimelineRow>& rows) {
  std::size_t width = 4;
  for (const TimelineRow& row : rows) width = std::max(width, row.who.size());
  std::string text;
  std::string last;
  for (const TimelineRow& row : rows) {
    const std::string at = clock(row.at_ms);
    text += "  " + (at == last ? std::string(at.size(), ' ') : at) + "  " + row.who +
            std::string(width - row.who.size(), ' ') + "  " + row.what + "\n";
    last = at;
    if (row.knew.empty() && row.truth.empty()) continue;
    text += "  " + std::string(at.size(), ' ') + "  " + std::string(width, ' ') +
            "  -> Weft knows: " + row.knew + "; true is: " + row.truth + "\n";
  }
  return text;
}

}  // namespace weft::explorer
