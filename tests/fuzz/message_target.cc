#include <algorithm>
#include <charconv>
#include <string>

#include "adapters/messaging/contract.h"
#include "adapters/messaging/json_text.h"
#include "adapters/messaging/subjects.h"
#include "orchestrator/engine/token.h"
#include "tests/fuzz/target.h"

// input = subject LF { name ": " value LF } LF body; `Status: 503` is the
// broker's own.
namespace weft::fuzz {
namespace {

// What goes over the wire as one word must be one word.
bool is_one_word(const std::string& text) {
  return !text.empty() && std::none_of(text.begin(), text.end(), [](unsigned char c) {
    return c <= ' ' || c == 0x7f || c == '*' || c == '>';
  });
}

std::uint32_t check_subjects(std::string_view text) {
  using namespace messaging;
  std::uint32_t made = 0;
  const auto check = [&](const SubjectResult& subject) {
    made <<= 1U;
    if (!subject) return;
    made |= 1U;
    require(is_one_word(subject->text()), "a subject is one word, without wildcards");
    require(subject->text().find("..") == std::string::npos, "no token of a subject is empty");
    require(subject->text().size() <= MessageLimits{}.subject_bytes_max, "a subject is bounded");
  };
  check(start_subject(text));
  check(event_subject(text));
  check(signal_subject("01ARZ3NDEKTSV4RRFFQ69G5FAV", text));
  check(signal_subject(text, "paid"));
  check(complete_subject(text));
  check(task_subject(text, "reserve"));
  check(task_subject("shop", text));
  check(custom_subject(text));
  check(out_subject(text));
  check(changed_subject(text, text));
  check(reply_subject(text));
  check(inbox_subject(text, "store", "token"));
  if (const auto intake = parse_intake_subject(text)) {
    made += 4096U * (1 + static_cast<std::uint32_t>(intake->kind));
    require(is_one_word(std::string(text)), "an intake subject is one word");
  }
  static_cast<void>(inbox_token(text));
  static_cast<void>(operation_of(text));
  static_cast<void>(engine::read_token(text));
  return made;
}

}  // namespace

std::uint32_t message_target(std::string_view input) {
  using namespace messaging;
  const std::string subject(take_line(input));
  std::uint32_t kind = check_subjects(subject);
  Received message;
  message.subject = subject;
  for (std::string_view line = take_line(input); !line.empty(); line = take_line(input)) {
    const std::size_t colon = std::min(line.find(": "), line.size());
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = line.substr(std::min(colon + 2, line.size()));
    if (name == "Status") {
      std::from_chars(value.data(), value.data() + value.size(), message.status);
    } else if (const auto added = message.headers.add(name, value); !added) {
      require(!added.error().message.empty(), "a refusal says why");
    }
  }
  require(message.headers.size() <= MessageLimits{}.headers_max, "headers are bounded");
  for (const Header& header : message.headers) {
    require(header.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos,
            "a header is one line");
    require(is_one_word(header.name) || header.name.find_first_of("*>") != std::string::npos,
            "a header's name is one word");
  }
  message.body = input;
  if (const auto task = parse_task_headers(message.headers)) {
    kind = kind * 3 + 1;
    require(is_idempotency_key(task->idempotency_key), "a task has a key");
    const auto built = build_task_headers(*task);
    require(!built || parse_task_headers(*built).has_value(), "task headers can be read back");
  }
  if (const auto event = parse_cloud_event(message.body)) {
    kind = kind * 3 + 2;
    const auto again = parse_cloud_event(cloud_event_json(*event));
    require(again.has_value() && again->id == event->id && again->type == event->type &&
                again->data == event->data,
            "a CloudEvent can be written and read");
  }
  if (parse_pub_ack(message.body)) kind = kind * 3 + 1;
  const ServiceError error = read_service_error(message.headers, message.body);
  require(error.message.size() <= 64 * 1024, "an error's message is bounded");
  require(is_json(error_body(error)), "an error's body is JSON");
  require(!error.retry_after_ms || *error.retry_after_ms >= 0, "nobody retries in the past");
  Problem problem;
  problem.code = "invalid_input";
  problem.detail = message.body;
  problem.near = {subject};
  require(is_json(problem_json(problem)), "a problem is JSON");
  const TaskReply reply = read_task_reply(std::move(message));
  require(reply.kind != TaskReply::Kind::kInvalid || !reply.problem.empty(), "a refusal says why");
  return kind * 31 + static_cast<std::uint32_t>(reply.kind) * 8 +
         static_cast<std::uint32_t>(reply.effect);
}

}  // namespace weft::fuzz
