// Rule 6: every status is reached, and no path takes one back.
#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "dsl/names.h"
#include "dsl/validator_context.h"

namespace weft::dsl {
namespace {

/// The highest status a path may have set before a place, and where.
struct Highest {
  std::size_t index = 0;
  Position at;
};

void raise(Highest& highest, const Highest& other) {
  if (other.index > highest.index) highest = other;
}
void raise(std::optional<Highest>& highest, const std::optional<Highest>& other) {
  if (!other) return;
  if (!highest) {
    highest = other;
  } else {
    raise(*highest, *other);
  }
}

/// What the paths through a step or a list have set.
struct Paths {
  std::optional<Highest> through;  ///< Of those that go on behind it; nothing: none does.
  std::optional<Highest> ended;    ///< Of those that finish the saga inside.
  Highest inside;                  ///< Of all: an error may leave from anywhere.
};

class StatusCheck final {
 public:
  explicit StatusCheck(ValidatorContext& context)
      : workflow_(context.workflow), reporter_(context.reporter) {
    for (std::size_t i = 0; i < workflow_.statuses.size(); ++i) {
      order_.emplace(workflow_.statuses[i].text, i);
    }
  }

  void run() {
    if (workflow_.statuses.empty()) return;
    reached_.insert(workflow_.statuses.front().text);
    Paths whole = list(workflow_.steps, Highest{0, workflow_.statuses.front().at});
    std::optional<Highest> at_end = whole.through;
    raise(at_end, whole.ended);
    if (workflow_.on_completed) {
      (void)set(workflow_.on_completed->status, at_end.value_or(Highest{}));
    }
    // These may follow any status: they say that the order was left.
    for (const auto* said :
         {&workflow_.on_compensated, &workflow_.on_cancelled, &workflow_.on_stuck}) {
      if (!*said || !(*said)->status) continue;
      reached_.insert((*said)->status->text);
      undeclared_ = undeclared_ || !order_.contains((*said)->status->text);
    }
    // A misspelt status is reported where it stands; the one it was meant for is not set, but that
    // would only distract.
    if (undeclared_) return;
    for (const Word& status : workflow_.statuses) {
      if (reached_.contains(status.text)) continue;
      reporter_.error(status.at, "status.unreachable",
                      "nothing ever sets the status " + quoted(status.text),
                      "set it with `status` or `on_success`, or remove it");
    }
  }

 private:
  Highest set(const std::optional<Word>& status, Highest before_it) {
    if (!status) return before_it;
    reached_.insert(status->text);
    const auto found = order_.find(status->text);
    if (found == order_.end()) {
      undeclared_ = true;
      return before_it;
    }
    if (found->second < before_it.index) {
      if (reported_.insert(shown(status->at)).second) {
        reporter_.error(status->at, "status.backwards",
                        "the status would go back from " +
                            quoted(workflow_.statuses[before_it.index].text) + " (set at " +
                            shown(before_it.at) + ") to " + quoted(status->text),
                        "set it earlier, or change the order of `statuses`");
      }
      return before_it;
    }
    return {found->second, found->second == before_it.index ? before_it.at : status->at};
  }

  Paths list(const StepList& steps, Highest from) {
    Paths out{from, std::nullopt, from};
    for (const StepSyntax& each : steps) {
      if (!out.through) break;  // Nothing gets here, so nothing is set here.
      append(out, step(each, *out.through));
    }
    return out;
  }

  /// `next` follows `out`.
  static void append(Paths& out, const Paths& next) {
    out.through = next.through;
    raise(out.ended, next.ended);
    raise(out.inside, next.inside);
  }

  /// `other` may run in place of what `out` knows already.
  static void join(Paths& out, const Paths& other) {
    raise(out.through, other.through);
    raise(out.ended, other.ended);
    raise(out.inside, other.inside);
  }

  Paths step(const StepSyntax& step, const Highest before_it) {
    if (step.on_wait_status) {
      reached_.insert(step.on_wait_status->text);
      undeclared_ = undeclared_ || !order_.contains(step.on_wait_status->text);
    }
    const Highest entered = set(step.status, before_it);
    Paths out = kind(step, entered);
    if (step.on_success) {
      auto& done = step.kind == StepKind::kFinish ? out.ended : out.through;
      if (done) {
        done = set(step.on_success->status, *done);
        raise(out.inside, *done);
      }
    }
    const Highest failed = out.inside;
    for (const RouteSyntax& route : step.on_error) {
      Paths routed{failed, std::nullopt, failed};
      if (route.body) routed = list(*route.body, failed);
      if (route.then == Then::kFinish) raise(routed.ended, routed.through);
      if (route.then != Then::kContinue) routed.through.reset();
      join(out, routed);
    }
    if (step.when) raise(out.through, before_it);
    return out;
  }

  Paths kind(const StepSyntax& step, const Highest entered) {
    Paths out{std::nullopt, std::nullopt, entered};
    switch (step.kind) {
      case StepKind::kRaise:
        return out;
      case StepKind::kFinish:
        out.ended = entered;
        return out;
      case StepKind::kDo:
        return list(step.body, entered);
      case StepKind::kChoice:
        for (const BranchSyntax& branch : step.branches) {
          const Highest chosen = set(branch.status, entered);
          Paths taken{chosen, std::nullopt, chosen};
          if (branch.body) taken = list(*branch.body, chosen);
          if (branch.raise) taken.through.reset();
          join(out, taken);
        }
        return out;
      case StepKind::kParallel:
        return parallel(step, entered);
      case StepKind::kForeach:
        out = again(step.body, entered);
        raise(out.through, entered);  // There may be no item at all.
        if (step.tolerate) raise(out.through, out.inside);
        return out;
      case StepKind::kRepeat:
        out = again(step.body, entered);
        break;
      default:
        out.through = entered;
    }
    if (step.on_timeout && step.on_timeout->kind == TimeoutAction::Kind::kContinue) {
      raise(out.through, out.inside);
    }
    if (step.on_timeout && step.on_timeout->body) {
      join(out, list(*step.on_timeout->body, out.inside));
    }
    return out;
  }

  /// The next item or round begins with what this one has set.
  Paths again(const StepList& body, const Highest entered) {
    Paths out = list(body, entered);
    join(out, list(body, out.through.value_or(out.inside)));
    return out;
  }

  Paths parallel(const StepSyntax& step, const Highest entered) {
    Paths out{std::nullopt, std::nullopt, entered};
    bool all_go_on = true;
    std::vector<std::vector<Word>> set_by;
    for (const ParallelBranchSyntax& branch : step.parallel) {
      Paths taken = list(branch.steps, entered);
      all_go_on = all_go_on && taken.through;
      join(out, taken);
      set_by.push_back(statuses_in(branch.steps));
    }
    if (!step.race && !all_go_on) out.through.reset();
    side_by_side(set_by);
    return out;
  }

  /// Branches run in any order, so two that set different statuses may set them the wrong way
  /// round. Which comes first is chance: a warning.
  void side_by_side(const std::vector<std::vector<Word>>& set_by) {
    for (std::size_t i = 0; i < set_by.size(); ++i) {
      for (std::size_t j = i + 1; j < set_by.size(); ++j) {
        for (const Word& first : set_by[i]) {
          for (const Word& second : set_by[j]) {
            if (first.text == second.text) continue;
            if (!reported_.insert("beside " + shown(second.at)).second) return;
            reporter_.warning(second.at, "status.parallel",
                              quoted(second.text) + " is set beside " + quoted(first.text) + " (" +
                                  shown(first.at) +
                                  "), in another branch: whichever comes last would stand",
                              "set the status once both branches are done, with `on_success` of "
                              "the `parallel` step");
            return;
          }
        }
      }
    }
  }

  static std::vector<Word> statuses_in(const StepList& steps) {
    std::vector<Word> found;
    const auto add = [&found](const std::optional<Word>& status) {
      if (status) found.push_back(*status);
    };
    each_step(steps, nullptr, [&](const StepSyntax& step, const Trail*) {
      add(step.status);
      for (const BranchSyntax& branch : step.branches) add(branch.status);
      if (step.on_success) add(step.on_success->status);
    });
    return found;
  }

  const WorkflowSyntax& workflow_;
  Reporter& reporter_;
  std::map<std::string, std::size_t> order_;
  std::set<std::string> reached_, reported_;
  bool undeclared_ = false;
};

}  // namespace

void check_statuses(ValidatorContext& context) { StatusCheck(context).run(); }

}  // namespace weft::dsl
