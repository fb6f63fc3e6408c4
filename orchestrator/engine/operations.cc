#include "orchestrator/engine/operations.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "orchestrator/core/decider.h"
#include "orchestrator/engine/digest.h"
#include "orchestrator/engine/problem.h"
#include "orchestrator/engine/task_message.h"
#include "orchestrator/engine/unknown_saga.h"

namespace weft::engine {
namespace {

const std::vector<std::string>& actions() {
  static const std::vector<std::string> kActions = {
      "retry",  "skip",      "resume", "resolve",    "compensate",
      "cancel", "terminate", "move",   "mark_undone"};
  return kActions;
}

/// What decides by a person's word what became of the world, or changes a saga beyond its workflow.
bool needs_reason(const std::string& action) {
  return action == "skip" || action == "terminate" || action == "move" || action == "mark_undone" ||
         action == "resolve";
}

// Whoever asked reads the answers at once; so many may be read later.
constexpr std::size_t kJobsKept = 100;
// How long a cancel waits for a pivot under way: most answer sooner, and no caller waits for ever.
constexpr std::chrono::seconds kAwaitPivot{5};

/// The pivot may have run, so nobody knows yet what becomes of the cancel.
bool waits_for_pivot(const core::SagaState& state) {
  return state.phase == core::Phase::kForward && state.cancel_requested && !state.pivot_reached;
}
constexpr std::size_t kItemsKept = 200'000;

/// Sub-sagas that were under way when their parent was terminated: nobody waits for them any more,
/// and nobody ends them. So many are named; `weft list --where` finds the rest.
constexpr std::size_t kChildrenNamed = 100;

dsl::Value children_left(const core::SagaState& state) {
  dsl::Value::Array left;
  for (const core::Node& node : state.nodes) {
    // A detached one was never waited for: its step is over.
    const bool under_way = node.state == core::StepState::kRunning ||
                           node.state == core::StepState::kWaiting;
    if (node.child.empty() || !node.child_state.empty() || !under_way) continue;
    if (left.size() == kChildrenNamed) break;
    left.push_back(dsl::Value::object({{"saga", node.child.str()},
                                       {"workflow", node.child_workflow},
                                       {"path", node.path.str()}}));
  }
  return dsl::Value::array(std::move(left));
}

/// `resume` of a stuck undo says that it was done by hand: a decision like `resolve`.
bool resumes_an_undo(const Projections& projections, const std::string& saga,
                     const std::string& path) {
  const auto found = projections.stuck().find(saga);
  return found != projections.stuck().end() &&
         std::any_of(found->second.begin(), found->second.end(), [&](const StuckPlace& place) {
           return place.place == "compensation" && (path.empty() || place.path == path);
         });
}

Response undo_needs_reason() {
  return problem(400, "reason_required",
                 "resume of a stuck undo counts it as done by hand, which needs a reason: it is "
                 "kept with the event (--reason, or the member `reason`); to try the undo again, "
                 "use retry");
}

/// The pivot that a cancel waits for; empty if no step is under way there.
std::string doubtful_pivot(const core::SagaState& state) {
  for (const core::Node& node : state.nodes) {
    if (node.pivot && node.own_open) return node.path.str();
  }
  return {};
}

}  // namespace

std::optional<core::Command> Operations::command_of(const Act& act, const core::Actor& actor,
                                                    Response& refused) {
  if (std::find(actions().begin(), actions().end(), act.action) == actions().end()) {
    refused = unknown_name("unknown_action", "action", act.action, actions());
    return std::nullopt;
  }
  if (needs_reason(act.action) && act.reason.empty()) {
    refused =
        problem(400, "reason_required", act.action + " needs a reason: it is kept with the event");
    return std::nullopt;
  }
  if (act.action == "resume" && act.reason.empty()) {
    const auto id = context_.saga_named(act.saga);
    if (id && resumes_an_undo(context_.projections, id->str(), act.step)) {
      refused = undo_needs_reason();
      return std::nullopt;
    }
  }
  core::Command command;
  command.actor = actor;
  command.reason = act.reason;
  command.revision = act.revision;
  const core::StepPath step(act.step);
  std::optional<dsl::Value> output;
  if (act.output) {
    auto parsed = dsl::Value::parse(*act.output, json_limits(context_.limits));
    if (!parsed) {
      refused = from_json_error(parsed.error());
      return std::nullopt;
    }
    output = std::move(*parsed);
  }
  if (act.action == "retry") {
    command.body = core::RetryStep{step};
  } else if (act.action == "skip") {
    command.body = core::SkipStep{step, std::move(output)};
  } else if (act.action == "resolve") {
    if (act.as != "done" && act.as != "not_done") {
      refused =
          problem(400, "missing_member", "`as` is to be done or not_done: what was found out");
      return std::nullopt;
    }
    command.body = core::ResolveStep{step, act.as == "done", std::move(output)};
  } else if (act.action == "resume") {
    command.body = core::ResumeStep{step};
  } else if (act.action == "mark_undone") {
    command.body = core::MarkUndone{step};
  } else if (act.action == "cancel" || act.action == "compensate") {
    command.body = core::CancelSaga{false, act.action};
  } else if (act.action == "terminate") {
    command.body = core::TerminateSaga{};
  } else {
    const auto id = context_.saga_named(act.saga);
    auto entry = id ? context_.sagas.load(*id) : store::Result<SagaEntry*>(nullptr);
    if (!entry || *entry == nullptr || !(*entry)->state.exists()) {
      refused = unknown_saga(context_, act.saga);
      return std::nullopt;
    }
    const std::string& workflow = (*entry)->state.birth.workflow;
    auto graph = context_.registry.version(workflow, act.to_version);
    if (!graph) {
      refused = problem(404, "unknown_version",
                        workflow + " has no version \"" + act.to_version + "\"");
      return std::nullopt;
    }
    command.body = core::MoveSaga{std::move(graph)};
  }
  return command;
}

void Operations::act(Act act, const core::Actor& actor, const Reply& reply) {
  Response refused;
  const auto id = context_.saga_named(act.saga);
  if (!id) {
    return context_.answer(reply, unknown_saga(context_, act.saga));
  }
  auto command = command_of(act, actor, refused);
  if (!command) return context_.answer(reply, std::move(refused));
  Envelope envelope;
  envelope.saga = *id;
  envelope.command = std::move(*command);
  const bool cancels = act.action == "cancel" || act.action == "compensate";
  const bool awaits = act.await_pivot && cancels;
  const bool terminates = act.action == "terminate";
  envelope.done = [this, reply, cancels, awaits, terminates,
                   name = act.saga](const CommandResult& result) {
    if (!result.decision) {
      Response response = result.decision.error().code == core::Rejection::Code::kUnknownSaga
                              ? unknown_saga(context_, name)
                              : from_rejection(result.decision.error());
      if (response.status == 412 && result.entry != nullptr) {
        response.body = response.body.with("saga", core::list_row(result.entry->state));
        response.revision = result.entry->state.revision;
      }
      return context_.answer(reply, std::move(response));
    }
    const core::SagaState& state = result.entry->state;
    Response response;
    response.revision = state.revision;
    if (result.decision->events.empty()) {
      response.body = dsl::Value::object({{"saga", state.birth.saga.str()},
                                          {"state", core::engine_state(state)},
                                          {"revision", static_cast<std::int64_t>(state.revision)},
                                          {"event", dsl::Value()}});
    } else {
      response.body = core::event_json(state, result.decision->events.front(),
                                       result.revision_before + 1)
                          .with("state", core::engine_state(state));
      if (cancels && waits_for_pivot(state)) {
        // Only what the world says of the pivot decides: the caller is told what it is.
        response.body = response.body.with("waits_for", doubtful_pivot(state));
      }
      if (terminates) response.body = response.body.with("children", children_left(state));
    }
    if (awaits && reply && waits_for_pivot(state)) {
      awaiting_.push_back({state.birth.saga, std::move(response), reply,
                           context_.now.steady + kAwaitPivot});
      return;
    }
    context_.answer(reply, std::move(response));
  };
  context_.partition.submit(std::move(envelope));
}

/// "If it succeeded, cancel answers `past_pivot`" (SEMANTICS.md, Going backwards).
void Operations::answer_awaiting() {
  std::erase_if(awaiting_, [this](Awaiting& awaiting) {
    const auto entry = context_.sagas.load(awaiting.saga);
    if (!entry) return false;
    const core::SagaState& state = (*entry)->state;
    if (waits_for_pivot(state) && context_.now.steady < awaiting.until) return false;
    awaiting.response.revision = state.revision;
    awaiting.response.body =
        awaiting.response.body.with("state", core::engine_state(state))
            .with("waits_for",
                  waits_for_pivot(state) ? dsl::Value(doubtful_pivot(state)) : dsl::Value());
    if (state.pivot_reached) {
      const std::string instead = (*entry)->graph ? (*entry)->graph->after_pivot : std::string();
      dsl::Value::Object members;
      if (!instead.empty()) members.push_back({"workflow", instead});
      awaiting.response = problem(409, "past_pivot",
                                  "the pivot was under way, and it succeeded: the saga may only go "
                                  "forward" +
                                      (instead.empty() ? std::string()
                                                       : "; start `" + instead + "` instead"),
                                  std::move(members));
    }
    context_.answer(awaiting.reply, std::move(awaiting.response));
    return true;
  });
}

// ---- Many ---------------------------------------------------------------------------------------

void Operations::act_on_many(const ActOnMany& order, const core::Actor& actor, const Reply& reply) {
  const int ways = (order.sagas.empty() ? 0 : 1) + (order.where.empty() ? 0 : 1) +
                   (order.group.empty() ? 0 : 1);
  if (ways != 1) {
    return context_.answer(
        reply, problem(400, "empty_query",
                       "say which sagas: exactly one of a list, `where` and `group`"));
  }
  if (std::find(actions().begin(), actions().end(), order.action) == actions().end()) {
    return context_.answer(reply,
                           unknown_name("unknown_action", "action", order.action, actions()));
  }
  if (order.action == "resolve" && order.as != "done" && order.as != "not_done") {
    return context_.answer(reply, problem(400, "missing_member", "`as` is to be done or not_done"));
  }
  if (needs_reason(order.action) && order.reason.empty() && !order.dry_run) {
    return context_.answer(reply,
                           problem(400, "reason_required", order.action + " needs a reason"));
  }
  std::vector<std::string> sagas = order.sagas;
  Response refused;
  const auto most = static_cast<std::size_t>(context_.limits.bulk_sagas);
  if (!order.where.empty() && !find_(order.where, most, sagas, refused)) {
    return context_.answer(reply, std::move(refused));
  }
  if (!order.group.empty()) {
    std::set<std::string> found;
    for (const auto& [saga, places] : context_.projections.stuck()) {
      for (const StuckPlace& place : places) {
        if (place.group() == order.group) found.insert(saga);
      }
    }
    sagas.assign(found.begin(), found.end());
  }
  if (order.action == "resume" && order.reason.empty() && !order.dry_run) {
    // Before the first of them, so that nothing is half done.
    for (const std::string& saga : sagas) {
      const auto id = context_.saga_named(saga);
      if (id && resumes_an_undo(context_.projections, id->str(), order.step)) {
        return context_.answer(reply, undo_needs_reason());
      }
    }
  }
  if (sagas.size() > most) {
    return context_.answer(reply, problem(413, "too_many", "more sagas than one order may touch: " +
                                                               std::to_string(sagas.size())));
  }
  const auto matched = static_cast<std::int64_t>(sagas.size());
  if (order.dry_run) {
    dsl::Value::Array first;
    for (std::size_t i = 0; i < std::min<std::size_t>(sagas.size(), 20); ++i) {
      first.emplace_back(sagas[i]);
    }
    Response response;
    response.body = dsl::Value::object(
        {{"matched", matched}, {"sagas", dsl::Value::array(std::move(first))}});
    return context_.answer(reply, std::move(response));
  }
  if (!order.expect) {
    return context_.answer(reply, problem(400, "expect_required",
                                          "say how many you expect; a dry run shows how many match",
                                          {{"matched", matched}}));
  }
  if (*order.expect != matched) {
    return context_.answer(reply, problem(409, "count_differs",
                                          "expected " + std::to_string(*order.expect) + ", but " +
                                              std::to_string(matched) + " match now",
                                          {{"matched", matched}}));
  }
  auto job = std::make_shared<Job>();
  job->number = ++job_numbers_;
  job->id = "bulk-" + std::to_string(job->number) + "-" + to_hex(context_.config.random_bytes(4));
  job->order = order;
  job->actor = actor;
  job->sagas = std::move(sagas);
  job->per_second = std::max(0.1, order.rate_per_second.value_or(
                                      static_cast<double>(context_.limits.bulk_rate_per_second)));
  job->began = job->due = context_.now.steady;
  jobs_[job->id] = job;
  forget_old_jobs();
  Response response;
  response.status = 202;
  response.body = dsl::Value::object({{"id", job->id}, {"matched", matched}});
  context_.answer(reply, std::move(response));
}

void Operations::forget_old_jobs() {
  for (;;) {
    std::size_t items = 0;
    auto oldest = jobs_.end();
    for (auto job = jobs_.begin(); job != jobs_.end(); ++job) {
      if (job->second->running()) continue;
      items += job->second->items.size();
      if (oldest == jobs_.end() || job->second->number < oldest->second->number) oldest = job;
    }
    if (oldest == jobs_.end() || (jobs_.size() <= kJobsKept && items <= kItemsKept)) return;
    jobs_.erase(oldest);
  }
}

void Operations::tick() {
  answer_awaiting();
  for (const auto& [id, job] : jobs_) {
    while (!job->stopped && job->next < job->sagas.size() && job->due <= context_.now.steady) {
      Act act;
      act.action = job->order.action;
      act.saga = job->sagas[job->next++];
      act.step = job->order.step;
      act.reason = job->order.reason;
      act.output = job->order.output;
      act.to_version = job->order.to_version;
      act.as = job->order.as;
      act.await_pivot = false;  // One that waits would hold up the others.
      job->due = job->began +
                 std::chrono::duration_cast<Clock::Instant::duration>(std::chrono::duration<double>(
                     static_cast<double>(job->next) / job->per_second));
      const std::string saga = act.saga;
      this->act(std::move(act), job->actor, [job = job, saga](const Response& response) {
        dsl::Value::Object item = {{"saga", saga}, {"ok", response.ok()}};
        if (response.ok()) {
          ++job->done;
          item.push_back({"event", response.body});
        } else {
          ++job->refused;
          item.push_back({"error", short_problem(response)});
        }
        item.push_back({"revision", response.revision
                                        ? dsl::Value(static_cast<std::int64_t>(*response.revision))
                                        : dsl::Value()});
        job->items.push_back(dsl::Value::object(std::move(item)));
      });
    }
  }
}

std::optional<Clock::Instant> Operations::next_wake() const {
  std::optional<Clock::Instant> next;
  for (const Awaiting& awaiting : awaiting_) {
    next = next ? std::min(*next, awaiting.until) : awaiting.until;
  }
  for (const auto& [id, job] : jobs_) {
    if (job->stopped || job->next >= job->sagas.size()) continue;
    next = next ? std::min(*next, job->due) : job->due;
  }
  return next;
}

dsl::Value Operations::job_value(const Job& job, std::uint64_t after) {
  dsl::Value::Array items;
  for (std::size_t i = after; i < job.items.size() && items.size() < 1'000; ++i) {
    items.push_back(job.items[i]);
  }
  return dsl::Value::object({{"id", job.id},
                             {"action", job.order.action},
                             {"matched", static_cast<std::int64_t>(job.sagas.size())},
                             {"done", job.done},
                             {"refused", job.refused},
                             {"stopped", job.stopped},
                             {"running", job.running()},
                             {"items", dsl::Value::array(std::move(items))}});
}

void Operations::progress(const BulkProgress& query, const Reply& reply) {
  const auto found = jobs_.find(query.id);
  if (found == jobs_.end()) {
    return context_.answer(
        reply, problem(404, "unknown_bulk",
                       "there is no order \"" + query.id + "\"; they do not outlive a restart"));
  }
  Response response;
  response.body = job_value(*found->second, query.after);
  context_.answer(reply, std::move(response));
}

void Operations::stop(const BulkStop& order, const Reply& reply) {
  const auto found = jobs_.find(order.id);
  if (found == jobs_.end()) {
    return context_.answer(reply,
                           problem(404, "unknown_bulk", "there is no order \"" + order.id + "\""));
  }
  found->second->stopped = found->second->next < found->second->sagas.size();
  Response response;
  response.body = job_value(*found->second, found->second->items.size());
  context_.answer(reply, std::move(response));
}

}  // namespace weft::engine
