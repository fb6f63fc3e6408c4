#include "tests/support/story.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "orchestrator/core/event_codec.h"

namespace weft::test {

using core::Direction;

namespace {

std::string task_name(Direction direction, const core::StepPath& path) {
  switch (direction) {
    case Direction::kForward:
      return path.str();
    case Direction::kCompensation:
      return "undo " + path.str();
    case Direction::kProbe:
      return "probe " + path.str();
  }
  return path.str();
}

dsl::Value json(std::string_view text) {
  auto value = dsl::Value::parse(text);
  EXPECT_TRUE(value.has_value()) << text;
  return value ? *value : dsl::Value();
}

}  // namespace

core::TaskReply failure(const std::string& code, std::int64_t service_code,
                        core::EffectClaim effect) {
  core::TaskReply reply;
  reply.kind = core::TaskReply::Kind::kFailure;
  reply.code = code;
  reply.service_code = service_code;
  reply.effect = effect;
  return reply;
}

core::TaskReply success(std::string_view text) {
  core::TaskReply reply;
  reply.body = json(text);
  return reply;
}

core::TaskReply silence(core::TaskReply::Kind kind) {
  core::TaskReply reply;
  reply.kind = kind;
  return reply;
}

Story::Story(std::string_view yaml, std::string_view input) : input_(json(input)) {
  std::vector<dsl::SourceFile> files;
  std::size_t begin = 0;
  while (begin <= yaml.size()) {
    const std::size_t end = std::min(yaml.find("\n---\n", begin), yaml.size());
    files.push_back({"story" + std::to_string(files.size()) + ".yaml",
                     std::string(yaml.substr(begin, end - begin)) + "\n"});
    begin = end + 5;
  }
  const dsl::CompileResult result = dsl::compile(files, {});
  for (const dsl::Diagnostic& d : result.diagnostics) {
    if (d.severity == dsl::Diagnostic::Severity::kError) {
      ADD_FAILURE() << dsl::format_diagnostic(d, files.front().text);
    }
  }
  if (result.workflows.empty()) {
    ADD_FAILURE() << "the story's workflow does not compile";
    graph_ = std::make_shared<dsl::SagaGraph>();
  } else {
    graph_ = result.workflows.front();
  }
}

Story& Story::start(std::string_view key) {
  core::StartRequest request;
  request.input = input_;
  request.header_key = std::string(key);
  request.random_id = "aaaaaaaaaaaaaaaaaaaaaaaaaa";
  auto birth = core::prepare_start(*graph_, request);
  EXPECT_TRUE(birth.has_value()) << (birth ? "" : birth.error().reason);
  if (birth) command(core::StartSaga{*birth, !birth->ordering_key.empty()}, "");
  return *this;
}

Story& Story::command(core::CommandBody body, const std::string& reason) {
  core::Command c;
  c.body = std::move(body);
  c.reason = reason;
  apply(c);
  return *this;
}

void Story::apply(const core::Command& command) {
  core::DecideContext context;
  context.now = now_;
  auto decision = core::decide(*graph_, state_, command, context);
  refused_.reset();
  last_ = {};
  if (!decision) {
    refused_ = decision.error();
    return;
  }
  last_ = *decision;
  for (const core::Event& e : decision->events) events_.push_back(e);
  for (const core::SagaEffect& effect : decision->effects) {
    effects_.push_back(effect);
    if (const auto* task = std::get_if<core::TaskDispatch>(&effect)) {
      tasks_.push_back({*task, task_name(task->direction, task->path)});
    } else if (const auto* settled = std::get_if<core::TaskSettled>(&effect)) {
      std::erase_if(tasks_, [&](const Task& t) {
        return t.dispatch.path == settled->path && t.dispatch.direction == settled->direction &&
               t.dispatch.attempt == settled->attempt && t.dispatch.round == settled->round;
      });
    } else if (const auto* withdraw = std::get_if<core::TaskWithdraw>(&effect)) {
      withdrawn_.insert(withdraw->path.str());
    } else if (const auto* set = std::get_if<core::TimerSet>(&effect)) {
      timers_[set->timer] = set->due;
    } else if (const auto* cancel = std::get_if<core::TimerCancel>(&effect)) {
      auto timer = timers_.find(cancel->timer);
      if (timer != timers_.end() && timer->second == cancel->due) timers_.erase(timer);
    }
  }
  check_folding();
}

/// Replay identity: bytes of the events, folded from the start, give this very state; a snapshot of
/// it reads back the same.
void Story::check_folding() const {
  core::SagaState again;
  for (const core::Event& e : events_) {
    auto decoded = core::decode(core::encode(e));
    ASSERT_TRUE(decoded.has_value()) << core::type_name(e) << ": " << decoded.error();
    core::evolve(again, *decoded);
  }
  const std::string bytes = core::encode_state(state_);
  ASSERT_EQ(core::encode_state(again), bytes) << "folding anew gives another state";
  auto snapshot = core::decode_state(bytes);
  ASSERT_TRUE(snapshot.has_value()) << snapshot.error();
  ASSERT_EQ(core::encode_state(*snapshot), bytes) << "a snapshot does not read back";
}

Story::Task Story::take(const std::string& name) {
  auto found =
      std::find_if(tasks_.begin(), tasks_.end(), [&](const Task& t) { return t.name == name; });
  if (found == tasks_.end()) {
    std::string open;
    for (const Task& t : tasks_) open += " [" + t.name + "]";
    ADD_FAILURE() << "nothing asks for `" << name << "`; open:" << open << "; state " << state();
    return {};
  }
  return *found;
}

Story& Story::fail(const std::string& name, core::TaskReply reply) {
  const Task task = take(name);
  return command(
      core::ReportReply{task.dispatch.path, task.dispatch.direction, task.dispatch.attempt,
                        task.dispatch.round, std::move(reply), false},
      "");
}
Story& Story::reply(const std::string& path, std::string_view text) {
  return fail(path, success(text));
}
Story& Story::refuse(const std::string& path, const std::string& code, std::int64_t service_code) {
  return fail(path, failure(code, service_code));
}
Story& Story::time_out(const std::string& path) { return fail(path, silence()); }
Story& Story::pending(const std::string& path) {
  return fail(path, silence(core::TaskReply::Kind::kPending));
}
Story& Story::not_sent(const std::string& path) {
  return fail(path, silence(core::TaskReply::Kind::kNotSent));
}
Story& Story::late(const std::string& path, std::int64_t attempt, core::TaskReply reply) {
  return command(core::ReportReply{core::StepPath(path), Direction::kForward, attempt, 1,
                                   std::move(reply), false},
                 "");
}
Story& Story::probe(const std::string& path, std::string_view state, std::string_view text) {
  core::TaskReply reply;
  reply.body = dsl::Value::object({{"state", state}, {"reply", json(text)}});
  return fail("probe " + path, std::move(reply));
}
Story& Story::undo(const std::string& path, core::EffectClaim effect) {
  core::TaskReply reply = success();
  reply.effect = effect;
  return fail("undo " + path, std::move(reply));
}
Story& Story::undo_fails(const std::string& path, const std::string& code,
                         std::int64_t service_code) {
  return fail("undo " + path, failure(code, service_code));
}

Story& Story::event(const std::string& name, const std::string& correlation, std::string_view text,
                    const std::string& id) {
  return command(core::DeliverEvent{name, correlation, id, json(text)}, "");
}
Story& Story::signal(const std::string& name, std::string_view text, const std::string& id) {
  return command(core::DeliverSignal{name, id, json(text)}, "");
}

Story& Story::after(std::int64_t ms) {
  const core::Timestamp until{now_.ms + ms};
  for (;;) {
    auto next = std::min_element(timers_.begin(), timers_.end(),
                                 [](const auto& a, const auto& b) { return a.second < b.second; });
    if (next == timers_.end() || next->second > until) break;
    now_ = std::max(now_, next->second);
    const std::string timer = next->first;
    timers_.erase(next);
    command(core::FireTimer{timer}, "");
  }
  now_ = until;
  return *this;
}

std::vector<std::string> Story::asked() const {
  std::vector<std::string> names;
  for (const Task& t : tasks_) names.push_back(t.name);
  return names;
}

std::vector<std::string> Story::told() const {
  std::vector<std::string> types;
  for (const core::Event& e : events_) {
    const std::string path = core::path_of(e).str();
    types.push_back(path.empty() ? core::type_name(e) : core::type_name(e) + (" " + path));
  }
  return types;
}

std::vector<std::string> Story::compensated() const {
  std::vector<std::string> paths;
  for (const core::Event& e : events_) {
    if (const auto* done = std::get_if<core::CompensationSucceeded>(&e.body)) {
      paths.push_back(done->path.str());
    }
  }
  return paths;
}

dsl::Value Story::output(const std::string& path) const {
  const core::Node* n = state_.find(core::StepPath(path));
  return n == nullptr ? dsl::Value("no such step") : n->output;
}

std::string Story::task_input(const std::string& name) const {
  for (const Task& t : tasks_) {
    if (t.name == name) return t.dispatch.input.to_json();
  }
  return "nothing asks for " + name;
}

bool Story::ledger_empty() const {
  for (const core::Node& n : state_.nodes) {
    for (const auto& [resource, items] : n.holdings) {
      if (items.size() > 0) return false;
    }
  }
  return true;
}

}  // namespace weft::test
