#include "orchestrator/core/event.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <variant>

namespace weft::core {
namespace {

// In the order of EventBody: the index is the stored type number, the name what people see.
constexpr std::array kTypeNames = {
    "SagaQueued",           "SagaStarted",        "StepScheduled",       "StepPending",
    "StepSucceeded",        "StepFailed",         "StepInDoubt",         "StepSkipped",
    "PivotReached",         "StatusChanged",      "EventReceived",       "TimerFired",
    "CancelRequested",      "CompensationStarted", "CompensationScheduled",
    "CompensationSucceeded", "CompensationFailed", "CompensationSkipped", "LateReplyRecorded",
    "AnomalyRecorded",      "SagaStuck",          "SagaResumed",         "SagaCompleted",
    "SagaCompensated",      "SagaFailed",         "SagaTerminated",      "AttemptFailed",
    "StepWaiting",          "TaskNotSent",        "ScopeSettling",       "RouteChosen",
    "DeadlinePassed",       "ChildEnded",         "WrittenOff",          "SagaMoved",
    "ScopeEnded",           "RouteTaken",         "Emitted"};
static_assert(kTypeNames.size() == std::variant_size_v<EventBody>);

template <class Body>
concept HasPath = requires(const Body& body) { body.path; };
template <class Body>
concept HasScope = requires(const Body& body) { body.scope; };
template <class Body>
concept HasAttempt = requires(const Body& body) { body.attempt; };

}  // namespace

const char* event_type_name(std::size_t index) {
  return index < kTypeNames.size() ? kTypeNames[index] : "Unknown";
}

StepPath path_of(const Event& event) {
  return std::visit(
      [](const auto& body) -> StepPath {
        using Body = std::decay_t<decltype(body)>;
        if constexpr (HasPath<Body>) {
          return body.path;
        } else if constexpr (HasScope<Body>) {
          return body.scope.path;
        } else {
          return StepPath();
        }
      },
      event.body);
}

std::int64_t attempt_of(const Event& event) {
  return std::visit(
      [](const auto& body) -> std::int64_t {
        if constexpr (HasAttempt<std::decay_t<decltype(body)>>) {
          return body.attempt;
        } else {
          return 0;
        }
      },
      event.body);
}

}  // namespace weft::core
