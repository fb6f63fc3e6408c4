#include "adapters/messaging/contract.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "adapters/messaging/subjects.h"

namespace weft::messaging {
namespace {

using Kind = TaskReply::Kind;

const Subject kInbox = *reply_subject("_INBOX.test.1");

Received as_received(Message message) {
  Received received;
  received.subject = message.subject.text();
  received.headers = std::move(message.headers);
  received.body = std::move(message.body);
  return received;
}

Received with_headers(std::initializer_list<std::pair<const char*, const char*>> fields,
                      std::string body = {}) {
  Received received;
  for (const auto& [name, value] : fields) received.headers.set_known(name, value);
  received.body = std::move(body);
  return received;
}

TaskHeaders some_task() {
  TaskHeaders task;
  task.saga = "abcdefghijklmnopqrstuvwx27";
  task.workflow = "retail.order_fulfilment@1.0.0";
  task.step = "allocate[2]/pick";
  task.attempt = 3;
  task.idempotency_key = "abcdefghijklmnopqrstuvwx27/allocate[2]/pick";
  task.compensation = true;
  task.compensation_round = 2;
  task.timeout_ms = 1500;
  task.deadline = "2026-07-01T12:00:00.000Z";
  task.token = "k5sxmnbq2v7jc4hyd3wztagreu";
  task.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  task.tracestate = "a=1";
  return task;
}

TEST(TaskHeadersTest, WhatIsBuiltCanBeRead) {
  const TaskHeaders task = some_task();
  const auto headers = build_task_headers(task);
  ASSERT_TRUE(headers);
  EXPECT_EQ(headers->get("Weft-Protocol"), "1");
  EXPECT_EQ(headers->get("Weft-Compensation"), "true");
  const auto read = parse_task_headers(*headers);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->saga, task.saga);
  EXPECT_EQ(read->workflow, task.workflow);
  EXPECT_EQ(read->step, task.step);
  EXPECT_EQ(read->attempt, 3);
  EXPECT_EQ(read->idempotency_key, task.idempotency_key);
  EXPECT_TRUE(read->compensation);
  EXPECT_EQ(read->compensation_round, 2);
  EXPECT_EQ(read->timeout_ms, 1500);
  EXPECT_EQ(read->deadline, task.deadline);
  EXPECT_EQ(read->token, task.token);
  EXPECT_EQ(read->traceparent, task.traceparent);
}

// An adapter tells a forward call from a compensation by the header's absence.
TEST(TaskHeadersTest, AForwardCallHasNoCompensationHeaders) {
  TaskHeaders task = some_task();
  task.compensation = false;
  task.compensation_round = 1;
  const auto headers = build_task_headers(task);
  EXPECT_EQ(headers->find("Weft-Compensation"), nullptr);
  EXPECT_EQ(headers->find("Weft-Compensation-Round"), nullptr);
}

TEST(TaskHeadersTest, KeysAreCheckedInBothDirections) {
  for (const std::string& key : {std::string(), std::string("Upper"), std::string("a b"),
                                 std::string("a\nb"), std::string(201, 'a')}) {
    TaskHeaders task = some_task();
    task.idempotency_key = key;
    EXPECT_FALSE(build_task_headers(task)) << key;
  }
  EXPECT_TRUE(is_idempotency_key(std::string(200, 'a')));
  EXPECT_TRUE(is_idempotency_key("a-z0~9_./x[12]"));
  Headers headers;
  headers.set_known("Weft-Protocol", "1");
  EXPECT_FALSE(parse_task_headers(headers));
  headers.set_known("Weft-Idempotency-Key", "A");
  EXPECT_FALSE(parse_task_headers(headers));
}

TEST(TaskHeadersTest, AnotherProtocolIsABreakingChange) {
  for (const char* version : {"2", "0", "", "one", "1.0"}) {
    Headers headers;
    headers.set_known("Weft-Protocol", version);
    headers.set_known("Weft-Idempotency-Key", "saga/step");
    EXPECT_FALSE(parse_task_headers(headers)) << version;
  }
}

TEST(TaskHeadersTest, UnknownHeadersAreIgnoredAndBadNumbersAreNot) {
  Headers headers;
  headers.set_known("Weft-Protocol", "1");
  headers.set_known("Weft-Idempotency-Key", "saga/step");
  headers.set_known("Weft-Novelty", "yes");
  EXPECT_TRUE(parse_task_headers(headers));
  headers.set_known("Weft-Timeout-Ms", "-5");
  EXPECT_FALSE(parse_task_headers(headers));
}

TEST(TaskReplyTest, SuccessKeepsItsBytes) {
  const TaskReply reply = read_task_reply(as_received(success_reply(kInbox, "{\"qty\":0.10}")));
  EXPECT_EQ(reply.kind, Kind::kSuccess);
  EXPECT_EQ(reply.body, "{\"qty\":0.10}");
  EXPECT_EQ(reply.effect, EffectClaim::kAbsent);
}

TEST(TaskReplyTest, NoBodyIsNull) { EXPECT_EQ(read_task_reply(Received{}).body, "null"); }

TEST(TaskReplyTest, Pending) {
  EXPECT_EQ(read_task_reply(as_received(pending_reply(kInbox))).kind, Kind::kPending);
}

TEST(TaskReplyTest, TheBrokerSaysThatNobodyListens) {
  Received received;
  received.status = 503;
  EXPECT_EQ(read_task_reply(std::move(received)).kind, Kind::kNoResponders);
}

// A proxy's 503 proves nothing; only the broker's own status does.
TEST(TaskReplyTest, AnErrorOf503IsAFailure) {
  const TaskReply reply = read_task_reply(
      with_headers({{"Nats-Service-Error-Code", "503"}, {"Nats-Service-Error", "busy"}}));
  EXPECT_EQ(reply.kind, Kind::kFailure);
  EXPECT_EQ(reply.error.service_code, 503);
  EXPECT_FALSE(reply.error.retry_after_ms);
}

TEST(TaskReplyTest, AFailureCarriesWhatItsBodySays) {
  ServiceError error;
  error.service_code = 409;
  error.code = "out_of_stock";
  error.message = "only 2 left\nsorry";
  error.retry_after_ms = 250;
  error.details = "{\"left\":2.50}";
  const TaskReply reply =
      read_task_reply(as_received(error_reply(kInbox, error, EffectClaim::kNone)));
  EXPECT_EQ(reply.kind, Kind::kFailure);
  EXPECT_EQ(reply.error.service_code, 409);
  EXPECT_EQ(reply.error.code, "out_of_stock");
  EXPECT_EQ(reply.error.message, "only 2 left\nsorry");
  EXPECT_EQ(reply.error.retry_after_ms, 250);
  EXPECT_EQ(reply.error.details, "{\"left\":2.50}");
  EXPECT_EQ(reply.effect, EffectClaim::kNone);
}

// A NATS micro service sends headers alone, or whatever body it likes.
TEST(TaskReplyTest, AFailureNeedsNoBody) {
  for (const char* body : {"", "no json", "[1]", "{\"code\":7,\"retry_after_ms\":\"soon\"}",
                           "{\"code\":\"Not A Code\",\"retry_after_ms\":-1}"}) {
    const TaskReply reply = read_task_reply(with_headers(
        {{"Nats-Service-Error-Code", "409"}, {"Nats-Service-Error", "too heavy"}}, body));
    EXPECT_EQ(reply.kind, Kind::kFailure) << body;
    EXPECT_EQ(reply.error.code, "") << body;
    EXPECT_EQ(reply.error.message, "too heavy") << body;
    EXPECT_FALSE(reply.error.retry_after_ms) << body;
  }
}

TEST(TaskReplyTest, AnErrorNumberThatIsNoneCountsAsUnknown) {
  for (const char* number : {"abc", "0", "-1", "99999999999999999999"}) {
    EXPECT_EQ(
        read_task_reply(with_headers({{"Nats-Service-Error-Code", number}})).error.service_code,
        500)
        << number;
  }
  EXPECT_EQ(read_task_reply(with_headers({{"Nats-Service-Error", "x"}})).error.service_code, 500);
}

// Read as a success, an error would let a saga go on over nothing.
TEST(TaskReplyTest, UnreadableHeadersProveNothing) {
  Received received;
  received.headers_readable = false;
  const TaskReply reply = read_task_reply(std::move(received));
  EXPECT_EQ(reply.kind, Kind::kFailure);
  EXPECT_EQ(reply.error.service_code, 500);
}

TEST(TaskReplyTest, AnErrorOutranksPendingAndSize) {
  EXPECT_EQ(
      read_task_reply(with_headers({{"Weft-Pending", "true"}, {"Nats-Service-Error", "x"}})).kind,
      Kind::kFailure);
  EXPECT_EQ(
      read_task_reply(with_headers({{"Nats-Service-Error", "x"}}, std::string(1 << 20, 'x'))).kind,
      Kind::kFailure);
}

TEST(TaskReplyTest, TheLimitIsExact) {
  const MessageLimits limits;
  Received at_limit;
  at_limit.body = "\"" + std::string(limits.body_bytes_max - 2, 'x') + "\"";
  EXPECT_EQ(read_task_reply(std::move(at_limit)).kind, Kind::kSuccess);
  Received above;
  above.body = std::string(limits.body_bytes_max + 1, ' ');
  const TaskReply reply = read_task_reply(std::move(above));
  EXPECT_EQ(reply.kind, Kind::kInvalid);
  EXPECT_NE(reply.problem.find("262144"), std::string::npos);
}

// A stream over task subjects answers before any adapter does.
TEST(TaskReplyTest, AStreamsAcknowledgementIsNoAnswer) {
  Received received;
  received.body = R"({"stream":"EVERYTHING","seq":42})";
  const TaskReply reply = read_task_reply(std::move(received));
  EXPECT_EQ(reply.kind, Kind::kInvalid);
  EXPECT_NE(reply.problem.find("EVERYTHING"), std::string::npos);
}

TEST(PubAckTest, OnlyAnAcknowledgementIsOne) {
  EXPECT_EQ(parse_pub_ack(R"({"stream":"S","seq":7})")->sequence, 7U);
  EXPECT_TRUE(parse_pub_ack(R"({"stream":"S","domain":"d","seq":7,"duplicate":true})")->duplicate);
  for (const char* body : {"", "{}", R"({"stream":"S"})", R"({"seq":7})", R"({"stream":7,"seq":7})",
                           R"({"stream":"S","seq":-1})", R"({"stream":"S","seq":7,"qty":3})",
                           R"({"error":{"code":503},"stream":"S","seq":0})",
                           R"([{"stream":"S","seq":1}])", R"({"stream":"S","seq":7)"}) {
    EXPECT_FALSE(parse_pub_ack(body)) << body;
  }
}

TEST(TaskReplyTest, EffectClaims) {
  const auto claim = [](const char* text) {
    return read_task_reply(with_headers({{"Weft-Effect", text}}, "{}")).effect;
  };
  EXPECT_EQ(claim("none"), EffectClaim::kNone);
  EXPECT_EQ(claim("perhaps"), EffectClaim::kPerhaps);
  EXPECT_EQ(claim("undone"), EffectClaim::kUndone);
  EXPECT_EQ(claim("NONE"), EffectClaim::kAbsent);
  EXPECT_EQ(claim("never"), EffectClaim::kAbsent);
}

// Free text of an adapter is bounded, and cut between characters.
TEST(ServiceErrorTest, LongMessagesAreCutAtACharacter) {
  std::string text;
  for (int i = 0; i < 2000; ++i) text += "ü";
  const ServiceError error = read_service_error({}, "{\"message\":" + json_string(text) + "}");
  EXPECT_EQ(error.message.size(), 2000U);
  EXPECT_EQ(static_cast<unsigned char>(error.message.back()) & 0xC0, 0x80);
}

TEST(ProblemTest, IsAProblemDocumentWithMicroHeaders) {
  Problem problem;
  problem.status = 404;
  problem.code = "unknown_workflow";
  problem.title = "Unknown workflow";
  problem.detail = "there is no workflow \"retail.ordr\"";
  problem.near = {"retail.order"};
  problem.retry_after_ms = 100;
  problem.members = {{"first_digest", "\"abc\""}, {"broken", "{"}};
  const Message message = problem_reply(kInbox, problem);
  EXPECT_EQ(message.headers.get("Nats-Service-Error-Code"), "404");
  EXPECT_EQ(message.headers.get("Nats-Service-Error"), "Unknown workflow");
  EXPECT_EQ(
      message.body,
      R"({"type":"urn:weft:problem:unknown_workflow","title":"Unknown workflow","status":404,)"
      R"("detail":"there is no workflow \"retail.ordr\"","code":"unknown_workflow",)"
      R"("retry_after_ms":100,"near":["retail.order"],"first_digest":"abc"})");
}

TEST(JsonStringTest, EscapesAndRepairs) {
  EXPECT_EQ(json_string("a\"b\\\n"), R"("a\"b\\\n")");
  EXPECT_EQ(json_string("\xff"), "\"\xEF\xBF\xBD\"");
}

}  // namespace
}  // namespace weft::messaging
