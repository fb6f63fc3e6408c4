#include "orchestrator/sim/scenario_suggest.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include "orchestrator/sim/scenario_mutations.h"
#include "orchestrator/sim/scenario_writer.h"

namespace weft::sim {
namespace {

using dsl::Value;

/// Ways that leave the saga's course as it is come first: many of them fit into one run.
int rank(const Placement& placement) {
  const std::string& what = placement.what;
  if (placement.step.empty()) return 3;
  for (const std::string_view mild : {way::kTransient, way::kUnavailable, way::kUnknown}) {
    if (what == mild) return 0;
  }
  if (what.starts_with(way::kProbe) || what == way::kUnknownHappened || what == way::kLate)
    return 1;
  if (what.starts_with(way::kUndo)) return what.ends_with(way::kRefused) ? 3 : 2;
  return 3;
}

class Suggester {
 public:
  Suggester(const dsl::SagaGraph& graph, const Definitions& definitions,
            const std::vector<Scenario>& bases, const dsl::FileReader& read_file,
            const std::function<void(const std::string&)>& tell)
      : graph_(graph),
        definitions_(definitions),
        bases_(bases),
        read_file_(read_file),
        tell_(tell) {}

  Suggestions take(const std::set<Placement>& reached) {
    std::vector<Placement> missing;
    for (const Placement& placement : placements_of(graph_)) {
      if (!reached.contains(placement)) missing.push_back(placement);
    }
    std::stable_sort(missing.begin(), missing.end(),
                     [](const Placement& a, const Placement& b) { return rank(a) < rank(b); });
    Suggestions out;
    std::set<Placement> open(missing.begin(), missing.end());
    for (const Placement& first : missing) {
      if (!open.contains(first)) continue;
      if (!find(first, missing, open)) {
        open.erase(first);
        out.unreached.push_back(first);
      }
    }
    for (const Placement& placement : missing) {
      const bool failed =
          std::find(out.unreached.begin(), out.unreached.end(), placement) != out.unreached.end();
      const bool later = covered_.contains(placement);
      if (later)
        out.reached.push_back(placement);
      else if (!failed)
        out.unreached.push_back(placement);
    }
    std::erase_if(out.unreached,
                  [&](const Placement& placement) { return covered_.contains(placement); });
    if (!drafts_.empty()) out.yaml = scenarios_text(drafts_, comments_, bases_.front().common);
    out.scenarios = drafts_.size();
    return out;
  }

 private:
  struct Tried {
    ScenarioDraft draft;
    std::set<Placement> reached;
    ScenarioResult result;
  };

  /// A scenario that reaches `first` and as many of the open ones as go with it.
  bool find(const Placement& first, const std::vector<Placement>& missing,
            std::set<Placement>& open) {
    for (const Scenario& base : bases_) {
      for (const Mutation& mutation : mutations_for(first, base, graph_, definitions_, bases_)) {
        std::vector<Mutation> chosen{mutation};
        auto best = run(base, chosen);
        if (!best || !best->reached.contains(first)) continue;
        std::set<Placement> gained = common(best->reached, open);
        for (const Placement& other : missing) {
          if (!open.contains(other) || gained.contains(other)) continue;
          for (const Mutation& more : mutations_for(other, base, graph_, definitions_, bases_)) {
            chosen.push_back(more);
            auto tried = run(base, chosen);
            std::set<Placement> now = tried ? common(tried->reached, open) : std::set<Placement>{};
            if (now.contains(other) &&
                std::includes(now.begin(), now.end(), gained.begin(), gained.end())) {
              best = std::move(tried);
              gained = std::move(now);
              break;
            }
            chosen.pop_back();
          }
        }
        return keep(std::move(*best), gained, open);
      }
    }
    return false;
  }

  static std::set<Placement> common(const std::set<Placement>& a, const std::set<Placement>& b) {
    std::set<Placement> out;
    std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::inserter(out, out.end()));
    return out;
  }

  bool keep(Tried best, const std::set<Placement>& gained, std::set<Placement>& open) {
    best.draft.expect = expectation_of(best.result);
    best.draft.name = name_of(gained);
    std::string comment = "Review: what is expected below is what happened. It reaches";
    for (const Placement& placement : gained) comment += "\n  " + placement.text();
    // What is written must pass as it is written.
    const auto again = run_text(best.draft);
    if (!again || !again->result.passed()) return false;
    drafts_.push_back(std::move(best.draft));
    comments_.push_back(std::move(comment));
    for (const Placement& placement : gained) {
      open.erase(placement);
      covered_.insert(placement);
    }
    if (tell_) {
      tell_("scenario " + std::to_string(drafts_.size()) + " reaches " +
            std::to_string(gained.size()) + " more, " + std::to_string(open.size()) + " are left");
    }
    return true;
  }

  std::string name_of(const std::set<Placement>& gained) const {
    std::string name = gained.begin()->text();
    std::replace(name.begin(), name.end(), ':', ',');
    if (gained.size() > 1) name += " and " + std::to_string(gained.size() - 1) + " more";
    return "suggested " + std::to_string(drafts_.size() + 1) + ", " + name;
  }

  // --- Running ---

  ScenarioDraft draft_of(const Scenario& base, const std::vector<Mutation>& chosen) const {
    ScenarioDraft draft;
    draft.name = "suggested";
    draft.workflow = base.workflow;
    draft.key = base.key;
    draft.input = base.input_written;
    draft.given = base.given_written;
    std::map<std::string, std::vector<Value>> answers;
    for (const Mutation& mutation : chosen) {
      for (const auto& [operation, entry] : mutation.answers) {
        auto& entries = answers[operation];
        if (std::find(entries.begin(), entries.end(), entry) == entries.end())
          entries.push_back(entry);
      }
    }
    if (base.adapters_written.is_object()) {
      for (const dsl::Member& member : base.adapters_written.as_object()) {
        auto& entries = answers[member.key];
        if (member.value.is_array()) {
          entries.insert(entries.end(), member.value.as_array().begin(),
                         member.value.as_array().end());
        } else {
          entries.push_back(member.value);
        }
      }
    }
    for (auto& [operation, entries] : answers)
      draft.adapters.emplace_back(operation, std::move(entries));
    if (base.timeline_written.is_array()) {
      for (const Value& entry : base.timeline_written.as_array()) {
        const bool dropped =
            std::any_of(chosen.begin(), chosen.end(), [&](const Mutation& mutation) {
              return !mutation.without_event.empty() &&
                     entry.string_or("event", "") == mutation.without_event;
            });
        if (!dropped) draft.timeline.push_back(entry);
      }
    }
    for (const Mutation& mutation : chosen) {
      for (const Value& entry : mutation.timeline) {
        if (std::find(draft.timeline.begin(), draft.timeline.end(), entry) ==
            draft.timeline.end()) {
          draft.timeline.push_back(entry);
        }
      }
    }
    return draft;
  }

  std::optional<Tried> run(const Scenario& base, const std::vector<Mutation>& chosen) {
    base_ = &base;
    return run_text(draft_of(base, chosen));
  }

  std::optional<Tried> run_text(const ScenarioDraft& draft) {
    ScenarioFile file = parse_scenarios({base_->file, scenarios_text({draft}, {}, {})}, read_file_);
    if (dsl::has_errors(file.diagnostics) || file.scenarios.size() != 1) return std::nullopt;
    Scenario& scenario = file.scenarios.front();
    scenario.common = base_->common;
    scenario.folder = base_->folder;
    Tried tried{draft, {}, run_scenario(scenario, definitions_)};
    if (!tried.result.broken.empty()) return std::nullopt;
    const auto found = tried.result.reached.find(graph_.workflow);
    if (found != tried.result.reached.end()) tried.reached = found->second;
    return tried;
  }

  const dsl::SagaGraph& graph_;
  const Definitions& definitions_;
  const std::vector<Scenario>& bases_;
  const dsl::FileReader& read_file_;
  const std::function<void(const std::string&)>& tell_;
  const Scenario* base_ = nullptr;
  std::vector<ScenarioDraft> drafts_;
  std::vector<std::string> comments_;
  std::set<Placement> covered_;
};

}  // namespace

Suggestions suggest_scenarios(const dsl::SagaGraph& graph, const Definitions& definitions,
                              const std::vector<Scenario>& bases,
                              const std::set<Placement>& reached, const dsl::FileReader& read_file,
                              const std::function<void(const std::string&)>& tell) {
  return Suggester(graph, definitions, bases, read_file, tell).take(reached);
}

}  // namespace weft::sim
