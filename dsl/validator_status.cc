// Rule 6: every status is reached, and no path takes one back.
#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "dsl/names.h"
#include "dsl/validator_context.h"

namespace weft::dsl {
namespace {

/// The highest status a path may have set before a place, and where.
struct Highest {
  std::size_t index = 0;
  Position at;
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
    Highest at_start;
    at_start.at = workflow_.statuses.front().at;
    const Highest at_end = list(workflow_.steps, at_start);
    if (workflow_.on_completed) set(workflow_.on_completed->status, at_end);
    // These may follow any status: they say that the order was left.
    for (const auto* said :
         {&workflow_.on_compensated, &workflow_.on_cancelled, &workflow_.on_stuck}) {
      if (*said && (*said)->status) reached_.insert((*said)->status->text);
    }
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
    if (found == order_.end()) return before_it;
    if (found->second < before_it.index) {
      const std::string key = shown(status->at);
      if (reported_.insert(key).second) {
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

  static void raise(Highest& highest, const Highest& other) {
    if (other.index > highest.index) highest = other;
  }

  Highest list(const StepList& steps, Highest highest) {
    for (const StepSyntax& each : steps) highest = step(each, highest);
    return highest;
  }

  Highest step(const StepSyntax& step, const Highest before_it) {
    if (step.on_wait_status) reached_.insert(step.on_wait_status->text);
    const Highest entered = set(step.status, before_it);
    Highest inside = entered;
    for (const BranchSyntax& branch : step.branches) {
      Highest end = set(branch.status, entered);
      if (branch.body) end = list(*branch.body, end);
      raise(inside, end);
    }
    for (const ParallelBranchSyntax& branch : step.parallel) {
      raise(inside, list(branch.steps, entered));
    }
    if (!step.body.empty()) {
      raise(inside, list(step.body, entered));
      // The next item or round begins with what this one has set.
      if (step.kind == StepKind::kForeach || step.kind == StepKind::kRepeat) {
        raise(inside, list(step.body, inside));
      }
    }
    if (step.on_timeout && step.on_timeout->body) {
      raise(inside, list(*step.on_timeout->body, inside));
    }
    Highest after = inside;
    if (step.on_success) raise(after, set(step.on_success->status, inside));
    for (const RouteSyntax& route : step.on_error) {
      if (!route.body) continue;
      const Highest end = list(*route.body, inside);
      if (route.then == Then::kContinue || route.then == Then::kFinish) raise(after, end);
    }
    return after;
  }

  const WorkflowSyntax& workflow_;
  Reporter& reporter_;
  std::map<std::string, std::size_t> order_;
  std::set<std::string> reached_, reported_;
};

}  // namespace

void check_statuses(ValidatorContext& context) { StatusCheck(context).run(); }

}  // namespace weft::dsl
