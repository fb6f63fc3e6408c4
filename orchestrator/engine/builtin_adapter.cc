#include "orchestrator/engine/builtin_adapter.h"

#include <utility>

#include "adapters/messaging/contract.h"
#include "adapters/messaging/subjects.h"
#include "orchestrator/core/decider.h"
#include "orchestrator/engine/problem.h"
#include "orchestrator/engine/task_message.h"
#include "orchestrator/engine/trace_context.h"
#include "orchestrator/engine/unknown_saga.h"

namespace weft::engine {
namespace {

constexpr std::int64_t kAskAgainMs = 200;

std::string saga_in(const dsl::Value& input) {
  const std::string saga = input.string_or("saga", "");
  if (!saga.empty()) return saga;
  const std::string workflow = input.string_or("workflow", "");
  const std::string key = input.string_or("key", "");
  return workflow.empty() || key.empty() ? std::string() : workflow + ":" + key;
}

}  // namespace

bool BuiltinAdapter::on_message(const messaging::Received& message, const Reply& reply) {
  if (!message.subject.starts_with("weft.task.weft.")) return false;
  const std::string operation(messaging::operation_of(message.subject));
  const auto task = messaging::parse_task_headers(message.headers);
  if (!task) {
    context_.answer(reply, problem(400, "malformed", task.error().message));
    return true;
  }
  const auto input = dsl::Value::parse(message.body.empty() ? std::string_view("{}") : message.body,
                                       json_limits(context_.limits));
  if (!input) {
    context_.answer(reply, from_json_error(input.error()));
    return true;
  }
  core::Actor actor;
  actor.name = "saga " + task->saga;
  if (operation == "start") {
    start(*input, *task, actor, reply);
    return true;
  }
  const std::string saga = saga_in(*input);
  if (saga.empty()) {
    context_.answer(reply,
                    problem(400, "malformed", "say which saga: `saga`, or `workflow` and `key`"));
  } else if (operation == "cancel") {
    cancel(saga, input->string_or("reason", ""), actor, reply);
  } else if (operation == "signal") {
    const dsl::Value* data = input->find("data");
    correlation_.signal({saga, input->string_or("name", ""), task->idempotency_key,
                         data == nullptr ? std::string("null") : data->to_json(), false},
                        actor, reply);
  } else if (operation == "query") {
    queries_.show({saga, std::nullopt}, reply);
  } else {
    context_.answer(reply, unknown_name("unknown_operation", "operation of `weft`", operation,
                                        {"start", "cancel", "signal", "query"}));
  }
  return true;
}

void BuiltinAdapter::start(const dsl::Value& input, const messaging::TaskHeaders& task,
                           const core::Actor& actor, const Reply& reply) {
  StartOrder order;
  order.workflow = input.string_or("workflow", "");
  order.key = input.string_or("key", task.idempotency_key);
  order.trace = kept_trace(task.traceparent, task.tracestate);
  order.actor = actor;
  order.via = "workflow";
  const dsl::Value* document = input.find("input");
  order.input = document == nullptr ? dsl::Value::empty_object() : *document;
  intake_.start(std::move(order), reply);
}

// A saga whose pivot may have run waits for it; until that is known nobody may be told that it is
// cancelled. So the caller asks again, which spends no attempt.
Response BuiltinAdapter::cancelled(const core::SagaState& state) const {
  using core::Phase;
  if (state.pivot_reached || state.phase == Phase::kCompleted) {
    const bool named = state.phase != Phase::kNew;
    return problem(409, "past_pivot", "it is too late: the saga's pivot has succeeded",
                   {{"state", named ? core::engine_state(state) : std::string()}});
  }
  if (state.phase == Phase::kTerminated) {
    return problem(409, "closed", "the saga was terminated by an operator");
  }
  if (state.phase == Phase::kForward || state.phase == Phase::kQueued) {
    return problem(425, "in_progress", "the saga waits to know whether its pivot has happened",
                   {{"retry_after_ms", kAskAgainMs}});
  }
  Response response;
  response.body = core::list_row(state);
  response.revision = state.revision;
  return response;
}

void BuiltinAdapter::cancel(const std::string& saga, const std::string& reason,
                            const core::Actor& actor, const Reply& reply) {
  Act act;
  act.action = "cancel";
  act.saga = saga;
  act.reason = reason;
  act.await_pivot = false;  // It has an answer of its own: ask again.
  operations_.act(std::move(act), actor, [this, saga, reply](const Response& done) {
    const std::string code = done.body.string_or("code", "");
    if (!done.ok() && code != "closed" && code != "not_allowed") {
      if (reply) reply(done);
      return;
    }
    const auto id = context_.saga_named(saga);
    const auto entry = id ? context_.sagas.load(*id) : store::Result<SagaEntry*>(nullptr);
    if (!entry || *entry == nullptr || !(*entry)->state.exists()) {
      return context_.answer(reply, unknown_saga(context_, saga));
    }
    context_.answer(reply, cancelled((*entry)->state));
  });
}

}  // namespace weft::engine
