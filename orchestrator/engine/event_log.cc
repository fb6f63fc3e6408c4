#include "orchestrator/engine/event_log.h"

#include <string>
#include <utility>
#include <vector>

#include "orchestrator/core/decider.h"
#include "orchestrator/engine/trace_context.h"

namespace weft::engine {
namespace {

template <class... Bodies>
bool is_one_of(const core::Event& event) {
  return (std::holds_alternative<Bodies>(event.body) || ...);
}

LogLevel level_of(const core::Event& event) {
  if (is_one_of<core::SagaStuck, core::AnomalyRecorded, core::StepInDoubt, core::DeadlinePassed,
                core::SagaTerminated, core::WrittenOff>(event)) {
    return LogLevel::kWarning;
  }
  if (is_one_of<core::SagaFailed, core::SagaCompensated, core::SagaResumed, core::SagaMoved,
                core::StepSkipped, core::CompensationSkipped, core::CancelRequested>(event)) {
    // A step that its `when` skips is the course of things.
    const bool course = is_one_of<core::StepSkipped>(event) && event.actor.via == "engine";
    return course ? LogLevel::kDebug : LogLevel::kInfo;
  }
  return LogLevel::kDebug;
}

struct Line {
  LogLevel level = LogLevel::kDebug;
  std::string message;
  LogFields fields;
};

std::string span_of(const core::SagaState& state, const core::Event& event,
                    const dsl::Value& data) {
  TaskKey attempt;
  attempt.saga = state.birth.saga;
  attempt.path = core::path_of(event);
  attempt.attempt = core::attempt_of(event);
  attempt.round = data.integer_or("round", 1);
  if (attempt.attempt <= 0) return {};
  if (std::string(core::type_name(event)).starts_with("Compensation")) {
    attempt.direction = core::Direction::kCompensation;
  }
  return span_id_of(attempt_trace(state.birth.traceparent, attempt).parent);
}

Line line_of(const core::SagaState& state, const core::Event& event, std::uint64_t revision,
             LogLevel level) {
  const dsl::Value json = core::event_json(state, event, revision);
  const auto text = [](const dsl::Value* value) {
    return value != nullptr && value->is_string() ? value->as_string() : std::string();
  };
  const dsl::Value* data = json.find("data");
  const dsl::Value* error = data == nullptr ? nullptr : data->find("error");
  const dsl::Value none;
  if (data == nullptr) data = &none;
  if (error == nullptr) error = data;
  Line line;
  line.level = level;
  line.message = core::type_name(event);
  for (const std::string& more : {text(json.find("reason")), text(error->find("message"))}) {
    if (!more.empty()) line.message += ": " + more;
  }
  const std::int64_t attempt = core::attempt_of(event);
  const std::string& who = event.actor.name;
  line.fields = {{"saga", state.birth.saga.str()},
                 {"workflow", state.birth.workflow},
                 {"key", text(json.find("key"))},
                 {"step", text(json.find("path"))},
                 {"attempt", attempt > 0 ? std::to_string(attempt) : std::string()},
                 {"adapter", text(error->find("adapter"))},
                 {"code", text(error->find("code"))},
                 {"actor", who.empty() ? event.actor.via : who + " (" + event.actor.via + ")"},
                 {"trace_id", text(json.find("trace_id"))},
                 {"span_id", span_of(state, event, *data)}};
  return line;
}

}  // namespace

void log_events(Context& context, const core::SagaState& state, const core::Decided& decided,
                std::uint64_t first) {
  if (!context.config.log) return;
  std::vector<Line> lines;
  for (std::size_t i = 0; i < decided.events.size(); ++i) {
    const core::Event& event = decided.events[i];
    const LogLevel level = level_of(event);
    if (level == LogLevel::kDebug && !context.config.log_debug) continue;
    lines.push_back(line_of(state, event, first + i, level));
  }
  if (lines.empty()) return;
  context.commits.after_durable([&context, lines = std::move(lines)] {
    for (const Line& line : lines) context.log(line.level, line.message, line.fields);
  });
}

}  // namespace weft::engine
