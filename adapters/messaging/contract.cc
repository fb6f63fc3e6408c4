#include "adapters/messaging/contract.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <iterator>

#include "adapters/messaging/json_text.h"

namespace weft::messaging {
namespace {

constexpr std::size_t kIdempotencyKeyLengthMax = 200;  // INTERFACES.md, request headers
constexpr std::size_t kErrorMessageBytesMax = 2000;    // stored in events and shown to people
constexpr std::size_t kErrorDetailsBytesMax = 16 * 1024;

template <typename Integer>
bool read_integer(std::string_view text, Integer& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

// Cuts at a character boundary, so that the result is still UTF-8.
std::string bounded(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return std::string(text);
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return std::string(text.substr(0, end));
}

// A header value made from free text: control characters become blanks.
std::string header_text(std::string_view text) {
  std::string out = bounded(text, 500);
  std::replace_if(
      out.begin(), out.end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  return out;
}

bool is_code(std::string_view text) {
  return !text.empty() && text.size() <= 64 && text[0] >= 'a' && text[0] <= 'z' &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
         });
}

EffectClaim effect_of(const Headers& headers) {
  const std::string_view value = headers.get(header::kEffect);
  if (value == "none") return EffectClaim::kNone;
  if (value == "perhaps") return EffectClaim::kPerhaps;
  if (value == "undone") return EffectClaim::kUndone;
  return EffectClaim::kAbsent;
}

void set_effect(Headers& headers, EffectClaim effect) {
  switch (effect) {
    case EffectClaim::kAbsent:
      break;
    case EffectClaim::kNone:
      headers.set_known(header::kEffect, "none");
      break;
    case EffectClaim::kPerhaps:
      headers.set_known(header::kEffect, "perhaps");
      break;
    case EffectClaim::kUndone:
      headers.set_known(header::kEffect, "undone");
      break;
  }
}

}  // namespace

bool header::is_protocol_name(std::string_view name) {
  Headers one;
  if (!one.add(name, "x")) return false;
  constexpr std::string_view kNames[] = {
      kProtocol,         kSaga,           kWorkflow,     kStep,
      kAttempt,          kIdempotencyKey, kCompensation, kCompensationRound,
      kTimeoutMs,        kDeadline,       kToken,        kTraceparent,
      kTracestate,       kPending,        kEffect,       kKey,
      kServiceErrorCode, kServiceError,   kMessageId,    kContentType};
  return std::any_of(std::begin(kNames), std::end(kNames),
                     [&](std::string_view known) { return one.find(known) != nullptr; });
}

bool header::decides(std::string_view name) {
  Headers one;
  if (!one.add(name, "x")) return false;
  constexpr std::string_view kNames[] = {kKey, kMessageId, kContentType, kPending,
                                         kServiceErrorCode, kEffect, kIdempotencyKey, kCompensation};
  return std::any_of(std::begin(kNames), std::end(kNames),
                     [&](std::string_view known) { return one.find(known) != nullptr; });
}

bool is_idempotency_key(std::string_view text) {
  constexpr std::string_view kSigns = "_/[]~.-";
  return !text.empty() && text.size() <= kIdempotencyKeyLengthMax &&
         std::all_of(text.begin(), text.end(), [&](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                  kSigns.find(c) != std::string_view::npos;
         });
}

tl::expected<Headers, InvalidText> build_task_headers(const TaskHeaders& task) {
  if (!is_idempotency_key(task.idempotency_key)) {
    return tl::unexpected(
        InvalidText{"an idempotency key must be 1 to 200 characters of [a-z0-9_/[]~.-]: " +
                    task.idempotency_key});
  }
  Headers headers;
  tl::expected<void, InvalidText> good;
  const auto put = [&](std::string_view name, std::string_view value) {
    if (good) good = headers.add(name, value);
  };
  const auto put_if = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) put(name, value);
  };
  put(header::kProtocol, std::to_string(kProtocolVersion));
  put_if(header::kSaga, task.saga);
  put_if(header::kWorkflow, task.workflow);
  put_if(header::kStep, task.step);
  put(header::kAttempt, std::to_string(task.attempt));
  put(header::kIdempotencyKey, task.idempotency_key);
  if (task.compensation) put(header::kCompensation, "true");
  if (task.compensation_round > 1) {
    put(header::kCompensationRound, std::to_string(task.compensation_round));
  }
  if (task.timeout_ms) put(header::kTimeoutMs, std::to_string(*task.timeout_ms));
  put_if(header::kDeadline, task.deadline);
  put_if(header::kToken, task.token);
  put_if(header::kTraceparent, task.traceparent);
  put_if(header::kTracestate, task.tracestate);
  if (!good) return tl::unexpected(good.error());
  return headers;
}

tl::expected<TaskHeaders, InvalidText> parse_task_headers(const Headers& headers) {
  TaskHeaders task;
  int protocol = 0;
  const std::string_view version = headers.get(header::kProtocol);
  if (!read_integer(version, protocol) || protocol != kProtocolVersion) {
    return tl::unexpected(
        InvalidText{"Weft-Protocol must be 1; came \"" + std::string(version) + "\""});
  }
  task.idempotency_key = headers.get(header::kIdempotencyKey);
  if (!is_idempotency_key(task.idempotency_key)) {
    return tl::unexpected(InvalidText{
        "Weft-Idempotency-Key is missing or not 1 to 200 characters of [a-z0-9_/[]~.-]"});
  }
  const auto number = [&](std::string_view name, auto& out) {
    const std::string* text = headers.find(name);
    return text == nullptr || (read_integer(*text, out) && out >= 0);
  };
  std::int64_t timeout_ms = -1;
  if (!number(header::kAttempt, task.attempt) ||
      !number(header::kCompensationRound, task.compensation_round) ||
      !number(header::kTimeoutMs, timeout_ms)) {
    return tl::unexpected(InvalidText{
        "Weft-Attempt, Weft-Compensation-Round and Weft-Timeout-Ms must be whole numbers"});
  }
  if (timeout_ms >= 0) task.timeout_ms = timeout_ms;
  task.compensation = headers.get(header::kCompensation) == "true";
  task.saga = headers.get(header::kSaga);
  task.workflow = headers.get(header::kWorkflow);
  task.step = headers.get(header::kStep);
  task.deadline = headers.get(header::kDeadline);
  task.token = headers.get(header::kToken);
  task.traceparent = headers.get(header::kTraceparent);
  task.tracestate = headers.get(header::kTracestate);
  return task;
}

ServiceError read_service_error(const Headers& headers, std::string_view body) {
  ServiceError error;
  int number = 0;
  // No number proves nothing about the effect, which is what 500 means.
  if (read_integer(headers.get(header::kServiceErrorCode), number) && number > 0) {
    error.service_code = number;
  }
  error.message = bounded(headers.get(header::kServiceError), kErrorMessageBytesMax);
  const auto members = object_members(body);
  if (!members) return error;
  for (const auto& [name, value] : *members) {
    if (name == "code") {
      const auto code = string_value(value);
      if (code && is_code(*code)) error.code = *code;
    } else if (name == "message") {
      const auto message = string_value(value);
      if (message) error.message = bounded(*message, kErrorMessageBytesMax);
    } else if (name == "retry_after_ms") {
      const auto wait = integer_value(value);
      if (wait && *wait >= 0) error.retry_after_ms = *wait;
    } else if (name == "details" && value.size() <= kErrorDetailsBytesMax) {
      error.details = value;
    }
  }
  return error;
}

TaskReply read_task_reply(Received message, const MessageLimits& limits) {
  using Kind = TaskReply::Kind;
  TaskReply reply;
  if (message.status == kStatusNoResponders) {
    reply.kind = Kind::kNoResponders;
    return reply;
  }
  if (!message.headers_readable) {
    // Perhaps an error, perhaps not: nothing is proved, as by a 500.
    reply.kind = Kind::kFailure;
    reply.error.message = "the headers of the reply could not be read; is one of them empty?";
    return reply;
  }
  reply.effect = effect_of(message.headers);
  const bool failed = message.headers.find(header::kServiceErrorCode) != nullptr ||
                      message.headers.find(header::kServiceError) != nullptr;
  if (failed) {
    reply.kind = Kind::kFailure;
    // An error stays an error when its body is too large: only the body is dropped.
    const bool readable = message.body.size() <= limits.body_bytes_max;
    reply.error = read_service_error(message.headers, readable ? message.body : std::string_view{});
    return reply;
  }
  if (message.headers.get(header::kPending) == "true") {
    reply.kind = Kind::kPending;
    return reply;
  }
  if (message.body.size() > limits.body_bytes_max) {
    reply.problem = "the reply has " + std::to_string(message.body.size()) + " bytes; at most " +
                    std::to_string(limits.body_bytes_max) + " are allowed";
    return reply;
  }
  if (const auto stream = parse_pub_ack(message.body)) {
    reply.problem = "stream \"" + stream->stream +
                    "\" answered instead of the adapter: it captures task subjects";
    return reply;
  }
  reply.kind = Kind::kSuccess;
  reply.body = message.body.empty() ? std::string("null") : std::move(message.body);
  return reply;
}

std::string error_body(const ServiceError& error) {
  std::string json;
  if (!error.code.empty()) append_member(json, "code", quoted(error.code));
  append_member(json, "message", quoted(error.message));
  if (error.retry_after_ms) {
    append_member(json, "retry_after_ms", std::to_string(*error.retry_after_ms));
  }
  if (!error.details.empty() && is_json(error.details)) {
    append_member(json, "details", error.details);
  }
  return json + '}';
}

Message success_reply(Subject to, std::string body, EffectClaim effect) {
  Message message(std::move(to), std::move(body));
  set_effect(message.headers, effect);
  return message;
}

Message pending_reply(Subject to) {
  Message message(std::move(to), "{}");
  message.headers.set_known(header::kPending, "true");
  return message;
}

Message error_reply(Subject to, const ServiceError& error, EffectClaim effect) {
  Message message(std::move(to), error_body(error));
  message.headers.set_known(header::kServiceErrorCode, std::to_string(error.service_code));
  const std::string_view text =
      error.message.empty() ? std::string_view(error.code) : error.message;
  message.headers.set_known(header::kServiceError, header_text(text.empty() ? "error" : text));
  set_effect(message.headers, effect);
  return message;
}

std::string json_string(std::string_view text) { return quoted(text); }

std::string problem_json(const Problem& problem) {
  std::string json;
  append_member(json, "type",
                quoted(problem.code.empty() ? "about:blank" : "urn:weft:problem:" + problem.code));
  append_member(json, "title", quoted(problem.title));
  append_member(json, "status", std::to_string(problem.status));
  append_member(json, "detail", quoted(problem.detail));
  if (!problem.code.empty()) append_member(json, "code", quoted(problem.code));
  if (problem.retry_after_ms) {
    append_member(json, "retry_after_ms", std::to_string(*problem.retry_after_ms));
  }
  if (!problem.near.empty()) {
    std::string names;
    for (const std::string& name : problem.near)
      names += (names.empty() ? "[" : ",") + quoted(name);
    append_member(json, "near", names + "]");
  }
  for (const auto& [name, value] : problem.members) {
    if (is_json(value)) append_member(json, name, value);
  }
  return json + '}';
}

Message problem_reply(Subject to, const Problem& problem) {
  Message message(std::move(to), problem_json(problem));
  message.headers.set_known(header::kContentType, "application/problem+json");
  message.headers.set_known(header::kServiceErrorCode, std::to_string(problem.status));
  const std::string_view text = problem.title.empty() ? problem.code : problem.title;
  message.headers.set_known(header::kServiceError, header_text(text.empty() ? "error" : text));
  return message;
}

std::optional<PubAck> parse_pub_ack(std::string_view body) {
  constexpr std::size_t kPubAckBytesMax = 1024;  // a stream name has at most 255 characters
  if (body.size() > kPubAckBytesMax || body.find("\"stream\"") == std::string_view::npos) {
    return std::nullopt;
  }
  const auto members = object_members(body);
  if (!members) return std::nullopt;
  PubAck ack;
  bool has_sequence = false;
  for (const auto& [name, value] : *members) {
    if (name == "stream") {
      ack.stream = string_value(value).value_or("");
    } else if (name == "seq") {
      const auto sequence = integer_value(value);
      has_sequence = sequence && *sequence >= 0;
      if (has_sequence) ack.sequence = static_cast<std::uint64_t>(*sequence);
    } else if (name == "duplicate") {
      ack.duplicate = value == "true";
    } else if (name != "domain") {
      return std::nullopt;  // an adapter's own object that happens to have such members
    }
  }
  if (ack.stream.empty() || !has_sequence) return std::nullopt;
  return ack;
}

}  // namespace weft::messaging
