#include "tests/orchestrator/engine/engine_world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

namespace weft::test {

using messaging::Message;
using messaging::Received;
using messaging::Subject;

EngineWorld::EngineWorld() {
  config.random_bytes = [this](std::size_t count) {
    std::string out;
    while (out.size() < count) {
      random_ = random_ * 6364136223846793005ULL + 1442695040888963407ULL;
      out += static_cast<char>(random_ >> 56U);
    }
    return out;
  };
  config.on_change = [this](const engine::Change& change) { changes.push_back(change); };
  config.log = [this](engine::LogLevel, std::string_view message, const engine::LogFields&) {
    log.emplace_back(message);
  };
  client_ = network_.connect("client");
  const auto inbox = messaging::any_pattern("_INBOX.client.>");
  (void)client_->subscribe(*inbox, "", [this](Received message) {
    Answer answer;
    answer.came = true;
    if (const auto* code = message.headers.find("Nats-Service-Error-Code")) answer.code = std::stoi(*code);
    if (message.status != 0) answer.code = message.status;
    if (auto body = dsl::Value::parse(message.body)) answer.body = std::move(*body);
    answers_[message.subject] = std::move(answer);
  });
  for (const char* pattern : {"weft.out.>", "weft.changed.>"}) {
    (void)client_->subscribe(*messaging::any_pattern(pattern), "",
                             [this](Received message) { heard_.push_back(message.subject); });
  }
}

EngineWorld::~EngineWorld() {
  if (bus_) bus_->set_state_handler({});
  engine_.reset();
  posted_.clear();
}

void EngineWorld::define(const std::string& path, const std::string& yaml) {
  std::erase_if(files, [&](const dsl::SourceFile& file) { return file.path == path; });
  files.push_back({path, yaml});
}

void EngineWorld::start() {
  auto opened = sim::SimStore::open(disk_, {});
  ASSERT_TRUE(opened) << opened.error().message;
  store_ = std::move(*opened);
  bus_ = network_.connect("weft");
  engine_ = std::make_unique<engine::Engine>(
      config, *store_, *bus_, clock_,
      [this](std::function<void()> work) { posted_.push_back(std::move(work)); });
  const auto recovered = engine_->recover();
  ASSERT_TRUE(recovered) << recovered.error();
  for (const auto& subscription : engine_->subscriptions()) {
    const auto subscribed =
        bus_->subscribe(subscription.pattern, subscription.queue_group, [this](Received message) {
          auto shared = std::make_shared<Received>(std::move(message));
          posted_.push_back([this, shared] { engine_->on_message(std::move(*shared)); });
        });
    ASSERT_TRUE(subscribed);
  }
  bus_->set_state_handler([this](messaging::BusState state) {
    posted_.push_back([this, state] {
      engine_->on_bus_state(state == messaging::BusState::kConnected);
    });
  });
  const auto compiled = engine_->register_definitions(files, attachments);
  for (const auto& diagnostic : compiled.diagnostics) {
    if (diagnostic.severity == dsl::Diagnostic::Severity::kError) {
      ADD_FAILURE() << dsl::format_diagnostic(diagnostic, "");
    }
  }
  engine_->on_bus_state(bus_->connected());
  settle();
}

void EngineWorld::crash(sim::SimStore::Fault in_flight) {
  bus_->set_state_handler({});  // a dead process hears nothing
  store_->crash(in_flight);
  engine_.reset();
  posted_.clear();
  bus_.reset();
  store_.reset();
}

void EngineWorld::deliver_posted() {
  while (!posted_.empty()) {
    auto work = std::move(posted_.front());
    posted_.pop_front();
    work();
  }
}

// One round of the loop; false: it changed nothing.
bool EngineWorld::step() {
  bool changed = !posted_.empty();
  deliver_posted();
  engine_->turn();
  if (sync_automatically && store_->waiting() > 0) {
    store_->sync_group();
    changed = true;
  }
  if (network_.next_due_ms() >= 0 && network_.next_due_ms() <= clock_.steady_ms()) {
    network_.run_until(clock_.steady_ms());
    changed = true;
  }
  return changed || !posted_.empty();
}

void EngineWorld::settle() {
  for (int rounds = 0; rounds < 20'000; ++rounds) {
    const bool changed = step();
    const auto wake = engine_->next_wake_ms();
    if (!changed && !(wake && *wake == 0)) return;
  }
  ADD_FAILURE() << "the engine does not come to rest";
}

void EngineWorld::run_for(std::int64_t ms) {
  const std::int64_t until = clock_.steady_ms() + ms;
  settle();
  while (clock_.steady_ms() < until) {
    std::int64_t next = until;
    if (const auto wake = engine_->next_wake_ms()) {
      next = std::min(next, clock_.steady_ms() + std::max<std::int64_t>(*wake, 1));
    }
    if (network_.next_due_ms() >= 0) {
      next = std::min(next, std::max(network_.next_due_ms(), clock_.steady_ms() + 1));
    }
    clock_.advance(next - clock_.steady_ms());
    network_.run_until(clock_.steady_ms());
    settle();
  }
}

void EngineWorld::adapter(const std::string& name, Handler handler) {
  Stub& stub = stubs_[name];
  stub.handler = std::move(handler);
  stub.bus = network_.connect("adapter-" + name);
  const auto receive = [this, name](bool dry_run) {
    return [this, name, dry_run](Received message) {
      TaskSeen task{std::string(messaging::operation_of(message.subject)), message.body,
                    message.reply, message.headers, dry_run};
      if (task.operation.empty()) task.operation = message.subject;
      order_.push_back(task.operation);
      seen_[name].push_back(task);
      auto to = messaging::reply_subject(message.reply);
      ASSERT_TRUE(to);
      const Stub& asked = stubs_.at(name);
      if (auto answer = asked.handler(task, *to)) {
        (void)asked.bus->publish(std::move(*answer));
        asked.bus->flush();
      }
    };
  };
  (void)stub.bus->subscribe(*messaging::task_pattern(name), "weft", receive(false));
  (void)stub.bus->subscribe(*messaging::dryrun_pattern(name), "weft", receive(true));
}

void EngineWorld::stop_adapter(const std::string& name) { stubs_.erase(name); }

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
  engine::Request request;
  request.actor.name = actor;
  request.actor.role = "operator";
  request.actor.via = "cli";
  request.body = std::move(body);
  std::optional<engine::Response> response;
  engine_->request(std::move(request),
                   [&response](engine::Response answer) { response = std::move(answer); });
  settle();
  EXPECT_TRUE(response.has_value());
  return response.value_or(engine::Response{});
}

EngineWorld::Answer EngineWorld::send(const std::string& subject, const std::string& body,
                                      const std::string& key, const std::string& message_id) {
  // Subjects of tests are written out; the checked way to make one is a reply subject's.
  const std::string inbox = "_INBOX.client." + std::to_string(++questions_);
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
  message.reply = *messaging::reply_subject(inbox);
  if (!key.empty()) message.headers.set_known("Weft-Key", key);
  if (!message_id.empty()) message.headers.set_known("Nats-Msg-Id", message_id);
  (void)client_->publish(std::move(message));
  client_->flush();
  settle();
  return answers_[inbox];
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
