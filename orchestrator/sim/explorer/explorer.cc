#include "orchestrator/sim/explorer/explorer.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "orchestrator/sim/explorer/moves.h"
#include "orchestrator/sim/explorer/state_key.h"
#include "orchestrator/sim/explorer/world.h"

namespace weft::explorer {
namespace {

/// Depth first, so that memory is what is remembered of states and not the states themselves. A
/// state is looked at again only with more faults left than before.
class Survey {
 public:
  Survey(const Arena& arena, const Rules& rules, const Progress& progress, Report& report)
      : arena_(arena), rules_(rules), progress_(progress), report_(report) {}

  /// Worst case of each broken property so far: an upper bound for the search for the shortest.
  struct Found {
    int faults = 0, depth = 0;
  };

  std::map<Property, Found> run() {
    visit(World(), 0);
    return std::move(found_);
  }

 private:
  void visit(World&& world, int depth) {
    if (seen_.size() >= arena_.bounds.states_max || depth >= arena_.bounds.moves_max) {
      report_.complete = false;
      return;
    }
    const int left = arena_.bounds.faults - world.faults;
    const auto [seen, fresh] =
        seen_.try_emplace(key_of(world, left), static_cast<signed char>(left));
    if (!fresh) {
      if (seen->second >= left) return;
      seen->second = static_cast<signed char>(left);
    } else {
      count(world);
    }
    const std::vector<Move> moves = moves_of(arena_, world, left);
    for (const Move& move : moves) {
      if (is_echo(world, move)) continue;
      World next = world;
      const World::Result result = next.make(arena_, move);
      ++report_.moves;
      cover(move);
      if (result.refused && move.kind == Move::Kind::kStart) {
        report_.not_proved.push_back("an input is refused: " + result.refused->reason);
        continue;
      }
      judge(world, next, result, depth + 1);
      if (!result.broken.empty()) continue;
      for (const Move& word : last_words(world, next)) {
        World heard = next;
        const World::Result last = heard.make(arena_, word);
        ++report_.moves;
        cover(word);
        judge(next, heard, last, depth + 2);
      }
      visit(std::move(next), depth + 1);
    }
  }

  /// A repeated answer, or a no after a yes, concerns its step alone: once for each state of the
  /// step is enough.
  bool is_echo(const World& world, const Move& move) {
    const bool echo = move.kind == Move::Kind::kRepeat ||
                      (move.kind == Move::Kind::kContradiction &&
                       world.truth(move.path)->answer->kind == core::TaskReply::Kind::kSuccess);
    if (!echo) return false;
    StateKey key = key_of(world, move.path);
    key.low ^= static_cast<std::uint64_t>(move.kind);
    return !echoes_.insert(key).second;
  }

  void judge(const World& before, const World& after, const World::Result& result, int depth) {
    for (const Violation& violation : rules_.broken_by(before, after, result)) {
      if (violation.guessed) {
        if (guesses_.insert(violation.what).second && guesses_.size() <= 10) {
          report_.not_proved.push_back(
              violation.what +
              " (this rests on an invented answer: give the reply's schema, or an "
              "example with --reply ADAPTER.OPERATION=FILE)");
        }
        continue;
      }
      Found& best =
          found_.try_emplace(violation.property, Found{after.faults, depth}).first->second;
      if (std::pair(after.faults, depth) < std::pair(best.faults, best.depth)) {
        best = {after.faults, depth};
      }
    }
    for (const core::Event& event : result.events) {
      const core::StepPath path = core::path_of(event);
      if (std::holds_alternative<core::StepSkipped>(event.body)) continue;
      if (!path.empty()) entered_.insert(std::string(core::step_name(path)));
    }
  }

  /// Words are only made for what is new.
  void cover(const Move& move) {
    const std::size_t mark =
        std::hash<std::string_view>()(core::step_name(move.path)) ^
        (std::hash<std::string>()(move.code) * 31U) ^ (static_cast<std::size_t>(move.kind) << 8U) ^
        (static_cast<std::size_t>(move.direction) << 16U) ^ (move.effect ? 1U << 20U : 0U) ^
        (static_cast<std::size_t>(move.variant) << 24U) ^
        (static_cast<std::size_t>(move.cost) << 30U);
    if (!marks_.insert(mark).second) return;
    if (auto placement = placement_of(move); !placement.empty()) {
      report_.covered.insert(std::move(placement));
    }
  }

  void count(const World& world) {
    ++report_.states;
    if (world.saga.ended()) ++report_.ends[core::engine_state(world.saga)];
    if (!world.saga.stuck.empty() && !world.saga.ended()) ++report_.ends["stuck"];
    if (progress_ && report_.states % 1'000 == 0) progress_(report_.states);
  }

 public:
  [[nodiscard]] const std::set<std::string>& entered() const { return entered_; }

 private:
  const Arena& arena_;
  const Rules& rules_;
  const Progress& progress_;
  Report& report_;
  std::unordered_map<StateKey, signed char> seen_;
  std::map<Property, Found> found_;
  std::unordered_set<StateKey> echoes_;
  std::unordered_set<std::size_t> marks_;  ///< Of moves whose placement is covered.
  std::set<std::string> guesses_;
  std::set<std::string> entered_;
};

/// Looks for the shortest way to break one property: fewest faults first, then fewest moves, by
/// searching ever deeper.
class Shortest {
 public:
  Shortest(const Arena& arena, const Rules& rules, Property property)
      : arena_(arena), rules_(rules), property_(property) {}

  std::optional<Refutation> run(int faults_max, int depth_max) {
    for (int faults = 0; faults <= faults_max; ++faults) {
      // Is it there at all with so few faults?
      if (faults < faults_max && !search(faults, arena_.bounds.moves_max)) continue;
      for (int depth = 1; depth <= arena_.bounds.moves_max; ++depth) {
        if (search(faults, depth)) return std::move(result_);
        if (depth > depth_max && faults == faults_max) break;
      }
    }
    return std::nullopt;
  }

 private:
  bool search(int faults, int depth) {
    faults_ = faults;
    seen_.clear();
    path_.clear();
    return visit(World(), depth);
  }

  bool visit(const World& world, int depth_left) {
    const int left = faults_ - world.faults;
    const auto [seen, fresh] = seen_.try_emplace(key_of(world, left), std::pair(left, depth_left));
    if (!fresh) {
      if (seen->second.first >= left && seen->second.second >= depth_left) return false;
      if (left >= seen->second.first && depth_left >= seen->second.second) {
        seen->second = {left, depth_left};
      }
    }
    if (depth_left == 0 || seen_.size() >= arena_.bounds.states_max) return false;
    for (const Move& move : moves_of(arena_, world, left)) {
      World next = world;
      const World::Result result = next.make(arena_, move);
      if (result.refused && move.kind == Move::Kind::kStart) continue;
      path_.push_back(move);
      if (wanted(world, next, result)) return true;
      if (result.broken.empty() && depth_left > 1) {
        for (const Move& word : last_words(world, next)) {
          World heard = next;
          const World::Result last = heard.make(arena_, word);
          if (wanted(next, heard, last)) {
            path_.push_back(word);
            result_.path = path_;
            return true;
          }
        }
      }
      if (result.broken.empty() && visit(next, depth_left - 1)) return true;
      path_.pop_back();
    }
    return false;
  }

  bool wanted(const World& before, const World& after, const World::Result& result) {
    for (Violation& violation : rules_.broken_by(before, after, result)) {
      if (violation.property != property_ || violation.guessed) continue;
      result_ = {std::move(violation), path_, after.faults};
      return true;
    }
    return false;
  }

  const Arena& arena_;
  const Rules& rules_;
  Property property_;
  int faults_ = 0;
  std::unordered_map<StateKey, std::pair<int, int>> seen_;
  std::vector<Move> path_;
  Refutation result_;
};

/// What is taken for granted about this workflow's adapters and data, one sentence each.
std::vector<std::string> assumptions(const dsl::SagaGraph& graph, const Inventor& inventor) {
  std::vector<std::string> all;
  std::set<std::string> unfenced;
  for (const dsl::Step& step : graph.steps) {
    if (!step.call || step.call->compensate.kind != dsl::CompensationSpec::Kind::kCall) continue;
    const dsl::AdapterDefinition& adapter = graph.adapter(step.call->target.adapter);
    if (adapter.guarantee != dsl::Guarantee::kFenced) unfenced.insert(adapter.name);
  }
  for (const std::string& adapter : unfenced) {
    all.push_back("adapter `" + adapter + "` is only `" +
                  dsl::guarantee_name(graph.adapter(adapter).guarantee) +
                  "`: a call that it is still working on when its time is up must not take effect "
                  "after its undo (a `fenced` adapter refuses that by itself)");
  }
  if (!graph.input_schema) {
    all.emplace_back(
        "there is no `input.schema`: the input is invented from what expressions read");
  }
  const auto guessed = inventor.guessed();
  if (!guessed.empty()) {
    std::string steps;
    for (const std::string& step : guessed) steps += (steps.empty() ? "`" : ", `") + step + "`";
    all.push_back("answers without a schema are the request and what expressions read of them: " +
                  steps);
  }
  return all;
}

/// Are quantities only ever moved, or does an expression compute with them?
void check_quantities(const dsl::SagaGraph& graph, Report& report) {
  const auto look = [&](const dsl::Step& step, const std::vector<dsl::ResourceMovement>& list) {
    for (const dsl::ResourceMovement& movement : list) {
      if (!movement.items) continue;
      movement.items->each_expression([&](const dsl::Expression& expression) {
        const std::string text = expression.canonical();
        if (!computes(text)) return;
        report.not_proved.push_back("the ledger for all quantities: `" + step.name +
                                    "` computes with those of `" + movement.resource + "` (`" +
                                    expression.text() +
                                    "`); it balances for the quantities that were tried");
      });
    }
  };
  for (const dsl::Step& step : graph.steps) {
    if (!step.call) continue;
    look(step, step.call->holds);
    look(step, step.call->consumes);
    look(step, step.call->releases);
  }
}

}  // namespace

bool Report::refuted_property(Property property) const {
  return std::any_of(refuted.begin(), refuted.end(), [&](const Refutation& refutation) {
    return refutation.violation.property == property;
  });
}

Report explore(const dsl::SagaGraph& graph, const Bounds& bounds, const Examples& examples,
               const Progress& progress) {
  Report report;
  const dsl::SagaGraph small = bounded(graph, bounds);
  const Inventor inventor(small, bounds, examples);
  report.inputs = inventor.inputs().size();
  if (inventor.inputs().empty()) {
    report.trouble = inventor.trouble();
    report.complete = false;
    return report;
  }
  const Arena arena{small, inventor, bounds};
  const Rules rules(arena);
  report.assumed = assumptions(small, inventor);
  report.placements = placements(small);
  check_quantities(small, report);
  Survey survey(arena, rules, progress, report);
  const auto found = survey.run();
  for (const auto& [property, best] : found) {
    if (auto shortest = Shortest(arena, rules, property).run(best.faults, best.depth)) {
      report.refuted.push_back(*std::move(shortest));
    }
  }
  for (const dsl::Step& step : small.steps) {
    if (!survey.entered().contains(step.name)) report.unreached.push_back(step.name);
  }
  if (!report.unreached.empty()) {
    std::string steps;
    for (const std::string& step : report.unreached) {
      steps += (steps.empty() ? "`" : ", `") + step + "`";
    }
    if (report.complete) {
      report.refuted.push_back(
          {{Property::kReached,
            "no path enters " + steps +
                ": it is dead, or needs data that was not invented (give it with --input FILE or "
                "--reply ADAPTER.OPERATION=FILE)",
            {},
            false},
           {},
           0});
    } else {
      report.not_proved.push_back("within the bounds no path entered " + steps);
    }
  }
  return report;
}

}  // namespace weft::explorer
