#include "orchestrator/engine/intake.h"

#include <utility>

#include "adapters/messaging/contract.h"
#include "dsl/compiler.h"
#include "dsl/utf8.h"
#include "orchestrator/core/decider.h"
#include "orchestrator/engine/event_correlation.h"
#include "orchestrator/engine/operations.h"
#include "orchestrator/engine/problem.h"
#include "orchestrator/engine/queries.h"
#include "orchestrator/engine/tables.h"
#include "orchestrator/engine/task_message.h"
#include "orchestrator/engine/trace_context.h"
#include "orchestrator/engine/unknown_saga.h"

namespace weft::engine {
namespace {

namespace header = messaging::header;
using messaging::IntakeSubject;

core::Actor nats_actor() {
  core::Actor actor;
  actor.via = "nats";
  return actor;
}

Response started(const core::SagaState& state, bool duplicate) {
  Response response;
  response.status = duplicate ? 200 : 201;
  response.revision = state.revision;
  response.body = dsl::Value::object({{"saga", state.birth.saga.str()},
                                      {"state", core::engine_state(state)},
                                      {"duplicate", duplicate},
                                      {"revision", static_cast<std::int64_t>(state.revision)}});
  return response;
}

}  // namespace

void check_reply_schema(const SagaEntry& entry, const core::StepPath& path,
                        core::Direction direction, core::TaskReply& reply) {
  if (direction != core::Direction::kForward || reply.kind != core::TaskReply::Kind::kSuccess ||
      !entry.graph) {
    return;
  }
  const dsl::Step* step = entry.graph->find_step(core::step_name(path));
  if (step == nullptr || !step->call || !step->call->reply_schema) return;
  if (const auto broken = dsl::validate_schema(*step->call->reply_schema, reply.body)) {
    reply.kind = core::TaskReply::Kind::kInvalid;
    reply.message = "the answer breaks " + step->call->reply_schema->file + " at \"" +
                    broken->pointer + "\": " + broken->message;
  }
}

Intake::Intake(Context& context, Operations& operations, Correlation& correlation, Queries& queries)
    : context_(context), operations_(operations), correlation_(correlation), queries_(queries) {}

Reply Intake::reply_to(const messaging::Received& message) {
  if (message.reply.empty()) return {};
  // Nothing of a caller's makes us speak on the orchestrator's own subjects; the inbox of our own
  // tasks is an inbox like any other.
  auto to = messaging::reply_subject(message.reply);
  if (!to) return {};
  return [this, to = std::move(*to)](const Response& response) {
    // A full buffer or a broken connection: whoever asked asks again, with the same key.
    (void)context_.bus.publish(to_message(to, response));
  };
}

void Intake::on_message(messaging::Received message) {
  if (message.subject.starts_with(context_.config.inbox_prefix + ".")) {
    const std::string name(messaging::inbox_token(message.subject));
    if (name.empty()) return;
    if (context_.dispatcher.on_reply(name, message, context_.now)) return;
    if (message.status != 0) return;
    settle_by_token(name, read_reply(std::move(message), context_.limits), false, {});
    return;
  }
  if (builtin_ && builtin_(message, reply_to(message))) return;
  const auto subject = messaging::parse_intake_subject(message.subject);
  if (!subject) {
    if (auto reply = reply_to(message)) {
      context_.answer(reply, problem(400, "malformed_subject", subject.error().message));
    }
    return;
  }
  on_intake(*subject, std::move(message));
}

void Intake::on_intake(const IntakeSubject& subject, messaging::Received message) {
  const Reply reply = reply_to(message);
  if (!message.headers_readable && subject.kind != IntakeSubject::Kind::kHeartbeat) {
    // The key that makes a repeat harmless may be among them: guessing would start a second saga.
    return context_.answer(
        reply, problem(400, "malformed_headers",
                       "a header cannot be read: values are 1 to 4096 bytes of text without "
                       "control characters, at most 64 of them"));
  }
  switch (subject.kind) {
    case IntakeSubject::Kind::kStart: {
      StartOrder order;
      order.workflow = subject.name;
      order.key = std::string(message.headers.get(header::kKey));
      order.trace = kept_trace(message.headers.get(header::kTraceparent),
                               message.headers.get(header::kTracestate));
      order.actor = nats_actor();
      order.via = "nats";
      start_bytes(std::move(order), message.body, reply);
      return;
    }
    case IntakeSubject::Kind::kCancel:
    case IntakeSubject::Kind::kQuery: cancel_or_query(subject, message, reply); return;
    case IntakeSubject::Kind::kComplete:
      settle_by_token(subject.token,
                      read_completion(message.body, message.headers, context_.limits), true, reply);
      return;
    case IntakeSubject::Kind::kFail:
      settle_by_token(subject.token, read_failure(message.body, message.headers, context_.limits),
                      true, reply);
      return;
    case IntakeSubject::Kind::kHeartbeat: heartbeat(subject.token, reply); return;
    case IntakeSubject::Kind::kSignal: {
      SendSignal signal{subject.saga, subject.name,
                        std::string(message.headers.get(header::kMessageId)),
                        std::move(message.body), messaging::is_cloud_event(message.headers)};
      correlation_.signal(signal, nats_actor(), reply);
      return;
    }
    case IntakeSubject::Kind::kEvent: {
      SendEvent event{subject.name, std::string(message.headers.get(header::kMessageId)),
                      std::move(message.body), messaging::is_cloud_event(message.headers)};
      correlation_.receive(event, nats_actor(), reply);
      return;
    }
  }
}

void Intake::start_bytes(StartOrder order, std::string_view body, const Reply& reply) {
  // No body is {}.
  auto input = dsl::Value::parse(body.empty() ? std::string_view("{}") : body,
                                 json_limits(context_.limits));
  if (!input) {
    Response refused = from_json_error(input.error());
    context_.metrics.count("weft_intake_refused_total",
                           {{"via", order.via}, {"reason", refused.body.string_or("code", "")}});
    context_.answer(reply, std::move(refused));
    return;
  }
  order.input = std::move(*input);
  order.bytes = body.size();
  start(std::move(order), reply);
}

void Intake::start(StartOrder order, const Reply& reply) {
  const auto refuse = [&](Response response) {
    context_.metrics.count("weft_intake_refused_total",
                           {{"via", order.via}, {"reason", response.body.string_or("code", "")}});
    if (order.decided) order.decided(response);
    context_.answer(reply, std::move(response));
  };
  const bool child = !order.parent.empty();
  if (dsl::utf8_valid_prefix(order.key) != order.key.size()) {
    return refuse(problem(400, "malformed", "the start key is not UTF-8 text"));
  }
  // What a running saga asks for is not new work, nor is what an event starts that was accepted
  // before: refusing it would drop the event.
  if (!child && order.via != "event") {
    if (auto refusal = context_.refusal_of_new_work()) return refuse(std::move(*refusal));
  }
  const auto graph = order.major > 0
                         ? context_.registry.of_major(order.workflow, order.major)
                         : context_.registry.current(order.workflow);
  if (!graph) {
    const auto& workflows = context_.registry.workflows();
    if (const auto known = workflows.find(order.workflow); known != workflows.end()) {
      if (order.major > 0) {
        return refuse(problem(404, "unknown_version",
                              order.workflow + " has no version with major number " +
                                  std::to_string(order.major)));
      }
      return refuse(problem(410, "definition_lost",
                            "the definition of " + order.workflow +
                                " no longer compiles; deploy a version that does"));
    }
    return refuse(unknown_name("unknown_workflow", "workflow", order.workflow,
                               context_.registry.names()));
  }
  if (graph->lifecycle == dsl::Lifecycle::kRetired && !child) {
    return refuse(problem(410, "retired", graph->id() + " is retired: starts are refused"));
  }
  core::StartRequest request;
  request.input = std::move(order.input);
  request.header_key = child ? std::string() : order.key;
  request.forced_key = child ? order.key : std::string();
  request.random_id = to_base32(context_.config.random_bytes(16));
  request.traceparent = order.trace;
  request.parent = order.parent;
  request.parent_path = order.parent_path;
  request.detached = order.detached;
  auto birth = core::prepare_start(*graph, request);
  if (!birth) return refuse(from_rejection(birth.error()));

  // Keys outlive their histories: a pruned saga still answers for its key.
  if (!birth->key.empty()) {
    auto kept = context_.store.get_index(table::kStartKeys, birth->saga.str());
    if (kept && *kept) {
      const auto row = dsl::Value::parse(**kept);
      const std::string digest = row ? row->string_or("digest", "") : "";
      if (digest != birth->payload_digest) {
        return refuse(problem(409, "key_conflict",
                              "key `" + birth->key + "` was used before with another payload",
                              {{"first_digest", digest}, {"saga", birth->saga.str()}}));
      }
      Response response;
      response.body = dsl::Value::object({{"saga", birth->saga.str()},
                                          {"state", row->string_or("state", "completed")},
                                          {"duplicate", true},
                                          {"revision", row->integer_or("revision", 0)}});
      if (order.decided) order.decided(response);
      context_.answer(reply, std::move(response));
      return;
    }
  }
  Envelope envelope;
  envelope.saga = birth->saga;
  envelope.command.body = core::StartSaga{std::move(*birth), false};
  envelope.command.actor = order.actor;
  envelope.graph = graph;
  envelope.settles = std::move(order.settles);
  envelope.bytes = order.bytes;
  envelope.done = [this, reply, via = order.via, decided = std::move(order.decided), graph,
                   received = context_.now.steady](const CommandResult& result) {
    Response response;
    if (!result.decision) {
      response = from_rejection(result.decision.error());
      context_.metrics.count("weft_intake_refused_total",
                             {{"via", via}, {"reason", response.body.string_or("code", "")}});
    } else {
      response = started(result.entry->state, result.decision->duplicate);
      if (graph->lifecycle == dsl::Lifecycle::kDeprecated) {
        response.body = response.body.with(
            "warning", graph->id() + " is deprecated: starts still work, but not for ever");
      }
    }
    if (decided) decided(response);
    if (!reply) return;
    context_.commits.after_durable([this, reply, via, received, graph,
                                    response = std::move(response)] {
      const auto took = context_.clock.steady() - received;
      if (response.status == 201) {
        context_.objectives.durable(
            *graph, std::chrono::duration_cast<std::chrono::milliseconds>(took).count());
      }
      context_.metrics.observe("weft_intake_duration_seconds", {{"via", via}},
                               std::chrono::duration<double>(took).count());
      reply(response);
    });
  };
  context_.partition.submit(std::move(envelope));
}

void Intake::cancel_or_query(const IntakeSubject& subject, messaging::Received& message,
                             const Reply& reply) {
  std::string saga, reason;
  if (!message.body.empty()) {
    const auto body = dsl::Value::parse(message.body, json_limits(context_.limits));
    if (!body) return context_.answer(reply, from_json_error(body.error()));
    saga = body->string_or("saga", "");
    reason = body->string_or("reason", "");
  }
  const std::string key(message.headers.get(header::kKey));
  if (!key.empty()) saga = subject.name + ":" + key;
  if (saga.empty()) {
    return context_.answer(reply, problem(400, "malformed",
                                          "say which saga: header Weft-Key, or {\"saga\": ID}"));
  }
  const auto id = context_.saga_named(saga);
  const auto entry = id ? context_.sagas.load(*id) : store::Result<SagaEntry*>(nullptr);
  const bool known = entry && *entry != nullptr && (*entry)->state.exists() &&
                     (*entry)->state.birth.workflow == subject.name;
  if (!known) {
    return context_.answer(reply, unknown_saga(context_, saga));
  }
  if (subject.kind == IntakeSubject::Kind::kQuery) {
    queries_.show({id->str(), std::nullopt}, reply);
    return;
  }
  Act act;
  act.action = "cancel";
  act.saga = id->str();
  act.reason = reason;
  operations_.act(std::move(act), nats_actor(),
                  [this, reply, saga = id->str()](const Response& done) {
                    if (!reply) return;
                    if (!done.ok()) {
                      reply(done);
                      return;
                    }
                    queries_.show({saga, std::nullopt}, reply);
                  });
}

std::optional<TaskKey> Intake::open_token(const std::string& token, SagaEntry*& entry) {
  const auto claim = read_token(token);
  if (!claim) return std::nullopt;
  auto loaded = context_.sagas.load(claim->saga);
  if (!loaded || !(*loaded)->state.exists()) return std::nullopt;
  entry = *loaded;
  if (claim->node >= entry->state.nodes.size()) return std::nullopt;
  const core::StepPath& path = entry->state.nodes[claim->node].path;
  if (!token_matches(context_.secret, token, *claim, path)) return std::nullopt;
  return TaskKey{claim->saga, path, claim->direction, claim->attempt, claim->round};
}

void Intake::settle_by_token(const std::string& token, core::TaskReply reply, bool by_token,
                             const Reply& answer) {
  SagaEntry* entry = nullptr;
  const auto key = open_token(token, entry);
  if (!key) {
    return context_.answer(answer,
                           problem(404, "unknown_token", "no attempt has this token; it is the "
                                                         "Weft-Token header of the task request"));
  }
  check_reply_schema(*entry, key->path, key->direction, reply);
  Envelope envelope;
  envelope.saga = key->saga;
  envelope.command.body = core::ReportReply{key->path,  key->direction,   key->attempt,
                                            key->round, std::move(reply), by_token};
  envelope.done = [this, answer](const CommandResult& result) {
    if (!answer) return;
    if (!result.decision) return context_.answer(answer, from_rejection(result.decision.error()));
    if (result.decision->contradicted) {
      return context_.answer(answer,
                             problem(409, "settled_otherwise",
                                     "the step is settled otherwise; the contradiction is recorded "
                                     "and shown"));
    }
    Response response;
    const bool duplicate = result.decision->duplicate || result.decision->events.empty();
    response.body = dsl::Value::object({{"settled", true}, {"duplicate", duplicate}});
    context_.answer(answer, std::move(response));
  };
  context_.partition.submit(std::move(envelope));
}

void Intake::heartbeat(const std::string& token, const Reply& reply) {
  SagaEntry* entry = nullptr;
  const auto key = open_token(token, entry);
  if (!key) {
    return context_.answer(reply, problem(404, "unknown_token", "no attempt has this token"));
  }
  const core::Node* node = entry->state.find(key->path);
  const bool wanted = !entry->state.ended() && node != nullptr &&
                      (node->pending || context_.dispatcher.knows(*key));
  if (wanted) context_.dispatcher.heartbeat(key->saga, key->path, context_.now);
  Response response;
  response.body = dsl::Value::object({{"wanted", wanted}});
  context_.answer(reply, std::move(response));
}

}  // namespace weft::engine
