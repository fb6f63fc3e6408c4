// Rule 8: what must elapse fits the deadline. And steps that no path reaches.
#include <algorithm>
#include <optional>
#include <string>

#include "dsl/durations.h"
#include "dsl/validator_context.h"

namespace weft::dsl {
namespace {

/// Milliseconds through a list on its shortest path; nothing where no path gets through.
using Elapsed = std::optional<std::int64_t>;

Elapsed shorter(const Elapsed& a, const Elapsed& b) {
  if (!a) return b;
  if (!b) return a;
  return std::min(*a, *b);
}

struct Shortest {
  Elapsed through;  ///< To the end of the list.
  Elapsed ended;    ///< To a `finish` inside it: the saga is complete there.
};

class TimeCheck final {
 public:
  explicit TimeCheck(ValidatorContext& context)
      : context_(context), workflow_(context.workflow), reporter_(context.reporter) {}

  void run() {
    dead_steps(workflow_.steps);
    each_step(workflow_.steps, nullptr, [this](const StepSyntax& step, const Trail*) {
      for (const OwnedList& list : lists_of(step)) dead_steps(*list.steps);
    });
    if (!workflow_.deadline) return;
    const std::int64_t deadline = workflow_.deadline->ms;
    const Shortest shortest = list(workflow_.steps, 0);
    const Elapsed total = shorter(shortest.through, shortest.ended);
    if (total && *total > deadline) {
      const StepSyntax* crossing = find_crossing(workflow_.steps, 0);
      const Position at = crossing != nullptr ? crossing->kind_at : workflow_.deadline->at;
      reporter_.error(at, "deadline.exceeded",
                      "what must elapse takes " + format_duration(*total) +
                          ", more than the deadline of " + format_duration(deadline) + " (" +
                          shown(workflow_.deadline->at) + ")",
                      "this is the step that crosses it: shorten waits and timeouts, or give the "
                      "saga more time");
      return;
    }
    std::int64_t worst = 0;
    bool bounded = true;
    for (const StepSyntax& each : workflow_.steps) worst += worst_case(each, bounded);
    if (bounded && worst <= deadline) return;
    reporter_.note(
        workflow_.deadline->at, "deadline.worst",
        bounded
            ? "in the worst case, with every attempt, wait and timeout used up, the steps take " +
                  format_duration(worst) + ", longer than the deadline"
            : "in the worst case the deadline passes: nothing else bounds every wait, with all "
              "attempts used up");
  }

 private:
  Shortest list(const StepList& steps, std::int64_t from) {
    Shortest out;
    out.through = from;
    for (const StepSyntax& each : steps) {
      const Shortest one = step(each, *out.through);
      out.ended = shorter(out.ended, one.ended);
      out.through = one.through;
      if (!out.through) break;
    }
    return out;
  }

  Shortest step(const StepSyntax& step, std::int64_t from) {
    Shortest out = kind(step, from);
    if (step.when) out.through = from;  // It may be skipped.
    for (const RouteSyntax& route : step.on_error) {
      if (route.then == Then::kContinue) out.through = shorter(out.through, from);
      if (route.then == Then::kFinish) out.ended = shorter(out.ended, from);
    }
    return out;
  }

  Shortest kind(const StepSyntax& step, std::int64_t from) {
    switch (step.kind) {
      case StepKind::kCall:
        return {from + timeout_of(step.timeout, step.call, workflow_, context_.catalogue), {}};
      case StepKind::kWait:
        return {from + (step.wait ? step.wait->ms : 0), {}};
      case StepKind::kDo:
        return list(step.body, from);
      case StepKind::kRepeat:
        return list(step.body, from);
      case StepKind::kFinish:
        return {std::nullopt, from};
      case StepKind::kRaise:
        return {};
      case StepKind::kChoice: {
        Shortest out;
        for (const BranchSyntax& branch : step.branches) {
          if (branch.raise) continue;
          const Shortest one = branch.body ? list(*branch.body, from) : Shortest{from, {}};
          out.through = shorter(out.through, one.through);
          out.ended = shorter(out.ended, one.ended);
        }
        return out;
      }
      case StepKind::kParallel: {
        Shortest out{from, {}};
        bool first = true;
        for (const ParallelBranchSyntax& branch : step.parallel) {
          const Elapsed one = list(branch.steps, from).through;
          if (!one) continue;
          out.through = first || step.race ? (first ? *one : std::min(*out.through, *one))
                                           : std::max(*out.through, *one);
          first = false;
        }
        return out;
      }
      default:
        return {from, {}};  // A foreach may be empty; events and children may be quick.
    }
  }

  /// The innermost step at whose end the shortest path is past the deadline.
  const StepSyntax* find_crossing(const StepList& steps, std::int64_t from) {
    for (const StepSyntax& each : steps) {
      const Shortest one = step(each, from);
      if (!one.through) return nullptr;
      if (*one.through <= workflow_.deadline->ms) {
        from = *one.through;
        continue;
      }
      for (const OwnedList& inner : lists_of(each)) {
        if (inner.role != ListRole::kBody && inner.role != ListRole::kBranch) continue;
        const Elapsed through = list(*inner.steps, from).through;
        if (through && *through > workflow_.deadline->ms) {
          if (const StepSyntax* found = find_crossing(*inner.steps, from)) return found;
        }
      }
      return &each;
    }
    return nullptr;
  }

  std::int64_t attempts(const StepSyntax& step, bool& bounded) {
    const RetryPolicy policy = allowed_retry(
        retry_of(step.retry, workflow_.default_retry, workflow_, false),
        context_.catalogue.adapter(step.call.adapter).guarantee, step.probe.has_value());
    const std::int64_t timeout = timeout_of(step.timeout, step.call, workflow_, context_.catalogue);
    if (policy.elapsed_max_ms) return *policy.elapsed_max_ms + timeout;
    const auto& waited =
        step.schedule_timeout ? step.schedule_timeout : workflow_.default_schedule_timeout;
    if (policy.attempts_max == 0) bounded = false;
    std::int64_t sum = timeout + (waited ? waited->ms : 0);
    std::int64_t delay = policy.delay_ms;
    constexpr std::int64_t kCounted = 1000;  // Beyond this the sum is past every deadline anyway.
    for (std::int64_t i = 1; i < std::min(policy.attempts_max, kCounted); ++i) {
      sum += timeout + delay;
      const auto longer = Decimal::multiply(Decimal::from_integer(delay), policy.backoff);
      const auto whole = longer ? longer->floor().to_integer() : std::nullopt;
      delay = std::min(whole.value_or(policy.delay_max_ms), policy.delay_max_ms);
    }
    if (step.completes_within) sum = std::max(sum, step.completes_within->ms);
    return sum;
  }

  std::int64_t worst_case(const StepSyntax& step, bool& bounded) {
    std::int64_t own = 0;
    if (step.kind == StepKind::kCall) own = attempts(step, bounded);
    if (step.kind == StepKind::kWait && step.wait) own = step.wait->ms;
    if (step.kind == StepKind::kListen) {
      if (!step.timeout) bounded = false;
      own = step.timeout ? step.timeout->ms : 0;
    }
    std::int64_t inside = 0;
    for (const OwnedList& inner : lists_of(step)) {
      std::int64_t sum = 0;
      for (const StepSyntax& each : *inner.steps) sum += worst_case(each, bounded);
      inside = std::max(inside, sum);
    }
    // 100 years: rounds of rounds must not overflow.
    constexpr std::int64_t kLongest = std::int64_t{36'525} * 86'400'000;
    if (step.kind == StepKind::kRepeat) {
      inside = std::min(kLongest, inside + step.every_ms) * step.rounds_max;
    }
    return std::min(kLongest, own + inside);
  }

  void dead_steps(const StepList& steps) {
    for (std::size_t i = 0; i + 1 < steps.size(); ++i) {
      const StepSyntax& step = steps[i];
      if ((step.kind != StepKind::kFinish && step.kind != StepKind::kRaise) || step.when) continue;
      if (!step.on_error.empty()) continue;
      reporter_.warning(steps[i + 1].kind_at, "flow.dead",
                        "this step never runs: `" + std::string(step_kind_name(step.kind)) + "` (" +
                            shown(step.kind_at) + ") ends the list before it",
                        "remove it, or give that step a `when`");
      return;
    }
  }

  ValidatorContext& context_;
  const WorkflowSyntax& workflow_;
  Reporter& reporter_;
};

}  // namespace

void check_time(ValidatorContext& context) { TimeCheck(context).run(); }

}  // namespace weft::dsl
