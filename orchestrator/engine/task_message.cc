#include "orchestrator/engine/task_message.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "adapters/messaging/subjects.h"
#include "orchestrator/core/decider.h"
#include "orchestrator/core/planted.h"
#include "orchestrator/engine/trace_context.h"

namespace weft::engine {
namespace {

namespace header = messaging::header;

core::EffectClaim claim_of(messaging::EffectClaim claim) {
  switch (claim) {
    case messaging::EffectClaim::kAbsent: return core::EffectClaim::kAbsent;
    case messaging::EffectClaim::kNone: return core::EffectClaim::kNone;
    case messaging::EffectClaim::kPerhaps: return core::EffectClaim::kPerhaps;
    case messaging::EffectClaim::kUndone: return core::EffectClaim::kUndone;
  }
  return core::EffectClaim::kAbsent;
}

core::EffectClaim claim_in(const messaging::Headers& headers) {
  const std::string_view claim = headers.get(header::kEffect);
  if (claim == "none") return core::EffectClaim::kNone;
  if (claim == "perhaps") return core::EffectClaim::kPerhaps;
  if (claim == "undone") return core::EffectClaim::kUndone;
  return core::EffectClaim::kAbsent;
}

core::TaskReply invalid_reply(std::string message) {
  core::TaskReply reply;
  reply.kind = core::TaskReply::Kind::kInvalid;
  reply.message = std::move(message);
  return reply;
}

core::TaskReply read_success(std::string_view body, const Limits& limits) {
  if (body.empty()) return {};  // no body is null
  auto value = dsl::Value::parse(body, json_limits(limits));
  if (!value) {
    return invalid_reply("the answer is not JSON within the limits: " + value.error().message);
  }
  core::TaskReply reply;
  reply.body = std::move(*value);
  return reply;
}

core::TaskReply read_service_failure(messaging::ServiceError error, const Limits& limits) {
  core::TaskReply reply;
  reply.kind = core::TaskReply::Kind::kFailure;
  reply.service_code = error.service_code;
  reply.code = std::move(error.code);
  reply.message = std::move(error.message);
  reply.retry_after_ms = error.retry_after_ms;
  if (!error.details.empty()) {
    if (auto details = dsl::Value::parse(error.details, json_limits(limits))) {
      reply.body = std::move(*details);
    }
  }
  return reply;
}

int small(std::int64_t number) {
  return static_cast<int>(
      std::clamp<std::int64_t>(number, 0, std::numeric_limits<int>::max()));
}

messaging::TaskHeaders headers_of(const Task& task, core::Timestamp now) {
  messaging::TaskHeaders headers;
  headers.saga = task.key.saga.str();
  headers.workflow = task.workflow;
  headers.step = task.key.path.str();
  headers.attempt = small(task.key.attempt);
  headers.idempotency_key = core::idempotency_key(task.key.saga, task.key.path).str();
  if (PLANTED(4)) headers.idempotency_key += "-" + std::to_string(task.key.attempt);
  headers.compensation = task.key.direction == core::Direction::kCompensation;
  headers.compensation_round = small(task.key.round);
  headers.timeout_ms = task.dispatch.timeout_ms;
  headers.deadline = core::format_time({now.ms + task.dispatch.timeout_ms});
  headers.token = task.token;
  TraceContext trace = attempt_trace(task.dispatch.traceparent, task.key);
  headers.traceparent = std::move(trace.parent);
  headers.tracestate = std::move(trace.state);
  return headers;
}

}  // namespace

dsl::JsonLimits json_limits(const Limits& limits) {
  dsl::JsonLimits json;
  json.bytes_max = static_cast<std::size_t>(limits.payload_bytes);
  json.depth_max = static_cast<int>(limits.payload_depth);
  return json;
}

tl::expected<std::string, messaging::InvalidText> subject_of(const core::TaskDispatch& dispatch) {
  const auto subject = dispatch.subject.empty()
                           ? messaging::task_subject(dispatch.adapter, dispatch.operation)
                           : messaging::custom_subject(dispatch.subject);
  if (!subject) return tl::unexpected(subject.error());
  return subject->text();
}

tl::expected<messaging::Message, messaging::InvalidText> task_message(const Task& task,
                                                                      const WireContext& context) {
  const auto& dispatch = task.dispatch;
  auto subject = dispatch.subject.empty()
                     ? messaging::task_subject(dispatch.adapter, dispatch.operation)
                     : messaging::custom_subject(dispatch.subject);
  if (!subject) return tl::unexpected(subject.error());
  auto reply = messaging::inbox_subject(context.inbox_prefix, context.store, task.token);
  if (!reply) return tl::unexpected(reply.error());
  auto headers = messaging::build_task_headers(headers_of(task, context.now));
  if (!headers) return tl::unexpected(headers.error());
  messaging::Message message(std::move(*subject), dispatch.input.to_json());
  message.reply = std::move(*reply);
  message.headers = std::move(*headers);
  return message;
}

tl::expected<messaging::Message, messaging::InvalidText> shadow_message(
    const Task& task, const WireContext& context, std::string_view reply_token) {
  auto subject = messaging::dryrun_subject(task.dispatch.shadow, task.dispatch.operation);
  if (!subject) return tl::unexpected(subject.error());
  auto reply = messaging::inbox_subject(context.inbox_prefix, context.store, reply_token);
  if (!reply) return tl::unexpected(reply.error());
  messaging::TaskHeaders fields = headers_of(task, context.now);
  fields.token.clear();
  auto headers = messaging::build_task_headers(fields);
  if (!headers) return tl::unexpected(headers.error());
  messaging::Message message(std::move(*subject), task.dispatch.input.to_json());
  message.reply = std::move(*reply);
  message.headers = std::move(*headers);
  return message;
}

core::TaskReply read_reply(messaging::Received message, const Limits& limits) {
  messaging::MessageLimits wire;
  wire.body_bytes_max = static_cast<std::size_t>(limits.payload_bytes);
  messaging::TaskReply read = messaging::read_task_reply(std::move(message), wire);
  core::TaskReply reply;
  switch (read.kind) {
    case messaging::TaskReply::Kind::kSuccess: reply = read_success(read.body, limits); break;
    case messaging::TaskReply::Kind::kPending: reply.kind = core::TaskReply::Kind::kPending; break;
    case messaging::TaskReply::Kind::kFailure:
      reply = read_service_failure(std::move(read.error), limits);
      break;
    case messaging::TaskReply::Kind::kNoResponders:
      reply.kind = core::TaskReply::Kind::kNoResponders;
      break;
    case messaging::TaskReply::Kind::kInvalid: reply = invalid_reply(read.problem); break;
  }
  reply.effect = claim_of(read.effect);
  return reply;
}

core::TaskReply read_completion(std::string_view body, const messaging::Headers& headers,
                                const Limits& limits) {
  core::TaskReply reply = read_success(body, limits);
  reply.effect = claim_in(headers);
  return reply;
}

core::TaskReply read_failure(std::string_view body, const messaging::Headers& headers,
                             const Limits& limits) {
  core::TaskReply reply =
      read_service_failure(messaging::read_service_error(headers, body), limits);
  reply.effect = claim_in(headers);
  return reply;
}

}  // namespace weft::engine
