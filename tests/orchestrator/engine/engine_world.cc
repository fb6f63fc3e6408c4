#include "tests/orchestrator/engine/engine_world.h"

#include <gtest/gtest.h>

#include <memory>
#include <utility>

namespace weft::test {

using messaging::Message;
using messaging::Received;
using messaging::Subject;

EngineWorld::EngineWorld() {
  config.on_change = [this](const engine::Change& change) { changes.push_back(change); };
  config.log = [this](engine::LogLevel, std::string_view message, const engine::LogFields&) {
    log.emplace_back(message);
  };
  on_trouble = [](const std::string& what) { ADD_FAILURE() << what; };
  for (const char* pattern : {"weft.out.>", "weft.changed.>"}) {
    (void)client().subscribe(*messaging::any_pattern(pattern), "",
                             [this](Received message) { heard_.push_back(message.subject); });
  }
}

void EngineWorld::start() {
  const auto started = sim::World::start();
  ASSERT_TRUE(started) << started.error();
}

void EngineWorld::adapter(const std::string& name, Handler handler) {
  sim::World::adapter(name, [this, name, handler = std::move(handler)](const TaskSeen& task) {
    order_.push_back(task.operation);
    seen_[name].push_back(task);
    return handler(task, *messaging::reply_subject(task.reply));
  });
}

std::string EngineWorld::calls(const std::string& adapter) const {
  std::string out;
  const auto add = [&out](const std::string& operation) {
    if (!out.empty()) out += ' ';
    out += operation;
  };
  if (adapter.empty()) {
    for (const auto& operation : order_) add(operation);
  } else if (const auto found = seen_.find(adapter); found != seen_.end()) {
    for (const auto& task : found->second) add(task.operation);
  }
  return out;
}

engine::Response EngineWorld::ask(engine::RequestBody body, const std::string& actor) {
  auto response = sim::World::ask(std::move(body), actor);
  EXPECT_TRUE(response.has_value());
  return response.value_or(engine::Response{});
}

EngineWorld::Answer EngineWorld::send(const std::string& subject, const std::string& body,
                                      const std::string& key, const std::string& message_id) {
  // Subjects of tests are written out; the checked way to make one is a reply subject's.
  auto parsed = messaging::parse_intake_subject(subject);
  EXPECT_TRUE(parsed) << subject;
  if (!parsed) return {};
  messaging::SubjectResult to = messaging::start_subject("x");
  switch (parsed->kind) {
    case messaging::IntakeSubject::Kind::kStart: to = messaging::start_subject(parsed->name); break;
    case messaging::IntakeSubject::Kind::kCancel: to = messaging::cancel_subject(parsed->name); break;
    case messaging::IntakeSubject::Kind::kQuery: to = messaging::query_subject(parsed->name); break;
    case messaging::IntakeSubject::Kind::kComplete: to = messaging::complete_subject(parsed->token); break;
    case messaging::IntakeSubject::Kind::kFail: to = messaging::fail_subject(parsed->token); break;
    case messaging::IntakeSubject::Kind::kHeartbeat: to = messaging::heartbeat_subject(parsed->token); break;
    case messaging::IntakeSubject::Kind::kSignal: to = messaging::signal_subject(parsed->saga, parsed->name); break;
    case messaging::IntakeSubject::Kind::kEvent: to = messaging::event_subject(parsed->name); break;
  }
  Message message(*to, body);
  if (!key.empty()) message.headers.set_known("Weft-Key", key);
  if (!message_id.empty()) message.headers.set_known("Nats-Msg-Id", message_id);
  const auto answer = std::make_shared<Answer>();
  call(std::move(message), [answer](sim::WireAnswer came) {
    *answer = {std::move(came.body), came.code, true};
  });
  settle();
  return *answer;
}

dsl::Value EngineWorld::show(const std::string& saga) {
  return ask(engine::ShowSaga{saga, std::nullopt}).body;
}

std::string EngineWorld::history(const std::string& saga) {
  const auto response = ask(engine::ReadEvents{saga, 0, 1000});
  std::string out;
  const auto* items = response.body.find("items");
  if (items == nullptr) return "?";
  for (const auto& item : items->as_array()) {
    if (!out.empty()) out += ' ';
    out += item.string_or("type", "?");
  }
  return out;
}

std::optional<Message> reply_ok(Subject to, const std::string& json) {
  return messaging::success_reply(std::move(to), json);
}

std::optional<Message> reply_error(Subject to, int service_code, const std::string& code,
                                   std::optional<std::int64_t> retry_after_ms) {
  messaging::ServiceError error;
  error.service_code = service_code;
  error.code = code;
  error.message = "scripted";
  error.retry_after_ms = retry_after_ms;
  return messaging::error_reply(std::move(to), error);
}

EngineWorld::Handler always_ok() {
  return [](const TaskSeen&, Subject to) { return reply_ok(std::move(to)); };
}

}  // namespace weft::test
